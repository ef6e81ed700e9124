"""A sweep that workers make together: its plan, lanes and end are each done once, whoever does them, and everybody is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.emulated.night import HOST, Night, a_night
from tests.lanes.working import sweep_by, work_of
from validator.errors import StoreLost
from validator.lanes.base import Job
from validator.lanes.dispatch import begin_due, begin_now, current, wanted
from validator.lanes.share import Ended, LaneShare
from validator.lanes.whole import close, prepare
from validator.ledger.base.processes import AT_WORK, WORKERS
from validator.ledger.sweeps import Filters
from validator.notifiers.base import Alert
from validator.sweep.base.times import Schedule
from validator.sweep.schedule import Due, Nightly

OTHER = "other.test"
NIGHTLY = Schedule("0 3 * * *")
WIDE: dict[str, Any] = {"pace": {"refused": {60: 1000}, "in_flight": 8}}


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    async with a_night(tmp_path, registries={HOST: WIDE, OTHER: WIDE}) as one:
        yield one


async def told(night: Night, sweep: str) -> dict[str, str]:
    """The states of a sweep's rows, by name."""
    return {row.name: row.state async for row in night.opened.ledger.reports.rows(sweep)}


def at_night(night: Night) -> None:
    night.clock.pass_by(24 * 3600)
    night.told.digests.clear()
    night.world.seen.clear()


async def test_one_message_a_user_and_sweep_over_all_lanes_and_workers(night: Night) -> None:
    for host in (HOST, OTHER):
        await night.keep("ada", f"key-{host}", f"s-{host}", 200, 401, registry=host)
    first = await sweep_by(work_of(night), work_of(night))
    at_night(night)
    second = await sweep_by(work_of(night), work_of(night))
    assert first.order == second.order == ["sweep", "lane:other.test", "lane:reg.test", "sweep"]
    assert [digest.user for digest in night.told.digests] == ["ada"]
    assert sorted(night.happened) == [("ada", "key-other.test", "died"), ("ada", "key-reg.test", "died")]
    assert await told(night, second.sweep) == {"key-other.test": "dead", "key-reg.test": "dead"}


async def test_a_lane_is_given_back_after_its_slice_and_goes_on_elsewhere(night: Night) -> None:
    for one in range(6):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, username=f"n{one}")
    await begin_now(work_of(night))
    hasty = replace(work_of(night), slice_s=0.0)
    sweep = await current(hasty)
    assert sweep is not None
    await prepare(hasty, sweep, asyncio.Event())
    sweep = await current(hasty)
    assert sweep is not None
    assert await LaneShare(hasty, sweep, Job(sweep.id, HOST)).run() is Ended.GIVEN_BACK
    done = await sweep_by(work_of(night), begin=False)
    assert set((await told(night, done.sweep)).values()) == {"alive"}
    assert [night.world.count(f"login s{one}") for one in range(6)] == [1] * 6


async def test_a_lane_that_another_holds_is_left_to_it(night: Night) -> None:
    await night.keep("ada", "key", "s", 200)
    hold = await night.opened.ledger.lanes.take(HOST, "a service", now=night.clock.wall)
    work = work_of(night)
    await begin_now(work)
    sweep = await current(work)
    assert sweep is not None
    await prepare(work, sweep, asyncio.Event())
    assert await LaneShare(work, sweep, Job(sweep.id, HOST)).run() is Ended.HELD
    assert (night.world.seen, getattr(hold, "owner", "")) == ([], "a service")


async def test_who_has_lost_its_epoch_writes_nothing_more(night: Night) -> None:
    await night.keep("ada", "key", "s", 200)
    work = work_of(night)
    await begin_now(work)
    sweep = await current(work)
    assert sweep is not None
    await prepare(work, sweep, asyncio.Event())

    async def taken_over(line: str) -> None:
        night.clock.pass_by(31)
        await night.opened.ledger.lanes.take(HOST, "another", now=night.clock.wall)

    night.world.on = lambda line: taken_over(line) if "login s" in line else None
    assert await LaneShare(work, sweep, Job(sweep.id, HOST)).run() is Ended.LOST
    assert await told(night, sweep.id) == {"key": "never_checked"}
    assert await night.opened.ledger.statuses.all() == ()


async def test_a_sweep_that_another_process_took_is_written_for_no_more(night: Night) -> None:
    await night.keep("ada", "key", "s", 200)
    work = work_of(night)
    await begin_now(work)
    sweep = await current(work)
    assert sweep is not None
    await prepare(work, sweep, asyncio.Event())
    night.clock.pass_by(31)
    taken = await night.opened.ledger.sweeps.begin("other", Filters(), "a command", now=night.clock.wall)
    assert taken.id == sweep.id
    assert await LaneShare(work, sweep, Job(sweep.id, HOST)).run() is Ended.LOST
    assert (await current(work), await told(night, sweep.id)) == (None, {"key": "never_checked"})


async def test_whoever_closes_after_one_that_died_at_it_tells_nobody_twice(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    await night.keep("ada", "key", "s", 200, 401)
    await sweep_by(work_of(night))
    at_night(night)
    work = work_of(night)
    with monkeypatch.context() as patched:
        patched.setattr(night.opened.ledger.sweeps, "finish", _gone)
        with pytest.raises(ExceptionGroup):
            await sweep_by(work)
    assert len(night.told.digests) == 1
    done = await sweep_by(work, begin=False)
    assert (done.order, len(night.told.digests)) == (["sweep"], 1)
    kept = await night.opened.ledger.sweeps.get(done.sweep)
    assert kept is not None
    assert kept.finished_at is not None


async def test_two_who_would_close_at_once_are_one(night: Night) -> None:
    await night.keep("ada", "key", "s", 200)
    work = work_of(night)
    await begin_now(work)
    for _ in range(2):
        sweep = await current(work)
        assert sweep is not None
        [job] = await wanted(work.ledger, sweep)
        await (LaneShare(work, sweep, job).run() if job.host else prepare(work, sweep, asyncio.Event()))
    sweep = await current(work)
    assert sweep is not None
    assert sorted(await asyncio.gather(*(close(work, sweep, asyncio.Event()) for _ in range(3)))) == [False, False, True]


async def test_a_fault_of_ours_ends_its_lane_and_not_the_sweep(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in (HOST, OTHER):
        await night.keep("ada", f"key-{host}", f"s-{host}", 200, registry=host)

    def breaks(line: str) -> None:
        if line.startswith(f"{OTHER} login"):
            raise ZeroDivisionError

    night.world.on = breaks
    done = await sweep_by(work_of(night))
    assert done.order == ["sweep", "lane:other.test", "lane:reg.test", "sweep"]
    assert await told(night, done.sweep) == {"key-other.test": "never_checked", "key-reg.test": "alive"}
    assert night.told.alerts == [Alert.FAULT]


async def test_the_nightly_sweep_is_begun_once_by_whoever_comes_first_and_a_missed_one_is_made_up(night: Night) -> None:
    one, other = work_of(night, schedule=NIGHTLY), work_of(night, schedule=NIGHTLY)
    await begin_due(one)
    assert await current(one) is None, "one that is new waits for its first instant"
    night.clock.pass_by(3 * 24 * 3600)
    await asyncio.gather(*(begin_due(work) for work in (one, other, one, other)))
    assert len(await night.opened.ledger.sweeps.newest()) == 1
    await sweep_by(one, begin=False)
    await begin_due(other)
    assert len(await night.opened.ledger.sweeps.newest()) == 1, "three nights were missed, and one was made up"


async def test_who_dies_while_it_begins_the_sweep_has_taken_nothing(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_of(night, schedule=NIGHTLY)
    await begin_due(work)
    night.clock.pass_by(24 * 3600)
    with monkeypatch.context() as patched:
        patched.setattr("validator.ledger.sweeps.Sweeps.begin", _gone)
        with pytest.raises(StoreLost):
            await begin_due(work)
    await begin_due(work)
    assert await current(work) is not None


async def test_one_of_several_that_were_started_for_a_sweep_may_come_when_it_is_over(night: Night) -> None:
    await night.keep("ada", "key", "s", 200)
    first = await sweep_by(work_of(night))
    assert await begin_now(work_of(night)) is None
    night.clock.pass_by(601)
    assert await begin_now(work_of(night)) not in (None, first.sweep)


async def _gone(*_: object, **__: object) -> None:
    raise StoreLost("gone")


async def test_a_service_leaves_the_nightly_sweep_to_workers_that_live(night: Night) -> None:
    async def run() -> bool:
        return True

    ledger, clock = night.opened.ledger, night.clock
    service = Nightly(ledger, NIGHTLY, lambda: clock.wall, clock.sleep, run)
    await service.due()
    clock.pass_by(24 * 3600)
    await ledger.lanes.join(AT_WORK, WORKERS, now=clock.wall)
    assert await service.due() is Due.NOTHING
    clock.pass_by(timedelta(seconds=31).total_seconds())
    assert await service.due() is Due.BEGIN
