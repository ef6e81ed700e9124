"""The slots of a lane's rate: instants at which a request may leave, each a step after the one before. Pure but for `OwnRow`.

A row holds when its next slot is. Who takes some moves it on by as many steps, from now if it lies behind; a slot may be used
before its instant by as much as the burst allows. So in any window of w seconds there are at most per_second * w + burst.
Times are epoch seconds: processes share the row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol

RECOVERS_S: Final = 600.0
"""A rate that was halved comes back to the whole of it in half of this time."""
SLOWEST: Final = 1 / 16
QUIET_S: Final = 1.0
"""Several 429s of one second are one word: the rate is halved once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """`number` slots at `now`, `step_s` apart, each to be used up to `early_s` before its instant.

    `waits`: somebody waits for the answer, so that a sweep holds back for `hold_s` after the last of these if they are not due yet.
    A next slot further away than `longest_s` is the trace of a clock that was set back.
    """

    number: int
    now: float
    step_s: float
    early_s: float
    waits: bool
    hold_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the row says now. `number` slots were taken, the last a step before `next_at`; 0: none before `until`."""

    number: int = 0
    next_at: float = 0.0
    until: float = 0.0
    paused_until: float = 0.0
    banned_until: float = 0.0
    factor: float = 1.0
    slowed_at: float = 0.0


class LaneRow(Protocol):
    """The row of one lane."""

    async def take(self, want: Want) -> Taken:
        """Take slots; none for a sweep that is to hold back."""
        ...

    async def pause(self, until: float, *, banned: bool) -> None:
        """Nothing of a sweep's is to be sent until then; `banned`: our address is banned until then."""
        ...

    async def slow(self, now: float) -> None:
        """The registry found us too quick."""
        ...


class OwnRow:
    """A row of one process: where nothing is kept, its pace is its own."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._held_until = 0.0
        self._row = Taken()

    async def take(self, want: Want) -> Taken:
        """See `LaneRow`."""
        row, until = self._row, max(self._held_until, self._row.paused_until)
        if not want.waits and until > want.now:
            return replace(row, until=until)
        first_at = self._next_at if want.now < self._next_at <= want.now + want.longest_s else want.now
        self._next_at = first_at + want.number * want.step_s
        if want.waits and first_at - want.early_s > want.now:
            self._held_until = max(self._held_until, self._next_at - want.step_s - want.early_s + want.hold_s)
        return replace(row, number=want.number, next_at=self._next_at)

    async def pause(self, until: float, *, banned: bool) -> None:
        """See `LaneRow`."""
        row = self._row
        if banned:
            self._row = replace(row, banned_until=max(row.banned_until, until))
        else:
            self._row = replace(row, paused_until=max(row.paused_until, until))

    async def slow(self, now: float) -> None:
        """See `LaneRow`."""
        factor = slowed(self._row.factor, self._row.slowed_at, now)
        if factor is not None:
            self._row = replace(self._row, factor=factor, slowed_at=now)


def recovered(factor: float, slowed_at: float, now: float) -> float:
    """Which part of its rate a lane has, that was slowed down to `factor` at `slowed_at`: more and more of it."""
    return min(1.0, factor + max(0.0, now - slowed_at) / RECOVERS_S)


def slowed(factor: float, slowed_at: float, now: float) -> float | None:
    """Half of what a lane has now, not less than SLOWEST; None if it was slowed down in this second."""
    if 0.0 <= now - slowed_at < QUIET_S:
        return None
    return max(SLOWEST, recovered(factor, slowed_at, now) / 2)
