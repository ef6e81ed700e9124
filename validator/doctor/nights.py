"""What the nights came to: the last sweep of everything, registries in quarantine, messages that wait."""

from __future__ import annotations

from datetime import datetime, timedelta

from validator.doctor.base import Finding, found
from validator.ledger import Ledger
from validator.ledger.base.processes import AT_WORK
from validator.ledger.notices import NoticeState
from validator.ledger.sweeps import GOES_ON_FOR, Filters
from validator.sweep.base.times import Schedule


async def look_at_nights(ledger: Ledger, schedule: tuple[str, str] | None, now: datetime, *, told: bool) -> list[Finding]:
    """The findings; `schedule` is the nightly sweep's expression and zone, None if the service runs none."""
    findings = await _sweeps(ledger, schedule, now) + await _workers(ledger, now)
    findings += [found("sweep_quarantine", one.host) for one in await ledger.lanes.quarantined()]
    return findings + await _notices(ledger, told=told)


def lasting(span: timedelta) -> str:
    """A duration for people: its two largest units."""
    minutes = int(abs(span).total_seconds()) // 60
    days, hours = minutes // 1440, minutes % 1440 // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


async def _sweeps(ledger: Ledger, schedule: tuple[str, str] | None, now: datetime) -> list[Finding]:
    all_ = [one for one in await ledger.sweeps.newest(1000) if one.filters == Filters()]
    led = any(one.is_led(now) for one in all_)
    findings = [found("sweep_runs")] if led else []
    open_ = next((one for one in all_ if one.finished_at is None and not one.is_led(now) and now - one.started_at < GOES_ON_FOR), None)
    if open_ is not None and not led:
        findings.append(found("sweep_cut_off", ago=lasting(now - open_.started_at)))
    ended = [(one.started_at, one.finished_at) for one in all_ if one.finished_at is not None]
    if not ended:
        return findings if findings else [found("sweep_never")]
    started_at, finished_at = max(ended, key=lambda one: one[1])
    late = False
    if schedule is not None and not led:
        nightly = Schedule(*schedule)
        late = started_at < nightly.last_at(nightly.last_at(now) - timedelta(seconds=1))  # two were missed: the last may be about to begin
    return [*findings, found("sweep_late" if late else "sweep_recent", ago=lasting(now - finished_at))]


async def _workers(ledger: Ledger, now: datetime) -> list[Finding]:
    until = await ledger.lanes.held_until(AT_WORK)
    if until is None:
        return []
    return [found("workers_live")] if until > now else [found("workers_gone", ago=lasting(now - until))]


async def _notices(ledger: Ledger, *, told: bool) -> list[Finding]:
    number = {state: await ledger.notices.count(state) for state in NoticeState}
    waiting = number[NoticeState.QUEUED] + number[NoticeState.SENDING]
    failed = number[NoticeState.FAILED] + number[NoticeState.UNDELIVERABLE]
    findings = [] if told else [found("notices_nobody")]
    findings += [found("notices_wait", number=waiting)] if waiting else []
    findings += [found("notices_failed", number=failed)] if failed else []
    findings += [found("notices_unclear", number=number[NoticeState.MAYBE_SENT])] if number[NoticeState.MAYBE_SENT] else []
    return findings or [found("notices_told")]
