"""NGC and GitHub: a no that was said in passing to a good key with an image, and what a refused key's image is called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import web

from tests.cases.asking import asked, instead, said, said_of_image
from tests.cases.running import Cli
from tests.cases.test_ghcr import check as check_github
from validator.emulator import Ghcr, Ngc
from validator.emulator.ngc import USERNAME
from validator.evidence import Asker

VALID, PROVEN, PULLS = "valid (login_accepted)", "valid (pull_proven)", "pullable (pull_ok)"
LIVES, REFUSED, CANNOT_TELL = "insufficient (service_missing)", "invalid (refused)", "unknown (ambiguous_refusal)"
DENIED: Final = {"errors": [{"code": "DENIED", "message": "denied"}]}
PUBLIC: Final = ("--image", "nvcr.io/nvidia/cuda:latest")


@pytest.fixture
async def ngc(cli: Cli) -> AsyncIterator[Ngc]:
    async with Ngc() as emulated:
        cli.registries = emulated.settings()
        yield emulated


@pytest.fixture
async def ghcr(cli: Cli) -> AsyncIterator[Ghcr]:
    async with Ghcr() as emulated:
        cli.registries = emulated.settings()
        yield emulated


def scoped(call: Any) -> bool:
    """A login for an image's repository."""
    return call.kind == "basic" and "acme/app" in call.request.query.get("scope", "")


@pytest.mark.parametrize("name", ["good", "good_legacy"])
async def test_one_401_in_passing_denies_no_image_of_ngcs(name: str, cli: Cli, ngc: Ngc) -> None:
    """Single spurious 401s are on record (ngc.md 3): the image that the key may pull is not called denied for one."""
    instead(ngc.registry, scoped, lambda: web.Response(status=401), times=1)
    result = await cli.check("nvcr.io", USERNAME, ngc.keys[name].secret, "--image", "nvcr.io/acme/app:1.0")
    assert (result.credential, result.image, result.code) == (PROVEN, PULLS, 0)


async def test_one_403_in_passing_denies_no_image_of_githubs(cli: Cli, ghcr: Ghcr) -> None:
    """The single `denied: denied` of GHCR-17, at the repository's own scope."""
    instead(ghcr.registry, lambda call: call.username == "octo", lambda: web.json_response(DENIED, status=403), times=1)
    result = await check_github(cli, ghcr, "good", "octo/app:1")
    assert (result.credential, result.image, result.code) == (PROVEN, PULLS, 0)


@pytest.mark.parametrize("asker", [Asker.CHECK, Asker.PREFLIGHT, Asker.SWEEP])
async def test_said_again_it_is_the_images_and_costs_two_refusals_at_most(asker: Asker, cli: Cli, ngc: Ngc) -> None:
    instead(ngc.registry, scoped, lambda: web.Response(status=401))
    for _ in range(2):
        before = len(ngc.requests)
        probed = await asked(cli, "nvcr.io", USERNAME, ngc.keys["good"].secret, "nvcr.io/acme/app:1.0", asker=asker)
        assert said_of_image(probed.verdict) == "denied (hidden_or_denied)"
        assert said(probed.verdict) in (VALID, "unprovable (control_missing)"), "a pre-flight makes no control"
        logins = [one for one in ngc.requests[before:] if one.secret_name == "good" and one.listener == "registry"]
        assert sum("scope" in one.query for one in logins) <= 2
        assert len(logins) <= 3


@pytest.mark.parametrize("serviceless", ["401", "403"])
async def test_a_public_image_that_a_living_key_is_refused_is_blocked_by_the_key(serviceless: Any, cli: Cli, ngc: Ngc) -> None:
    """Whichever no NGC has for a key without the registry's service, the image is seen to be there, for anybody."""
    ngc.quirk(serviceless=serviceless)
    result = await cli.check("nvcr.io", USERNAME, ngc.keys["functions_only"].secret, *PUBLIC)
    assert (result.credential, result.image) == (LIVES, "denied (key_blocks_public)")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_dead_key_is_not_called_a_living_one_at_its_image(status: int, cli: Cli, ngc: Ngc) -> None:
    """ngc.md 8.12: the introspection refuses what the login answered 403; then it is the dead key that blocks the image."""
    instead(ngc.registry, lambda call: call.kind == "basic", lambda: web.json_response(DENIED, status=status))
    result = await cli.check("nvcr.io", USERNAME, ngc.keys["deleted"].secret, *PUBLIC)
    assert (result.credential, result.image) == (REFUSED, "denied (credential_refused)")
    assert result.shown["image"]["hints"] == ["public_image"]
    assert "living" not in result.shown["image"]["cause"]


async def test_a_proxys_page_is_no_word_of_ngcs_about_a_key(cli: Cli, ngc: Ngc) -> None:
    """Beside one 401 in passing it would make a good key dead at once."""
    instead(ngc.api, lambda call: True, lambda: web.Response(status=401, text="<html>Sign in to the proxy</html>", content_type="text/html"))
    probed = await asked(cli, "nvcr.io", USERNAME, ngc.keys["deleted"].secret)
    assert said(probed.verdict) == CANNOT_TELL
    ngc.registry.switch(spurious_401_once=True)
    assert (await cli.check("nvcr.io", USERNAME, ngc.keys["good"].secret)).credential == VALID


@pytest.mark.parametrize("body", ['{"requestStatus": {"statusCode": "UNAUTHORIZED"}}', "Invalid API key.", ""])
async def test_ngcs_own_401_is_one_however_it_is_written(body: str, cli: Cli, ngc: Ngc) -> None:
    instead(ngc.api, lambda call: True, lambda: web.Response(status=401, text=body))
    probed = await asked(cli, "nvcr.io", USERNAME, ngc.keys["deleted"].secret)
    assert said(probed.verdict) == REFUSED


async def test_whether_an_apps_user_token_may_pull_nobody_knows(cli: Cli, ghcr: Ghcr) -> None:
    """ghcr.md 2: [unknown]. A package that it may not read is the package's no, and no word of its kind."""
    result = await check_github(cli, ghcr, "app_user", "hubot/private:1")
    assert (result.credential, result.image) == ("unprovable (short_lived)", "denied (hidden_or_denied)")
