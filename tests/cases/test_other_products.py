"""ACR, Artifactory, Gitea, Nexus, zot, OCIR, DigitalOcean: rows of others.md section 24, against the emulated ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest

from tests.cases.asking import asked, pass_time, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import QUICK, Cli, Result
from validator.emulator.artifactory import Artifactory
from validator.emulator.azure import Acr
from validator.emulator.clouds import DIGITALOCEAN, OCIR, SCALEWAY, Cloud
from validator.emulator.plain import GITEA, NEXUS, ZOT, Plain
from validator.evidence import Asker

AMPLE = {**QUICK, "refused": {60: 100}}
MAIN = "team/app"


async def ask(cli: Cli, emulated: Plain, name: str, image: str | None = None, *, own: bool = False, secret: str | None = None) -> Result:
    account, host = emulated.accounts[name], emulated.registry_host
    wanted = ("--image", f"{host}/{image}:1") if image else ()
    return await cli.check(f"{host}/{image}" if own else host, account.username, secret or account.secret, *wanted)


@pytest.fixture
async def acr(cli: Cli) -> AsyncIterator[Acr]:
    async with Acr() as emulated:
        cli.registries, cli.pace = emulated.settings(), AMPLE
        yield emulated


@pytest.fixture
async def artifactory(cli: Cli) -> AsyncIterator[Artifactory]:
    async with Artifactory() as emulated:
        cli.registries = emulated.settings()
        yield emulated


@case("OTHER-23")
@pytest.mark.parametrize("image", [None, MAIN])
async def test_a_firewall_that_does_not_serve_us(row: Row, image: str | None, cli: Cli, acr: Acr) -> None:
    assert (await ask(cli, acr, "token")).credential == "valid (login_accepted)"
    acr.closed = True
    acr.requests.clear()
    result = row.holds(await ask(cli, acr, "token", image))
    assert "firewall" in result.shown["advice"]
    if image is not None:
        assert result.image == "unknown (address_refused)"
    pass_time(cli, 60 * 24 * 2)
    row.holds(await ask(cli, acr, "dead"))  # at the first ping, too
    assert acr.refused_logins == ()


@case("OTHER-24")
async def test_a_login_that_may_not_pull(row: Row, cli: Cli, acr: Acr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.providers.image_questions.FRESH_TOKEN_S", 0.01)
    row.holds(await ask(cli, acr, "guest", MAIN))
    heads = [one.status for one in acr.requests if one.method == "HEAD" and one.secret_name == "bearer of guest"]
    assert heads == [401, 401]  # it says so to good tokens too, now and then: asked once more, with a new token
    assert (await ask(cli, acr, "guest", MAIN, own=True)).credential == "insufficient (no_pull_permission)"


@case("OTHER-25")
@pytest.mark.parametrize("name", ["principal", "token"])
async def test_a_token_under_its_other_name(row: Row, name: str, cli: Cli, acr: Acr) -> None:
    row.holds(await ask(cli, acr, name))
    assert (await ask(cli, acr, name, MAIN)).image == "pullable (pull_ok)"
    assert acr.count(method="HEAD", secret_name=f"bearer of {name}", status=200) == 1


@case("OTHER-26")
async def test_a_refresh_token_that_is_over(row: Row, cli: Cli, acr: Acr) -> None:
    result = row.holds(await ask(cli, acr, "refresh_ended"))
    assert acr.requests == []
    assert "three hours" in result.shown["advice"]
    live = await ask(cli, acr, "refresh")
    assert (live.credential, live.shown["hints"], live.shown["expires_at"] is not None) == ("valid (login_accepted)", ["short_lived"], True)
    assert (await ask(cli, acr, "refresh", secret="eyJhbGciOiJIUzI1NiJ9.e30.c2ln")).credential == "misconfigured (short_lived)"


@case("OTHER-27")
async def test_a_suspended_account(row: Row, cli: Cli, artifactory: Artifactory) -> None:
    assert (await ask(cli, artifactory, "good")).credential == "valid (login_accepted)"
    pass_time(cli, 30)
    artifactory.requests.clear()
    artifactory.suspend("alice", 3600)
    first = row.holds(await ask(cli, artifactory, "good"))
    assert seconds_to_retry(first) >= 119
    assert artifactory.count(username="alice") == 1
    assert (await ask(cli, artifactory, "good")).credential == "unknown (budget_spent)"
    assert artifactory.count(username="alice") == 1
    pass_time(cli, 3)
    row.holds(await ask(cli, artifactory, "good"))
    for _ in range(3):
        pass_time(cli, 10)
        assert (await ask(cli, artifactory, "good")).credential == "unknown (budget_spent)"
    assert artifactory.count(username="alice") == 2  # no third try


def seconds_to_retry(result: Result) -> float:
    return (datetime.fromisoformat(result.shown["retry_at"]) - datetime.fromisoformat(result.shown["checked_at"])).total_seconds()


@case("OTHER-28")
async def test_its_own_form_of_an_error(row: Row, cli: Cli, artifactory: Artifactory) -> None:
    row.holds(await ask(cli, artifactory, "dead"))
    assert artifactory.count(username="carol") == 1  # one refusal decides: more would lock the account
    assert artifactory.failures["carol"] == 1


async def test_a_long_lived_token_past_its_end_is_asked_once(cli: Cli, artifactory: Artifactory) -> None:
    ended = await ask(cli, artifactory, "jwt_ended")
    assert (ended.credential, artifactory.count(username="jwt_ended")) == ("invalid (expired)", 1)
    kept = await ask(cli, artifactory, "jwt_kept")
    assert (kept.credential, kept.shown["hints"]) == ("valid (login_accepted)", [])
    assert (await ask(cli, artifactory, "jwt")).shown["expires_at"] is not None


@case("OTHER-30")
async def test_a_token_of_gitea_without_the_right(row: Row, cli: Cli) -> None:
    async with Plain(GITEA, host="codeberg.org") as gitea:
        gitea.provider = ""
        cli.registries = gitea.settings()
        result = row.holds(await ask(cli, gitea, "scopeless", MAIN, own=True))
        assert "read:package" in result.shown["advice"]
        assert "read:package" in result.shown["image"]["advice"]


@case("OTHER-31")
async def test_two_challenges_of_gitea(row: Row, cli: Cli) -> None:
    async with Plain(GITEA, host="codeberg.org") as gitea:
        gitea.provider = ""
        cli.registries = {"codeberg.org": {**gitea.settings()["codeberg.org"], "introspect": True}}
        row.holds(await ask(cli, gitea, "good"))
        assert {one.path for one in gitea.requests if one.authorization == "basic"} == {"/v2/token"}
        dead = await ask(cli, gitea, "dead")
        assert (dead.credential, "GitLab" in dead.out) == ("invalid (refused)", False)
        assert gitea.count(path="/api/v4/personal_access_tokens/self") == 0


@case("OTHER-35")
async def test_nexus_lets_anybody_in(row: Row, cli: Cli) -> None:
    async with Plain(NEXUS, host="nexus.test") as nexus:
        nexus.provider = ""
        cli.registries = nexus.settings()
        for name in ("good", "dead"):
            result = row.holds(await ask(cli, nexus, name))
            assert "anonymous" in result.shown["advice"]
        proven = await ask(cli, nexus, "good", MAIN)
        assert (proven.credential, proven.image) == ("valid (pull_proven)", "pullable (pull_ok)")


@case("OTHER-36")
async def test_zot_looks_at_a_login_that_it_does_not_ask_for(row: Row, cli: Cli) -> None:
    async with Plain(ZOT, host="zot.test") as zot:
        zot.provider = ""
        cli.registries, cli.pace = zot.settings(), AMPLE
        row.holds(await ask(cli, zot, "good"), 0)
        row.holds(await ask(cli, zot, "dead"), 1)
        assert zot.count(path="/v2/", authorization="none", status=200) >= 1  # the open ping
        zot.switch(ping="guarded")
        pass_time(cli, 60 * 24 * 2)
        zot.requests.clear()
        row.holds(await ask(cli, zot, "dead"), 1)
        assert zot.count(username="carol") == 1  # known by its challenge: a directory may stand behind


@case("OTHER-38")
async def test_zot_sleeps_before_it_refuses(row: Row, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaled: five seconds are 0.5, and the ten that any other first byte may take are 0.2."""
    monkeypatch.setattr("validator.registry.client.FIRST_BYTE_S", 0.2)
    async with Plain(ZOT, host="zot.test") as zot:
        zot.provider = ""
        zot.switch(ping="guarded")
        cli.registries = zot.settings()
        await ask(cli, zot, "good")  # the challenge is known
        zot.registry.switch(slow_ms=500)
        row.holds(await ask(cli, zot, "dead"))


@case("OTHER-42")
async def test_a_name_without_its_namespace(row: Row, cli: Cli) -> None:
    async with Cloud(OCIR) as ocir:
        cli.registries = ocir.settings()
        assert (await ask(cli, ocir, "good")).credential == "valid (login_accepted)"
        result = row.holds(await cli.check(ocir.registry_host, "jane", ocir.accounts["good"].secret))
        assert "username_form" in result.shown["hints"]
        assert "<tenancy namespace>/<user>" in result.shown["advice"]
        bearer = await cli.check(ocir.registry_host, "BEARER_TOKEN", "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2ln")
        assert bearer.credential == "misconfigured (short_lived)"


@case("OTHER-43")
async def test_a_registry_that_digitalocean_does_not_know(row: Row, cli: Cli) -> None:
    async with Cloud(DIGITALOCEAN) as ocean:
        cli.registries, cli.pace = ocean.settings(), AMPLE
        row.holds(await ask(cli, ocean, "good", "elsewhere/app"))
        host, token = ocean.registry_host, ocean.accounts["good"].secret
        probed = await asked(cli, host, token, token, f"{host}/elsewhere/app:1", asker=Asker.PREFLIGHT)
        row.agrees("image", said_of_image(probed.verdict))
        assert (await ask(cli, ocean, "dead", "elsewhere/app")).credential == "invalid (refused)"
        own = await ask(cli, ocean, "good", MAIN)
        assert (own.credential, own.image) == ("valid (pull_proven)", "pullable (pull_ok)")


async def test_a_token_that_is_the_username_too_is_not_shown(cli: Cli) -> None:
    async with Cloud(DIGITALOCEAN) as ocean:
        cli.registries = ocean.settings()
        token = ocean.accounts["good"].secret
        for arguments in (("--format", "json"), ("--explain",)):
            result = await cli.run("check", ocean.registry_host, "-u", token, "--secret-stdin", *arguments, stdin=token)
            assert result.code == 0
            assert token not in result.out + result.err
        odd = "a-docker-configs-token-of-no-form"
        ocean.add(replace(ocean.accounts["good"], secret=odd))
        asked_once = await cli.run("check", ocean.registry_host, "-u", odd, "--secret-stdin", "--format", "json", stdin=odd)
        assert (asked_once.shown["username"], asked_once.shown["verdict"], odd in asked_once.out + asked_once.err) == ("***", "valid", False)
        bad = await cli.run("check", "a b", "-u", token, "--secret-stdin", "--format", "json", stdin=token)
        assert token not in bad.out + bad.err


async def test_a_repository_that_scaleway_does_not_know(cli: Cli) -> None:
    async with Cloud(SCALEWAY) as scaleway:
        cli.registries, cli.pace = scaleway.settings(), AMPLE
        host, secret = scaleway.registry_host, scaleway.accounts["good"].secret
        result = await cli.check(host, "", secret, "--image", f"{host}/nowhere/app:1")
        assert (result.credential, result.image) == ("valid (login_accepted)", "not_found (repository_not_found)")
        assert (await cli.check(host, "whoever", secret)).credential == "valid (login_accepted)"
        dead = await ask(cli, scaleway, "dead", secret="not-a-uuid")
        assert (dead.credential, dead.shown["hints"]) == ("invalid (refused)", ["looks_cut", "new_key"])
