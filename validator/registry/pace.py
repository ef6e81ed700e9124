"""A lane: one registry host's share of our rate, in this process. One acquirer waits at the throttle, pre-flight first.

asyncio-throttle polls, so never more than one waits there (thousands would burn a core); the others wait in a queue by
priority. In any window of w seconds at most per_second * w + burst requests leave. registries/README.md 8.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from asyncio_throttle import Throttler  # type: ignore[attr-defined]  # its __init__ lists no __all__

from validator.evidence import Asker
from validator.providers import Pace

ACCEPTED_S: Final = 600.0
"""So long a secret's acceptance frees its next logins of waiting for each other (registries/README.md 8)."""


class Acquirer(Protocol):
    """What gives out the moments to send."""

    async def acquire(self) -> None:
        """Return when one request may leave."""
        ...


class _Turns:
    """One holder at a time; who waits is served by priority, then in order."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    async def __call__(self, priority: int) -> None:
        if not self._held:
            self._held = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._count), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Hand the turn to the next one who still waits."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._held = False


def throttler(per_second: float, burst: int) -> Acquirer:
    """At most `burst` in any burst / per_second seconds: asyncio-throttle in its paced form."""
    period = burst / per_second
    acquirer: Acquirer = Throttler(rate_limit=burst, period=period, retry_interval=max(0.0005, min(0.01, period / 10)))
    return acquirer


@dataclass(slots=True)
class Lane:
    """The pace of one host. A sweep has `in_flight` requests at once, somebody who waits has more, and goes first."""

    acquirer: Acquirer
    waiting_acquirer: Acquirer
    in_flight: asyncio.Semaphore
    waiting_in_flight: asyncio.Semaphore
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    paused_until: float = 0.0
    banned_until: float = 0.0
    _turns: _Turns = field(default_factory=_Turns)
    _names: dict[str, asyncio.Lock] = field(default_factory=dict)
    _refused_at: dict[str, float] = field(default_factory=dict)
    _accepted_at: dict[str, float] = field(default_factory=dict)

    @asynccontextmanager
    async def slot(self, asker: Asker) -> AsyncIterator[None]:
        """One request's place: leave it when the answer is there."""
        sweep = asker is Asker.SWEEP
        places = self.in_flight if sweep else self.waiting_in_flight
        async with places:
            await self._turns(1 if sweep else 0)
            try:
                while sweep and (left := self.paused_until - self.monotonic()) > 0:
                    await self.sleep(left)
                await (self.acquirer if sweep else self.waiting_acquirer).acquire()
            finally:
                self._turns.leave()
            yield

    def pause(self, seconds: float) -> None:
        """The registry asked to come later: the sweep sleeps until then, without polling."""
        self.paused_until = max(self.paused_until, self.monotonic() + seconds)

    def ban(self, seconds: float) -> None:
        """The registry banned our address: no login makes sense until then."""
        self.banned_until = max(self.banned_until, self.monotonic() + seconds)

    @property
    def banned_left_s(self) -> float:
        """How long that goes on, in seconds; 0.0 if there is no ban."""
        return max(0.0, self.banned_until - self.monotonic())

    @asynccontextmanager
    async def name(self, username: str, secret: str, gap_s: float) -> AsyncIterator[None]:
        """One login at a time for a username until it was accepted, and `gap_s` after a refused one (others.md G7).

        `secret` is a fingerprint: a secret accepted in the last ten minutes waits for nobody.
        """
        if self.trusts(secret):
            yield
            return
        lock = self._names.setdefault(username, asyncio.Lock())
        async with lock:
            if not self.trusts(secret):  # else it was accepted while this one waited
                wait = self._refused_at.get(username, -1e9) + gap_s - self.monotonic()
                if wait > 0:
                    await self.sleep(wait)
                yield
                return
        yield

    def trusts(self, secret: str) -> bool:
        """True if the secret was accepted in the last ten minutes, and not refused since."""
        return self.monotonic() - self._accepted_at.get(secret, -1e9) < ACCEPTED_S

    def judged(self, username: str, secret: str, accepted: bool) -> None:
        """Remember what the registry said of a login."""
        if accepted:
            self._accepted_at[secret] = self.monotonic()
        else:
            self._refused_at[username] = self.monotonic()
            self._accepted_at.pop(secret, None)


def lane_of(pace: Pace, sleep: Callable[[float], Awaitable[None]], monotonic: Callable[[], float]) -> Lane:
    """A lane at the provider's and the operator's pace."""
    return Lane(
        acquirer=throttler(pace.per_second, pace.burst),
        waiting_acquirer=throttler(pace.per_second, pace.preflight_burst),
        in_flight=asyncio.Semaphore(pace.in_flight),
        waiting_in_flight=asyncio.Semaphore(pace.preflight_in_flight),
        sleep=sleep,
        monotonic=monotonic,
    )
