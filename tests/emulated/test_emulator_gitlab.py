"""The emulated GitLab answers row by row as the page on GitLab tells, and each switch flips what it says."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest

from validator.emulator.base import ACCEPT_ALL
from validator.emulator.gitlab import Ban, Gitlab, State
from validator.emulator.gitlab.world import routable

NOW = 1_790_000_000.0
PRIVATE = "repository:group/private:pull"
PUBLIC = "repository:group/public:pull"
NEW = (
    "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect or you're required to use a "
    "token instead of a password. If a token was provided, it was either incorrect, expired, or improperly scoped. See "
    "https://gitlab.com/help/user/profile/account/two_factor_authentication_troubleshooting.md"
    "#error-http-basic-access-denied-if-a-password-was-provided-for-git-authentication-"
)
REFUSED = {"errors": [{"code": "UNAUTHORIZED", "message": NEW}]}
FORBIDDEN = {"errors": [{"code": "DENIED", "message": "access forbidden"}], "http_status": 403}


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


def claims(body: Any) -> Any:
    payload = body["token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@dataclass
class Client:
    gitlab: Gitlab
    session: aiohttp.ClientSession
    clock: Clock

    async def get(self, url: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, Any, Any]:
        async with self.session.request(method, url, headers=headers, allow_redirects=False) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text), answer.headers
            except ValueError:
                return answer.status, text, answer.headers

    async def jwt(self, pair: tuple[str, str] | None, scope: str = "", service: str = "container_registry", **more: Any) -> tuple[int, Any, Any]:
        basic = {} if pair is None else {"Authorization": "Basic " + base64.b64encode(":".join(pair).encode()).decode()}
        query = f"service={service}" + (f"&scope={scope}" if scope else "")
        return await self.get(self.gitlab.gitlab.url(f"{self.gitlab.root}/jwt/auth?{query}"), basic, **more)

    def pair(self, name: str | None, username: str | None = None) -> tuple[str, str] | None:
        if name is None:
            return None
        secret = self.gitlab.secrets[name]
        return username or secret.username, secret.secret

    async def login(self, name: str | None, scope: str = "", username: str | None = None) -> tuple[int, Any]:
        status, body, _ = await self.jwt(self.pair(name, username), scope)
        return status, body

    async def pull(self, bearer: str, repository: str = "group/private", tag: str = "1", **more: Any) -> tuple[int, Any, Any]:
        headers = {"Authorization": f"Bearer {bearer}", "Accept": ACCEPT_ALL}
        return await self.get(self.gitlab.registry.url(f"/v2/{repository}/manifests/{tag}"), headers, **more)

    async def introspect(self, secret: str) -> tuple[int, Any]:
        url = self.gitlab.gitlab.url(f"{self.gitlab.root}/api/v4/personal_access_tokens/self")
        status, body, _ = await self.get(url, {"PRIVATE-TOKEN": secret})
        return status, body


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    clock = Clock()
    async with Gitlab(clock=clock) as gitlab, aiohttp.ClientSession() as session:
        yield Client(gitlab, session, clock)


def test_a_routable_token_has_the_length_and_checksum_of_the_page() -> None:
    secret = routable("a")
    found = re.fullmatch(r"(glpat-([A-Za-z0-9_-]+)\.01\.([0-9a-z]{2}))([0-9a-z]{7})", secret)
    assert found is not None
    assert int(found[3], 36) == len(found[2])
    assert int(found[4], 36) == zlib.crc32(found[1].encode())
    raw = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
    assert raw[16 : 16 + raw[-1]].split(b"\n")[0] == b"c:1"
    assert len(raw) == 16 + raw[-1] + 1


async def test_the_challenge_names_a_realm_on_another_port(client: Client) -> None:
    realm = client.gitlab.gitlab.url("/jwt/auth")
    status, body, headers = await client.get(client.gitlab.registry.url("/v2/"))
    assert headers["Www-Authenticate"] == f'Bearer realm="{realm}",service="container_registry"'
    assert (status, body["errors"][0]["code"], body["errors"][0]["detail"]) == (401, "UNAUTHORIZED", None)
    assert client.gitlab.registry.authority not in realm
    status, body, headers = await client.get(client.gitlab.registry.url("/v2/group/project/manifests/1"))
    assert headers["Www-Authenticate"].endswith(',scope="repository:group/project:pull"')
    detail = [{"Type": "repository", "Class": "", "Name": "group/project", "Action": "pull"}]
    assert body == {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": detail}]}


LOGINS: dict[str, tuple[str | None, str | None, int, Any, int, Any]] = {
    # who, username, without scope, with the scope of a private project; lists are `access`'s actions
    "a nobody": (None, None, 403, FORBIDDEN, 403, FORBIDDEN),
    "b good": ("good", None, 200, [], 200, ["pull"]),
    "b wrong username": ("good", "somebody", 200, [], 200, ["pull"]),
    "b api": ("api", None, 200, [], 200, ["pull"]),
    "b routable": ("routable", None, 200, [], 200, ["pull"]),
    "b oauth": ("oauth", "oauth2", 200, [], 200, ["pull"]),
    "b deploy": ("deploy", None, 200, [], 200, ["pull"]),
    "b job": ("job", None, 200, [], 200, ["pull"]),
    "b password": ("password", None, 200, [], 200, ["pull"]),
    "c outsider": ("outsider", None, 200, [], 200, []),
    "c guest": ("guest", None, 200, [], 200, []),
    "c write only": ("write_only", None, 200, [], 200, []),
    "d no registry scope": ("read_user", None, 403, FORBIDDEN, 403, FORBIDDEN),
    "d granular": ("granular", None, 403, FORBIDDEN, 403, FORBIDDEN),
    "e revoked": ("revoked", None, 401, REFUSED, 401, REFUSED),
    "e expired": ("expired", None, 401, REFUSED, 401, REFUSED),
    "e blocked": ("blocked", None, 401, REFUSED, 401, REFUSED),
    "e stale password": ("stale_password", None, 401, REFUSED, 401, REFUSED),
    "e deploy, other username": ("deploy", "gitlab+deploy-token-0", 401, REFUSED, 401, REFUSED),
    "e deploy, other case": ("deploy", "Gitlab+deploy-token-7", 401, REFUSED, 401, REFUSED),
    "e job finished": ("job_finished", None, 401, REFUSED, 401, REFUSED),
    "e password, other user": ("password", "bob", 401, REFUSED, 401, REFUSED),
    "f second factor": ("password_2fa", None, 401, REFUSED, 401, REFUSED),
}


@pytest.mark.parametrize(("name", "username", "bare", "bare_body", "scoped", "scoped_body"), LOGINS.values(), ids=LOGINS.keys())
async def test_the_realm_answers_as_its_table(
    client: Client, name: str | None, username: str | None, bare: int, bare_body: Any, scoped: int, scoped_body: Any
) -> None:
    for scope, status, expected in (("", bare, bare_body), (PRIVATE, scoped, scoped_body)):
        got_status, body = await client.login(name, scope, username)
        assert got_status == status
        if status == 200:
            assert list(body) == ["token"]
            assert [action for entry in claims(body)["access"] for action in entry["actions"]] == expected
        else:
            assert body == expected
        assert client.gitlab.requests[-1].refused is (status == 401)
    if name is not None:
        pair = client.pair(name, username)
        assert pair is not None
        truth = client.gitlab.truth(*pair, "group/private")
        assert (truth.accepted, truth.pulls) == (scoped == 200, scoped_body == ["pull"])


SCOPES: dict[str, tuple[str | None, str, int, int]] = {
    "nobody, public": (None, PUBLIC, 200, 1),
    "nobody, unknown": (None, "repository:no/such:pull", 403, 0),
    "nobody, members only": (None, "repository:group/members:pull", 403, 0),
    "good, unknown": ("good", "repository:no/such:pull", 200, 0),
    "good, no registry": ("good", "repository:group/none:pull", 200, 0),
    "good, invalid path": ("good", "repository::pull", 200, 0),
    "good, members only": ("good", "repository:group/members:pull", 200, 1),
    "good, deeper image": ("good", "repository:group/private/img/part:pull", 200, 1),
    "outsider, public": ("outsider", PUBLIC, 200, 1),
    "write only, public": ("write_only", PUBLIC, 200, 0),
    "deploy, members only": ("deploy", "repository:group/members:pull", 200, 0),
    "revoked, public": ("revoked", PUBLIC, 401, 0),
    "good, restricted": ("good", "repository:office/restricted:pull", 200, 0),
    "owner, restricted": ("group_owner", "repository:office/restricted:pull", 200, 1),
    "good, two scopes": ("good", f"{PRIVATE}&scope={PUBLIC}", 200, 2),
    "good, two scopes in one": ("good", f"{PRIVATE}%20{PUBLIC}", 200, 2),
}


@pytest.mark.parametrize(("name", "scope", "status", "granted"), SCOPES.values(), ids=SCOPES.keys())
async def test_grants_are_empty_rather_than_refused(client: Client, name: str | None, scope: str, status: int, granted: int) -> None:
    got, body = await client.login(name, scope)
    assert got == status
    assert status != 200 or len(claims(body)["access"]) == granted


async def test_the_token_tells_who_was_accepted(client: Client) -> None:
    said = claims((await client.login("good", PRIVATE))[1])
    assert (said["sub"], said["auth_type"], said["aud"], said["exp"] - NOW) == ("alice", "personal_access_token", "container_registry", 900)
    assert said["access"] == [
        {
            "type": "repository",
            "name": "group/private",
            "actions": ["pull"],
            "meta": {"project_path": "group/private", "project_id": 1, "root_namespace_id": 101},
        }
    ]
    assert claims({"token": said["user"]})["user_info"] == {"token_type": "personal_access_token", "username": "alice", "user_id": 42}
    said = claims((await client.login("deploy"))[1])
    assert ("sub" in said, said["auth_type"]) == (False, "deploy_token")
    said = claims((await client.login(None, PUBLIC))[1])
    assert ("sub" in said, said["auth_type"], "user" in said) == (False, "none", False)
    client.gitlab.switch(auth_type="absent")
    assert "auth_type" not in claims((await client.login("good"))[1])


async def test_pulling(client: Client) -> None:
    bearer = (await client.login("good", PRIVATE))[1]["token"]
    status, body, headers = await client.pull(bearer, method="HEAD")
    assert (status, body) == (200, "")
    assert headers["Docker-Content-Digest"] == client.gitlab.projects["group/private"].images[""]["1"].digest
    status, body, _ = await client.pull(bearer, tag="gone")
    assert (status, body["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    deeper = (await client.login("good", "repository:group/private/no/image:pull"))[1]["token"]
    status, body, _ = await client.pull(deeper, "group/private/no/image")
    assert (status, body["errors"][0]["code"]) == (404, "NAME_UNKNOWN")
    empty = (await client.login("outsider", PRIVATE))[1]["token"]
    status, _, headers = await client.pull(empty)
    assert (status, headers["Www-Authenticate"].endswith(',error="insufficient_scope"')) == (401, True)
    client.clock.now += 961
    status, _, headers = await client.pull(bearer)
    assert (status, headers["Www-Authenticate"].endswith(',error="invalid_token"')) == (401, True)


async def test_blobs_are_redirected_to_a_host_that_refuses_secrets(client: Client) -> None:
    image = client.gitlab.projects["group/private"].images[""]["single"]
    bearer = (await client.login("good", PRIVATE))[1]["token"]
    url = client.gitlab.registry.url(f"/v2/group/private/blobs/{next(iter(image.blobs))}")
    status, _, headers = await client.get(url, {"Authorization": f"Bearer {bearer}"})
    assert status == 307
    assert (await client.get(headers["Location"]))[1]["architecture"] == "amd64"
    assert (await client.get(headers["Location"], {"Authorization": f"Bearer {bearer}"}))[0] == 400


async def test_only_get_of_a_known_service_is_served(client: Client) -> None:
    assert (await client.jwt(client.pair("good"), method="POST"))[0] == 404
    assert (await client.jwt(client.pair("good"), service="other"))[:2] == (404, "")
    assert (await client.jwt(client.pair("revoked"), service="other"))[0] == 401
    client.gitlab.switch(registry_enabled=False)
    unavailable = {"errors": [{"code": "UNAVAILABLE", "message": "registry not enabled"}], "http_status": 404}
    assert await client.login("good") == (404, unavailable)


INTROSPECTED: dict[str, tuple[str, int, Any]] = {
    "revoked": (
        "revoked",
        401,
        {"error": "invalid_token", "error_description": "Token was revoked. You have to re-authorize from the user."},
    ),
    "expired": (
        "expired",
        401,
        {"error": "invalid_token", "error_description": "Token is expired. You can either do re-authorization or token refresh."},
    ),
    "blocked": ("blocked", 401, {"message": "401 Unauthorized"}),
    "deploy": ("deploy", 400, {"message": "400 Bad request - This endpoint requires token type to be a personal access token"}),
}


@pytest.mark.parametrize(("name", "status", "body"), INTROSPECTED.values(), ids=INTROSPECTED.keys())
async def test_introspection_tells_why(client: Client, name: str, status: int, body: Any) -> None:
    assert await client.introspect(client.gitlab.secrets[name].secret) == (status, body)


async def test_introspection_tells_scopes_and_end_of_any_live_token(client: Client) -> None:
    for name, scopes, end in (
        ("good", ["read_registry"], "2027-09-09"),
        ("read_user", ["read_user"], "2027-09-09"),
        ("granular", ["granular"], "2027-09-09"),
        ("endless", ["read_registry"], None),
    ):
        status, body = await client.introspect(client.gitlab.secrets[name].secret)
        assert (status, body["active"], body["revoked"], body["scopes"], body["expires_at"]) == (200, True, False, scopes, end)
    assert await client.introspect("glpat-" + "x" * 20) == (401, {"message": "401 Unauthorized"})
    assert client.gitlab.requests[-1].secret_name == "unknown"
    assert client.gitlab.requests[0].secret_name == "good"
    client.gitlab.switch(api="closed")
    assert (await client.introspect(client.gitlab.secrets["good"].secret))[0] == 403


async def test_ten_refusals_in_a_minute_ban_the_address_good_pairs_too(client: Client) -> None:
    client.gitlab.switch(ban=Ban(maxretry=10, findtime_s=60, bantime_s=3600))
    assert [(await client.login("revoked"))[0] for _ in range(9)] == [401] * 9
    assert (await client.login("good"))[0] == 200
    assert [(await client.login("revoked"))[0] for _ in range(9)] == [401] * 9
    client.clock.now += 61
    assert [(await client.login("revoked"))[0] for _ in range(10)] == [401] * 10
    status, body, headers = await client.jwt(client.pair("good"))
    assert (status, body) == (403, "Too many failed authentication attempts from this IP")
    assert headers["Content-Type"].startswith("text/plain")
    assert "Retry-After" not in headers
    assert len(client.gitlab.refused_logins) == 28
    assert (await client.login(None, PUBLIC))[0] == 200
    assert (await client.login("job"))[0] == 200
    assert (await client.introspect(client.gitlab.secrets["good"].secret))[0] == 200
    client.clock.now += 3600
    assert (await client.login("good"))[0] == 200


async def test_job_tokens_and_empty_handed_scopes_do_not_count_for_the_ban(client: Client) -> None:
    client.gitlab.switch(ban=Ban(maxretry=2, findtime_s=60, bantime_s=60))
    assert [(await client.login("job_finished"))[0] for _ in range(3)] == [401] * 3
    assert [(await client.login(name))[0] for name in ("revoked", "read_user", "revoked", "good")] == [401, 403, 401, 200]


async def test_an_old_ban_closes_everything(client: Client) -> None:
    client.gitlab.switch(ban=Ban(maxretry=1, findtime_s=60, bantime_s=60, scope="everything"))
    assert (await client.login("revoked"))[0] == 401
    assert await client.login(None, PUBLIC) == (403, "Forbidden\n")
    assert (await client.introspect(client.gitlab.secrets["good"].secret))[0] == 403
    client.gitlab.switch(ban=Ban(maxretry=1, findtime_s=60, bantime_s=60, text="class_name"))
    assert await client.login("good") == (403, "Gitlab::Auth::IpBlocked")


async def test_an_address_can_be_banned_at_once(client: Client) -> None:
    client.gitlab.ban()
    assert (await client.login("good"))[0] == 403
    client.clock.now += 900
    assert (await client.login("good"))[0] == 200


BODIES = {"2023": "The provided password or token is incorrect", "old": "HTTP Basic: Access denied", "translated": "Zugriff verweigert"}


@pytest.mark.parametrize(("age", "text"), BODIES.items(), ids=BODIES.keys())
async def test_the_message_of_a_refusal_has_ages(client: Client, age: Any, text: str) -> None:
    client.gitlab.switch(body=age)
    status, body = await client.login("revoked")
    assert (status, body["errors"][0]["code"]) == (401, "UNAUTHORIZED")
    assert text in body["errors"][0]["message"]


EDGES: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "html_403": ({"html_403": True}, 403, "text/html", "blocked"),
    "html_401": ({"html_401": True}, 401, "text/html", "401 Authorization Required"),
    "maintenance": ({"maintenance": True}, 503, "text/html", "not responding"),
    "retry later": ({"retry_later": True}, 429, "text/plain", "Retry later\n"),
    "too many addresses": ({"too_many_ips": True}, 403, "", ""),
}


@pytest.mark.parametrize(("rules", "status", "media_type", "text"), EDGES.values(), ids=EDGES.keys())
async def test_edges_answer_instead_of_the_login(client: Client, rules: dict[str, Any], status: int, media_type: str, text: str) -> None:
    client.gitlab.switch(**rules)
    got, body, headers = await client.jwt(client.pair("good"))
    assert (got, headers.get("Content-Type", "").partition(";")[0]) == (status, media_type)
    assert text in body
    assert ("Retry-After" in headers) is (status == 429 or "too_many_ips" in rules)


async def test_the_other_switches_flip_what_they_say(client: Client) -> None:
    gitlab = client.gitlab
    gitlab.switch(retry_later=1)
    assert [(await client.login("good"))[0] for _ in range(2)] == [429, 200]
    gitlab.switch(strip_authorization=True)
    assert await client.login("good") == await client.login("revoked") == (403, FORBIDDEN)
    assert (await client.login("revoked", PUBLIC))[0] == 200
    gitlab.switch(strip_authorization=False, bad_basic="anonymous")
    assert await client.login("revoked") == (403, FORBIDDEN)
    status, body = await client.login("revoked", PUBLIC)
    assert (status, claims(body)["auth_type"]) == (200, "none")
    gitlab.switch(bad_basic="refuse", ip_restricted="500")
    assert (await client.login("good", "repository:office/restricted:pull"))[0] == 500
    assert (await client.login("good"))[0] == 200
    assert (await client.login("group_owner", "repository:office/restricted:pull"))[0] == 200
    gitlab.switch(ability_check=False)
    status, body = await client.login("read_user", PRIVATE)
    assert (status, claims(body)["access"]) == (200, [])
    gitlab.switch(external_authorization=True)
    assert await client.login("deploy") == (403, FORBIDDEN)
    assert (await client.login("good"))[0] == 200
    gitlab.switch(external_authorization=False, password_fault=True)
    assert [(await client.login(name))[0] for name in ("password", "good", "deploy")] == [401, 200, 200]
    gitlab.switch(body_2fa_old=True)
    assert "You must use a personal access token with 'api' scope" in (await client.login("password_2fa"))[1]["errors"][0]["message"]
    assert (await client.login("revoked")) == (401, REFUSED)
    gitlab.switch(without_header_500=True)
    assert [(await client.login(name, PUBLIC))[0] for name in (None, "good")] == [500, 200]
    gitlab.switch(realm="https://gitlab.evil.net/jwt/auth", token_life_s=60)
    assert 'realm="https://gitlab.evil.net/jwt/auth"' in (await client.get(gitlab.registry.url("/v2/")))[2]["Www-Authenticate"]
    assert claims((await client.login("good"))[1])["exp"] == NOW + 60


async def test_a_secret_can_die_while_it_runs(client: Client) -> None:
    client.gitlab.change("good", state=State.REVOKED)
    assert (await client.login("good"))[0] == 401
    assert client.gitlab.truth("alice", client.gitlab.secrets["good"].secret, "group/public").pulls is False


async def test_a_self_managed_gitlab_has_a_relative_root_and_its_own_numbers() -> None:
    clock = Clock()
    async with (
        Gitlab(clock=clock, host="registry.example.com", self_managed=True, root="/gitlab") as gitlab,
        aiohttp.ClientSession() as session,
    ):
        client = Client(gitlab, session, clock)
        assert f'realm="{gitlab.gitlab.url("/gitlab/jwt/auth")}"' in (await client.get(gitlab.registry.url("/v2/")))[2]["Www-Authenticate"]
        assert claims((await client.login("good"))[1])["exp"] == NOW + 300
        assert (await client.introspect(gitlab.secrets["good"].secret))[0] == 200
        assert (await client.get(gitlab.gitlab.url("/jwt/auth?service=container_registry")))[0] == 404
        assert gitlab.settings()["registry.example.com"]["api"] == gitlab.gitlab.url("/gitlab")
        assert gitlab.rules.ban is None


async def test_the_truth_is_told_in_gitlab_s_words(client: Client) -> None:
    deploy, good, outsider = (client.gitlab.secrets[name].secret for name in ("deploy", "good", "outsider"))
    assert client.gitlab.truth("gitlab+deploy-token-0", deploy).why == "the username does not belong to it"
    assert (client.gitlab.truth("any", good).why, client.gitlab.truth("any", "made-up").why) == ("live", "unknown secret")
    assert [client.gitlab.truth("any", one, "group/members").pulls for one in (good, outsider)] == [True, False]
    assert [client.gitlab.truth("any", good, name).public for name in ("group/public", "group/members")] == [True, False]
    client.gitlab.publish(replace(client.gitlab.projects["group/members"], members_only=False))
    assert (await client.login(None, "repository:group/members:pull"))[0] == 200


async def test_the_dependency_proxy_is_a_registry_on_gitlab_s_own_host(client: Client) -> None:
    url = client.gitlab.gitlab.url("/v2/")
    assert (await client.get(url))[2]["Www-Authenticate"].endswith('service="dependency_proxy"')
    assert (await client.jwt(None, service="dependency_proxy"))[0] == 403
    bearer = (await client.jwt(client.pair("good"), service="dependency_proxy"))[1]["token"]
    headers = {"Authorization": f"Bearer {bearer}", "Accept": ACCEPT_ALL}
    assert (await client.get(url, headers))[0] == 200
    assert (await client.get(f"{url}group/dependency_proxy/containers/nginx/manifests/1", headers))[0] == 200
    assert (await client.get(client.gitlab.registry.url("/v2/"), headers))[0] == 401


async def test_the_record_names_secrets_and_bearers(client: Client) -> None:
    bearer = (await client.login("good", PRIVATE))[1]["token"]
    await client.pull(bearer)
    await client.introspect(client.gitlab.secrets["good"].secret)
    shown = [(request.listener, request.secret_name) for request in client.gitlab.requests]
    assert shown == [("gitlab", "good"), ("registry", "bearer of good"), ("gitlab", "good")]
