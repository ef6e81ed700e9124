"""The simulation, small: virtual time passes as the pace says, no limit is exceeded, and the page tells what was found."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from tests.scale.clock import VirtualLoop, wall
from tests.scale.night import Lane, Simulated, of_host, quicker, simulated, together
from tests.scale.page import differences, limits, page, table
from tests.scale.world import most
from validator.providers.dockerhub import DOCKERHUB


def test_time_passes_only_when_nothing_is_left_to_be_done() -> None:
    async def a_day() -> tuple[float, float]:
        began = wall()
        await asyncio.gather(asyncio.sleep(86_400), asyncio.to_thread(time.sleep, 0.05))
        at = asyncio.get_running_loop().time()
        await asyncio.to_thread(time.sleep, 0.05)
        return (wall() - began).total_seconds(), asyncio.get_running_loop().time() - at

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(a_day()) == (86_400.0, 0.0)


def test_a_small_night_keeps_every_limit_and_takes_what_the_pace_says() -> None:
    found = simulated(60, dead_every=20)
    assert found.states == {"alive": 55, "dead": 5}
    assert found.told == 5
    assert all(lane.within and not lane.unjudged for lane in found.lanes)
    ngc = of_host(found.lanes, "nvcr.io")
    assert ngc.makespan_s >= 900, "its confirmation wait"
    assert ngc.logins in (18 + 1 + 1, 18 + 1 + 1 + 1), "a control, the dead one twice, and a witness if it was asked last"
    text = page([found], found, found)
    assert "| nvcr.io | 18 |" in text
    assert "further apart than 0.0 %" in text
    assert "No window ever had more" in text


def test_a_vendor_who_bears_no_more_questions_is_asked_later_in_the_night() -> None:
    ghcr = of_host(simulated(300, dead_every=10).lanes, "ghcr.io")
    assert ghcr.refused >= 2 * 6
    assert not ghcr.unjudged, "GitHub bears five bad keys in a quarter of an hour; six die at once here, and each is asked about twice"
    assert ghcr.within


def test_a_page_says_where_a_limit_was_broken() -> None:
    lane = Lane("docker.io", 2, {"auth.docker.io": 4}, 3, 3, 100.0, 3, {60: (3, 2)}, 1.0, {"budget_spent": 1})
    one = Simulated(2, 1, 2, (lane,), {"alive": 2}, 0, 1.0)
    other = replace(one, lanes=(replace(lane, makespan_s=101.0, refused=3),))
    assert differences(one, other) == {"docker.io": {"makespan": 1.0, "requests": 0.0, "refused": 0.0, "most refused in 60 s": 0.0}}
    assert limits([one]) == "Above a limit: docker.io (2)."
    assert "3 of 2 in 1 min" in table(one)[-1]
    assert "1 budget_spent" in table(one)[-1]
    assert most([0.0, 1.0, 59.0, 60.0, 60.5], 60.0) == 4


def test_a_quicker_provider_has_shorter_windows_and_waits() -> None:
    quick = quicker(DOCKERHUB, 30)
    assert (dict(quick.pace.refused), quick.pace.confirm_after_s, quick.pace.per_second, quick.token_pace) == ({20: 10}, 40.0, 30, (60, 2))
    with pytest.raises(AssertionError):
        quicker(DOCKERHUB, 7)


def test_registries_that_are_simulated_apart_make_one_night() -> None:
    hosts = ("docker.io", "registry.example.org")
    whole = together([simulated(40, dead_every=20, hosts=[host]) for host in hosts])
    assert [lane.host for lane in whole.lanes] == [*hosts]
    assert whole.states == {"alive": 12, "dead": 2}
    assert whole.told == 2
    assert of_host(whole.lanes, "docker.io") == of_host(simulated(40, dead_every=20).lanes, "docker.io"), "no lane knows of another"
