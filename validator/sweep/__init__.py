"""A sweep over stored credentials: one lane a registry, side by side; every status is written back, users are told of changes.

Everything that a sweep knows is in the ledger: its plan, what it heard, who holds which lane. A process that ends loses at
most a second of it, and the next sweep with the same filters goes on. No HTTP server and no command line here. Design
sections 5 to 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from validator.credential import Credential, Host
from validator.errors import StoreError, StoreLost, UsageError, ValidatorError
from validator.evidence import Exchange
from validator.ledger import Ledger
from validator.ledger.base.processes import this_process
from validator.ledger.lanes import Hold
from validator.ledger.plans import UNREADABLE, Phase
from validator.ledger.sweeps import Filters, SweepRow
from validator.probe import Probe
from validator.probe.reach import settings_of
from validator.status import State
from validator.stores.base import CredentialStore
from validator.sweep.base import LaneReport, Report, Told, logged
from validator.sweep.base.belief import Belief
from validator.sweep.base.book import SHOWN, Book, Superseded, Track
from validator.sweep.base.canary import CanaryWatch, canary_of
from validator.sweep.base.guard import NIGHTS, Night
from validator.sweep.base.opening import Opener
from validator.sweep.base.queue import Queue, given_proofs
from validator.sweep.lane import Lane
from validator.sweep.planning import Expected, expected, planned
from validator.telling import Alert, Teller
from validator.verdict import Reason

__all__ = ["Expected", "LaneReport", "Report", "Sweep"]

ASK_AGAIN_S: Final = 1.0
"""So often a lane that another sweep holds is looked at."""
_counting: ContextVar[LaneReport | None] = ContextVar("counting", default=None)


class _Stopped(Exception):
    """Ends the lanes from inside their task group."""


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
        probe = self._counting_probe()
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
            await self._side_by_side(lanes, book)
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
                found[host] = await self._canary(host)
        return found

    async def _canary(self, host: Host) -> Credential | None:
        said = settings_of(self.probe.settings, host)
        return await asyncio.to_thread(canary_of, host, said.canary if not said.disabled else None)

    def _counting_probe(self) -> Probe:
        """The same probe, whose exchanges are counted for the lane that makes them."""
        also = self.probe.on_exchange

        def count(host: str, exchange: Exchange) -> None:
            lane = _counting.get()
            if lane is not None:
                lane.count(exchange)
            if also is not None:
                also(host, exchange)

        return self.probe.beside(on_exchange=count)

    async def _lanes(
        self, probe: Probe, sweep: SweepRow, book: Book, canaries: dict[Host, Credential | None], *, wait: bool
    ) -> list[Lane]:  # fmt: skip
        """The lanes of the plan, which is made if it is not there yet."""
        plans = self.ledger.plans
        if sweep.planned_at is None:
            async for rows in planned(probe, self.store, sweep.id, sweep.filters):
                await plans.add(rows)
                await self.ledger.sweeps.beat(sweep, now=self.probe.now())
                if self._stopping.is_set():
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
        return [await self._lane(probe, sweep, book, report, canaries, wait=wait) for report in reports.values()]

    async def _lane(
        self, probe: Probe, sweep: SweepRow, book: Book, report: LaneReport, canaries: dict[Host, Credential | None], *, wait: bool
    ) -> Lane:  # fmt: skip
        host = report.registry
        canary = canaries[host] if host in canaries else await self._canary(host)
        track = book.tracks[host] = Track(report)
        queue = Queue(probe, sweep.id, host, lambda: book.written)
        nights = [Night(night.asked, night.fell) for night in await self.ledger.sweeps.nights(host, limit=NIGHTS)]
        watch = CanaryWatch(probe, host, sweep.started_at, canary)
        belief = Belief(probe, book, track, queue, watch, nights, sweep.filters.released)
        return Lane(probe, book, track, queue, Opener(probe, book, track, queue, sweep.started_at), belief, wait)

    async def _side_by_side(self, lanes: Sequence[Lane], book: Book) -> None:
        """Every lane in a task of its own, until all are through or `stop` is called."""

        async def watch() -> None:
            await self._stopping.wait()
            raise _Stopped

        try:
            async with asyncio.TaskGroup() as outer:
                others = [outer.create_task(watch()), outer.create_task(book.run())]
                async with asyncio.TaskGroup() as tasks:
                    for lane in lanes:
                        if not lane.report.finished:
                            tasks.create_task(self._guarded(lane))
                for other in others:
                    other.cancel()
        except* _Stopped:
            pass
        except* Superseded:
            for lane in lanes:
                lane.track.lost = True

    async def _guarded(self, lane: Lane) -> None:
        """A fault of ours in one lane takes no other lane with it: it is told, and the lane's rest is left over."""
        _counting.set(lane.report)
        try:
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
        except ValidatorError:
            raise
        except Exception as error:
            if isinstance(error, Superseded) or (isinstance(error, BaseExceptionGroup) and error.subgroup(Superseded) is not None):
                lane.track.lost = True
                return
            if isinstance(error, BaseExceptionGroup) and error.subgroup(ValidatorError) is not None:
                raise
            text = f"a fault of our own ({type(error).__name__}) ended this registry's lane; please report it."
            await self.teller.alert(Alert.FAULT, lane.report.registry, text)

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
        await self._alert(sweep, lanes, book)
        if report.stopped:
            await self.ledger.sweeps.stop(sweep, now=self.probe.now())
        else:
            report.notices = await self.teller.tell(sweep.id)
        report.totals = await self.ledger.plans.totals(sweep.id)
        report.left_over, report.bad = await self.ledger.plans.left_over(sweep.id), await self.ledger.plans.in_state(sweep.id, *_BAD)
        report.finished_at = self.probe.now()
        logged.ended(report)
        if not report.stopped:
            told = {name: getattr(report.notices, name) for name in ("sent", "maybe_sent", "failed", "undeliverable")}
            await self.ledger.sweeps.finish(sweep, now=report.finished_at, notices=told)
            await self._trim(sweep, report.finished_at)

    async def _trim(self, sweep: SweepRow, now: datetime) -> None:
        """Forget what is older than it is kept."""
        before = now - timedelta(days=self.probe.settings.sweep.keep_days)
        await self.ledger.sweeps.trim(before, newest=sweep.id)
        await self.ledger.history.trim(before)
        await self.ledger.notices.trim(before)
        await self.ledger.alerts.trim(before)

    async def _alert(self, sweep: SweepRow, lanes: Sequence[Lane], book: Book) -> None:
        """What the operator is to know of each lane, and what is over."""
        alert = self.teller.alert
        for lane in lanes:
            host, canary = lane.report.registry, lane.belief.canary
            if canary.died:
                await alert(Alert.CANARY, host, "canary dead: refused twice while others are accepted; it is left out, replace it.")
            elif canary.failed_at is not None:
                await alert(Alert.CANARY, host, "the canary was refused; is the registry well, is the canary's secret right?")
            elif lane.report.quarantined:
                told = f"{lane.belief.why}; their statuses stay, and nobody was told. Look at the registry, then: validator sweep --release {host}"
                await alert(Alert.QUARANTINED, host, told)
            if lane.belief.let_go:
                await self.teller.end_alert(Alert.QUARANTINED, host)
        for host, (count, names) in book.silent.items():
            text = f"{count} of its credentials could not be judged for seven nights: {', '.join(names)}{' …' if count > len(names) else ''}."
            await alert(Alert.LONG_UNKNOWN, f"{host} {self.probe.now():%Y-%m-%d}", text)
        async with aclosing(self.ledger.plans.rows(sweep.id, UNREADABLE)) as rows:
            unreadable = [f"{row.user} {row.name}" async for row in rows]
        perhaps = "." if self.store.read_only else "; is this the right master key?"
        for subject in unreadable[:SHOWN]:
            await alert(Alert.UNREADABLE, subject, f"its stored row cannot be read{perhaps}")
        if len(unreadable) > SHOWN:
            await alert(Alert.UNREADABLE, "", f"{len(unreadable)} stored rows cannot be read{perhaps}")
        for host in book.anyone:
            await alert(Alert.ANYONE, host, "it refused made-up secrets, and accepts them now; nothing can be proven there.")


_BAD: Final = (State.DEAD, State.IMPAIRED)
