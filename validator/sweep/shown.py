"""A sweep's report as JSON, as the contract lists it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from validator.sweep.base import LaneReport, Report, Row


def report_json(report: Report) -> dict[str, Any]:
    """The sweep's object: contract section 4."""
    return {
        "sweep": report.sweep,
        "started_at": _instant(report.started_at),
        "finished_at": _instant(report.finished_at),
        "totals": dict(sorted(Counter(row.verdict.value for row in report.rows if row.verdict is not None).items())),
        "registries": [_lane(lane) for lane in report.lanes],
        "credentials": [_row(row) for row in report.rows],
        "left_over": [{"user": left.user, "name": left.name, "reason": left.reason.value} for left in report.left_over],
        "notices": {name: getattr(report.notices, name) for name in ("sent", "maybe_sent", "failed", "undeliverable")},
    }


def _lane(lane: LaneReport) -> dict[str, Any]:
    return {
        "registry": lane.registry, "credentials": lane.credentials, "probes": lane.probes, "requests": lane.requests,
        "refused_logins": lane.refused_logins, "quarantined": lane.quarantined,
    }  # fmt: skip


def _row(row: Row) -> dict[str, Any]:
    return {
        "user": row.user, "name": row.name, "registry": row.registry, "verdict": row.verdict.value if row.verdict is not None else None,
        "reason": row.reason.value if row.reason is not None else None, "level": row.level.value if row.level is not None else None,
        "state": row.standing.state.value, "transition": row.transition.value, "checked_at": _instant(row.checked_at),
    }  # fmt: skip


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
