"""What is kept of secrets and registries: facts, repositories, challenges, controls, platforms, signs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from validator.ledger.challenges import ChallengeSeen
from validator.ledger.controls import AnonymousMade, AnonymousResult, ControlKey, ControlMade, ControlResult
from validator.ledger.facts import FingerprintFacts
from validator.ledger.illness import Sign
from validator.sealing import Fingerprint

HOST = "nvcr.io"
ONE, OTHER = Fingerprint("ab" * 32), Fingerprint("cd" * 32)


async def test_a_secret_never_asked_has_no_facts(ledger):
    assert await ledger.facts.of(HOST, ONE) is None


async def test_refusals_count_until_the_next_acceptance(ledger, now):
    s = timedelta(seconds=1)
    await ledger.facts.refused(HOST, ONE, now=now)
    await ledger.facts.refused(HOST, ONE, now=now + s)
    assert await ledger.facts.of(HOST, ONE) == FingerprintFacts(asked_at=now + s, refused_at=now + s, refusals_in_row=2)
    await ledger.facts.accepted(HOST, ONE, proven=True, now=now + 2 * s)
    await ledger.facts.accepted(HOST, ONE, proven=False, now=now + 3 * s)
    await ledger.facts.denied(HOST, ONE, now=now + 4 * s)
    assert await ledger.facts.of(HOST, ONE) == FingerprintFacts(
        asked_at=now + 4 * s, refused_at=now + s, accepted_at=now + 3 * s, denied_at=now + 4 * s, ever_valid=True
    )
    await ledger.facts.refused(HOST, ONE, now=now + 5 * s)
    found = await ledger.facts.of(HOST, ONE)
    assert (found.refusals_in_row, found.ever_valid) == (1, True)


async def test_accepted_without_proof_is_not_yet_ever_valid(ledger, now):
    await ledger.facts.accepted(HOST, ONE, proven=False, now=now)
    assert not (await ledger.facts.of(HOST, ONE)).ever_valid


async def test_a_write_that_comes_late_takes_no_instant_back(ledger, now):
    await ledger.facts.refused(HOST, ONE, now=now)
    await ledger.facts.refused(HOST, ONE, now=now - timedelta(seconds=9))
    assert (await ledger.facts.of(HOST, ONE)).refused_at == now


REFUSED_SINCE = {
    "never": (None, None, None),
    "refused alone": (None, 5, 5),
    "accepted before": (3, 5, 5),
    "accepted since": (7, 5, None),
    "accepted alone": (7, None, None),
}


@pytest.mark.parametrize(("accepted", "refused", "expected"), REFUSED_SINCE.values(), ids=REFUSED_SINCE.keys())
def test_a_refusal_counts_only_if_nothing_was_accepted_since(now, accepted, refused, expected):
    def at(second: int | None) -> datetime | None:
        return None if second is None else now + timedelta(seconds=second)

    facts = FingerprintFacts(accepted_at=at(accepted), refused_at=at(refused))
    assert facts.refused_since_accepted() == at(expected)


async def test_an_introspection_is_kept_and_leaves_the_rest(ledger, now):
    await ledger.facts.refused(HOST, ONE, now=now)
    end = now + timedelta(days=30)
    await ledger.facts.introspected(HOST, ONE, scopes=("a", "b"), expires_at=end, opinion={"opinion": "knows"}, now=now)
    found = await ledger.facts.of(HOST, ONE)
    assert (found.scopes, found.expires_at, found.opinion, found.introspected_at) == (("a", "b"), end, {"opinion": "knows"}, now)
    assert (found.asked_at, found.refusals_in_row) == (now, 1)
    await ledger.facts.introspected(HOST, ONE, scopes=None, expires_at=None, now=end)
    found = await ledger.facts.of(HOST, ONE)
    assert (found.scopes, found.expires_at, found.opinion, found.introspected_at) == (None, None, None, end)


async def test_facts_are_of_one_host(ledger, now):
    await ledger.facts.refused(HOST, ONE, now=now)
    assert await ledger.facts.of("docker.io", ONE) is None


async def test_a_registrys_health_is_another_secret_accepted_there(ledger, now):
    await ledger.facts.accepted(HOST, ONE, proven=True, now=now)
    assert await ledger.facts.accepted_beside(HOST, ONE) is None
    await ledger.facts.accepted(HOST, OTHER, proven=False, now=now - timedelta(minutes=1))
    await ledger.facts.accepted("docker.io", OTHER, proven=False, now=now)
    assert await ledger.facts.accepted_beside(HOST, ONE) == now - timedelta(minutes=1)
    assert await ledger.facts.accepted_beside(HOST, OTHER) == now


async def test_counts_by_many_tasks_lose_nothing(ledger, now):
    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(ledger.facts.refused(HOST, ONE, now=now))
    assert (await ledger.facts.of(HOST, ONE)).refusals_in_row == 40


async def test_the_repositories_that_a_secret_has_read_come_latest_first(ledger, now):
    for second, repository in enumerate(("a/one", "a/two", "a/one")):
        await ledger.repositories.add(ONE, repository, now=now + timedelta(seconds=second))
    await ledger.repositories.add(OTHER, "b/three", now=now)
    assert await ledger.repositories.of(ONE) == ("a/one", "a/two")


async def test_a_challenge_replaces_the_one_before_and_keeps_when_the_host_first_was_a_registry(ledger, now):
    assert await ledger.challenges.get(HOST) is None
    assert not await ledger.challenges.known_registry(HOST)
    await ledger.challenges.put(HOST, scheme="Basic", now=now)
    demand = {"scheme": "Bearer", "realm": "https://nvcr.io/proxy_auth", "service": "s", "scope": "", "provider": "ngc"}
    later = now + timedelta(days=400)
    await ledger.challenges.put(HOST, **demand, now=later)
    assert await ledger.challenges.get(HOST) == ChallengeSeen(**demand, at=later, first_seen_at=now)
    assert await ledger.challenges.known_registry(HOST)
    assert not await ledger.challenges.known_registry("other.example")


CONTROL = ControlKey(host=HOST, realm="https://nvcr.io/proxy_auth", service="s", scheme="Bearer", step="scoped_login", repository="a/b")


@pytest.mark.parametrize("part", ["host", "realm", "service", "scheme", "step", "repository"])
async def test_a_control_is_found_under_exactly_its_key(ledger, now, part):
    await ledger.controls.put(CONTROL, ControlResult.REFUSED, detail="UNAUTHORIZED", now=now)
    assert await ledger.controls.get(CONTROL) == ControlMade(ControlResult.REFUSED, now, "UNAUTHORIZED")
    assert await ledger.controls.get(replace(CONTROL, **{part: "other"})) is None


async def test_a_control_made_anew_replaces_the_one_before(ledger, now):
    later = now + timedelta(hours=1)
    await ledger.controls.put(CONTROL, ControlResult.REFUSED, now=now)
    await ledger.controls.put(CONTROL, ControlResult.UNCLEAR, now=later)
    assert await ledger.controls.get(CONTROL) == ControlMade(ControlResult.UNCLEAR, later)


async def test_the_controls_of_all_repositories_are_told_together(ledger, now):
    await ledger.controls.put(CONTROL, ControlResult.REFUSED, now=now)
    await ledger.controls.put(replace(CONTROL, repository="c/d"), ControlResult.ACCEPTED, now=now)
    await ledger.controls.put(replace(CONTROL, step="login", repository=""), ControlResult.REFUSED, now=now)
    made = await ledger.controls.made(CONTROL)
    assert {repository: one.result for repository, one in made.items()} == {"a/b": "refused", "c/d": "accepted"}


async def test_an_anonymous_control_is_kept_by_repository(ledger, now):
    await ledger.anonymous_controls.put(HOST, "a/b", AnonymousResult.OPEN, status=200, now=now)
    await ledger.anonymous_controls.put(HOST, "a/b", AnonymousResult.REFUSED, status=None, now=now)
    assert await ledger.anonymous_controls.get(HOST, "a/b") == AnonymousMade(AnonymousResult.REFUSED, now, None)
    assert await ledger.anonymous_controls.get(HOST, "a/c") is None


async def test_platforms_are_kept_by_digest(ledger):
    platforms = ({"os": "linux", "architecture": "arm64", "variant": None},)
    await ledger.platforms.put("sha256:aa", "index", platforms)
    assert await ledger.platforms.get("sha256:aa") == ("index", platforms)
    assert await ledger.platforms.get("sha256:bb") is None


async def test_signs_are_told_since_a_moment_and_kept_for_a_month(ledger, now):
    for days, kind in ((-40, "old"), (-20, "server_error"), (0, "timeout")):
        await ledger.illness.add(HOST, kind, now=now + timedelta(days=days))
    await ledger.illness.add("docker.io", "timeout", now=now)
    assert await ledger.illness.since(HOST, now - timedelta(minutes=15)) == (Sign("timeout", now),)
    kinds = [sign.kind for sign in await ledger.illness.since(HOST, now - timedelta(days=99))]
    assert kinds == ["server_error", "timeout"]
