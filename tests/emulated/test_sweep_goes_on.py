"""A sweep whose process ends goes on in the next; two at once share no lane; who lost a lane writes nothing more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cases.rows import case
from tests.emulated.night import HOST, Night, a_night, plan_of
from validator.errors import StoreLost, UsageError
from validator.ledger.lanes import HeldBy, Hold
from validator.ledger.plans import Phase
from validator.ledger.sweeps import GOES_ON_FOR

Nights = Callable[..., AbstractAsyncContextManager[Night]]
DEAD = (3, 7)
NUMBER = 12


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    async with a_night(tmp_path) as opened:
        yield opened


async def keep_many(night: Night, number: int = NUMBER, dead: tuple[int, ...] = DEAD, host: str = HOST) -> None:
    """Credentials of as many users; those of `dead` worked once."""
    for one in range(number):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, *([401] if one in dead else []), registry=host, username=f"n{one}")


def logins(night: Night) -> Counter[str]:
    """How often each stored secret was sent."""
    return Counter(line.rpartition(" ")[2] for line in night.world.seen if " login s" in line)


async def unheard(night: Night) -> int:
    """How many of the sweep under way were not heard of, by the ledger."""
    [sweep] = await night.opened.ledger.sweeps.open()
    return sum(count for (_, phase), count in (await night.opened.ledger.plans.counts(sweep.id)).items() if phase is Phase.WAITING)


async def killed_at(night: Night, home: Path, at: int, of: tuple[int, ...] = tuple(range(NUMBER * 3)), mark: str = "s") -> None:
    """Start a sweep and copy what is on the disk when for the `at`th time one of `of` is asked about; the sweep itself ends there."""
    copied = asyncio.Event()
    seen = 0
    number = len({one.name async for one in night.store.outlines()})

    async def hang(line: str) -> None:
        nonlocal seen
        mine = any(line.endswith(f" login {mark}{one}") for one in of)
        seen += mine
        if mine and seen == at:
            while await unheard(night) > max(0, number - len([line for line in night.world.seen if " login s" in line]) + 1):
                await asyncio.sleep(0.02)  # a checkpoint later what was heard before is on the disk
            night.as_killed(home)
            copied.set()
            await asyncio.Event().wait()

    night.world.on = hang
    running = asyncio.create_task(night.job().run())
    async with asyncio.timeout(20):
        await copied.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    night.world.on = None


@case("SWEEP-18")
@pytest.mark.parametrize("at", [1, 6, NUMBER, NUMBER + 1], ids=["at the first", "in the middle", "at the last", "at a confirmation"])
async def test_a_killed_sweep_goes_on_and_asks_nobody_twice(row, night, tmp_path, at):
    await keep_many(night)
    await night.sweep()
    night.clock.pass_by(24 * 3600)
    night.world.seen.clear()
    await killed_at(night, tmp_path / "after", at)
    first = logins(night)
    async with a_night(tmp_path / "after", world=night.world, clock=night.clock) as after:
        after.clock.pass_by(60)  # its hold is no more renewed
        found = await after.sweep()
        second = logins(after)
        assert after.report is not None
        assert after.report.resumed
        assert len(found) == NUMBER
        assert {name: one.plan.state for name, one in found.items()} == {f"key{n}": "dead" if n in DEAD else "alive" for n in range(NUMBER)}, (
            "every status is right"
        )
        assert sorted(after.happened) == sorted((f"u{n}", f"key{n}", "died") for n in DEAD)
        asked = first + second
        assert max(asked[f"s{n}"] for n in range(NUMBER) if n not in DEAD) <= 2, "one more at most: what was under way"
        assert sum(asked[f"s{n}"] for n in range(NUMBER) if n not in DEAD) <= NUMBER - len(DEAD) + 2, "and a witness at the end"
        assert all(asked[f"s{n}"] <= 3 for n in DEAD)
        assert len(await after.opened.ledger.statuses.all()) == NUMBER, "no double status"


async def test_what_was_refused_before_the_kill_is_confirmed_after_it(night, tmp_path):
    await keep_many(night)
    await night.sweep()
    night.clock.pass_by(24 * 3600)
    night.world.seen.clear()
    await killed_at(night, tmp_path / "after", 3, DEAD)
    before = logins(night)
    assert sorted(before[f"s{n}"] for n in DEAD) == [1, 2], "cut off in the first confirmation"
    async with a_night(tmp_path / "after", world=night.world, clock=night.clock) as after:
        after.clock.pass_by(60)
        after.world.logins["s3"], after.world.logins["s7"] = [401], [200]
        found = await after.sweep()
        assert logins(after)["s3"] == logins(after)["s7"] == 1, "each once more, its second word"
        assert (found["key3"].transition.value, found["key7"].transition.value) == ("died", "blipped")


async def killed_when_all_others_were_asked(night: Night, home: Path) -> None:
    """The keys of `DEAD` are new, so that they are asked last; killed before any is confirmed."""
    await keep_many(night, dead=())
    await night.sweep()
    night.clock.pass_by(24 * 3600)
    for one in DEAD:
        await night.keep(f"u{one}", f"key{one}", f"d{one}", 401, username=f"n{one}")
    night.world.seen.clear()
    await killed_at(night, home, 2, DEAD, "d")
    night.world.seen.clear()


async def test_after_a_kill_somebody_proven_before_shows_the_lanes_health(night, tmp_path):
    await killed_when_all_others_were_asked(night, tmp_path / "after")
    night.world.anonymous = [503]
    async with a_night(tmp_path / "after", world=night.world, clock=night.clock) as after:
        after.clock.pass_by(60)
        found = await after.sweep()
        assert {found[f"key{n}"].plan.state for n in DEAD} == {"dead"}
        assert sum(logins(after).values()) == 1, "one witness for all of them"


async def test_a_witness_who_is_refused_speaks_for_all_and_is_asked_once(night, tmp_path):
    await killed_when_all_others_were_asked(night, tmp_path / "after")
    for n in range(NUMBER):
        night.world.logins[f"s{n}"] = [401]
    async with a_night(tmp_path / "after", world=night.world, clock=night.clock) as after:
        after.clock.pass_by(60)
        found = await after.sweep()
        assert {found[f"key{n}"].plan.state for n in DEAD} == {"suspect"}, "an anonymous answer as usual says less"
        assert sum(logins(after).values()) == 1


async def test_who_was_accepted_before_the_first_refusal_shows_no_health_after_it(night):
    await keep_many(night, 2, ())
    await night.sweep()
    night.world.logins["s0"] = night.world.logins["s1"] = [200, 401]
    found = await night.sweep(after_h=24)
    assert sorted(row.plan.state for row in found.values()) == ["alive", "suspect"], "whoever is asked first is accepted, and then nobody"
    assert sorted(logins(night).values()) == [2, 2], "the suspect once more, and before it the witness"
    assert not night.happened


async def test_what_is_a_day_old_is_not_gone_on_with(night, tmp_path):
    await keep_many(night, 3, ())
    await killed_at(night, tmp_path / "after", 2)
    async with a_night(tmp_path / "after", world=night.world, clock=night.clock) as after:
        after.clock.pass_by(GOES_ON_FOR.total_seconds() + 1)
        await after.sweep()
        assert after.report is not None
        assert (after.report.resumed, logins(after)) == (False, Counter(s0=1, s1=1, s2=1))


async def test_other_filters_are_another_sweep(night, tmp_path):
    await keep_many(night, 3, ())
    await killed_at(night, tmp_path / "after", 2)
    async with a_night(tmp_path / "after", world=night.world, clock=night.clock) as after:
        after.clock.pass_by(60)
        assert list(await after.sweep(user="u1")) == ["key1"]
        assert after.report is not None
        assert not after.report.resumed
        await after.sweep()
        assert after.report.resumed


async def test_a_stopped_sweep_goes_on_with_its_suspects(night):
    await keep_many(night)
    await night.sweep()
    night.clock.pass_by(24 * 3600)
    night.world.seen.clear()
    job = night.job()

    def stop(line: str) -> None:
        if sum(" login s" in one for one in night.world.seen) == NUMBER:
            job.stop()

    night.world.on = stop
    assert (await job.run()).stopped
    night.world.on = None
    held = {row.name: row.state for row in await night.opened.ledger.statuses.all()}
    assert {held["key3"], held["key7"]} <= {"suspect", "alive"}
    assert night.told.digests == [], "nobody is told of half a sweep"
    await night.told_of(await night.job().run())
    assert night.report is not None
    assert (night.report.resumed, night.report.stopped, night.report.left_over) == (True, False, 0)
    assert sorted(night.happened) == [("u3", "key3", "died"), ("u7", "key7", "died")]


async def test_the_order_is_shuffled_and_the_same_after_a_restart(night, tmp_path):
    await keep_many(night, 30, ())
    await killed_at(night, tmp_path / "after", 12)
    first = [line.rpartition(" ")[2] for line in night.world.seen if " login s" in line]
    async with a_night(tmp_path / "after", world=night.world, clock=night.clock) as after:
        after.clock.pass_by(60)
        await after.sweep()
        second = [line.rpartition(" ")[2] for line in after.world.seen if " login s" in line]
        rows = {row.name: row.place for row in await plan_of(after.opened.ledger, after.report.sweep)}  # type: ignore[union-attr]
    places = [rows[name.replace("s", "key")] for name in [*first[:-1], *second]]
    assert places == sorted(places)
    assert first[:-1] + second != sorted(first[:-1] + second)


@case("SWEEP-23")
async def test_of_two_at_once_one_waits_and_then_asks_only_what_is_not_fresh(row, tmp_path, monkeypatch):
    monkeypatch.setattr("validator.sweep.ASK_AGAIN_S", 0.0)  # who looks again and again would move the clock of both
    async with a_night(
        tmp_path, registries={HOST: {"pace": {"confirm_after_s": 20, "refused": {60: 1000}}}}
    ) as night:  # a virtual clock renews no hold
        await keep_many(night)
        await night.sweep()
        night.clock.pass_by(24 * 3600)
        waited: list[bool] = []
        one, two = (night.job(lambda lane: waited.append(lane.held_by_other)) for _ in range(2))
        async with asyncio.TaskGroup() as both:
            first, second = both.create_task(one.run()), both.create_task(two.run())
        assert True in waited
        assert first.result().sweep != second.result().sweep
        probes = sorted(lane.probes for lane in (*first.result().lanes, *second.result().lanes))
        assert probes == [0, NUMBER + len(DEAD)], "for the other all are fresh, or dead and not due"
        assert Counter(row.state for row in await night.opened.ledger.statuses.all()) == {"alive": NUMBER - len(DEAD), "dead": len(DEAD)}


@case("SWEEP-23")
async def test_without_waiting_the_other_leaves_the_lane(row, night):
    await keep_many(night, 2, ())
    hold = await night.opened.ledger.lanes.take(HOST, "somebody", now=night.clock.wall)
    assert isinstance(hold, Hold)
    await night.sweep(wait=False)
    assert (night.world.seen, {left["reason"] for left in night.shown["left_over"]}) == ([], {"budget_spent"})


async def test_a_hold_is_a_fence(night):
    lanes, now = night.opened.ledger.lanes, night.clock.wall
    mine = await lanes.take(HOST, "me", now=now)
    assert isinstance(mine, Hold)
    assert isinstance(await lanes.take(HOST, "you", now=now + timedelta(seconds=29)), HeldBy)
    theirs = await lanes.take(HOST, "you", now=now + timedelta(seconds=31))
    assert isinstance(theirs, Hold)
    assert theirs.epoch > mine.epoch
    assert not await lanes.renew(mine, now=now + timedelta(seconds=32))
    await lanes.leave(mine)
    assert isinstance(await lanes.take(HOST, "me", now=now + timedelta(seconds=33)), HeldBy), "an old holder gives nothing back"
    await lanes.leave(theirs)
    assert isinstance(await lanes.take(HOST, "me", now=now + timedelta(seconds=33)), Hold)


async def test_who_lost_a_lane_writes_nothing_more(night):
    await keep_many(night, 4, ())
    lanes = night.opened.ledger.lanes

    async def taken(line: str) -> None:
        if " login s" in line and sum(" login s" in one for one in night.world.seen) == 2:
            night.clock.pass_by(3600)
            assert isinstance(await lanes.take(HOST, "another", now=night.clock.wall), Hold)
            await asyncio.sleep(1.2)  # until it sees so, with its next checkpoint

    night.world.on = taken
    report = await night.job().run()
    rows = await night.told_of(report)
    assert report.stopped
    assert await night.opened.ledger.statuses.all() == (), "what was heard is the other's to hear"
    assert len(night.shown["left_over"]) == len(rows) == 4
    assert logins(night).total() <= 3


async def test_a_database_that_vanishes_ends_it_in_a_sentence(night):
    await keep_many(night, 4, ())

    def gone(line: str) -> None:
        night.opened.database.path.unlink(missing_ok=True)

    night.world.on = gone
    with pytest.raises((StoreLost, BaseExceptionGroup)) as raised:
        await night.job().run()
    found: Any = raised.value
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, StoreLost)
    assert "removed or replaced" in str(found)


async def test_only_a_quarantined_lane_can_be_released(night):
    with pytest.raises(UsageError, match="not in quarantine"):
        await night.job().run(registry=HOST, release=True)
    assert night.world.seen == []


async def test_a_page_of_the_plan_that_is_lost_while_the_sweep_is_stopped_is_not_kept_quiet(night, monkeypatch):
    await keep_many(night, 3, ())
    job = night.job()

    async def lost(rows: object) -> None:
        raise StoreLost("the database is gone")

    monkeypatch.setattr(night.opened.ledger.plans, "add", lost)
    job.stop()
    with pytest.raises(StoreLost, match="the database is gone"):
        await job.run()
