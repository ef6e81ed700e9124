"""Nights of a sweep at other registries, on a virtual clock: rows of others.md section 24 that speak of sweeps, deaths and notices."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from tests.cases.rows import case
from tests.emulated.night import HOST, Night, a_night, answer, holds, said, taken
from validator.credential import Credential, parse_scope
from validator.emulator.aws import HOST as ECR
from validator.emulator.aws import password
from validator.notifiers.base import Alert
from validator.registry.base import Answer, Request

NO = {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}
AMPLE = {"refused": {60: 1000}}
REMINDED = 7
"""Nights between two reminders of what stays dead: the settings' default."""


@pytest.fixture(autouse=True)
def logs() -> None:
    """The logs of no earlier test's command, whose stderr is closed."""
    structlog.reset_defaults()


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    registries = {host: {"pace": AMPLE} for host in (HOST, "quay.io", ECR, "europe-docker.pkg.dev", "*")}
    async with a_night(tmp_path, registries=registries) as opened:
        yield opened


def as_basic(night: Night, label: str) -> None:
    """Let its registries take Basic, with this label in the challenge."""
    world = night.world

    async def send(request: Request) -> Answer:
        pair = next((s.get_secret_value() for s in request.secret_headers.values()), "")
        secret = base64.b64decode(pair.partition(" ")[2]).decode().partition(":")[2] if pair else ""
        who = secret if secret in world.logins else "control" if secret else "nobody"
        world.seen.append(f"{request.url.host} {'login' if secret else 'ping'} {who}")
        status = taken(world.logins.get(secret, [401])) if secret else 401
        return answer(status, {} if status == 200 else NO, ("www-authenticate", f'Basic realm="{label}"'))

    world.send = send  # type: ignore[method-assign]  # the world of these nights


def with_realm(night: Night, path: str, refused: Callable[[], Answer] | None = None, service: str | None = None) -> None:
    """Let its registries name a realm of their own at this path; `refused`: how a login is refused there; `service`: else the host."""
    inner = night.world._answer

    def said_there(step: str, host: str, who: str, kind: str, secret: str) -> Answer:
        if step == "ping":
            return answer(401, NO, ("www-authenticate", f'Bearer realm="https://{host}{path}",service="{service or host}"'))
        told = inner(step, host, who, kind, secret)
        return refused() if refused is not None and told.status == 401 and step == "login" and kind else told

    night.world._answer = said_there  # type: ignore[method-assign]  # the world of these nights


async def nights(night: Night, count: int, **options: Any) -> tuple[list[str], list[tuple[str, str, str]]]:
    """So many nights: all that was asked, and all that was told."""
    asked, told = [], []
    for _ in range(count):
        await night.sweep(after_h=24, **options)
        asked += night.world.seen
        told += night.happened
    return asked, told


@case("OTHER-03")
async def test_a_refusal_of_a_locked_name_is_not_confirmed(row, night):
    with_realm(night, "/service/token")
    await night.keep("ada", "key", "s1", 200, 401, 200)
    await night.keep("bob", "other", "s2", 200)
    await night.sweep()
    found = await night.sweep(after_h=24, wait=False)
    holds(row, found["key"], "suspect", "none", at=0)
    holds(row, (await night.sweep(after_h=24))["key"], "alive", "blipped", at=1)
    assert night.happened == []


@case("OTHER-10")
async def test_a_persons_dead_password_is_left_alone(row, night):
    with_realm(night, "/v2/auth")
    await night.keep("ada", "key", "s1", 200, 401, registry="quay.io")
    await night.keep("bob", "robot", "s2", 200, registry="quay.io", username="team+ci")
    await night.sweep()
    found = await night.sweep(after_h=24)
    holds(row, found["key"], "dead", "died")
    assert night.world.count("login s1") == 2  # and its confirmation
    asked, told = await nights(night, 19)
    assert (sum("login s1" in line for line in asked), sum("login s2" in line for line in asked)) == (0, 19)
    assert len(told) <= 19 // REMINDED
    assert (await night.sweep(after_h=24))["key"].standing.state == "dead"
    await night.keep("ada", "key", "s3", 200, registry="quay.io")
    assert (await night.sweep(after_h=24))["key"].standing.state == "alive"  # a new one is asked at once


async def test_a_robots_dead_secret_is_asked_again_now_and_then(night):
    with_realm(night, "/v2/auth")
    await night.keep("ada", "key", "s1", 200, 401, registry="quay.io", username="team+old")
    await night.keep("bob", "robot", "s2", 200, registry="quay.io", username="team+ci")
    await night.sweep()
    asked, _ = await nights(night, 10)
    assert sum("login s1" in line for line in asked) == 5  # twice, then after 1, 2 and 4 days


@case("OTHER-13")
async def test_what_google_does_not_take_is_confirmed(row, night):
    text = "Unauthenticated request. Unauthenticated requests do not have permission"
    with_realm(night, "/v2/token", lambda: answer(403, {"errors": [{"code": "DENIED", "message": text}]}))
    place = {"registry": "europe-docker.pkg.dev", "username": "someone"}
    night.world.pulls["s1"] = night.world.pulls["s2"] = [200]
    await night.keep("ada", "key", "s1", 200, 401, **place, proof="europe-docker.pkg.dev/project/repo/app:1")
    await night.keep("bob", "other", "s2", 200, **place, proof="europe-docker.pkg.dev/project/repo/app:1")
    await night.sweep()
    holds(row, (await night.sweep(after_h=24, wait=False))["key"], "suspect", "none")
    holds(row, (await night.sweep(after_h=24))["key"], "dead", "died")
    assert night.happened == [("ada", "key", "died")]


@case("OTHER-18")
async def test_a_password_of_twelve_hours_is_told_of_once(row, night):
    as_basic(night, f"https://{ECR}/")
    ends = night.clock.wall + timedelta(hours=3)
    await night.keep("ada", "key", password("a", "n", ends.timestamp()), 200, registry=ECR, username="AWS")
    found = await night.sweep()
    holds(row, found["key"], "alive", "none")
    assert found["key"].standing.expires_at == ends.replace(microsecond=0)
    assert ("short_lived" in found["key"].standing.hints, night.happened) == (True, [])
    after = await night.sweep(after_h=24)
    assert (said(after["key"]), after["key"].standing.state, night.world.seen) == ("misconfigured (short_lived)", "impaired", [])
    assert night.happened == [("ada", "key", "impaired")]
    asked, told = await nights(night, REMINDED - 1)
    assert (asked, told) == ([], [])  # no nightly death mails


async def test_a_job_that_stores_a_fresh_one_each_night_is_told_nothing(night):
    as_basic(night, f"https://{ECR}/")
    for number in range(5):
        ends = night.clock.wall + timedelta(hours=24 + 11)
        await night.keep("ada", "key", password(f"a{number}", "n", ends.timestamp()), 200, registry=ECR, username="AWS")
        found = await night.sweep(after_h=24)
        assert (found["key"].standing.state, night.happened) == ("alive", [])


@case("OTHER-33")
async def test_htpasswd_dies_by_a_second_refusal(row, night):
    as_basic(night, "Registry Realm")
    await night.keep("ada", "key", "s1", 200, 401)
    await night.keep("bob", "other", "s2", 200)
    await night.sweep()
    holds(row, (await night.sweep(after_h=24, wait=False))["key"], "suspect", "none")
    holds(row, (await night.sweep(after_h=24))["key"], "dead", "died")


@case("OTHER-37")
async def test_a_directory_that_is_down_kills_nobody(row, night):
    as_basic(night, "Authorization Required")
    night.world.logins |= {f"s{number}": [200, 401] for number in range(40)}
    scope = parse_scope(HOST)
    await night.store.put_many([
        (Credential(user=f"user{number}", name=f"key{number}", scope=scope, username="jane", secret=SecretStr(f"s{number}"), written=HOST), None)
        for number in range(40)
    ])  # fmt: skip
    await night.sweep()
    found = await night.sweep(after_h=24)
    for one in found.values():
        row.agrees("credential", said(one))
    assert ({one.standing.state for one in found.values()}, len(found), night.happened) == ({"alive"}, 40, [])
    assert night.shown["registries"][0]["quarantined"] is True
    assert Alert.QUARANTINED in night.told.alerts


async def test_artifactory_is_asked_three_times_at_most(night):
    with_realm(night, "/artifactory/api/docker/local/v2/token")
    await night.keep("ada", "key", "s1", 200, 401)
    await night.keep("bob", "other", "s2", 200, username="bob")
    await night.sweep()
    found = await night.sweep(after_h=24)
    assert (found["key"].standing.state, night.world.count("login s1")) == ("suspect", 1)  # one refusal a sweep: it is confirmed in the next
    found = await night.sweep(after_h=24)
    assert (found["key"].standing.state, night.world.count("login s1")) == ("dead", 1)
    asked, told = await nights(night, 20)
    assert sum("login s1" in line for line in asked) == 1
    assert len(told) <= 20 // REMINDED


async def test_a_gitlab_is_asked_weekly_about_its_dead(night):
    with_realm(night, "/jwt/auth", service="container_registry")
    await night.keep("ada", "key", f"glpat-{'a' * 20}", 200, 401)
    await night.keep("bob", "other", f"glpat-{'b' * 20}", 200)
    await night.sweep()
    asked, _ = await nights(night, 16)
    assert sum(f"login glpat-{'a' * 20}" in line for line in asked) == 4  # its death by two, then once a week
