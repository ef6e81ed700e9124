"""The failure budget: how many refused logins a host has had, over everything that probes it.

A login takes a place before it is sent and gives it back when it is accepted, in one transaction that writes alone: two
processes never both take the last place. Rules: registries/README.md section 8; the numbers are the caller's.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from sqlalchemy import delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.tables import BUDGET
from validator.sealing import Fingerprint

RESERVED: Final = timedelta(seconds=60)
"""How long a place stays taken without word: four times the longest exchange; then its process is thought dead."""
_KEPT: Final = timedelta(days=2)
_B: Final = BUDGET.c


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
class Reservation:
    """A place that was taken; settle it."""

    id: str


@dataclass(frozen=True, slots=True)
class Spent:
    """No place. `retry_at`: when one is free by what is known; `in_flight`: how many taken ones may yet come back."""

    retry_at: datetime
    in_flight: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A row that counts: since when, and whether it is only reserved."""

    at: datetime
    reserved: bool
    budget_class: BudgetClass
    name: str | None

    def free_at(self, window: timedelta) -> datetime:
        return self.at + (min(window, RESERVED) if self.reserved else window)


class Budgets:
    """The failure budgets of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(
        self,
        host: str,
        *,
        name: Fingerprint | None,
        budget_class: BudgetClass,
        windows: Mapping[int, int],
        username_windows: Mapping[int, int],
        now: datetime,
        first_ever: bool,
    ) -> Reservation | Spent:
        """Take a place for one login at `host`, or say when one is free.

        `windows` and `username_windows` are seconds to most refused logins, of the address and of the username `name`
        (`Fingerprinter.name`; None: no username counts). `first_ever`: this secret was never asked before, and has one
        login beyond a spent username window.
        """
        longest = timedelta(seconds=max((*windows, *username_windows), default=0))

        async def work(connection: AsyncConnection) -> Reservation | Spent:
            await connection.execute(delete(BUDGET).where(_B.host == host, _B.at < now - max(longest, _KEPT)))
            places = await _places(connection, host, now - longest, now)
            waits = _waits(places, budget_class, windows, now)
            if name is not None and not first_ever:
                own = [place for place in places if place.name == name]
                waits += [free_at for window, most in username_windows.items() if (free_at := _full(own, window, most, now))]
            if waits:
                return Spent(max(waits), sum(place.reserved for place in places))
            taken = Reservation(secrets.token_hex(16))
            row = {"id": taken.id, "host": host, "name": name, "budget_class": str(budget_class), "at": now, "refused": False}
            await connection.execute(BUDGET.insert().values(row))
            return taken

        return await self._database.write(work)

    async def settle(self, reservation: Reservation, refused: bool, *, now: datetime) -> None:
        """The login was refused at `now` (its place is spent), or was not (its place is free). Settling twice does no harm."""
        mine = _B.id == reservation.id
        statement = update(BUDGET).where(mine, _B.refused.is_(False)).values(refused=True, at=now) if refused else None

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(BUDGET).where(mine, _B.refused.is_(False)) if statement is None else statement)

        await self._database.write(work)

    async def spend(self, reservation: Reservation, *, now: datetime) -> None:
        """One more login that stood under this place was refused at `now`: it takes a place of its own."""
        values = [literal(secrets.token_hex(16)), _B.host, _B.name, _B.budget_class, literal(now, _B.at.type), literal(True)]
        names = ["id", "host", "name", "budget_class", "at", "refused"]
        statement = BUDGET.insert().from_select(names, select(*values).where(_B.id == reservation.id))

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._database.write(work)

    async def count(self, host: str, since: datetime) -> int:
        """How many logins were refused at `host` from `since` on."""
        query = select(func.count()).select_from(BUDGET).where(_B.host == host, _B.refused.is_(True), _B.at >= since)

        async def work(connection: AsyncConnection) -> int:
            return int(await connection.scalar(query) or 0)

        return await self._database.read(work)


async def _places(connection: AsyncConnection, host: str, since: datetime, now: datetime) -> list[_Place]:
    """The rows that may count in some window: refused ones, and reserved ones that are not given up."""
    query = select(_B.at, _B.refused, _B.budget_class, _B.name).where(
        _B.host == host, _B.at > since, or_(_B.refused.is_(True), _B.at > now - RESERVED)
    )
    return [_Place(row.at, not row.refused, BudgetClass(row.budget_class), row.name) for row in await connection.execute(query)]


def _waits(places: Sequence[_Place], budget_class: BudgetClass, windows: Mapping[int, int], now: datetime) -> list[datetime]:
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


def _of(places: Sequence[_Place], *classes: BudgetClass) -> list[_Place]:
    return [place for place in places if place.budget_class in classes]


def _full(places: Sequence[_Place], window_s: int, most: int, now: datetime) -> datetime | None:
    """When fewer than `most` of `places` count in the window; None if that is so now."""
    window = timedelta(seconds=window_s)
    ends = sorted(end for place in places if (end := place.free_at(window)) > now)
    return None if len(ends) < most else ends[len(ends) - most] if most > 0 else now + window
