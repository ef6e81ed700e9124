"""Token and Basic login by the generic rules: cases.md, GEN, through the command line against scripted registries."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest
from yarl import URL

from tests.cases.asking import pass_time
from tests.cases.rows import Row, case
from tests.cases.running import Cli, Result
from tests.cases.scripted import BEARER, REPOSITORY, SECRET, USERNAME, Answers, Say, Scripted, err, html, tok
from validator.credential import SecretKind
from validator.evidence import Demand, Evidence, Known, Party, Step, Subject
from validator.providers.generic import GENERIC
from validator.providers.plan import Auth, Plan, Seen, login

BASIC: Final = 'Basic realm="a registry"'
IMAGE: Final = f"{REPOSITORY}:1"


async def ask(
    cli: Cli, registry: Scripted, *, own: bool = False, image: bool = False, secret: str = SECRET, username: str = USERNAME, **said: Any
) -> Result:
    """One check at the scripted registry; `own` stores the path as the credential's scope."""
    cli.registries = registry.settings(**said)
    scope = f"{registry.host}/{REPOSITORY}" if own else registry.host
    return await cli.check(scope, username, secret, *(("--image", f"{registry.host}/{IMAGE}") if image else ()))


def jwt(**claims: Any) -> str:
    """A signed-looking JWT."""
    import json

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.{part('signature')}"


def granting(*actions: str) -> Say:
    """A token whose claims grant these actions."""
    access = [{"type": "repository", "name": REPOSITORY, "actions": list(actions)}] if actions else []
    return Say(body={"token": jwt(access=access)}, token="token")


BLANK: Final[tuple[Any, ...]] = ({}, {"token": ""}, {"token": 7}, [], b"")
LOGINS: Final[dict[str, list[Answers]]] = {
    "GEN-01": [{}],
    "GEN-02": [{"L+": err("UNAUTHORIZED")}],
    "GEN-03": [{"L+": Say(401, demand=BEARER)}],
    "GEN-04": [{"L!": tok()}],
    "GEN-07": [{"L+": err("UNAUTHORIZED"), "L!": tok()}],
    "GEN-08": [{"L!": tok()}],
    "GEN-09": [{"L!": Say(503)}],
    "GEN-10": [{"L+": tok("access_token")}],
    "GEN-12": [{"L+": Say(body=body)} for body in BLANK],
    "GEN-13": [
        {"L+": tok(expires_in=odd, issued_at=when)} for odd, when in ((0, "rubbish"), (-1, "2999-01-01T00:00:00Z"), ("300", None), (10**18, 7))
    ],
    "GEN-14": [{"P0": Say(401, demand=BASIC), "P+": Say(), "P!": Say(401, demand=BASIC)}],
    "GEN-15": [{"P0": Say(401, demand=BASIC), "P+": Say(401, demand=BASIC)}],
    "GEN-16": [{"P0": Say(401, demand=BASIC), "P+": Say(), "P!": Say()}],
    "GEN-17": [{"P0": Say(body={}), "P!": Say(body={}), "P+": Say(body={})}],
    "GEN-29": [{"L+": err("DENIED", 403)}],
    "GEN-30": [{"L+": Say(status, {"message": "?"})} for status in (400, 404, 405, 422)],
    "GEN-40": [{"L+": Say(405)}],
    "GEN-44": [{"P0": html(401, demand=BASIC), "P+": html(401, demand=BASIC)}],
    "GEN-46": [
        {"L+": err("UNAUTHORIZED", message="token expired")},
        {"L+": err("UNAUTHORIZED", message="this access token has been revoked")},
    ],
}


@case(*LOGINS)
async def test_login(row: Row, cli: Cli) -> None:
    for at, script in enumerate(LOGINS[row.id]):
        async with Scripted(dict(script)) as registry:
            result = row.holds(await ask(cli, registry), at)
            if row.id == "GEN-17":
                assert registry.count("P+", "L+", "T+") == 0
            if row.id == "GEN-46":
                assert registry.count("L+") == 1
            if result.shown["verdict"] == "invalid":
                assert "new_key" in result.shown["hints"]


@pytest.mark.parametrize("kind", SecretKind)
@pytest.mark.parametrize("party", Party)
@pytest.mark.parametrize("step", [Step.LOGIN, Step.SCOPED])
def test_a_password_never_goes_by_post(step: Step, party: Party, kind: SecretKind) -> None:
    """GEN-40's note. Only what the store says is an identity token is traded in, in a form; it stands in no header."""
    bearer = Demand(scheme="bearer", realm=URL("https://reg.test/token"), service="s")
    subject = Subject(host="reg.test", repository="team/app", sent_as=kind)
    ask = login(Seen(Plan(provider=GENERIC, registry=URL("https://reg.test/")), Evidence(subject, Known(challenge=bearer))), party, step)
    token = kind is SecretKind.IDENTITY_TOKEN and party is not Party.ANONYMOUS
    assert (ask.method, ask.auth is Auth.REFRESH, bool(ask.form)) == (("POST", True, True) if token else ("GET", False, False))


CHALLENGES: Final[dict[str, Any]] = {
    "GEN-19": lambda realm: [f'Negotiate, Bearer realm="{realm}"'],
    "GEN-20": lambda realm: ['Basic realm="x"', f'Bearer realm="{realm}",service="registry"'],
    "GEN-21": lambda realm: [f"bEaReR REALM={realm},service=plain-token"],
    "GEN-22": lambda realm: [f'Bearer realm="{realm}",service="a\\"b, c"'],
    "GEN-24": lambda realm: [f'Bearer realm="{realm}?service=x&k=1",service="registry"'],
    "GEN-25": lambda realm: [f'Bearer realm="{realm}"'],
}


@case(*CHALLENGES)
async def test_challenge(row: Row, cli: Cli) -> None:
    async with Scripted({}, CHALLENGES[row.id]) as registry:
        row.holds(await ask(cli, registry))
        sent = registry.queries[0]
        if row.id == "GEN-20":
            assert registry.count("P+") == 0
        if row.id == "GEN-21":
            assert sent == [("service", "plain-token")]
        if row.id == "GEN-22":
            assert sent == [("service", 'a"b, c')]
        if row.id == "GEN-24":
            assert sorted(sent) == [("k", "1"), ("service", "registry")]
        if row.id == "GEN-25":
            assert sent == []


@case("GEN-23")
async def test_a_relative_realm_is_the_registrys_own(row: Row, cli: Cli) -> None:
    async with Scripted({}, lambda realm: ['Bearer realm="/token",service="r"']) as registry:
        row.holds(await ask(cli, registry))
        assert registry.count("L+") == 1


UNUSABLE: Final[tuple[Any, ...]] = (
    lambda realm: [f'Bearer realm="{realm}",realm="{realm}"'],
    lambda realm: ['Bearer service="x"'],
    lambda realm: ["Negotiate"],
    lambda realm: [],
)


@case("GEN-26")
@pytest.mark.parametrize("demand", UNUSABLE, ids=("realm twice", "no realm", "negotiate", "no field"))
async def test_an_unusable_challenge_gets_no_secret(row: Row, demand: Any, cli: Cli) -> None:
    async with Scripted({}, demand) as registry:
        row.holds(await ask(cli, registry))
        assert registry.count("L+", "T+", "P+") == 0


@case("GEN-35", "GEN-36", "GEN-48")
async def test_what_cannot_work_is_not_sent(row: Row, cli: Cli) -> None:
    pairs = {
        "GEN-35": [(USERNAME, ""), (USERNAME, "  \t")],
        "GEN-36": [
            ("a:b", "x"),
            ("a\x00b", "x"),
            ("a\rb", "x"),
            ("a\nb", "x"),
            ("a\x7f", "x"),
            ("a", "x\x00y"),
            ("a", "x\x7f"),
            ("a", "x\ry"),
            ("a", "x\ny"),
        ],
        "GEN-48": [("", "x")],
    }
    async with Scripted({}) as registry:
        for username, secret in pairs[row.id]:
            row.holds(await ask(cli, registry, username=username, secret=secret))
        assert registry.seen == []


@case("GEN-37")
async def test_a_secret_is_sent_with_its_blanks(row: Row, cli: Cli) -> None:
    for secret in (SECRET + " ", SECRET + "\n\n"):
        async with Scripted({"L!": err("UNAUTHORIZED")}) as registry:
            result = row.holds(await ask(cli, registry, secret=secret))
            assert "whitespace" in result.shown["hints"]
            assert registry.count("L!") == 2


@case("GEN-38")
async def test_the_pair_goes_out_in_utf8(row: Row, cli: Cli) -> None:
    async with Scripted({"L!": [tok(), err("UNAUTHORIZED")]}) as registry:
        row.holds(await ask(cli, registry, username="jürgen", secret="geheim§"))
        wanted = base64.b64encode("jürgen:geheim§".encode()).decode()
        assert registry.headers[1]["Authorization"] == f"Basic {wanted}"


@case("GEN-39")
async def test_another_vendors_form_may_be_right_at_an_unlisted_host(row: Row, cli: Cli) -> None:
    async with Scripted({"L!": [tok(), err("UNAUTHORIZED")]}) as registry:
        row.holds(await ask(cli, registry, secret="glpat-abcdefghijklmnopqrst"))


@case("GEN-41", "GEN-50")
async def test_an_old_challenge_is_asked_again(row: Row, cli: Cli) -> None:
    cli.pace["challenge_fresh_s"] = 86_400
    services = iter(["old", "new", "new"])
    async with Scripted({}, lambda realm: [f'Bearer realm="{realm}",service="{next(services)}"']) as registry:
        await ask(cli, registry)
        await age_challenge(cli)
        registry.seen.clear()
        registry.queries.clear()
        registry.script["L+"] = [Say(400) if row.id == "GEN-41" else err("UNAUTHORIZED"), tok()]
        row.holds(await ask(cli, registry))
        assert registry.count("L+") == 2
        assert [dict(query)["service"] for query in registry.queries[:2]] == ["old", "new"]
        registry.seen.clear()
        row.holds(await ask(cli, registry))
        assert registry.seen == ["L+"], "the new challenge is kept, and one request is enough"


async def age_challenge(cli: Cli) -> None:
    """Let an hour pass over the kept challenge."""
    import sqlite3

    with sqlite3.connect(cli.home / "validator.db") as database:
        database.execute("UPDATE challenges SET at = datetime(at, '-1 hour')")
    database.close()


@case("GEN-45")
async def test_somebody_who_waits_gets_one_repeat(row: Row, cli: Cli) -> None:
    async with Scripted({"L+": [err("UNAUTHORIZED"), tok()]}) as registry:
        row.holds(await ask(cli, registry), 0)
    async with Scripted({"L+": err("UNAUTHORIZED")}) as registry:
        result = row.holds(await ask(cli, registry), 1)
        assert registry.count("L+") == 2
        assert result.shown["hints"] == ["new_key"]


@case("GEN-47")
async def test_a_403_twice_apart_is_a_login_that_is_denied(row: Row, cli: Cli) -> None:
    cli.pace["confirm_after_s"] = 1
    async with Scripted({"L+": [tok(), err("DENIED", 403)]}) as registry:
        assert (await ask(cli, registry)).credential == "valid (login_accepted)"
        assert (await ask(cli, registry)).credential == "unknown (ambiguous_refusal)"
        pass_time(cli, 60)
        row.holds(await ask(cli, registry))


@case("GEN-51")
async def test_without_a_ledger_no_control_is_made(row: Row, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.probe.places.is_loopback", lambda url: False)
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        for ephemeral in (("--ephemeral",),):
            result = await cli.check(registry.host, USERNAME, SECRET, "--image", f"{registry.host}/{IMAGE}", *ephemeral)
            row.holds(result)
        assert registry.count("L!", "T!") == 0
