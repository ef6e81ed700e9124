"""One registry's lane of a sweep: every secret once, the suspects once more at its end, and what is believed of it.

A death needs a second refusal, the provider's wait later, with the registry seen well in between; many refusals at once, or a
refused canary, are the registry's illness. registries/README.md 6.2, 6.3; design sections 5 to 7.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from validator.credential import Credential
from validator.probe import Probe
from validator.probe.reach import provider_of
from validator.status import Said, State
from validator.sweep.base import Heard, LaneReport, LeftOver, Shared, unknown
from validator.sweep.base.asking import converse, inquiry_of
from validator.sweep.base.book import Book, is_refusal
from validator.sweep.base.canary import CanaryWatch, Says
from validator.verdict import Outcome, Reason

QUARANTINED: Final = "lane_quarantined"
"""The sign that is kept of a quarantine: the next sweep's good canary releases the lane."""
SPENT_IN_ROW: Final = 20
"""After so many secrets for which there was no place the others of this round are not tried."""


@dataclass(slots=True)
class Lane:
    """Sweeps the secrets of one host. `wait` False leaves suspects and a spent budget to the next sweep."""

    probe: Probe
    book: Book
    report: LaneReport
    canary: CanaryWatch
    wait: bool
    started_at: datetime
    shared_of: Callable[[Credential], Shared]
    _confirm_after_s: float = 600.0
    _in_flight: int = 1
    _queue: deque[Shared] = field(default_factory=deque)
    _deferred: list[tuple[float, Shared]] = field(default_factory=list)
    _held: list[tuple[Shared, Heard]] = field(default_factory=list)
    _due: list[tuple[float, int, Shared]] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)
    _refused: set[str] = field(default_factory=set)
    _spent_in_row: int = 0
    _closed: Reason | None = None
    _proven: bool = False
    _count: Iterator[int] = field(default_factory=itertools.count)

    async def run(self, secrets: Sequence[Shared]) -> None:
        """Every secret once; then the suspects, when their wait is over."""
        pace = provider_of(self.probe.settings, self.report.registry, None).pace
        self._confirm_after_s, self._in_flight = pace.confirm_after_s, pace.in_flight
        await self._line_up(secrets)
        await self._ask_all()
        while self._due and self.wait and self._closed is None and await self._wait_for(self._due[0][0]):
            _, _, shared = heapq.heappop(self._due)
            await self._ask(shared, again=True)
        await self._believe(again=True)
        await self._ask_all()
        for _, _, shared in self._due:  # not before the next sweep
            self.book.keep(shared)
        self.report.finished = True
        self.book.told(self.report)

    async def _ask_all(self) -> None:
        """The queue, and what came to stand in it while its refusals were written down."""
        while self._queue or self._held:
            while self._queue or self._deferred:
                if self._queue:
                    await self._round()
                elif not await self._budget_frees():
                    break
            self._leave([*self._queue, *(shared for _, shared in self._deferred)], self._closed or Reason.BUDGET_SPENT)
            self._queue.clear()
            self._deferred.clear()
            await self._believe()

    async def keep_what_is_done(self) -> None:
        """After a stop: refusals that were heard make suspects, nothing dies, and what was not asked is left over."""
        many = self._is_mass()
        for shared, heard in self._held:
            early = replace(heard, healthy=False)
            if many or (shared.suspect and self._ripe(shared)):
                early = early.ill() if many else replace(early, verdict=unknown(Reason.AMBIGUOUS_REFUSAL), login=None)
            await self.book.write(shared, early, confirm_after_s=self._confirm_after_s)
        self._held.clear()

    async def _line_up(self, secrets: Iterable[Shared]) -> None:
        """Suspects whose wait is over first, then the formerly valid, the others, the dead."""
        ranked: list[tuple[int, Shared]] = []
        for shared in secrets:
            facts = await self.probe.ledger.facts.of(shared.host, shared.fingerprint)
            shared.formerly = (facts is not None and facts.ever_valid) or any(member.standing.ever_valid for member in shared.members)
            if shared.suspect and not self._ripe(shared):
                self._schedule(shared)
            else:
                ranked.append((0 if shared.suspect else 3 if shared.dead else 1 if shared.formerly else 2, shared))
        self._queue.extend(shared for _, shared in sorted(ranked, key=lambda one: one[0]))

    async def _round(self) -> None:
        """Ask what stands in the queue; side by side only when one was proven, so that challenge and control are known."""
        while self._queue and not self._proven and self._closed is None:
            await self._ask(self._queue.popleft())
        width = min(len(self._queue), self._in_flight)
        if self._closed is None and width:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(width):
                    tasks.create_task(self._work())
        if self._closed is not None:
            self._leave(self._queue, self._closed)
            self._queue.clear()

    async def _work(self) -> None:
        while self._queue and self._closed is None:
            await self._ask(self._queue.popleft())

    async def _ask(self, shared: Shared, *, again: bool = False) -> None:
        """One secret: not at all while it is fresh or not due; else one conversation, whose refusal is held back."""
        if not again and all(not member.standing.is_due(self.probe.now()) for member in shared.members):
            self.book.keep(shared)
            return
        credential, changed = await self.book.current(shared)
        self._anew(shared, changed)
        if credential is None or (not again and await self._is_fresh(shared, credential)):
            return
        suspected = again or (shared.suspect and any(m.standing.suspected_of is Said.REFUSED for m in shared.members))
        healthy = await self._is_well(shared) if suspected else False
        asked = await converse(self.probe, shared, credential)
        heard, reason = replace(asked.heard, healthy=healthy), asked.heard.verdict.reason
        self._confirm_after_s, self._in_flight = asked.provider.pace.confirm_after_s, asked.provider.pace.in_flight
        self.report.probes += asked.probed
        if reason is Reason.BUDGET_SPENT:
            self._defer(shared, heard, again=again)
            return
        self._spent_in_row = 0
        self._asked |= {shared.fingerprint} if shared.formerly else set()
        self._proven = self._proven or heard.verdict.outcome is Outcome.VALID
        if reason is Reason.ADDRESS_BANNED:
            self._closed = reason
        if is_refusal(heard) and not shared.dead:
            self._refused |= {shared.fingerprint} if shared.formerly else set()
            self._held.append((shared, heard))
            return
        await self._write(shared, heard)
        if not again and heard.verdict.outcome in (Outcome.INSUFFICIENT, Outcome.MISCONFIGURED):
            self._schedule(shared, heard)

    async def _is_fresh(self, shared: Shared, credential: Credential) -> bool:
        """True if it was proven a short while ago: then its status says so, and nothing is sent."""
        found = await self.probe.recalled(inquiry_of(shared, credential), self.probe.settings.sweep.fresh_s)
        if found is None:
            return False
        if all(member.standing.state is State.ALIVE for member in shared.members):
            self.book.keep(shared)
        else:
            await self._write(shared, Heard(*found))
        return True

    async def _write(self, shared: Shared, heard: Heard) -> None:
        self._anew(shared, await self.book.write(shared, heard, confirm_after_s=self._confirm_after_s))

    def _anew(self, shared: Shared, changed: Sequence[Credential]) -> None:
        """What stands in the place of a credential that changed is asked once, in this sweep, if it is of this registry."""
        for credential in changed:
            if not shared.anew and credential.scope.host == shared.host:
                new = self.shared_of(credential)
                new.anew = True
                self._queue.append(new)
            else:
                self.book.left_over[credential.user, credential.name] = LeftOver(credential.user, credential.name, Reason.ROTATED)

    def _ripe(self, shared: Shared) -> bool:
        since = shared.confirmed_from(self._confirm_after_s)
        return since is not None and self.probe.now() >= since

    def _schedule(self, shared: Shared, heard: Heard | None = None) -> None:
        """A suspect is asked again when its wait is over, and a little later: two clocks never agree. Once in a sweep."""
        since = shared.confirmed_from(self._confirm_after_s)
        if since is None or (heard is not None and not heard.confirmable):
            return
        left = (since - self.probe.now()).total_seconds()
        if left > 0 or since - timedelta(seconds=self._confirm_after_s) >= self.started_at:
            self._later(shared, max(0.0, left) + self._margin_s)

    @property
    def _margin_s(self) -> float:
        return max(0.01, self._confirm_after_s / 1000)

    def _later(self, shared: Shared, seconds: float) -> None:
        heapq.heappush(self._due, (self.probe.monotonic() + seconds, next(self._count), shared))

    def _defer(self, shared: Shared, heard: Heard, *, again: bool) -> None:
        """No place in the failure budget: later, if one frees within the sweep's patience; else it is left."""
        retry = heard.verdict.retry_after_s
        patience = self.probe.settings.sweep.wait_s
        if retry is None or retry > patience or not self.wait:
            self._leave([shared], Reason.BUDGET_SPENT, heard)
        elif again:
            self._later(shared, retry)
        else:
            self._deferred.append((self.probe.monotonic() + retry, shared))
            self._spent_in_row += 1
            if self._spent_in_row >= SPENT_IN_ROW:
                self._deferred += [(self.probe.monotonic() + retry, other) for other in self._queue]
                self._queue.clear()

    async def _budget_frees(self) -> bool:
        """Wait for the first place; False if the registry looks ill already, so that no more of its refusals are asked for."""
        if self._is_mass():
            self._closed = Reason.REGISTRY_ILL
            return False
        await self._wait_for(min(at for at, _ in self._deferred))
        now = self.probe.monotonic()
        self._queue.extend(shared for at, shared in self._deferred if at <= now)
        self._deferred = [(at, shared) for at, shared in self._deferred if at > now]
        self._spent_in_row = 0
        return True

    async def _wait_for(self, at: float) -> bool:
        """Sleep until the monotonic instant `at`; False, at once, if that is beyond the sweep's patience."""
        left = at - self.probe.monotonic()
        if left > self.probe.settings.sweep.wait_s:
            return False
        if left > 0:
            self.report.waiting_until = self.probe.now() + timedelta(seconds=left)
            self.book.told(self.report)
            await self.probe.sleep(left)
            self.report.waiting_until = None
        return True

    def _leave(self, secrets: Iterable[Shared], reason: Reason, heard: Heard | None = None) -> None:
        for shared in secrets:
            self.book.leave(shared, reason, at=heard.at if heard is not None else self.probe.now())

    def _is_mass(self) -> bool:
        """True if the formerly valid ones that were refused are many, and half of those asked or more."""
        return len(self._refused) >= self.probe.settings.sweep.quarantine_min and 2 * len(self._refused) >= len(self._asked)

    async def _believe(self, *, again: bool = False) -> None:
        """Write down the refusals that were held back, unless they are the registry's illness."""
        held, self._held = self._held, []
        if not held:
            return
        if again and self.canary.failed_at is not None:
            await self._wait_for(self.canary.failed_at + self._confirm_after_s + self._margin_s)
        banned = self._closed is Reason.ADDRESS_BANNED
        says = await self.canary.says(self._confirm_after_s) if not banned else Says.NOTHING
        ill = says is Says.ILL
        if self._is_mass() and not (says is Says.GOOD and await self._was_quarantined()):
            ill = self.report.quarantined = True
            await self.probe.ledger.illness.add(self.report.registry, QUARANTINED, now=self.probe.now())
        for shared, heard in held:
            if banned:  # refusals beside a ban say nothing for sure (6.2 e)
                heard = replace(heard, healthy=False)
            await self._write(shared, heard.ill() if ill else heard)
            if not again and not ill:
                self._schedule(shared, heard)
        self._refused.clear()

    async def _was_quarantined(self) -> bool:
        """True if an earlier sweep put this lane into quarantine."""
        signs = await self.probe.ledger.illness.since(self.report.registry, self.started_at - timedelta(days=30))
        return any(sign.kind == QUARANTINED and sign.at < self.started_at for sign in signs)

    async def _seen_well(self, shared: Shared) -> bool:
        """True if another secret was accepted here since the (latest) first refusal of this one."""
        since = max((m.standing.first_refused_at for m in shared.members if m.standing.first_refused_at is not None), default=None)
        beside = await self.probe.ledger.facts.accepted_beside(shared.host, shared.fingerprint)
        return since is not None and beside is not None and beside > since

    async def _is_well(self, shared: Shared) -> bool:
        """Health between two refusals: another secret, or the canary; where there is neither, an anonymous answer as usual."""
        if await self._seen_well(shared):
            return True
        match await self.canary.says(self._confirm_after_s):
            case Says.GOOD:
                return True
            case Says.ILL:
                return False
            case Says.NOTHING:
                return await self.probe.well(shared.host, shared.image.repository if shared.image is not None else "")
