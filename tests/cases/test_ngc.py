"""NVIDIA NGC: the rows of ngc.md section 10 that the command line answers, against the emulated NGC."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from aiohttp import web

from tests.cases.asking import instead, pass_time
from tests.cases.rows import Row, case
from tests.cases.running import Cli, Result
from validator.emulator import Ngc
from validator.emulator.ngc import USERNAME, Key

PENDING: Final = {
    "NGC-03": "one notice: with the sweep",
}
NOT_ASSERTABLE: Final[dict[str, str]] = {}


@pytest.fixture
async def ngc(cli: Cli) -> AsyncIterator[Ngc]:
    async with Ngc() as emulated:
        cli.registries = emulated.settings()
        yield emulated


async def check(cli: Cli, secret: str, image: str | None = None, username: str = USERNAME, scope: str = "nvcr.io") -> Result:
    """One check of a key at nvcr.io; the image without the host."""
    return await cli.check(scope, username, secret, *(("--image", f"nvcr.io/{image}") if image else ()))


@dataclass(frozen=True)
class Asked:
    """A row as one check of a planted key (or of `secret`): the emulator's quirks, and what is told of the request counts."""

    key: str = "good"
    image: str | None = None
    quirks: dict[str, Any] = field(default_factory=dict)
    refused: int = 0
    opinions: int = 0


ROWS: Final[dict[str, list[Asked]]] = {
    "NGC-01": [Asked(refused=1)],
    "NGC-02": [Asked(image="acme/app:1.0", refused=1)],
    "NGC-05": [Asked("expired", refused=1, opinions=1)],
    "NGC-06": [
        Asked("functions_only", quirks={"serviceless": "401"}, refused=2, opinions=1),
        Asked("functions_only", image="acme/app:1.0", quirks={"serviceless": "login_ok"}, refused=1),
    ],
    "NGC-07": [Asked("catalog_only", "acme/app:1.0", refused=1)],
    "NGC-08": [Asked("other_org", "acme/app:1.0", refused=1)],
    "NGC-09": [Asked("other_org", "nvidia/cloud-native/k8s-cc-manager:latest", refused=1)],
    "NGC-10": [Asked("deleted", "nvidia/cuda:12.4.1-base-ubuntu22.04", refused=1, opinions=1)],
    "NGC-16": [Asked(image="nim/baai/bge-m3", refused=1)],
    "NGC-17": [Asked(image="nim/mistralai/mistral-7b-instruct", refused=1)],
    "NGC-18": [Asked(image="nim/meta/llama-4-maverick", refused=1)],
    "NGC-19": [Asked(image="acme/app:gone", refused=1)],
    "NGC-24": [Asked(quirks={"realm": "new"}, refused=1)],
    "NGC-26": [Asked(refused=1)],
    "NGC-28": [Asked("other_org", "acme/app:1.0", refused=1)],
    "NGC-31": [Asked("functions_only", refused=2, opinions=1)],
    "NGC-32": [Asked("good_service", refused=1)],
    "NGC-33": [Asked("owner_disabled", refused=1, opinions=1)],
    "NGC-41": [Asked(image="acme/made-up-xyz:latest", refused=1)],
}
"""`refused` counts the made-up secret of the control with the key's own refusals: each was really sent."""


@case(*ROWS)
async def test_row(row: Row, cli: Cli, ngc: Ngc) -> None:
    for at, told in enumerate(ROWS[row.id]):
        cli.home = cli.home / f"run-{at}"
        cli.home.mkdir()
        ngc.requests.clear()
        ngc.quirk(serviceless="401", realm="old")
        ngc.quirk(**told.quirks)
        result = row.holds(await check(cli, ngc.keys[told.key].secret, told.image), at)
        assert len(ngc.refused_logins) == told.refused
        assert ngc.count(listener="api") == told.opinions
        assert ngc.count(listener="foreign") == 0
        await note(row, result, ngc)


async def note(row: Row, result: Result, ngc: Ngc) -> None:
    """The free text of these rows."""
    shown = result.shown
    image = shown.get("image", {})
    match row.id:
        case "NGC-05":
            assert all(word in shown["cause"] for word in ("regenerated", "deleted", "expired", "left the org", "does not say which"))
        case "NGC-06" | "NGC-31":
            assert shown["verdict"] != "invalid"
        case "NGC-08" | "NGC-41":
            assert shown["level"] == "login"
        case "NGC-09":
            assert image["hints"] == ["scope_the_key"]
            assert "nvcr.io/<org>" in image["advice"]
        case "NGC-10":
            assert image["hints"] == ["public_image"]
        case "NGC-17":
            assert image["hints"] == ["terms"]
            assert "https://catalog.ngc.nvidia.com" in image["advice"]
            assert "terms" in image["advice"]
        case "NGC-24":
            logins = [one for one in ngc.requests if one.secret_name == "good"]
            assert [(one.listener, one.query["service"]) for one in logins] == [("authn", ("registry",))]
        case "NGC-26":
            assert [one.query for one in ngc.requests if one.path == "/proxy_auth"] == [{}, {}]
        case "NGC-28":
            assert {step["code"] for step in shown["evidence"] if step["status"] == 403} == {"DENIED"}
        case "NGC-32":
            assert "your key" not in f"{shown['cause']} {shown['advice']}".lower()
        case _:
            pass


@case("NGC-03", "NGC-04")
async def test_a_regenerated_key_is_refused_now_and_later(row: Row, cli: Cli, ngc: Ngc) -> None:
    legacy = row.id == "NGC-03"
    name = "good_legacy" if legacy else "good"
    ngc.regenerate(name)
    old = ngc.keys[f"{name}_old"].secret
    row.holds(await check(cli, old))
    assert len(ngc.refused_logins) == (2 if legacy else 1), "the one repeat; none where the introspection agrees"
    pass_time(cli, 15)
    row.holds(await check(cli, old))
    assert len(ngc.refused_logins) == (3 if legacy else 2), "the first refusal is remembered"
    assert ngc.count(listener="api") == (0 if legacy else 2)
    assert (await check(cli, ngc.keys[name].secret)).credential == "valid (login_accepted)"


JUNK: Final[dict[str, list[tuple[str, str]]]] = {
    "NGC-11": [("jane@example.org", ""), ("Jane.Doe+ngc@example.org", "")],
    "NGC-12": [("", ""), ("\\$oauthtoken", ""), ("$$oauthtoken", ""), ("oauthtoken", ""), ("'$oauthtoken'", ""), ("$OAUTHTOKEN", "")],
    "NGC-13": [(USERNAME, form) for form in ("pair", "bare", "quoted", "double quoted")],
    "NGC-14": [(USERNAME, form) for form in ("empty", "blank", "lines")],
}


def written(form: str, key: str) -> str:
    """A key as people store it wrongly."""
    forms = {
        "pair": base64.b64encode(f"{USERNAME}:{key}".encode()).decode(),
        "bare": base64.b64encode(key.encode()).decode(),
        "quoted": f"'{key}'",
        "double quoted": f'"{key}"',
        "empty": "",
        "blank": "   ",
        "lines": "\n\n\t\n",
    }
    return forms.get(form, key)


@case(*JUNK)
async def test_what_cannot_work_is_not_sent(row: Row, cli: Cli, ngc: Ngc) -> None:
    for username, form in JUNK[row.id]:
        for key in ("good", "good_legacy"):
            if form == "bare" and key == "good_legacy":
                continue  # base64 of base64 has no mark of its own
            result = row.holds(await check(cli, written(form, ngc.keys[key].secret), username=username))
            assert result.shown["evidence"] == []
    assert ngc.requests == []


@case("NGC-20")
async def test_a_bad_gateway_says_nothing_of_the_key(row: Row, cli: Cli, ngc: Ngc) -> None:
    ngc.registry.switch(outage="502")
    for _ in range(3):
        row.holds(await check(cli, ngc.keys["good"].secret))
    assert ngc.count(authorization="basic") == 0


@case("NGC-23")
async def test_a_stale_bearer_is_ours_and_a_fresh_one_is_got(row: Row, cli: Cli, ngc: Ngc) -> None:
    authn = ngc.authn.url("/token")
    stale = web.Response(
        status=401, headers={"WWW-Authenticate": f'Bearer realm="{authn}",service="registry",scope="repository:acme/app:pull",error="invalid_token"'}
    )
    instead(ngc.registry, lambda call: call.method == "HEAD" and call.kind == "bearer", lambda: stale, times=1)
    result = row.holds(await check(cli, ngc.keys["good"].secret, "acme/app:1.0"))
    assert ngc.count(listener="authn") == 0, "that challenge followed a request with an Authorization"
    assert [s["status"] for s in result.shown["evidence"] if s["step"] == "pull"] == [401, 200]
    assert ngc.count(path="/proxy_auth", secret_name="good") == 2


@case("NGC-25")
async def test_a_foreign_realm_gets_nothing(row: Row, cli: Cli, ngc: Ngc) -> None:
    ngc.quirk(realm="foreign")
    row.holds(await check(cli, ngc.keys["good"].secret, None))
    await check(cli, ngc.keys["good"].secret, "acme/app:1.0")
    assert ngc.count(listener="foreign") == 0
    assert {request.authorization for request in ngc.requests} == {"none"}


@case("NGC-27")
async def test_problem_json_is_an_illness(row: Row, cli: Cli, ngc: Ngc) -> None:
    body = {"type": "about:blank", "title": "Internal Server Error", "status": 500, "instance": "/token"}
    instead(
        ngc.registry, lambda call: call.path == "/proxy_auth", lambda: web.json_response(body, status=500, content_type="application/problem+json")
    )
    row.holds(await check(cli, ngc.keys["good"].secret))
    assert ngc.count(path="/proxy_auth") == 1, "no retry with a secret after an answer"


@case("NGC-30")
async def test_a_captive_portal_is_no_registry(row: Row, cli: Cli, ngc: Ngc) -> None:
    ngc.registry.switch(html_200=True)
    row.holds(await check(cli, ngc.keys["good"].secret))
    assert {request.authorization for request in ngc.requests} == {"none"}


@case("NGC-37")
async def test_a_key_that_lags_is_good_until_it_is_not(row: Row, cli: Cli) -> None:
    late = [0.0]
    async with Ngc(clock=lambda: time.time() + late[0]) as ngc:
        cli.registries = ngc.settings()
        ngc.quirk(lag_s=360)
        ngc.regenerate("good")
        old = ngc.keys["good_old"].secret
        row.holds(await check(cli, old), 0)
        late[0] = 480
        result = row.holds(await check(cli, old), 1)
        assert ngc.count(listener="api", status=401) == 1
        assert result.shown["hints"] == [], "it was seen to work: no new key"


@case("NGC-42")
async def test_white_space_is_sent_as_it_is_stored(row: Row, cli: Cli, ngc: Ngc) -> None:
    good = ngc.keys["good"].secret
    for stored in (f"{good}\n\n", f"{good} ", f"\t{good}"):
        result = row.holds(await check(cli, stored))
        assert "whitespace" in result.shown["hints"]
    assert ngc.count(secret_name="good") == 0
    assert ngc.count(listener="api", status=401) == 3, "its form carries the blanks too"
    ngc.add(Key(name="stored with a blank", secret=f"{good} "))
    result = await check(cli, f"{good} ")
    assert (result.credential, result.shown["hints"]) == ("valid (login_accepted)", ["whitespace"])
