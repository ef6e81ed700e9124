"""Quay: rows of others.md section 24, against the emulated quay.io and one of somebody's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from aiohttp import web

from tests.cases.asking import asked, instead, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import QUICK, Cli, Result
from validator.emulator.quay import Quay
from validator.evidence import Asker


class Clock:
    """Goes on by `step` each time it is looked at."""

    now, step = 1_795_000_000.0, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["quay.io", "quay.example.com"])
async def quay(request: pytest.FixtureRequest, cli: Cli, clock: Clock) -> AsyncIterator[Quay]:
    """The vendor's own by its name, another one by its challenge."""
    async with Quay(host=request.param, clock=clock) as emulated:
        cli.registries = emulated.settings()
        cli.pace = {**QUICK, "refused": {60: 100}}
        yield emulated


async def check(cli: Cli, quay: Quay, name: str, image: str | None = None, secret: str | None = None) -> Result:
    host, account = quay.registry_host, quay.accounts[name]
    return await cli.check(host, account.username, secret or account.secret, *(("--image", f"{host}/{image}") if image else ()))


@case("OTHER-07")
async def test_a_robot_with_another_secret(row: Row, cli: Cli, quay: Quay) -> None:
    result = row.holds(await check(cli, quay, "robot_dead"))
    assert "?tab=robots" in result.shown["advice"]
    await echoes_nothing(row, cli, quay)


async def echoes_nothing(row: Row, cli: Cli, quay: Quay) -> None:
    """The refusal repeats the username; where that is the secret by mistake, neither logs nor JSON show it."""
    secret = "S3CRET" * 10 + "ABCD"
    username = f"team+{secret.lower()}"
    text = f"Could not find robot with username: {username} and supplied password. {secret}"
    body = {"errors": [{"code": "UNAUTHORIZED", "detail": {}, "message": text}]}
    instead(quay.registry, lambda call: call.kind == "basic", lambda: web.json_response(body, status=401))
    arguments = ("check", quay.registry_host, "-u", secret, "--secret-stdin", "--format", "json")
    explained = await cli.run("--log-level", "debug", *arguments, "--explain", stdin=secret)
    result = await cli.run("--log-level", "debug", *arguments, stdin=secret)
    assert secret not in explained.out + explained.err + result.out + result.err
    row.agrees("credential", result.credential)


@case("OTHER-08")
async def test_an_anonymous_token_of_no_access_opens_nothing(row: Row, cli: Cli, quay: Quay) -> None:
    host = quay.registry_host
    for asker in Asker:
        probed = await asked(cli, host, "", "", f"{host}/team/app:1", asker=asker)
        row.agrees("image", said_of_image(probed.verdict))
    assert quay.count(path="/v2/auth", status=200) >= 1
    shown = (await cli.run("preflight", f"{host}/team/app:1", "--format", "json")).shown
    row.agrees("image", f"{shown['images'][0]['outcome']} ({shown['images'][0]['reason']})")


@case("OTHER-09")
async def test_the_right_password_in_a_back_off(row: Row, cli: Cli, quay: Quay) -> None:
    quay.fail("alice", 10)
    result = row.holds(await check(cli, quay, "good"))
    left = datetime.fromisoformat(result.shown["retry_at"]) - datetime.fromisoformat(result.shown["checked_at"])
    assert 500 <= left.total_seconds() <= 512  # 0.5 * (2^10 - 1)
    assert quay.count(status=429) == 1


@case("OTHER-11")
async def test_the_username_of_ngc_is_an_oauth_token_here(row: Row, cli: Cli, quay: Quay) -> None:
    result = row.holds(await check(cli, quay, "token"))
    assert result.shown["username"] == "$oauthtoken"
    assert "NGC" not in result.out
    assert quay.count(listener="registry", path="/v2/auth", authorization="basic") == 2  # the login and its control, and nobody else was asked
    assert (await check(cli, quay, "token", secret="not-an-nvapi-key")).credential == "invalid (refused)"


@case("OTHER-12")
async def test_a_namespace_that_is_switched_off(row: Row, cli: Cli, quay: Quay) -> None:
    quay.disabled.add("team")
    row.holds(await check(cli, quay, "robot", "team/app:1"))
    host, robot = quay.registry_host, quay.accounts["robot"]
    probed = await asked(cli, host, robot.username, robot.secret, f"{host}/team/app:1", asker=Asker.PREFLIGHT)
    row.agrees("image", said_of_image(probed.verdict))
    assert probed.verdict.outcome == "valid"


@case("OTHER-49")
async def test_a_robot_whose_owner_is_switched_off(row: Row, cli: Cli, quay: Quay) -> None:
    result = row.holds(await check(cli, quay, "robot_disabled"))
    assert "A new secret does not help" in result.shown["advice"]
    assert quay.count(username="gone+ci") == 1  # it says so in words: no repeat


async def test_a_person_who_fails_is_told_to_use_a_robot(cli: Cli, quay: Quay, clock: Clock) -> None:
    clock.step = 3.0
    result = await check(cli, quay, "good", secret="wrong")
    assert (result.credential, result.shown["hints"]) == ("invalid (refused)", ["use_a_token", "new_key"])
    assert quay.failures["alice"] == 2  # the login and its one repeat


async def test_a_good_robot_pulls(cli: Cli, quay: Quay) -> None:
    assert (await check(cli, quay, "robot", "team/app:1")).credential == "valid (pull_proven)"
    other = await check(cli, quay, "robot", "other/private:1")
    assert (other.credential, other.image) == ("valid (login_accepted)", "denied (hidden_or_denied)")
