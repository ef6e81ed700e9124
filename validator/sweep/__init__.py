"""A sweep over stored credentials: one lane a registry, side by side; every status is written back, users are told of changes.

No HTTP server and no command line here. Design sections 5 to 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

from validator.credential import Host
from validator.evidence import Exchange
from validator.ledger import Ledger
from validator.ledger.statuses import StatusKey
from validator.notifiers.base import Digest, Line, Notifier
from validator.probe import Probe
from validator.probe.reach import provider_of, settings_of
from validator.status import Transition
from validator.stores.base import UnreadableRow, WritableStore
from validator.sweep.base import LaneReport, LeftOver, Member, Report, Row, Shared, Told
from validator.sweep.lane import Lane
from validator.verdict import Reason
from validator.verdict.words import cause_and_advice

__all__ = ["Expected", "Lane", "LaneReport", "LeftOver", "Report", "Row", "Sweep"]

TELLING = frozenset({Transition.DIED, Transition.NEVER_WORKED, Transition.IMPAIRED, Transition.EXPIRING})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a sweep of one registry would take, by its pace."""

    registry: Host
    credentials: int
    requests: int
    seconds: float


@dataclass(slots=True)
class Sweep:
    """`order` shuffles a lane; `told` is called when a lane comes further; set `stopping[0]` to end within a request."""

    probe: Probe
    ledger: Ledger
    store: WritableStore
    notifier: Notifier
    order: Random
    name: str
    told: Told = lambda lane: None
    stopping: list[bool] = field(default_factory=lambda: [False])

    async def run(self, *, user: str | None = None, registry: Host | None = None, wait: bool = True) -> Report:
        """Ask every stored credential that the filters select, and write down what follows. Raises StoreLost."""
        report = Report(self.name, self.probe.now())
        lanes = await self._lanes(report, user, registry)
        by_host = {str(host): LaneReport(host, sum(len(shared.members) for shared in secrets)) for host, secrets in lanes.items()}
        report.lanes = list(by_host.values())
        self.probe.on_exchange = _counting(by_host)
        running = [Lane(self.probe, self.ledger, self.store, by_host[str(host)], self.told, wait, self.stopping) for host in lanes]
        async with asyncio.TaskGroup() as tasks:
            for lane, secrets in zip(running, lanes.values(), strict=True):
                tasks.create_task(lane.run(secrets))
        for lane in running:
            report.rows += lane.rows
            report.left_over += lane.left_over
        report.rows.sort(key=lambda row: (row.user, row.name))
        report.stopped = self.stopping[0]
        report.sent = await self._tell(report)
        report.finished_at = self.probe.now()
        return report

    async def expected(self, *, user: str | None = None, registry: Host | None = None) -> list[Expected]:
        """What it would take; nothing is sent."""
        lanes = await self._lanes(Report(self.name, self.probe.now()), user, registry)
        found = []
        for host, secrets in lanes.items():
            pace = provider_of(self.probe.settings, host, None).pace
            requests = len(secrets) + 2
            found.append(Expected(host, sum(len(s.members) for s in secrets), requests, round(max(0, requests - pace.burst) / pace.per_second, 1)))
        return found

    async def _lanes(self, report: Report, user: str | None, registry: Host | None) -> dict[Host, list[Shared]]:
        """The secrets by host, each once, in an order that is the same after a restart of the same sweep."""
        proofs = await self.store.proofs(user)
        found: dict[Host, dict[str, Shared]] = {}
        async with aclosing(self.store.credentials(user)) as stored:  # type: ignore[type-var]  # an async generator behind the Protocol
            async for one in stored:
                if registry is not None and registry not in (one.scope.host, one.scope.host.partition(":")[0]):
                    continue
                if isinstance(one, UnreadableRow):
                    report.left_over.append(LeftOver(one.user, one.name, Reason.UNREADABLE))
                    continue
                fingerprint = self.probe.fingerprinter.of(one.scope.host, one.username, one.secret)
                key = StatusKey(one.user, one.scope, fingerprint, one.row)
                shared = found.setdefault(one.scope.host, {}).setdefault(str(fingerprint), Shared(one.scope.host, fingerprint))
                proof = proofs.get((one.user, one.name)) or next(iter(settings_of(self.probe.settings, one.scope.host).proof), None)
                shared.members.append(Member(one, key, proof))
        lanes = {host: list(secrets.values()) for host, secrets in found.items()}
        for secrets in lanes.values():
            self.order.shuffle(secrets)
        return lanes

    async def _tell(self, report: Report) -> int:
        """One digest a user with something to do; how many were taken."""
        digests: dict[str, list[Line]] = {}
        for row in report.rows:
            if row.transition in TELLING:
                provider = provider_of(self.probe.settings, Host(row.registry), None)
                cause, advice = cause_and_advice(row.reason, provider.causes, provider.advice) if row.reason is not None else ("", "")
                line = Line(row.name, row.registry, row.transition.value, cause, advice, row.standing.expires_at)
                digests.setdefault(row.user, []).append(line)
        sent = 0
        for user, lines in digests.items():
            sent += await self.notifier.notify(Digest(user, tuple(lines)))
        for lane in report.lanes:
            if lane.quarantined:
                await self.notifier.alert(f"{lane.registry}: more credentials than usual would have died; their statuses stay, nobody was told")
        return sent


def _counting(lanes: Mapping[str, LaneReport]) -> Callable[[str, Exchange], None]:
    def count(host: str, exchange: Exchange) -> None:
        lane = lanes.get(host)
        if lane is not None:
            lane.count(exchange)

    return count
