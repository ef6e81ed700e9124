"""GHCR beyond the rows: 403s by where they came, the endpoint that echoes, GitHub's own word and its limits, what may be shown."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import web

from tests.cases.asking import asked, instead, pass_time, said, said_of_image
from tests.cases.running import Cli, Result
from tests.cases.test_ghcr import check
from validator.emulator import Ghcr
from validator.emulator.ghcr import Token, world
from validator.evidence import Asker
from validator.providers.ghcr import GHCR

VALID, PROVEN, REFUSED = "valid (login_accepted)", "valid (pull_proven)", "invalid (refused)"
PULLS, HIDDEN = "pullable (pull_ok)", "denied (hidden_or_denied)"
ECHOES: Final = {"token_endpoint": "echoes"}


@pytest.fixture
async def ghcr(cli: Cli) -> AsyncIterator[Ghcr]:
    async with Ghcr() as emulated:
        cli.registries = emulated.settings()
        yield emulated


def anew(cli: Cli) -> None:
    """A ledger that knows nothing."""
    cli.home = cli.home / "next"
    cli.home.mkdir()


def denied(message: str, status: int = 403, code: str = "DENIED") -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)


AT_TOKEN: Final[dict[str, tuple[int, str, str, str]]] = {
    "denied": (403, "DENIED", "denied", "unknown (contradiction)"),
    "the words of nobody": (403, "DENIED", "requested access to the resource is denied", "unknown (ambiguous_refusal)"),
    "another code": (403, "UNKNOWN", "denied", "unknown (ambiguous_refusal)"),
    "401": (401, "UNAUTHORIZED", "authentication required", "unknown (protocol)"),
    "405": (405, "UNSUPPORTED", "The operation is unsupported.", "unknown (protocol)"),
    "503": (503, "UNAVAILABLE", "service unavailable", "unknown (server_error)"),
}


@pytest.mark.parametrize(("status", "code", "message", "wanted"), AT_TOKEN.values(), ids=AT_TOKEN)
async def test_a_no_at_the_token_endpoint(status: int, code: str, message: str, wanted: str, cli: Cli, ghcr: Ghcr) -> None:
    """To a token that GitHub knows."""
    instead(ghcr.registry, lambda call: call.username == "octo", lambda: denied(message, status, code))
    result = await check(cli, ghcr, "good")
    assert result.credential == wanted
    with_image = await check(cli, ghcr, "good", "octo/app:1")
    assert with_image.credential == wanted
    assert with_image.shown["image"]["outcome"] == "unknown"


@pytest.mark.parametrize("message", ["denied", "requested access to the resource is denied"])
async def test_a_no_to_the_repositorys_scope_alone_is_the_images(message: str, cli: Cli, ghcr: Ghcr) -> None:
    """Row 12: the real scope is refused, the placeholder is not; never a dead key, and for a sweep neither."""

    def real(call: Any) -> bool:
        return call.username == "octo" and "octo/app" in call.request.query.get("scope", "")

    instead(ghcr.registry, real, lambda: denied(message))
    result = await check(cli, ghcr, "good", "octo/app:1")
    assert (result.credential, result.image) == (VALID, HIDDEN)
    for asker in (Asker.SWEEP, Asker.PREFLIGHT):
        probed = await asked(cli, "ghcr.io", "octo", ghcr.secret("good"), "ghcr.io/octo/app:1", asker=asker)
        assert (said(probed.verdict), said_of_image(probed.verdict)) == (VALID, HIDDEN)


AT_MANIFEST: Final[dict[str, tuple[int, str, str, str]]] = {
    "no right": (403, "permission_denied: read_package", VALID, HIDDEN),
    "scopes": (403, "permission_denied: The token provided does not match expected scopes.", VALID, HIDDEN),
    "denied": (403, "denied", VALID, HIDDEN),
    "401": (401, "authentication required", VALID, HIDDEN),
    "404": (404, "manifest unknown", VALID, "not_found (tag_not_found)"),
    "503": (503, "no", VALID, "unknown (server_error)"),
}


@pytest.mark.parametrize(("status", "message", "credential", "image"), AT_MANIFEST.values(), ids=AT_MANIFEST)
async def test_a_no_at_the_manifest_is_the_images(status: int, message: str, credential: str, image: str, cli: Cli, ghcr: Ghcr) -> None:
    code = {404: "MANIFEST_UNKNOWN", 401: "UNAUTHORIZED", 403: "DENIED"}.get(status, "UNKNOWN")
    instead(ghcr.registry, lambda call: "/manifests/" in call.path, lambda: denied(message, status, code))
    result = await check(cli, ghcr, "good", "octo/app:1")
    assert (result.credential, result.image) == (credential, image)
    assert ghcr.count(method="GET", path="/v2/octo/app/manifests/1") == (1 if status in (403, 404) else 0)
    assert ghcr.count(method="HEAD") == (2 if status == 401 else 1)


async def test_a_passing_401_at_the_manifest_passes(cli: Cli, ghcr: Ghcr) -> None:
    instead(ghcr.registry, lambda call: "/manifests/" in call.path, lambda: denied("authentication required", 401, "UNAUTHORIZED"), 1)
    result = await check(cli, ghcr, "good", "octo/app:1")
    assert (result.credential, result.image) == (PROVEN, PULLS)


async def test_its_page_of_a_firewall_says_nothing(cli: Cli, ghcr: Ghcr) -> None:
    def page() -> web.Response:
        return web.Response(status=403, text="<html>Access denied</html>", content_type="text/html")

    instead(ghcr.registry, lambda call: call.path == "/token" and call.kind == "basic", page)
    for name in ("good", "expired"):
        assert (await check(cli, ghcr, name)).credential == "unknown (waf_block)"


async def test_a_realm_that_is_not_its_own_gets_nothing(cli: Cli, ghcr: Ghcr) -> None:
    ghcr.switch(realm="https://ghcr.io.evil.net/token")
    for image in (None, "octo/app:1"):
        assert (await check(cli, ghcr, "good", image)).credential == "unknown (unsafe_realm)"
    assert {one.authorization for one in ghcr.requests} == {"none"}


ECHOED: Final[dict[str, tuple[str, str | None, dict[str, Any], str]]] = {
    "known to GitHub": ("good", None, {}, VALID),
    "known, private": ("good", "octo/app:1", {}, VALID),
    "dead": ("expired", None, {}, REFUSED),
    "dead, public": ("expired", "octo/public:1", {}, REFUSED),
    "without scope": ("repo_only", None, {}, "insufficient (scope_missing)"),
    "no word of GitHub's": ("good", None, {"introspect": False}, "unprovable (accepts_anyone)"),
    "no word, dead": ("expired", None, {"introspect": False}, "unprovable (accepts_anyone)"),
    "no word, public": ("good", "octo/public:1", {"introspect": False}, "unprovable (public_only)"),
    "no word, dead, private": ("expired", "octo/app:1", {"introspect": False}, "unprovable (accepts_anyone)"),
}


@pytest.mark.parametrize(("name", "image", "settings", "wanted"), ECHOED.values(), ids=ECHOED)
async def test_an_endpoint_that_echoes(name: str, image: str | None, settings: dict[str, Any], wanted: str, cli: Cli, ghcr: Ghcr) -> None:
    ghcr.switch(**ECHOES)
    cli.registries["ghcr.io"] |= settings
    result = await check(cli, ghcr, name, image)
    if (name, image) == ("good", "octo/app:1"):
        assert result.credential in (VALID, PROVEN)
    else:
        assert result.credential == wanted
    again = await check(cli, ghcr, name, image)
    assert again.credential == result.credential
    assert ghcr.count(listener="api", secret_name="unknown") <= 1, "GitHub's own control is kept for a day"


async def test_where_github_knows_a_made_up_token_its_word_is_nothing(cli: Cli, ghcr: Ghcr) -> None:
    """5c, 5d with U! not refused."""
    ghcr.switch(**ECHOES)
    made_up: list[str] = []

    def is_made_up(call: Any) -> bool:
        sent = call.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if sent in {token.secret for token in ghcr.tokens.values()}:
            return False
        made_up.append(sent)
        return True

    instead(ghcr.api, is_made_up, lambda: web.Response(status=502))
    for name in ("good", "expired"):
        assert (await check(cli, ghcr, name)).credential == "unprovable (accepts_anyone)"
    assert made_up


async def test_two_systems_that_disagree(cli: Cli, ghcr: Ghcr) -> None:
    """5c: accepted at a token endpoint that refuses others, unknown to GitHub."""
    instead(ghcr.api, lambda call: True, lambda: web.json_response({"message": "Bad credentials"}, status=401))
    assert (await check(cli, ghcr)).credential == "unknown (contradiction)"


SILENT: Final[dict[str, tuple[int, dict[str, Any], dict[str, str]]]] = {
    "locked": (403, {"message": "Maximum number of login attempts exceeded. Please try again later."}, {}),
    "secondary limit": (403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "60"}),
    "primary limit": (403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0"}),
    "429": (429, {"message": "slow down"}, {"Retry-After": "60"}),
    "no such page": (404, {"message": "Not Found"}, {}),
    "another 401": (401, {"message": "Requires authentication"}, {}),
    "a list": (200, {"items": []}, {}),
    "ill": (503, {"message": "no"}, {}),
}


@pytest.mark.parametrize(("status", "body", "fields"), SILENT.values(), ids=SILENT)
async def test_what_github_did_not_say_is_no_word(status: int, body: dict[str, Any], fields: dict[str, str], cli: Cli, ghcr: Ghcr) -> None:
    instead(ghcr.api, lambda call: True, lambda: web.json_response(body, status=status, headers=fields))
    probed = await asked(cli, "ghcr.io", "octo", ghcr.secret("expired"))
    assert said(probed.verdict) == "unknown (ambiguous_refusal)"
    pass_time(cli, 2)  # its lane sleeps as long as it was asked to
    assert said((await asked(cli, "ghcr.io", "octo", ghcr.secret("good"))).verdict) == VALID, "and takes nothing from an accepted login"


async def test_switched_off_github_is_never_asked(cli: Cli, ghcr: Ghcr) -> None:
    cli.registries["ghcr.io"]["introspect"] = False
    wanted = {"good": VALID, "expired": REFUSED, "scopeless": VALID, "job": "unprovable (short_lived)", "fine_grained": "insufficient (wrong_kind)"}
    for name, verdict in wanted.items():
        assert (await check(cli, ghcr, name)).credential == verdict
    assert (await check(cli, ghcr, "good", "sso-org/app:1")).image == HIDDEN
    assert ghcr.count(listener="api") == 0


async def test_a_good_token_is_asked_about_once_in_seven_days(cli: Cli, ghcr: Ghcr) -> None:
    for days in (0, 1, 5):
        pass_time(cli, days * 24 * 60) if days else None
        assert (await check(cli, ghcr)).shown["expires_at"] is not None
    assert ghcr.count(path="/user") == 1
    pass_time(cli, 2 * 24 * 60)
    await check(cli, ghcr)
    assert ghcr.count(path="/user") == 2
    ghcr.switch(expiration_header="absent")
    await check(cli, ghcr, "endless")
    assert (await check(cli, ghcr, "endless")).shown["expires_at"] is None
    assert ghcr.count(path="/user") == 3


async def test_kept_scopes_serve_without_github(cli: Cli, ghcr: Ghcr) -> None:
    assert (await check(cli, ghcr, "repo_only")).credential == "insufficient (scope_missing)"
    ghcr.api.switch(outage="503")
    assert (await check(cli, ghcr, "repo_only")).credential == "insufficient (scope_missing)"
    assert ghcr.count(path="/user", status=200) == 1


async def test_a_scope_that_was_added_counts_at_once(cli: Cli, ghcr: Ghcr) -> None:
    """GitHub lets scopes be added to a token that keeps its text, as the advice says."""
    assert (await check(cli, ghcr, "repo_only")).credential == "insufficient (scope_missing)"
    ghcr.change("repo_only", scopes=("repo", "read:packages"))
    probed = await asked(cli, "ghcr.io", "octo", ghcr.secret("repo_only"), "ghcr.io/octo/app:1", asker=Asker.PREFLIGHT)
    assert probed.verdict.outcome != "insufficient", "what it has just read it may read"
    assert said_of_image(probed.verdict) == PULLS
    assert (await check(cli, ghcr, "repo_only")).credential == VALID
    assert (await check(cli, ghcr, "repo_only", "octo/app:1")).credential == PROVEN
    assert ghcr.count(path="/user") == 2, "a good one is asked about once in seven days"


async def test_no_more_than_five_bad_tokens_a_quarter_of_an_hour(cli: Cli, ghcr: Ghcr) -> None:
    """GitHub refuses all authentication, the good ones' too, after several bad ones."""
    ghcr.switch(api_bad_creds_lock_after=6)
    cli.pace["refused"] = {600: 1000}
    for number in range(7):  # each a run of its own: within one GitHub is asked once a second
        ghcr.add(Token(name=f"dead {number}", secret=world.checked("ghp", f"dead {number}"), state="revoked"))
        said_now = said((await asked(cli, "ghcr.io", "octo", ghcr.secret(f"dead {number}"))).verdict)
        assert said_now == (REFUSED if number < 5 else "unknown (ambiguous_refusal)")
    assert ghcr.count(path="/user") == 5
    good = await check(cli, ghcr)
    assert (good.credential, good.shown["expires_at"]) == (VALID, None), "it is valid without GitHub's word, which waits"
    pass_time(cli, 16)
    assert (await check(cli, ghcr)).shown["expires_at"] is not None, "good ones were never locked out"
    assert said((await asked(cli, "ghcr.io", "octo", ghcr.secret("revoked"))).verdict) == REFUSED


async def test_what_each_look_costs(cli: Cli, ghcr: Ghcr) -> None:
    async def cost(name: str, image: str | None = None, **more: Any) -> tuple[str, list[str]]:
        begun = len(ghcr.requests)
        probed = await asked(cli, "ghcr.io", "octo", ghcr.secret(name), f"ghcr.io/{image}" if image else None, **more)
        return said(probed.verdict), [f"{one.method} {one.path} {one.status}" for one in ghcr.requests[begun:]]

    await cost("good", "octo/app:1")
    token, head = "GET /token 200", "HEAD /v2/octo/app/manifests/1 200"
    assert await cost("good") == (VALID, [token])
    assert await cost("good", "octo/app:1") == (PROVEN, [token, head])
    assert await cost("good", "octo/app:1", asker=Asker.PREFLIGHT) == (PROVEN, [token, head])
    verdict, sent = await cost("expired")
    assert (verdict, sent.count("GET /token 403"), sent.count("GET /user 401")) == (REFUSED, 1, 1)
    anew(cli)
    assert (await check(cli, ghcr, "revoked")).credential == REFUSED
    assert ghcr.count(secret_name="revoked", path="/token") == 1, "GitHub agreed: nothing to repeat"


KINDS: Final[dict[str, tuple[str, str | None, str, str | None]]] = {
    "OAuth": ("oauth", "octo/app:1", PROVEN, PULLS),
    "of before 2021": ("old", "octo/app:1", PROVEN, PULLS),
    "App user's": ("app_user", "octo/app:1", PROVEN, PULLS),
    "a job's, its package": ("job", "octo/app:1", PROVEN, PULLS),
    "a job's, another's": ("job", "hubot/private:1", "insufficient (wrong_kind)", HIDDEN),
    "fine-grained": ("fine_grained", None, "insufficient (wrong_kind)", None),
    "fine-grained, public": ("fine_grained", "octo/public:1", "insufficient (wrong_kind)", HIDDEN),
    "sso authorised": ("sso_authorised", "sso-org/app:1", PROVEN, PULLS),
    "walled": ("good", "walled-org/app:1", "unknown (address_refused)", "unknown (address_refused)"),
    "internal": ("good", "corp/internal:1", PROVEN, PULLS),
    "within the policy": ("good", "strict-org/app:1", PROVEN, PULLS),
}


@pytest.mark.parametrize(("name", "image", "credential", "outcome"), KINDS.values(), ids=KINDS)
async def test_kinds_and_packages(name: str, image: str | None, credential: str, outcome: str | None, cli: Cli, ghcr: Ghcr) -> None:
    result = await check(cli, ghcr, name, image)
    assert result.credential == credential
    assert outcome is None or result.image == outcome


async def test_the_day_when_fine_grained_tokens_may_pull(cli: Cli, ghcr: Ghcr) -> None:
    ghcr.switch(fine_grained_supported=True)
    result = await check(cli, ghcr, "fine_grained", "octo/app:1")
    assert (result.credential, result.image) == (PROVEN, PULLS)


async def test_the_bearer_which_is_the_secret_shows_nowhere(cli: Cli, ghcr: Ghcr) -> None:
    secret = ghcr.secret("good")
    forms = {secret, *(base64.b64encode(text.encode()).decode().rstrip("=") for text in (secret, f"octo:{secret}"))}
    for image in ("octo/app:1", "hubot/private:1", "octo/public:1"):
        arguments = ("--log-level", "debug", "check", "ghcr.io", "-u", "octo", "--secret-stdin", "--image", f"ghcr.io/{image}", "--explain")
        result: Result = await cli.run(*arguments, stdin=secret)
        probed = await asked(cli, "ghcr.io", "octo", secret, f"ghcr.io/{image}")
        assert "/token" in result.out
        told = result.out + result.err + repr(probed) + (cli.home / "validator.db").read_bytes().decode("latin-1")
        assert not [form for form in forms if form in told]
    assert ghcr.count(secret_name="bearer of good") > 0
    assert GHCR.nobody_claims is None, "its bearer is no JWT to read"
