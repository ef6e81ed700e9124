"""A registry that several workers sweep at once: each secret is in one part, and the registry is judged as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.emulated.night import HOST, Night, a_night, plan_of
from tests.lanes.working import sweep_by, work_of
from validator.credential import Host
from validator.lanes.whole import parts_at
from validator.notifiers.base import Alert

NUMBER, FALLEN = 24, 8


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    split = {HOST: {"pace": {"refused": {60: 1000}, "in_flight": 8, "workers": 4}}}
    async with a_night(tmp_path, registries=split, quarantine_min=FALLEN) as one:
        yield one


async def states(night: Night, sweep: str) -> Counter[str]:
    return Counter([row.state async for row in night.opened.ledger.reports.rows(sweep)])


async def test_each_secret_is_asked_by_one_part_and_the_whole_comes_last(night: Night) -> None:
    for one in range(NUMBER):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, username=f"n{one}")
    for user in ("bob", "eve"):
        await night.keep(user, "shared", "both", 200)
    done = await sweep_by(*(work_of(night) for _ in range(4)))
    parts = [f"lane:{HOST}#{part}" for part in range(4)]
    assert done.order == ["sweep", *parts, f"lane:{HOST}", "sweep"]
    assert await states(night, done.sweep) == {"alive": NUMBER + 2}
    assert {night.world.seen.count(f"{HOST} login s{one}") for one in range(NUMBER)} == {1}
    assert night.world.count("login both") == 1
    [lane] = await night.opened.ledger.sweeps.lanes(done.sweep)
    subs = await night.opened.ledger.sub_lanes.of(done.sweep)
    assert (lane.credentials, lane.probes, sum(sub.probes for sub in subs)) == (NUMBER + 2, NUMBER + 1, NUMBER + 1)
    assert all(sub.probes for sub in subs), "no part was empty"


async def test_a_registry_that_is_ill_is_seen_though_no_part_sees_enough_of_it(night: Night) -> None:
    for one in range(NUMBER):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, *([401] if one < FALLEN else []), username=f"n{one}")
    works = [work_of(night) for _ in range(4)]
    await sweep_by(*works)
    night.clock.pass_by(24 * 3600)
    done = await sweep_by(*works)
    subs = await night.opened.ledger.sub_lanes.of(done.sweep)
    assert max(sub.fell for sub in subs) < night.settings.sweep.quarantine_min <= sum(sub.fell for sub in subs) == FALLEN
    [lane] = await night.opened.ledger.sweeps.lanes(done.sweep)
    assert (lane.quarantined, lane.fell, lane.asked) == (True, FALLEN, NUMBER)
    assert (await states(night, done.sweep), night.told.alerts, night.happened) == ({"alive": NUMBER}, [Alert.QUARANTINED], [])


async def test_deaths_in_several_parts_are_confirmed_and_told_once_each(night: Night) -> None:
    for one in range(NUMBER):
        await night.keep("ada", f"key{one}", f"s{one}", 200, *([401] if one < 3 else []), username=f"n{one}", registry=f"{HOST}/o{one}")
    works = [work_of(night) for _ in range(4)]
    await sweep_by(*works)
    night.clock.pass_by(24 * 3600)
    night.told.digests.clear()
    done = await sweep_by(*works)
    assert await states(night, done.sweep) == {"alive": NUMBER - 3, "dead": 3}
    assert [(digest.user, len(digest.lines)) for digest in night.told.digests] == [("ada", 3)]


async def test_a_credential_that_was_changed_meanwhile_is_judged_by_its_new_secret(night: Night) -> None:
    for one in range(NUMBER):
        await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, username=f"n{one}")

    async def change(one: str) -> None:
        await night.keep(f"u{one}", f"key{one}", f"new{one}", 200, username=f"n{one}")

    night.world.on = lambda line: change(line.rpartition(" s")[2]) if " login s" in line else None
    done = await sweep_by(*(work_of(night) for _ in range(4)))
    rows = {row.name: row for row in await plan_of(night.opened.ledger, done.sweep)}
    stored = {one.name: await night.asked(one.name, one.user) for one in [*rows.values()]}
    assert {name: row.row for name, row in rows.items()} == {name: one.row for name, one in stored.items()}
    assert {row.state for row in rows.values()} == {"alive"}


def test_a_registry_is_split_no_finer_than_its_requests_in_flight(night: Night) -> None:
    assert (parts_at(work_of(night), Host(HOST)), parts_at(work_of(night), Host("reg.other"))) == (4, 1)
    one = {HOST: {"pace": {"in_flight": 2, "workers": 9}}}
    settings = night.settings.model_validate({"registries": one})
    work = work_of(night)
    work.probe.settings = settings
    assert parts_at(work, Host(HOST)) == 2
