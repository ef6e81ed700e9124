"""Mass death: what a lane's history makes likely is believed, what it does not is the registry's illness until somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.cases.rows import case
from tests.emulated.night import HOST, Night, a_night, said
from validator.errors import UsageError
from validator.notifiers.base import Alert

Nights = Callable[..., AbstractAsyncContextManager[Night]]
WIDE = {HOST: {"pace": {"refused": {60: 1000}}}}
NUMBER, FALLEN = 12, 8


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return lambda **settings: a_night(tmp_path, **({"registries": WIDE} | settings))


async def fallen(night: Night, *answers: int) -> None:
    """Two nights: all are accepted, then most are refused (then `answers`)."""
    for one in range(NUMBER):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, *([401, *answers] if one < FALLEN else []), username=f"n{one}")
    await night.sweep()
    await night.sweep(after_h=24)


def states(night: Night) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in night.shown["credentials"]:
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


@case("SWEEP-05")
async def test_the_operator_releases_a_lane_and_its_suspects_are_asked_anew(row, nights):
    async with nights() as night:
        await fallen(night)
        assert (states(night), night.told.alerts, night.happened) == ({"alive": NUMBER}, [Alert.QUARANTINED], [])
        [quarantine] = await night.opened.ledger.lanes.quarantined()
        assert (quarantine.evidence["fell"], quarantine.evidence["asked"]) == (FALLEN, NUMBER)
        night.world.logins["s0"] = [200]
        found = await night.sweep(after_h=1, registry=HOST, release=True)
        assert set(found) == {f"key{one}" for one in range(FALLEN)}, "the others are not asked"
        assert sorted(night.happened) == [(f"u{one}", f"key{one}", "died") for one in range(1, FALLEN)]
        assert found["key0"].plan.state == "alive"
        assert await night.opened.ledger.lanes.quarantined() == ()
        with pytest.raises(UsageError):
            await night.sweep(registry=HOST, release=True)


@case("SWEEP-05")
async def test_without_a_canary_it_stays_in_quarantine_night_after_night_and_is_told_once(row, nights):
    async with nights() as night:
        await fallen(night)
        await night.sweep(after_h=24)
        assert (states(night), night.told.alerts, night.happened) == ({"alive": NUMBER}, [], [])
        assert night.shown["registries"][0]["quarantined"]
        assert await night.opened.ledger.lanes.quarantined()


async def test_a_quarantine_ends_by_itself_when_they_are_accepted_again(nights):
    async with nights() as night:
        await fallen(night)
        for one in range(FALLEN):
            night.world.logins[f"s{one}"] = [200]
        await night.sweep(after_h=24)
        assert (await night.opened.ledger.lanes.quarantined(), night.happened) == ((), [])
        assert not night.shown["registries"][0]["quarantined"]


async def test_an_illness_that_passes_within_the_wait_leaves_nothing(nights):
    async with nights() as night:
        await fallen(night, 200)
        assert (states(night), night.told.alerts) == ({"alive": NUMBER}, []), "a few are asked again, and then all"
        assert {row["transition"] for row in night.shown["credentials"]} == {"none", "blipped"}


async def test_what_many_may_not_do_all_at_once_is_no_impairment(nights):
    async with nights() as night:
        for one in range(NUMBER):
            await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, registry=f"{HOST}/team", username=f"n{one}", proof=f"{HOST}/team/app:1")
        await night.sweep()
        night.world.pulls |= {f"s{one}": [403] for one in range(FALLEN)}
        found = await night.sweep(after_h=24)
        assert {said(one) for one in found.values()} == {"valid (pull_proven)", "unknown (registry_ill)"}
        assert (states(night), night.told.alerts, night.happened) == ({"alive": NUMBER}, [Alert.QUARANTINED], [])


async def test_what_falls_as_often_as_ever_is_believed(nights):
    async with nights() as night:
        ledger, now = night.opened.ledger, night.clock.wall
        for one in range(40):
            await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, *([401] if one < 8 else []), username=f"n{one}")
        await night.sweep()
        from validator.ledger.sweeps import LaneRow

        await ledger.sweeps.put_lanes(*(
            LaneRow(sweep=f"week {week}", host=HOST, asked=40, fell=7, finished_at=now) for week in range(4)
        ))  # fmt: skip
        await night.sweep(after_h=24)
        assert len(night.happened) == 8, "eight of forty, where seven fall each week"


async def test_nights_in_quarantine_are_no_history(nights):
    async with nights() as night:
        await fallen(night)
        kept = await night.opened.ledger.sweeps.nights(HOST, limit=10)
        assert [(lane.asked, lane.fell) for lane in kept] == [(0, 0)]


async def test_a_lane_that_never_worked_is_not_in_quarantine(nights):
    async with nights() as night:
        for one in range(NUMBER):
            await night.keep(f"u{one}", f"key{one}", f"s{one}", 401, username=f"n{one}")
        await night.keep("ada", "good", "good", 200)
        await night.sweep()
        assert states(night) == {"dead": NUMBER, "alive": 1}
        assert not night.shown["registries"][0]["quarantined"]
