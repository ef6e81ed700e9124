"""What is done once for a sweep that workers make together: its plan before the lanes, and after the last of them its end.

Whoever comes first does it, under a hold; one that dies at it is followed by the next, and finds in the ledger what was done:
a plan's rows, digests that are in the outbox, letters that may have been sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from validator.credential import Host
from validator.errors import StoreError, StoreLost
from validator.lanes.base import Work
from validator.ledger.base.processes import this_process
from validator.ledger.lanes import Hold
from validator.ledger.plans import Phase
from validator.ledger.sweeps import LaneRow, SweepRow
from validator.probe.reach import provider_of, settings_of
from validator.sweep.base import Report, logged
from validator.sweep.base.book import RENEW_S
from validator.sweep.ending import alert_of_osmos, alert_of_rows, trim
from validator.sweep.planning import planned

_PLACE: Final = "(sweep)"
"""In the table of lanes; no registry's name."""


class _Lost(Exception):
    """Another does it now."""


async def prepare(work: Work, sweep: SweepRow, stopping: asyncio.Event) -> bool:
    """Make the plan, and split the lanes that the settings split. False if another is at it, or `stopping` was set."""
    made = False
    async with _alone(work) as hold:
        made = hold is not None and await _planned(work, sweep, stopping)
    return made


async def _planned(work: Work, sweep: SweepRow, stopping: asyncio.Event) -> bool:
    ledger, now = work.ledger, work.probe.now
    async for rows in planned(work.probe, work.store, sweep.id, sweep.filters):
        await ledger.plans.add(rows)
        if stopping.is_set() or not await ledger.sweeps.beat(sweep, now=now()):
            return False
    await ledger.plans.settle(sweep.id)
    waiting: dict[str, int] = {}
    for (host, phase), count in (await ledger.plans.counts(sweep.id)).items():
        waiting[host] = waiting.get(host, 0) + (count if phase is Phase.WAITING else 0)
    for host, count in waiting.items():
        parts = parts_at(work, Host(host))
        if count > parts > 1:
            await ledger.sweeps.put_lanes(LaneRow(sweep=sweep.id, host=host, credentials=count))
            await ledger.sub_lanes.split(sweep.id, host, parts)
    return await ledger.sweeps.planned(sweep, now=now())


def parts_at(work: Work, host: Host) -> int:
    """Into how many parts the settings split a registry's lane: each has its share of the requests in flight, so at most as many."""
    settings = work.probe.settings
    return min(settings_of(settings, host).pace.workers or 1, provider_of(settings, host, None).pace.in_flight)


async def close(work: Work, sweep: SweepRow, stopping: asyncio.Event) -> bool:
    """Tell users and operator, once, and write the sweep's end. False if another is at it, or took the sweep."""
    closed = False
    async with _alone(work) as hold:
        closed = hold is not None and await _closed(work, sweep, stopping)
    return closed


async def _closed(work: Work, sweep: SweepRow, stopping: asyncio.Event) -> bool:
    ledger, now = work.ledger, work.probe.now
    if not await ledger.sweeps.beat(sweep, now=now()):
        return False
    teller = replace(work.teller, stop=stopping)
    await alert_of_rows(teller, ledger, work.store, sweep)
    await alert_of_osmos(teller, ledger, work.store, now())
    report = Report(sweep.id, sweep.started_at)
    report.notices = await teller.tell(sweep.id)
    summary = await ledger.reports.summary(sweep.id)
    report.totals, report.left_over = summary.totals, summary.left_over
    report.finished_at = now()
    told = {name: getattr(report.notices, name) for name in ("sent", "maybe_sent", "failed", "undeliverable")}
    if not await ledger.sweeps.finish(sweep, now=report.finished_at, notices=told):
        return False
    logged.ended(report)
    await trim(ledger, sweep, report.finished_at, work.probe.settings.sweep.keep_days)
    return True


@asynccontextmanager
async def _alone(work: Work) -> AsyncIterator[Hold | None]:
    """While this is open no other worker does the same; None if another is at it. The block is left where the hold is lost."""
    lanes, now = work.ledger.lanes, work.probe.now
    hold = await lanes.take(_PLACE, this_process(), now=now())
    if not isinstance(hold, Hold):
        yield None
        return

    async def renewed() -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(StoreError, StoreLost):
                if not await lanes.renew(hold, now=now()):
                    raise _Lost

    try:
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(renewed())
            try:
                yield hold
            finally:
                renewing.cancel()
    except* _Lost:
        pass
    finally:
        with suppress(StoreError, StoreLost):
            await lanes.leave(hold)
