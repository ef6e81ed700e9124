"""Workers without a queue: what is wanted is done at once, by as many as a test likes, over the registry that plays a script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.emulated.night import Night
from validator.lanes.base import Job, Work
from validator.lanes.dispatch import begin_now, current, wanted
from validator.lanes.share import Ended, LaneShare
from validator.lanes.whole import close, prepare
from validator.ledger.sweeps import SweepRow
from validator.sweep.base.times import Schedule


def work_of(night: Night, *, schedule: Schedule | None = None, slice_s: float = 1800.0) -> Work:
    """One worker's."""
    return Work(night.probe, night.opened.ledger, night.store, night.job().teller, schedule, slice_s)


@dataclass
class Done:
    """What a sweep of workers came to: its jobs in order, and how each ended."""

    sweep: str = ""
    jobs: list[tuple[Job, Ended | bool]] = field(default_factory=list)

    @property
    def order(self) -> list[str]:
        """The locks of the jobs."""
        return [job.lock for job, _ in self.jobs]


async def do(work: Work, sweep: SweepRow, job: Job) -> Ended | bool:
    """One job, as a worker does it."""
    if job.host:
        return await LaneShare(work, sweep, job).run()
    if sweep.planned_at is None:
        return await prepare(work, sweep, asyncio.Event())
    return await close(work, sweep, asyncio.Event())


async def sweep_by(*works: Work, begin: bool = True) -> Done:
    """The sweep that is under way (else a new one) to its end: all jobs that are wanted at once, by turns, side by side."""
    done = Done()
    if begin:
        assert await begin_now(works[0]) is not None
    while (sweep := await current(works[0])) is not None:
        done.sweep = sweep.id
        jobs: Sequence[Job] = await wanted(works[0].ledger, sweep)
        ends = await asyncio.gather(*(do(works[place % len(works)], sweep, job) for place, job in enumerate(jobs)))
        done.jobs += zip(jobs, ends, strict=True)
        assert len(done.jobs) < 100, done.order
    return done
