"""The plain registry behaves as its options say: each option flips what it says, each preset is what its page tells."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.emulated.conftest import Answered, Ask, Clock
from validator.emulator.base import ACCEPT_ALL
from validator.emulator.plain import (
    CHALLENGES,
    GITEA,
    HARBOR,
    HTPASSWD,
    MISSING,
    NEXUS,
    NGINX,
    OPEN,
    ZOT,
    Canned,
    Options,
    Plain,
    Repository,
)

APP, PUBLIC = "team/app", "team/public"
BAD = ("nobody-of-that-name", "made-up")


class Client:
    """Speaks to a plain registry step by step."""

    def __init__(self, plain: Plain, ask: Ask) -> None:
        self.plain, self.ask = plain, ask

    async def ping(self, **more: Any) -> Answered:
        return await self.ask(self.plain.registry.url("/v2/"), **more)

    def pair(self, who: str | tuple[str, str] | None) -> tuple[str, str] | None:
        return self.plain.login(who) if isinstance(who, str) else who

    async def login(self, who: str | tuple[str, str] | None, repository: str | None = None, **more: Any) -> Answered:
        """A token request; `more`: `service`, `method`."""
        service = more.pop("service", self.plain.options.service)
        query = f"?service={service}" if service else "?"
        query += f"&scope=repository:{repository}:pull" if repository else ""
        return await self.ask(self.plain.realm + query, login=self.pair(who), **more)

    async def token(self, who: str | tuple[str, str] | None, repository: str | None = None) -> str:
        content = (await self.login(who, repository)).content
        return str(content.get("access_token") or content["token"])

    async def manifest(self, repository: str = APP, tag: str = "1", method: str = "GET", **more: Any) -> Answered:
        return await self.ask(self.plain.registry.url(f"/v2/{repository}/manifests/{tag}"), method, headers={"Accept": ACCEPT_ALL}, **more)

    async def pull(self, who: str | tuple[str, str] | None, repository: str = APP, tag: str = "1", method: str = "GET") -> Answered:
        return await self.manifest(repository, tag, method, bearer=await self.token(who, repository))


@pytest.fixture
async def client(ask: Ask, clock: Clock) -> AsyncIterator[Client]:
    async with Plain(clock=clock) as plain:
        yield Client(plain, ask)


def claims(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def test_the_default_is_an_honest_token_registry(client: Client) -> None:
    plain = client.plain
    cold = await client.ping()
    assert (cold.status, cold.challenge) == (401, f'Bearer realm="{plain.auth.url("/token")}",service="registry.test"')
    assert (await client.manifest()).challenge == f'{cold.challenge},scope="repository:team/app:pull"'
    good = await client.login("good")
    assert (good.status, set(good.content)) == (200, {"token", "expires_in"})
    for who in (BAD, "dead", None):
        answer = await client.login(who)
        assert (answer.status, answer.content["errors"][0]["code"]) == (401, "UNAUTHORIZED")
        assert plain.requests[-1].refused is (who is not None)
    assert (await client.login(None, PUBLIC)).status == 200
    assert (await client.login(None, APP)).status == 401
    assert [(await client.pull(who)).status for who in ("good", "other", "scopeless")] == [200, 403, 403]
    assert (await client.ping(bearer=await client.token("good"))).status == 200
    assert (await client.manifest(bearer="made-up")).status == 401
    public = plain.registry.url("/v2/team/public/manifests/1")
    for fields in ({"login": plain.login("good")}, {"headers": {"Authorization": "Negotiate x"}}):
        assert [(await client.ping(**fields)).status, (await client.ask(public, **fields)).status] == [401, 401]
    assert (await client.pull("good", "no/such")).status == 404
    assert (await client.login("good", method="POST")).status == 405
    assert [plain.truth(*plain.login(name), APP).pulls for name in ("good", "other", "dead")] == [True, False, False]
    assert (plain.truth(*plain.login("dead")).accepted, plain.truth(*BAD, PUBLIC).public) == (False, True)


async def test_a_login_in_utf_8_is_read(client: Client) -> None:
    assert (await client.login("unicode")).status == 200


ACCEPTING: dict[str, tuple[dict[str, Any], list[int]]] = {
    # the made-up pair: login, scoped login, pull of a private repository, pull of a public one
    "checks": ({}, [401, 401, 0, 0]),
    "login": ({"login": "anyone"}, [200, 401, 0, 0]),
    "scoped": ({"scoped": "anyone"}, [401, 200, 401, 200]),
    "both": ({"login": "anyone", "scoped": "anyone"}, [200, 200, 401, 200]),
    "all": ({"login": "anyone", "scoped": "anyone", "pull": "anyone"}, [200, 200, 200, 200]),
    "unknown is nobody": ({"unknown_users": "anonymous", "anonymous_token": "always"}, [200, 200, 401, 200]),
}


@pytest.mark.parametrize(("changes", "statuses"), ACCEPTING.values(), ids=ACCEPTING.keys())
async def test_a_made_up_pair_is_let_in_where_the_options_say(client: Client, changes: dict[str, Any], statuses: list[int]) -> None:
    client.plain.switch(**changes)
    scoped = (await client.login(BAD, APP)).status
    got = [(await client.login(BAD)).status, scoped]
    got += [(await client.pull(BAD, name)).status for name in (APP, PUBLIC)] if scoped == 200 else [0, 0]
    assert got == statuses
    assert (await client.login("dead")).status == (200 if changes.get("login") == "anyone" else 401)


async def test_nobody_reads_what_only_anyone_with_a_pair_reads(client: Client) -> None:
    client.plain.switch(login="anyone", scoped="anyone", pull="anyone", anonymous_token="always")
    assert [(await client.pull(who)).status for who in (None, BAD)] == [401, 200]


async def test_anonymous_tokens(client: Client) -> None:
    for policy, statuses in (("refused", [401, 401, 401]), ("public", [401, 200, 401]), ("always", [200, 200, 200])):
        client.plain.switch(anonymous_token=policy)
        assert [(await client.login(None, name)).status for name in (None, PUBLIC, APP)] == statuses


async def test_an_open_ping_with_guarded_manifests(client: Client) -> None:
    client.plain.switch(ping="open")
    assert (await client.ping()).status == 200
    answer = await client.manifest()
    assert (answer.status, answer.challenge is not None) == (401, True)
    assert (await client.pull("good")).status == 200


FIELDS: dict[str, tuple[str, list[str]]] = {
    "no service": ("no service", ['Bearer realm="REALM_HERE"']),
    "negotiate first": ("negotiate first", ['Negotiate, Bearer realm="REALM_HERE",service="registry.test"']),
    "one field": ("basic and bearer, one field", ['Basic realm="x", Bearer realm="REALM_HERE",service="registry.test"']),
    "two fields": ("basic and bearer, two fields", ['Basic realm="x"', 'Bearer realm="REALM_HERE",service="registry.test"']),
    "odd case": ("odd case", ['bEaReR REALM="REALM_HERE",SeRvIcE=registry.test']),
    "unquoted": ("unquoted", ["Bearer realm=REALM_HERE, service=registry.test"]),
    "spaces": ("spaces", ['Bearer   realm = "REALM_HERE" ,  service = "registry.test"']),
    "foreign scope": ("foreign scope", ['Bearer realm="REALM_HERE",service="registry.test",scope="repository:other/x:push"']),
    "realm twice": ("realm twice", ['Bearer realm="REALM_HERE",realm="https://evil.test/token"']),
    "no realm": ("no realm", ['Bearer service="registry.test"']),
    "negotiate only": ("negotiate only", ["Negotiate"]),
    "none": ("none", []),
}


@pytest.mark.parametrize(("name", "expected"), FIELDS.values(), ids=FIELDS.keys())
async def test_challenges_take_every_form(client: Client, name: str, expected: list[str]) -> None:
    client.plain.switch(challenge=CHALLENGES[name])
    got = (await client.ping()).headers.getall("WWW-Authenticate", [])
    assert got == [value.replace("REALM_HERE", client.plain.realm) for value in expected]


async def test_a_service_with_quotes_is_escaped_and_compared(client: Client) -> None:
    client.plain.switch(service='a"b, c')
    assert (await client.ping()).challenge == f'Bearer realm="{client.plain.realm}",service="a\\"b, c"'
    assert (await client.login("good", service="a%22b,%20c")).status == 200
    stale = await client.login("good", service="old")
    assert (stale.status, stale.body) == (400, b"Unable to handle service: old\n")
    client.plain.switch(stale_service=None)
    assert (await client.login("good", service="old")).status == 200


REALMS = {
    "relative": ("/token", "registry", "/token", "/token"),
    "own, by template": ("{own}/auth/token", "registry", "/auth/token", None),
    "with a query": ("{other}/token?service=x&k=1", "auth", "/token", None),
}


@pytest.mark.parametrize(("realm", "listener", "path", "shown"), REALMS.values(), ids=REALMS.keys())
async def test_realms_lie_where_the_challenge_says(client: Client, realm: str, listener: str, path: str, shown: str | None) -> None:
    client.plain.switch(realm=realm)
    assert f'realm="{shown or client.plain.realm}"' in ((await client.ping()).challenge or "")
    url = client.plain.listeners[listener].url(path) + "?service=registry.test"
    assert (await client.ask(url, login=client.plain.login("good"))).status == 200


@pytest.mark.parametrize("realm", ["https://evil.test/token", "https://evil.test\\@reg.test/", "//evil.test/", "http://[", ""])
async def test_realms_that_are_nobody_s_are_shown_as_they_are(client: Client, realm: str) -> None:
    client.plain.switch(realm=realm)
    assert f'realm="{realm.replace(chr(92), chr(92) * 2)}"' in ((await client.ping()).challenge or "")


async def test_a_realm_that_moved_refuses_everybody(client: Client) -> None:
    old = client.plain.realm
    client.plain.switch(realm="{own}/new/token")
    assert (await client.ask(f"{old}?service=registry.test", login=client.plain.login("good"))).status == 401
    assert (await client.login("good")).status == 200


SHAPES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "token": ({}, {"token", "expires_in"}),
    "access_token": ({"fields": "access_token"}, {"access_token", "expires_in"}),
    "both": ({"fields": "both", "expires_in": MISSING}, {"token", "access_token"}),
    "issued": ({"issued_at": "garbage"}, {"token", "expires_in", "issued_at"}),
}


@pytest.mark.parametrize(("changes", "names"), SHAPES.values(), ids=SHAPES.keys())
async def test_the_token_stands_in_these_fields(client: Client, changes: dict[str, Any], names: set[str]) -> None:
    client.plain.switch(**changes)
    assert set((await client.login("good")).content) == names
    assert (await client.pull("good")).status == 200


async def test_two_tokens_that_differ_are_not_worth_the_same(client: Client) -> None:
    client.plain.switch(fields="differ")
    content = (await client.login("good", APP)).content
    assert (await client.manifest(bearer=content["access_token"])).status == 200
    assert (await client.manifest(bearer=content["token"])).status == 401


@pytest.mark.parametrize("value", [0, -1, "300", 1e18])
async def test_expires_in_is_sent_as_it_is(client: Client, value: Any) -> None:
    client.plain.switch(expires_in=value)
    assert (await client.login("good")).content["expires_in"] == value


async def test_a_jwt_says_what_the_grant_says_and_the_registry_what_is_so(client: Client) -> None:
    client.plain.switch(token_form="jwt")
    said = claims(await client.token("good", APP))
    assert (said["sub"], said["access"]) == ("alice", [{"type": "repository", "name": APP, "actions": ["pull"]}])
    assert (await client.pull("other")).status == 401
    client.plain.switch(grant="nothing")
    assert claims(await client.token("good", APP))["access"] == [{"type": "repository", "name": APP, "actions": []}]
    answer = await client.pull("good")
    assert (answer.status, 'error="insufficient_scope"' in (answer.challenge or "")) == (401, True)
    client.plain.switch(grant="everything")
    assert claims(await client.token("other", APP))["access"][0]["actions"] == ["pull"]
    assert [(await client.pull(who)).status for who in ("good", "other")] == [200, 403]
    client.plain.switch(token_form="jwt_without_access")
    assert "access" not in claims(await client.token("good", APP))


ERRORS: dict[str, tuple[Any, bytes, str]] = {
    "errors": ("errors", b'{"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}', "application/json"),
    "empty": ("empty", b"", ""),
    "html": ("html", b"<html>\n<head><title>401</title></head>\n<body><h1>no</h1></body>\n</html>\n", "text/html"),
    "details": ("details", b'{"details": "no"}', "application/json"),
    "oauth": ("oauth", b'{"error": "invalid_grant", "error_description": "no"}', "application/json"),
    "message": ("message", b'{"message": "no"}', "application/json"),
    "text": ("text", b"no\n", "text/plain; charset=utf-8"),
    "string": ("string", b'{"errors": "no"}', "application/json"),
    "empty_list": ("empty_list", b'{"errors": []}', "application/json"),
    "number": ("number", b'{"errors": [{"code": 401, "message": "no"}]}', "application/json"),
    "lower": ("lower", b'{"errors": [{"code": "unauthorized", "message": "no"}]}', "application/json"),
    "two": ("two", b'{"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}' * 2, "application/json"),
    "bom": ("bom", b'\xef\xbb\xbf{"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}', "application/json"),
}


@pytest.mark.parametrize(("form", "body", "media_type"), ERRORS.values(), ids=ERRORS.keys())
async def test_a_refusal_takes_every_form(client: Client, form: Any, body: bytes, media_type: str) -> None:
    client.plain.switch(error=form, refused_message="no")
    answer = await client.login("dead")
    assert (answer.status, answer.body, answer.headers.get("Content-Type", ""), answer.challenge) == (401, body, media_type, None)


async def test_a_refusal_has_another_status_code_echo_or_challenge(client: Client) -> None:
    client.plain.switch(refused_status=403, refused_code="DENIED", repeat_challenge=True, echo=True)
    answer = await client.login("dead")
    assert (answer.status, answer.content["errors"][0]["code"], answer.challenge is not None) == (403, "DENIED", True)
    assert client.plain.accounts["dead"].secret in answer.content["errors"][0]["message"]
    assert "Basic " in answer.content["errors"][0]["message"]


async def test_stubs_come_first_for_whom_and_as_often_as_they_say(client: Client) -> None:
    plain = client.plain
    plain.stub("login", Canned(503, headers={"Retry-After": "120"}), times=1)
    plain.stub("login", Canned(403, b"{}"), secret="good")
    plain.stub("scoped", Canned(200, b"[]"), secret="")
    plain.stub("head", Canned(405), secret="good")
    plain.stub("ping", Canned(302, headers={"Location": "https://portal.test/"}))
    assert [(await client.login(who)).status for who in (BAD, "good", BAD, "other", "good")] == [503, 403, 401, 200, 403]
    assert plain.count(refused=True) == 3
    assert [(await client.login(who, APP)).body == b"[]" for who in (None, "good")] == [True, False]
    assert [(await client.pull("good", method=method)).status for method in ("HEAD", "GET")] == [405, 200]
    assert (await client.ping()).headers["Location"] == "https://portal.test/"
    plain.unstub()
    assert (await client.login("good")).status == 200


async def test_a_registry_refuses_tokens_as_too_old_so_often(client: Client) -> None:
    client.plain.switch(invalid_token=2)
    answers = [await client.pull("good") for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 200]
    assert (answers[0].challenge or "").endswith(',error="invalid_token"')


async def test_manifests_are_given_in_odd_ways(client: Client) -> None:
    plain = client.plain
    plain.switch(head_405=True)
    assert [(await client.pull("good", method=method)).status for method in ("HEAD", "GET")] == [405, 200]
    plain.switch(head_405=False, digest="none")
    assert "Docker-Content-Digest" not in (await client.pull("good")).headers
    plain.switch(digest="wrong", content_type="text/html")
    answer = await client.pull("good", method="HEAD")
    assert (answer.headers["Docker-Content-Digest"], answer.headers["Content-Type"]) == ("x", "text/html")
    plain.switch(digest="right", content_type=None, policy_412=True)
    answer = await client.pull("good")
    assert (answer.status, answer.content["errors"][0]["code"]) == (412, "PROJECTPOLICYVIOLATION")
    plain.switch(policy_412=False, cookies=True)
    assert "Set-Cookie" in (await client.ping()).headers
    assert (await client.login("good")).headers["Link"] == '<https://evil.test/>; rel="next"'


async def test_redirects_lead_to_a_host_that_refuses_secrets(client: Client) -> None:
    plain = client.plain
    plain.switch(redirect_manifests=True, redirect_blobs=True)
    bearer = await client.token("good", APP)
    manifest = await client.manifest(bearer=bearer)
    digest = next(iter(plain.repositories[APP].tags["single"].blobs))
    blob = await client.ask(plain.registry.url(f"/v2/{APP}/blobs/{digest}"), bearer=bearer)
    for answer in (manifest, blob):
        assert answer.status == 307
        place = answer.headers["Location"]
        assert place.startswith(plain.cdn.url("/"))
        assert (await client.ask(place, headers={"Accept": ACCEPT_ALL})).status == 200
        assert (await client.ask(place, bearer=bearer)).status == 400


DENIALS: dict[str, tuple[Any, int, str | None]] = {
    "403": ("403", 403, None),
    "404": ("404", 404, None),
    "401": ("401", 401, "insufficient_scope"),
    "harbor": ("401_harbor", 401, 'Basic realm="harbor"'),
    "gitea": ("401_gitea", 401, 'Basic realm="Gitea Package API"'),
}


@pytest.mark.parametrize(("form", "status", "challenge"), DENIALS.values(), ids=DENIALS.keys())
async def test_a_denial_takes_every_form(client: Client, form: Any, status: int, challenge: str | None) -> None:
    client.plain.switch(denied=form, missing="denied")
    for repository in (APP, "no/such"):
        answer = await client.pull("other", repository)
        assert answer.status == status
        assert (challenge or "") in (answer.challenge or "")
        assert (answer.challenge is None) is (challenge is None)


IMAGES: dict[str, list[tuple[str, str, str]] | None] = {
    "1": [("linux", "amd64", ""), ("linux", "arm64", "")],
    "attested": [("linux", "amd64", ""), ("linux", "arm64", ""), ("unknown", "unknown", "")],
    "arm64-only": [("linux", "arm64", "")],
    "386-only": [("linux", "386", "")],
    "amd64-v3-only": [("linux", "amd64", "v3")],
    "x86_64-v1": [("linux", "x86_64", "v1")],
    "arm64-v8-only": [("linux", "arm64", "v8")],
    "no-platform": [("", "", "")],
    "unknown-only": [("unknown", "unknown", "")],
    "empty-index": [],
    "nested": [("", "", "")],
    "single": None,
    "docker": [("linux", "amd64", ""), ("linux", "arm64", "")],
}


@pytest.mark.parametrize(("tag", "platforms"), IMAGES.items(), ids=IMAGES.keys())
async def test_an_image_of_each_shape_is_there_and_leads_to_its_parts(client: Client, tag: str, platforms: Any) -> None:
    answer = await client.pull("good", tag=tag)
    assert answer.status == 200
    assert len(answer.body) == int(answer.headers["Content-Length"])
    entries = answer.content.get("manifests")
    shown = [tuple(entry.get("platform", {}).get(key, "") for key in ("os", "architecture", "variant")) for entry in entries or ()]
    assert (shown if entries is not None else None) == platforms
    for entry in entries or ():
        assert (await client.pull("good", tag=entry["digest"])).headers["Content-Type"] == entry["mediaType"]
    if entries is None:
        url = client.plain.registry.url(f"/v2/{APP}/blobs/{answer.content['config']['digest']}")
        assert (await client.ask(url, bearer=await client.token("good", APP))).content["architecture"] == "amd64"


async def test_images_that_nobody_pulls_any_more(client: Client) -> None:
    schema_1 = await client.pull("good", tag="schema1", method="HEAD")
    assert schema_1.headers["Content-Type"] == "application/vnd.docker.distribution.manifest.v1+prettyjws"
    chart = (await client.pull("good", tag="artifact")).content
    assert chart["artifactType"] == chart["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    assert (await client.pull("good", tag="foreign-layer")).content["layers"][0]["urls"] == ["https://evil.test/layer"]
    assert len((await client.pull("good", tag="big")).body) > 5_000_000
    deeper, levels = "nested-deeper", 0
    while "manifests" in (content := (await client.pull("good", tag=deeper)).content):
        deeper, levels = content["manifests"][0]["digest"], levels + 1
    assert levels == 4


async def test_an_open_registry_takes_everybody(ask: Ask, clock: Clock) -> None:
    async with Plain(OPEN, clock=clock) as plain:
        client = Client(plain, ask)
        assert [(await client.ping(login=who)).status for who in (None, BAD, plain.login("good"))] == [200, 200, 200]
        assert [(await client.manifest(login=who)).status for who in (None, BAD)] == [200, 200]
        assert not plain.refused_logins


@pytest.mark.parametrize(
    ("options", "challenge", "is_html"), [(HTPASSWD, 'Basic realm="Registry Realm"', False), (NGINX, 'Basic realm="Restricted"', True)]
)
async def test_a_basic_registry_repeats_its_challenge(ask: Ask, clock: Clock, options: Options, challenge: str, is_html: bool) -> None:
    async with Plain(options, clock=clock) as plain:
        client = Client(plain, ask)
        for who, status in ((None, 401), (BAD, 401), (plain.login("dead"), 401), (plain.login("good"), 200), (plain.login("other"), 200)):
            for answer in (await client.ping(login=who), await client.manifest(login=who)):
                assert (answer.status, answer.challenge) == (status, challenge if status == 401 else None)
        assert ((await client.ping(login=BAD)).body.startswith(b"<html>")) is is_html
        assert [(await client.ping(bearer="x")).status, (await client.manifest(PUBLIC, bearer="x")).status] == [401, 401]
        plain.switch(login="anyone")
        assert (await client.ping(login=BAD)).status == 200
        assert plain.settings()["reg.test"]["endpoint"] == plain.registry.url()


async def test_harbor_hands_a_token_to_any_bad_pair_as_soon_as_a_scope_is_asked(ask: Ask, clock: Clock) -> None:
    async with Plain(HARBOR, clock=clock) as plain:
        client = Client(plain, ask)
        realm = f'Bearer realm="{plain.registry.url("/service/token")}",service="harbor-registry"'
        assert (await client.ping()).challenge == realm
        answer = await client.login(BAD)
        assert (answer.status, answer.body) == (401, b"")
        scoped = (await client.login(BAD, PUBLIC)).content
        assert set(scoped) == {"token", "access_token", "expires_in", "issued_at"}
        assert (scoped["access_token"], scoped["expires_in"]) == ("", 1800)
        assert (claims(scoped["token"])["sub"], claims(scoped["token"])["access"][0]["actions"]) == ("", ["pull"])
        assert claims(await client.token(BAD, APP))["access"][0]["actions"] == []
        assert claims(await client.token("good", APP))["sub"] == "alice"
        assert [(await client.pull(who, name)).status for who, name in ((BAD, PUBLIC), (BAD, APP), ("good", APP))] == [200, 401, 200]
        answer = await client.pull("other", APP)
        assert (answer.status, answer.challenge) == (401, 'Basic realm="harbor"')
        assert answer.content["errors"][0]["message"].startswith("unauthorized to access repository: team/app, action: pull")
        assert (await client.ping(login=plain.login("good"))).status == 200
        assert (await client.login("good", service="x")).body == b"Unable to handle service: x\n"


async def test_harbor_locks_a_name_for_a_moment_for_the_right_secret_too(ask: Ask, clock: Clock) -> None:
    async with Plain(HARBOR, clock=clock) as plain:
        client = Client(plain, ask)
        assert [(await client.login(who)).status for who in (("alice", "wrong"), "good", "other")] == [401, 401, 200]
        clock.now += 1.5
        assert (await client.login("good")).status == 200


async def test_gitea_gives_a_ghost_s_token_and_denies_with_401(ask: Ask, clock: Clock) -> None:
    async with Plain(GITEA, clock=clock) as plain:
        client = Client(plain, ask)
        realm = plain.registry.url("/v2/token")
        expected = [f'Bearer realm="{realm}",service="container_registry",scope="*"', 'Basic realm="Gitea Package API"']
        assert (await client.ping()).headers.getall("WWW-Authenticate") == expected
        assert [(await client.login(who)).status for who in (None, "good", "scopeless", "dead")] == [200, 200, 200, 401]
        assert (await client.login("dead")).content == {"errors": [{"code": "UNAUTHORIZED", "message": ""}]}
        assert "access" not in claims(await client.token("good", APP))
        answer = await client.pull("scopeless")
        assert (answer.status, answer.challenge) == (401, 'Basic realm="Gitea Package API"')
        assert (await client.login("good", method="POST")).status == 404
        assert [(await client.pull(who, PUBLIC)).status for who in (None, "good")] == [200, 200]


async def test_zot_is_open_to_nobody_and_judges_whoever_comes_with_a_pair(ask: Ask, clock: Clock) -> None:
    async with Plain(ZOT, clock=clock) as plain:
        client = Client(plain, ask)
        assert [(await client.ping(login=who)).status for who in (None, ("", ""), BAD, plain.login("good"))] == [200, 200, 401, 200]
        for agent, status in (("Docker-Client/27 (linux)", 401), ("docker/27.1", 401), ("validator/1", 200)):
            assert (await client.ping(headers={"User-Agent": agent})).status == status
        assert [(await client.manifest(name)).status for name in (PUBLIC, APP)] == [200, 401]
        answer = await client.manifest(login=plain.login("other"))
        assert (answer.status, answer.content["errors"][0]["code"]) == (403, "DENIED")


async def test_nexus_with_anonymous_pulls_accepts_any_login(ask: Ask, clock: Clock) -> None:
    async with Plain(NEXUS, clock=clock) as plain:
        client = Client(plain, ask)
        assert [(await client.login(who)).status for who in (BAD, "dead", "good", None)] == [200, 200, 200, 200]
        assert [(await client.pull(BAD, name)).status for name in (PUBLIC, APP)] == [200, 401]
        assert (await client.pull("good")).status == 200


async def test_the_record_names_secrets_bearers_and_nobody(client: Client) -> None:
    await client.pull("good")
    await client.login(BAD)
    await client.login(None, PUBLIC)
    shown = [(request.listener, request.secret_name, request.status) for request in client.plain.requests]
    assert shown == [("auth", "good", 200), ("registry", "bearer of good", 200), ("auth", "unknown", 401), ("auth", None, 200)]


async def test_accounts_and_repositories_can_change(client: Client) -> None:
    client.plain.change("good", state="expired")
    assert (await client.login("good")).status == 401
    assert client.plain.truth(*client.plain.login("good")).why == "expired"
    client.plain.publish(Repository(name="new/app", public=True, tags=client.plain.repositories[APP].tags))
    assert (await client.pull(None, "new/app")).status == 200


async def test_the_oldest_bearer_tokens_are_forgotten(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.emulator.plain._KEPT", 2)
    tokens = [await client.token("good", APP) for _ in range(3)]
    assert [(await client.manifest(bearer=token)).status for token in tokens] == [401, 200, 200]
    assert [request.secret_name for request in client.plain.requests[-3:]] == ["unknown", "bearer of good", "bearer of good"]
