"""Docker Hub beyond the rows: its words, its locks, its quota, and the budgets that keep a user's name from being locked by us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import pytest
from aiohttp import web

from tests.cases.asking import asked, instead, pass_time, said
from tests.cases.running import Cli, Result
from validator.emulator import DockerHub
from validator.emulator.base import make_jwt
from validator.emulator.dockerhub import Account, Outage, Token

VALID, REFUSED, SPENT = "valid (login_accepted)", "invalid (refused)", "unknown (budget_spent)"


@pytest.fixture
async def hub(cli: Cli) -> AsyncIterator[DockerHub]:
    async with DockerHub() as emulated:
        cli.registries = emulated.settings()
        yield emulated


def pair(hub: DockerHub, name: str) -> tuple[str, str]:
    """Username and secret of a planted token."""
    return hub.tokens[name].account, hub.tokens[name].secret


async def check(cli: Cli, login: tuple[str, str], image: str | None = None, *more: str) -> Result:
    return await cli.check("docker.io", *login, *(("--image", image) if image else ()), *more)


def seconds_left(result: Result) -> float:
    """From the check to `retry_at`."""
    return (datetime.fromisoformat(result.shown["retry_at"]) - datetime.fromisoformat(result.shown["checked_at"])).total_seconds()


WORDS: Final[dict[str, tuple[int, str, str]]] = {
    "wrong": (401, "incorrect username or password", REFUSED),
    "in capitals": (401, "Incorrect Username Or Password", REFUSED),
    "words of tomorrow": (401, "these credentials are not known to us", REFUSED),
    "expired": (401, "personal access token is expired", "invalid (expired)"),
    "expired, of an organization": (401, "org access token is expired", "invalid (expired)"),
    "two factors, 2020": (401, "please use personal access token to login", "misconfigured (token_required)"),
    "two factors": (401, "your account must log in with a Personal Access Token (PAT) - learn more", "misconfigured (token_required)"),
    "sso": (401, "please use personal access token to login when SSO is enforced", "misconfigured (token_required)"),
    "too low": (401, "access token has insufficient scopes", "insufficient (scope_missing)"),
    "too low, old": (403, "requesting higher privileges than access token allows", "insufficient (scope_missing)"),
    "locked": (429, "too many failed login attempts for username or IP address", "unknown (account_locked)"),
    "throttled": (429, "Too Many Requests (HAP429)", "unknown (throttled)"),
    "inactive": (401, "Account is not Active", "invalid (owner_disabled)"),
    "inactive, 403": (403, "Account is not Active", "unknown (ambiguous_refusal)"),
}


@pytest.mark.parametrize(("status", "text", "wanted"), WORDS.values(), ids=WORDS)
async def test_its_words(status: int, text: str, wanted: str, cli: Cli, hub: DockerHub) -> None:
    def ours(call: Any) -> bool:
        return bool(call.username == "ada")

    instead(hub.auth, ours, lambda: web.json_response({"details": text}, status=status))
    for image in (None, "acme/app:1.0"):
        cli.home = cli.home / "next"
        cli.home.mkdir()
        result = await check(cli, pair(hub, "good"), image)
        assert result.credential == wanted
        if image is not None and status != 403:
            assert result.shown["image"]["outcome"] == ("unknown" if wanted.startswith("unknown") else "denied")
        if status == 429:
            assert 895 <= seconds_left(result) <= 901


ODD: Final[dict[str, tuple[int, bytes, str, str]]] = {
    "401 page": (401, b"<html>no</html>", "text/html", "unknown (waf_block)"),
    "401 text": (401, b"unauthorized", "text/plain", "unknown (ambiguous_refusal)"),
    "401 list": (401, b"[]", "application/json", "unknown (ambiguous_refusal)"),
    "403 page": (403, b"<html>blocked</html>", "text/html", "unknown (waf_block)"),
    "403 text": (403, b"blocked", "text/plain", "unknown (waf_block)"),
    "403 empty": (403, b"", "text/plain", "unknown (waf_block)"),
    "400": (400, b'{"details":"account parameter is required"}', "application/json", "unknown (protocol)"),
    "404": (404, b"", "text/plain", "unknown (protocol)"),
    "200 page": (200, b"<html>hello</html>", "text/html", "unknown (protocol)"),
    "200 without a token": (200, b'{"details":"hello"}', "application/json", "unknown (protocol)"),
    "503": (503, b"<html>503</html>", "text/html", "unknown (server_error)"),
}


@pytest.mark.parametrize(("status", "body", "kind", "wanted"), ODD.values(), ids=ODD)
async def test_what_is_no_answer_about_the_secret(status: int, body: bytes, kind: str, wanted: str, cli: Cli, hub: DockerHub) -> None:
    instead(hub.auth, lambda call: call.username == "ada", lambda: web.Response(status=status, body=body, content_type=kind))
    for name in ("good", "deleted"):
        assert (await check(cli, pair(hub, name))).credential == wanted
    assert hub.logins.by_name["ada"] == 0


async def test_a_login_that_was_ignored_is_not_valid(cli: Cli, hub: DockerHub) -> None:
    """A token whose own claims name nobody."""
    claims = {"access": [], "aud": "registry.docker.io", "sub": "", "exp": 2**31, "nbf": 0}
    instead(hub.auth, lambda call: call.username == "ada", lambda: web.json_response({"token": make_jwt(claims), "expires_in": 300}))
    for image in (None, "acme/app:1.0", "library/alpine"):
        assert (await check(cli, pair(hub, "good"), image)).credential == "unknown (protocol)"


KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "personal": ("good", "ada/private:1.0", "valid (pull_proven)"),
    "old form": ("old_form", "acme/app:1.0", "valid (pull_proven)"),
    "write": ("write", "ada/private:1.0", "valid (pull_proven)"),
    "organization": ("oat", "acme/app:1.0", "valid (pull_proven)"),
    "two factors, a token": ("two_factor_pat", "library/alpine", VALID),
    "paid": ("paid", "library/alpine", VALID),
    "organization, not its image": ("oat", "globex/secret:latest", VALID),
    "public only": ("public_read", "library/alpine", VALID),
}


@pytest.mark.parametrize(("name", "image", "wanted"), KINDS.values(), ids=KINDS)
async def test_every_kind_that_lives_is_valid(name: str, image: str, wanted: str, cli: Cli, hub: DockerHub) -> None:
    result = await check(cli, pair(hub, name), image)
    assert result.credential == wanted
    assert (result.image == "pullable (pull_ok)") == hub.truth(*pair(hub, name), image.partition(":")[0]).pulls


@pytest.mark.parametrize("realm", ["relative", "absolute"])
async def test_the_registrys_own_host_is_no_token_server(realm: str, cli: Cli, hub: DockerHub) -> None:
    """Only auth.docker.io gets the secret, whatever the registry's own host, or a mirror in its place, asks for."""
    at = cli.registries["docker.io"]["endpoint"] if realm == "absolute" else ""
    field = f'Bearer realm="{at}/token",service="registry.docker.io"'
    instead(
        hub.registry, lambda call: call.path == "/v2/", lambda: web.json_response({"errors": []}, status=401, headers={"WWW-Authenticate": field})
    )
    for image in (None, "acme/app:1.0"):
        result = await check(cli, pair(hub, "good"), image)
        assert (result.credential, result.code) == ("unknown (unsafe_realm)", 3)
    assert {one.authorization for one in hub.requests} == {"none"}


async def test_another_vendors_token_is_not_sent(cli: Cli, hub: DockerHub) -> None:
    for secret in ("ghp_" + "a" * 36, "github_pat_" + "a" * 60, "glpat-" + "a" * 20, "nvapi-" + "a" * 64):
        assert (await check(cli, ("ada", secret), "acme/app:1.0")).credential == "misconfigured (foreign_token)"
    assert (await check(cli, ("", "x"))).credential == "misconfigured (empty_username)"
    assert hub.requests == []


async def test_a_password_is_refused_with_the_hint_of_a_token(cli: Cli, hub: DockerHub) -> None:
    hints = (await check(cli, ("ada", "an old password"))).shown["hints"]
    assert "use_a_token" in hints
    assert "use_a_token" not in (await check(cli, ("pia", hub.accounts["pia"].password or ""))).shown["hints"]


async def test_a_check_uses_no_pull_of_the_quota(cli: Cli, hub: DockerHub) -> None:
    for image in ("acme/app:1.0", "ada/private:1.0", "library/alpine:3.22", "globex/secret:latest", "acme/app:gone", "acme/barred:latest"):
        await check(cli, pair(hub, "good"), image)
        await check(cli, pair(hub, "good"), image)
    assert not any(hub.pulls.pulls.values())
    assert {request.method for request in hub.requests if "/manifests/" in request.path} == {"HEAD"}
    assert {len(request.query.get("scope", ())) for request in hub.requests} <= {0, 1}, "one scope a request"
    assert not [request for request in hub.requests if {"account", "offline_token", "access_type"} & set(request.query)]


async def test_requests_are_few(cli: Cli, hub: DockerHub) -> None:
    counts = []
    for image in (None, None, "acme/app:1.0", "acme/app:1.0"):
        before = len(hub.requests)
        await check(cli, pair(hub, "good"), image)
        counts.append(len(hub.requests) - before)
    assert counts == [3, 1, 3, 2], "the anonymous token says itself that it may not pull"


async def test_a_lock_is_no_death_and_ends(cli: Cli, hub: DockerHub) -> None:
    hub.quirk(lock_after=2)
    for _ in range(2):  # somebody else's retries
        hub.logins.refused("ada", "192.0.2.1", hub.clock(), after=2, lock_s=900)
    locked = await check(cli, pair(hub, "good"), "acme/app:1.0")
    assert (locked.credential, locked.image, locked.code) == ("unknown (account_locked)", "unknown (account_locked)", 3)
    assert hub.count(username="ada") == 1, "no repeat"
    hub.logins.until.clear()
    assert (await check(cli, pair(hub, "good"), "acme/app:1.0")).credential == "valid (pull_proven)"


async def test_we_never_lock_a_name(cli: Cli, hub: DockerHub) -> None:
    """However often and with however many dead secrets a name is asked about; one that was never asked has one login more each."""
    dead = [pair(hub, name) for name in ("deleted", "deactivated")] + [("ada", "an old password")]
    for _ in range(4):
        for login in dead:
            await check(cli, login)
    assert hub.logins.by_name["ada"] == 2 + 1 + 1
    assert (await check(cli, pair(hub, "good"))).credential == VALID


async def test_a_new_secret_has_one_login_beyond_a_spent_window(cli: Cli, hub: DockerHub) -> None:
    assert (await check(cli, pair(hub, "deleted"))).credential == REFUSED
    once = await check(cli, pair(hub, "deactivated"), "acme/app:1.0")
    assert (once.credential, once.image) == ("unknown (ambiguous_refusal)", "unknown (ambiguous_refusal)")
    assert 1700 < seconds_left(once) <= 1801, "when the repeat may be made"
    assert hub.logins.by_name["ada"] == 3
    again = await check(cli, pair(hub, "deactivated"))
    assert again.credential == SPENT
    pass_time(cli, 31)
    assert (await check(cli, pair(hub, "deactivated"))).credential == REFUSED, "the first refusal was remembered"
    assert hub.logins.by_name["ada"] == 4


async def test_the_budget_of_the_address_is_shared_by_separate_runs(cli: Cli, hub: DockerHub) -> None:
    """10 refused logins in 10 minutes; secrets that were never valid have half of them."""
    assert (await check(cli, pair(hub, "good"))).credential == VALID
    before = len(hub.refused_logins)
    for number in range(4):
        await check(cli, (f"nobody{number}", f"dckr_pat_{number:027}"))
    spent = await check(cli, ("nobody9", f"dckr_pat_{9:027}"), "acme/app:1.0")
    assert (spent.credential, spent.image) == (SPENT, SPENT)
    assert 500 < seconds_left(spent) <= 601
    assert len(hub.refused_logins) - before == 5
    assert (await check(cli, pair(hub, "good"))).credential == VALID
    pass_time(cli, 11)
    assert (await check(cli, ("nobody9", f"dckr_pat_{9:027}"))).credential == REFUSED


async def test_illness_is_never_the_users(cli: Cli, hub: DockerHub) -> None:
    for quirks, wanted in (
        ({"outage": Outage.HTML_503}, "unknown (server_error)"),
        ({"abuse_429": True}, "unknown (throttled)"),
        ({"embargo": True}, "unknown (address_refused)"),
        ({"outage": Outage.ALL_401}, "unknown (registry_ill)"),
        ({"outage": Outage.SSO_WORDS}, "unknown (registry_ill)"),
    ):
        cli.home = cli.home / "next"
        cli.home.mkdir()
        hub.quirk(outage=None, abuse_429=False, embargo=False)
        hub.quirk(**quirks)
        for name in ("good", "deleted"):
            result = await check(cli, pair(hub, name), "acme/app:1.0")
            assert (result.credential, result.code) == (wanted, 3)
            assert result.shown["image"]["outcome"] == "unknown"


async def test_a_sweep_sees_what_a_check_sees(cli: Cli, hub: DockerHub) -> None:
    for name, wanted in (
        ("good", "valid (pull_proven)"),
        ("deleted", REFUSED),
        ("expired", "invalid (expired)"),
        ("locked", "unknown (account_locked)"),
    ):
        probed = await asked(cli, "docker.io", *pair(hub, name), "docker.io/acme/app:1.0", proof=True)
        assert said(probed.verdict) == wanted
    assert hub.logins.by_name["ada"] == 2, "a sweep never repeats"


async def test_words_of_single_sign_on_are_believed_beside_a_control_of_now(cli: Cli, hub: DockerHub) -> None:
    """A fresh control in the ledger does not do: the words were once said to all, from one minute to the next."""
    assert (await check(cli, pair(hub, "good"))).credential == VALID
    sam = ("sam", hub.accounts["sam"].password or "")
    controls = hub.count(secret_name="unknown")
    assert (await check(cli, sam)).credential == "misconfigured (token_required)"
    assert hub.count(secret_name="unknown") == controls + 1
    hub.quirk(outage=Outage.SSO_WORDS)
    assert (await check(cli, ("una", hub.accounts["una"].password or ""))).credential == "unknown (registry_ill)"


async def test_the_control_bears_the_canarys_name(cli: Cli, hub: DockerHub) -> None:
    """With a canary the made-up secret goes with its name, and no person's name is ever tried with one."""
    assert (await check(cli, pair(hub, "good"))).credential == VALID
    assert {request.username for request in hub.refused_logins} & set(hub.accounts) == set()
    (cli.home / "canary").write_text(pair(hub, "paid")[1])
    cli.registries["docker.io"]["canary"] = {"username": "pia", "secret_file": str(cli.home / "canary")}
    pass_time(cli, 25 * 60, "controls")
    assert (await check(cli, pair(hub, "good"))).credential == VALID
    assert [(request.username, request.secret_name) for request in hub.refused_logins[1:]] == [("pia", "unknown")]


async def test_a_bearer_that_is_not_yet_valid_is_a_clock_not_a_key(cli: Cli, hub: DockerHub) -> None:
    hub.quirk(clock_skew=3600)
    result = await check(cli, pair(hub, "good"), "acme/app:1.0")
    assert (result.credential, result.image) == ("unknown (token_rejected)", "unknown (token_rejected)")
    assert hub.count(username="ada", status=200) == 2, "one fresh token, no more"


async def test_upper_case_and_mail_are_told_of_only_when_refused(cli: Cli, hub: DockerHub) -> None:
    hub.add(Account(name="ada@example.org"))
    hub.add(Token(name="by mail", secret="dckr_pat_" + "m" * 27, account="ada@example.org"))
    assert (await check(cli, pair(hub, "by mail"))).shown["hints"] == []
    assert "username_form" in (await check(cli, ("ada@example.org", "dckr_pat_" + "x" * 27))).shown["hints"]


async def test_a_basic_challenge_gets_no_secret(cli: Cli, hub: DockerHub) -> None:
    basic = {"WWW-Authenticate": 'Basic realm="a proxy"'}
    for response in (lambda: web.Response(status=401, headers=basic), lambda: web.json_response({})):
        instead(hub.registry, lambda call: call.path == "/v2/", response)
        assert (await check(cli, pair(hub, "good"), "acme/app:1.0")).credential == "unknown (protocol)"
    assert {request.authorization for request in hub.requests} == {"none"}
