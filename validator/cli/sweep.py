"""`validator sweep`: every stored credential, within what each registry bears; and `validator status`: what is known."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validator.cli.base.options import AllowPrivate, CaFile, Format, FormatOption, Leave, PlainHttp, RealmHost, read_settings
from validator.cli.base.running import leave, put, run, say

if TYPE_CHECKING:
    from validator.sweep import LaneReport, Report


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
    text, code = run(lambda: _sweep(user, registry, allowed, dry_run=dry_run, wait=not no_wait, fail=fail_, format_=format_))
    if output is None:
        put(text)
    else:
        _written(output, text)
    leave(code)


def _written(output: Path, text: str) -> None:
    from validator.cli.base.running import fail
    from validator.errors import UsageError

    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        fail(UsageError(f"--output {output} cannot be written: {error.strerror}."))


async def _sweep(
    user: str | None, registry: str | None, allowed: Leave, *, dry_run: bool, wait: bool, fail: bool, format_: Format
) -> tuple[str, int]:  # fmt: skip
    from random import Random

    from validator.app import open_app
    from validator.notifiers.log import LogNotifier
    from validator.sweep import Sweep

    only = _host(registry)
    settings = read_settings(allowed, (only,) if only is not None else ())
    async with open_app(settings) as app:
        name = f"{app.probe.now():%Y%m%dT%H%M%SZ}"
        job = Sweep(app.probe, app.opened.ledger, app.opened.store, LogNotifier(say), Random(name), name)  # noqa: S311  an order, no secret
        if dry_run:
            expected = await job.expected(user=user, registry=only)
            plans = [{"registry": e.registry, "credentials": e.credentials, "requests": e.requests, "seconds": e.seconds} for e in expected]
            lines = [f"{p['registry']}: {p['credentials']} credentials, {p['requests']} requests, {p['seconds']} s" for p in plans]
            return json.dumps({"registries": plans}) if format_ is Format.JSON else "\n".join(lines or ["nothing is stored"]), 0
        report = await _watched(job, user, only, wait=wait)
    shown = report_json(report)
    return json.dumps(shown) if format_ is Format.JSON else report_text(shown), _code(report, fail=fail)


async def _watched(job: Any, user: str | None, only: Any, *, wait: bool) -> Report:
    """Run it with a bar a lane on a terminal; SIGTERM and SIGINT end it with what is done."""
    import asyncio

    from rich.console import Console
    from rich.progress import Progress

    loop = asyncio.get_running_loop()
    heard = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    for one in heard:
        loop.add_signal_handler(one, lambda: job.stopping.__setitem__(0, True))
    console = Console(stderr=True)
    try:
        with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
            bars: dict[str, Any] = {}

            def told(lane: LaneReport) -> None:
                bar = bars.get(lane.registry)
                if bar is None:
                    bar = bars[lane.registry] = progress.add_task(str(lane.registry), total=lane.credentials)
                until = f" waits until {lane.waiting_until:%H:%M:%S}" if lane.waiting_until is not None else ""
                progress.update(bar, completed=lane.done, description=f"{lane.registry}{until}")

            job.told = told
            found: Report = await job.run(user=user, registry=only, wait=wait)
            return found
    finally:
        for one in heard:
            loop.remove_signal_handler(one)


def _host(text: str | None) -> Any:
    from validator.credential import UnreadableRegistry, canonical_host
    from validator.errors import UsageError

    try:
        return canonical_host(text) if text is not None else None
    except UnreadableRegistry as error:
        raise UsageError(f"--registry wants a host, or host:port ({error}).") from None


def report_json(report: Report) -> dict[str, Any]:
    """The sweep's object, as the contract lists it."""
    from validator.cli.base.show import instant

    totals: dict[str, int] = {}
    for row in report.rows:
        if row.verdict is not None:
            totals[row.verdict.value] = totals.get(row.verdict.value, 0) + 1
    return {
        "sweep": report.sweep,
        "started_at": instant(report.started_at),
        "finished_at": instant(report.finished_at),
        "totals": totals,
        "registries": [
            {
                "registry": lane.registry, "credentials": lane.credentials, "probes": lane.probes, "requests": lane.requests,
                "refused_logins": lane.refused_logins, "quarantined": lane.quarantined,
            }
            for lane in report.lanes
        ],
        "credentials": [
            {
                "user": row.user, "name": row.name, "registry": row.registry, "verdict": row.verdict.value if row.verdict is not None else None,
                "reason": row.reason.value if row.reason is not None else None, "level": row.level.value if row.level is not None else None,
                "state": row.standing.state.value, "transition": row.transition.value, "checked_at": instant(row.checked_at),
            }
            for row in report.rows
        ],
        "left_over": [{"user": left.user, "name": left.name, "reason": left.reason.value} for left in report.left_over],
        "notices": {"sent": report.sent, "maybe_sent": 0, "failed": 0, "undeliverable": 0},
    }  # fmt: skip


def report_text(shown: dict[str, Any]) -> str:
    """The same for people: a table, then what was left over."""
    from validator.cli.base.rows import columns

    head = ["user", "name", "registry", "verdict", "state", "transition"]
    body = [
        [row["user"], row["name"], row["registry"], f"{row['verdict']} ({row['reason']})" if row["verdict"] else "-", row["state"], row["transition"]]
        for row in shown["credentials"]
    ]
    lines = [columns([head, *body])]
    for lane in shown["registries"]:
        told = ", QUARANTINED" if lane["quarantined"] else ""
        counts = f"{lane['credentials']} credentials, {lane['requests']} requests, {lane['refused_logins']} refused logins"
        lines.append(f"{lane['registry']}: {counts}{told}")
    lines += [f"left over: {left['user']} {left['name']} ({left['reason']})" for left in shown["left_over"]]
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
