"""A sweep over stored credentials: one lane a registry, side by side; every status is written back, users are told of changes.

Everything that a sweep knows is in the ledger: its plan, what it heard, who holds which lane. A process that ends loses at
most a second of it, and the next sweep with the same filters goes on. No HTTP server and no command line here. Design
sections 5 to 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from validator.credential import Credential, Host
from validator.errors import StoreError, StoreLost, UsageError
from validator.ledger import Ledger
from validator.ledger.base.processes import this_process
from validator.ledger.lanes import Hold
from validator.ledger.plans import Phase
from validator.ledger.sweeps import Filters, SweepRow
from validator.probe import Probe
from validator.probe.reach import settings_of
from validator.stores.base import CredentialStore
from validator.sweep.base import LaneReport, Report, Told, logged
from validator.sweep.base.book import Book, Superseded
from validator.sweep.base.queue import given_proofs
from validator.sweep.ending import alert_of, alert_of_book, alert_of_osmos, alert_of_rows, trim
from validator.sweep.lane import Lane
from validator.sweep.lanes import canary_at, counting, guarded, lane_of, side_by_side
from validator.sweep.planning import Expected, expected, planned
from validator.telling import Alert, Teller
from validator.verdict import Reason

__all__ = ["Expected", "LaneReport", "Report", "Sweep"]

ASK_AGAIN_S: Final = 1.0
"""So often a lane that another sweep holds is looked at."""
_SHOWN: Final = timedelta(seconds=1)
"""So often it is shown that a plan is being made."""


@dataclass(slots=True)
class Sweep:
    """`name` is its id unless an earlier one goes on; `stop` ends it within a moment.

    `begun` is called with the id once it is known, `told` when a lane comes further.
    """

    probe: Probe
    ledger: Ledger
    store: CredentialStore
    teller: Teller
    name: str
    told: Told = lambda lane: None
    begun: Callable[[str], object] = lambda name: None
    owner: str = field(default_factory=this_process)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """End it: what is in flight is given up, what was heard is written down, the rest is left over and may go on."""
        self._stopping.set()
        self.teller.stop.set()

    async def run(self, *, user: str | None = None, registry: Host | None = None, wait: bool = True, release: bool = False) -> Report:
        """Ask every stored credential that the filters select, and write down what follows.

        `release`: ask those alone whom the quarantine of `registry` keeps, and believe them. Raises ConfigError, UsageError,
        StoreError, StoreLost.
        """
        canaries = await self._canaries(registry)
        if release and (registry is None or not await self.ledger.lanes.quarantined(registry)):
            raise UsageError(f"{registry} is not in quarantine; see `validator sweep` for the lanes that are.")
        probe = counting(self.probe, wait=wait)
        sweep = await self.ledger.sweeps.begin(self.name, Filters(user, registry, release), self.owner, now=self.probe.now())
        self.begun(sweep.id)
        report = Report(sweep.id, sweep.started_at, resumed=sweep.id != self.name)
        logged.began(sweep, resumed=report.resumed)
        book = Book(self.ledger, self.store, self.probe.settings, sweep, self.probe.now, self.told)
        try:
            lanes = await self._lanes(probe, sweep, book, canaries, wait=wait)
            if release and not lanes and registry is not None:
                await self.ledger.lanes.release(registry)
                await self.teller.end_alert(Alert.QUARANTINED, registry)
            report.lanes = [lane.report for lane in lanes]
            await side_by_side(lanes, book, self._stopping, lambda lane: guarded(lane, self.teller, self._one))
            report.stopped = self._stopping.is_set() or any(lane.track.lost for lane in lanes)
            await self._end(report, sweep, lanes, book)
        except BaseException:
            with suppress(StoreError, StoreLost):
                await self.ledger.sweeps.stop(sweep, now=self.probe.now())
            raise
        return report

    async def expected(self, *, user: str | None = None, registry: Host | None = None) -> list[Expected]:
        """What it would take, by what is known now; nothing is sent and nothing written."""
        return await expected(self.probe, self.store, Filters(user, registry))

    async def _canaries(self, registry: Host | None) -> dict[Host, Credential | None]:
        """Everything of the settings that may be wrong is looked at before anything is asked."""
        found: dict[Host, Credential | None] = {}
        for name in self.probe.settings.registries:
            if name != "*" and registry in (None, name):
                host = Host(name)
                given_proofs(host, settings_of(self.probe.settings, host).proof)
                found[host] = await canary_at(self.probe, host)
        return found

    async def _planned(self, probe: Probe, sweep: SweepRow) -> bool:
        """Write the plan's rows: while one page is written the next is read. False if it is to be stopped."""
        adding: asyncio.Task[None] | None = None
        lost: BaseException | None = None
        shown = self.probe.now()
        try:
            async for rows in planned(probe, self.store, sweep.id, sweep.filters):
                if adding is not None:
                    await adding
                adding = asyncio.create_task(self.ledger.plans.add(rows))
                if (now := self.probe.now()) - shown >= _SHOWN:
                    shown = now
                    await self.ledger.sweeps.beat(sweep, now=now)
                if self._stopping.is_set():
                    break
        finally:
            if adding is not None:
                await asyncio.wait({adding})
                lost = None if adding.cancelled() else adding.exception()
        if lost is not None:
            raise lost
        return not self._stopping.is_set()

    async def _lanes(
        self, probe: Probe, sweep: SweepRow, book: Book, canaries: dict[Host, Credential | None], *, wait: bool
    ) -> list[Lane]:  # fmt: skip
        """The lanes of the plan, which is made if it is not there yet."""
        plans = self.ledger.plans
        if sweep.planned_at is None:
            if not await self._planned(probe, sweep):
                return []
            await plans.settle(sweep.id)
            await self.ledger.sweeps.planned(sweep, now=self.probe.now())
        before = {lane.host: lane for lane in await self.ledger.sweeps.lanes(sweep.id)}
        reports: dict[Host, LaneReport] = {}
        for (host, phase), count in sorted((await plans.counts(sweep.id)).items()):
            report = reports.setdefault(Host(host), LaneReport(Host(host)))
            report.credentials += count
            report.done += count if phase is not Phase.WAITING else 0
            report.suspects += count if phase is Phase.HELD else 0
            if host in before:
                report.go_on_from(before[host])
        lanes = []
        for host, report in reports.items():
            canary = canaries[host] if host in canaries else await canary_at(probe, host)
            lanes.append(await lane_of(probe, book, report, canary, wait=wait))
        return lanes

    async def _one(self, lane: Lane) -> None:
        """A lane, when nobody else sweeps it."""
        hold = lane.track.hold = await self._hold(lane)
        if hold is None:
            host, now = lane.report.registry, self.probe.now()
            lane.report.done += await self.ledger.plans.leave(lane.queue.sweep, host, Reason.BUDGET_SPENT, at=now)
            return
        logged.lane_began(lane.queue.sweep, lane.report)
        await lane.run()
        logged.lane_ended(lane.queue.sweep, lane.report)
        lane.track.hold = None  # from here on it is not renewed
        await self.ledger.lanes.leave(hold)

    async def _hold(self, lane: Lane) -> Hold | None:
        """The lane, when nobody else sweeps it; None if that is not waited for."""
        report = lane.report
        while not isinstance(hold := await self.ledger.lanes.take(report.registry, self.owner, now=self.probe.now()), Hold):
            if not lane.wait:
                return None
            report.held_by_other = True
            self.told(report)
            await self.probe.sleep(ASK_AGAIN_S)
        report.held_by_other = False
        return hold

    async def _end(self, report: Report, sweep: SweepRow, lanes: Sequence[Lane], book: Book) -> None:
        """What is written and told when the lanes are through, or were stopped."""
        with suppress(Superseded):
            await book.flush()
            for lane in lanes:
                if report.stopped and not lane.report.finished and not lane.track.lost and lane.track.hold is not None:
                    await lane.belief.keep()
        for lane in lanes:
            if lane.track.hold is not None:
                await self.ledger.lanes.leave(lane.track.hold)
        for lane in lanes:
            await alert_of(self.teller, lane)
        await alert_of_book(self.teller, book, self.probe.now())
        await alert_of_rows(self.teller, self.ledger, self.store, sweep)
        await alert_of_osmos(self.teller, self.ledger, self.store, self.probe.now())
        if report.stopped:
            await self.ledger.sweeps.stop(sweep, now=self.probe.now())
        else:
            report.notices = await self.teller.tell(sweep.id)
        summary = await self.ledger.reports.summary(sweep.id)
        report.totals, report.left_over, report.bad = summary.totals, summary.left_over, summary.bad
        report.finished_at = self.probe.now()
        logged.ended(report)
        if not report.stopped:
            told = {name: getattr(report.notices, name) for name in ("sent", "maybe_sent", "failed", "undeliverable")}
            await self.ledger.sweeps.finish(sweep, now=report.finished_at, notices=told)
            await trim(self.ledger, sweep, report.finished_at, self.probe.settings.sweep.keep_days)
