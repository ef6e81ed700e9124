"""The emulated NGC answers as registries/ngc.md 3, 4, 5 and 9 say, row by row, to a bare client."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import trustme

from tests.emulated.conftest import Answered, Ask, Clock
from validator.emulator.base import ACCEPT_ALL, OCI_INDEX, make_image, make_jwt, read_jwt
from validator.emulator.ngc import Key, Kind, Ngc, Quirks, Repository, State

USER = "$oauthtoken"
NGINX = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n"
    b'<body bgcolor="white">\r\n<center><h1>401 Authorization Required</h1></center>\r\n'
    b"<hr><center>nginx/1.14.2</center>\r\n</body>\r\n</html>\r\n"
)
DENIED = b'{"errors": [{"code": "DENIED", "message": "Access Denied"}]}'
PUBLIC, PRIVATE, CC = "nvidia/cuda", "acme/app", "nvidia/cloud-native/k8s-cc-manager"
GATED, UNENTITLED, TERMS = "nim/meta/llama-3.1-8b-instruct", "nim/baai/bge-m3", "nim/mistralai/mistral-7b-instruct"
GEO = "nim/meta/llama-4-maverick"


@pytest.fixture
async def ngc(clock: Clock) -> AsyncIterator[Ngc]:
    async with Ngc(clock=clock) as running:
        yield running


def scope(repository: str) -> str:
    return f"scope=repository:{repository}:pull"


async def token(ngc: Ngc, ask: Ask, repository: str | None = None, *, key: str | None = "good") -> str:
    """A bearer of `key` (None: anonymous) for `repository`."""
    login = None if key is None else (USER, ngc.keys[key].secret)
    answered = await ask(ngc.registry.url(f"/proxy_auth?{scope(repository) if repository else ''}"), login=login)
    assert answered.status == 200
    return str(answered.content["token"])


@pytest.mark.parametrize("login", [None, "good", "deleted"])
async def test_the_ping_is_challenged_with_an_empty_scope_basic_or_not(ngc: Ngc, ask: Ask, login: str | None) -> None:
    answered = await ask(ngc.registry.url("/v2/"), login=(USER, ngc.keys[login].secret) if login else None)
    assert answered.status == 401
    assert answered.challenge == f'Bearer realm="{ngc.registry.url("/proxy_auth")}",scope=""'
    assert (answered.body, answered.headers["Content-Type"], answered.headers["Content-Length"]) == (NGINX, "text/html", "195")
    assert answered.headers["Server"] == "nginx/1.14.2"
    assert "Docker-Distribution-Api-Version" not in answered.headers


async def test_a_head_of_the_ping_has_no_body(ngc: Ngc, ask: Ask) -> None:
    answered = await ask(ngc.registry.url("/v2/"), "HEAD")
    assert (answered.status, answered.body) == (401, b"")


@pytest.mark.parametrize("repository", [PUBLIC, PRIVATE, "no/such"])
async def test_every_manifest_is_challenged_before_its_existence_is_told(ngc: Ngc, ask: Ask, repository: str) -> None:
    answered = await ask(ngc.registry.url(f"/v2/{repository}/manifests/latest"), "HEAD")
    wanted = f'Bearer realm="{ngc.registry.url("/proxy_auth")}",scope="repository:{repository}:pull"'
    assert (answered.status, answered.challenge) == (401, wanted)


async def test_the_ping_with_a_live_bearer_is_good(ngc: Ngc, ask: Ask) -> None:
    answered = await ask(ngc.registry.url("/v2/"), bearer=await token(ngc, ask))
    assert (answered.status, answered.body, answered.headers["Docker-Distribution-Api-Version"]) == (200, b"{}", "registry/2.0")


@pytest.mark.parametrize("kind", ["garbage", "expired", "of another audience"])
async def test_a_stale_bearer_is_challenged_with_the_other_realm(ngc: Ngc, ask: Ask, clock: Clock, kind: str) -> None:
    bearer = {"garbage": "x", "of another audience": make_jwt({"aud": "ngc", "exp": clock.now + 60, "access": []})}.get(kind)
    if bearer is None:
        bearer = await token(ngc, ask, PUBLIC)
        clock.now += 600
    answered = await ask(ngc.registry.url(f"/v2/{PUBLIC}/manifests/latest"), "HEAD", bearer=bearer)
    realm = ngc.authn.url("/token")
    assert answered.status == 401
    assert answered.challenge == f'Bearer realm="{realm}",service="registry",scope="repository:{PUBLIC}:pull",error="invalid_token"'


async def test_an_anonymous_token_is_a_jwt_for_the_public_repository(ngc: Ngc, ask: Ask, clock: Clock) -> None:
    answered = await ask(ngc.registry.url(f"/proxy_auth?{scope(PUBLIC)}"))
    assert (answered.status, sorted(answered.content), answered.content["expires_in"]) == (200, ["expires_in", "token"], 600)
    claims = read_jwt(answered.content["token"])
    assert claims is not None
    assert claims["access"] == [{"type": "repository", "name": PUBLIC, "actions": ["pull"], "metadata": None}]
    assert (claims["aud"], claims["iss"], claims["options"], len(claims["sub"])) == ("registry", "authn.nvidia.com", [], 26)
    assert (claims["iat"], claims["exp"]) == (int(clock.now), int(clock.now) + 600)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", claims["jti"])


# what the token endpoint says: (key or None or a (username, secret), query, quirks) -> (status, body)
SAYS: dict[str, tuple[str | tuple[str, str] | None, str, dict[str, Any], int, bytes | None]] = {
    "anonymous, no scope": (None, "", {}, 200, None),
    "anonymous, lone empty scope": (None, "scope=", {}, 200, None),
    "anonymous, public": (None, scope(PUBLIC), {}, 200, None),
    "anonymous, public that denies keys": (None, scope(CC), {}, 200, None),
    "anonymous, private": (None, scope(PRIVATE), {}, 403, DENIED),
    "anonymous, gated": (None, scope(GATED), {}, 403, DENIED),
    "anonymous, absent": (None, scope("no/such"), {}, 403, DENIED),
    "anonymous, private, switch": (None, scope(PRIVATE), {"anon_private": 401}, 401, b""),
    "regenerated": ("regenerated", "", {}, 401, b""),
    "regenerated legacy": ("regenerated_legacy", "", {}, 401, b""),
    "expired": ("expired", "", {}, 401, b""),
    "deleted": ("deleted", "", {}, 401, b""),
    "owner disabled": ("owner_disabled", "", {}, 401, b""),
    "dead key, public repository": ("deleted", scope(PUBLIC), {}, 401, b""),
    "never made": ((USER, "nvapi-" + "x" * 64), "", {}, 401, b""),
    "wrong username": (("me@example.org", "good"), "", {}, 401, b""),
    "empty username": (("", "good"), "", {}, 401, b""),
    "empty secret": ((USER, ""), "", {}, 401, b""),
    "no registry service": ("functions_only", "", {}, 401, b""),
    "no registry service, scope": ("functions_only", scope(PUBLIC), {}, 401, b""),
    "no registry service, switch 403": ("functions_only", "", {"serviceless": "403"}, 403, DENIED),
    "no registry service, login_ok": ("functions_only", "", {"serviceless": "login_ok"}, 200, None),
    "no registry service, login_ok, scope": ("functions_only", scope(PUBLIC), {"serviceless": "login_ok"}, 403, DENIED),
    "good, no scope": ("good", "", {}, 200, None),
    "good, lone empty scope": ("good", "scope=", {}, 200, None),
    "good, extras": ("good", "service=nvcr.io&account=x&offline_token=true", {}, 200, None),
    "good service key": ("good_service", scope(PRIVATE), {}, 200, None),
    "good legacy key": ("good_legacy", scope(PRIVATE), {}, 200, None),
    "legacy key, its other org": ("good_legacy", scope("globex/app"), {}, 200, None),
    "good, public": ("good", scope(PUBLIC), {}, 200, None),
    "good, private of its org": ("good", scope(PRIVATE), {}, 200, None),
    "good, its team": ("good", scope("acme/research/trainer"), {}, 200, None),
    "good, another team": ("good", scope("acme/prod/server"), {}, 403, DENIED),
    "good, another org": ("good", scope("globex/app"), {}, 403, DENIED),
    "good, absent": ("good", scope("acme/none"), {}, 403, DENIED),
    "other org, private": ("other_org", scope(PRIVATE), {}, 403, DENIED),
    "other org, public that denies keys": ("other_org", scope(CC), {}, 403, DENIED),
    "other org, other public": ("other_org", scope(PUBLIC), {}, 200, None),
    "friend, public that denies keys": ("good", scope(CC), {}, 200, None),
    "catalog only, private": ("catalog_only", scope(PRIVATE), {}, 403, DENIED),
    "catalog only, no scope": ("catalog_only", "", {}, 200, None),
    "catalog only, gated": ("catalog_only", scope(GATED), {}, 200, None),
    "gated, not entitled": ("good", scope(UNENTITLED), {}, 402, b""),
    "gated, terms not accepted": ("good", scope(TERMS), {}, 403, DENIED),
    "gated, allowed": ("good", scope(GATED), {}, 200, None),
    "barred country": ("good", scope(GEO), {}, 200, None),
    "accepts anything": ((USER, "made-up"), "", {"accept_anything": True}, 200, None),
}


@pytest.mark.parametrize(("who", "query", "quirks", "status", "body"), SAYS.values(), ids=SAYS.keys())
async def test_what_the_token_endpoint_says(
    ngc: Ngc, ask: Ask, who: str | tuple[str, str] | None, query: str, quirks: dict[str, Any], status: int, body: bytes | None
) -> None:
    ngc.quirk(**quirks)
    login = (USER, ngc.keys[who].secret) if isinstance(who, str) else who
    if login is not None and login[1] in ngc.keys:
        login = (login[0], ngc.keys[login[1]].secret)
    answered = await ask(ngc.registry.url(f"/proxy_auth?{query}"), login=login)
    assert answered.status == status
    assert answered.challenge is None
    if body is not None:
        assert answered.body == body
    if answered.status == 403:
        assert answered.headers["Content-Type"] == "text/plain"
    if answered.status == 200:
        claims = read_jwt(answered.content["token"]) or {}
        names = [entry["name"] for entry in claims["access"]]
        assert names == re.findall(r"repository:([^:]+):pull", query)
    assert len(ngc.refused_logins) == (status == 401 and login is not None)


@pytest.mark.parametrize("value", ["Basic ", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer x", "ApiKey x"])
async def test_a_malformed_login_is_refused_without_a_word(ngc: Ngc, ask: Ask, value: str) -> None:
    answered = await ask(ngc.registry.url("/proxy_auth"), headers={"Authorization": value})
    assert (answered.status, answered.body) == (401, b"")


async def test_an_empty_scope_beside_another_is_an_internal_error(ngc: Ngc, ask: Ask) -> None:
    answered = await ask(ngc.registry.url(f"/proxy_auth?&scope=&{scope(PUBLIC)}"), login=(USER, ngc.keys["good"].secret))
    assert (answered.status, answered.headers["Content-Type"]) == (500, "application/problem+json")
    assert answered.body == b'{"type":"about:blank","title":"Internal Server Error","status":500,"instance":"/token"}'
    assert ngc.requests[-1].query["scope"] == ("", f"repository:{PUBLIC}:pull")


AUTHN: dict[str, tuple[str | None, str, int]] = {
    "registry, good": ("good", f"service=registry&{scope(PRIVATE)}", 200),
    "registry, denied": ("other_org", f"service=registry&{scope(PRIVATE)}", 403),
    "registry, dead": ("deleted", "service=registry", 401),
    "registry, anonymous": (None, f"service=registry&{scope(PUBLIC)}", 401),
    "ngc, nvapi": ("good", "service=ngc", 401),
    "ngc, legacy": ("good_legacy", "service=ngc", 200),
    "ngc, dead legacy": ("regenerated_legacy", "service=ngc", 401),
    "another service": ("good", "service=registry.ngc.nvidia.com", 401),
}


@pytest.mark.parametrize(("key", "query", "status"), AUTHN.values(), ids=AUTHN.keys())
async def test_what_the_other_realm_says(ngc: Ngc, ask: Ask, key: str | None, query: str, status: int) -> None:
    answered = await ask(ngc.authn.url(f"/token?{query}"), login=(USER, ngc.keys[key].secret) if key else None)
    assert answered.status == status


async def test_the_platforms_token_opens_no_registry(ngc: Ngc, ask: Ask) -> None:
    headers = {"Authorization": f"ApiKey {ngc.keys['good_legacy'].secret}"}
    answered = await ask(ngc.authn.url("/token?service=ngc"), headers=headers)
    assert answered.status == 200
    assert (await ask(ngc.registry.url("/v2/"), bearer=answered.content["token"])).status == 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_manifest_is_served_to_its_token(ngc: Ngc, ask: Ask, method: str) -> None:
    image = ngc.repositories[PRIVATE].tags["latest"]
    bearer = await token(ngc, ask, PRIVATE)
    answered = await ask(ngc.registry.url(f"/v2/{PRIVATE}/manifests/latest"), method, bearer=bearer, headers={"Accept": ACCEPT_ALL})
    assert (answered.status, answered.headers["Content-Type"]) == (200, OCI_INDEX)
    assert answered.headers["Docker-Content-Digest"] == image.digest
    assert answered.headers["Content-Length"] == str(len(image.top.body))
    assert answered.body == (image.top.body if method == "GET" else b"")


async def test_children_and_configs_are_served_by_digest(ngc: Ngc, ask: Ask) -> None:
    bearer, base = await token(ngc, ask, PRIVATE), ngc.registry.url(f"/v2/{PRIVATE}")
    index = (await ask(f"{base}/manifests/latest", bearer=bearer, headers={"Accept": ACCEPT_ALL})).content
    child = index["manifests"][1]["digest"]
    manifest = await ask(f"{base}/manifests/{child}", bearer=bearer, headers={"Accept": ACCEPT_ALL})
    config = await ask(f"{base}/blobs/{manifest.content['config']['digest']}", bearer=bearer)
    assert f"sha256:{hashlib.sha256(manifest.body).hexdigest()}" == child
    assert config.content["architecture"] == "arm64"


ABSENT = {"tag": "manifests/none", "digest": f"manifests/sha256:{'0' * 64}", "blob": f"blobs/sha256:{'0' * 64}"}


@pytest.mark.parametrize("part", ABSENT.values(), ids=ABSENT.keys())
async def test_what_is_absent_is_404(ngc: Ngc, ask: Ask, part: str) -> None:
    answered = await ask(ngc.registry.url(f"/v2/{PRIVATE}/{part}"), bearer=await token(ngc, ask, PRIVATE))
    code = "BLOB_UNKNOWN" if part.startswith("blobs") else "MANIFEST_UNKNOWN"
    assert (answered.status, answered.content["errors"][0]["code"]) == (404, code)


async def test_a_barred_country_is_451_at_the_manifest(ngc: Ngc, ask: Ask) -> None:
    answered = await ask(ngc.registry.url(f"/v2/{GEO}/manifests/latest"), "HEAD", bearer=await token(ngc, ask, GEO))
    assert answered.status == 451


async def test_a_token_for_another_repository_is_told_so(ngc: Ngc, ask: Ask) -> None:
    answered = await ask(ngc.registry.url(f"/v2/{PRIVATE}/manifests/latest"), "HEAD", bearer=await token(ngc, ask, PUBLIC))
    wanted = f'Bearer realm="{ngc.registry.url("/proxy_auth")}",scope="repository:{PRIVATE}:pull",error="insufficient_scope"'
    assert (answered.status, answered.challenge) == (401, wanted)


INTROSPECTED: dict[str, tuple[str, str, int]] = {
    "personal": ("get-caller-info", "good", 200),
    "without the registry": ("get-caller-info", "functions_only", 200),
    "service": ("get-caller-info", "good_service", 200),
    "regenerated": ("get-caller-info", "regenerated", 401),
    "expired": ("get-caller-info", "expired", 401),
    "legacy": ("get-caller-info", "good_legacy", 401),
    "service key's policies": ("get-sak-info", "good_service", 200),
    "a person's policies": ("get-sak-info", "good", 403),
    "a dead key's policies": ("get-sak-info", "deleted", 401),
}


@pytest.mark.parametrize(("route", "key", "status"), INTROSPECTED.values(), ids=INTROSPECTED.keys())
async def test_introspection_tells_live_keys_from_refused_ones(ngc: Ngc, ask: Ask, route: str, key: str, status: int) -> None:
    answered = await ask(ngc.api.url(f"/v3/keys/{route}"), "POST", form={"credentials": ngc.keys[key].secret})
    assert answered.status == status
    if status == 401:
        told = answered.content["requestStatus"]
        assert (told["statusCode"], told["statusDescription"]) == ("UNAUTHORIZED", "Invalid API key.")
    assert (ngc.requests[-1].secret_name, ngc.refused_logins) == (key, ())


async def test_caller_info_is_the_recorded_shape(ngc: Ngc, ask: Ask) -> None:
    url = ngc.api.url("/v3/keys/get-caller-info")
    person = (await ask(url, "POST", form={"credentials": ngc.keys["good"].secret})).content
    robot = (await ask(url, "POST", form={"credentials": ngc.keys["good_service"].secret})).content
    assert (person["type"], person["orgName"], person["user"]["isActive"]) == ("PERSONAL_KEY", "acme", False)
    assert "artifact-catalog" in person["products"]
    assert (robot["type"], robot["user"]) == ("SERVICE_KEY", None)


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}])
async def test_introspection_wants_a_form_with_the_key(ngc: Ngc, ask: Ask, headers: dict[str, str]) -> None:
    answered = await ask(ngc.api.url("/v3/keys/get-caller-info"), "POST", headers=headers, body=b'{"credentials": "x"}')
    assert answered.status == 400


REALMS: dict[str, str] = {
    "old": 'Bearer realm="{registry}/proxy_auth",scope=""',
    "new": 'Bearer realm="{authn}/token",service="registry",scope=""',
    "foreign": 'Bearer realm="{foreign}/token",scope=""',
    "moved_path": 'Bearer realm="{registry}/moved_auth",scope=""',
}


@pytest.mark.parametrize(("realm", "challenge"), REALMS.items(), ids=REALMS.keys())
async def test_the_realm_of_the_challenge_is_switched(ngc: Ngc, ask: Ask, realm: str, challenge: str) -> None:
    ngc.quirk(realm=realm)
    urls = {name: listener.url() for name, listener in ngc.listeners.items()}
    assert (await ask(ngc.registry.url("/v2/"))).challenge == challenge.format(**urls)
    if realm == "moved_path":
        assert [(await ask(ngc.registry.url(path))).status for path in ("/proxy_auth", "/moved_auth")] == [404, 200]


async def test_a_foreign_realm_records_what_reaches_it(ngc: Ngc, ask: Ask) -> None:
    assert (await ask(ngc.foreign.url("/token"), login=(USER, ngc.keys["good"].secret))).status == 200
    assert ngc.count(listener="foreign", secret_name="good") == 1


CHALLENGES: dict[str, tuple[dict[str, Any], str | None]] = {
    "2020": ({"challenge_2020": True}, 'Bearer realm="{registry}/proxy_auth"'),
    "none": ({"no_challenge": True}, None),
    "basic": ({"basic_challenge": True}, 'Basic realm="nvcr.io"'),
}


@pytest.mark.parametrize(("quirks", "challenge"), CHALLENGES.values(), ids=CHALLENGES.keys())
async def test_the_challenge_is_switched(ngc: Ngc, ask: Ask, quirks: dict[str, Any], challenge: str | None) -> None:
    ngc.quirk(**quirks)
    answered = await ask(ngc.registry.url("/v2/"))
    assert (answered.status, answered.challenge) == (401, challenge and challenge.format(registry=ngc.registry.url()))


async def test_the_tokens_field_and_text_are_switched(ngc: Ngc, ask: Ask) -> None:
    ngc.quirk(token_field="access_token")
    assert sorted((await ask(ngc.registry.url("/proxy_auth"))).content) == ["access_token", "expires_in"]
    ngc.quirk(token_field="token", token_blank=True, token_life_s=60)
    assert (await ask(ngc.registry.url("/proxy_auth"))).content == {"token": "", "expires_in": 60}


async def test_outages_of_refusals_speak_as_each_listener_does(ngc: Ngc, ask: Ask) -> None:
    for listener in (ngc.registry, ngc.api):
        listener.switch(outage_401=True)
    realm: Answered = await ask(ngc.registry.url("/proxy_auth"), login=(USER, ngc.keys["good"].secret))
    ping = await ask(ngc.registry.url("/v2/"))
    told = await ask(ngc.api.url("/v3/keys/get-caller-info"), "POST", form={"credentials": ngc.keys["good"].secret})
    assert (realm.status, realm.body, realm.challenge) == (401, b"", None)
    assert (ping.status, ping.challenge is not None) == (401, True)
    assert (told.status, told.content["requestStatus"]["statusDescription"]) == (401, "Invalid API key.")


async def test_a_change_is_seen_only_after_the_lag(ngc: Ngc, ask: Ask, clock: Clock) -> None:
    ngc.quirk(lag_s=120)
    old = ngc.keys["good"].secret
    new = ngc.regenerate("good").secret

    async def statuses() -> list[int]:
        return [(await ask(ngc.registry.url("/proxy_auth"), login=(USER, secret))).status for secret in (old, new)]

    assert await statuses() == [200, 401]
    clock.now += 120
    assert await statuses() == [401, 200]
    assert (ngc.truth(USER, old).why, ngc.truth(USER, new).why) == ("regenerated", "active")


async def test_a_key_expires_when_its_time_comes(ngc: Ngc, ask: Ask, clock: Clock) -> None:
    secret = ngc.change("good", expires_at=clock.now + 1).secret
    assert (await ask(ngc.registry.url("/proxy_auth"), login=(USER, secret))).status == 200
    clock.now += 1
    assert (await ask(ngc.registry.url("/proxy_auth"), login=(USER, secret))).status == 401


TRUTHS: dict[str, tuple[str, str, str | None, tuple[bool, str, bool | None, bool | None]]] = {
    "good": (USER, "good", None, (True, "active", None, None)),
    "good, private": (USER, "good", PRIVATE, (True, "active", True, False)),
    "good, public": (USER, "good", PUBLIC, (True, "active", True, True)),
    "good, barred country": (USER, "good", GEO, (True, "active", False, False)),
    "other org, public that denies keys": (USER, "other_org", CC, (True, "active", False, True)),
    "dead, public": (USER, "owner_disabled", PUBLIC, (False, "owner_disabled", False, True)),
    "expired": (USER, "expired", None, (False, "expired", None, None)),
    "no registry service": (USER, "functions_only", None, (False, "no registry service", None, None)),
    "wrong username": ("me", "good", None, (False, "wrong username", None, None)),
    "never made": (USER, "no such", "no/such", (False, "unknown key", False, False)),
}


@pytest.mark.parametrize(("username", "key", "repository", "truth"), TRUTHS.values(), ids=TRUTHS.keys())
def test_it_knows_the_truth(username: str, key: str, repository: str | None, truth: tuple[bool, str, bool | None, bool | None]) -> None:
    ngc = Ngc()
    told = ngc.truth(username, ngc.keys[key].secret if key in ngc.keys else key, repository)
    assert (told.accepted, told.why, told.pulls, told.public) == truth


def test_the_keys_have_ngcs_shapes_and_are_the_same_for_ever() -> None:
    first, second = Ngc(), Ngc()
    assert {name: key.secret for name, key in first.keys.items()} == {name: key.secret for name, key in second.keys.items()}
    assert first.keys["good"].secret != Ngc(seed="other").keys["good"].secret
    for key in first.keys.values():
        if key.kind is Kind.LEGACY:
            assert len(key.secret) == 84
            assert re.fullmatch(rb"emulatorclient000000000001:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", base64.b64decode(key.secret))
        else:
            assert re.fullmatch(r"nvapi-[A-Za-z0-9_-]{64}", key.secret)
            raw = base64.urlsafe_b64decode(key.secret[6:49] + "=")
            checksum = base64.urlsafe_b64encode(hmac.digest(b"validator emulator of NGC", raw, "sha3_256"))
            assert (len(raw), key.secret[49:]) == (32, checksum.decode()[:21])


def test_a_key_shows_no_secret(clock: Clock) -> None:
    ngc = Ngc(clock=clock)
    assert ngc.keys["good"].secret not in repr(ngc.keys["good"])


async def test_settings_point_at_the_listeners(ngc: Ngc) -> None:
    assert ngc.settings() == {
        "nvcr.io": {
            "endpoint": ngc.registry.url(),
            "api": ngc.api.url(),
            "realm_hosts": [ngc.authn.authority, ngc.registry.authority],
            "plain_http": True,
            "allow_private": True,
        }
    }


async def test_under_tls_its_realms_are_https_but_for_the_switch(clock: Clock, ask: Ask) -> None:
    authority = trustme.CA()
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(asking)
    ngc = Ngc(clock=clock)
    await ngc.start(ssl=serving)
    try:
        assert not ngc.settings()["nvcr.io"]["plain_http"]
        for realm, scheme in (("old", "https"), ("http", "http")):
            ngc.quirk(realm=realm)
            challenge = (await ask(ngc.registry.url("/v2/"), ssl=asking)).challenge
            assert challenge == f'Bearer realm="{scheme}://{ngc.registry.authority}/proxy_auth",scope=""'
    finally:
        await ngc.stop()


async def test_worlds_can_be_planted(ngc: Ngc, ask: Ask) -> None:
    ngc.add(Key(name="mine", secret="nvapi-mine", org="initech"))
    ngc.add(Repository(name="initech/tps", access="private", tags={"latest": make_image()}))
    assert await token(ngc, ask, "initech/tps", key="mine")
    ngc.change("mine", state=State.OWNER_DISABLED)
    assert (await ask(ngc.registry.url("/proxy_auth"), login=(USER, "nvapi-mine"))).status == 401
    assert ngc.requests[-1].secret_name == "mine"
    assert replace(ngc.quirks, realm="old") == Quirks()
