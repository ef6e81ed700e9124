"""GitLab beyond the rows: how it is known, its 403s told apart, both ways with a bad pair, forms of secrets, ends, controls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import web
from yarl import URL

from tests.cases.asking import asked, instead, pass_time, said, said_of_image
from tests.cases.running import Cli, Result
from tests.cases.test_gitlab import ANYBODY, PRIVATE, PUBLIC, SELF, check, waits
from tests.cases.test_gitlab_lives import introspections, plain
from validator.credential import Host
from validator.emulator import Gitlab
from validator.emulator.base import BASE64URL, letters, make_jwt
from validator.emulator.gitlab import Secret
from validator.evidence import Asker, Demand
from validator.providers import provider_for
from validator.providers.gitlab import GITLAB, SELF_MANAGED, api_base, look, look_self_managed, read_opinion

VALID, PROVEN, REFUSED = "valid (login_accepted)", "valid (pull_proven)", "invalid (refused)"
PUBLIC_ONLY, PROTOCOL, SCOPE = "unprovable (public_only)", "unknown (protocol)", "insufficient (scope_missing)"
PULLS, HIDDEN = "pullable (pull_ok)", "denied (hidden_or_denied)"


@pytest.fixture
async def gitlab(cli: Cli) -> AsyncIterator[Gitlab]:
    async with Gitlab() as emulated:
        cli.registries = emulated.settings()
        yield emulated


@pytest.fixture
async def own(cli: Cli) -> AsyncIterator[Gitlab]:
    """A self-managed GitLab that the settings do not call one."""
    async with Gitlab(**SELF) as emulated:
        cli.registries = plain(emulated)
        yield emulated


DEMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "GitLab": ("https://gitlab.example.com/jwt/auth", "container_registry", "gitlab-self-managed"),
    "under a root": ("https://example.com/gitlab/jwt/auth", "container_registry", "gitlab-self-managed"),
    "its dependency proxy": ("https://gitlab.example.com/jwt/auth", "dependency_proxy", "gitlab-self-managed"),
    "Gitea": ("https://gitea.example.com/v2/token", "container_registry", "gitea"),
    "another service": ("https://gitlab.example.com/jwt/auth", "registry", "generic"),
    "no service": ("https://gitlab.example.com/jwt/auth", "", "generic"),
    "a longer path": ("https://gitlab.example.com/jwt/auth/v2", "container_registry", "generic"),
    "another path": ("https://gitlab.example.com/jwt/authenticate", "container_registry", "generic"),
}


@pytest.mark.parametrize(("realm", "service", "wanted"), DEMANDS.values(), ids=DEMANDS)
def test_it_is_known_by_path_and_service_together(realm: str, service: str, wanted: str) -> None:
    demand = Demand(scheme="bearer", realm=URL(realm), service=service)
    found = provider_for(Host("registry.example.com"), None, demand)
    assert found.key == wanted
    assert not found.hosts | found.realm_hosts, "what is found by a challenge widens nothing"
    assert provider_for(Host("registry.gitlab.com"), None, demand) is GITLAB
    assert provider_for(Host("registry.example.com"), "gitlab") is SELF_MANAGED
    assert provider_for(Host("registry.example.com"), "generic", demand).key == "generic"


def test_only_the_realms_own_gitlab_is_asked_about_a_token() -> None:
    assert str(api_base(URL("https://example.com/gitlab/jwt/auth?x=1"))) == "https://example.com/gitlab"
    assert str(api_base(URL("https://gitlab.example.com:8443/jwt/auth"))) == "https://gitlab.example.com:8443/"
    assert api_base(URL("https://example.com/token")) is None


async def test_one_that_nobody_named_is_judged_as_gitlab(cli: Cli, own: Gitlab) -> None:
    """The generic rules would call the 403 ambiguous, and know no hint about usernames."""
    assert (await check(cli, own, "read_user")).credential == SCOPE
    pass_time(cli, 3)
    shown = (await check(cli, own, "deploy_revoked")).shown
    assert "username_form" in shown["hints"]
    assert introspections(own) == 0, "a self-managed one is not asked unless the operator says so"


@pytest.mark.parametrize("control", ["\x01", "\x1b"])
async def test_a_token_that_no_header_holds_is_judged_by_its_login(control: str, cli: Cli, gitlab: Gitlab) -> None:
    """It was pasted from a terminal; a login carries it in base64, and the introspection is not asked."""
    result = await cli.check("registry.gitlab.com", "jane", f"glpat-{control}abcdefghijklmnopqrst")
    assert (result.code, result.credential, introspections(gitlab)) == (1, "invalid (refused)", 0)


@pytest.mark.parametrize("introspect", [True, False, None])
async def test_introspection_follows_the_setting(introspect: bool | None, cli: Cli) -> None:
    kinds: tuple[tuple[dict[str, Any], bool], ...] = (({}, True), (SELF, False))
    for made, default in kinds:
        cli.home = cli.home / "next"
        cli.home.mkdir()
        async with Gitlab(**made) as gitlab:
            (told,) = gitlab.settings().values()
            cli.registries = {gitlab.registry_host: {k: v for k, v in told.items() if k != "introspect" and (k != "api" or not made)}}
            if introspect is not None:
                cli.registries[gitlab.registry_host]["introspect"] = introspect
            for name in ("good", "revoked"):
                await check(cli, gitlab, name)
            assert (introspections(gitlab) == 2) is (default if introspect is None else introspect)
            assert introspections(gitlab) in (0, 2)


@pytest.mark.parametrize("auth_type", ["present", "absent"])
async def test_a_server_that_takes_a_bad_pair_for_nobody(auth_type: str, cli: Cli, own: Gitlab) -> None:
    own.switch(**ANYBODY, auth_type=auth_type)
    looks = (
        ("revoked", PUBLIC, PUBLIC_ONLY, PULLS), ("revoked", PRIVATE, PROTOCOL, PROTOCOL), ("revoked", None, PROTOCOL, None),
        ("good", PRIVATE, PROVEN, PULLS), ("good", None, VALID, None), ("good", PUBLIC, VALID, PULLS),
    )  # fmt: skip
    for name, image, credential, outcome in looks:
        result = await check(cli, own, name, image)
        assert result.credential == credential, "a 403 is a refusal of the control, too (8.5b)"
        assert outcome is None or result.image == outcome
        pass_time(cli, 3)


async def test_a_server_that_hands_anyone_a_token_without_scope(cli: Cli, own: Gitlab) -> None:
    """The 200s of GITLAB-14 as they stand there, and a private image, where the pull decides."""
    own.switch(**ANYBODY)
    token = make_jwt({"access": [], "aud": "container_registry", "exp": 2**31, "nbf": 0})
    instead(own.gitlab, lambda call: "scope" not in call.request.query, lambda: web.json_response({"token": token}))
    for name in ("good", "revoked"):
        assert (await check(cli, own, name)).credential == "unprovable (accepts_anyone)"
        shown = await check(cli, own, name, PUBLIC)
        assert (shown.credential, shown.image) == (PUBLIC_ONLY, PULLS)
    good, gone = await check(cli, own, "good", PRIVATE), await check(cli, own, "revoked", PRIVATE)
    assert (good.credential, good.image) == (PROVEN, PULLS)
    assert gone.shown["verdict"] != "valid"
    assert gone.shown["image"]["outcome"] != "pullable"


FORBIDDEN: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "ban, new": ({"text": "Too many failed authentication attempts from this IP"}, "unknown (address_banned)"),
    "ban, the class's name": ({"text": "Gitlab::Auth::IpBlocked"}, "unknown (address_banned)"),
    "ban, of before 13": ({"text": "Forbidden\n"}, "unknown (address_banned)"),
    "too many addresses": ({"headers": {"Retry-After": "3600"}}, "unknown (throttled)"),
    "empty": ({}, "unknown (ambiguous_refusal)"),
    "page": ({"text": "<html>blocked</html>", "content_type": "text/html"}, "unknown (waf_block)"),
}


@pytest.mark.parametrize(("answer", "wanted"), FORBIDDEN.values(), ids=FORBIDDEN)
async def test_a_403_that_is_not_its_json_says_nothing_of_the_pair(answer: dict[str, Any], wanted: str, cli: Cli, gitlab: Gitlab) -> None:
    instead(gitlab.gitlab, lambda call: call.kind == "basic", lambda: web.Response(status=403, **answer))
    for name in ("revoked", "read_user", "good"):
        result = await check(cli, gitlab, name)
        assert result.shown["verdict"] == "unknown"
        assert result.credential == wanted
        if "throttled" in wanted:
            assert 3590 <= waits(result) <= 3601


ODD: Final[dict[str, tuple[int, dict[str, Any], str]]] = {
    "401 text": (401, {"text": "HTTP Basic: Access denied"}, "unknown (ambiguous_refusal)"),
    "401 empty": (401, {}, "unknown (ambiguous_refusal)"),
    "401 message": (401, {"text": '{"message":"401 Unauthorized"}', "content_type": "application/json"}, "unknown (ambiguous_refusal)"),
    "401 another code": (401, {"text": '{"errors":[{"code":"DENIED"}]}', "content_type": "application/json"}, "unknown (ambiguous_refusal)"),
    "404 empty": (404, {}, PROTOCOL),
    "500 page": (500, {"text": "<html>500</html>", "content_type": "text/html"}, "unknown (server_error)"),
    "502": (502, {}, "unknown (server_error)"),
    "200 page": (200, {"text": "<html>sign in</html>", "content_type": "text/html"}, PROTOCOL),
    "redirect to sign in": (302, {"headers": {"Location": "/users/sign_in"}}, PROTOCOL),
}


@pytest.mark.parametrize(("status", "answer", "wanted"), ODD.values(), ids=ODD)
async def test_what_is_no_word_about_the_pair(status: int, answer: dict[str, Any], wanted: str, cli: Cli, gitlab: Gitlab) -> None:
    instead(gitlab.gitlab, lambda call: call.path == "/jwt/auth" and call.kind == "basic", lambda: web.Response(status=status, **answer))
    for name in ("revoked", "good"):
        result = await check(cli, gitlab, name)
        assert result.shown["verdict"] == "unknown"
        if status != 302:
            assert result.credential == wanted


async def test_a_403_denied_needs_the_control_or_the_api(cli: Cli, gitlab: Gitlab) -> None:
    by_api = await check(cli, gitlab, "read_user", PRIVATE)
    assert (by_api.credential, by_api.image) == (SCOPE, "denied (scope_missing)")
    assert list(gitlab.refused_logins) == [], "the API tells its scopes: no control is spent"
    gitlab.switch(api="closed")
    gitlab.add(Secret(name="other", secret="glpat-" + letters("other", 20, BASE64URL), scopes=("read_repository",)))
    assert (await check(cli, gitlab, "other")).credential == SCOPE
    (control,) = gitlab.refused_logins
    assert (control.username or "").startswith("validator-control-")
    instead(gitlab.gitlab, lambda call: (call.username or "").startswith("validator-control-"), lambda: web.Response(status=502))
    cli.home = cli.home / "a control that was not heard"
    cli.home.mkdir()
    assert (await check(cli, gitlab, "other")).credential == "unknown (ambiguous_refusal)"


async def test_an_older_server_lets_a_token_without_ability_in(cli: Cli, gitlab: Gitlab) -> None:
    """A 200 with an empty grant: only the API can tell that it will never pull."""
    gitlab.switch(ability_check=False, api="closed")
    result = await check(cli, gitlab, "read_user", PRIVATE)
    assert (result.credential, result.image) == (VALID, HIDDEN)


OWN: Final[dict[str, tuple[str, str, str]]] = {
    "a member": ("good", "valid (pull_proven)", PULLS),
    "an outsider": ("outsider", "insufficient (no_pull_permission)", "denied (no_pull_permission)"),
    "write alone": ("write_only", "insufficient (no_pull_permission)", "denied (no_pull_permission)"),
}


@pytest.mark.parametrize(("name", "verdict", "image"), OWN.values(), ids=OWN)
async def test_an_empty_grant_of_its_own_repository_is_the_credentials(name: str, verdict: str, image: str, cli: Cli, gitlab: Gitlab) -> None:
    one: Secret = gitlab.secrets[name]
    host = "registry.gitlab.com"
    result = await cli.check(f"{host}/group/private", one.username, one.secret, "--image", f"{host}/{PRIVATE}")
    assert (result.credential, result.image) == (verdict, image)


IMAGES: Final[dict[str, tuple[str, str, str, str]]] = {
    "deeper than the project": ("good", "group/private/img/part:1", PROVEN, PULLS),
    "no such tag": ("good", "group/private:gone", VALID, "not_found (tag_not_found)"),
    "no such image of the project": ("good", "group/private/none:1", VALID, "not_found (repository_not_found)"),
    "public": ("good", PUBLIC, VALID, PULLS),
    "public, an outsider": ("outsider", PUBLIC, VALID, PULLS),
    "public, an OAuth token": ("oauth", PUBLIC, VALID, PULLS),
    "public, a password": ("password", PUBLIC, VALID, PULLS),
    "members only, a member": ("good", "group/members:1", PROVEN, PULLS),
    "registry off": ("good", "group/none:1", VALID, HIDDEN),
    "addresses, an empty grant": ("good", "office/restricted:1", VALID, HIDDEN),
    "addresses, a group's owner": ("group_owner", "office/restricted:1", PROVEN, PULLS),
    "a blocked user": ("blocked", PUBLIC, REFUSED, "denied (credential_refused)"),
    "a password to change": ("stale_password", PUBLIC, REFUSED, "denied (credential_refused)"),
}


@pytest.mark.parametrize(("name", "image", "verdict", "outcome"), IMAGES.values(), ids=IMAGES)
async def test_images(name: str, image: str, verdict: str, outcome: str, cli: Cli, gitlab: Gitlab) -> None:
    result = await check(cli, gitlab, name, image)
    assert (result.credential, result.image) == (verdict, outcome)


async def test_a_group_that_restricts_addresses_says_nothing_of_the_nodes(cli: Cli, gitlab: Gitlab) -> None:
    cli.registries["registry.gitlab.com"]["ip_restricted"] = True
    result: Result = await check(cli, gitlab, "good", "office/restricted:1")
    assert (result.credential, result.image) == (VALID, "unknown (address_refused)")
    assert result.shown["image"]["hints"] == ["ip_restricted"]


async def test_an_api_that_knows_what_the_login_refuses_is_a_contradiction(cli: Cli, gitlab: Gitlab) -> None:
    error = {"errors": [{"code": "UNAUTHORIZED", "message": "HTTP Basic: Access denied"}]}
    instead(gitlab.gitlab, lambda call: call.username == "alice", lambda: web.json_response(error, status=401))
    one = gitlab.secrets["good"]
    for asker in (Asker.SWEEP, Asker.CHECK):
        probed = await asked(cli, "registry.gitlab.com", one.username, one.secret, asker=asker)
        assert said(probed.verdict) == "unknown (contradiction)"
    gitlab.switch(api="closed")
    fresh = Secret(name="fresh", secret="glpat-" + letters("fresh", 20, BASE64URL))
    gitlab.add(fresh)
    first = await asked(cli, "registry.gitlab.com", "alice", fresh.secret)
    assert said(first.verdict) == "unknown (ambiguous_refusal)", "asked, and no answer"


FORMS: Final[dict[str, tuple[str, str, str, bool, bool]]] = {
    "token": ("glpat-" + "a" * 20, "", "access token", True, False),
    "token of an instance": ("SIE-glpat-" + "a" * 20, "", "access token", False, False),
    "deploy token": ("gldt-" + "a" * 20, "", "deploy token", False, False),
    "job's": ("glcbt-64_" + "a" * 20, "short_lived", "", False, False),
    "runner's": ("glrt-" + "a" * 20, "wrong_kind", "", False, False),
    "unprefixed": ("a" * 20, "", "password", False, True),
    "GitHub's": ("ghp_" + "a" * 36, "foreign_token", "", False, False),
    "Docker's": ("dckr_pat_" + "a" * 27, "foreign_token", "", False, False),
}


@pytest.mark.parametrize(("secret", "fault", "kind", "asked_about", "once"), FORMS.values(), ids=FORMS)
def test_forms(secret: str, fault: str, kind: str, asked_about: bool, once: bool) -> None:
    seen = look_self_managed("alice", secret)
    assert (seen.fault, seen.kind, seen.introspect, seen.no_repeat) == (fault, kind, asked_about, once)
    assert not look("alice", secret).no_repeat


ENDS: Final[dict[str, tuple[object, str | None, bool]]] = {
    "a day": ("2026-12-01", "2026-12-01T00:00:00+00:00", False),
    "an instant": ("2026-12-01T10:00:00.000Z", "2026-12-01T00:00:00+00:00", False),
    "none": (None, None, True),
    "rubbish": ("soon", None, False),
    "a number": (7, None, False),
}


@pytest.mark.parametrize(("text", "wanted", "never"), ENDS.values(), ids=ENDS)
def test_ends(text: object, wanted: str | None, never: bool) -> None:
    seen = read_opinion(200, {}, {"active": True, "scopes": ["read_registry"], "expires_at": text})
    assert (seen.expires_at.isoformat() if seen.expires_at else None, seen.never_expires) == (wanted, never)


async def test_nobody_pulls_what_is_public_alone(cli: Cli, gitlab: Gitlab) -> None:
    for image, wanted in ((PUBLIC, "pullable (public)"), (PRIVATE, "denied (no_credential)"), ("no/such:1", "denied (no_credential)")):
        probed = await asked(cli, "registry.gitlab.com", "", "", f"registry.gitlab.com/{image}", asker=Asker.PREFLIGHT)
        assert said_of_image(probed.verdict) == wanted
