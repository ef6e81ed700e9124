"""`validator sweep`: every stored credential, within what each registry bears."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from validator.cli.base.options import AllowPrivate, CaFile, Leave, PlainHttp, RealmHost, ReportFormat, ReportFormatOption, read_settings
from validator.cli.base.running import guarded, leave, long_run, run, say

if TYPE_CHECKING:
    from validator.credential import Host
    from validator.sweep import Report


PATIENCE_S: Final = 30.0
"""So long a mail server that takes nothing is waited for; what is left then waits for the next sweep."""


def sweep(
    user: Annotated[str | None, typer.Option("--user", help="Only this user's; else all.", metavar="NAME")] = None,
    registry: Annotated[str | None, typer.Option("--registry", help="Only this registry's.", metavar="HOST")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; say what it would take.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Leave confirmations and a spent budget to the next sweep.")] = False,
    fail_: Annotated[bool, typer.Option("--fail", help="Exit 1 if anything reported is dead or impaired.")] = False,
    release: Annotated[
        str | None, typer.Option("--release", help="Ask the suspects of HOST's quarantine anew, and believe them.", metavar="HOST")
    ] = None,
    format_: ReportFormatOption = ReportFormat.TEXT,
    output: Annotated[Path | None, typer.Option("--output", help="Write the result there.", metavar="FILE")] = None,
    plain_http: PlainHttp = None,
    allow_private: AllowPrivate = None,
    realm_host: RealmHost = None,
    ca_file: CaFile = None,
) -> None:
    """Ask about every stored credential and write each one's status down; tell users of what changed."""
    from validator.cli.base.written import may_write

    allowed = Leave(plain_http or (), allow_private or (), realm_host or (), ca_file or ())
    guarded(lambda: may_write(output))
    only, let_go = guarded(lambda: (_host(registry, "--registry"), _host(release, "--release")))
    if dry_run:
        leave(run(lambda: _plan(user, let_go or only, allowed, format_, output)))
    long_run()
    leave(run(lambda: _sweep(user, only, let_go, allowed, wait=not no_wait, fail=fail_, format_=format_, output=output)))


async def _sweep(
    user: str | None, only: Host | None, let_go: Host | None, allowed: Leave, *, wait: bool, fail: bool, format_: ReportFormat, output: Path | None
) -> int:  # fmt: skip
    import uuid

    from validator.app import open_app, open_teller
    from validator.cli.base.watching import watched
    from validator.cli.base.written import write_report
    from validator.errors import UsageError
    from validator.sweep import Sweep

    if let_go is not None and (only not in (None, let_go) or user is not None):
        raise UsageError("--release is about the whole of one registry; leave --registry and --user out.")
    settings = read_settings(allowed, await _hosts(user, let_go or only, allowed))
    async with open_app(settings) as app:
        name = f"{app.probe.now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        teller = await open_teller(app, say, patience_s=PATIENCE_S if wait else 0)
        job = Sweep(app.probe, app.opened.ledger, app.opened.store, teller, name)
        report = await watched(job, app.probe.monotonic, user=user, registry=let_go or only, wait=wait, release=let_go is not None)
        await write_report(app, report, format_, output)
    return _code(report, fail=fail)


async def _plan(user: str | None, only: Host | None, allowed: Leave, format_: ReportFormat, output: Path | None) -> int:
    """What it would take; nothing is sent, nothing written."""
    from validator.app import open_app
    from validator.cli.base.written import write_text
    from validator.errors import UsageError
    from validator.ledger.sweeps import Filters
    from validator.sweep.planning import expected

    if format_ not in (ReportFormat.TEXT, ReportFormat.JSON):
        raise UsageError("--dry-run finds nothing yet; write --format text or json.")
    async with open_app(read_settings(allowed, await _hosts(user, only, allowed))) as app:
        found = await expected(app.probe, app.opened.store, Filters(user, only))
    plans = [{"registry": e.registry, "credentials": e.credentials, "requests": e.requests, "seconds": e.seconds} for e in found]
    write_text(json.dumps({"registries": plans}) if format_ is ReportFormat.JSON else _plan_text(plans), output)
    return 0


async def _hosts(user: str | None, only: Host | None, allowed: Leave) -> tuple[str, ...]:
    """The registries that this command asks, where an option is for all of them."""
    if only is not None:
        return (only,)
    if not allowed.realm_host and not any("=" not in text for text in allowed.ca_file):
        return ()
    from contextlib import aclosing

    from validator.app import open_store

    async with open_store(read_settings()) as opened, aclosing(opened.store.outlines(user)) as stored:  # type: ignore[type-var]
        return tuple(dict.fromkeys([one.scope.host async for one in stored]))


def _host(text: str | None, option: str) -> Host | None:
    from validator.credential import UnreadableRegistry, canonical_host
    from validator.errors import UsageError

    if text is not None and "/" in text:
        raise UsageError(f"{option} wants a host, or host:port; leave https:// and the path out.")
    try:
        return canonical_host(text) if text is not None else None
    except UnreadableRegistry as error:
        raise UsageError(f"{option} wants a host, or host:port ({error}).") from None


def _plan_text(plans: list[dict[str, Any]]) -> str:
    lines = [f"{p['registry']}: {p['credentials']} credentials, {p['requests']} requests, {p['seconds']} s" for p in plans]
    return "\n".join(lines or ["nothing is stored"])


def _code(report: Report, *, fail: bool) -> int:
    from validator.errors import Exit

    if fail and report.bad:
        return int(Exit.BAD)
    return int(Exit.CANNOT_TELL if report.left_over or report.stopped else Exit.GOOD)
