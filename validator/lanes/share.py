"""One lane of a sweep that workers make together, or a part of one, in this process: held, swept from where it stands, given back.

The hold is what counts, not the queue's lock: who has lost it writes nothing more.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from validator.credential import Host
from validator.errors import StoreError, StoreLost
from validator.lanes.base import WHOLE_LANE, Job, Work
from validator.ledger.base.processes import WORKERS, this_process
from validator.ledger.lanes import Hold
from validator.ledger.plans import WHOLE, Phase, Share
from validator.ledger.sweeps import SweepRow
from validator.sweep.base import LaneReport, logged
from validator.sweep.base.book import Book, Superseded
from validator.sweep.ending import alert_of, alert_of_book
from validator.sweep.lane import Lane
from validator.sweep.lanes import canary_at, counting, guarded, lane_of, side_by_side


class Ended(StrEnum):
    """How it came to an end here."""

    THROUGH = "through"
    GIVEN_BACK = "given_back"
    """Its time was over, or the process is to stop: it goes on elsewhere."""
    HELD = "held"
    """Another has it: a worker, a command, a service."""
    LOST = "lost"
    """Another took it, or the sweep."""
    FAILED = "failed"
    """A fault of ours."""


@dataclass(slots=True, eq=False)
class LaneShare:
    """What `job` says, for as long as a slice lasts."""

    work: Work
    sweep: SweepRow
    job: Job
    owner: str = field(default_factory=this_process)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _well: bool = True

    def stop(self) -> None:
        """Give it back within a moment; what was heard is written down."""
        self._stopping.set()

    async def run(self) -> Ended:
        """Sweep it as far as it goes now. Raises ConfigError, StoreError, StoreLost."""
        share = await self._share()
        if share is None:
            return Ended.THROUGH
        holds = await self._hold(share)
        if holds is None:
            return Ended.HELD
        try:
            return await self._held(share, *holds)
        finally:
            with suppress(StoreError, StoreLost):
                await self.work.ledger.lanes.leave(holds[0])  # the whole lane's is all parts': it ends by itself, or with what comes next

    async def _held(self, share: Share, hold: Hold, with_others: Hold | None) -> Ended:
        """What the ledger knows of it now cannot change under us."""
        work, host = self.work, Host(self.job.host)
        report = await self._report(host, share)
        if report is None or report.finished:
            return Ended.THROUGH
        book = Book(work.ledger, work.store, work.probe.settings, self.sweep, work.probe.now, lambda lane: None)
        lane = await lane_of(counting(work.probe), book, report, await canary_at(work.probe, host), wait=True, share=share)
        lane.track.hold, lane.track.with_others = hold, with_others
        logged.lane_began(self.sweep.id, report, share)
        slice_over = asyncio.get_running_loop().call_later(work.slice_s, self._stopping.set)
        try:
            await side_by_side([lane], book, self._stopping, self._swept)
            await self._written_down(lane, book)
        finally:
            slice_over.cancel()
        return await self._ended(lane, book)

    async def _share(self) -> Share | None:
        """Which part it is; None if there is no such part."""
        if self.job.part == WHOLE_LANE:
            return WHOLE
        parts = await self.work.ledger.sub_lanes.of(self.sweep.id, self.job.host)
        return next(((sub.part, sub.parts) for sub in parts if sub.part == self.job.part), None)

    async def _report(self, host: Host, share: Share) -> LaneReport | None:
        """What the ledger knows of it; None if the sweep has no such lane."""
        ledger, report = self.work.ledger, LaneReport(host)
        counts = {phase: count for (name, phase), count in (await ledger.plans.counts(self.sweep.id)).items() if name == host}
        if not counts:
            return None
        report.credentials, report.suspects = sum(counts.values()), counts.get(Phase.HELD, 0)
        if share == WHOLE:
            report.done = report.credentials - counts.get(Phase.WAITING, 0)
            kept = next((lane for lane in await ledger.sweeps.lanes(self.sweep.id) if lane.host == host), None)
            if kept is not None:
                report.go_on_from(kept)
        else:
            for sub in await ledger.sub_lanes.of(self.sweep.id, host):
                if sub.part == share[0]:
                    report.go_on_from_part(sub)
        return report

    async def _hold(self, share: Share) -> tuple[Hold, Hold | None] | None:
        """A part is one's own, beside others who have the rest; the whole lane comes after its parts. None: another has it."""
        lanes, host, now = self.work.ledger.lanes, self.job.host, self.work.probe.now()
        if share == WHOLE:
            hold = await lanes.take(host, self.owner, now=now, after=WORKERS)
            return (hold, None) if isinstance(hold, Hold) else None
        with_others = await lanes.join(host, WORKERS, now=now)
        if not isinstance(with_others, Hold):
            return None
        hold = await lanes.take(f"{host}#{share[0]}", self.owner, now=now)
        return (hold, with_others) if isinstance(hold, Hold) else None

    async def _swept(self, lane: Lane) -> None:
        self._well = await guarded(lane, self.work.teller, lambda one: one.run())

    async def _written_down(self, lane: Lane, book: Book) -> None:
        with suppress(Superseded):
            await book.flush()
            if not lane.report.finished and not lane.track.lost and self._well and lane.track.share == WHOLE:
                await lane.belief.keep()

    async def _ended(self, lane: Lane, book: Book) -> Ended:
        work, track = self.work, lane.track
        await alert_of(work.teller, lane)
        await alert_of_book(work.teller, book, work.probe.now())
        if track.lost:
            return Ended.LOST
        if not self._well:
            await work.ledger.sweeps.fail_lane(self.sweep.id, self.job.host, now=work.probe.now())
            return Ended.FAILED
        logged.lane_ended(self.sweep.id, lane.report, track.share)
        return Ended.THROUGH if lane.report.finished else Ended.GIVEN_BACK
