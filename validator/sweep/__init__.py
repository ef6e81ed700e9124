"""A sweep over stored credentials: one lane a registry, side by side; every status is written back, users are told of changes.

No HTTP server and no command line here. Design sections 5 to 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from validator.credential import Credential, Host
from validator.errors import ValidatorError
from validator.evidence import Exchange, Step
from validator.ledger import Ledger
from validator.ledger.controls import ControlKey
from validator.probe import Probe
from validator.probe.reach import provider_of, settings_of
from validator.stores.base import CredentialStore
from validator.sweep.base import LaneReport, LeftOver, Report, Row, Shared, Told
from validator.sweep.base.book import Book
from validator.sweep.base.canary import CanaryWatch, canary_of
from validator.sweep.lane import Lane
from validator.sweep.selection import Selection, member_of, select
from validator.sweep.shown import report_json
from validator.telling import Alert, Counts, Teller
from validator.verdict import Reason

__all__ = ["Expected", "LaneReport", "LeftOver", "Report", "Row", "Sweep", "report_json"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a sweep of one registry would take, by its pace."""

    registry: Host
    credentials: int
    requests: int
    seconds: float


class _Stopped(Exception):
    """Ends the lanes from inside their task group."""


@dataclass(slots=True)
class Sweep:
    """`order` shuffles a lane; `told` is called when a lane comes further; `stop` ends it within a moment, with what is done."""

    probe: Probe
    ledger: Ledger
    store: CredentialStore
    teller: Teller
    order: Random
    name: str
    told: Told = lambda lane: None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """End it: what is in flight is given up, what was heard is written down, the rest is left over."""
        self._stopping.set()

    async def run(self, *, user: str | None = None, registry: Host | None = None, wait: bool = True) -> Report:
        """Ask every stored credential that the filters select, and write down what follows. Raises ConfigError, StoreError, StoreLost."""
        report = Report(self.name, self.probe.now())
        selection = await select(self.probe, self.store, user=user, registry=registry)
        lanes = [await self._lane(report, host, secrets, selection, wait=wait) for host, secrets in selection.lanes.items()]
        report.lanes = sorted((lane.report for lane in lanes), key=lambda lane: lane.registry)
        counted, self.probe.on_exchange = self.probe.on_exchange, _counting(report.lanes, self.probe.on_exchange)
        try:
            await self._side_by_side(lanes, selection)
        finally:
            self.probe.on_exchange = counted
        report.stopped = self._stopping.is_set()
        for lane in lanes:
            if not lane.report.finished:
                await lane.keep_what_is_done()
                self._unfinished(lane, selection.lanes[lane.report.registry], Reason.DEADLINE if report.stopped else Reason.PROTOCOL)
        report.rows = sorted([*selection.rows, *(row for lane in lanes for row in lane.book.rows.values())], key=lambda row: (row.user, row.name))
        report.left_over = [*selection.left_over, *(left for lane in lanes for left in lane.book.left_over.values())]
        report.left_over.sort(key=lambda left: (left.user, left.name))
        report.notices = await self._tell(report, lanes)
        report.finished_at = self.probe.now()
        return report

    async def expected(self, *, user: str | None = None, registry: Host | None = None) -> list[Expected]:
        """What it would take, by what is known now; nothing is sent and nothing written."""
        selection = await select(self.probe, self.store, user=user, registry=registry)
        return [await self._expected(host, secrets) for host, secrets in sorted(selection.lanes.items())]

    async def _expected(self, host: Host, secrets: Sequence[Shared]) -> Expected:
        pace, now = provider_of(self.probe.settings, host, None).pace, self.probe.now()
        due = [shared for shared in secrets if any(member.standing.is_due(now) for member in shared.members)]
        fresh = timedelta(seconds=self.probe.settings.sweep.fresh_s)
        asked = 0
        for shared in due:
            facts = await self.ledger.facts.of(host, shared.fingerprint)
            proven = facts is not None and facts.ever_valid and facts.refused_since_accepted() is None
            recent = proven and facts is not None and facts.accepted_at is not None and now - facts.accepted_at <= fresh
            asked += 0 if recent else 3 if shared.image is not None else 1
        requests = asked + (await self._of_the_host(host, pace.challenge_fresh_s, pace.control_fresh_s) if asked else 0)
        confirming = any(shared.suspect and shared.confirmed_from(pace.confirm_after_s) for shared in due)
        seconds = max(0.0, (requests - pace.burst) / pace.per_second) + (pace.confirm_after_s if confirming else 0.0)
        return Expected(host, sum(len(shared.members) for shared in secrets), requests, round(seconds, 1))

    async def _of_the_host(self, host: Host, challenge_fresh_s: float, control_fresh_s: float) -> int:
        """Requests that serve all secrets of a host: the ping and the negative control, where what is kept is too old."""
        kept, now = await self.ledger.challenges.get(host), self.probe.now()
        if kept is None:
            return 2
        realm = kept.realm if kept.scheme == "bearer" else ""  # of Basic it is a label, and no part of the control's key
        key = ControlKey(host=host, realm=realm, service=kept.service, scheme=kept.scheme, step=str(Step.LOGIN))
        control = await self.ledger.controls.get(key)
        return int(now - kept.at > timedelta(seconds=challenge_fresh_s)) + int(
            control is None or now - control.at > timedelta(seconds=control_fresh_s)
        )  # fmt: skip

    async def _lane(self, report: Report, host: Host, secrets: list[Shared], selection: Selection, *, wait: bool) -> Lane:
        self.order.shuffle(secrets)
        told = LaneReport(host, credentials=sum(len(shared.members) for shared in secrets))
        said = settings_of(self.probe.settings, host)
        canary = await asyncio.to_thread(canary_of, host, said.canary if not said.disabled else None)

        def shared_of(credential: Credential) -> Shared:
            fingerprint = self.probe.fingerprinter.of(host, credential.username, credential.secret)
            return Shared(host, fingerprint, [member_of(credential, fingerprint, selection.known)])

        book = Book(self.ledger, self.store, self.probe.settings, told, self.told, self.name)
        watch = CanaryWatch(self.probe, host, report.started_at, canary)
        return Lane(self.probe, book, told, watch, wait, report.started_at, shared_of)

    async def _side_by_side(self, lanes: Sequence[Lane], selection: Selection) -> None:
        """Every lane in a task of its own, until all are through or `stop` is called."""

        async def watch() -> None:
            await self._stopping.wait()
            raise _Stopped

        try:
            async with asyncio.TaskGroup() as outer:
                watcher = outer.create_task(watch())
                async with asyncio.TaskGroup() as tasks:
                    for lane in lanes:
                        tasks.create_task(self._guarded(lane, selection.lanes[lane.report.registry]))
                watcher.cancel()
        except* _Stopped:
            pass

    async def _guarded(self, lane: Lane, secrets: Sequence[Shared]) -> None:
        """A fault of ours in one lane takes no other lane with it: it is told, and the lane's rest is left over."""
        try:
            await lane.run(tuple(secrets))
        except ValidatorError:
            raise
        except Exception as error:
            if isinstance(error, BaseExceptionGroup) and error.subgroup(ValidatorError) is not None:
                raise
            text = f"{lane.report.registry}: a fault of our own ({type(error).__name__}) ended its lane; please report it"
            await self.teller.alert(Alert.FAULT, lane.report.registry, text)

    def _unfinished(self, lane: Lane, secrets: Sequence[Shared], reason: Reason) -> None:
        """What was not asked keeps its last verdict, and is left over."""
        for shared in secrets:
            for member in shared.members:
                place = (member.user, member.name)
                if place not in lane.book.rows:
                    lane.book.left_over[place] = LeftOver(*place, reason)
            lane.book.keep(shared)

    async def _tell(self, report: Report, lanes: Sequence[Lane]) -> Counts:
        """The operator's alerts; then a digest a user with something to know."""
        alert = self.teller.alert
        for lane in lanes:
            host = lane.report.registry
            if lane.report.quarantined:
                await alert(Alert.QUARANTINED, host, "more credentials than usual would have died; their statuses stay, and nobody was told.")
            if lane.canary.died:
                await alert(Alert.CANARY, host, "canary dead: refused twice while others are accepted; it is left out, replace it.")
            elif lane.canary.failed_at is not None:
                await alert(Alert.CANARY, host, "the canary was refused; is the registry well, is the canary's secret right?")
        for left in report.left_over:
            if left.reason is Reason.UNREADABLE:
                await alert(Alert.UNREADABLE, f"{left.user} {left.name}", "its stored row cannot be decrypted; is this the right master key?")
        return await self.teller.tell(report.sweep)


def _counting(lanes: Sequence[LaneReport], also: Callable[[str, Exchange], None] | None) -> Callable[[str, Exchange], None]:
    by_host: Mapping[str, LaneReport] = {lane.registry: lane for lane in lanes}

    def count(host: str, exchange: Exchange) -> None:
        lane = by_host.get(host)
        if lane is not None:
            lane.count(exchange)
        if also is not None:
            also(host, exchange)

    return count
