"""Nights of a sweep on a virtual clock: what is believed, what is waited for, who is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from tests.cases.rows import case
from tests.emulated.night import HOST, Night, a_night, holds, said
from validator.evidence import Failure
from validator.ledger.budgets import BudgetClass, Reservation
from validator.notifiers.base import Alert

Nights = Callable[..., AbstractAsyncContextManager[Night]]
WAIT_S = 600.0
DOWN = Failure.CONNECT_FAILED


@pytest.fixture(autouse=True)
def logs() -> None:
    """The logs of no earlier test's command, whose stderr is closed."""
    structlog.reset_defaults()


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return lambda **settings: a_night(tmp_path, **settings)


@pytest.fixture
async def night(nights: Nights) -> AsyncIterator[Night]:
    async with nights() as opened:
        yield opened


@case("SWEEP-01")
async def test_a_death_is_two_refusals_the_wait_apart(row, night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.keep("bob", "other", "s2", 200)
    assert (await night.sweep())["key"].standing.state == "alive"
    found = await night.sweep(after_h=24)
    holds(row, found["key"], "dead", "died")
    assert sum(night.clock.slept) >= WAIT_S
    assert night.happened == [("ada", "key", "died")]
    assert night.world.count("login s1") == 2


@case("SWEEP-01")
async def test_over_two_sweeps_the_first_makes_a_suspect_who_keeps_its_verdict(row, night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.keep("bob", "other", "s2", 200)
    await night.sweep()
    found = await night.sweep(after_h=24, wait=False)
    holds(row, found["key"], "suspect", "none")
    assert (found["key"].standing.outcome, night.happened, night.shown["left_over"]) == ("valid", [], [])
    holds(row, (await night.sweep(after_h=24, wait=False))["key"], "dead", "died")


@case("SWEEP-02")
async def test_a_blip_is_nobodys_death(row, night):
    await night.keep("ada", "key", "s1", 200, 401, 200)
    await night.sweep()
    holds(row, (await night.sweep(after_h=24))["key"], "alive", "blipped", at=1)
    assert night.happened == []


@case("SWEEP-03")
@pytest.mark.parametrize(("at", "pace"), [(0, {}), (1, {"refused": {3600: 4}})], ids=["503", "no budget"])
async def test_what_is_not_told_again_stays_suspect_and_comes_first(row, nights, at, pace):
    async with nights(registries={HOST: {"pace": pace}}) as night:
        await night.keep("ada", "key", "s1", 200, 401, 503)
        await night.keep("bob", "other", "s2", 200)
        await night.sweep()
        if at:
            night.world.on = lambda seen: spend(night, 4) if seen.endswith("login s1") else None
        found = await night.sweep(after_h=24)
        holds(row, found["key"], "suspect", "none", at=at)
        assert night.happened == []
        left = {entry["name"]: entry["reason"] for entry in night.shown["left_over"]}
        assert left.get("key") == ("budget_spent" if at else None)
        night.world.logins["s1"], night.world.on = [401], None
        again = await night.sweep(after_h=24)
        assert next(line for line in night.world.seen if line.partition("login ")[2] in ("s1", "s2")).endswith("s1")
        assert (again["key"].standing.state, again["key"].transition) == ("dead", "died")


async def spend(night: Night, places: int) -> None:
    """Refused logins of somebody else's."""
    budgets, now = night.opened.ledger.budgets, night.clock.wall
    for _ in range(places):
        place = await budgets.reserve(HOST, name=None, budget_class=BudgetClass.FORMER, windows={}, username_windows={}, now=now, first_ever=False)
        assert isinstance(place, Reservation)
        await budgets.settle(place, True, now=now)


@case("SWEEP-04")
async def test_when_half_of_the_lane_would_die_the_registry_is_ill(row, nights):
    async with nights(registries={HOST: {"pace": {"refused": {60: 1000}}}}) as night:
        for number in range(60):
            await night.keep(f"u{number}", f"key{number}", f"s{number}", 200, *([401] if number < 30 else []), username=f"n{number}")
        await night.sweep()
        found = await night.sweep(after_h=24)
        for number in range(30):
            holds(row, found[f"key{number}"], "alive", "none")
        assert (night.shown["registries"][0]["quarantined"], night.shown["notices"]["sent"], night.told.alerts) == (True, 0, [Alert.QUARANTINED])
        dead = [line for number in range(30) for line in night.world.seen if line.endswith(f"login s{number}")]
        assert len(dead) == 33, "each once, and three once more: it may have passed"


async def test_fewer_deaths_than_the_least_are_believed(nights):
    async with nights(registries={HOST: {"pace": {"refused": {60: 1000}}}}) as night:
        for number in range(4):
            await night.keep(f"u{number}", f"key{number}", f"s{number}", 200, 401, username=f"n{number}")
        await night.sweep()
        assert {one.transition.value for one in (await night.sweep(after_h=24)).values()} == {"died"}


async def test_secrets_that_many_share_count_once_as_deaths(night):
    for number in range(6):
        await night.keep(f"u{number}", f"key{number}", "shared", 200, 401)
    await night.sweep()
    assert {one.transition.value for one in (await night.sweep(after_h=24)).values()} == {"died"}
    assert len(night.told.digests) == 6


def canary_in(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "canary").write_text("tweet\n")
    return {HOST: {"canary": {"username": "bird", "secret_file": tmp_path / "canary"}, "pace": {"refused": {60: 1000}}}}


@case("SWEEP-06")
async def test_a_refused_canary_and_nobody_accepted_is_the_registrys_illness(row, nights, tmp_path):
    async with nights(registries=canary_in(tmp_path)) as night:
        night.world.logins["tweet"] = [401]
        await night.keep("ada", "key", "s1", 200, 401)
        await night.sweep()
        holds(row, (await night.sweep(after_h=24))["key"], "alive", "none")
        assert (night.happened, night.told.alerts) == ([], [Alert.CANARY])


async def test_a_quarantined_lane_is_released_by_a_good_canary_the_next_night(nights, tmp_path):
    async with nights(registries=canary_in(tmp_path)) as night:
        night.world.logins["tweet"] = [200]
        for number in range(5):
            await night.keep(f"u{number}", f"key{number}", f"s{number}", 200, 401, username=f"n{number}")
        await night.sweep()
        assert {said(one) for one in (await night.sweep(after_h=24)).values()} == {"unknown (registry_ill)"}
        assert {one.transition.value for one in (await night.sweep(after_h=24)).values()} == {"died"}


@case("SWEEP-07")
async def test_two_in_a_lane_that_both_die_are_dead(row, night):
    for name in ("one", "two"):
        await night.keep("ada", name, f"s-{name}", 200, 401, registry=f"{HOST}/{name}", username=name)
    await night.sweep()
    found = await night.sweep(after_h=24)
    for name in ("one", "two"):
        holds(row, found[name], "dead", "died")
    assert night.world.count("login nobody") >= 1
    assert sorted(night.happened) == [("ada", "one", "died"), ("ada", "two", "died")]
    assert len(night.told.digests) == 1, "one message a user"


@case("SWEEP-08")
async def test_a_spent_budget_leaves_the_rest(row, nights):
    async with nights(wait_s=60, registries={HOST: {"pace": {"refused": {3600: 5}}}}) as night:
        for number in range(8):
            await night.keep("ada", f"key{number}", f"s{number}", 200, registry=f"{HOST}/p{number}", username=f"n{number}")
        await night.sweep()
        night.world.logins.clear()
        found = await night.sweep(after_h=24)
        assert night.shown["registries"][0]["refused_logins"] == 5
        left = {entry["name"] for entry in night.shown["left_over"]}
        assert {entry["reason"] for entry in night.shown["left_over"]} == {"budget_spent"}
        for name in left:
            holds(row, found[name], "alive", "none")
        assert len(left) == 3


async def test_a_window_that_frees_in_time_is_waited_for_and_its_end_is_told(nights):
    async with nights(registries={HOST: {"pace": {"refused": {60: 4}}}}) as night:
        for number in range(6):
            await night.keep("ada", f"key{number}", f"s{number}", 401, registry=f"{HOST}/p{number}", username=f"n{number}")
        until = []
        report = await night.job(lambda lane: until.append(lane.waiting_until)).run(wait=True)
        rows = await night.told_of(report)
        assert (report.left_over, {row.transition.value for row in rows.values()}) == (0, {"never_worked"})
        assert any(at is not None for at in until)


@case("SWEEP-09")
async def test_what_fifty_share_is_asked_once(row, night):
    for number in range(50):
        await night.keep(f"user{number}", "key", "shared", 200)
    await night.sweep()
    assert (night.world.count("login shared"), night.shown["registries"][0]["probes"], night.shown["registries"][0]["credentials"]) == (1, 1, 50)
    assert night.shown["totals"] == {"valid": 50}
    assert len(await night.opened.ledger.statuses.all()) == 50


@case("SWEEP-10")
async def test_one_key_under_three_paths_is_asked_once(row, night):
    for path in ("a", "b", "c"):
        await night.keep("ada", path, "shared", 200, registry=f"{HOST}/{path}")
    found = await night.sweep()
    assert (night.world.count("login shared"), {one.standing.state.value for one in found.values()}, len(found)) == (1, {"alive"}, 3)


async def test_a_denied_proof_image_speaks_only_of_the_path_that_covers_it(night):
    await night.keep("ada", "proven", "shared", 200, registry=f"{HOST}/team", proof=f"{HOST}/team/app:1")
    await night.keep("ada", "other", "shared", registry=f"{HOST}/else")
    night.world.pulls["shared"] = [403]
    found = await night.sweep(wait=False)
    assert (said(found["proven"]), said(found["other"])) == ("insufficient (no_pull_permission)", "valid (login_accepted)")
    assert night.world.count("head shared") == 1


async def test_a_proof_image_is_no_word_of_a_whole_hosts_credential_that_did_not_bring_it(night):
    """The same secret, stored by two: its own proof repository speaks of a credential, another's does not (registries/README.md 6.2)."""
    await night.keep("ada", "proven", "shared", 200, registry=f"{HOST}/team", proof=f"{HOST}/team/app:1")
    await night.keep("bob", "whole", "shared")
    await night.keep("eve", "own", "shared", proof=f"{HOST}/team/app:1")
    night.world.pulls["shared"] = [403]
    found = await night.sweep()
    assert {name: said(one) for name, one in found.items()} == {
        "proven": "insufficient (no_pull_permission)", "own": "insufficient (no_pull_permission)", "whole": "valid (login_accepted)",
    }  # fmt: skip
    assert found["whole"].standing.state == "alive"


@case("SWEEP-11")
async def test_a_key_that_changes_under_the_probe_gets_no_old_verdict(row, night):
    await night.keep("ada", "key", "old", 401)
    night.world.logins["new"] = [200]

    async def change(seen: str) -> None:
        if seen.endswith("login old"):
            night.world.on = None
            await night.keep("ada", "key", "new")

    night.world.on = change
    found = await night.sweep()
    assert (said(found["key"]), found["key"].standing.state) == ("valid (login_accepted)", "alive")
    assert (night.world.count("login old"), night.world.count("login new"), night.shown["left_over"]) == (1, 1, [])
    assert [status.state for status in await night.opened.ledger.statuses.all()] == ["alive"], "nothing is written of the old one"


@case("SWEEP-11")
async def test_a_key_that_changes_again_and_again_is_left_over(row, night):
    async def change(seen: str) -> None:
        if " login key" in seen:
            number = int(seen.rpartition("key")[2])
            await night.keep("ada", "key", f"key{number + 1}", 200)

    await night.keep("ada", "key", "key0", 200)
    night.world.on = change
    found = await night.sweep()
    holds(row, found["key"], "never_checked", "none")
    assert night.shown["left_over"] == [{"user": "ada", "name": "key", "reason": "rotated"}]
    assert night.world.count("login key") == 2


@case("SWEEP-12")
async def test_of_a_credential_that_was_deleted_nothing_is_written(row, night):
    async def gone(seen: str) -> None:
        if seen.endswith("login s1"):
            await night.store.delete("ada", "key")

    await night.keep("ada", "key", "s1", 401)
    night.world.on = gone
    assert await night.sweep() == {}
    assert (await night.opened.ledger.statuses.all(), night.happened, night.shown["left_over"]) == ((), [], [])


@case("SWEEP-13")
async def test_a_dead_one_that_works_again_has_recovered(row, night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.keep("bob", "other", "s2", 200)
    await night.sweep()
    assert (await night.sweep(after_h=24))["key"].standing.state == "dead"
    night.world.logins["s1"] = [200]
    holds(row, (await night.sweep(after_h=24))["key"], "alive", "recovered")
    assert night.happened == []


@case("SWEEP-15")
async def test_the_dead_are_told_once_and_asked_ever_more_rarely(row, nights):
    async with nights(notices={"reminder_days": 0}) as night:
        await night.keep("ada", "key", "s1", 401)
        await night.keep("bob", "other", "s2", 200)
        await night.sweep()
        assert night.happened == [("ada", "key", "never_worked")]
        asked = []
        for day in range(1, 30):
            found = await night.sweep(after_h=24)
            assert (found["key"].standing.state, found["key"].transition, night.happened) == ("dead", "none", [])
            row.agrees("credential", said(found["key"]))
            if night.world.count("login s1"):
                asked.append(day)
        assert asked == [1, 3, 7, 14, 21, 28], "after 1, 2, 4, 7 days, then every 7"


async def test_by_setting_the_dead_are_reminded_of_after_a_while(nights):
    async with nights(notices={"reminder_days": 3}) as night:
        await night.keep("ada", "key", "s1", 401)
        await night.keep("bob", "other", "s2", 200)
        told = []
        for day in range(8):
            await night.sweep(after_h=24)
            told += [day] if night.happened else []
        assert told == [0, 3, 6]


@case("SWEEP-20")
async def test_what_was_proven_a_short_while_ago_is_not_asked_again(row, nights):
    async with nights(fresh_s=14400) as night:
        await night.keep("ada", "key", "s1", 200)
        first = (await night.sweep())["key"]
        night.clock.pass_by(22 * 3600)
        await night.ask("key")
        found = await night.sweep(after_h=2)
        assert (night.world.seen, night.shown["registries"][0]["probes"], night.shown["left_over"]) == ([], 0, [])
        assert (found["key"].transition, found["key"].checked_at, said(found["key"])) == ("none", first.checked_at, "valid (login_accepted)")
        await night.sweep(after_h=3)
        assert night.world.count("login s1") == 1


async def test_what_a_check_proved_before_the_first_sweep_counts(nights):
    async with nights(fresh_s=14400) as night:
        await night.keep("ada", "key", "s1", 200)
        await night.ask("key")
        found = await night.sweep(after_h=2)
        assert (night.world.seen, found["key"].standing.state, said(found["key"])) == ([], "alive", "valid (login_accepted)")


@case("SWEEP-22")
async def test_a_lost_role_impairs_after_the_second_denial(row, night):
    await night.keep("ada", "key", "s1", 200, registry=f"{HOST}/team")
    await night.opened.ledger.repositories.add(
        night.opened.keys.fingerprinter.of(HOST, "jane", (await night.asked("key")).secret), "team/app", now=night.clock.wall
    )  # fmt: skip
    assert (await night.sweep())["key"].level == "pull"
    night.world.pulls["s1"] = [403]
    holds(row, (await night.sweep(after_h=24, wait=False))["key"], "suspect", "none")
    assert night.happened == []
    holds(row, (await night.sweep(after_h=24))["key"], "impaired", "impaired")
    [line] = night.told.digests[0].lines
    assert "does not let it pull" in line.cause


@case("SWEEP-25")
async def test_what_never_worked_is_called_so(row, night):
    await night.keep("ada", "key", "s1", 401)
    holds(row, (await night.sweep())["key"], "dead", "never_worked")
    assert night.happened == [("ada", "key", "never_worked")]


@case("SWEEP-26")
async def test_a_wall_clock_that_jumps_back_kills_nobody(row, night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.sweep()
    await night.sweep(after_h=24, wait=False)
    night.clock.wall = night.clock.wall.replace(hour=0)
    found = await night.sweep(wait=False)
    assert (found["key"].standing.state, night.happened, night.world.seen) == ("suspect", [], [])


@case("SWEEP-27")
async def test_a_row_that_cannot_be_read_hides_nobody(row, night):
    await night.keep("ada", "broken", "s1", 200)
    await night.keep("bob", "key", "s2", 200)
    await night.sweep()
    await night.opened.database.write(lambda c: c.execute(text("UPDATE credentials SET secret = 'x.y.z' WHERE name = 'broken'")))
    found = await night.sweep(after_h=24)
    holds(row, found["broken"], "alive", "none")
    assert night.shown["left_over"] == [{"user": "ada", "name": "broken", "reason": "unreadable"}]
    assert said(found["key"]) == "valid (login_accepted)"


@case("SWEEP-29")
async def test_a_plan_sends_and_writes_nothing(row, night):
    await night.keep("ada", "key", "s1", 200)
    await night.keep("bob", "key", "s2", 200, username="bob")
    [plan] = await night.job().expected()
    assert (plan.registry, plan.credentials, plan.requests, plan.seconds) == (HOST, 2, 4, 0.0)
    assert (night.world.seen, await night.opened.ledger.statuses.all(), night.told.digests) == ([], (), [])
    await night.sweep()
    assert night.shown["registries"][0]["requests"] == plan.requests


@case("SWEEP-31")
async def test_a_canary_that_died_masks_no_death(row, nights, tmp_path):
    async with nights(registries=canary_in(tmp_path)) as night:
        night.world.logins["tweet"] = [401]
        await night.keep("ada", "a", "s1", 200)
        await night.keep("bob", "b", "s2", 200, 401)
        await night.sweep()
        found = await night.sweep(after_h=24)
        holds(row, found["b"], "dead", "died")
        assert (night.happened, night.told.alerts) == ([("bob", "b", "died")], [Alert.CANARY])
        night.world.logins["s1"] = [401]
        await night.sweep(after_h=24)
        assert night.world.count("login tweet") == 0, "a dead canary is left out"


@case("SWEEP-32")
async def test_without_a_sign_of_health_a_second_refusal_says_nothing(row, night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.sweep()
    night.world.anonymous = [DOWN]
    holds(row, (await night.sweep(after_h=24))["key"], "suspect", "none")
    assert (night.happened, night.world.count("login s1")) == ([], 2)
    night.world.anonymous = [200]
    found = await night.sweep(after_h=24)
    assert (found["key"].transition, night.world.count("login s1")) == ("died", 1), "asked again in the next sweep"


@case("SWEEP-33")
async def test_an_anonymous_answer_as_usual_is_a_sign_of_health(row, night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.sweep()
    holds(row, (await night.sweep(after_h=24))["key"], "dead", "died")
    steps = [line.removeprefix(f"{HOST} login ") for line in night.world.seen if "login" in line]
    assert steps[:3] == ["s1", "nobody", "s1"]


async def test_lanes_run_side_by_side_and_one_fault_of_ours_ends_one_lane(night):
    await night.keep("ada", "here", "s1", 200)
    await night.keep("ada", "there", "s2", 200, registry="other.test")

    def fault(seen: str) -> None:
        if seen == f"{HOST} login s1":
            raise RuntimeError("of our own")

    night.world.on = fault
    found = await night.sweep()
    assert (found["here"].verdict, found["here"].standing.state, said(found["there"])) == (None, "never_checked", "valid (login_accepted)")
    assert night.shown["left_over"] == [{"user": "ada", "name": "here", "reason": "protocol"}]
    assert night.told.alerts == [Alert.FAULT]


async def test_a_lane_that_is_through_is_no_lane_lost(nights):
    async with nights(registries={HOST: {}, "slow.test": {"pace": {"confirm_after_s": 600}}}) as night:
        await night.keep("ada", "here", "s1", 200)
        await night.keep("bob", "there", "s2", 401, registry="slow.test")
        await night.sweep()
        assert night.report is not None
        assert (night.report.stopped, night.happened) == (False, [("bob", "there", "never_worked")])


async def test_a_stop_keeps_what_is_done_and_leaves_the_rest(night):
    for number in range(4):
        await night.keep("ada", f"key{number}", f"s{number}", 401 if number == 0 else 200, registry=f"{HOST}/p{number}", username=f"n{number}")
    job = night.job()
    hung = asyncio.Event()

    async def hang(seen: str) -> None:
        if sum(name in line for line in night.world.seen for name in ("login s",)) == 3:
            job.stop()
            await hung.wait()

    night.world.on = hang
    async with asyncio.timeout(5):
        report = await job.run()
    assert report.stopped
    rows = await night.told_of(report)
    assert len(rows) == 4
    assert {left["reason"] for left in night.shown["left_over"]} == {"deadline"}
    done = {name for name, row in rows.items() if row.verdict is not None}
    assert len(done) == 2
    assert {left["name"] for left in night.shown["left_over"]} == {f"key{n}" for n in range(4)} - done
    kept = {status.name: status.state for status in await night.opened.ledger.statuses.all()}
    assert set(kept) == done
    assert set(kept.values()) <= {"alive", "suspect"}


async def test_only_what_the_filters_select_is_asked(night):
    await night.keep("ada", "here", "s1", 200)
    await night.keep("bob", "there", "s2", 200, registry="other.test:8443")
    assert list(await night.sweep(user="ada")) == ["here"]
    assert list(await night.sweep(registry="other.test")) == ["there"], "a host is any port of it"
    assert list(await night.sweep(registry="other.test:443")) == []


async def test_another_secret_accepted_in_between_is_health_enough(night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.keep("bob", "other", "s2", 200)
    await night.sweep()
    night.world.anonymous = [DOWN]
    assert (await night.sweep(after_h=24, wait=False))["key"].standing.state == "suspect"
    night.clock.pass_by(60)
    await night.ask("other", "bob")
    assert (await night.sweep(after_h=24))["key"].transition == "died"
    assert night.world.count("login nobody") == 0


async def test_another_secret_accepted_before_the_first_refusal_says_nothing(night):
    await night.keep("ada", "key", "s1", 200, 401)
    await night.keep("bob", "other", "s2", 200, DOWN)
    await night.sweep()
    night.world.anonymous = [DOWN]
    assert said((await night.sweep(after_h=24))["key"]) == "unknown (ambiguous_refusal)"
    assert night.happened == []


async def test_without_waiting_a_spent_budget_is_left_to_the_next_sweep(nights):
    async with nights(registries={HOST: {"pace": {"refused": {60: 4}}}}) as night:
        for number in range(6):
            await night.keep("ada", f"key{number}", f"s{number}", 401, registry=f"{HOST}/p{number}", username=f"n{number}")
        await night.sweep(wait=False)
        assert {entry["reason"] for entry in night.shown["left_over"]} == {"budget_spent"}
        assert max(night.clock.slept, default=0.0) < 60
