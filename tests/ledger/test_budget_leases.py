"""Places that a process keeps for its next login: never more than there are, nobody's for long, and no refusal is ever forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from validator.errors import StoreLost
from validator.ledger import Embedded, Ledger, open_embedded
from validator.ledger.budgets import RENEWED, BudgetClass, Budgets, Reservation, Spent
from validator.sealing import Fingerprint

HOST = "nvcr.io"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NAMES = [Fingerprint(f"{n:064}") for n in range(3)]
LATER = 3600.0


@dataclass
class Process:
    """One process that asks one host."""

    budgets: Budgets
    windows: dict[int, int] = field(default_factory=lambda: {600: 8})
    by_name: dict[int, int] = field(default_factory=dict)
    now: datetime = NOW

    async def take(self, budget_class: BudgetClass = BudgetClass.FORMER, name: Fingerprint | None = NAMES[0]) -> Reservation | Spent:
        return await self.budgets.reserve(
            HOST, name=name, budget_class=budget_class, windows=self.windows, username_windows=self.by_name, now=self.now, first_ever=False,
        )  # fmt: skip

    async def took(self, *given: Any, **named: Any) -> Reservation:
        place = await self.take(*given, **named)
        assert isinstance(place, Reservation), place
        return place

    async def end(self, place: Reservation, refused: bool = False) -> None:
        await self.budgets.settle(place, refused, now=self.now)


@pytest.fixture
async def here(ledger: Ledger) -> AsyncIterator[Process]:
    async with ledger.behind(LATER):
        yield Process(ledger.budgets)


@pytest.fixture
async def there(here: Process, opener) -> AsyncIterator[Process]:
    """Another process at the same database."""
    async with opener() as embedded, embedded.ledger.behind(LATER):
        yield Process(embedded.ledger.budgets)


@contextmanager
def counted(embedded: Embedded) -> Iterator[Callable[[], int]]:
    """How many transactions were written."""
    number, real = 0, embedded.database.write_in_one

    async def write(*given: Any) -> Any:
        nonlocal number
        number += 1
        return await real(*given)

    embedded.database.write_in_one = write  # type: ignore[method-assign, assignment]
    yield lambda: number


async def test_accepted_logins_one_after_another_cost_one_transaction(here: Process, embedded: Embedded) -> None:
    with counted(embedded) as transactions:
        for n in range(500):
            await here.end(await here.took(name=NAMES[n % 3]))
        assert transactions() == 1


async def test_those_who_ask_at_once_are_answered_together(here: Process, embedded: Embedded) -> None:
    with counted(embedded) as transactions:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(here.take()) for _ in range(30)]
        assert sum(isinstance(one.result(), Reservation) for one in asked) == 8
        assert transactions() <= 3


async def test_a_place_that_is_kept_is_nobody_elses_until_it_is_flushed(here: Process, there: Process, ledger: Ledger, monkeypatch) -> None:
    here.windows = there.windows = {600: 1}
    await here.end(await here.took())
    assert isinstance(await there.take(), Spent)
    await ledger.flush()
    assert isinstance(await there.take(), Spent), "it was idle for less than a second"
    monkeypatch.setattr("validator.ledger.budgets.IDLE_S", 0.0)
    await ledger.flush()
    assert isinstance(await there.take(), Reservation)


async def test_an_idle_place_comes_back_by_itself(opener, monkeypatch) -> None:
    monkeypatch.setattr("validator.ledger.budgets.IDLE_S", 0.01)
    async with opener() as one, opener() as other, one.ledger.behind(0.01):
        here, there = Process(one.ledger.budgets, {600: 1}), Process(other.ledger.budgets, {600: 1})
        await here.end(await here.took())
        while isinstance(await there.take(), Spent):
            await asyncio.sleep(0.005)


async def test_at_the_end_every_place_that_is_kept_comes_back(opener) -> None:
    async with opener() as one, opener() as other:
        async with one.ledger.behind(LATER):
            here = Process(one.ledger.budgets)
            places = [await here.took() for _ in range(8)]
            for place in places:
                await here.end(place)
        there = Process(other.ledger.budgets)
        assert [isinstance(await there.take(), Reservation) for _ in range(9)] == [True] * 8 + [False]


async def test_a_refusal_is_written_before_anything_else(here: Process, opener) -> None:
    await here.end(await here.took(name=NAMES[2]))
    await here.end(await here.took(name=NAMES[1]), refused=True)
    async with opener() as beside:
        assert await beside.ledger.budgets.count(HOST, NOW) == 1
        there = Process(beside.ledger.budgets, {600: 8}, {1800: 1})
        assert isinstance(await there.take(name=NAMES[1]), Spent), "it is the name's that was refused"
        assert isinstance(await there.take(name=NAMES[2]), Reservation)


async def test_a_place_is_taken_anew_before_it_might_be_given_up(here: Process, there: Process) -> None:
    here.windows = there.windows = {600: 1}
    for _ in range(20):
        place = await here.took()
        here.now += RENEWED / 2 + timedelta(seconds=1)
        there.now = here.now + timedelta(seconds=20)  # somebody else asks while it is in flight, as late as he may
        assert isinstance(await there.take(), Spent)
        await here.end(place)


async def test_the_places_of_a_killed_process_come_back_after_a_minute(here: Process, there: Process) -> None:
    here.windows = there.windows = {600: 1}
    await here.end(await here.took())
    there.now += timedelta(seconds=59)
    assert isinstance(await there.take(), Spent)
    there.now += timedelta(seconds=1)
    assert isinstance(await there.take(), Reservation)


async def test_an_idle_place_of_another_class_makes_room(here: Process) -> None:
    here.windows = {600: 2}
    first, second = await here.took(), await here.took()
    await here.end(first)
    await here.end(second)
    assert isinstance(await here.take(BudgetClass.NEW), Reservation)
    assert isinstance(await here.take(BudgetClass.CANARY), Reservation)
    assert isinstance(await here.take(BudgetClass.CANARY), Spent)


async def test_a_control_never_uses_a_place_again(here: Process) -> None:
    """It may be made only while half of the window is left, which has to be looked at each time."""
    here.windows = {600: 4}
    await here.end(await here.took(BudgetClass.CONTROL, None))
    for _ in range(3):
        await here.end(await here.took(), refused=True)
    assert isinstance(await here.take(BudgetClass.CONTROL, None), Spent)


async def test_where_usernames_count_each_login_is_looked_at(here: Process, there: Process) -> None:
    here.by_name = there.by_name = {1800: 1}
    await here.end(await here.took(name=NAMES[0]))
    mine = await here.took(name=NAMES[0])
    assert isinstance(await there.take(name=NAMES[0]), Spent)
    assert isinstance(await there.take(name=NAMES[1]), Reservation)
    await here.end(mine)
    await here.end(await here.took(name=NAMES[2]))
    assert isinstance(await here.take(name=NAMES[0]), Reservation)


async def test_one_more_refusal_under_a_place_is_counted(here: Process) -> None:
    here.windows = {600: 3}
    place = await here.took()
    await here.end(place, refused=True)
    await here.budgets.spend(place, now=here.now)
    assert await here.budgets.count(HOST, NOW) == 2
    await here.took()
    assert isinstance(await here.take(), Spent)


async def test_who_waits_gets_the_place_that_comes_back(here: Process) -> None:
    here.windows = {600: 1}
    place = await here.took(name=NAMES[0])
    waiting = [asyncio.create_task(here.budgets.handed(HOST, BudgetClass.FORMER, name)) for name in NAMES[1:]]
    await asyncio.sleep(0)
    await here.end(place)
    first = await waiting[0]
    assert (first.id, first.share.name) == (place.id, NAMES[1])
    waiting[1].cancel()
    await here.end(first)
    await asyncio.wait(waiting)
    assert isinstance(await here.take(), Reservation)


async def test_a_place_that_is_settled_twice_is_not_two(here: Process) -> None:
    here.windows = {600: 1}
    place = await here.took()
    await here.end(place)
    await here.end(place)
    again = await here.took()
    await here.end(place)
    assert isinstance(await here.take(), Spent)
    await here.end(again)
    assert isinstance(await here.take(), Reservation)


async def test_a_caller_that_is_cancelled_keeps_no_place(here: Process, ledger: Ledger) -> None:
    here.windows = {600: 2}
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(here.take()) for _ in range(2)]
        await asyncio.sleep(0)
        asked[0].cancel()
        asked[1].cancel()
    await ledger.flush()
    await asyncio.sleep(0)
    await ledger.flush()
    assert [isinstance(await here.take(), Reservation) for _ in range(3)] == [True, True, False]


@pytest.mark.of_a_file
async def test_when_the_database_is_gone_nobody_gets_a_place(here: Process, embedded: Embedded) -> None:
    embedded.database.path.rename(embedded.database.path.with_name("away.db"))
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(_lost(here)) for _ in range(5)]
    assert [one.result() for one in asked] == [True] * 5
    embedded.database.path.with_name("away.db").rename(embedded.database.path)


async def _lost(process: Process) -> bool:
    with pytest.raises(StoreLost):
        await process.take()
    return True


steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "accept", "refuse", "flush", "wait"]), st.integers(0, 1), st.sampled_from(list(BudgetClass)),
        st.sampled_from(NAMES), st.integers(0, 40),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=steps, by_name=st.booleans())
async def test_whatever_two_processes_do_no_window_ever_holds_more_than_its_limit(tmp_path_factory, steps, by_name) -> None:
    """Refused and in flight together, whatever the order; and each class and username within its own part."""
    folder = tmp_path_factory.mktemp("leases")
    window, most, of_a_name = 120, 6, 2
    now, held, refused = NOW, [], []
    async with (
        open_embedded(folder / "v.db", folder / "k") as one, open_embedded(folder / "v.db", folder / "k") as two,
        one.ledger.behind(LATER), two.ledger.behind(LATER),
    ):  # fmt: skip
        both = [Process(e.ledger.budgets, {window: most}, {window: of_a_name} if by_name else {}) for e in (one, two)]
        for what, who, budget_class, name, number in steps:
            process = both[who]
            process.now = now
            match what:
                case "take":
                    place = await process.take(budget_class, name)
                    if isinstance(place, Reservation):
                        held.append((process, place, now, budget_class, name))
                case "flush":
                    await (one, two)[who].ledger.flush()
                case "wait":
                    now += timedelta(seconds=number)
                case _:
                    for process, place, _, cls, named in [held.pop(number % len(held))] if held else []:
                        process.now = now
                        await process.end(place, refused=what == "refuse")
                        refused += [(now, cls, named)] if what == "refuse" else []
            counting = [(cls, name) for at, cls, name in refused if now - at < timedelta(seconds=window)]
            counting += [(cls, name) for _, _, at, cls, name in held if now - at < timedelta(seconds=20)]
            assert len(counting) <= most
            assert sum(cls is BudgetClass.DEAD for cls, _ in counting) <= 1
            assert sum(cls is BudgetClass.NEW for cls, _ in counting) <= 3
            assert not by_name or all(sum(other == name for _, other in counting) <= of_a_name for name in NAMES)
