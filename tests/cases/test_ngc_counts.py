"""How many requests NVIDIA NGC gets, and how many refused logins: registries/README.md 6.3 and 8, over separate runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from tests.cases.asking import asked, pass_time, said
from tests.cases.running import Cli, Result
from validator.emulator import Ngc
from validator.emulator.ngc import USERNAME


@pytest.fixture
async def ngc(cli: Cli) -> AsyncIterator[Ngc]:
    async with Ngc() as emulated:
        cli.registries = emulated.settings()
        yield emulated


async def check(cli: Cli, secret: str, image: str | None = None) -> Result:
    return await cli.check("nvcr.io", USERNAME, secret, *(("--image", f"nvcr.io/{image}") if image else ()))


def steps(result: Result) -> list[str]:
    """The steps that were made, in order."""
    return [step["step"] for step in result.shown["evidence"]]


async def test_a_login_check_costs_three_requests_and_then_one(cli: Cli, ngc: Ngc) -> None:
    cold = await check(cli, ngc.keys["good"].secret)
    assert steps(cold) == ["ping (anonymous)", "login", "login (control)"]
    assert len(ngc.requests) == 3
    assert steps(await check(cli, ngc.keys["good"].secret)) == ["login"]
    assert steps(await check(cli, ngc.keys["good_service"].secret)) == ["login"], "control and challenge are the host's"
    assert len(ngc.requests) == 5


async def test_a_pull_proof_costs_five_requests_and_then_two(cli: Cli, ngc: Ngc) -> None:
    cold = await check(cli, ngc.keys["good"].secret, "acme/app:1.0")
    assert sorted(steps(cold)) == ["login (control)", "ping (anonymous)", "pull", "scoped_login", "scoped_login (anonymous)"]
    for name in ("good", "good_service"):
        warm = await check(cli, ngc.keys[name].secret, "acme/app:1.0")
        assert steps(warm) == ["scoped_login", "pull"]
        assert warm.credential == "valid (pull_proven)"
    other = await check(cli, ngc.keys["good"].secret, "acme/research/trainer:latest")
    assert steps(other) == ["scoped_login", "pull", "scoped_login (anonymous)"], "an anonymous control is a repository's"
    public = await check(cli, ngc.keys["good"].secret, "nvidia/cuda:latest")
    assert steps(public) == ["scoped_login", "pull", "scoped_login (anonymous)", "pull (anonymous)"]
    assert public.credential == "valid (login_accepted)"
    assert Counter(request.method for request in ngc.requests if "/manifests/" in request.path) == {"HEAD": 6}


async def test_the_index_is_read_once_for_a_platform(cli: Cli, ngc: Ngc) -> None:
    cli_image = "nvcr.io/nvidia/cuda:latest"
    for gets in (1, 1):
        result = await cli.check("nvcr.io", USERNAME, ngc.keys["good"].secret, "--image", cli_image, "--platform", "linux/arm64")
        assert result.image == "pullable (pull_ok)"
        assert "linux/arm64" in result.shown["image"]["platforms"]
        assert sum("/manifests/" in request.path and request.method == "GET" for request in ngc.requests) == gets


@pytest.mark.parametrize("image", [None, "acme/app:1.0", "nvidia/cuda:latest"])
async def test_a_dead_key_costs_one_refused_login_or_two(image: str | None, cli: Cli, ngc: Ngc) -> None:
    for name, most in (("deleted", 1), ("regenerated_legacy", 2)):
        before = len(ngc.refused_logins)
        result = await check(cli, ngc.keys[name].secret, image)
        assert result.credential == "invalid (refused)"
        assert len(ngc.refused_logins) - before == most
        assert image is None or result.image == "denied (credential_refused)"
    cli.registries["nvcr.io"]["introspect"] = False
    await check(cli, ngc.keys["expired"].secret, image)
    assert len(ngc.refused_logins) == 5


async def test_a_sweep_asks_a_dead_key_once(cli: Cli, ngc: Ngc) -> None:
    for name in ("regenerated_legacy", "deleted"):
        ngc.requests.clear()
        assert said((await asked(cli, "nvcr.io", USERNAME, ngc.keys[name].secret)).verdict) == "invalid (refused)"
        assert len(ngc.refused_logins) == 1


async def test_the_failure_budget_is_shared_by_separate_runs(cli: Cli, ngc: Ngc) -> None:
    """20 refused logins an hour; secrets that were never valid have half of them, formerly valid ones all."""
    assert (await check(cli, ngc.keys["good"].secret)).credential == "valid (login_accepted)"
    ngc.requests.clear()
    for number in range(10):
        assert (await check(cli, f"nvapi-{number:064}")).credential == "invalid (refused)"
    spent = await check(cli, f"nvapi-{99:064}", "acme/app:1.0")
    shown = spent.shown
    assert (spent.credential, spent.image, spent.code) == ("unknown (budget_spent)", "unknown (budget_spent)", 3)
    assert len(ngc.refused_logins) == 10, "the eleventh was not sent"
    wait = datetime.fromisoformat(shown["retry_at"]) - datetime.fromisoformat(shown["checked_at"])
    assert 3500 <= wait.total_seconds() <= 3601
    assert (await check(cli, ngc.keys["good"].secret)).credential == "valid (login_accepted)", "formerly valid ones have all"
    pass_time(cli, 61)
    assert (await check(cli, f"nvapi-{99:064}")).credential == "invalid (refused)"


async def test_two_runs_at_once_do_not_both_take_the_last_place(cli: Cli, ngc: Ngc) -> None:
    cli.registries["nvcr.io"]["pace"] = {"refused": {"3600": 2}}
    ngc.registry.switch(slow_ms=100)
    runs = [asked(cli, "nvcr.io", USERNAME, f"nvapi-{number:064}") for number in range(3)]
    told = Counter(said(probed.verdict) for probed in await asyncio.gather(*runs))
    assert told == {"invalid (refused)": 1, "unknown (budget_spent)": 2}
    assert len(ngc.refused_logins) == 1


async def test_dead_keys_have_a_quarter_of_the_budget(cli: Cli, ngc: Ngc) -> None:
    dead = ngc.keys["deleted"].secret
    await check(cli, dead)
    for _ in range(5):
        assert (await check(cli, dead)).credential == "invalid (refused)"
    assert (await check(cli, dead)).credential == "unknown (budget_spent)"
    assert len(ngc.refused_logins) == 6
    assert (await check(cli, ngc.keys["expired"].secret)).credential == "invalid (refused)", "another one was never asked"


async def test_an_accepted_login_gives_its_place_back(cli: Cli, ngc: Ngc) -> None:
    cli.registries["nvcr.io"]["pace"] = {"refused": {"3600": 4}}
    for _ in range(6):
        assert (await check(cli, ngc.keys["good"].secret)).credential == "valid (login_accepted)"


async def test_a_login_that_was_not_heard_is_counted(cli: Cli, ngc: Ngc) -> None:
    cli.registries["nvcr.io"]["pace"] = {"refused": {"3600": 4}}
    await check(cli, ngc.keys["good"].secret)
    ngc.registry.switch(outage="reset")
    before = len(ngc.requests)
    said_of = [(await check(cli, ngc.keys["good_service"].secret)).credential for _ in range(3)]
    assert said_of[-1] == "unknown (budget_spent)"
    logins = sum(request.authorization == "basic" for request in ngc.requests[before:])
    assert logins == 2, "half of the four places: whether they were refused nobody knows"
