"""The emulated GHCR answers row by row as the page on GHCR tells, and each switch flips what it says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from validator.emulator.base import ACCEPT_ALL, OCI_INDEX, OCI_MANIFEST
from validator.emulator.ghcr import Ghcr
from validator.emulator.ghcr.world import checked, fine_grained

NOW = 1_790_000_000.0
PLACEHOLDER = "repository:user/image:pull"
DENIED = {"errors": [{"code": "DENIED", "message": "denied"}]}
REQUESTED = {"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}
UNAUTHORIZED = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
BAD_TOKEN = {"errors": [{"code": "UNAUTHORIZED", "message": "unauthenticated: User cannot be authenticated with the token provided."}]}
READ_PACKAGE = {"errors": [{"code": "DENIED", "message": "permission_denied: read_package"}]}
SCOPES = {"errors": [{"code": "DENIED", "message": "permission_denied: The token provided does not match expected scopes."}]}


def basic(username: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{secret}".encode()).decode()}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Client:
    ghcr: Ghcr
    session: aiohttp.ClientSession
    clock: Clock

    async def get(self, url: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, Any, Any]:
        """Status, JSON (or text) and headers."""
        async with self.session.request(method, url, headers=headers, allow_redirects=False) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text), answer.headers
            except ValueError:
                return answer.status, text, answer.headers

    async def token(self, name: str | None, scope: str = PLACEHOLDER, secret: str = "") -> tuple[int, Any]:
        carried = self.ghcr.secret(name) if name else secret
        headers = basic("anyone", carried) if carried else {}
        status, body, _ = await self.get(self.ghcr.registry.url(f"/token?service=ghcr.io&scope={scope}"), headers)
        return status, body

    async def pull(self, bearer: str, repository: str, *, tag: str = "1", accept: str = ACCEPT_ALL) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {bearer}", "Accept": accept}
        status, body, _ = await self.get(self.ghcr.registry.url(f"/v2/{repository}/manifests/{tag}"), headers)
        return status, body

    async def pull_as(self, name: str, repository: str) -> tuple[int, Any]:
        _, body = await self.token(name, f"repository:{repository}:pull")
        return await self.pull(body["token"], repository)

    async def user(self, secret: str) -> tuple[int, Any, Any]:
        return await self.get(self.ghcr.api.url("/user"), {"Authorization": f"Bearer {secret}"})


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    clock = Clock()
    async with Ghcr(clock=clock) as ghcr, aiohttp.ClientSession() as session:
        yield Client(ghcr, session, clock)


def test_tokens_have_the_checksums_of_the_page() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    published = "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"
    for secret in (published, checked("ghp", "a"), checked("gho", "b"), checked("ghu", "c")):
        assert re.fullmatch(r"gh[a-z]_[A-Za-z0-9]{36}", secret)
        value = 0
        for letter in secret[-6:]:
            value = value * 62 + digits.index(letter)
        assert value == zlib.crc32(secret[4:-6].encode())
    pat = fine_grained("a")
    assert re.fullmatch(r"github_pat_[0-9][A-Za-z0-9]{21}_[A-Za-z0-9]{59}", pat)
    assert len(pat) == 93
    assert pat[77:85] == base64.b32encode(hashlib.sha256(pat[:77].encode()).digest()).decode()[:8]
    sample = "github_pat_1VALIDATORNOTAREALTOKE_" + "x" * 43
    assert base64.b32encode(hashlib.sha256(sample.encode()).digest()).decode()[:8] == "MFUIMBZJ"


def test_the_world_is_the_same_for_the_same_seed() -> None:
    one, two, other = (Ghcr(clock=Clock(), seed=seed) for seed in ("a", "a", "b"))
    assert one.secret("good") == two.secret("good") != other.secret("good")
    assert 450 < len(one.secret("installation")) < 600
    assert re.fullmatch(r"ghs_[A-Za-z0-9._-]{36,}", one.secret("installation"))
    assert re.fullmatch(r"ghs_[A-Za-z0-9]{36}", Ghcr(clock=Clock(), long_ghs=False).secret("installation"))


async def test_the_cold_ping_is_a_challenge_with_the_placeholder(client: Client) -> None:
    status, body, headers = await client.get(client.ghcr.registry.url("/v2/"))
    realm = client.ghcr.registry.url("/token")
    assert (status, body) == (401, UNAUTHORIZED)
    assert headers["WWW-Authenticate"] == f'Bearer realm="{realm}",service="ghcr.io",scope="{PLACEHOLDER}"'
    assert headers["Content-Length"] == "73"
    _, _, headers = await client.get(client.ghcr.registry.url("/v2/octo/app/manifests/1"))
    assert headers["WWW-Authenticate"].endswith('scope="repository:octo/app:pull"')


LOGINS: dict[str, tuple[str | None, str, int, Any]] = {
    "live, placeholder": ("good", PLACEHOLDER, 200, None),
    "live, foreign private": ("good", "repository:hubot/private:pull", 200, None),
    "live, no such package": ("good", "repository:no/such:pull", 200, None),
    "without the scope": ("scopeless", PLACEHOLDER, 200, None),
    "fine-grained": ("fine_grained", PLACEHOLDER, 200, None),
    "installation": ("installation", PLACEHOLDER, 200, None),
    "job": ("job", PLACEHOLDER, 200, None),
    "expired": ("expired", PLACEHOLDER, 403, DENIED),
    "revoked": ("revoked", PLACEHOLDER, 403, DENIED),
    "regenerated": ("regenerated", PLACEHOLDER, 403, DENIED),
    "dead, public package": ("expired", "repository:octo/public:pull", 403, DENIED),
    "anonymous, placeholder": (None, PLACEHOLDER, 403, REQUESTED),
    "anonymous, public": (None, "repository:octo/public:pull", 200, None),
    "anonymous, private": (None, "repository:octo/app:pull", 401, UNAUTHORIZED),
    "anonymous, nothing there": (None, "repository:no/such:pull", 403, REQUESTED),
    "anonymous, pull and push": (None, "repository:octo/public:pull,push", 403, REQUESTED),
}


@pytest.mark.parametrize(("name", "scope", "status", "body"), LOGINS.values(), ids=LOGINS.keys())
async def test_the_token_endpoint_answers_as_its_table(client: Client, name: str | None, scope: str, status: int, body: Any) -> None:
    got_status, got = await client.token(name, scope)
    assert got_status == status
    if body is None:
        assert list(got) == ["token"]
        assert name is None or got["token"] == b64(client.ghcr.secret(name))
    else:
        assert got == body
    assert client.ghcr.requests[-1].refused is (status == 403 and name is not None)


async def test_a_password_is_denied_and_a_bearer_at_the_token_endpoint_is_nobody(client: Client) -> None:
    assert await client.token(None, secret="hunter2") == (403, DENIED)
    url = client.ghcr.registry.url("/token?scope=repository:octo/app:pull")
    status, body, _ = await client.get(url, {"Authorization": f"Bearer {client.ghcr.secret('good')}"})
    assert (status, body) == (401, UNAUTHORIZED)
    status, _, _ = await client.get(url, basic("octo", client.ghcr.secret("good")), method="POST")
    assert status == 405


@pytest.mark.parametrize(
    ("header", "status", "message"),
    [
        ("Basic b2N0bzp4", 403, "invalid token"),
        ("Bearer", 401, "authentication token not provided"),
        ("Bearer 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", 403, "denied"),
        ("Bearer Q!Q=!=", 401, "unauthenticated: User cannot be authenticated with the token provided."),
    ],
)
async def test_whoever_comes_with_an_authorization_gets_no_challenge(client: Client, header: str, status: int, message: str) -> None:
    got, body, headers = await client.get(client.ghcr.registry.url("/v2/octo/app/manifests/1"), {"Authorization": header})
    assert (got, body["errors"][0]["message"]) == (status, message)
    assert "WWW-Authenticate" not in headers


async def test_any_base64_reads_public_packages_alone(client: Client) -> None:
    assert (await client.pull("QQ==", "octo/public"))[0] == 200
    assert await client.pull("QQ==", "octo/app") == (401, BAD_TOKEN)
    assert (await client.pull(b64("octo:" + client.ghcr.secret("good")), "octo/app"))[0] == 200
    anonymous = (await client.token(None, "repository:octo/public:pull"))[1]["token"]
    assert (await client.pull(anonymous, "octo/public"))[0] == 200


PULLS: dict[str, tuple[str, str, int, Any]] = {
    "own private": ("good", "octo/app", 200, None),
    "internal, a member": ("good", "corp/internal", 200, None),
    "internal, no member": ("other", "corp/internal", 403, READ_PACKAGE),
    "public": ("good", "octo/public", 200, None),
    "foreign private": ("good", "hubot/private", 403, READ_PACKAGE),
    "no such package": ("good", "no/such", 403, READ_PACKAGE),
    "without the scope": ("scopeless", "octo/app", 403, SCOPES),
    "without the scope, public": ("scopeless", "octo/public", 403, SCOPES),
    "repo alone": ("repo_only", "octo/app", 403, SCOPES),
    "fine-grained": ("fine_grained", "octo/app", 403, SCOPES),
    "installation": ("installation", "octo/app", 403, DENIED),
    "job, its package": ("job", "octo/app", 200, None),
    "job, another package": ("job", "hubot/private", 403, READ_PACKAGE),
    "oauth": ("oauth", "octo/app", 200, None),
    "before 2021": ("old", "octo/app", 200, None),
    "single sign-on missing": ("good", "sso-org/app", 403, READ_PACKAGE),
    "single sign-on there": ("sso_authorised", "sso-org/app", 200, None),
    "address not listed": ("good", "walled-org/app", 403, READ_PACKAGE),
    "lives too long": ("endless", "strict-org/app", 403, READ_PACKAGE),
    "lives short enough": ("good", "strict-org/app", 200, None),
}


@pytest.mark.parametrize(("name", "repository", "status", "body"), PULLS.values(), ids=PULLS.keys())
async def test_manifests_are_given_as_the_table_says(client: Client, name: str, repository: str, status: int, body: Any) -> None:
    got_status, got = await client.pull_as(name, repository)
    assert got_status == status
    assert body is None or got == body
    truth = client.ghcr.truth("anyone", client.ghcr.secret(name), repository)
    assert (truth.accepted, truth.pulls, truth.public) == (True, status == 200, repository == "octo/public")


async def test_a_narrow_accept_is_not_found(client: Client) -> None:
    bearer = b64(client.ghcr.secret("good"))
    status, body = await client.pull(bearer, "octo/app", accept=OCI_MANIFEST)
    assert (status, body["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    assert body["errors"][0]["message"] == "OCI index found, but Accept header does not support OCI indexes"
    status, body = await client.pull(bearer, "octo/app", tag="gone")
    assert (status, body["errors"][0]["message"]) == (404, "manifest unknown")
    status, body = await client.pull(bearer, "octo/app", tag=client.ghcr.packages["octo/app"].tags["1"].digest)
    assert (status, body["mediaType"]) == (200, OCI_INDEX)
    headers = {"Authorization": f"Bearer {bearer}", "Accept": ACCEPT_ALL}
    status, body, got = await client.get(client.ghcr.registry.url("/v2/octo/app/manifests/1"), headers, method="HEAD")
    assert (status, body, got["Docker-Content-Digest"]) == (200, "", client.ghcr.packages["octo/app"].tags["1"].digest)


async def test_blobs_are_redirected_to_a_host_that_refuses_secrets(client: Client) -> None:
    digest = next(iter(client.ghcr.packages["octo/app"].tags["single"].blobs))
    bearer = {"Authorization": f"Bearer {b64(client.ghcr.secret('good'))}"}
    status, _, headers = await client.get(client.ghcr.registry.url(f"/v2/octo/app/blobs/{digest}"), bearer)
    assert status == 307
    assert (await client.get(headers["Location"]))[1]["architecture"] == "amd64"
    assert (await client.get(headers["Location"], bearer))[0] == 400
    assert client.ghcr.count(listener="cdn", secret_name="bearer of good") == 1


async def test_the_api_tells_owner_scopes_and_end(client: Client) -> None:
    status, body, headers = await client.user(client.ghcr.secret("good"))
    assert (status, body["login"], headers["X-OAuth-Scopes"]) == (200, "octo", "read:packages")
    assert headers["github-authentication-token-expiration"] == "2027-07-18 14:13:20 UTC"
    client.ghcr.switch(expiration_header="offset")
    headers = (await client.user(client.ghcr.secret("good")))[2]
    assert headers["github-authentication-token-expiration"] == "2027-07-18 07:13:20 -0700"
    client.ghcr.switch(expiration_header="absent")
    assert "github-authentication-token-expiration" not in (await client.user(client.ghcr.secret("good")))[2]
    assert (await client.user(client.ghcr.secret("scopeless")))[2]["X-OAuth-Scopes"] == ""
    assert "X-OAuth-Scopes" not in (await client.user(client.ghcr.secret("fine_grained")))[2]
    assert "github-authentication-token-expiration" not in (await client.user(client.ghcr.secret("endless")))[2]


@pytest.mark.parametrize("name", ["expired", "revoked", "regenerated"])
async def test_the_api_knows_no_dead_token(client: Client, name: str) -> None:
    status, body, headers = await client.user(client.ghcr.secret(name))
    assert (status, body["message"], headers["X-RateLimit-Limit"]) == (401, "Bad credentials", "60")


async def test_the_api_refuses_app_tokens_and_the_nameless(client: Client) -> None:
    status, body, _ = await client.user(client.ghcr.secret("installation"))
    assert (status, body["message"]) == (403, "Resource not accessible by integration")
    url = client.ghcr.api.url("/user")
    assert (await client.get(url))[0] == 401
    async with aiohttp.ClientSession(skip_auto_headers=("User-Agent",)) as session, session.get(url) as answer:
        assert answer.status == 403
        assert "User-Agent" in await answer.text()
    assert (await client.get(client.ghcr.api.url("/rate_limit")))[1]["rate"]["limit"] == 60
    assert (await client.get(client.ghcr.api.url("/nowhere")))[0] == 404


PACKAGES: dict[str, tuple[str, str, int, str]] = {
    "readable": ("good", "orgs/octo/packages/container/app", 200, ""),
    "no right": ("good", "orgs/hubot/packages/container/private", 404, "Not Found"),
    "no scope": ("scopeless", "orgs/octo/packages/container/app", 403, "read:packages"),
    "single sign-on": ("good", "orgs/sso-org/packages/container/app", 403, "SAML enforcement"),
    "address": ("good", "orgs/walled-org/packages/container/app", 403, "has an IP allow list enabled"),
    "lifetime": ("endless", "orgs/strict-org/packages/container/app", 403, "greater than 365 days"),
}


@pytest.mark.parametrize(("name", "path", "status", "text"), PACKAGES.values(), ids=PACKAGES.keys())
async def test_the_api_tells_why_a_package_is_closed(client: Client, name: str, path: str, status: int, text: str) -> None:
    got, body, headers = await client.get(client.ghcr.api.url(f"/{path}"), {"Authorization": f"Bearer {client.ghcr.secret(name)}"})
    assert got == status
    assert text in body.get("message", "")
    assert "IP" not in text or body["message"].endswith("your IP address is not permitted to access this resource.")
    assert headers.get("X-GitHub-SSO", "").startswith("required; url=https://github.com/orgs/sso-org/sso?") is ("SAML" in text)


async def test_the_api_locks_after_bad_credentials_for_a_while(client: Client) -> None:
    client.ghcr.switch(api_bad_creds_lock_after=2)
    good = client.ghcr.secret("good")
    statuses = [(await client.user(secret))[0] for secret in ("bad", good, "bad", good)]
    assert statuses == [401, 200, 401, 403]
    assert (await client.user(good))[1]["message"].startswith("Maximum number of login attempts exceeded")
    client.clock.now += 901
    assert (await client.user(good))[0] == 200


async def test_the_api_has_limits(client: Client) -> None:
    good = client.ghcr.secret("good")
    client.ghcr.switch(api_limit="secondary")
    status, _, headers = await client.user(good)
    assert (status, headers["Retry-After"]) == (403, "60")
    client.ghcr.switch(api_limit="primary")
    status, _, headers = await client.user(good)
    assert (status, headers["X-RateLimit-Remaining"], headers["X-RateLimit-Reset"]) == (403, "0", str(int(NOW) + 1800))


async def test_an_echoing_token_endpoint_judges_nothing_and_the_manifest_does(client: Client) -> None:
    client.ghcr.switch(token_endpoint="echoes")
    for secret in ("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", client.ghcr.secret("expired")):
        assert await client.token(None, secret=secret) == (200, {"token": b64(secret)})
        assert await client.pull(b64(secret), "octo/app") == (403, DENIED)
        assert (await client.user(secret))[0] == 401
    assert (await client.pull_as("good", "octo/app"))[0] == 200


async def test_incidents(client: Client) -> None:
    client.ghcr.switch(incident="token_403_all")
    assert await client.token("good") == (403, DENIED)
    assert (await client.user(client.ghcr.secret("good")))[0] == 200
    client.ghcr.switch(incident="public_401")
    assert await client.pull_as("good", "octo/public") == (401, BAD_TOKEN)
    assert (await client.pull_as("good", "octo/app"))[0] == 200
    client.ghcr.switch(incident="api_ok_ghcr_down")
    assert (await client.token("good"))[0] == 503
    assert (await client.user(client.ghcr.secret("good")))[0] == 200


async def test_the_other_switches_flip_what_they_say(client: Client) -> None:
    ghcr = client.ghcr
    ghcr.switch(anon_private=403)
    assert await client.token(None, "repository:octo/app:pull") == (403, REQUESTED)
    ghcr.switch(rate_429=1)
    status, body = await client.token("good")
    assert (status, body["errors"][0]["message"]) == (429, "retry-after: 880.092µs, allowed: 44000/minute")
    assert (await client.token("good"))[0] == 200
    ghcr.switch(rate_429=True)
    assert [(await client.token("good"))[0] for _ in range(3)] == [429, 429, 429]
    ghcr.switch(rate_429=False, fine_grained_supported=True)
    assert (await client.pull_as("fine_grained", "octo/app"))[0] == 200
    ghcr.switch(scope_missing_public="allow")
    assert (await client.pull_as("scopeless", "octo/public"))[0] == 200
    assert (await client.pull_as("scopeless", "octo/app"))[0] == 403
    ghcr.switch(sso_status=401)
    assert await client.pull_as("good", "sso-org/app") == (401, UNAUTHORIZED)
    ghcr.switch(sso=frozenset(), ip_allow_list=frozenset(), lifetime_policy=frozenset())
    for repository in ("sso-org/app", "walled-org/app", "strict-org/app"):
        assert (await client.pull_as("endless", repository))[0] == 200
    ghcr.switch(realm="https://evil.test/token")
    assert 'realm="https://evil.test/token"' in (await client.get(ghcr.registry.url("/v2/")))[2]["WWW-Authenticate"]


async def test_tokens_die_by_their_date_and_by_change(client: Client) -> None:
    assert client.ghcr.truth("", client.ghcr.secret("job")).accepted
    client.clock.now += 3600
    assert await client.token("job") == (403, DENIED)
    assert client.ghcr.truth("", client.ghcr.secret("job")).why == "expired"
    client.ghcr.change("good", state="revoked")
    assert await client.token("good") == (403, DENIED)
    assert client.ghcr.truth("octo", client.ghcr.secret("good"), "octo/public").pulls is False


async def test_one_spurious_refusal_has_github_s_words(client: Client) -> None:
    client.ghcr.registry.switch(spurious_401_once="/token")
    assert await client.token("good") == (403, DENIED)
    assert (await client.token("good"))[0] == 200


async def test_settings_and_record(client: Client) -> None:
    settings = client.ghcr.settings()["ghcr.io"]
    assert (settings["endpoint"], settings["api"]) == (client.ghcr.registry.url(), client.ghcr.api.url())
    await client.pull_as("good", "octo/app")
    await client.user(client.ghcr.secret("good"))
    assert [request.secret_name for request in client.ghcr.requests] == ["good", "bearer of good", "good"]
    assert len(client.ghcr.planted()) == len(client.ghcr.tokens)
