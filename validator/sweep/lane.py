"""One registry's lane of a sweep: every secret once, the suspects once more when their wait is over, and what is believed of it.

A death needs a second refusal, the provider's wait later, with the registry seen well in between. What speaks against a
secret waits in the plan until the lane is through; then it is believed, unless so much of it is the registry's illness.
registries/README.md 6.2, 6.3; design sections 5 to 7.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from validator.credential import Credential
from validator.ledger.plans import WHOLE, Phase
from validator.probe import Probe
from validator.probe.reach import provider_of
from validator.providers import Provider
from validator.status import Said
from validator.sweep.base import Heard, LaneReport, Shared
from validator.sweep.base.asking import LockedNames, VendorTurns, converse
from validator.sweep.base.belief import Belief
from validator.sweep.base.book import Book, Entry, Superseded, Track, left_of
from validator.sweep.base.canary import Says
from validator.sweep.base.opening import Opener
from validator.sweep.base.queue import MOST_AHEAD, NEW_FIRST, Queue
from validator.verdict import Outcome, Reason

LEAST_AHEAD: Final = 1
"""A slow lane reads the next secret when it is to be sent."""
LOOKS: Final = 3
"""So many of those who were refused are asked once more before a lane is thought ill: an illness may have passed meanwhile."""
MANY_REFUSED: Final = 3
"""From so many formerly valid secrets refused on, the canary is asked (registries/README.md 6.2)."""


@dataclass(slots=True)
class Lane:
    """Sweeps the secrets of one host. `wait` False leaves suspects and a spent budget to the next sweep.

    A part of a lane (the track's share) asks what can be asked now, and leaves all that waits to the whole lane, which comes after
    its parts: only the whole can tell a registry's illness from deaths.
    """

    probe: Probe
    book: Book
    track: Track
    queue: Queue
    opener: Opener
    belief: Belief
    wait: bool
    _in_flight: int = 1
    _busy: int = 0
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _ready: deque[tuple[Shared, Credential]] = field(default_factory=deque)
    _closed: Reason | None = None
    _most: int | None = None
    _proven: bool = False
    _looked: int = 0
    _watched: bool = False
    _ill_until: datetime | None = None
    _witness: tuple[Shared, Credential] | None = None
    _witnessed_at: datetime | None = None
    _sought: bool = False
    _unwell_until: datetime | None = None
    _vendor: VendorTurns = field(default_factory=VendorTurns)
    _locked: LockedNames = field(default_factory=LockedNames)

    @property
    def report(self) -> LaneReport:
        """Its numbers."""
        return self.track.report

    async def run(self) -> None:
        """Every secret once, the suspects once more; then what was heard is believed. Raises Superseded where another took the lane."""
        provider = provider_of(self.probe.settings, self.report.registry, None)
        self._pace_of(provider)
        self.queue.ahead = max(LEAST_AHEAD, min(MOST_AHEAD, int(provider.pace.per_second)))
        self._most = await self._of_today(provider)
        self.queue.order = self.queue.order if self._most is None else NEW_FIRST
        while True:
            async with asyncio.TaskGroup() as asks:
                while (found := await self._next()) is not None:
                    self._busy += 1
                    asks.create_task(self._one(*found))
            if self._is_part:
                break
            await self._leave_rest()
            await self.belief.settle(self._wait_until, banned=self._closed is Reason.ADDRESS_BANNED)
            self.queue.anew()
            if self._closed is not None or not await self.queue.take(confirming=False):
                break
            self.queue.anew()  # what came in the place of credentials that changed under us
        self.report.waiting_until, self.report.finished_at = None, self.probe.now()
        await self.book.flush()
        self.book.told(self.report)

    async def _of_today(self, provider: Provider) -> int | None:
        """How many requests this lane may have made at its end; None: any number."""
        if (per_day := provider.pace.per_day) is None:
            return None
        others = await self.probe.ledger.sweeps.requests_since(self.report.registry, self.probe.now() - timedelta(days=1)) - self.report.requests
        return max(0, per_day - others) // self.track.share[1]

    @property
    def _is_part(self) -> bool:
        return self.track.share != WHOLE

    async def _one(self, shared: Shared, credential: Credential) -> None:
        try:
            await self._ask(shared, credential)
        finally:
            self._busy -= 1
            self._freed.set()

    async def _next(self) -> tuple[Shared, Credential] | None:
        """The next secret to be asked about, when there is room for it; None when nothing is left that is waited for."""
        while self._closed is None:
            if self.track.lost:
                raise Superseded
            if self._most is not None and self.report.requests + self._busy >= self._most:
                self._closed = Reason.BUDGET_SPENT
                break
            if self._busy >= (self._in_flight if self._proven else 1):
                await self._some_end()
            elif self._ill_until is not None:
                await self._see_whether_well(self._ill_until)
            elif self._ready:
                shared, credential = self._ready.popleft()
                if not shared.words or self._confirms():  # else it stays held
                    return shared, credential
            elif taken := await self.queue.take(confirming=self._confirms()):
                self._ready.extend(await self.opener.open(taken))
            elif self._busy:
                await self._some_end()
            elif not await self._wait():
                return None
        return None

    async def _some_end(self) -> None:
        self._freed.clear()
        await self._freed.wait()

    async def _wait(self) -> bool:
        """Nothing can be asked now: until something can; False if that is beyond the sweep's patience."""
        await self.book.flush()
        self.queue.anew()
        if taken := await self.queue.take(confirming=self._confirms()):
            self._ready.extend(await self.opener.open(taken))
            return True
        if self._is_part:
            return False
        mass = self.belief.is_mass()
        if self.wait and mass and not self._confirms():
            if await self.belief.is_over():
                return True
            self._closed = Reason.REGISTRY_ILL  # no more of its refusals are asked for
            return False
        at = await self.queue.next_at(confirming=self._confirms(), waiting=not mass)
        return at is not None and await self._wait_until(at)

    async def _wait_until(self, at: datetime) -> bool:
        """Sleep until `at`; False, at once, if that is beyond the sweep's patience."""
        left = (at - self.probe.now()).total_seconds()
        if not self.wait or left > self.probe.settings.sweep.wait_s:
            return False
        await self.book.flush()
        self.report.waiting_until = at
        self.book.told(self.report)
        await self.probe.sleep(max(0.0, left) + 0.001)
        self.report.waiting_until = None
        return True

    def _confirms(self) -> bool:
        """Whether suspects are asked again now; of a lane that looks ill a few alone."""
        return self.wait and not self._is_part and (self._looked < LOOKS or not self.belief.is_mass())

    async def _ask(self, shared: Shared, credential: Credential) -> None:
        """One conversation; what speaks against the secret waits."""
        if credential.username in self._locked:
            self.queue.answered(shared)
            return await self.book.add(left_of(self.track, shared, Reason.ACCOUNT_LOCKED, self.probe.now()))
        healthy = await self._is_well(shared) if shared.refused_before else False
        asked = await converse(self.probe, shared, credential)
        heard = replace(asked.heard, healthy=True) if healthy else asked.heard
        self._pace_of(asked.provider)
        self._locked.heard(asked, credential.username)
        self.report.probes += asked.probed
        if heard.verdict.reason is Reason.BUDGET_SPENT:
            return await self._defer(shared, heard)
        if asked.paused:
            self._closed = self._closed or Reason.THROTTLED
            self.queue.answered(shared)
            return await self.book.add(left_of(self.track, shared, Reason.THROTTLED, heard.at))
        self.queue.had_place(shared)
        if (until := self._vendor.turn(asked, self.probe.settings.sweep.wait_s if self.wait else 0.0)) is not None:
            self.queue.answered(shared)
            return await self._put_off(shared, until)
        if heard.verdict.outcome is Outcome.VALID:
            self._proven, self._witness, self._witnessed_at = True, (shared, credential), heard.at
        if heard.verdict.reason is Reason.ADDRESS_BANNED:
            self._closed = Reason.ADDRESS_BANNED
        self.belief.count(shared, heard)
        self._looked = self._looked + (bool(shared.words) and heard.against) if self.belief.is_mass() else 0
        await self._take_down(shared, heard)
        self.queue.answered(shared)
        if self.track.fell >= MANY_REFUSED and not self._watched:
            self._watched = True
            await self._watch()

    async def _take_down(self, shared: Shared, heard: Heard) -> None:
        """A word against it waits in the plan, and so does one that needs a second look; another is written down."""
        words = (*shared.words, heard)
        doubtful = heard.verdict.reason is Reason.CONTRADICTION
        if any(word.against for word in words) and not shared.dead:
            again = heard.against and not shared.words and not shared.suspect and heard.confirmable
            await self._hold(shared, words, heard.at + timedelta(seconds=self.track.confirm_after_s) if again else None)
        elif doubtful and not shared.words and heard.confirmable:
            await self._hold(shared, words, heard.at + timedelta(seconds=self.track.confirm_after_s))
        else:
            await self.book.add(Entry(self.track, shared, words=words))

    async def _hold(self, shared: Shared, words: tuple[Heard, ...], since: datetime | None) -> None:
        due_at = None if since is None else since + self.track.margin
        self.queue.timed(shared, due_at, held=True)
        await self.book.add(Entry(self.track, shared, phase=Phase.HELD, due_at=due_at, keeps=words))

    async def _defer(self, shared: Shared, heard: Heard) -> None:
        """No place in the failure budget: later, if one frees within the sweep's patience; else it is left."""
        retry = heard.verdict.retry_after_s
        self.queue.spent(shared, until := heard.at + timedelta(seconds=retry or 0.0))
        if self.wait and retry is not None and retry <= self.probe.settings.sweep.wait_s:
            await self._put_off(shared, until)
        elif shared.words:  # it has been heard of, and is a suspect at least
            await self.book.add(Entry(self.track, shared, phase=Phase.HELD, keeps=(*shared.words, heard)))
        else:
            await self.book.add(Entry(self.track, shared, left=Reason.BUDGET_SPENT, at=heard.at))

    async def _put_off(self, shared: Shared, until: datetime) -> None:
        """It is asked at `until`; a suspect stays one."""
        self.queue.timed(shared, until, held=bool(shared.words))
        await self.book.add(Entry(self.track, shared, phase=Phase.HELD if shared.words else Phase.WAITING, due_at=until, keeps=shared.words))

    async def _leave_rest(self) -> None:
        """What was not asked is left to the next sweep; a suspect that was to be asked again stays one."""
        reason, now = self._closed or Reason.BUDGET_SPENT, self.probe.now()
        for shared, _ in self._ready:
            await self.book.add(left_of(self.track, shared, reason, now))
        self._ready.clear()
        await self.book.flush()
        if not self.track.lost:
            self.report.done += await self.probe.ledger.plans.leave(self.queue.sweep, self.report.registry, reason, at=now)

    def _pace_of(self, provider: Provider) -> None:
        self._in_flight = max(1, provider.pace.in_flight // self.track.share[1])
        self.track.confirm_after_s = provider.pace.confirm_after_s

    async def _watch(self) -> None:
        """Many formerly valid ones are refused: a canary that is refused too stops the lane for the wait, and then for good."""
        if await self._canary(self.probe.now()) is Says.ILL:
            self._ill_until = self.probe.now() + timedelta(seconds=self.track.confirm_after_s)

    async def _see_whether_well(self, at: datetime) -> None:
        self._ill_until = None
        if not await self._wait_until(at) or await self._canary(at) is Says.ILL:
            self._closed = Reason.REGISTRY_ILL

    async def _canary(self, since: datetime | None) -> Says:
        return await self.belief.canary.says(self.track.confirm_after_s, since=since)

    async def _is_well(self, shared: Shared) -> bool:
        """Health between two refusals: another secret, or the canary; where there is neither, an anonymous answer as usual."""
        since, seen = shared.first_refused_at(), self._witnessed_at
        if since is not None and seen is not None and seen > since:
            return True
        beside = await self.probe.ledger.facts.accepted_beside(shared.host, shared.fingerprint)
        if since is not None and beside is not None and beside > since:
            return True
        if (says := await self._canary(since)) is Says.NOTHING:
            says = await self._witnessed()
        if says is Says.NOTHING:
            return await self.probe.well(shared.host, shared.image.repository if shared.image is not None else "")
        return says is Says.GOOD

    async def _witnessed(self) -> Says:
        """Another secret, which was proven here, is asked once more: at a lane's end nobody else is left who would show its health."""
        if self._witness is None and not self._sought:
            self._sought, self._witness = True, await self.opener.proven()
        if self._unwell_until is not None and self.probe.now() < self._unwell_until:
            return Says.ILL
        if self._witness is None:
            return Says.NOTHING
        shared, credential = self._witness
        heard = (await converse(self.probe, replace(shared, image=None), credential)).heard
        if heard.kind is Said.REFUSED:  # that one says enough for all who wait
            self._unwell_until = heard.at + timedelta(seconds=self.track.confirm_after_s)
            return Says.ILL
        return Says.GOOD if heard.verdict.outcome is Outcome.VALID else Says.NOTHING
