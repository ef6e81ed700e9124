"""A third of the stored credentials is dead: a GitLab that bans addresses and a Docker Hub that locks names do neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.emulated.night import Clock, Night, a_night
from validator.app import transport_for
from validator.emulator.dockerhub import Account, DockerHub, Token
from validator.emulator.dockerhub.world import State as TokenState
from validator.emulator.gitlab import Gitlab, Secret, State, world
from validator.providers import Pace
from validator.providers.dockerhub import DOCKERHUB
from validator.registry.base import Network

NUMBER, DEAD_EVERY = 40, 3
WIDE = {"refused": {60: 1000}, "refused_per_username": {60: 1000}}


class Free:
    """In the place of the throttle behind the ledger's slots, which reads a clock of its own."""

    async def acquire(self) -> None:
        return


@pytest.fixture(autouse=True)
def _slots_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.registry.pace.throttler", lambda per_second, burst: Free())


def pace_of(pace: Pace, **changes: Any) -> dict[str, Any]:
    """The provider's own numbers as settings, which the nights of other tests make wide."""
    given = {"per_second": pace.per_second, "burst": pace.burst, "in_flight": pace.in_flight, "refused": dict(pace.refused)}
    return {**given, "refused_per_username": dict(pace.refused_per_username), "confirm_after_s": pace.confirm_after_s, **changes}


def states(night: Night) -> dict[str, int]:
    """How many are in which."""
    found: dict[str, int] = {}
    for row in night.shown["credentials"]:
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


async def nights_at_gitlab(home: Path, **changes: Any) -> tuple[dict[str, int], list[int]]:
    """Two nights; the states after the last, and the refused logins after each, where a plain 403 would be a ban's."""
    clock, refused = Clock(), list[int]()
    async with Gitlab(host="gitlab.test", self_managed=True, clock=lambda: clock.ticks) as gitlab, transport_for(Network()) as transport:
        gitlab.switch(ban=world.SELF_MANAGED)
        settings = {host: {**said, "pace": pace_of(Pace(), **changes)} for host, said in gitlab.settings().items()}
        async with a_night(home, registries=settings, world=transport, clock=clock, wait_s=600) as night:
            for one in range(NUMBER):
                secret, state = f"glpat-{one:020d}", State.REVOKED if one % DEAD_EVERY == 0 else State.LIVE
                gitlab.add(Secret(name=f"key {one}", secret=secret, username=f"u{one}", state=state))
                await night.keep(f"u{one}", f"key{one}", secret, registry="gitlab.test", username=f"u{one}")
            for _ in range(2):
                await swept(night)
                refused.append(sum(record.refused for record in gitlab.requests))
                assert not gitlab._banned or changes, "banned"
            return states(night), refused if not gitlab._banned else []


async def swept(night: Night) -> None:
    """A sweep a day later; the registry's record is its own, not the scripted world's."""
    night.clock.pass_by(24 * 3600)
    night.told.digests.clear()
    await night.told_of(await night.job().run())


async def test_a_gitlab_that_bans_after_ten_failures_bans_nobody(tmp_path):
    found, refused = await nights_at_gitlab(tmp_path)
    assert refused
    assert found["alive"] == NUMBER - len(range(0, NUMBER, DEAD_EVERY))
    assert found["dead"] > 1
    assert set(found) <= {"alive", "dead", "suspect", "never_checked"}


async def test_without_the_budget_it_would(tmp_path):
    _, refused = await nights_at_gitlab(tmp_path, **WIDE, per_second=1000)
    assert refused == [], "banned"


@pytest.mark.parametrize(("changes", "locked"), [({}, False), (WIDE, True)], ids=["as shipped", "without the budget"])
async def test_a_hub_that_locks_a_name_after_five_failures_locks_none(tmp_path, changes, locked):
    clock = Clock()
    async with DockerHub(clock=lambda: clock.ticks) as hub, transport_for(Network()) as transport:
        settings = {host: {**said, "pace": pace_of(DOCKERHUB.pace, **changes)} for host, said in hub.settings().items()}
        async with a_night(tmp_path, registries=settings, world=transport, clock=clock, wait_s=600) as night:
            good = set()
            for one in range(NUMBER):
                who = f"someone{one // 10}"  # ten tokens of each, three of them dead, and four with one name
                hub.add(Account(name=who))
                dead = one % 10 < 3 or (one // 10 == 0 and one % 10 < 7)
                secret = f"dckr_pat_{one:027d}"
                good |= set() if dead else {f"key{one}"}
                hub.add(Token(name=f"token {one}", secret=secret, account=who, state=TokenState.DEACTIVATED if dead else TokenState.ACTIVE))
                await night.keep(f"u{one}", f"key{one}", secret, registry="docker.io", username=who)
            for _ in range(2):
                await swept(night)
            names = {name for name in hub.logins.until if name.startswith("someone")}
            assert bool(names) is locked
            if not locked:
                assert max(hub.logins.by_name[f"someone{n}"] for n in range(4)) > 2, "some were refused"
                found = {row["name"]: row["state"] for row in night.shown["credentials"]}
                assert {name for name, state in found.items() if state == "alive"} <= good
                assert {name for name, state in found.items() if state in ("dead", "suspect")} <= found.keys() - good
                assert len([state for state in found.values() if state == "alive"]) > len(good) // 2, "some wait for a name's window"
