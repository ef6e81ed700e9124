"""A sweep's report as JSON, as the contract lists it: read from the ledger row by row, so that no size of it fills the memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final

from validator.credential import Host
from validator.ledger import Ledger
from validator.ledger.reports import LEFT_OVER, Found
from validator.sweep.base import LaneReport, Report
from validator.telling import Counts
from validator.verdict import Reason


async def pieces(ledger: Ledger, report: Report) -> AsyncIterator[str]:
    """The sweep's object (contract section 4) as text, piece by piece."""
    head = {
        "sweep": report.sweep,
        "started_at": _instant(report.started_at),
        "finished_at": _instant(report.finished_at),
        "totals": dict(report.totals),
        "registries": [lane_json(lane) for lane in sorted(report.lanes, key=lambda lane: lane.registry)],
    }
    yield json.dumps(head)[:-1] + ', "credentials": ['
    async for text in _listed(ledger.reports.rows(report.sweep), row_json):
        yield text
    yield '], "left_over": ['
    async for text in _listed(ledger.reports.rows(report.sweep, LEFT_OVER), lambda row: left_json(row, report)):
        yield text
    counts = {name: getattr(report.notices, name) for name in ("sent", "maybe_sent", "failed", "undeliverable")}
    yield f'], "notices": {json.dumps(counts)}}}'


async def report_json(ledger: Ledger, report: Report) -> dict[str, Any]:
    """The same whole: for a sweep that is small, or a part of one."""
    made: dict[str, Any] = json.loads("".join([text async for text in pieces(ledger, report)]))
    return made


async def kept_report(ledger: Ledger, name: str) -> Report | None:
    """The report of a sweep of before, or of one under way; None if there was none of that name. Of an older one the rows are gone."""
    sweep = await ledger.sweeps.get(name)
    if sweep is None:
        return None
    lanes: list[LaneReport] = []
    for row in await ledger.sweeps.lanes(name):
        lane = LaneReport(Host(row.host), credentials=row.credentials, done=row.done, waiting_until=row.waiting_until)
        lane.go_on_from(row)
        lanes.append(lane)
    counts = Counts(**{key: int(value) for key, value in (sweep.notices or {}).items()})
    found = await ledger.reports.summary(name)
    return Report(
        name, sweep.started_at, sweep.finished_at, lanes, totals=found.totals, left_over=found.left_over, bad=found.bad, notices=counts,
        stopped=sweep.stopped_at is not None,
    )  # fmt: skip


def lane_json(lane: LaneReport) -> dict[str, Any]:
    """One of `registries`."""
    return {
        "registry": lane.registry, "credentials": lane.credentials, "probes": lane.probes, "requests": lane.requests,
        "refused_logins": lane.refused_logins, "quarantined": lane.quarantined,
    }  # fmt: skip


def row_json(row: Found) -> dict[str, Any]:
    """One of `credentials`."""
    return {
        "user": row.user, "name": row.name, "registry": row.host, "verdict": row.verdict, "reason": row.reason, "level": row.level,
        "state": row.state, "transition": row.transition, "checked_at": _instant(row.checked_at),
    }  # fmt: skip


def left_json(row: Found, report: Report) -> dict[str, Any]:
    """One of `left_over`; what was never reached was stopped before, or ended by a fault of ours."""
    return {"user": row.user, "name": row.name, "reason": row.left_over or (Reason.DEADLINE if report.stopped else Reason.PROTOCOL).value}


_AT_ONCE: Final = 500


async def _listed(rows: AsyncIterator[Found], shown: Callable[[Found], dict[str, Any]]) -> AsyncIterator[str]:
    some, before = list[dict[str, Any]](), ""
    async for row in rows:
        some.append(shown(row))
        if len(some) == _AT_ONCE:
            yield before + json.dumps(some)[1:-1]
            some, before = [], ", "
    if some:
        yield before + json.dumps(some)[1:-1]


def _instant(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"
