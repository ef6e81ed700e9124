"""One pre-flight for a whole process: what is asked once, what is remembered for how long, and what goes on after the deadline."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from tests.cases.asking import probing
from tests.cases.cluster import Keyed
from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Answers, Say, Scripted, err, image, index, on
from validator.credential import Credential, parse_scope
from validator.emulator.ngc.world import nvapi
from validator.errors import StoreLost
from validator.preflight import Foretelling, Preflight, Wanted, foretelling_json, foretelling_text_json
from validator.probe import Inquiry, Probe, Probed
from validator.protocol.manifest import Platform

__all__ = ["cli"]

PUBLIC: Answers = {"H0": image()[0]}
DEAD: Answers = {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED")}
ACCEPTED: dict[str, Any] = {"repeat_after_s": 0.05, "refused": {60: 100}}


def later(say: Say, delay_s: float) -> Say:
    """The same answer, late."""
    return Say(say.status, say.body, say.headers, say.kind, say.demand, delay_s=delay_s, token=say.token)


@dataclass
class Clock:
    """The wall clock and the monotonic one; `pass_s` moves both."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    passed: float = 0.0

    def pass_s(self, seconds: float) -> None:
        self.passed += seconds

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.passed


@asynccontextmanager
async def opened(cli: Cli, *registries: Scripted, controls: bool = False, **more: Any) -> AsyncIterator[tuple[Preflight, Clock]]:
    """A pre-flight over these registries, and its clock."""
    cli.registries = {name: said for registry in registries for name, said in registry.settings(**more).items()}
    clock = Clock()
    async with probing(cli) as probe, Preflight(replace(probe, now=clock.now, monotonic=clock.monotonic), makes_controls=controls) as preflight:
        yield preflight, clock


def held(registry: Scripted, name: str = "mine", secret: str = SECRET, path: str = "") -> Credential:
    """A stored credential."""
    written = f"{registry.host}/{path}" if path else registry.host
    return Credential(user="ada", name=name, scope=parse_scope(written), username=USERNAME, secret=SecretStr(secret), written=written)


async def ask(preflight: Preflight, *images: str, credentials: tuple[Credential, ...] = (), deadline_s: float = 20, **more: Any) -> Foretelling:
    """One request."""
    return await preflight.foretell([Wanted(image=name, **more) for name in images], credentials, deadline_s=deadline_s)


def said(told: Foretelling) -> list[str]:
    """`outcome (reason)` of each image."""
    return [f"{one.verdict.outcome} ({one.verdict.reason})" for one in told.images]


async def test_a_hundred_identical_requests_cost_one_probe(cli: Cli) -> None:
    async with Scripted({"H+": later(image()[0], 0.2)}) as registry, opened(cli, registry) as (preflight, _):
        name, key = f"{registry.host}/team/app", held(registry)
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(preflight, name, credentials=(key,))) for _ in range(100)]
        assert {(*said(one.result()), one.result().images[0].cached) for one in asked} == {("pullable (pull_ok)", False)}
        assert registry.seen == ["P0", "T+", "H+"]
        again = (await ask(preflight, name, credentials=(key,))).images[0]
        assert (again.cached, again.via, again.checked_at, again.verdict.digest) == (
            True,
            "mine",
            asked[0].result().images[0].checked_at,
            again.verdict.digest,
        )
        assert again.verdict.digest is not None
        assert len(registry.seen) == 3


async def test_each_kind_of_answer_is_fresh_for_its_own_time(cli: Cli) -> None:
    cli.pace = ACCEPTED
    cli.more = {"preflight": {"fresh_valid_s": 300, "fresh_refused_s": 30, "fresh_dead_s": 3000}}
    missing: Answers = {"H0": err("MANIFEST_UNKNOWN", 404)}
    async with Scripted({}) as good, Scripted(dict(DEAD)) as dead, Scripted(missing) as other, opened(cli, good, dead, other) as (preflight, clock):
        names = [f"{registry.host}/team/app" for registry in (good, dead, other)]
        keys = (held(good), held(dead))
        assert said(await ask(preflight, *names, credentials=keys)) == [
            "pullable (pull_ok)", "denied (credential_refused)", "not_found (tag_not_found)",
        ]  # fmt: skip
        fresh = {}
        for age in (1, 29, 31, 299, 301, 599, 601):
            clock.passed = age
            counts = [len(registry.seen) for registry in (good, dead, other)]
            told = await ask(preflight, *names, credentials=keys)
            asked = [len(registry.seen) > count for registry, count in zip((good, dead, other), counts, strict=True)]
            assert [not one.cached for one in told.images] == asked
            fresh[age] = asked
        assert fresh == {
            1: [False, False, False], 29: [False, False, False], 31: [False, False, True], 299: [False, False, True],
            301: [True, False, False], 599: [False, False, True], 601: [True, True, False],
        }  # fmt: skip


async def test_a_renewed_key_is_asked_anew(cli: Cli) -> None:
    cli.pace = ACCEPTED
    async with Scripted({}) as registry, opened(cli, registry) as (preflight, _):
        name = f"{registry.host}/team/app"
        old = held(registry, secret="an old secret")
        assert said(await ask(preflight, name, credentials=(old,))) == ["denied (credential_refused)"]
        assert said(await ask(preflight, name, credentials=(held(registry),))) == ["pullable (pull_ok)"]
        assert said(await ask(preflight, name, credentials=(old,))) == ["denied (credential_refused)"]


async def test_a_secret_that_was_refused_takes_back_what_it_proved_before(cli: Cli) -> None:
    cli.pace = ACCEPTED
    async with Scripted({}) as registry, opened(cli, registry) as (preflight, clock):
        one, two, key = f"{registry.host}/team/app", f"{registry.host}/team/two", held(registry)
        assert said(await ask(preflight, one, credentials=(key,))) == ["pullable (pull_ok)"]
        clock.pass_s(100)
        registry.script.update(DEAD)
        assert said(await ask(preflight, two, credentials=(key,))) == ["denied (credential_refused)"]
        assert said(await ask(preflight, one, credentials=(key,))) == ["denied (credential_refused)"], "not the proof of before"


async def test_a_dead_key_is_refused_twice_however_many_requests_name_other_images_of_it(cli: Cli) -> None:
    cli.pace = ACCEPTED
    async with Scripted({**DEAD, **PUBLIC}) as registry, opened(cli, registry) as (preflight, _):
        key = held(registry)
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(preflight, f"{registry.host}/team/app{at}", credentials=(key,))) for at in range(8)]
        told = [one.result().images[0] for one in asked]
        assert {(one.verdict.reason.value, one.verdict.hints) for one in told} == {("credential_refused", ("public_image",))}
        assert registry.count("T+", "L+") == 2


async def test_a_good_keys_images_begin_when_it_is_accepted_and_not_when_the_first_is_done(cli: Cli) -> None:
    registry = Keyed({"H+": later(image()[0], 0.4)})
    async with registry, opened(cli, registry) as (preflight, _):
        told = await ask(preflight, *(f"{registry.host}/team/app{at}" for at in range(6)), credentials=(held(registry, secret="secret-a"),))
        assert {one.via for one in told.images} == {"mine"}
        assert registry.count("P0") == 1
        assert registry.seen[:3] == ["P0", "T+a", "H+a"], "the first one alone"
        assert registry.most >= 5, "then side by side"


async def test_what_is_late_goes_on_and_answers_the_next(cli: Cli) -> None:
    async with Scripted({"H0": later(image()[0], 1.5)}) as registry, opened(cli, registry) as (preflight, _):
        name = f"{registry.host}/team/app"
        first = (await ask(preflight, name, deadline_s=0.1)).images[0]
        assert (first.verdict.outcome, first.verdict.reason, first.cached) == ("unknown", "deadline", False)
        [running] = preflight.conversations.running.values()
        await asyncio.wait({running.task})
        second = (await ask(preflight, name)).images[0]
        assert (second.verdict.reason, second.cached) == ("public", True)
        assert registry.count("H0") == 1


async def test_nothing_is_left_when_it_closes(cli: Cli) -> None:
    before = _our_tasks()
    async with Scripted({"H0": later(image()[0], 6)}) as registry:
        async with opened(cli, registry) as (preflight, _):
            await ask(preflight, f"{registry.host}/team/app", deadline_s=0.1)
            assert len(preflight.conversations.running) == 1
        assert preflight.conversations.running == {}
    assert _our_tasks() == before


async def test_nobody_waiting_for_a_minute_ends_a_conversation(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.preflight.base.conversations.LINGER_S", 0.05)
    async with Scripted({"H0": later(image()[0], 6)}) as registry, opened(cli, registry) as (preflight, _):
        await ask(preflight, f"{registry.host}/team/app", deadline_s=0.1)
        [running] = preflight.conversations.running.values()
        await asyncio.wait({running.task})
        assert running.task.cancelled()
        assert preflight.conversations.running == {}


async def test_an_old_proof_speaks_for_a_registry_that_is_down_and_says_how_old_it_is(cli: Cli) -> None:
    async with Scripted({}) as registry, opened(cli, registry) as (preflight, clock):
        name, key = f"{registry.host}/team/app", held(registry)
        proof = (await ask(preflight, name, credentials=(key,))).images[0]
        registry.script.update({"T+": Say(503), "P0": Say(503)})
        clock.passed = 1000
        told = (await ask(preflight, name, credentials=(key,))).images[0]
        assert (told.verdict.reason, told.cached, told.checked_at) == ("pull_ok", True, proof.checked_at)
        clock.passed = 3601
        assert said(await ask(preflight, name, credentials=(key,))) == ["unknown (server_error)"], "it is too old by now"


async def test_an_old_proof_speaks_for_a_registry_that_hangs(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry, opened(cli, registry) as (preflight, clock):
        name = f"{registry.host}/team/app"
        await ask(preflight, name)
        registry.script["H0"] = later(image()[0], 6)
        clock.passed = 1000
        told = (await ask(preflight, name, deadline_s=0.2)).images[0]
        assert (told.verdict.reason, told.cached) == ("public", True)


async def test_a_registry_that_throttles_is_left_alone_for_as_long_as_it_asks(cli: Cli) -> None:
    async with Scripted({"T0": Say(429, headers=(("Retry-After", "30"),))}) as registry, opened(cli, registry) as (preflight, clock):
        name = f"{registry.host}/team/app"
        told = (await ask(preflight, name)).images[0]
        assert (told.verdict.reason, told.retry_at is not None) == ("throttled", True)
        count = len(registry.seen)
        clock.passed = 29
        assert said(await ask(preflight, name)) == ["unknown (throttled)"]
        assert len(registry.seen) == count
        clock.passed = 31
        await ask(preflight, name)
        assert len(registry.seen) > count


async def test_a_second_platform_is_judged_by_what_the_first_one_read(cli: Cli) -> None:
    both = index(on("amd64"), on("arm64"))
    async with Scripted({"H0": both, "G0": both}) as registry, opened(cli, registry) as (preflight, _):
        name = f"{registry.host}/team/app"
        amd, arm, other = (Platform(os="linux", architecture=arch) for arch in ("amd64", "arm64", "s390x"))
        assert said(await ask(preflight, name, platforms=(amd, arm))) == ["pullable (public)"]
        count = len(registry.seen)
        assert said(await ask(preflight, name, platforms=(arm,))) == ["pullable (public)"]
        told = (await ask(preflight, name, platforms=(amd, other))).images[0]
        assert (told.verdict.reason, told.why) == ("platform_missing", "linux/amd64, linux/s390x is wanted; it has linux/amd64, linux/arm64")
        assert said(await ask(preflight, name)) == ["pullable (public)"]
        assert len(registry.seen) == count


async def test_two_users_share_an_answer_only_with_the_same_secret(cli: Cli) -> None:
    async with Scripted({}) as registry, opened(cli, registry) as (preflight, _):
        name = f"{registry.host}/team/app"
        assert said(await ask(preflight, name, credentials=(held(registry),))) == ["pullable (pull_ok)"]
        assert said(await ask(preflight, name)) == ["denied (no_credential)"]
        told = (await ask(preflight, name, credentials=(held(registry, name="theirs"),))).images[0]
        assert (told.via, told.cached) == ("theirs", True)


async def test_a_vanished_ledger_is_told_to_all_who_wait(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Scripted(dict(PUBLIC)) as registry, opened(cli, registry) as (preflight, _):

        async def lost(self: Probe, inquiry: Inquiry) -> Probed:
            raise StoreLost("the database is gone.")

        monkeypatch.setattr(Probe, "ask", lost)
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(_error(ask(preflight, f"{registry.host}/team/app"))) for _ in range(5)]
        assert [type(one.result()) for one in asked] == [StoreLost] * 5


def _our_tasks() -> int:
    """Tasks under way, those of the test's own servers left out: they keep one for each idle connection."""
    return sum("RequestHandler" not in str(task.get_coro()) for task in asyncio.all_tasks())


async def _error(awaited: Any) -> BaseException | None:
    try:
        await awaited
    except Exception as error:
        return error
    return None


async def test_users_of_a_vendor_that_fixes_the_username_do_not_wait_for_each_other(cli: Cli) -> None:
    """NGC's `$oauthtoken` is everybody's: no account is locked by it, and one user's refused login delays no other's."""
    cli.pace = {"repeat_after_s": 60}
    registry = Keyed({"T!": later(Say(body={"token": "x"}), 0.3), "H?": image()[0]})
    async with registry, opened(cli, registry, provider="ngc") as (preflight, _):
        keys = [replace(held(registry, secret=nvapi(f"user {at}")), username="$oauthtoken") for at in range(3)]
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(preflight, f"{registry.host}/team/app", credentials=(key,))) for key in keys]
        assert {one.result().images[0].verdict.reason for one in asked} == {"pull_ok"}
        assert registry.most == 3


async def test_a_missing_control_is_made_after_the_answer_and_once(cli: Cli) -> None:
    async with Scripted({}) as registry, opened(cli, registry, controls=True) as (preflight, clock):
        key, names = held(registry), [f"{registry.host}/team/app{at}" for at in range(3)]
        await ask(preflight, *names, credentials=(key,))
        assert registry.count("L!", "T!") == 0, "nobody waits for it"
        while registry.count("L!") == 0:
            await asyncio.sleep(0.01)
        assert registry.seen[-2:] == ["L+", "L!"]
        for age in (300, 700, 40_000):
            clock.passed = age
            await ask(preflight, f"{registry.host}/team/later{age}", credentials=(key,))
            while preflight.controls.tasks:
                await asyncio.wait(preflight.controls.tasks)
        assert registry.count("L!", "T!") == 1


async def test_a_command_that_ends_makes_no_control(cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        words = ["credential", "set", "mine", "--no-check", "--payload", f"registry={registry.host}", f"username={USERNAME}", "auth=-"]
        await cli.run(*words, stdin=SECRET)
        assert (await cli.run("preflight", f"{registry.host}/team/app")).code == 0
        assert registry.count("L!", "T!", "L+") == 0


async def test_nothing_is_left_over_of_many_requests(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late ones, answered ones and remembered ones; the benchmark does the same ten thousand times."""
    monkeypatch.setattr("validator.preflight.base.conversations.LINGER_S", 0.0)
    hang = later(image()[0], 6)
    async with Scripted(dict(PUBLIC)) as quick, Scripted({"H0": hang}) as slow, opened(cli, quick, slow) as (preflight, _):
        await ask(preflight, f"{quick.host}/team/app")
        tasks, files = _our_tasks(), len(os.listdir("/proc/self/fd"))
        for at in range(60):
            names = (f"{quick.host}/team/app", f"{quick.host}/team/app{at % 7}", f"{slow.host}/team/app{at}")
            told = await ask(preflight, *names, deadline_s=0.02)
            assert told.images[2].verdict.reason == "deadline"
        for conversation in tuple(preflight.conversations.running.values()):
            await asyncio.wait({conversation.task})
        assert _our_tasks() == tasks
        assert preflight.conversations.running == {}
        assert len(os.listdir("/proc/self/fd")) <= files + 20, "idle connections of two lanes, both ends"


async def test_the_very_same_request_is_answered_as_a_whole_for_as_long_as_its_parts_count(cli: Cli) -> None:
    cli.more = {"preflight": {"fresh_valid_s": 300, "fresh_refused_s": 30}}
    missing: Answers = {"H0": err("MANIFEST_UNKNOWN", 404)}
    async with Scripted({}) as good, Scripted(missing) as other, opened(cli, good, other) as (preflight, clock):
        names, keys = [f"{good.host}/team/app", f"{other.host}/team/app", "{{ x }}"], (held(good),)
        first = await ask(preflight, *names, credentials=keys)
        second = await ask(preflight, *names, credentials=keys)
        assert [one.cached for one in first.images] == [False, False, False]
        assert [one.cached for one in second.images] == [True, True, False]
        assert await ask(preflight, *names, credentials=keys) is second
        assert json.loads(foretelling_text_json(second, 7.4)) == foretelling_json(second, 7)
        for more in ((held(good, name="other"),), (), (held(good, secret="another"),)):
            assert await ask(preflight, *names, credentials=more) is not second
        assert await ask(preflight, *names[:2], credentials=keys) is not second
        clock.passed = 31
        third = await ask(preflight, *names, credentials=keys)
        assert [one.cached for one in third.images] == [True, False, False]


async def test_what_is_late_or_old_is_told_as_a_whole_but_once(cli: Cli) -> None:
    async with Scripted({"H0": later(image()[0], 1.5)}) as registry, opened(cli, registry) as (preflight, clock):
        name = f"{registry.host}/team/app"
        assert said(await ask(preflight, name, deadline_s=0.05)) == ["unknown (deadline)"]
        [running] = preflight.conversations.running.values()
        await asyncio.wait({running.task})
        assert said(await ask(preflight, name, deadline_s=0.05)) == ["pullable (public)"]
        registry.script["T0"] = Say(503)
        clock.passed = 1000
        assert (await ask(preflight, name)).images[0].cached
        del registry.script["T0"]
        clock.passed = 1003
        assert not (await ask(preflight, name)).images[0].cached


async def test_whole_answers_have_a_bound(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry, opened(cli, registry) as (preflight, _):
        preflight.repeats.most = 5
        names = [f"{registry.host}/team/app{at}" for at in range(4)]
        for at in range(4):
            await ask(preflight, *names[: at + 1])
        assert preflight.repeats.images == 4, "the last alone: with the one before it there would be seven"
        kept = await ask(preflight, *names)
        assert await ask(preflight, *names) is kept
