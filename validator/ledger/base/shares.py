"""How a window of refused logins is shared: which class of secret may use how much of it, and when a place is free. Pure.

registries/README.md section 8; the numbers are the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

RESERVED: Final = timedelta(seconds=60)
"""How long a place stays taken without word: four times the longest exchange; then its process is thought dead."""


class BudgetClass(StrEnum):
    """Whose login asks, by the secret's state at the begin of the check."""

    DEAD = "dead"
    """Dead or suspect: a quarter of each window."""
    NEW = "new"
    """Never valid: a half."""
    FORMER = "former"
    """Formerly valid: all of it."""
    CANARY = "canary"
    GIVEN = "given"
    """Handed in over HTTP by somebody who may be trying secrets out: a quarter, whatever is known of the secret."""
    CONTROL = "control"
    """A made-up secret: a half, and only while at least half of each window is left."""


NEVER_ALL: Final = (BudgetClass.DEAD, BudgetClass.NEW, BudgetClass.CONTROL, BudgetClass.GIVEN)
"""These together leave a quarter of each window to the formerly valid."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row that counts: since when, and whether it is only reserved."""

    id: str
    at: datetime
    reserved: bool
    budget_class: BudgetClass
    name: str | None

    def free_at(self, window: timedelta) -> datetime:
        """When it counts no more in a window of this length."""
        return self.at + (min(window, RESERVED) if self.reserved else window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What limits one login. `windows` and `username_windows` are seconds to most refused logins, of the address and of `name`.

    `first_ever`: this secret was never asked before, and has one login beyond a spent username window.
    """

    budget_class: BudgetClass
    name: str | None
    windows: Mapping[int, int]
    username_windows: Mapping[int, int]
    first_ever: bool

    @property
    def longest(self) -> timedelta:
        """The longest window that counts."""
        return timedelta(seconds=max((*self.windows, *self.username_windows), default=0))

    @property
    def by_name(self) -> bool:
        """True if its username has windows of its own."""
        return self.name is not None and bool(self.username_windows)

    def free_at(self, places: Sequence[Place], now: datetime) -> datetime | None:
        """When there is a place beside `places`; None if there is one now."""
        waits = _waits(places, self.budget_class, self.windows, now)
        if self.name is not None and not self.first_ever:
            own = [place for place in places if place.name == self.name]
            waits += [free_at for window, most in self.username_windows.items() if (free_at := _full(own, window, most, now))]
        return max(waits, default=None)


def _waits(places: Sequence[Place], budget_class: BudgetClass, windows: Mapping[int, int], now: datetime) -> list[datetime]:
    """For each limit of the address that leaves no place, when it leaves one."""
    waits: list[datetime | None] = []
    for window, most in windows.items():
        waits.append(_full(places, window, most, now))
        match budget_class:
            case BudgetClass.DEAD | BudgetClass.GIVEN:
                waits.append(_full(_of(places, budget_class), window, max(1, most // 4), now))
            case BudgetClass.NEW | BudgetClass.CONTROL:
                waits.append(_full(_of(places, budget_class), window, max(1, most // 2), now))
            case BudgetClass.FORMER | BudgetClass.CANARY:
                pass
            case _:
                assert_never(budget_class)
        if budget_class in NEVER_ALL:
            waits.append(_full(_of(places, *NEVER_ALL), window, max(1, most - max(1, most // 4)), now))
        if budget_class is BudgetClass.CONTROL:  # at least half left before it: at most half taken
            waits.append(_full(places, window, most // 2 + 1, now))
    return [wait for wait in waits if wait is not None]


def _of(places: Sequence[Place], *classes: BudgetClass) -> list[Place]:
    return [place for place in places if place.budget_class in classes]


def _full(places: Sequence[Place], window_s: int, most: int, now: datetime) -> datetime | None:
    """When fewer than `most` of `places` count in the window; None if that is so now."""
    window = timedelta(seconds=window_s)
    ends = sorted(end for place in places if (end := place.free_at(window)) > now)
    return None if len(ends) < most else ends[len(ends) - most] if most > 0 else now + window
