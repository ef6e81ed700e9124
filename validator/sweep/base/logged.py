"""What a sweep logs, for machines: that it and its lanes began and ended, and every change of a status. No secret, no address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog

from validator.ledger.history import Event
from validator.ledger.plans import WHOLE, Share
from validator.ledger.sweeps import SweepRow
from validator.status import State, Transition
from validator.sweep.base import LaneReport, Report

_DEATHS: Final = (Transition.DIED, Transition.NEVER_WORKED)


def began(sweep: SweepRow, *, resumed: bool) -> None:
    """A sweep begins, or goes on."""
    log = structlog.get_logger().bind(sweep_id=sweep.id, only_user=sweep.filters.user, only_registry=sweep.filters.host)
    if resumed:
        log.info("sweep_resumed")
    else:
        log.info("sweep_started", released=sweep.filters.released)


def lane_began(sweep: str, lane: LaneReport, share: Share = WHOLE) -> None:
    """It has its registry for itself now, or a part of it."""
    log = structlog.get_logger().bind(sweep_id=sweep, registry=lane.registry, credentials=lane.credentials, **_part(share))
    if lane.done:
        log.info("lane_resumed", done=lane.done)
    else:
        log.info("lane_started")


def lane_ended(sweep: str, lane: LaneReport, share: Share = WHOLE) -> None:
    """It is through, or was given back to go on elsewhere."""
    log = structlog.get_logger().bind(
        sweep_id=sweep, registry=lane.registry, credentials=lane.credentials, probes=lane.probes, requests=lane.requests,
        refused_logins=lane.refused_logins, **_part(share),
    )  # fmt: skip
    if lane.finished:
        log.info("lane_finished", quarantined=lane.quarantined)
    else:
        log.info("lane_given_back", done=lane.done)


def _part(share: Share) -> dict[str, str]:
    return {} if share == WHOLE else {"part": f"{share[0] + 1}/{share[1]}"}


def ended(report: Report) -> None:
    """It is over, or was stopped."""
    log = structlog.get_logger().bind(sweep_id=report.sweep, totals=dict(report.totals), left_over=report.left_over)
    if report.stopped:
        log.info("sweep_stopped")
    else:
        log.info("sweep_finished", notices=report.notices.sent)


def changed(sweep: str, events: Iterable[Event]) -> None:
    """Statuses were written that are not what they were; that a new credential works is no news."""
    log = structlog.get_logger()
    for event in events:
        if event.transition is Transition.NONE and event.state_before is State.NEVER_CHECKED:
            continue
        fields = {
            "sweep_id": sweep, "user": event.key.user, "credential": event.name, "registry": event.key.scope.host, "verdict": event.verdict,
            "reason": event.reason, "before": event.state_before.value, "after": event.state_after.value, "transition": event.transition.value,
        }  # fmt: skip
        if event.transition in _DEATHS:
            log.info("credential_died", **fields)
        elif event.transition is Transition.RECOVERED:
            log.info("credential_recovered", **fields)
        else:
            log.info("status_changed", **fields)
