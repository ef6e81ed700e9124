"""NVIDIA NGC: the rows that no single check shows: a sweep's, an image's alone, other hosts', and what is decided without a wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from pydantic import SecretStr

from tests.cases.asking import asked, inquiry, pass_time, probing, said, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import Cli
from validator.credential import Host
from validator.emulator import Ghcr, Ngc
from validator.emulator.ngc import USERNAME
from validator.evidence import Asker, Evidence, Exchange, Grant, Known, Party, Step, Subject
from validator.protocol.errcode import BodyShape
from validator.providers.ngc import NGC
from validator.verdict import Hint, Outcome, Verdict, decide

PENDING: Final = {
    "NGC-21": "quarantine, nobody mailed: with the sweep",
    "NGC-22": "no notice: with the sweep",
    "NGC-34": "which key is sent for an image: with the pre-flight",
    "NGC-35": "one probe for 40 users: with the sweep",
    "NGC-36": "the stale verdict is discarded: with the sweep",
}


@pytest.fixture
async def ngc(cli: Cli) -> AsyncIterator[Ngc]:
    async with Ngc() as emulated:
        cli.registries = emulated.settings()
        yield emulated


def judged(*exchanges: Exchange, subject: Subject | None = None, known: Known | None = None) -> Verdict:
    """What NGC's table says of these exchanges."""
    subject = subject or Subject(host="nvcr.io", username=USERNAME, kind="nvapi", introspect=True, asker=Asker.SWEEP)
    return decide(Evidence(subject, known or Known(ever_valid=True), exchanges), NGC.traits, NGC.table)


def login(status: int, party: Party = Party.SUBJECT, *, authorized: bool = True) -> Exchange:
    """A token request without scope and its answer."""
    grant = Grant() if status == 200 else None
    url = "https://nvcr.io/proxy_auth"
    shape = BodyShape.JSON if status == 200 else BodyShape.EMPTY
    return Exchange(step=Step.LOGIN, party=party, method="GET", url=url, status=status, authorized=authorized, shape=shape, grant=grant)


@case("NGC-15")
def test_an_answer_to_a_request_without_the_secret_says_nothing_of_it(row: Row) -> None:
    """The row claims no verdict; its note does: never valid."""
    refused = login(401, Party.CONTROL)
    assert judged(login(200), refused).outcome is Outcome.VALID
    verdict = judged(login(200, authorized=False), refused)
    assert verdict.outcome is Outcome.UNKNOWN
    assert judged(login(401, authorized=False), refused).outcome is Outcome.UNKNOWN
    assert row.note.startswith("never valid")


@case("NGC-21")
async def test_when_everybody_is_refused_it_is_the_registry(row: Row, cli: Cli, ngc: Ngc) -> None:
    fresh = Known(ever_valid=True, challenge_age_s=0)
    row.agrees("credential", said(judged(login(401), login(401, Party.CANARY), known=fresh)))
    ngc.registry.switch(outage_401=True)
    row.holds(await cli.check("nvcr.io", USERNAME, ngc.keys["good"].secret))
    assert ngc.count(authorization="basic") == 1, "no repeat at a registry that is ill"
    assert ngc.count(path="/proxy_auth", authorization="none") == 1


@case("NGC-22")
@pytest.mark.parametrize("formerly_valid", [True, False], ids=["formerly valid", "new"])
async def test_one_spurious_401_is_no_death(row: Row, formerly_valid: bool, cli: Cli, ngc: Ngc) -> None:
    good = ngc.keys["good"].secret
    if formerly_valid:
        await asked(cli, "nvcr.io", USERNAME, good)
    ngc.registry.switch(spurious_401_once=True)
    row.agrees("credential", said((await asked(cli, "nvcr.io", USERNAME, good)).verdict), 0)
    row.agrees("credential", said((await asked(cli, "nvcr.io", USERNAME, good)).verdict), 1)
    assert ngc.count(secret_name="good", status=401) == 1


@case("NGC-22")
async def test_who_waits_hears_nothing_of_a_spurious_401(row: Row, cli: Cli, ngc: Ngc) -> None:
    ngc.registry.switch(spurious_401_once=True)
    row.holds(await cli.check("nvcr.io", USERNAME, ngc.keys["good"].secret), 1)


@case("NGC-29")
async def test_a_throttle_pauses_the_lane(row: Row, cli: Cli, ngc: Ngc) -> None:
    slept: list[float] = []
    clock, started = [0.0], datetime.now(UTC)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    ngc.registry.switch(throttle=1, retry_after="30")
    async with probing(cli, sleep) as given:
        probe = replace(given, monotonic=lambda: clock[0], now=lambda: started + timedelta(seconds=clock[0]))
        probed = await probe.ask(inquiry("nvcr.io", USERNAME, ngc.keys["good"].secret))
        row.agrees("credential", said(probed.verdict))
        assert probed.verdict.retry_after_s == 30
        ngc.registry.calm()
        after = await probe.ask(inquiry("nvcr.io", USERNAME, ngc.keys["good_service"].secret))
    assert after.verdict.outcome is Outcome.VALID
    assert max(slept) == pytest.approx(30, abs=0.1)
    assert ngc.count(status=429) == 1


@case("NGC-29")
async def test_a_throttled_check_says_when_to_ask_again(row: Row, cli: Cli, ngc: Ngc) -> None:
    ngc.registry.switch(throttle=1, retry_after="30")
    result = row.holds(await cli.check("nvcr.io", USERNAME, ngc.keys["good"].secret))
    shown = result.shown
    assert datetime.fromisoformat(shown["retry_at"]) - datetime.fromisoformat(shown["checked_at"]) == timedelta(seconds=30)
    assert ngc.count(authorization="basic") == 1, "nothing is sent again"


@case("NGC-32")
async def test_a_service_key_is_nobodys_own(row: Row, cli: Cli, ngc: Ngc) -> None:
    """Whose key it is only the introspection tells, and it is asked after a refusal alone: from then on it is known."""
    ngc.registry.switch(spurious_401_once=True)
    key = ngc.keys["good_service"].secret
    for _ in range(2):
        result = row.holds(await cli.check("nvcr.io", USERNAME, key))
        assert result.shown["hints"] == [Hint.OWNER_OTHER]
    assert ngc.count(listener="api") == 1
    assert not any("your" in text.lower() for text in (*NGC.causes.values(), *NGC.advice.values()))


@case("NGC-34")
async def test_an_image_that_no_credential_matches_is_asked_for_without(row: Row, cli: Cli, ngc: Ngc) -> None:
    probed = await asked(cli, "nvcr.io", "", "", "nvcr.io/nvidia/cuda:latest", asker=Asker.PREFLIGHT)
    row.agrees("image", said_of_image(probed.verdict))
    assert {request.authorization for request in ngc.requests} == {"none", "bearer"}
    assert {request.secret_name for request in ngc.requests} == {None, "bearer of anonymous"}
    outside = await cli.check("nvcr.io/acme", USERNAME, ngc.keys["good"].secret, "--image", "nvcr.io/nvidia/cuda:latest")
    assert outside.code == 2
    assert ngc.count(secret_name="good") == 0


@case("NGC-35")
async def test_forty_users_of_one_key_are_one_question(row: Row, cli: Cli, ngc: Ngc) -> None:
    async with probing(cli) as probe:
        key = SecretStr(ngc.keys["good"].secret)
        marks = {probe.fingerprinter.of(Host("nvcr.io"), USERNAME, key) for _ in range(40)}
        assert len(marks) == 1
        others = {probe.fingerprinter.of(Host(host), user, key) for host, user in (("stg.nvcr.io", USERNAME), ("nvcr.io", "x"))}
        assert len(others | marks) == 3
    assert row.allowed("credential") is None


@case("NGC-36")
def test_a_key_that_was_replaced_meanwhile_is_not_judged(row: Row) -> None:
    subject = Subject(host="nvcr.io", username=USERNAME, fault="rotated", asker=Asker.SWEEP)
    for status in (200, 401):
        row.agrees("credential", said(judged(login(status), login(401, Party.CONTROL), subject=subject)))


@case("NGC-38")
async def test_a_silent_introspection_leaves_it_to_the_second_refusal(row: Row, cli: Cli, ngc: Ngc) -> None:
    ngc.api.switch(outage="503")
    key = ngc.keys["deleted"].secret
    first = await asked(cli, "nvcr.io", USERNAME, key)
    row.agrees("credential", said(first.verdict), 0)
    pass_time(cli, 15)
    row.agrees("credential", said((await asked(cli, "nvcr.io", USERNAME, key)).verdict), 1)
    assert (len(ngc.refused_logins), ngc.count(listener="api")) == (2, 2)


@case("NGC-39")
async def test_an_ngc_key_is_not_sent_to_another_vendor(row: Row, cli: Cli) -> None:
    async with Ngc() as ngc, Ghcr() as ghcr:
        cli.registries = {**ngc.settings(), **ghcr.settings()}
        row.holds(await cli.check("ghcr.io", "jane", ngc.keys["good"].secret))
        row.holds(await cli.check("ghcr.io", "jane", f" {ngc.keys['functions_only'].secret}"))
        assert (ngc.requests, ghcr.requests) == ([], [])


@case("NGC-40")
async def test_the_staging_registry_is_one_of_its_own(row: Row, cli: Cli, ngc: Ngc) -> None:
    """The row claims no verdict; its notes do: the same rules, its own hosts, and neither's key at the other's."""
    staging = {"endpoint": ngc.registry.url(), "plain_http": True, "allow_private": True, "provider": "ngc"}
    cli.registries = {"stg.nvcr.io": staging, "nvcr.io": {**staging, "endpoint": ngc.foreign.url()}}
    key = ngc.keys["good"].secret
    assert (await cli.check("stg.nvcr.io", USERNAME, key)).credential == "valid (login_accepted)"
    assert (await cli.check("stg.nvcr.io", "jane@example.org", key)).credential == "misconfigured (wrong_username)"
    await cli.check("stg.nvcr.io", USERNAME, ngc.keys["deleted"].secret)
    assert ngc.count(listener="api") == 0, "the production introspection is not the staging one's"
    ngc.requests.clear()
    assert (await cli.check("nvcr.io", USERNAME, key, "--image", "stg.nvcr.io/acme/app:1.0")).code == 2
    assert ngc.requests == []
    ngc.quirk(realm="new")
    pass_time(cli, 10)
    assert (await cli.check("stg.nvcr.io", USERNAME, key)).credential == "unknown (unsafe_realm)"
    assert {request.authorization for request in ngc.requests} == {"none"}
    assert row.note.endswith("production key not sent")


def test_no_host_of_staging_is_productions() -> None:
    assert {str(host) for host in NGC.hosts} | set(NGC.realm_hosts) == {"nvcr.io", "authn.nvidia.com"}
    assert NGC.introspection is not None
    assert str(NGC.introspection.url).rstrip("/") == "https://api.ngc.nvidia.com"
