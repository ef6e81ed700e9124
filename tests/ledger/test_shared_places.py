"""An accepted secret's logins hold one place of the failure budget together, and each refusal of them takes one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from validator.evidence import Exchange, Failure, Party, Step
from validator.ledger import Ledger
from validator.ledger.budgets import BudgetClass, Reservation, Spent
from validator.probe.places import Places, Shared

HOST: Final = "reg.test"
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


def places(ledger: Ledger) -> Places:
    return Places(ledger, lambda: NOW, asyncio.sleep, {})


async def one(ledger: Ledger, most: int = 1) -> Reservation | Spent:
    """A place of a formerly valid secret; the window holds `most`."""
    return await ledger.budgets.reserve(
        HOST, name=None, budget_class=BudgetClass.FORMER, windows={60: most}, username_windows={}, now=NOW, first_ever=False
    )  # fmt: skip


@dataclass
class Flight:
    """Several logins of one secret: all wait until they may land."""

    of: Places
    ledger: Ledger
    land: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0

    async def login(self, status: int) -> Exchange | Spent | Failure:
        """One of them, and what is answered."""
        place = await self.of.shared((HOST, "mark"), lambda: one(self.ledger))
        if not isinstance(place, Shared):
            return place

        async def send() -> Exchange:
            self.sent += 1
            await self.land.wait()
            return Exchange(step=Step.LOGIN, party=Party.SUBJECT, method="GET", url="", status=status)

        return await self.of.sent(place, send, lambda exchange: exchange.status == 401)

    async def are_sent(self, number: int) -> None:
        """Return when so many are in flight."""
        while self.sent < number:
            await asyncio.sleep(0)


async def test_accepted_logins_take_one_place_and_give_it_back(ledger: Ledger) -> None:
    flight = Flight(places(ledger), ledger)
    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(flight.login(200)) for _ in range(5)]
        await flight.are_sent(5)
        assert isinstance(await one(ledger), Spent)
        flight.land.set()
    assert all(isinstance(done.result(), Exchange) for done in made)
    assert isinstance(await one(ledger), Reservation), "it was given back"
    assert flight.of.together == {}


async def test_each_refusal_of_them_counts(ledger: Ledger) -> None:
    flight = Flight(places(ledger), ledger)
    async with asyncio.TaskGroup() as tasks:
        for status in (401, 200, 401, 401, 200):
            tasks.create_task(flight.login(status))
        await flight.are_sent(5)
        flight.land.set()
    assert await ledger.budgets.count(HOST, NOW - timedelta(seconds=1)) == 3
    assert isinstance(await one(ledger, most=3), Spent)
    assert isinstance(await one(ledger, most=4), Reservation)


async def test_a_place_that_is_not_to_be_had_is_told_to_all(ledger: Ledger) -> None:
    assert isinstance(await one(ledger), Reservation)
    flight = Flight(places(ledger), ledger)
    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(flight.login(200)) for _ in range(3)]
    assert all(isinstance(done.result(), Spent) for done in made)
    assert flight.of.together == {}


async def test_one_that_is_cut_off_counts_and_frees_nobodys_place(ledger: Ledger) -> None:
    flight = Flight(places(ledger), ledger)
    async with asyncio.TaskGroup() as tasks:
        cut, other = (tasks.create_task(flight.login(200)) for _ in range(2))
        await flight.are_sent(2)
        cut.cancel()
        await asyncio.wait({cut})
        flight.land.set()
    assert isinstance(other.result(), Exchange)
    assert await ledger.budgets.count(HOST, NOW - timedelta(seconds=1)) == 1, "whether it left is not known"
    assert flight.of.together == {}
