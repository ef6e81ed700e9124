"""Writes a sweep's report, row by row from the ledger: to standard output, or to a file that is whole or not there."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, assert_never

from validator import __version__
from validator.cli.base.options import ReportFormat
from validator.cli.base.rows import columns
from validator.cli.base.running import pour, say
from validator.credential import Host
from validator.errors import StoreLost, UsageError
from validator.ledger.reports import LEFT_OVER, NOTABLE, Found
from validator.probe.reach import provider_of
from validator.protocol.base import shown_text
from validator.reporting import Finding, Result, junit, sarif
from validator.status import State
from validator.stores.base import UnreadableRow
from validator.sweep.base import Report
from validator.sweep.shown import lane_json, left_json, pieces
from validator.verdict import Reason
from validator.verdict.words import cause_and_advice

if TYPE_CHECKING:
    from validator.app import App

ALL: Final = 200
"""A sweep of so many is shown whole; of a larger one what somebody has to look at."""
MOST: Final = 1000
_IN_MEMORY: Final = 8 * 1024 * 1024
_CHUNK: Final = 65_536
_BAD: Final = (State.DEAD, State.IMPAIRED)


def may_write(output: Path | None) -> None:
    """Before anything is asked: a night's work is not to end at a folder that does not exist. Raises UsageError."""
    if output is None:
        return
    try:
        can = _can_be_written(output)
    except (OSError, RuntimeError):  # no such folder, or not ours; a name too long; links in a circle
        can = False
    if not can:
        raise UsageError(f"--output {output} cannot be written; name a file in a folder that can be.")


def _can_be_written(output: Path) -> bool:
    if output.is_dir():
        return False
    if _is_stream(output):
        return os.access(output, os.W_OK)
    file = output.resolve()
    with tempfile.TemporaryFile(dir=file.parent):
        return not file.exists() or os.access(file, os.W_OK)


def _is_stream(output: Path) -> bool:
    """True for a terminal, pipe or device (`/dev/stdout`): it is written to, never put something else in its place."""
    return (output.exists() and not output.is_file()) or output.absolute().parts[1:2] in (("dev",), ("proc",))


async def write_report(app: App, report: Report, format_: ReportFormat, output: Path | None) -> None:
    """The report, whole or not at all. Raises StoreError, StoreLost."""
    perhaps = "." if app.opened.store.read_only else "; is this the master key it was sealed under?"
    async with aclosing(app.opened.ledger.reports.rows(report.sweep, LEFT_OVER)) as rows:
        async for row in rows:
            if row.left_over == "unreadable":
                who = f"{shown_text(row.name)} of {shown_text(row.user)}"
                found = await app.opened.store.get(row.user, row.name)
                why = found.why if isinstance(found, UnreadableRow) else "it was changed meanwhile"
                say(f"validator: the stored credential {who} cannot be read: {why}{perhaps}")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8") as draft:
        try:
            async for text in _texts(app, report, format_):
                draft.write(text)
            draft.write("\n")
            draft.seek(0)
        except OSError as error:
            raise StoreLost(f"the report could not be written: {error.strerror}; the statuses are kept, see `validator status`.") from None
        _out(draft, output)


def write_text(text: str, output: Path | None) -> None:
    """One text, to standard output or whole into a file. Raises StoreLost."""
    _out(io.StringIO(text + "\n"), output)


def _out(draft: IO[str], output: Path | None) -> None:
    chunks = iter(lambda: draft.read(_CHUNK), "")
    if output is None:
        pour(chunks)
        return
    part: Path | None = None
    try:
        if _is_stream(output):
            with output.open("a", encoding="utf-8") as stream:
                stream.writelines(chunks)
            return
        file = output.resolve()  # the file that a link leads to, not the link
        part = file.with_name(f".validator-{os.getpid()}")
        with part.open("w", encoding="utf-8") as stream:
            stream.writelines(chunks)
        part.replace(file)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        raise StoreLost(f"--output {output} could not be written: {error.strerror}; the statuses are kept, see `validator status`.") from None


async def _texts(app: App, report: Report, format_: ReportFormat) -> AsyncIterator[str]:
    match format_:
        case ReportFormat.JSON:
            async for text in pieces(app.opened.ledger, report):
                yield text
        case ReportFormat.TEXT:
            yield await _text(app, report)
        case ReportFormat.JUNIT:
            yield junit("sweep", await _findings(app, report))
        case ReportFormat.SARIF:
            yield sarif("sweep", __version__, await _findings(app, report, NOTABLE))
        case _:
            assert_never(format_)


async def _findings(app: App, report: Report, *conditions: Any) -> list[Finding]:
    """Each credential as a build system reads it: what is dead or impaired failed, what could not be told is skipped."""
    found: list[Finding] = []
    async with aclosing(app.opened.ledger.reports.rows(report.sweep, *conditions)) as rows:
        async for row in rows:
            found.append(_finding(app, row))
    return found


def _finding(app: App, row: Found) -> Finding:
    bad, told = row.state in _BAD, row.verdict is not None and row.verdict not in ("unknown", "unprovable") and row.left_over is None
    reason = Reason(row.reason) if row.reason is not None else None
    provider = provider_of(app.settings, Host(row.host), None)
    cause, advice = cause_and_advice(reason, provider.causes, provider.advice) if reason is not None else ("", "")
    return Finding(
        registry=row.host, name=f"{shown_text(row.user)}/{shown_text(row.name)}", said=_said(row), rule=row.reason or "unknown",
        result=Result.FAILED if bad else Result.PASSED if told and row.state == State.ALIVE else Result.SKIPPED, cause=cause, advice=advice,
    )  # fmt: skip


async def _text(app: App, report: Report) -> str:
    """For people: a table of what there is to see, then the lanes, and what was left over."""
    reports = app.opened.ledger.reports
    count = sum(lane.credentials for lane in report.lanes)
    lines, hidden = [["user", "name", "registry", "verdict", "state", "transition"]], 0
    async with aclosing(reports.rows(report.sweep, *([] if count <= ALL else [NOTABLE]))) as rows:
        async for row in rows:
            if len(lines) <= MOST:
                lines.append([shown_text(row.user), shown_text(row.name), row.host, _said(row), row.state, row.transition])
            else:
                hidden += 1
    told = [columns(lines)]
    told += [f"… and {hidden} more: `--format json` has them all"] if hidden else []
    told += [f"{count} credentials; what is not listed is as it was: see `validator status`"] if count > ALL else []
    for lane in map(lane_json, sorted(report.lanes, key=lambda lane: lane.registry)):
        counts = f"{lane['credentials']} credentials, {lane['requests']} requests, {lane['refused_logins']} refused logins"
        told.append(f"{lane['registry']}: {counts}{', QUARANTINED' if lane['quarantined'] else ''}")
    async with aclosing(reports.rows(report.sweep, LEFT_OVER)) as rows:
        left = [left_json(row, report) async for row in rows]
    told += [f"left over: {shown_text(one['user'])} {shown_text(one['name'])} ({one['reason']})" for one in left[:MOST]]
    told += [f"… and {len(left) - MOST} more left over"] if len(left) > MOST else []
    notices = report.notices
    more = {"maybe sent": notices.maybe_sent, "failed": notices.failed, "undeliverable": notices.undeliverable}
    told.append(f"notices: {notices.sent}" + "".join(f", {name} {number}" for name, number in more.items() if number))
    return "\n".join(told)


def _said(row: Found) -> str:
    return f"{row.verdict} ({row.reason})" if row.verdict else "-"
