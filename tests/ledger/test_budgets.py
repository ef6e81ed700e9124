"""The failure budget: shares, windows, first chances, and a place that comes back."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta

import pytest

from validator.ledger import Ledger
from validator.ledger.budgets import BudgetClass, Budgets, Reservation, Spent
from validator.sealing import Fingerprint

HOST = "nvcr.io"
NAME = Fingerprint("ab" * 32)


@pytest.fixture
def budgets(ledger: Ledger) -> Budgets:
    return ledger.budgets


class Asker:
    """Asks one host with fixed windows."""

    def __init__(self, budgets: Budgets, windows: dict[int, int], username_windows: dict[int, int] | None = None) -> None:
        self.budgets, self.windows, self.username_windows = budgets, windows, username_windows or {}

    async def ask(
        self,
        now: datetime,
        budget_class: BudgetClass = BudgetClass.FORMER,
        *,
        name: Fingerprint | None = NAME,
        first: bool = False,
        host: str = HOST,
    ) -> Reservation | Spent:
        return await self.budgets.reserve(
            host,
            name=name,
            budget_class=budget_class,
            windows=self.windows,
            username_windows=self.username_windows,
            now=now,
            first_ever=first,
        )

    async def refuse(self, now: datetime, budget_class: BudgetClass = BudgetClass.FORMER, **named) -> bool:
        """One refused login; False if there was no place for it."""
        place = await self.ask(now, budget_class, **named)
        if isinstance(place, Reservation):
            await self.budgets.settle(place, True, now=now)
        return isinstance(place, Reservation)


SHARES = {
    "dead ones have a quarter": (BudgetClass.DEAD, 20, 5),
    "secrets that were handed in have a quarter": (BudgetClass.GIVEN, 20, 5),
    "never-valid ones a half": (BudgetClass.NEW, 20, 10),
    "formerly valid ones all": (BudgetClass.FORMER, 20, 20),
    "the canary all": (BudgetClass.CANARY, 20, 20),
    "controls until half is taken": (BudgetClass.CONTROL, 20, 10),
    "a quarter of 3 is at least 1": (BudgetClass.DEAD, 3, 1),
    "a quarter of 7 is rounded down": (BudgetClass.DEAD, 7, 1),
    "half of 15 is rounded down": (BudgetClass.NEW, 15, 7),
    "half of 1 is at least 1": (BudgetClass.NEW, 1, 1),
    "a control may take the only place": (BudgetClass.CONTROL, 1, 1),
    "nothing of nothing": (BudgetClass.CANARY, 0, 0),
}


@pytest.mark.parametrize(("budget_class", "most", "share"), SHARES.values(), ids=SHARES.keys())
async def test_each_class_has_its_share_of_a_window(budgets, now, budget_class, most, share):
    asker = Asker(budgets, {600: most})
    assert sum([await asker.refuse(now, budget_class) for _ in range(most + 3)]) == share


async def test_dead_and_new_ones_leave_a_quarter_to_the_formerly_valid(budgets, now):
    asker = Asker(budgets, {600: 20})
    got = {one: sum([await asker.refuse(now, one) for _ in range(25)]) for one in (BudgetClass.DEAD, BudgetClass.NEW, BudgetClass.FORMER)}
    assert got == {BudgetClass.DEAD: 5, BudgetClass.NEW: 10, BudgetClass.FORMER: 5}
    assert await budgets.count(HOST, now - timedelta(seconds=600)) == 20


async def test_never_valid_ones_and_controls_leave_a_quarter_to_the_formerly_valid(budgets, now):
    asker = Asker(budgets, {600: 20})
    assert sum([await asker.refuse(now, BudgetClass.CONTROL) for _ in range(6)]) == 6
    assert sum([await asker.refuse(now, BudgetClass.NEW) for _ in range(10)]) == 9
    assert sum([await asker.refuse(now, BudgetClass.FORMER) for _ in range(10)]) == 5


async def test_a_control_is_made_only_while_half_of_every_window_is_left(budgets, now):
    asker = Asker(budgets, {60: 4, 180: 15})
    assert [await asker.refuse(now) for _ in range(3)] == [True] * 3
    assert not await asker.refuse(now, BudgetClass.CONTROL)
    assert await asker.refuse(now + timedelta(seconds=61), BudgetClass.CONTROL)


async def test_every_window_counts_and_frees_by_itself(budgets, now):
    asker = Asker(budgets, {60: 4, 180: 6})
    got = [await asker.refuse(now + timedelta(seconds=s)) for s in (0, 1, 2, 3, 4, 59, 60, 61, 62, 179, 180, 181, 182)]
    assert got == [True] * 4 + [False] * 2 + [True] * 2 + [False] * 2 + [True] * 3


async def test_where_no_place_is_left_it_says_when_one_is(budgets, now):
    asker = Asker(budgets, {60: 4, 180: 6})
    for second in range(4):
        await asker.refuse(now + timedelta(seconds=second))
    assert await asker.ask(now + timedelta(seconds=10)) == Spent(now + timedelta(seconds=60), 0)
    await asker.refuse(now + timedelta(seconds=60))
    await asker.refuse(now + timedelta(seconds=61))
    assert await asker.ask(now + timedelta(seconds=62)) == Spent(now + timedelta(seconds=180), 0)


async def test_hosts_do_not_share(budgets, now):
    asker = Asker(budgets, {600: 1})
    assert [await asker.refuse(now, host=host) for host in ("a.example", "b.example", "a.example")] == [True, True, False]


async def test_an_accepted_login_gives_its_place_back(budgets, now):
    asker = Asker(budgets, {600: 1})
    place = await asker.ask(now)
    assert isinstance(place, Reservation)
    assert await asker.ask(now) == Spent(now + timedelta(seconds=60), 1)
    await budgets.settle(place, False, now=now)
    assert isinstance(await asker.ask(now), Reservation)


async def test_a_refused_one_keeps_it_from_the_refusal_on(budgets, now):
    asker = Asker(budgets, {600: 1})
    place = await asker.ask(now)
    assert isinstance(place, Reservation)
    later = now + timedelta(seconds=90)
    await budgets.settle(place, True, now=later)
    assert await asker.ask(later) == Spent(later + timedelta(seconds=600), 0)
    await budgets.settle(place, False, now=later)
    assert isinstance(await asker.ask(later), Spent)


async def test_a_place_that_nobody_settles_comes_back_after_a_minute(budgets, now):
    asker = Asker(budgets, {600: 1})
    await asker.ask(now)
    assert isinstance(await asker.ask(now + timedelta(seconds=59)), Spent)
    assert isinstance(await asker.ask(now + timedelta(seconds=60)), Reservation)
    assert await budgets.count(HOST, now) == 0


async def test_a_clock_that_jumps_back_frees_nothing(budgets, now):
    asker = Asker(budgets, {600: 1})
    await asker.refuse(now)
    assert isinstance(await asker.ask(now - timedelta(hours=1)), Spent)


async def test_a_username_has_windows_of_its_own_that_are_not_divided(budgets, now):
    asker = Asker(budgets, {600: 10}, {1800: 2})
    assert [await asker.refuse(now, BudgetClass.NEW) for _ in range(3)] == [True, True, False]
    assert await asker.ask(now, BudgetClass.NEW) == Spent(now + timedelta(seconds=1800), 0)
    assert await asker.refuse(now, name=Fingerprint("cd" * 32))
    assert await asker.refuse(now, name=None)


async def test_a_secret_never_asked_before_has_a_login_beyond_its_usernames_window_but_not_beyond_the_hosts(budgets, now):
    asker = Asker(budgets, {600: 6}, {1800: 2})
    assert [await asker.refuse(now, BudgetClass.NEW, first=first) for first in (False, False, False, True)] == [True, True, False, True]
    assert not await asker.refuse(now, BudgetClass.NEW, first=True)


async def test_many_tasks_never_take_more_than_there_is(budgets, now):
    asker = Asker(budgets, {600: 7})
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asker.ask(now)) for _ in range(60)]
    assert sum(isinstance(task.result(), Reservation) for task in tasks) == 7


@pytest.mark.parametrize("seed", range(5))
async def test_no_window_ever_holds_more_refusals_than_its_limit_and_retry_at_is_kept(budgets, now, seed):
    chance = random.Random(seed)
    windows = {60: 4, 180: 8, 600: 15}
    asker, refused, moment = Asker(budgets, windows), [], now
    for _ in range(150):
        moment += timedelta(seconds=chance.randrange(25))
        place = await asker.ask(moment, chance.choice(list(BudgetClass)))
        if isinstance(place, Reservation):
            if spent := chance.random() < 0.8:
                refused.append(moment)
            await budgets.settle(place, spent, now=moment)
        else:
            assert place.retry_at > moment
    for window, most in windows.items():
        assert max(sum(at <= other < at + timedelta(seconds=window) for other in refused) for at in refused) <= most
    spent_place = None
    while not isinstance(spent_place, Spent):
        await asker.refuse(moment)
        spent_place = await asker.ask(moment)
        if isinstance(spent_place, Reservation):
            await budgets.settle(spent_place, False, now=moment)
    assert isinstance(await asker.ask(spent_place.retry_at), Reservation)


async def test_what_no_window_can_count_any_more_is_swept_away(budgets, now, embedded):
    asker = Asker(budgets, {600: 100})
    for day in range(5):
        await asker.refuse(now + timedelta(days=day))
    rows = await embedded.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM budget"))
    assert rows.scalar() == 3
