"""What is to be done now: the sweep that is due, once however many workers there are, and its jobs, by what the ledger says of them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from validator.lanes.base import Job, Work
from validator.ledger import Ledger
from validator.ledger.base.processes import WORKERS
from validator.ledger.sweeps import Filters, SweepRow
from validator.sweep.base import logged
from validator.sweep.schedule import Due, Nightly

JUST_NOW: Final = timedelta(minutes=10)
"""Of workers that were started together for one sweep the last may come when it is over already."""


async def current(work: Work) -> SweepRow | None:
    """The sweep that the workers make."""
    return await work.ledger.sweeps.of_owner(WORKERS, now=work.probe.now())


async def begin_due(work: Work) -> None:
    """Begin what is due, or was missed; all in one transaction, so that whoever ends in it has taken nothing."""
    schedule, now = work.schedule, work.probe.now()
    if schedule is None:
        return

    async def nothing() -> bool:
        return False

    async def begin(parts: Ledger) -> SweepRow | None:
        nightly = Nightly(parts, schedule, lambda: now, work.probe.sleep, nothing, by_workers=True)
        if await nightly.due() is Due.NOTHING:
            return None
        return await parts.sweeps.begin(_name(now), Filters(), WORKERS, now=now)

    begun = await work.ledger.together(begin)
    if begun is not None:
        logged.began(begun, resumed=begun.started_at != now)


async def begin_now(work: Work) -> str | None:
    """The sweep that is under way, else a new one; None if one has just ended. Its name."""
    now = work.probe.now()

    async def begin(parts: Ledger) -> SweepRow | None:
        led = await parts.sweeps.of_owner(WORKERS, now=now)
        if led is not None:
            return led
        ended = [one for one in await parts.sweeps.newest(10) if one.owner == WORKERS and one.filters == Filters() and one.finished_at is not None]
        if any(one.finished_at is not None and now - one.finished_at < JUST_NOW for one in ended):
            return None
        return await parts.sweeps.begin(_name(now), Filters(), WORKERS, now=now)

    found = await work.ledger.together(begin)
    if found is not None and (found.epoch > 1 or found.started_at == now):
        logged.began(found, resumed=found.started_at != now)
    return found.id if found is not None else None


async def wanted(ledger: Ledger, sweep: SweepRow) -> list[Job]:
    """The jobs of a sweep that are not done: its plan; then its lanes, a split one by its parts and then whole; at last its end."""
    if sweep.finished_at is not None:
        return []
    if sweep.planned_at is None:
        return [Job(sweep.id)]
    over = {lane.host for lane in await ledger.sweeps.lanes(sweep.id) if lane.over}
    parts = [sub for sub in await ledger.sub_lanes.of(sweep.id) if sub.finished_at is None]
    hosts = sorted({host for host, _ in await ledger.plans.counts(sweep.id)} - over)
    jobs: list[Job] = []
    for host in hosts:
        of_it = [Job(sweep.id, host, sub.part) for sub in parts if sub.host == host]
        jobs += of_it or [Job(sweep.id, host)]
    return jobs or [Job(sweep.id)]


def _name(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
