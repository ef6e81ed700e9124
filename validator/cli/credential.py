"""`validator credential`: keep registry credentials, checked before they are stored; never shows a secret.

The grammar is that of `osmo credential set`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validator.cli.base.options import AllowPrivate, CaFile, Format, FormatOption, Leave, PlainHttp, RealmHost, read_settings, this_user
from validator.cli.base.running import Command, fail, leave, put, run, say

if TYPE_CHECKING:
    from datetime import datetime

    from validator.app import Opened
    from validator.cli.base.payload import Entry
    from validator.credential import Credential
    from validator.ledger.statuses import StatusRow
    from validator.probe import Probed
    from validator.stores.base import Place

credential = typer.Typer(no_args_is_help=True, help="Keep registry credentials: set, list, show, delete, import.", rich_markup_mode=None)

User = Annotated[str | None, typer.Option("--user", help="Whose credential; else VALIDATOR_USER, else the login name.", metavar="NAME")]
NoCheck = Annotated[bool, typer.Option("--no-check", help="Store without asking the registry.")]


@credential.command("set", cls=Command)
def set_(
    name: Annotated[str, typer.Argument(help="The credential's name.", metavar="NAME")],
    words: Annotated[list[str] | None, typer.Argument(help="More of the payload.", metavar="[KEY=VALUE]...")] = None,
    type_: Annotated[str, typer.Option("--type", help="REGISTRY is the only type.")] = "REGISTRY",
    payload: Annotated[
        list[str] | None, typer.Option("--payload", help="registry=R username=U auth=S; auth=- reads stdin, auth=@FILE a file.", metavar="KEY=VALUE")
    ] = None,
    user: User = None,
    no_check: NoCheck = False,
    force: Annotated[bool, typer.Option("--force", help="Store it though the registry refused it, or white space stands around the secret.")] = False,
    proof: Annotated[str | None, typer.Option("--proof", help="An image that this credential may pull, to prove it by.", metavar="IMAGE")] = None,
    format_: FormatOption = Format.TEXT,
    plain_http: PlainHttp = None,
    allow_private: AllowPrivate = None,
    realm_host: RealmHost = None,
    ca_file: CaFile = None,
) -> None:
    """Check one credential at its registry, and store it if it works or cannot be judged."""
    allowed = Leave(plain_http or (), allow_private or (), realm_host or (), ca_file or ())

    async def main() -> tuple[dict[str, Any], int]:
        from validator.cli.base.payload import entry_of, read_payload

        pairs, typed = read_payload([*(payload or ()), *(words or ())], type_)
        entry = entry_of(name, this_user(user), pairs, force=force)
        if typed:
            say("validator: a secret on the command line is seen by every user of this machine; use auth=- (standard input) or auth=@FILE.")
        return await _set(entry, allowed, check=not no_check, force=force, proof=proof)

    shown, code = run(main)
    put(json.dumps(shown) if format_ is Format.JSON else _set_text(shown))
    leave(code)


async def _set(entry: Entry, allowed: Leave, *, check: bool, force: bool, proof: str | None) -> tuple[dict[str, Any], int]:
    from validator.app import open_app
    from validator.cli.base.payload import proof_reference
    from validator.cli.base.show import check_json, exit_of, unchecked_json
    from validator.errors import Exit
    from validator.probe import Inquiry
    from validator.verdict import Outcome, Reason

    held = entry.credential
    settings = read_settings(allowed, (held.scope.host,))
    image = proof_reference(held, proof)
    shown: dict[str, Any] = {"name": held.name, "user": held.user, "stored": False}
    async with open_app(settings) as app:
        store = app.opened.writable()
        if not check:
            await store.put(held, proof=proof)
            return {**shown, "stored": True, **unchecked_json(held)}, int(Exit.GOOD)
        probed = await app.probe.ask(Inquiry(host=held.scope.host, credential=held, image=image, proof=image is not None))
        verdict = probed.verdict
        bad = verdict.outcome in (Outcome.INVALID, Outcome.INSUFFICIENT, Outcome.MISCONFIGURED)
        hopeless = verdict.reason in (Reason.EMPTY_SECRET, Reason.BAD_REGISTRY_NAME)
        stored = not bad or (force and not hopeless)
        if stored:
            kept = await store.put(held, proof=proof)
            await app.opened.ledger.statuses.put(_first_status(kept, probed, app.probe.now()))
        shown |= {"stored": stored, **check_json(probed, str(held.scope), app.probe.now(), proof if image is not None else None)}
    return shown, int(Exit.GOOD if stored else exit_of(verdict.outcome))


def _first_status(kept: Credential, probed: Probed, at: datetime) -> StatusRow:
    """The verdict of this check is the stored row's first status."""
    from validator.ledger.statuses import StatusKey, row_of
    from validator.sealing import Fingerprint
    from validator.status import advance

    key = StatusKey(kept.user, kept.scope, Fingerprint(str(probed.fingerprint)), kept.row)
    step = advance(
        None, probed.verdict, at=at, confirm_after_s=probed.provider.pace.confirm_after_s, healthy=False,
        sent=any(exchange.authorized for exchange in probed.evidence.exchanges),
    )  # fmt: skip
    return row_of(key, kept.name, step.standing)


def _set_text(shown: dict[str, Any]) -> str:
    from validator.cli.base.show import check_text

    if shown["verdict"] is None:
        return f"{shown['name']}: stored unchecked"
    words = check_text(shown, explain=False)
    if not shown["stored"]:
        return f"{words}\n{shown['name']}: NOT stored; --force stores it all the same"
    doubts = {"valid": "", "unknown": ", though it could not be judged", "unprovable": ", though it could not be proven"}
    return f"{words}\n{shown['name']}: stored{doubts.get(shown['verdict'], ', by --force')}"


@credential.command("list", cls=Command)
def list_(user: User = None, format_: FormatOption = Format.TEXT) -> None:
    """List a user's credentials with their last confirmed status."""

    async def main() -> list[dict[str, Any]]:
        async with _opened() as opened:
            return await _rows(opened, this_user(user))

    rows = run(main)
    put(json.dumps({"credentials": rows}) if format_ is Format.JSON else _table(rows))


@credential.command("show", cls=Command)
def show(name: Annotated[str, typer.Argument(metavar="NAME")], user: User = None, format_: FormatOption = Format.TEXT) -> None:
    """Show one credential, without its secret."""

    async def main() -> dict[str, Any]:
        from validator.errors import UsageError

        async with _opened() as opened:
            owner = this_user(user)
            found = [row for row in await _rows(opened, owner) if row["name"] == name]
            if not found:
                raise UsageError(f"{owner} has no credential of that name; `validator credential list` shows the names.")
            return found[0]

    row = run(main)
    put(json.dumps(row) if format_ is Format.JSON else _told(row))


@credential.command("delete", cls=Command)
def delete(name: Annotated[str, typer.Argument(metavar="NAME")], user: User = None, format_: FormatOption = Format.TEXT) -> None:
    """Delete one credential and its status."""

    async def main() -> dict[str, Any]:
        from validator.errors import UsageError

        async with _opened() as opened:
            owner, store = this_user(user), opened.writable()
            found = await store.get(owner, name)
            if found is None or not await store.delete(owner, name):
                raise UsageError(f"{owner} has no credential of that name; `validator credential list` shows the names.")
            await opened.ledger.statuses.forget(owner, found.scope)
            return {"user": owner, "name": name, "deleted": True}

    done = run(main)
    put(json.dumps(done) if format_ is Format.JSON else f"{name}: deleted")


@credential.command("import", cls=Command)
def import_(
    file: Annotated[str, typer.Argument(help="JSON lines, or - for standard input.", metavar="FILE")],
    no_check: NoCheck = False,
    format_: FormatOption = Format.TEXT,
    plain_http: PlainHttp = None,
    allow_private: AllowPrivate = None,
    realm_host: RealmHost = None,
    ca_file: CaFile = None,
) -> None:
    """Store many: one JSON object a line with user, name, registry, username and auth; all of them or none."""
    allowed = Leave(plain_http or (), allow_private or (), realm_host or (), ca_file or ())

    async def main() -> tuple[dict[str, Any], int]:
        from validator.cli.base.payload import read_lines

        entries = read_lines(Path(file) if file != "-" else None)
        return await _import(entries, allowed, check=not no_check)

    shown, code = run(main)
    if format_ is Format.JSON:
        put(json.dumps(shown))
    else:
        refused = [f"line {bad['line']}: {bad['verdict']} ({bad['reason']})" for bad in shown["refused"]]
        put("\n".join([f"{shown['stored']} stored", *refused]) if shown["stored"] else "\n".join(["nothing stored", *refused]))
    leave(code)


async def _import(entries: list[Entry], allowed: Leave, *, check: bool) -> tuple[dict[str, Any], int]:
    from validator.app import open_app
    from validator.credential import Credential
    from validator.errors import Exit
    from validator.probe import Inquiry
    from validator.verdict import Outcome

    settings = read_settings(allowed, tuple(dict.fromkeys(entry.credential.scope.host for entry in entries)))
    refused: list[dict[str, Any]] = []
    heard: dict[Place, tuple[Probed, datetime]] = {}
    async with open_app(settings) as app:
        store = app.opened.writable()
        for entry in entries if check else ():
            probed = await app.probe.ask(Inquiry(host=entry.credential.scope.host, credential=entry.credential))
            verdict, heard[entry.credential.user, entry.credential.name] = probed.verdict, (probed, app.probe.now())
            if verdict.outcome in (Outcome.INVALID, Outcome.INSUFFICIENT, Outcome.MISCONFIGURED):
                refused.append({"line": entry.line, "verdict": verdict.outcome.value, "reason": verdict.reason.value})
        if not refused:
            await store.put_many([(entry.credential, None) for entry in entries])
            kept = [(one, *heard[one.user, one.name]) for one in await store.some([*heard]) if isinstance(one, Credential)]
            mark = app.probe.fingerprinter.of
            same = [one for one in kept if mark(one[0].scope.host, one[0].username, one[0].secret) == one[1].fingerprint]  # else set anew meanwhile
            await app.opened.ledger.statuses.put(*(_first_status(*one) for one in same))
    return {"stored": 0 if refused else len(entries), "refused": refused}, int(Exit.BAD if refused else Exit.GOOD)


def _told(row: dict[str, Any]) -> str:
    from validator.protocol.base import clean_text

    attempt = row["last_attempt"]
    said = f"{attempt['verdict']} ({attempt['reason']}) at {attempt['at']}" if attempt is not None else None
    return "\n".join(f"{key}: {'-' if value is None else clean_text(str(value))}" for key, value in {**row, "last_attempt": said}.items())


def _opened() -> Any:
    from validator.app import open_store

    return open_store(read_settings())


async def _rows(opened: Opened, user: str | None) -> list[dict[str, Any]]:
    from validator.cli.base.rows import status_rows

    return await status_rows(opened, user)


def _table(rows: list[dict[str, Any]]) -> str:
    from validator.cli.base.rows import rows_text

    return rows_text(rows)


__all__ = ["credential", "fail"]
