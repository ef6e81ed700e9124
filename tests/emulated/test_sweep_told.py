"""What users and the operator are told of besides deaths: ends that come near, long silences, a registry that takes anyone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cases.rows import case
from tests.emulated.night import HOST, Night, a_night, holds, said
from validator.evidence import Failure
from validator.notifiers.base import Alert
from validator.verdict import Verdict, decide

DOWN = Failure.CONNECT_FAILED


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    async with a_night(tmp_path) as opened:
        yield opened


@case("SWEEP-14")
async def test_an_end_that_comes_near_is_told_once_a_threshold(row, night, monkeypatch):
    ends = night.clock.wall + timedelta(days=20)

    def with_an_end(*arguments: object) -> Verdict:
        from dataclasses import replace

        return replace(decide(*arguments), expires_at=ends)  # type: ignore[arg-type]  # as the probe calls it

    monkeypatch.setattr("validator.probe.decide", with_an_end)
    await night.keep("ada", "key", "s1", 200)
    told = {}
    for day in range(21):
        found = await night.sweep(after_h=24 if day else 0)
        if night.happened:
            told[day] = night.happened
            holds(row, found["key"], "alive", "expiring")
    assert told == {day: [("ada", "key", "expiring")] for day in (6, 13, 19)}, "14, 7 and 1 days before"


@case("SWEEP-21")
async def test_a_week_without_a_word_is_the_operators_to_know_once(row, night):
    await night.keep("ada", "key", "s1", 200, DOWN)
    await night.keep("bob", "other", "s2", 200, DOWN)
    first = (await night.sweep())["key"]
    alerts = []
    for _ in range(10):
        found = await night.sweep(after_h=24)
        alerts.append(tuple(night.told.alerts))
        assert (found["key"].standing.state, found["key"].standing.outcome, found["key"].standing.checked_at) == ("alive", "valid", first.checked_at)
        assert night.happened == []
    assert alerts == [(), (), (), (), (), (), (Alert.LONG_UNKNOWN,), (), (), ()]


@case("SWEEP-28")
async def test_a_registry_that_takes_anyone_tonight_kills_nobody(row, night):
    for one in range(3):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, username=f"n{one}")
    await night.sweep()
    night.world.anyone = True
    found = await night.sweep(after_h=25)
    for one in range(3):
        row.agrees("credential", said(found[f"key{one}"]))
        assert found[f"key{one}"].plan.state == "unproven"
    assert (night.happened, night.told.alerts) == ([], [Alert.ANYONE])
    night.world.anyone = False
    await night.sweep(after_h=25)
    assert {one["state"] for one in night.shown["credentials"]} == {"alive"}


async def test_a_row_of_another_registry_is_untouched_by_a_silence(night):
    await night.keep("ada", "here", "s1", 200, DOWN)
    await night.keep("ada", "there", "s2", 200, registry="other.test")
    found = await night.sweep()
    for _ in range(8):
        found = await night.sweep(after_h=24)
    assert (said(found["there"]), HOST in str(found["here"].plan)) == ("valid (login_accepted)", True)
