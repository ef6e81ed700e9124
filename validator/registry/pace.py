"""A lane: one registry host's share of our rate, and the turns of those who want to send there. registries/README.md 8.

The moments to send are slots of the lane's row, which all processes take from: a few at a time, by one statement. In any
window of w seconds at most per_second * w + burst requests leave, over all of them. Who somebody waits for goes first, has
a greater burst, and makes a sweep hold back, also one in another process.

asyncio-throttle stands behind the slots, with one acquirer for each kind of asker: it polls, and thousands of waiters would
burn a core.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from asyncio_throttle import Throttler  # type: ignore[attr-defined]  # its __init__ lists no __all__

from validator.evidence import Asker
from validator.providers import Pace
from validator.registry.slots import LaneRow, OwnRow, Taken, Want, recovered
from validator.registry.turns import Turn, Turns

AHEAD_S: Final = 0.1
"""At high rates slots are taken for so long ahead: ten statements a second, and nobody else waits longer for them."""
WAVE: Final = 16
"""Slots that are taken at once for as many as wait."""
HOLDS_S: Final = 0.25
"""A pre-flight that had to wait will send again so soon after its answer: the sweep leaves it that slot."""


class Acquirer(Protocol):
    """What gives out the moments to send."""

    async def acquire(self) -> None:
        """Return when one request may leave."""
        ...


def throttler(per_second: float, burst: int) -> Acquirer:
    """asyncio-throttle in its paced form, as wide as the slots before it: of those 2 * burst may pass in burst / per_second seconds."""
    period = burst / per_second
    acquirer: Acquirer = Throttler(rate_limit=2 * burst, period=period, retry_interval=max(0.0005, min(0.01, period / 10)))
    return acquirer


@dataclass(slots=True)
class Line:
    """Those of one kind who want to send, one after another.

    A slot may be used `early_s` before its time, and is too old `late_s` after it: those that are used late are a part of the burst.
    """

    early_s: float
    late_s: float
    in_flight: asyncio.Semaphore
    acquirer: Acquirer
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Paused(Exception):
    """The registry asked to be left alone, for `left_s` more seconds: longer than its asker waits."""

    def __init__(self, left_s: float) -> None:
        super().__init__(f"paused for {left_s:.0f} s")
        self.left_s = left_s


@dataclass(slots=True)
class Lane:
    """The pace of one host. A sweep has `in_flight` requests at once, somebody who waits has more, and goes first.

    `now` is the wall clock in epoch seconds, which processes share; `monotonic` and `sleep` measure and spend time.
    """

    pace: Pace
    row: LaneRow
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    paused_until: float = 0.0
    banned_until: float = 0.0
    sweep: Line = field(init=False)
    waiting: Line = field(init=False)
    _said: Taken = field(default_factory=Taken)
    _slots: deque[tuple[float, float]] = field(default_factory=deque)
    """Slots that were taken and not used: when they are, and when they are too old."""
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _none_waits: asyncio.Event = field(default_factory=asyncio.Event)
    _turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        pace, step_s = self.pace, 1 / self.pace.per_second
        late_s = min(1.0, max(1, pace.burst - 1) * step_s / 2) if self._ahead > 1 else 0.0
        self.sweep = Line(
            (pace.burst - 1) / pace.per_second - late_s, late_s, asyncio.Semaphore(pace.in_flight), throttler(pace.per_second, pace.burst)
        )
        late_s = max(late_s, min(1.0, (pace.preflight_burst - 1) * step_s / 4))
        wide = throttler(pace.per_second, pace.preflight_burst)
        self.waiting = Line((pace.preflight_burst - 1) / pace.per_second - late_s, late_s, asyncio.Semaphore(pace.preflight_in_flight), wide)
        self._turns = Turns(self.sleep, self.monotonic)
        self._none_waits.set()

    def slot(self, asker: Asker, patience_s: float | None = None) -> Slot:
        """One request's place, entered when it may leave: leave it when the answer is there. Raises what the ledger raises, and Paused.

        `patience_s`: a sweep waits for the end of a pause no longer than that; None: as long as it takes.
        """
        return Slot(self, self.sweep if asker is Asker.SWEEP else self.waiting, patience_s)

    async def enter(self, line: Line, patience_s: float | None = None) -> None:
        """Return when one request of `line` may leave. Raises Paused."""
        await line.in_flight.acquire()
        line.length += 1
        if line is self.waiting:
            self._none_waits.clear()
        try:
            async with line.turn:
                await self._moment(line, patience_s)
                await line.acquirer.acquire()
        except BaseException:
            line.in_flight.release()
            raise
        finally:
            line.length -= 1
            if not self.waiting.length:
                self._none_waits.set()

    async def refill(self) -> None:
        """Take slots for a sweep before they run out: one does whose own request is answered."""
        line = self.sweep
        if line.length and len(self._slots) < self._ahead // 2 and not self._taking.locked():
            async with self._taking:
                self._keep(line, (await self._from_row(line))[0])

    async def pause(self, seconds: float) -> None:
        """The registry asked to come later: every sweep sleeps until then, without polling."""
        if seconds > 0:
            self.paused_until = max(self.paused_until, self.monotonic() + seconds)
            await self.row.pause(self.now() + seconds, banned=False)

    async def ban(self, seconds: float) -> None:
        """The registry banned our address: no login makes sense until then."""
        if seconds > 0:
            self.banned_until = max(self.banned_until, self.monotonic() + seconds)
            await self.row.pause(self.now() + seconds, banned=True)

    async def slow(self) -> None:
        """The registry found us too quick: half the rate from now on, and back to it slowly."""
        await self.row.slow(self.now())

    @property
    def banned_left_s(self) -> float:
        """How long a ban goes on, in seconds; 0.0 if there is none."""
        return max(0.0, self.banned_until - self.monotonic())

    @property
    def _ahead(self) -> int:
        return max(1, int(self.pace.per_second * AHEAD_S))

    async def _moment(self, line: Line, patience_s: float | None) -> None:
        """Return when one request may leave."""
        while True:
            if line is self.sweep:
                if not self._none_waits.is_set():
                    await self._none_waits.wait()
                if (left := self.paused_until - self.monotonic()) > 0:
                    if patience_s is not None and left > patience_s:
                        raise Paused(left)
                    await self.sleep(left)
                    continue
            at = self._ours(line)
            if at is None and (at := await self._take(line)) is None:
                continue
            if (left := at - line.early_s - self.now()) > 0:
                await self.sleep(left)
            if line is self.waiting or self.paused_until <= self.monotonic():
                return

    def _ours(self, line: Line) -> float | None:
        """A slot that was taken before and is not too old."""
        now = self.now()
        while self._slots:
            at, too_old_at = self._slots.popleft()
            ahead_s = at - line.early_s - now
            if now <= too_old_at and (ahead_s <= 0 or ahead_s <= self._longest_s):
                return at
        return None

    async def _take(self, line: Line) -> float | None:
        """A slot from the row; None after the sleep of a sweep that is to hold back."""
        async with self._taking:
            if (at := self._ours(line)) is not None:  # another one took some meanwhile
                return at
            slots, until = await self._from_row(line)
            if slots:
                self._keep(line, slots[1:])
                return slots[0]
        if (left := until - self.now()) > 0 and self.paused_until <= self.monotonic():
            await self.sleep(left)
        return None

    async def _from_row(self, line: Line) -> tuple[list[float], float]:
        """Slots for all who wait, or for a moment ahead; none before the instant that is given, where a sweep is to hold back."""
        number = self._ahead if line is self.sweep else min(WAVE, max(1, line.length))
        step_s = self._step_s
        taken = await self.row.take(Want(
            number=number, now=self.now(), step_s=step_s, early_s=line.early_s, waits=line is self.waiting, hold_s=max(HOLDS_S, step_s),
            longest_s=self._longest_s,
        ))  # fmt: skip
        self._heard(taken)
        return [taken.next_at - (taken.number - place) * step_s for place in range(taken.number)], taken.until

    def _keep(self, line: Line, slots: Iterable[float]) -> None:
        """Have these for those who come next, until they are too old."""
        now = self.now()
        self._slots += [(at, max(now, at - line.early_s) + line.late_s) for at in slots]

    def _heard(self, taken: Taken) -> None:
        """Take over what other processes were told; the wall clock may be set meanwhile, so each word is taken once."""
        before, self._said = self._said, taken
        ticks, now = self.monotonic(), self.now()
        if taken.paused_until != before.paused_until:
            self.paused_until = max(self.paused_until, ticks + taken.paused_until - now)
        if taken.banned_until != before.banned_until:
            self.banned_until = max(self.banned_until, ticks + taken.banned_until - now)

    @property
    def _step_s(self) -> float:
        return 1 / (self.pace.per_second * recovered(self._said.factor, self._said.slowed_at, self.now()))

    @property
    def _longest_s(self) -> float:
        """No slot that was ever taken lies further ahead, but where the clock was set back."""
        return 10.0 + 2 * (self.pace.preflight_burst + self.pace.burst + WAVE) * self._step_s

    def name(self, username: str, secret: str, gap_s: float) -> Turn:
        """One login at a time for a username until it was accepted, and `gap_s` after a refused one (others.md G7).

        `secret` is a fingerprint: a secret accepted in the last ten minutes waits for nobody.
        """
        return Turn(self._turns, username, secret, gap_s)

    def trusts(self, secret: str) -> bool:
        """See `Turns`."""
        return self._turns.trusts(secret)

    def judged(self, username: str, secret: str, accepted: bool) -> None:
        """See `Turns`."""
        self._turns.judged(username, secret, accepted)


@dataclass(slots=True)
class Slot:
    """The place of one request in `line`."""

    lane: Lane
    line: Line
    patience_s: float | None = None

    async def __aenter__(self) -> None:
        await self.lane.enter(self.line, self.patience_s)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.line.in_flight.release()
        if kind is None and self.line is self.lane.sweep:
            await self.lane.refill()


def lane_of(
    pace: Pace, sleep: Callable[[float], Awaitable[None]], monotonic: Callable[[], float], *, now: Callable[[], float] | None = None,
    row: LaneRow | None = None,
) -> Lane:  # fmt: skip
    """A lane at the provider's and the operator's pace; without a row of the ledger its slots are this process's own."""
    return Lane(pace, row or OwnRow(), now or monotonic, sleep, monotonic)
