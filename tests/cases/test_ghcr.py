"""GHCR: the rows of ghcr.md section 10, against the emulated GitHub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from aiohttp import web

from tests.cases.asking import asked, instead, pass_time, said, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import Cli, Result
from validator.emulator import Ghcr
from validator.emulator.ghcr import Package, world
from validator.evidence import Asker, Demand, Evidence, Exchange, Grant, Known, Party, Step, Subject
from validator.logs import MASK, mask
from validator.providers.ghcr import GHCR, look
from validator.status import State, Transition, advance
from validator.verdict import ImageOutcome, decide

PENDING: Final = {
    "GHCR-16": "a canary's own pull: with the sweep; here the registry refuses the token that it gives to nobody for public packages",
    "GHCR-20": "one notice: with the sweep; here its transition, once",
}
NOT_ASSERTABLE: Final = {
    "GHCR-26": "suspended: nobody knows what GitHub says then; the row claims nothing",
}


@pytest.fixture
async def ghcr(cli: Cli) -> AsyncIterator[Ghcr]:
    async with Ghcr() as emulated:
        cli.registries = emulated.settings()
        yield emulated


async def check(cli: Cli, ghcr: Ghcr, name: str = "good", image: str | None = None, username: str = "octo") -> Result:
    return await cli.check("ghcr.io", username, ghcr.secret(name), *(("--image", f"ghcr.io/{image}") if image else ()))


@dataclass(frozen=True)
class Asked:
    """A row as one check of a planted token; `refused` logins at the registry are what it may cost at most."""

    name: str = "good"
    image: str | None = None
    username: str = "octo"
    rules: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    long_ghs: bool = True
    refused: int = 1
    """The made-up one of a first check, or the stored one."""


ROWS: Final[dict[str, list[Asked]]] = {
    "GHCR-01": [Asked()],
    "GHCR-02": [Asked(image="octo/app:1")],
    "GHCR-03": [Asked("expired")],
    "GHCR-04": [Asked("expired", "octo/public:1")],
    "GHCR-05": [Asked("regenerated")],
    "GHCR-06": [Asked(name, "octo/app:1") for name in ("scopeless", "repo_only")],
    "GHCR-07": [Asked("fine_grained", "octo/app:1")],
    "GHCR-08": [Asked("installation", "octo/app:1", long_ghs=long) for long in (True, False)],
    "GHCR-11": [Asked(image="sso-org/app:1", rules={"sso_status": status}) for status in (403, 401)],
    "GHCR-12": [Asked(image="hubot/private:1")],
    "GHCR-16": [Asked(image="octo/public:1", rules={"incident": "public_401"})],
    "GHCR-18": [Asked(image="octo/public:1"), Asked(image="octo/public:single")],
    "GHCR-21": [Asked(username="somebody-else"), Asked(username="oauth2"), Asked(username="")],
    "GHCR-24": [Asked("endless", "strict-org/app:1")],
    "GHCR-25": [
        Asked("expired", rules={"token_endpoint": "echoes"}, refused=0),
        Asked("expired", "octo/app:1", rules={"token_endpoint": "echoes"}, settings={"introspect": False}, refused=0),
    ],
    "GHCR-27": [Asked(rules={"incident": "token_403_all"}, refused=2)],
}
EACH: Final = frozenset({"GHCR-25"})
"""Rows whose answers stand for one situation each; of all others each check answers the whole row."""


@case(*ROWS)
async def test_row(row: Row, cli: Cli) -> None:
    for at, told in enumerate(ROWS[row.id]):
        cli.home = cli.home / f"run-{at}"
        cli.home.mkdir()
        async with Ghcr(long_ghs=told.long_ghs) as ghcr:
            ghcr.switch(**told.rules)
            cli.registries = {"ghcr.io": {**ghcr.settings()["ghcr.io"], **told.settings}}
            result = row.holds(await check(cli, ghcr, told.name, told.image, told.username), at if row.id in EACH else 0)
            assert len([one for one in ghcr.refused_logins if one.listener == "registry"]) == told.refused
            assert ghcr.count(listener="cdn") == 0
            where_secrets_went(ghcr)
            note(row, result, ghcr)


def where_secrets_went(ghcr: Ghcr) -> None:
    """Basic at `/token` alone, bearers at manifests and the API alone, and all four media types in every Accept."""
    for one in ghcr.requests:
        match one.listener, one.authorization:
            case "registry", "basic":
                assert (one.method, one.path) == ("GET", "/token")
                assert one.query["service"] == ("ghcr.io",)
            case "registry", "bearer":
                assert "/manifests/" in one.path
            case "api", kind:
                assert kind == "bearer"
            case _:
                assert one.authorization == "none"


def note(row: Row, result: Result, ghcr: Ghcr) -> None:
    """The free text of these rows."""
    shown = result.shown
    match row.id:
        case "GHCR-01":
            ends = ghcr.tokens["good"].expires_at
            assert ends is not None
            assert datetime.fromisoformat(shown["expires_at"]) == datetime.fromtimestamp(int(ends), UTC)
        case "GHCR-04":
            assert shown["image"]["hints"] == ["public_image"]
        case "GHCR-03" | "GHCR-05":
            assert "regenerated" in shown["advice"]
            assert "https://github.com/settings/tokens/new" in shown["advice"]
        case "GHCR-07" | "GHCR-08":
            assert "classic" in shown["advice"]
        case "GHCR-11":
            assert "Configure SSO" in shown["advice"]
        case "GHCR-18":
            assert ghcr.count(method="HEAD", status=404) == 0
        case "GHCR-21":
            assert set(shown["hints"]) <= {"username_differs"}
            assert "username" not in shown["cause"] + shown["advice"]
        case _:
            pass


@case("GHCR-09")
async def test_a_jobs_token_is_short_lived_alive_and_dead(row: Row, cli: Cli) -> None:
    for at, name in enumerate(("job", "installation")):
        cli.home = cli.home / f"run-{at}"
        cli.home.mkdir()
        async with Ghcr() as ghcr:
            cli.registries = ghcr.settings()
            row.holds(await check(cli, ghcr, name), 0)
            ghcr.change(name, state="expired")
            result = row.holds(await check(cli, ghcr, name), 1)
            assert "machine account" in result.shown["advice"]


@case("GHCR-10")
async def test_the_long_installation_token_is_known_and_masked_whole(row: Row, cli: Cli, ghcr: Ghcr) -> None:
    secret = ghcr.secret("installation")
    assert 480 <= len(secret) <= 600
    assert (look("octo", secret).fault, look("octo", secret).kind) == ("", "installation token")
    assert mask(f"the token {secret}, said the proxy") == f"the token {MASK}, said the proxy"
    result = await check(cli, ghcr, "installation")
    assert result.shown["reason"] == "short_lived"
    row.agrees("credential", result.credential)


@case("GHCR-13")
async def test_nobody_and_no_such_package(row: Row, cli: Cli, ghcr: Ghcr) -> None:
    for asker in (Asker.PREFLIGHT, Asker.CHECK, Asker.SWEEP):
        probed = await asked(cli, "ghcr.io", "", "", "ghcr.io/octo/nothing:1", asker=asker)
        row.agrees("image", said_of_image(probed.verdict))
    cause, advice = words_of_image("no_credential")
    assert "private, or no such image" in cause
    assert "name" in advice
    assert {one.authorization for one in ghcr.requests} == {"none"}


def words_of_image(reason: str) -> tuple[str, str]:
    from validator.verdict import Reason
    from validator.verdict.words import cause_and_advice

    return cause_and_advice(Reason(reason), GHCR.causes, GHCR.advice)


@case("GHCR-14")
async def test_only_what_the_token_endpoint_gave_goes_to_a_manifest(row: Row, cli: Cli, ghcr: Ghcr) -> None:
    """GHCR reads `Bearer base64(anything)` as anonymous at public packages: it would prove nothing, so it is not done."""
    instead(ghcr.registry, lambda call: call.path == "/token" and call.kind == "basic", lambda: web.json_response({"token": "b3BhcXVlLW9uZQ=="}))
    ghcr.plant("what /token gave", "b3BhcXVlLW9uZQ==")
    result = await check(cli, ghcr, "good", "octo/public:1")
    assert {one.secret_name for one in ghcr.requests if one.listener == "registry" and one.authorization == "bearer"} <= {
        "what /token gave",
        "unknown",
    }
    assert ghcr.count(secret_name="bearer of good") == 0
    dead = await check(cli, ghcr, "expired", "octo/public:1")
    assert (result.shown["level"], dead.shown["level"]) == ("login", None), "GitHub itself vouches for the one, a public pull for neither"
    row.agrees("credential", dead.credential)


BROKEN: Final = {
    "39 characters": lambda good: good[:-1],
    "41 characters": lambda good: good + "x",
    "a letter mistyped": lambda good: good[:9] + ("a" if good[9] != "a" else "b") + good[10:],
    "the checksum cut and padded": lambda good: good[:34] + "000000",
    "with quotes": lambda good: good[:4] + '"' + good[5:],
}


@case("GHCR-15")
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_token_that_fails_its_form_is_not_sent(row: Row, broken: Any, cli: Cli, ghcr: Ghcr) -> None:
    result = row.holds(await cli.check("ghcr.io", "octo", broken(ghcr.secret("good"))))
    assert ghcr.requests == []
    assert "40 characters" in result.shown["advice"]


@case("GHCR-16")
def test_a_canary_that_may_not_pull_either_shows_illness(row: Row) -> None:
    demand = Demand(scheme="bearer")
    login = Exchange(step=Step.LOGIN, party=Party.SUBJECT, method="GET", url="https://ghcr.io/token", status=200, authorized=True, grant=Grant())

    def pull(party: Party) -> Exchange:
        return Exchange(
            step=Step.PULL, party=party, method="HEAD", url="https://ghcr.io/v2/o/i/manifests/1", status=401, authorized=True, repository="o/i"
        )

    subject = Subject(host="ghcr.io", username="octo", repository="o/i", reference="1", asker=Asker.SWEEP)
    evidence = Evidence(subject, Known(challenge=demand, ever_valid=True), (login, pull(Party.SUBJECT), pull(Party.CANARY)))
    verdict = decide(evidence, GHCR.traits, GHCR.table)
    row.agrees("credential", said(verdict))
    row.agrees("image", said_of_image(verdict))


@case("GHCR-17")
async def test_one_spurious_denial_is_a_contradiction_and_nobody_is_told(row: Row, cli: Cli, ghcr: Ghcr) -> None:
    ghcr.registry.switch(spurious_401_once="/token")
    first = await asked(cli, "ghcr.io", "octo", ghcr.secret("good"))
    row.agrees("credential", said(first.verdict), 0)
    assert ghcr.count(path="/token", status=403) == ghcr.count(path="/user", status=200) == 1
    second = await asked(cli, "ghcr.io", "octo", ghcr.secret("good"))
    row.agrees("credential", said(second.verdict), 1)
    at = datetime(2026, 11, 23, 2, tzinfo=UTC)
    one = advance(None, first.verdict, at=at, confirm_after_s=600, healthy=True, sent=True)
    two = advance(one.standing, second.verdict, at=at, confirm_after_s=600, healthy=True, sent=True)
    assert (one.transition, two.transition, two.standing.state) == (Transition.NONE, Transition.NONE, State.ALIVE)


@case("GHCR-19")
@pytest.mark.parametrize("at_token", [False, True], ids=("at the ping", "at /token"))
async def test_a_429_with_microseconds_is_a_throttle(row: Row, at_token: bool, cli: Cli, ghcr: Ghcr) -> None:
    if at_token:
        text = '{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 880.092µs, allowed: 44000/minute"}]}'
        instead(ghcr.registry, lambda call: call.path == "/token", lambda: web.Response(status=429, text=text, content_type="application/json"), 1)
    else:
        ghcr.switch(rate_429=1)
    first = row.holds(await check(cli, ghcr), 0)
    assert first.shown["retry_at"] > first.shown["checked_at"]
    assert ghcr.count(listener="registry") == (2 if at_token else 1)
    row.holds(await check(cli, ghcr), 1)
    assert ghcr.count(listener="registry", status=429) == 1


@case("GHCR-20")
@pytest.mark.parametrize("header", ["utc", "offset"])
async def test_a_near_end_is_told_once(row: Row, header: str, cli: Cli, ghcr: Ghcr) -> None:
    ghcr.switch(expiration_header=header)
    ends = datetime.fromtimestamp(int(ghcr.tokens["expiring"].expires_at or 0), UTC)
    result = row.holds(await check(cli, ghcr, "expiring"))
    assert datetime.fromisoformat(result.shown["expires_at"]) == ends
    standing, told = None, []
    for _ in range(3):
        probed = await asked(cli, "ghcr.io", "octo", ghcr.secret("expiring"))
        assert probed.verdict.expires_at == ends, "the ledger keeps it between two looks"
        step = advance(standing, probed.verdict, at=datetime.now(UTC), confirm_after_s=600, healthy=True, sent=True)
        standing = step.standing
        told.append(step.transition)
    assert told == [Transition.EXPIRING, Transition.NONE, Transition.NONE]
    assert ghcr.count(path="/user") == 1


@case("GHCR-22")
async def test_an_upper_case_name_is_no_reference(row: Row, cli: Cli, ghcr: Ghcr) -> None:
    result = row.holds(await check(cli, ghcr, "good", "Org/Img"))
    assert "lower case" in result.shown["image"]["advice"]
    assert not [one for one in ghcr.requests if "/manifests/" in one.path]


@case("GHCR-23")
async def test_an_opinion_that_is_never_heard_leaves_it_to_the_second_refusal(row: Row, cli: Cli, ghcr: Ghcr) -> None:
    cli.more = {"timeouts": {"connect_s": 0.4, "total_s": 0.4}}
    ghcr.api.switch(outage="timeout")
    secret = ghcr.secret("expired")
    row.agrees("credential", said((await asked(cli, "ghcr.io", "octo", secret)).verdict), 0)
    pass_time(cli, 10)
    row.agrees("credential", said((await asked(cli, "ghcr.io", "octo", secret)).verdict), 1)


@case("GHCR-26")
async def test_a_removed_member_is_alive_and_may_not_pull(row: Row, cli: Cli, ghcr: Ghcr) -> None:
    ghcr.publish(Package(name="corp/app", readers=frozenset({"hubot"}), tags=world.default_packages()[0].tags))
    result = row.holds(await check(cli, ghcr, "good", "corp/app:1"), 0)
    assert result.shown["verdict"] == "valid"
    assert result.shown["image"]["outcome"] == ImageOutcome.DENIED
