"""A lane within what its registry bears: a throttle, places in the failure budget, a control that there is no place for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cases.rows import case
from tests.emulated.night import HOST, Night, World, a_night, answer, holds, said
from validator.ledger.budgets import BudgetClass, Reservation
from validator.registry.base import Answer

Nights = Callable[..., AbstractAsyncContextManager[Night]]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return lambda **settings: a_night(tmp_path, **settings)


async def spend(night: Night, places: int, kind: BudgetClass) -> None:
    """Refused logins of somebody else's."""
    budgets, now = night.opened.ledger.budgets, night.clock.wall
    for _ in range(places):
        place = await budgets.reserve(HOST, name=None, budget_class=kind, windows={}, username_windows={}, now=now, first_ever=False)
        assert isinstance(place, Reservation)
        await budgets.settle(place, True, now=now)


@case("SWEEP-30")
async def test_a_throttled_lane_sleeps_and_goes_on_and_others_do_not_wait(row, nights):
    async with nights() as night:
        for one in range(4):
            await night.keep("ada", f"key{one}", f"s{one}", 200, registry=f"{HOST}/p{one}", username=f"n{one}")
        await night.keep("ada", "there", "s9", 200, registry="other.test")
        await night.sweep()
        night.clock.pass_by(24 * 3600)
        night.world.seen.clear()
        night.clock.slept.clear()
        throttled: list[str] = []

        def throttle(line: str) -> None:
            if line.startswith(f"{HOST} login s") and not throttled:
                throttled.append(line.rpartition(" ")[2])
                night.world.logins[throttled[0]] = [429, 200]

        night.world.on = throttle
        found = await night.told_of(await night.job().run())
        name = throttled[0].replace("s", "key")
        row.agrees("credential", said(found[name]))
        assert found[name].plan.state == "alive"
        assert {said(one) for one in found.values() if one.plan.name != name} == {"valid (login_accepted)"}
        long = [seconds for seconds in night.clock.slept if seconds > 100]
        assert [round(seconds) for seconds in long] == [600], "once, not again and again"
        assert night.world.count("login s") == 5


@pytest.mark.parametrize(("options", "wait_s"), [({"wait": False}, 1800), ({}, 599)], ids=["no wait", "longer than is waited for"])
async def test_a_registry_that_is_to_be_left_alone_for_long_is_left_to_the_next_sweep(options, wait_s, nights):
    async with nights(wait_s=wait_s, registries={HOST: {"pace": {"in_flight": 3}}}) as night:
        for one in range(6):
            await night.keep("ada", f"key{one}", f"s{one}", 200, registry=f"{HOST}/p{one}", username=f"n{one}")
        await night.sweep()
        night.clock.pass_by(24 * 3600)
        night.world.seen.clear()
        night.clock.slept.clear()
        for one in range(6):
            night.world.logins[f"s{one}"] = [429, 200]
        found = await night.told_of(await night.job().run(**options))
        asked = night.world.count("login s")
        assert 1 <= asked <= 3, "what was under way when the first was told"
        assert {said(one) for one in found.values()} == {"unknown (throttled)"}
        assert {one.plan.state for one in found.values()} == {"alive"}
        assert len(night.shown["left_over"]) == 6 - asked
        assert max(night.clock.slept, default=0.0) < 60
        since = night.clock.wall - timedelta(hours=1)
        assert await night.opened.ledger.budgets.count(HOST, since) == asked, "what was not sent was not refused"
        assert sum(lane["requests"] for lane in night.shown["registries"]) == len([line for line in night.world.seen if HOST in line])
        night.world.logins |= {f"s{one}": [200] for one in range(6)}
        again = await night.sweep(after_h=24)
        assert {said(one) for one in again.values()} == {"valid (login_accepted)"}


class LockingHub(World):
    """Docker Hub, where an account of 429 is locked."""

    def _answer(self, step: str, host: str, who: str, kind: str, secret: str) -> Answer:
        if step == "ping":
            demand = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'
            return answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}, ("www-authenticate", demand))
        if step == "login" and self.logins.get(secret) == [429]:
            return answer(429, {"details": "too many failed login attempts for username or IP address"})
        return super()._answer(step, host, who, kind, secret)


@case("HUB-12")
async def test_a_locked_name_is_not_asked_with_again_in_the_whole_sweep(row, nights):
    async with nights(world=LockingHub(), registries={"docker.io": {}}) as night:
        for one in range(3):
            await night.keep("ada", f"key{one}", f"s{one}", 429, registry=f"docker.io/o{one}", username="jane")
        await night.keep("bob", "other", "s9", 200, registry="docker.io", username="bob")
        found = await night.sweep()
        assert said(found.pop("other")) == "valid (login_accepted)"
        for one in found.values():
            row.agrees("credential", said(one))
        assert sum(night.world.count(f"login s{one}") for one in range(3)) == 1
        assert len(night.shown["left_over"]) == 2, "the others are the next sweep's"
        for secret in ("s0", "s1", "s2"):
            night.world.logins[secret] = [200]
        found = await night.sweep(after_h=24)
        assert {said(one) for one in found.values()} == {"valid (login_accepted)"}


async def test_a_registry_in_maintenance_is_left_alone_for_as_long_as_it_says(nights):
    async with nights() as night:
        for one in range(4):
            await night.keep("ada", f"key{one}", f"s{one}", 200, registry=f"{HOST}/p{one}", username=f"n{one}")
        await night.sweep()
        night.clock.pass_by(24 * 3600)
        night.world.seen.clear()
        night.clock.slept.clear()
        night.world.waits = frozenset({503})
        down: list[str] = []

        def go_down(line: str) -> None:
            if line.startswith(f"{HOST} login s") and not down:
                down.append(line.rpartition(" ")[2])
                night.world.logins[down[0]] = [503, 200]

        night.world.on = go_down
        found = await night.told_of(await night.job().run())
        assert sorted(said(one) for one in found.values()) == ["unknown (server_error)", *["valid (login_accepted)"] * 3]
        assert [round(seconds) for seconds in night.clock.slept if seconds > 100] == [600], "the others are not sent into it"


@case("SWEEP-34")
async def test_without_room_for_a_control_nothing_is_proven_and_nothing_moves(row, nights):
    async with nights(registries={HOST: {"pace": {"refused": {3600: 4}}}}) as night:
        await night.keep("ada", "key", "s1", 200)
        await night.sweep()
        night.clock.pass_by(25 * 3600)
        await spend(night, 3, BudgetClass.FORMER)
        found = await night.sweep()
        holds(row, found["key"], "alive", "none")
        assert (night.happened, night.world.count("login control")) == ([], 0)
        found = await night.sweep(after_h=2)
        assert said(found["key"]) == "valid (login_accepted)"
        assert night.world.count("login control") == 1


@case("SWEEP-35")
async def test_the_dead_ones_quarter_is_not_the_good_ones(row, nights):
    async with nights(registries={HOST: {"pace": {"refused": {3600: 8}}}}) as night:
        await night.keep("ada", "dead", "s1", 401, registry=f"{HOST}/a", username="n1")
        await night.keep("ada", "good", "s2", 200, registry=f"{HOST}/b", username="n2")
        await night.sweep()
        night.clock.pass_by(24 * 3600)
        await spend(night, 2, BudgetClass.DEAD)
        found = await night.sweep()
        row.agrees("credential", said(found["dead"]), 0)
        row.agrees("credential", said(found["good"]), 1)
        assert (found["dead"].plan.state, night.world.count("login s1")) == ("dead", 0)


async def test_a_days_quota_leaves_the_rest_to_other_days_and_new_ones_come_first(nights):
    async with nights(registries={HOST: {"pace": {"per_day": 9}}}) as night:
        for one in range(8):
            await night.keep(f"u{one}", f"key{one}", f"s{one}", 200, username=f"n{one}")
        await night.sweep()
        assert (len(night.world.seen), night.world.count("login s")) == (9, 7), "a ping and a control are requests, too"
        assert [left["reason"] for left in night.shown["left_over"]] == ["budget_spent"]
        asked = {line.rpartition(" ")[2] for line in night.world.seen}
        await night.sweep(after_h=12)
        assert night.world.seen == [], "the day is not over"
        await night.sweep(after_h=13)
        first = next(line for line in night.world.seen if " login s" in line).rpartition(" ")[2]
        assert first not in asked, "the one that nobody asked about"


@case("SWEEP-36")
async def test_two_never_take_the_last_place(row, nights):
    async with nights(wait_s=60, registries={HOST: {"pace": {"refused": {3600: 4}, "in_flight": 2}}}) as night:
        for one in range(3):
            await night.keep("ada", f"key{one}", f"s{one}", 200, registry=f"{HOST}/p{one}", username=f"n{one}")
        assert {said(found) for found in (await night.sweep()).values()} == {"valid (login_accepted)"}
        night.world.logins |= {"s1": [401], "s2": [401]}
        night.clock.pass_by(23 * 3600)  # the control is fresh
        await spend(night, 3, BudgetClass.FORMER)
        found = await night.sweep(wait=False)
        said_of = sorted((said(found["key1"]), said(found["key2"])))
        assert said_of[0] == "invalid (refused)"
        row.agrees("credential", said_of[1])
        assert night.world.count("login s1") + night.world.count("login s2") == 1
