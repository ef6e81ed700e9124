"""NVIDIA NGC beyond the rows: where it sends us, what a refusal is, and what its introspection may and may not do."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from aiohttp import web

from tests.cases.asking import asked, instead, pass_time, said
from tests.cases.running import Cli, Result
from validator.emulator import Ngc
from validator.emulator.ngc import USERNAME

RENEW: Final = "https://org.ngc.nvidia.com/setup/api-keys"
VALID, REFUSED = "valid (login_accepted)", "invalid (refused)"
LIVES, CANNOT_TELL = "insufficient (service_missing)", "unknown (ambiguous_refusal)"


@pytest.fixture
async def ngc(cli: Cli) -> AsyncIterator[Ngc]:
    async with Ngc() as emulated:
        cli.registries = emulated.settings()
        yield emulated


async def check(cli: Cli, secret: str, image: str | None = None) -> Result:
    return await cli.check("nvcr.io", USERNAME, secret, *(("--image", f"nvcr.io/{image}") if image else ()))


REALMS: Final[dict[str, tuple[dict[str, Any], tuple[str, str]]]] = {
    "today": ({}, ("registry", "/proxy_auth")),
    "of 2020": ({"challenge_2020": True}, ("registry", "/proxy_auth")),
    "the announced one": ({"realm": "new"}, ("authn", "/token")),
    "a path that nobody knew": ({"realm": "moved_path"}, ("registry", "/moved_auth")),
}


@pytest.mark.parametrize(("quirks", "place"), REALMS.values(), ids=REALMS)
async def test_the_realm_is_discovered(quirks: dict[str, Any], place: tuple[str, str], cli: Cli, ngc: Ngc) -> None:
    ngc.quirk(**quirks)
    proven = await check(cli, ngc.keys["good"].secret, "acme/app:1.0")
    dead = await check(cli, ngc.keys["deleted"].secret)
    assert proven.image == "pullable (pull_ok)"
    # authn answers nobody without a login, so its 401 to anonymous proves nothing (ngc.md 8.6)
    assert proven.credential == (VALID if place[0] == "authn" else "valid (pull_proven)")
    assert dead.credential == REFUSED
    assert {(one.listener, one.path) for one in ngc.requests if one.authorization == "basic"} == {place}
    assert not [one for one in ngc.requests if "" in one.query.get("scope", ())], "no empty scope is sent back"


@pytest.mark.parametrize("moved", ["new", "moved_path"])
async def test_a_realm_that_moves_is_found_again(moved: str, cli: Cli, ngc: Ngc) -> None:
    assert (await check(cli, ngc.keys["good"].secret)).credential == VALID
    pass_time(cli, 2, "challenges")
    ngc.quirk(realm=moved)
    if moved == "new":
        instead(ngc.registry, lambda call: call.path == "/proxy_auth", lambda: web.Response(status=404))
    ngc.requests.clear()
    assert (await check(cli, ngc.keys["good"].secret)).credential == VALID
    assert [one.path for one in ngc.requests if one.secret_name == "good"] == ["/proxy_auth", "/token" if moved == "new" else "/moved_auth"]
    assert ngc.count(secret_name="unknown") == 1, "the control of the old place does not speak for the new one"


async def test_the_challenge_is_kept_for_five_minutes(cli: Cli, ngc: Ngc) -> None:
    for minutes, pings in ((0, 1), (4, 0), (2, 1)):
        pass_time(cli, minutes, "challenges") if minutes else None
        ngc.requests.clear()
        assert (await check(cli, ngc.keys["good"].secret)).credential == VALID
        assert ngc.count(path="/v2/") == pings


REFUSALS: Final = ("regenerated", "expired", "deleted", "owner_disabled", "regenerated_legacy")


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_names_no_one_cause(name: str, cli: Cli, ngc: Ngc) -> None:
    result = await check(cli, ngc.keys[name].secret)
    cause, advice = result.shown["cause"], result.shown["advice"]
    assert (result.credential, result.code) == (REFUSED, 1)
    assert all(word in cause for word in ("regenerated", "deleted", "expired", "owner left"))
    assert "does not say which" in cause
    assert RENEW in advice
    assert "auth=-" in advice, "a secret is not taught to stand in an argument"
    assert result.shown["expires_at"] is None


SERVICELESS: Final = {
    ("401", None): LIVES,
    ("403", None): LIVES,
    ("login_ok", None): VALID,
    ("401", False): REFUSED,
    ("403", False): CANNOT_TELL,
    ("login_ok", False): VALID,
}


@pytest.mark.parametrize(("quirk", "introspect"), SERVICELESS)
async def test_a_key_without_the_registrys_service_lives(quirk: Any, introspect: bool | None, cli: Cli, ngc: Ngc) -> None:
    ngc.quirk(serviceless=quirk)
    if introspect is not None:
        cli.registries["nvcr.io"]["introspect"] = introspect
    for image in (None, "acme/app:1.0", "nvidia/cuda:latest"):
        cli.home = cli.home / "next"
        cli.home.mkdir()
        result = await check(cli, ngc.keys["functions_only"].secret, image)
        assert result.credential == SERVICELESS[quirk, introspect]
        if result.credential == LIVES:
            assert RENEW in result.shown["advice"]
            assert "Private Registry" in result.shown["advice"]
        if image is not None:
            assert result.shown["image"]["outcome"] != "pullable"
    assert ngc.count(listener="api") == (3 if introspect is None and quirk != "login_ok" else 0)


async def test_a_403_to_a_dead_key_is_settled_by_the_introspection(cli: Cli, ngc: Ngc) -> None:
    denied = {"errors": [{"code": "DENIED", "message": "Access Denied"}]}
    instead(ngc.registry, lambda call: call.kind == "basic", lambda: web.json_response(denied, status=403))
    assert (await check(cli, ngc.keys["deleted"].secret)).credential == REFUSED
    assert (await check(cli, ngc.keys["good"].secret)).credential == LIVES
    ngc.api.switch(outage="502")
    assert (await check(cli, ngc.keys["deleted"].secret)).credential == CANNOT_TELL


FAULTS: Final[dict[str, dict[str, Any]]] = {
    "500": {"outage": "500"},
    "503": {"outage": "503"},
    "unreachable": {"outage": "reset"},
    "403": {"waf_403": True},
    "429": {"throttle": 0, "retry_after": "1"},
    "407": {"proxy_407": True},
    "a portal": {"html_200": True},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_silent_introspection_adds_nothing(fault: dict[str, Any], cli: Cli, ngc: Ngc) -> None:
    ngc.api.switch(**fault)
    once = await asked(cli, "nvcr.io", USERNAME, ngc.keys["expired"].secret)
    assert said(once.verdict) == CANNOT_TELL, "a sweep has one refusal"
    assert (await check(cli, ngc.keys["deleted"].secret)).credential == REFUSED, "who waits has two"
    ngc.registry.switch(spurious_401_once=True)
    assert (await check(cli, ngc.keys["good"].secret)).credential == VALID
    lives = await asked(cli, "nvcr.io", USERNAME, ngc.keys["functions_only"].secret)
    assert said(lives.verdict) == CANNOT_TELL


BODIES: Final[dict[str, tuple[int, Any]]] = {
    "an empty object": (200, {}),
    "a list": (200, []),
    "no success": (200, {"type": "PERSONAL_KEY", "requestStatus": {"statusCode": "TIMEOUT"}}),
    "a type that is no text": (200, {"type": 7}),
    "402": (402, {}),
    "404": (404, {}),
}


@pytest.mark.parametrize(("status", "body"), BODIES.values(), ids=BODIES)
async def test_an_odd_introspection_is_a_silent_one(status: int, body: Any, cli: Cli, ngc: Ngc) -> None:
    instead(ngc.api, lambda call: True, lambda: web.json_response(body, status=status))
    assert said((await asked(cli, "nvcr.io", USERNAME, ngc.keys["deleted"].secret)).verdict) == CANNOT_TELL


async def test_introspection_that_is_off_gets_no_request(cli: Cli, ngc: Ngc) -> None:
    cli.registries["nvcr.io"]["introspect"] = False
    for name in ("good", "deleted", "functions_only", "catalog_only"):
        await check(cli, ngc.keys[name].secret, "acme/app:1.0")
    assert ngc.count(listener="api") == 0


async def test_introspection_is_not_asked_of_a_key_that_was_accepted(cli: Cli, ngc: Ngc) -> None:
    ngc.api.switch(outage_401=True)
    for name in ("good", "good_service", "good_legacy", "catalog_only", "other_org"):
        result = await check(cli, ngc.keys[name].secret, "acme/prod/server:latest")
        assert result.credential == VALID
    assert ngc.count(listener="api") == 0


async def test_a_scoped_401_of_a_living_key_is_asked_again_without_scope(cli: Cli, ngc: Ngc) -> None:
    instead(ngc.registry, lambda call: call.kind == "basic" and "scope" in call.request.query, lambda: web.Response(status=401))
    result = await check(cli, ngc.keys["good"].secret, "acme/app:1.0")
    assert (result.credential, result.image) == (VALID, "denied (hidden_or_denied)")
    assert [s["step"] for s in result.shown["evidence"] if s["status"] == 200 and s["step"] == "login"] == ["login"]


async def test_form_alone_never_decides(cli: Cli, ngc: Ngc) -> None:
    """Kinds look alike, alive or dead, short or long: what the wire says holds; a legacy or odd key never goes to the introspection."""
    from validator.emulator.ngc import Key

    forms = {"nvapi-short": 1, "nvapi-" + "a" * 90: 1, "nvapi-stg-" + "b" * 64: 1, "c" * 84: 0, "x": 0, "dGhpcyBpcyBub3QgYSBrZXkgYXQgYWxs" * 3: 0}
    for number, (form, opinions) in enumerate(forms.items()):
        cli.home = cli.home / "next"
        cli.home.mkdir()
        ngc.requests.clear()
        assert (await check(cli, form)).credential == REFUSED
        assert ngc.count(listener="api") == opinions
        ngc.add(Key(name=f"odd {number}", secret=form))
        assert (await check(cli, form)).credential == VALID
    ngc.requests.clear()
    for name, wanted in (("good_legacy", VALID), ("regenerated_legacy", REFUSED)):
        assert (await check(cli, ngc.keys[name].secret)).credential == wanted
    assert ngc.count(listener="api") == 0


async def test_an_http_realm_of_an_https_registry_gets_nothing(cli: Cli, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ngc = Ngc()
    await ngc.start(ssl=context)
    try:
        cli.registries = {host: {**told, "ca_file": str(tmp_path / "ca.pem")} for host, told in ngc.settings().items()}
        assert (await check(cli, ngc.keys["good"].secret, "acme/app:1.0")).credential == "valid (pull_proven)"
        ngc.requests.clear()
        ngc.quirk(realm="http")
        pass_time(cli, 10)
        assert (await check(cli, ngc.keys["good"].secret)).credential == "unknown (insecure_scheme)"
        assert {request.authorization for request in ngc.requests} == {"none"}
    finally:
        await ngc.stop()


async def test_an_anonymous_401_counts_when_it_is_said_twice(cli: Cli, ngc: Ngc) -> None:
    ngc.quirk(anon_private=401)
    assert (await check(cli, ngc.keys["good"].secret, "acme/app:1.0")).credential == "valid (pull_proven)"
    instead(ngc.registry, lambda call: call.kind == "none" and call.path == "/proxy_auth", lambda: web.Response(status=401), times=1)
    spurious = await check(cli, ngc.keys["good"].secret, "nvidia/cuda:latest")
    assert (spurious.credential, spurious.image) == (VALID, "pullable (pull_ok)"), "the image is public, so nothing is proven"


CHALLENGES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "foreign": ({"realm": "foreign"}, "unknown (unsafe_realm)"),
    "none": ({"no_challenge": True}, "unknown (protocol)"),
    "Basic": ({"basic_challenge": True}, "unknown (protocol)"),
}


@pytest.mark.parametrize(("quirks", "wanted"), CHALLENGES.values(), ids=CHALLENGES)
async def test_the_secret_reaches_allowed_listeners_only(quirks: dict[str, Any], wanted: str, cli: Cli, ngc: Ngc) -> None:
    for name in ("good", "deleted", "good_legacy", "functions_only", "good_service"):
        await check(cli, ngc.keys[name].secret, "acme/app:1.0")
    pass_time(cli, 10)
    ngc.quirk(**quirks)
    seen = len(ngc.requests)
    for name in ("good", "deleted", "good_legacy"):
        for image in ("acme/app:1.0", None):
            assert (await check(cli, ngc.keys[name].secret, image)).credential == wanted
    assert {request.authorization for request in ngc.requests[seen:]} == {"none"}
    assert ngc.count(listener="foreign") == 0
    assert not [one for one in ngc.requests if one.listener == "api" and one.secret_name in ("good_legacy", "good", "good_service")]


@pytest.mark.parametrize("status", [200, 404, 405])
async def test_a_ping_that_is_not_ngcs_says_nothing_of_the_user(status: int, cli: Cli, ngc: Ngc) -> None:
    instead(ngc.registry, lambda call: call.path == "/v2/", lambda: web.json_response({}, status=status))
    for secret in (ngc.keys["good"].secret, ngc.keys["deleted"].secret):
        result = await check(cli, secret, "acme/app:1.0")
        assert (result.credential, result.image) == ("unknown (protocol)", "unknown (protocol)")
    assert {request.authorization for request in ngc.requests} == {"none"}


@pytest.mark.parametrize("token", [{"token_blank": True}, {"token_field": "access_token"}], ids=["blank", "another field"])
async def test_a_token_is_what_it_is(token: dict[str, Any], cli: Cli, ngc: Ngc) -> None:
    ngc.quirk(**token)
    wanted = "unknown (protocol)" if "token_blank" in token else VALID
    assert (await check(cli, ngc.keys["good"].secret)).credential == wanted


async def test_a_registry_that_takes_anything_proves_nothing(cli: Cli, ngc: Ngc) -> None:
    ngc.quirk(accept_anything=True)
    assert (await check(cli, ngc.keys["good"].secret)).credential == "unprovable (accepts_anyone)"
