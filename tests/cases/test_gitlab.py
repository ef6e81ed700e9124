"""GitLab: the rows of gitlab.md section 10, against the emulated gitlab.com and self-managed GitLab."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from aiohttp import web

from tests.cases.asking import asked, instead, said, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import Cli, Result
from validator.emulator import Gitlab
from validator.emulator.base import BASE64URL, letters
from validator.evidence import Asker
from validator.logs import MASK, mask

PENDING: Final = {
    "GITLAB-11": "only one attempt per sweep: with the sweep; here one check's",
    "GITLAB-25": "one notice: with the sweep; its transition: test_gitlab_lives",
    "GITLAB-27": "one attempt a sweep for that username: with the sweep; here one check's",
}


@pytest.fixture
async def gitlab(cli: Cli) -> AsyncIterator[Gitlab]:
    async with Gitlab() as emulated:
        cli.registries = emulated.settings()
        yield emulated


async def check(cli: Cli, gitlab: Gitlab, name: str = "good", image: str | None = None, username: str | None = None) -> Result:
    secret, host = gitlab.secrets[name], gitlab.registry_host
    return await cli.check(host, username or secret.username, secret.secret, *(("--image", f"{host}/{image}") if image else ()))


@dataclass(frozen=True)
class Asked:
    """A row as one check of a planted secret, with the logins of the stored pair that are refused and its advice's words."""

    name: str = "good"
    image: str | None = None
    username: str | None = None
    rules: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    refused: int = 0
    words: str = ""


SELF: Final[dict[str, Any]] = {"self_managed": True, "host": "registry.example.com"}
PRIVATE, PUBLIC = "group/private:1", "group/public:1"
ANYBODY: Final = {"bad_basic": "anonymous"}

ROWS: Final[dict[str, list[Asked]]] = {
    "GITLAB-01": [Asked(image=PRIVATE), Asked("routable", PRIVATE), Asked(image=PRIVATE, made=SELF)],
    "GITLAB-02": [Asked(image=PRIVATE, username="nobody"), Asked("api", PRIVATE, "oauth2")],
    "GITLAB-03": [Asked("revoked", refused=1), Asked("revoked", refused=1, made=SELF)],
    "GITLAB-04": [Asked("expired", refused=1)],
    "GITLAB-05": [Asked("read_user", words="read_registry"), Asked("read_user", words="read_registry", rules={"api": "closed"})],
    "GITLAB-06": [Asked("write_only", PRIVATE)],
    "GITLAB-07": [Asked("outsider", PRIVATE, words="not found or the token has no access"), Asked("good", "no/such:1"), Asked("guest", PRIVATE)],
    "GITLAB-08": [Asked("deploy", PRIVATE)],
    "GITLAB-09": [Asked("deploy", username="gitlab+deploy-token-0", refused=2, words="username must be exact")],
    "GITLAB-10": [Asked("job_finished"), Asked("job"), Asked("job", username="alice"), Asked("good", username="gitlab-ci-token")],
    "GITLAB-11": [Asked("password_2fa", refused=1, made=SELF, words="two-factor"), Asked("password_2fa", refused=2)],
    "GITLAB-14": [Asked("revoked", PUBLIC, rules={**ANYBODY, "auth_type": "absent"}, made=SELF)],
    "GITLAB-15": [Asked("revoked", PUBLIC, rules=ANYBODY, made=SELF)],
    "GITLAB-17": [Asked("deploy_revoked", PUBLIC, refused=2), Asked("blocked", PUBLIC, refused=1)],
    "GITLAB-18": [Asked(rules={"html_403": True})],
    "GITLAB-19": [Asked(rules={"html_401": True})],
    "GITLAB-21": [Asked(made={**SELF, "root": "/gitlab"})],
    "GITLAB-26": [Asked(image="office/restricted:1", rules={"ip_restricted": "500"})],
    "GITLAB-27": [Asked("password", username="nobody", refused=1, made=SELF)],
    "GITLAB-28": [Asked(rules={"registry_enabled": False}, made=SELF)],
    "GITLAB-30": [Asked("deploy_revoked", rules={"body": body}, refused=2) for body in ("translated", "old", "2023", "new")],
    "GITLAB-31": [Asked(rules={"strip_authorization": True}), Asked("read_user", rules={"strip_authorization": True, "api": "closed"})],
    "GITLAB-33": [Asked("deploy", "group/members:1")],
    "GITLAB-34": [Asked(rules={"retry_later": True, "retry_after": "90"})],
    "GITLAB-35": [Asked("endless")],
    "GITLAB-36": [Asked("granular")],
}


@case(*ROWS)
async def test_row(row: Row, cli: Cli) -> None:
    for at, told in enumerate(ROWS[row.id]):
        cli.home = cli.home / f"run-{at}"
        cli.home.mkdir()
        async with Gitlab(**told.made) as gitlab:
            gitlab.switch(**told.rules)
            cli.registries = gitlab.settings()
            result = row.holds(await check(cli, gitlab, told.name, told.image, told.username))
            mine = [one for one in gitlab.refused_logins if one.secret_name == told.name and one.path.endswith("/jwt/auth")]
            assert len(mine) == told.refused
            assert told.words in result.shown["advice"] + result.shown.get("image", {}).get("advice", "")
            where_secrets_went(gitlab)
            note(row, result, gitlab)


def where_secrets_went(gitlab: Gitlab) -> None:
    """Basic by GET at the realm alone, and never `account`; nothing to the blobs' host; the secret's own header at the API alone."""
    assert gitlab.count(listener="cdn") == 0
    for one in gitlab.requests:
        assert one.authorization != "basic" or (one.method, one.path) == ("GET", f"{gitlab.root}/jwt/auth")
        assert "account" not in one.query
        if one.authorization == "none" and one.secret_name is not None:
            assert one.path == f"{gitlab.root}/api/v4/personal_access_tokens/self"


def note(row: Row, result: Result, gitlab: Gitlab) -> None:
    """The free text of these rows."""
    shown = result.shown
    match row.id:
        case "GITLAB-02":
            assert shown["hints"] == []
        case "GITLAB-09":
            assert "username_form" in shown["hints"]
            assert "username" in shown["cause"]
        case "GITLAB-10":
            assert gitlab.requests == []
        case "GITLAB-11":
            assert "use_a_token" in shown["hints"]
        case "GITLAB-17":
            assert shown["image"]["hints"] == ["public_image"]
        case "GITLAB-21":
            assert gitlab.count(path="/gitlab/api/v4/personal_access_tokens/self", status=200) == 1
            assert shown["expires_at"] == "2027-09-09T00:00:00Z"
        case "GITLAB-28":
            assert gitlab.refused_logins == ()
        case "GITLAB-34":
            assert 85 <= waits(result) <= 91
            assert gitlab.count(status=429) == 1
        case "GITLAB-35":
            assert shown["expires_at"] is None
            assert shown["hints"] == []
        case _:
            pass


def waits(result: Result) -> float:
    """Seconds from the check to `retry_at`."""
    from datetime import datetime

    return (datetime.fromisoformat(result.shown["retry_at"]) - datetime.fromisoformat(result.shown["checked_at"])).total_seconds()


@case("GITLAB-12")
@pytest.mark.parametrize("made", [{}, SELF], ids=["gitlab.com", "self-managed"])
async def test_forty_good_pairs_behind_a_ban_cost_one_probe(row: Row, made: dict[str, Any], cli: Cli) -> None:
    async with Gitlab(**made) as gitlab:
        cli.registries = gitlab.settings()
        host = gitlab.registry_host
        gitlab.ban()
        lasts = 3600 if made else 900
        first = row.holds(await check(cli, gitlab))
        assert lasts - 5 <= waits(first) <= lasts + 1
        for number in range(39):
            secret = letters(f"good {number}", 20, BASE64URL)
            gitlab.add(type(gitlab.secrets["good"])(name=f"good-{number}", secret=f"glpat-{secret}", roles={"group": "reporter"}))
            probed = await asked(cli, host, "alice", f"glpat-{secret}", f"{host}/{PRIVATE}" if number % 3 == 0 else None)
            row.agrees("credential", said(probed.verdict))
            assert probed.verdict.retry_after_s is not None
            assert lasts - 60 <= probed.verdict.retry_after_s <= lasts
            if probed.verdict.image is not None:
                assert said_of_image(probed.verdict) == row_word(row)
        assert gitlab.count(path="/jwt/auth", authorization="basic") == 1


def row_word(row: Row) -> str:
    """The one answer of a row about its credential: an image behind the same ban says the same."""
    (word,) = row.allowed("credential") or {""}
    return word


@case("GITLAB-16")
async def test_a_public_image_without_a_pair_sends_no_basic(row: Row, cli: Cli, gitlab: Gitlab) -> None:
    for asker in Asker:
        probed = await asked(cli, "registry.gitlab.com", "", "", f"registry.gitlab.com/{PUBLIC}", asker=asker)
        row.agrees("image", said_of_image(probed.verdict))
    assert gitlab.count(authorization="basic") == 0


@case("GITLAB-20")
async def test_a_realm_of_the_same_domain_and_one_of_another(row: Row, world: Any) -> None:
    """Realms by name: gitlab.example.com for registry.example.com is one domain; gitlab.evil.net is nobody's that we know."""
    from tests.cases.servers import BEARERS, demanding, refused, token

    registry, service = "registry.example.com", "container_registry"
    for at, realm in enumerate(("https://gitlab.example.com/jwt/auth", "https://gitlab.evil.net/jwt/auth")):
        names = ("registry.example.com", "gitlab.example.com", "gitlab.evil.net")
        answers = {"P": demanding(realm, service), "/jwt/auth": [token(BEARERS["+"]), refused()]}
        site = await world.serve(answers, *names)
        world.cli.registries = {}
        result = row.holds(await world.check(registry=registry, secret="glpat-" + letters("a realm", 20, BASE64URL)), at)
        assert result.shown["verdict"] == "valid" or site.secrets == []
        asked_at = {one.host for one in site.asked_of if one.wire.login()[0] == "basic"}
        assert asked_at == ({"gitlab.example.com"} if at == 0 else set())


@case("GITLAB-22")
async def test_kinds_that_cannot_pull_are_not_sent(row: Row, cli: Cli, gitlab: Gitlab) -> None:
    for prefix in ("glrt-", "glrtr-", "GR1348941", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-", "glwt-"):
        row.holds(await cli.check("registry.gitlab.com", "alice", prefix + letters(prefix, 20, BASE64URL)))
    assert gitlab.requests == []


@case("GITLAB-23")
async def test_a_routable_token_with_a_broken_checksum_is_asked_once(row: Row, cli: Cli, gitlab: Gitlab) -> None:
    whole = gitlab.secrets["routable"].secret
    broken = whole[:12] + ("a" if whole[12] != "a" else "b") + whole[13:]
    result = row.holds(await cli.check("registry.gitlab.com", "alice", broken))
    assert "looks_cut" in result.shown["hints"]
    assert gitlab.count(path="/jwt/auth", username="alice") == 1
    assert "looks_cut" not in (await check(cli, gitlab, "routable")).shown["hints"]


@case("GITLAB-24")
async def test_a_routable_token_is_masked_whole(row: Row, cli: Cli, gitlab: Gitlab) -> None:
    whole = gitlab.secrets["routable"].secret
    assert whole.count(".") == 2
    assert mask(f"denied for {whole}: see help") == f"denied for {MASK}: see help"
    echo = {"errors": [{"code": "UNAUTHORIZED", "message": whole}]}
    instead(gitlab.gitlab, lambda call: call.kind == "basic", lambda: web.json_response(echo, status=401))
    result = await cli.run("--log-level", "debug", "check", "registry.gitlab.com", "-u", "alice", "--secret-stdin", "--explain", stdin=whole)
    assert not [part for part in (whole, *whole.split(".")) if len(part) > 4 and part in result.out + result.err]
    row.agrees("credential", "nothing is claimed")
