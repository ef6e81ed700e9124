"""Sweeps whose ledger is on Postgres: a plan, deaths, a stop that goes on, a quarantine and its release, as on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.emulated.night import HOST, Night, a_night
from tests.postgres.server import Postgres
from validator.ledger import open_embedded_on
from validator.notifiers.base import Alert

NUMBER, FALLEN = 12, 8


@pytest.fixture
async def night(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Night]:
    name = postgres.database()
    try:
        async with open_embedded_on(postgres.server(name), tmp_path / "server.key") as opened:
            wide = {HOST: {"pace": {"refused": {60: 1000}}}}
            async with a_night(tmp_path / "home", ledger=opened, registries=wide) as one:
                yield one
    finally:
        postgres.drop(name)


def states(night: Night) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in night.shown["credentials"]:
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


async def test_the_dead_are_told_once_and_a_key_that_is_shared_is_asked_once(night: Night) -> None:
    await night.keep("ada", "key", "s1", 200, 401)
    for user in ("bob", "eve"):
        await night.keep(user, "shared", "s2", 200)
    await night.sweep()
    assert night.world.count("login s2") == 1  # on the second night it may be a death's witness, too
    await night.sweep(after_h=24)
    assert (states(night), night.happened) == ({"dead": 1, "alive": 2}, [("ada", "key", "died")])


async def test_mass_death_is_quarantined_and_released(night: Night) -> None:
    for one in range(NUMBER):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, *([401] if one < FALLEN else []), username=f"n{one}")
    await night.sweep()
    await night.sweep(after_h=24)
    assert (states(night), night.told.alerts, night.happened) == ({"alive": NUMBER}, [Alert.QUARANTINED], [])
    await night.sweep(after_h=1, registry=HOST, release=True)
    assert len(night.happened) == FALLEN


async def test_a_stopped_sweep_goes_on(night: Night) -> None:
    for one in range(NUMBER):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, username=f"n{one}")
    job, seen = night.job(), asyncio.Event()
    night.world.on = lambda line: seen.set() if " login s" in line else None
    running = asyncio.create_task(job.run())
    await seen.wait()
    job.stop()
    assert (await running).stopped
    before, night.world.on = night.world.count("login s"), None
    report = await night.job().run()
    await night.told_of(report)
    assert (report.resumed, states(night)) == (True, {"alive": NUMBER})
    assert night.world.count("login s") <= NUMBER + 1
    assert before < NUMBER
