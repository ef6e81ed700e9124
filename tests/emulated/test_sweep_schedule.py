"""The nightly sweep of a service, on a virtual clock: when it runs, how often, and who of several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases.rows import case
from validator.ledger import Ledger, open_embedded
from validator.ledger.sweeps import Filters
from validator.nightly import late_by
from validator.sealing import Fingerprinter
from validator.sweep.base.times import Schedule
from validator.sweep.schedule import Due, Nightly

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


class Clock:
    """A wall clock that sleeping moves, and that somebody may set."""

    def __init__(self) -> None:
        self.now = START

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_embedded(tmp_path / "validator.db", tmp_path / "master.key") as opened:
        yield opened.ledger


def nightly(ledger: Ledger, clock: Clock, ran: list[datetime], zone: str = "UTC") -> Nightly:
    async def run() -> bool:
        ran.append(clock.now)
        return True

    return Nightly(ledger, Schedule("30 2 * * *", zone), lambda: clock.now, clock.sleep, run, look_s=1800)


async def lives(one: Nightly, clock: Clock, until: datetime) -> None:
    """Let a service live until then."""
    task = asyncio.create_task(one.forever())
    while clock.now < until:
        await asyncio.sleep(0.0005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_service_that_is_new_begins_at_its_first_instant(ledger):
    clock, ran = Clock(), list[datetime]()
    await lives(nightly(ledger, clock, ran), clock, START + timedelta(hours=20))
    assert [at.replace(second=0, microsecond=0) for at in ran] == [datetime(2026, 3, 29, 2, 30, tzinfo=UTC)]


async def due(one: Nightly) -> Due:
    return await one.due()


async def test_what_was_missed_is_caught_up_once(ledger):
    clock, ran = Clock(), list[datetime]()
    one = nightly(ledger, clock, ran)
    assert await due(one) is Due.NOTHING, "nothing was missed before it ever ran"
    clock.now += timedelta(days=3)
    assert [await due(one), await due(one)] == [Due.BEGIN, Due.NOTHING]


async def test_of_two_services_one_takes_it(ledger):
    clock, ran = Clock(), list[datetime]()
    one, two = nightly(ledger, clock, ran), nightly(ledger, clock, ran)
    await due(one)
    clock.now += timedelta(days=1)
    found = await asyncio.gather(due(one), due(two))
    assert sorted(found) == [Due.BEGIN, Due.NOTHING]


@case("SWEEP-26")
@pytest.mark.parametrize("back", [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=23)])
async def test_a_clock_that_jumps_back_begins_no_second_one(row, ledger, back):
    clock, ran = Clock(), list[datetime]()
    one = nightly(ledger, clock, ran)
    await due(one)
    clock.now = datetime(2026, 3, 29, 2, 31, tzinfo=UTC)
    assert await due(one) is Due.BEGIN
    clock.now -= back
    for _ in range(10):
        clock.now += timedelta(minutes=9)
        if clock.now < datetime(2026, 3, 30, 2, 30, tzinfo=UTC):
            assert await due(one) is Due.NOTHING
    clock.now = datetime(2026, 3, 30, 2, 31, tzinfo=UTC)
    assert await due(one) is Due.BEGIN


async def test_a_clock_that_ran_ahead_for_a_while_stops_no_later_night(ledger):
    clock, ran = Clock(), list[datetime]()
    one = nightly(ledger, clock, ran)
    await due(one)
    clock.now = datetime(2031, 1, 1, 3, 0, tzinfo=UTC)
    assert await due(one) is Due.BEGIN
    clock.now = START + timedelta(hours=1)
    assert await due(one) is Due.NOTHING
    clock.now += timedelta(days=1)
    assert await due(one) is Due.BEGIN


@case("SWEEP-26")
@pytest.mark.parametrize("month", [3, 10], ids=["an hour is left out", "an hour comes twice"])
async def test_summer_time_neither_skips_a_night_nor_has_one_twice(row, ledger, month):
    clock, ran = Clock(), list[datetime]()
    clock.now = datetime(2026, month, 23, 12, 0, tzinfo=UTC)
    await lives(nightly(ledger, clock, ran, "Europe/Berlin"), clock, clock.now + timedelta(days=7))
    assert [at.date().day for at in ran] == [24, 25, 26, 27, 28, 29, 30]


async def test_while_one_is_led_nothing_is_due_and_afterwards_once(ledger):
    clock, ran = Clock(), list[datetime]()
    one = nightly(ledger, clock, ran)
    await due(one)
    sweep = await ledger.sweeps.begin("long", Filters(), "somebody elsewhere", now=clock.now)
    for _ in range(20):
        clock.now += timedelta(hours=2)
        await ledger.sweeps.beat(sweep, now=clock.now)
        assert await due(one) is Due.NOTHING
    await ledger.sweeps.finish(sweep, now=clock.now)
    assert [await due(one), await due(one)] == [Due.BEGIN, Due.NOTHING]


async def test_one_that_was_cut_off_goes_on(ledger):
    clock, ran = Clock(), list[datetime]()
    one = nightly(ledger, clock, ran)
    await due(one)
    clock.now = datetime(2026, 3, 29, 2, 31, tzinfo=UTC)
    assert await due(one) is Due.BEGIN
    sweep = await ledger.sweeps.begin("night", Filters(), "somebody elsewhere", now=clock.now)
    clock.now += timedelta(minutes=10)
    assert await due(one) is Due.GO_ON
    await ledger.sweeps.finish(sweep, now=clock.now)
    assert await due(one) is Due.NOTHING


async def test_a_sweep_of_one_user_keeps_nobody_waiting(ledger):
    clock, ran = Clock(), list[datetime]()
    one = nightly(ledger, clock, ran)
    await due(one)
    clock.now += timedelta(days=1)
    await ledger.sweeps.begin("of ada", Filters("ada"), "somebody elsewhere", now=clock.now)
    assert await due(one) is Due.BEGIN


def test_an_installation_begins_later_by_as_much_each_night_and_each_by_its_own():
    def late(key: bytes, jitter_s: float) -> timedelta:
        app: Any = SimpleNamespace(
            opened=SimpleNamespace(fingerprinter=Fingerprinter(key * 32)), settings=SimpleNamespace(sweep=SimpleNamespace(jitter_s=jitter_s))
        )
        return late_by(app)

    assert late(b"a", 300) == late(b"a", 300) != late(b"b", 300)
    assert all(timedelta(0) <= late(bytes([one]), 300) <= timedelta(seconds=300) for one in range(20))
    assert late(b"a", 0) == timedelta(0)
