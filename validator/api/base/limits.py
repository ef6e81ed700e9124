"""How much one caller may ask: requests by a bucket, refusals by a window. In this process's memory; a registry's budget is in the ledger."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from validator.api.base.problem import Kind, Problem

MOST_CALLERS: Final = 10_000
"""Remembered; the one that was silent longest is forgotten first."""

REFUSALS: Final = 5
WINDOW_S: Final = 600.0


def too_many(wait_s: float, detail: str) -> Problem:
    """429, with the seconds to wait."""
    return Problem(Kind.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(max(1, ceil(wait_s)))})


@dataclass(slots=True)
class Rate:
    """A token bucket for each caller: `per_second` at length, `burst` at once."""

    per_second: float
    burst: int
    monotonic: Callable[[], float]
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, caller: str) -> None:
        """Count one request; raises 429."""
        now = self.monotonic()
        left, at = self._left.pop(caller, (float(self.burst), now))
        left = min(float(self.burst), left + (now - at) * self.per_second)
        self._left[caller] = (left - 1 if left >= 1 else left, now)
        while len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        if left < 1:
            raise too_many((1 - left) / self.per_second, "This caller asks more often than the service answers it.")


@dataclass(slots=True)
class Turn:
    """One try; what it came to is said before it ends. `fruitless` is a host where no registry was found."""

    refused: bool = False
    fruitless: str = ""


@dataclass(slots=True)
class _Tries:
    """One caller's: instants of refusals, hosts without a registry with their instants, how many tries are under way."""

    refused: list[float] = field(default_factory=list)
    fruitless: dict[str, float] = field(default_factory=dict)
    under_way: int = 0
    ended: asyncio.Condition = field(default_factory=asyncio.Condition)


@dataclass(slots=True)
class Refusals:
    """At most REFUSALS refused secrets, and as many hosts without a registry, in WINDOW_S.

    Tries under way count as if they came to nothing, so that a hundred at once are not a hundred tries.
    """

    monotonic: Callable[[], float]
    most: int = REFUSALS
    _callers: OrderedDict[str, _Tries] = field(default_factory=OrderedDict)

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[Turn]:
        """Wait while so many are under way that they might be the last ones; raises 429 when none is left."""
        tries = self._callers.setdefault(caller, _Tries())
        self._callers.move_to_end(caller)
        while len(self._callers) > MOST_CALLERS and not next(iter(self._callers.values())).under_way:
            self._callers.popitem(last=False)
        async with tries.ended:
            while self._left(tries) <= tries.under_way:
                await tries.ended.wait()
            tries.under_way += 1
        turn = Turn()
        try:
            yield turn
        finally:
            tries.under_way -= 1
            if turn.refused:
                tries.refused.append(self.monotonic())
            if turn.fruitless:
                tries.fruitless[turn.fruitless] = self.monotonic()
            async with tries.ended:
                tries.ended.notify_all()

    def _left(self, tries: _Tries) -> int:
        """How many more may be tried; raises 429 for none."""
        now = self.monotonic()
        tries.refused[:] = [at for at in tries.refused if now - at < WINDOW_S]
        tries.fruitless = {host: at for host, at in tries.fruitless.items() if now - at < WINDOW_S}
        for instants in (tries.refused, sorted(tries.fruitless.values())):
            if len(instants) >= self.most:
                detail = "Too many secrets or addresses of this caller led nowhere; wait, then try again."
                raise too_many(WINDOW_S - (now - instants[-self.most]), detail)
        return self.most - max(len(tries.refused), len(tries.fruitless))
