"""The emulated Docker Hub answers as registries/dockerhub.md 3, 4, 5 and 9 say, to a bare client."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.emulated.conftest import Answered, Ask, Clock
from validator.emulator.base import ACCEPT_ALL, read_jwt
from validator.emulator.dockerhub import DockerHub, Level, Outage, State

PUBLIC, OWN, SHARED, BARRED, HIDDEN = "library/alpine", "ada/private", "acme/app", "acme/barred", "globex/secret"
REFUSED = b'{"details":"incorrect username or password"}\n'
TOKEN_REQUIRED = b'{"details":"your account must log in with a Personal Access Token (PAT) - learn more at docs.docker.com/go/access-tokens"}\n'
NARROW = b'{"details":"access token has insufficient scopes"}\n'


@pytest.fixture
async def hub(clock: Clock) -> AsyncIterator[DockerHub]:
    async with DockerHub(clock=clock) as running:
        yield running


def login(hub: DockerHub, name: str | None) -> tuple[str, str] | None:
    """Username and secret of the planted credential `name`; None is nobody."""
    return next(((one.username, one.secret) for one in hub.planted() if one.name == name), None)


def scopes(*repositories: str, actions: str = "pull") -> str:
    return "".join(f"&scope=repository:{repository}:{actions}" for repository in repositories)


async def exchange(hub: DockerHub, ask: Ask, name: str | None, *repositories: str, actions: str = "pull") -> Answered:
    url = hub.auth.url(f"/token?service=registry.docker.io{scopes(*repositories, actions=actions)}")
    return await ask(url, login=login(hub, name))


async def manifest(hub: DockerHub, ask: Ask, name: str | None, repository: str, method: str = "HEAD", reference: str = "latest") -> Answered:
    granted = await exchange(hub, ask, name, repository)
    assert granted.status == 200
    url = hub.registry.url(f"/v2/{repository}/manifests/{reference}")
    return await ask(url, method, bearer=granted.content["token"], headers={"Accept": ACCEPT_ALL})


@pytest.mark.parametrize("name", [None, "good", "deleted"])
async def test_the_ping_is_challenged_without_a_scope_basic_or_not(hub: DockerHub, ask: Ask, name: str | None) -> None:
    answered = await ask(hub.registry.url("/v2/"), login=login(hub, name))
    assert answered.status == 401
    assert answered.challenge == f'Bearer realm="{hub.auth.url("/token")}",service="registry.docker.io"'
    assert answered.body == b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}\n'
    fields = ("Content-Type", "Docker-Distribution-Api-Version", "Strict-Transport-Security")
    assert [answered.headers[field] for field in fields] == ["application/json", "registry/2.0", "max-age=31536000"]


# the answer to a login without scope
LOGINS: dict[str, tuple[str | None, int, bytes | None]] = {
    "anonymous": (None, 200, None),
    "good": ("good", 200, None),
    "public_read": ("public_read", 200, None),
    "old form": ("old_form", 200, None),
    "password": ("password of ada", 200, None),
    "organization": ("oat", 200, None),
    "deleted": ("deleted", 401, REFUSED),
    "deactivated": ("deactivated", 401, REFUSED),
    "expired": ("expired", 401, b'{"details":"personal access token is expired"}\n'),
    "expired, organization": ("oat_expired", 401, b'{"details":"org access token is expired"}\n'),
    "deactivated, organization": ("oat_deactivated", 401, REFUSED),
    "two factors": ("password of grace", 401, TOKEN_REQUIRED),
    "two factors, token": ("two_factor_pat", 200, None),
    "single sign-on": ("password of sam", 401, b'{"details":"please use personal access token to login when SSO is enforced"}\n'),
    "e-mail not verified": ("password of una", 403, b'{"details":"Account is not Active"}\n'),
    "locked": ("locked", 429, b'{"details":"too many failed login attempts for username or IP address"}\n'),
}


@pytest.mark.parametrize(("name", "status", "body"), LOGINS.values(), ids=LOGINS.keys())
async def test_what_a_login_gets(hub: DockerHub, ask: Ask, name: str | None, status: int, body: bytes | None) -> None:
    answered = await exchange(hub, ask, name)
    assert (answered.status, answered.headers["Content-Type"]) == (status, "application/json")
    assert body is None or answered.body == body
    assert hub.requests[-1].secret_name == name
    assert hub.requests[-1].refused == (status != 200)


WRONG: dict[str, tuple[str, str]] = {
    "unknown account": ("nobody", "x"),
    "wrong password": ("ada", "x"),
    "e-mail": ("ada@example.org", "good"),
    "upper case": ("Ada", "good"),
    "another's token": ("grace", "good"),
    "a person with the organization's token": ("ada", "oat"),
    "the organization with a person's token": ("acme", "good"),
    "an expired token of another": ("grace", "expired"),
    "two factors, wrong password": ("grace", "x"),
}


@pytest.mark.parametrize(("username", "secret"), WRONG.values(), ids=WRONG.keys())
async def test_all_that_is_wrong_is_refused_in_the_same_words(hub: DockerHub, ask: Ask, username: str, secret: str) -> None:
    known = hub.tokens[secret].secret if secret in hub.tokens else secret
    answered = await ask(hub.auth.url("/token?service=registry.docker.io"), login=(username, known))
    assert (answered.status, answered.body) == (401, REFUSED)


async def test_an_empty_secret_is_anonymous(hub: DockerHub, ask: Ask) -> None:
    answered = await ask(hub.auth.url("/token?service=registry.docker.io"), login=("ada", ""))
    claims = read_jwt(answered.content["token"]) or {}
    assert (answered.status, claims["sub"]) == (200, "")


async def test_a_token_is_the_recorded_shape(hub: DockerHub, ask: Ask, clock: Clock) -> None:
    content = (await exchange(hub, ask, None, PUBLIC)).content
    assert sorted(content) == ["access_token", "expires_in", "issued_at", "token"]
    assert (content["token"], content["expires_in"]) == (content["access_token"], 300)
    assert re.fullmatch(r"2026-11-18T[0-9:]{8}\.[0-9]{9}Z", content["issued_at"])
    claims = read_jwt(content["token"]) or {}
    quota = {"pull_limit": "100", "pull_limit_interval": "21600"}
    assert claims["access"] == [{"actions": ["pull"], "name": PUBLIC, "parameters": quota, "type": "repository"}]
    assert (claims["aud"], claims["iss"], claims["sub"]) == ("registry.docker.io", "auth.docker.io", "")
    now = int(clock.now)
    assert (claims["iat"], claims["exp"], claims["nbf"]) == (now, now + 300, now - 300)
    assert re.fullmatch(r"dckr_jti_.{27}=", claims["jti"])


async def test_a_users_token_has_a_subject_and_a_paid_one_no_limit(hub: DockerHub, ask: Ask) -> None:
    ada, pia = [read_jwt((await exchange(hub, ask, name, PUBLIC)).content["token"]) or {} for name in ("good", "paid")]
    assert (bool(ada["sub"]), ada["access"][0]["parameters"]["pull_limit"]) == (True, "200")
    assert pia["access"][0]["parameters"] == {}


async def test_the_form_of_the_token_endpoint_says_the_same(hub: DockerHub, ask: Ask) -> None:
    url, secret = hub.auth.url("/token"), hub.tokens["good"].secret
    form = {
        "grant_type": "password",
        "service": "registry.docker.io",
        "client_id": "x",
        "username": "ada",
        "scope": f"repository:{OWN}:pull",
    }
    good = await ask(url, "POST", form={**form, "password": secret, "access_type": "offline"})
    bad = await ask(url, "POST", form={**form, "password": "x"})
    assert sorted(good.content) == ["access_token", "expires_in", "issued_at", "refresh_token", "scope"]
    assert (read_jwt(good.content["access_token"]) or {})["access"][0]["name"] == OWN
    assert (bad.status, bad.body) == (401, REFUSED)
    assert [(one.username, one.secret_name, one.refused) for one in hub.requests] == [("ada", "good", False), ("ada", "unknown", True)]


# what a HEAD of the manifest gets with the token for it
MANIFESTS: dict[str, tuple[str | None, str, int]] = {
    "anonymous, public": (None, PUBLIC, 200),
    "anonymous, private": (None, OWN, 401),
    "good, public": ("good", PUBLIC, 200),
    "good, its own": ("good", OWN, 200),
    "good, member": ("good", SHARED, 200),
    "good, another's": ("good", HIDDEN, 401),
    "good, absent in its own namespace": ("good", "ada/none", 404),
    "good, absent elsewhere": ("good", "globex/none", 401),
    "password, its own": ("password of ada", OWN, 200),
    "public_read, public": ("public_read", PUBLIC, 200),
    "public_read, its own": ("public_read", OWN, 401),
    "organization's, listed": ("oat", SHARED, 200),
    "organization's, not listed": ("oat", OWN, 401),
    "organization's, public": ("oat", PUBLIC, 200),
    "organization's without public": ("oat_no_public", PUBLIC, 401),
    "barred": ("good", BARRED, 403),
    "anonymous, barred for others": (None, BARRED, 200),
}


@pytest.mark.parametrize(("name", "repository", "status"), MANIFESTS.values(), ids=MANIFESTS.keys())
async def test_the_registry_checks_the_right(hub: DockerHub, ask: Ask, name: str | None, repository: str, status: int) -> None:
    answered = await manifest(hub, ask, name, repository)
    assert (answered.status, answered.body) == (status, b"")
    if status == 401:
        wanted = f'Bearer realm="{hub.auth.url("/token")}",service="registry.docker.io",scope="repository:{repository}:pull"'
        assert answered.challenge == f'{wanted},error="insufficient_scope"'


async def test_absent_and_forbidden_are_the_same_words(hub: DockerHub, ask: Ask) -> None:
    detail = '[{"Type":"repository","Class":"","Name":"NAME","Action":"pull"}]'
    for name in (HIDDEN, "globex/none"):
        answered = await manifest(hub, ask, "good", name, "GET")
        wanted = f'{{"errors":[{{"code":"UNAUTHORIZED","message":"authentication required","detail":{detail}}}]}}\n'
        assert answered.body.decode() == wanted.replace("NAME", name)


async def test_a_missing_tag_and_a_restriction_say_so(hub: DockerHub, ask: Ask) -> None:
    missing = await manifest(hub, ask, None, PUBLIC, "GET", "this-does-not-exist")
    assert (missing.status, missing.headers["ratelimit-limit"]) == (404, "100;w=21600")
    wanted = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"this-does-not-exist"}}]}\n'
    assert missing.body == wanted
    barred = await manifest(hub, ask, "good", BARRED, "GET")
    assert barred.content["errors"][0]["message"] == "image access restricted: acme/barred blocked for organization acme"


async def test_a_good_manifest_has_the_recorded_headers(hub: DockerHub, ask: Ask) -> None:
    answered = await manifest(hub, ask, None, PUBLIC)
    image = hub.repositories[PUBLIC].tags["latest"]
    assert answered.headers["Docker-Content-Digest"] == image.digest
    assert answered.headers["Etag"] == f'"{image.digest}"'
    assert answered.headers["Content-Length"] == str(len(image.top.body))
    fields = ("ratelimit-limit", "ratelimit-remaining", "docker-ratelimit-source")
    assert [answered.headers[field] for field in fields] == ["100;w=21600", "100;w=21600", "127.0.0.1"]


@pytest.mark.parametrize("case", ["garbage", "expired", "another service", "clock ahead"])
async def test_a_bad_bearer_is_an_invalid_token(hub: DockerHub, ask: Ask, clock: Clock, case: str) -> None:
    service = "another" if case == "another service" else "registry.docker.io"
    hub.quirk(clock_skew=361 if case == "clock ahead" else 0)
    bearer = (await ask(hub.auth.url(f"/token?service={service}{scopes(PUBLIC)}"))).content["token"]
    clock.now += 361 if case == "expired" else 0
    bearer = "x" if case == "garbage" else bearer
    answered = await ask(hub.registry.url(f"/v2/{PUBLIC}/manifests/latest"), "HEAD", bearer=bearer)
    assert answered.status == 401
    assert (answered.challenge or "").endswith(f'scope="repository:{PUBLIC}:pull",error="invalid_token"')


async def test_a_live_bearer_opens_the_ping(hub: DockerHub, ask: Ask) -> None:
    bearer = (await exchange(hub, ask, "good")).content["token"]
    assert (await ask(hub.registry.url("/v2/"), bearer=bearer)).status == 200


async def test_only_a_get_of_a_manifest_uses_up_the_quota(hub: DockerHub, ask: Ask, clock: Clock) -> None:
    hub.quirk(pull_limit=2)
    asked = [await manifest(hub, ask, None, PUBLIC, method) for method in ("HEAD", "GET", "HEAD", "GET", "HEAD", "GET")]
    assert [one.status for one in asked] == [200, 200, 200, 200, 200, 429]
    assert [one.headers["ratelimit-remaining"][0] for one in asked] == ["2", "1", "1", "0", "0", "0"]
    text = "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
    assert asked[-1].content == {"errors": [{"code": "TOOMANYREQUESTS", "message": text}]}
    hub.quirk(head_429=True)
    assert (await manifest(hub, ask, None, PUBLIC)).status == 429
    assert (await manifest(hub, ask, "good", PUBLIC)).headers["ratelimit-remaining"] == "2;w=21600"
    clock.now += 21600
    assert (await manifest(hub, ask, None, PUBLIC)).headers["ratelimit-remaining"] == "2;w=21600"


async def test_a_paid_account_has_no_quota(hub: DockerHub, ask: Ask) -> None:
    hub.quirk(pull_limit=0)
    answered = await manifest(hub, ask, "paid", PUBLIC, "GET")
    assert (answered.status, [name for name in answered.headers if "ratelimit" in name.lower()]) == (200, [])


async def test_refused_logins_lock_the_name_for_good_secrets_too(hub: DockerHub, ask: Ask, clock: Clock) -> None:
    statuses = [(await exchange(hub, ask, name)).status for name in ("deleted",) * 4 + ("good",) + ("deleted",) * 5 + ("good",)]
    assert statuses == [401] * 4 + [200] + [401] * 5 + [429]
    assert (hub.logins.by_name["ada"], hub.logins.by_address["127.0.0.1"]) == (9, 9)
    assert (await exchange(hub, ask, "oat")).status == 200
    assert hub.truth("ada", hub.tokens["good"].secret).why == "locked"
    clock.now += 900
    assert (await exchange(hub, ask, "good")).status == 200


async def test_the_locks_numbers_are_switched(hub: DockerHub, ask: Ask, clock: Clock) -> None:
    hub.quirk(lock_after=1, lock_s=10)
    assert [(await exchange(hub, ask, name)).status for name in ("deleted", "good")] == [401, 429]
    clock.now += 10
    assert (await exchange(hub, ask, "good")).status == 200


@pytest.mark.parametrize("name", ["good", "public_read"])
async def test_a_token_asked_for_more_than_its_level_is_told_so(hub: DockerHub, ask: Ask, name: str) -> None:
    answered = await exchange(hub, ask, name, OWN, actions="pull,push")
    assert (answered.status, answered.body, hub.refused_logins) == (401, NARROW, ())
    granted = (await exchange(hub, ask, "write", OWN, actions="pull,push")).content["token"]
    assert (read_jwt(granted) or {})["access"][0]["actions"] == ["pull", "push"]


async def test_an_anonymous_push_is_narrowed_to_pull(hub: DockerHub, ask: Ask) -> None:
    granted = (await exchange(hub, ask, None, PUBLIC, actions="pull,push")).content["token"]
    assert (read_jwt(granted) or {})["access"][0]["actions"] == ["pull"]


async def test_where_a_low_level_is_told_is_switched(hub: DockerHub, ask: Ask) -> None:
    hub.quirk(narrow_at="token")
    answered = await exchange(hub, ask, "public_read", OWN)
    assert (answered.status, answered.body) == (401, NARROW)
    assert (await exchange(hub, ask, "public_read", HIDDEN)).status == 200


# who is answered what at the token endpoint while the whole Hub is ill
OUTAGES: dict[str, tuple[Outage, dict[str | None, tuple[int, bytes]]]] = {
    "pat_401": (
        Outage.PAT_401,
        {"good": (401, REFUSED), "oat": (401, REFUSED), "old_form": (401, REFUSED), "password of ada": (200, b""), None: (200, b"")},
    ),
    "all_401": (Outage.ALL_401, {"good": (401, REFUSED), None: (401, b'{"details":"authentication required"}\n')}),
    "sso_words": (
        Outage.SSO_WORDS,
        {"good": (401, b'{"details":"please use personal access token to login when SSO is enforced"}\n'), None: (200, b"")},
    ),
    "503_html": (
        Outage.HTML_503,
        {
            None: (
                503,
                b"<html><body><h1>503 Service Unavailable</h1>No server is available to handle this request.</body></html>",
            )
        },
    ),
}


@pytest.mark.parametrize(("outage", "answers"), OUTAGES.values(), ids=OUTAGES.keys())
async def test_an_outage_says(hub: DockerHub, ask: Ask, outage: Outage, answers: dict[str | None, tuple[int, bytes]]) -> None:
    hub.quirk(outage=outage)
    for name, (status, body) in answers.items():
        answered = await exchange(hub, ask, name)
        assert (name, answered.status) == (name, status)
        assert not body or answered.body == body
    hub.quirk(outage=None)
    assert (await exchange(hub, ask, "good")).status == 200


ILL: dict[str, tuple[dict[str, Any], int, str, bytes]] = {
    "embargo": ({"embargo": True}, 403, "text/html", b"we must comply with US export control regulations"),
    "abuse": ({"abuse_429": True}, 429, "text/plain", b"Too Many Requests"),
    "503": ({"outage": Outage.HTML_503}, 503, "text/html", b"<h1>503 Service Unavailable</h1>"),
}


@pytest.mark.parametrize(("quirks", "status", "media_type", "text"), ILL.values(), ids=ILL.keys())
async def test_every_host_says(hub: DockerHub, ask: Ask, quirks: dict[str, Any], status: int, media_type: str, text: bytes) -> None:
    hub.quirk(**quirks)
    for url in (hub.registry.url("/v2/"), hub.auth.url("/token")):
        answered = await ask(url)
        assert (answered.status, answered.headers["Content-Type"], text in answered.body) == (status, media_type, True)


async def test_several_scopes_once_granted_nothing(hub: DockerHub, ask: Ask) -> None:
    for bug, names in ((False, [PUBLIC, OWN]), (True, [])):
        hub.quirk(multi_scope_bug=bug)
        granted = (await exchange(hub, ask, "good", PUBLIC, OWN)).content["token"]
        assert [entry["name"] for entry in (read_jwt(granted) or {})["access"]] == names


async def test_an_account_may_be_required(hub: DockerHub, ask: Ask) -> None:
    hub.quirk(require_account=True)
    statuses = [(await ask(hub.auth.url(f"/token{query}"), login=login(hub, "good"))).status for query in ("", "?account=ada")]
    assert statuses == [400, 200]


async def test_the_life_of_a_token_is_switched(hub: DockerHub, ask: Ask, clock: Clock) -> None:
    hub.quirk(token_ttl=60)
    content = (await exchange(hub, ask, None)).content
    assert (content["expires_in"], (read_jwt(content["token"]) or {})["exp"]) == (60, int(clock.now) + 60)


async def test_the_challenge_may_name_a_foreign_realm_that_records(hub: DockerHub, ask: Ask) -> None:
    hub.quirk(realm="foreign")
    assert hub.foreign.url("/token") in ((await ask(hub.registry.url("/v2/"))).challenge or "")
    await ask(hub.foreign.url("/token"), login=login(hub, "good"))
    assert hub.count(listener="foreign", secret_name="good") == 1


async def test_a_deactivated_token_comes_back_without_a_new_secret(hub: DockerHub, ask: Ask) -> None:
    before = (await exchange(hub, ask, "deactivated")).status
    hub.change("deactivated", state=State.ACTIVE, level=Level.READ)
    assert (before, (await exchange(hub, ask, "deactivated")).status) == (401, 200)


TRUTHS: dict[str, tuple[str, str | None, tuple[bool, str, bool | None, bool | None]]] = {
    "good": ("good", None, (True, "active", None, None)),
    "good, its own": ("good", OWN, (True, "active", True, False)),
    "good, another's": ("good", HIDDEN, (True, "active", False, False)),
    "good, barred": ("good", BARRED, (True, "active", False, True)),
    "public_read, its own": ("public_read", OWN, (True, "active", False, False)),
    "dead, public": ("deleted", PUBLIC, (False, "deleted", False, True)),
    "expired": ("expired", None, (False, "expired", None, None)),
    "two factors": ("password of grace", None, (False, "two-factor", None, None)),
    "single sign-on": ("password of sam", None, (False, "single sign-on", None, None)),
    "locked": ("locked", None, (False, "locked", None, None)),
}


@pytest.mark.parametrize(("name", "repository", "truth"), TRUTHS.values(), ids=TRUTHS.keys())
def test_it_knows_the_truth(name: str, repository: str | None, truth: tuple[bool, str, bool | None, bool | None]) -> None:
    hub = DockerHub()
    username, secret = login(hub, name) or ("", "")
    told = hub.truth(username, secret, repository)
    assert (told.accepted, told.why, told.pulls, told.public) == truth


def test_an_outage_does_not_change_the_truth() -> None:
    hub = DockerHub()
    hub.quirk(outage=Outage.PAT_401)
    assert hub.truth("ada", hub.tokens["good"].secret).accepted


def test_secrets_have_their_shapes_and_are_the_same_for_ever() -> None:
    hub = DockerHub()
    for token in hub.tokens.values():
        uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        shape = uuid if token.name == "old_form" else r"dckr_oat_[A-Za-z0-9_-]{32}" if token.organizational else r"dckr_pat_[A-Za-z0-9_-]{27}"
        assert re.fullmatch(shape, token.secret)
        assert token.secret == DockerHub().tokens[token.name].secret
        assert token.secret not in repr(token)


async def test_settings_point_at_the_listeners(hub: DockerHub) -> None:
    wanted = {"endpoint": hub.registry.url(), "realm_hosts": [hub.auth.authority], "plain_http": True, "allow_private": True}
    assert hub.settings() == {"docker.io": wanted}
