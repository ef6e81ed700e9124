"""`validator sweep`: every stored credential, within what each registry bears; and `validator status`: what is known."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validator.cli.base.options import AllowPrivate, CaFile, Format, FormatOption, Leave, PlainHttp, RealmHost, read_settings
from validator.cli.base.running import guarded, leave, put, run, say

if TYPE_CHECKING:
    from validator.sweep import LaneReport, Report, Sweep


def sweep(
    user: Annotated[str | None, typer.Option("--user", help="Only this user's; else all.", metavar="NAME")] = None,
    registry: Annotated[str | None, typer.Option("--registry", help="Only this registry's.", metavar="HOST")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; say what it would take.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Leave confirmations and a spent budget to the next sweep.")] = False,
    fail_: Annotated[bool, typer.Option("--fail", help="Exit 1 if anything reported is dead or impaired.")] = False,
    format_: FormatOption = Format.TEXT,
    output: Annotated[Path | None, typer.Option("--output", help="Write the result there.", metavar="FILE")] = None,
    plain_http: PlainHttp = None,
    allow_private: AllowPrivate = None,
    realm_host: RealmHost = None,
    ca_file: CaFile = None,
) -> None:
    """Ask about every stored credential and write each one's status down; tell users of what changed."""
    allowed = Leave(plain_http or (), allow_private or (), realm_host or (), ca_file or ())
    guarded(lambda: _may_write(output))
    text, code = run(lambda: _sweep(user, registry, allowed, dry_run=dry_run, wait=not no_wait, fail=fail_, format_=format_))
    if output is None:
        put(text)
    else:
        guarded(lambda: _write(output, text))
    leave(code)


def _may_write(output: Path | None) -> None:
    """Before anything is asked: a night's work is not to end at a folder that does not exist."""
    import os

    from validator.errors import UsageError

    if output is not None and (output.is_dir() or not os.access(output if output.exists() else output.absolute().parent, os.W_OK)):
        raise UsageError(f"--output {output} cannot be written; name a file in a folder that can be.")


def _write(output: Path, text: str) -> None:
    """The whole result or none: a reader never sees half of it."""
    import os

    from validator.errors import StoreLost

    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreLost(f"--output {output} could not be written: {error.strerror}; the statuses are kept, see `validator status`.") from None


async def _sweep(
    user: str | None, registry: str | None, allowed: Leave, *, dry_run: bool, wait: bool, fail: bool, format_: Format
) -> tuple[str, int]:  # fmt: skip
    import uuid
    from random import Random

    from validator.app import open_app, open_teller
    from validator.sweep import Sweep, report_json

    only = _host(registry)
    settings = read_settings(allowed, await _hosts(user, only, allowed))
    async with open_app(settings) as app:
        name = f"{app.probe.now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        teller = await open_teller(app, say)
        job = Sweep(app.probe, app.opened.ledger, app.opened.store, teller, Random(name), name)  # noqa: S311  an order, no secret
        if dry_run:
            plans = [
                {"registry": e.registry, "credentials": e.credentials, "requests": e.requests, "seconds": e.seconds}
                for e in await job.expected(user=user, registry=only)
            ]
            return json.dumps({"registries": plans}) if format_ is Format.JSON else _plan_text(plans), 0
        report = await _watched(job, user, only, wait=wait)
    shown = report_json(report)
    for left in shown["left_over"]:
        if left["reason"] == "unreadable":
            say(f"validator: the stored credential {left['name']} of {left['user']} cannot be decrypted; is this the master key it was sealed under?")
    return json.dumps(shown) if format_ is Format.JSON else report_text(shown), _code(report, fail=fail)


async def _hosts(user: str | None, only: Any, allowed: Leave) -> tuple[str, ...]:
    """The registries that this command asks, where an option is for all of them."""
    if only is not None:
        return (only,)
    if not allowed.realm_host and not any("=" not in text for text in allowed.ca_file):
        return ()
    from contextlib import aclosing

    from validator.app import open_store

    async with open_store(read_settings()) as opened, aclosing(opened.store.credentials(user)) as stored:  # type: ignore[type-var]
        return tuple(dict.fromkeys([one.scope.host async for one in stored]))


async def _watched(job: Sweep, user: str | None, only: Any, *, wait: bool) -> Report:
    """Run it with a bar a lane on a terminal, a line a lane elsewhere; SIGTERM and SIGINT end it with what is done."""
    import asyncio

    from rich.console import Console
    from rich.progress import Progress

    loop = asyncio.get_running_loop()
    console = Console(stderr=True)
    signals = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    for one in signals:
        loop.add_signal_handler(one, job.stop)
    try:
        with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
            bars: dict[str, Any] = {}
            waits: dict[str, str] = {}

            def told(lane: LaneReport) -> None:
                host = str(lane.registry)
                until = f" waits until {lane.waiting_until:%H:%M:%S} UTC" if lane.waiting_until is not None else ""
                if console.is_terminal:
                    bars.setdefault(host, None)
                    if bars[host] is None:
                        bars[host] = progress.add_task(host, total=lane.credentials)
                    progress.update(bars[host], completed=lane.done, description=f"{host}{until}")
                elif until and waits.get(host) != until:
                    say(f"{host}:{until} ({lane.done} of {lane.credentials} done)")
                elif lane.finished:
                    say(f"{host}: {lane.done} of {lane.credentials} done")
                waits[host] = until

            job.told = told
            return await job.run(user=user, registry=only, wait=wait)
    finally:
        for one in signals:
            loop.remove_signal_handler(one)


def _host(text: str | None) -> Any:
    from validator.credential import UnreadableRegistry, canonical_host
    from validator.errors import UsageError

    try:
        return canonical_host(text) if text is not None else None
    except UnreadableRegistry as error:
        raise UsageError(f"--registry wants a host, or host:port ({error}).") from None


def _plan_text(plans: list[dict[str, Any]]) -> str:
    lines = [f"{p['registry']}: {p['credentials']} credentials, {p['requests']} requests, {p['seconds']} s" for p in plans]
    return "\n".join(lines or ["nothing is stored"])


def report_text(shown: dict[str, Any]) -> str:
    """The same for people: a table, then what was left over."""
    from validator.cli.base.rows import columns
    from validator.protocol.base import shown_text

    head = ["user", "name", "registry", "verdict", "state", "transition"]
    body = [
        [
            shown_text(row["user"]), shown_text(row["name"]), row["registry"], f"{row['verdict']} ({row['reason']})" if row["verdict"] else "-",
            row["state"], row["transition"],
        ]
        for row in shown["credentials"]
    ]  # fmt: skip
    lines = [columns([head, *body])]
    for lane in shown["registries"]:
        told = ", QUARANTINED" if lane["quarantined"] else ""
        counts = f"{lane['credentials']} credentials, {lane['requests']} requests, {lane['refused_logins']} refused logins"
        lines.append(f"{lane['registry']}: {counts}{told}")
    lines += [f"left over: {shown_text(left['user'])} {shown_text(left['name'])} ({left['reason']})" for left in shown["left_over"]]
    lines.append(f"notices: {shown['notices']['sent']}")
    return "\n".join(lines)


def _code(report: Report, *, fail: bool) -> int:
    from validator.errors import Exit
    from validator.status import State

    if fail and any(row.standing.state in (State.DEAD, State.IMPAIRED) for row in report.rows):
        return int(Exit.BAD)
    return int(Exit.CANNOT_TELL if report.left_over or report.stopped else Exit.GOOD)


def status(
    user: Annotated[str | None, typer.Option("--user", help="Only this user's; else all.", metavar="NAME")] = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show what was last confirmed of every stored credential."""

    async def main() -> list[dict[str, Any]]:
        from validator.app import open_store
        from validator.cli.base.rows import status_rows

        async with open_store(read_settings()) as opened:
            return await status_rows(opened, user)

    rows = run(main)
    if format_ is Format.JSON:
        put(json.dumps({"credentials": rows}))
    else:
        from validator.cli.base.rows import rows_text

        put(rows_text(rows))
