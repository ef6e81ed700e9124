"""Who may ask what, about whom: every route, tokens of two users, the gateway's header, and ports without tokens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Answered, Open, Service
from tests.cases.scripted import Scripted
from validator.api import Route, routes_of
from validator.api.base.caller import REMEMBERED_S
from validator.credential import OSMOS_OWN
from validator.ledger.tokens import Scope

ROUTES = {f"{route.method} {route.path}": route for route in routes_of()}
OPEN = {"GET /healthz", "GET /readyz", "GET /openapi.json"}
PAGES = {"GET /", "POST /"}
GUARDED = [route for name, route in ROUTES.items() if name not in OPEN | PAGES]

BODIES: dict[str, Any] = {
    "/v1/preflight": {"user": "ann", "images": ["INVALID"]},
    "/v1/check": {"registry": "bad host", "username": "u", "auth": "s"},
    "/v1/sweeps": {},
    "/v1/admission": {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "1", "operation": "DELETE"}},
}


async def ask(service: Service, route: Route, token: str | None = None, *, user: str = "ann", headers: dict[str, str] | None = None) -> Answered:
    path = route.path.replace("{user}", user).replace("{name}", "key").replace("{sweep}", "none")
    return await service.ask(route.method, path, BODIES.get(route.path), token=token, headers=headers)


def test_these_routes_are_open_and_no_others() -> None:
    assert {name for name, route in ROUTES.items() if not route.scopes} == OPEN | PAGES
    assert {f"{route.method} {route.path}" for route in routes_of(metrics_open=True) if not route.scopes} == OPEN | PAGES | {"GET /metrics"}


async def test_without_a_token_nothing_is_told(service: Service) -> None:
    wrong: list[dict[str, str]] = [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}]
    for route in GUARDED:
        for headers in (*wrong, {"Authorization": f"Bearer vld_{'0' * 16}_{'a' * 43}"}):
            answer = await ask(service, route, headers=headers)
            assert (answer.status, answer.kind) == (401, "unauthorized"), route
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_only_the_routes_own_scopes_open_it(service: Service) -> None:
    tokens = {scope: await service.token(scope) for scope in Scope}
    for route in GUARDED:
        allowed = {scope for scope in Scope if scope in route.scopes or (scope is Scope.ADMIN and Scope.READ in route.scopes)}
        for scope, token in tokens.items():
            status = (await ask(service, route, token)).status
            assert (status != 403) == (scope in allowed), (route, scope)
            assert status not in (401, 500)


ANOTHERS = {
    "preflight": ("POST", "/v1/preflight", {"user": "bob", "images": ["nvcr.io/x:1"]}),
    "credentials": ("GET", "/v1/users/bob/credentials", None),
    "credential": ("GET", "/v1/users/bob/credentials/key", None),
    "credential's check": ("POST", "/v1/users/bob/credentials/key/check", None),
    "sweep of bob": ("POST", "/v1/sweeps", {"user": "bob"}),
}


@pytest.mark.parametrize(("method", "path", "body"), ANOTHERS.values(), ids=ANOTHERS.keys())
async def test_another_users_things_are_404_as_if_absent(method: str, path: str, body: Any, service: Service) -> None:
    await service.keep("bob", "key", "nvcr.io/bobs")
    token = await service.token(user="ann")
    there = await service.ask(method, path, body, token=token)
    absent_body = {**body, "user": "nobody"} if body and "user" in body else body
    absent = await service.ask(method, path.replace("bob", "nobody"), absent_body, token=token)
    assert (there.status, there.kind) == (404, "not_found")
    assert _without_id(there) == _without_id(absent)
    assert _without_id(await service.get("/v1/users/ann/credentials/none", token)) == _without_id(there)


def _without_id(answer: Answered) -> tuple[int, Any]:
    return answer.status, {**answer.body, "request_id": ""}


async def test_one_users_token_never_asks_with_anothers_credential(opening: Open) -> None:
    """Bob's key matches the image; ann's pre-flight of it has no key at all."""
    async with Scripted({}) as registry, opening(registries=registry.settings()) as service:
        await service.keep("bob", "key", registry.host)
        body = {"user": "ann", "images": [f"{registry.host}/team/app"]}
        answer = await service.post("/v1/preflight", body, await service.token(user="ann"))
        assert [(one["outcome"], one["reason"], one["via"]) for one in answer.body["images"]] == [("denied", "no_credential", None)]
        assert registry.count("L+", "T+", "H+") == 0


async def test_what_a_user_sees_of_lists_is_their_own(service: Service) -> None:
    await service.keep("ann", "mine", "nvcr.io/ann")
    await service.keep("bob", "key", "ghcr.io/bob")
    token, all_seeing = await service.token("read", user="ann"), await service.token("read")
    mine = (await service.get("/v1/registries", token)).body["registries"]
    assert [(one["registry"], one["credentials"], one["refused"]) for one in mine] == [("nvcr.io", 1, [])]
    assert [one["registry"] for one in (await service.get("/v1/registries", all_seeing)).body["registries"]] == ["ghcr.io", "nvcr.io"]
    assert [one["name"] for one in (await service.get("/v1/users/ann/credentials", token)).body["credentials"]] == ["mine"]
    assert [one["name"] for one in (await service.get("/v1/users/bob/credentials", all_seeing)).body["credentials"]] == ["key"]
    assert "bob" not in (await service.get("/", token)).text


async def test_a_revoked_token_is_forgotten_within_seconds(service: Service) -> None:
    token = await service.token("read")
    assert (await service.get("/v1/sweeps", token)).status == 200
    await service.house.ledger.tokens.revoke("token-0")
    later = service.house.gate.monotonic() + REMEMBERED_S + 1
    service.house.gate.monotonic = lambda: later
    assert (await service.get("/v1/sweeps", token)).status == 401


async def test_an_address_that_brings_many_wrong_tokens_waits(service: Service) -> None:
    statuses = [(await service.get("/v1/sweeps", f"vld_{number:016x}_{'a' * 43}")).status for number in range(35)]
    assert statuses[:30] == [401] * 30
    assert statuses[-1] == 429
    assert (await service.get("/v1/sweeps", await service.token("read"))).status == 200, "a right one is not kept out"


TRUSTED = {"trust_user_header": True, "trusted_addresses": ["127.0.0.0/8"]}


async def test_the_users_header_counts_only_by_setting_and_from_listed_addresses(opening: Open) -> None:
    ann = {"x-osmo-user": "ann"}
    for api in ({}, {"trust_user_header": True, "trusted_addresses": ["10.0.0.0/8"]}, {"trusted_addresses": ["127.0.0.0/8"]}):
        async with opening(api=api) as service:
            assert (await service.get("/v1/users/ann/credentials", headers=ann)).status == 401
    async with opening(api=TRUSTED) as service:
        assert (await service.get("/v1/users/ann/credentials", headers=ann)).status == 200
        assert (await service.get("/v1/users/bob/credentials", headers=ann)).status == 404
        assert (await service.post("/v1/sweeps", {}, headers=ann)).status == 403
        assert (await service.get("/v1/users/x/credentials", headers={"x-osmo-user": "*"})).status == 401
        assert (await service.get("/v1/sweeps", headers={"x-osmo-user": ""})).status == 401
        for token in (None, await service.token("read")):
            answer = await service.get(f"/v1/users/{OSMOS_OWN}/credentials", token, headers={"x-osmo-user": OSMOS_OWN})
            assert answer.status == 403, "a name that no user has"


async def test_the_users_header_narrows_a_token_and_never_widens_it(opening: Open) -> None:
    async with opening(api=TRUSTED) as service:
        everybodys, bobs = await service.token("read"), await service.token("read", user="bob")
        ann = {"x-osmo-user": "ann"}
        assert (await service.get("/v1/users/ann/credentials", everybodys, headers=ann)).status == 200
        assert (await service.get("/v1/users/bob/credentials", everybodys, headers=ann)).status == 404
        assert (await service.get("/v1/users/ann/credentials", bobs, headers=ann)).status == 403


async def test_without_tokens_only_loopback_names_are_answered(opening: Open) -> None:
    async with opening(api={"tokens_required": False}) as service:
        assert (await service.get("/v1/sweeps")).status == 200
        assert (await service.get("/v1/sweeps", headers={"Host": f"localhost:{service.url.port}"})).status == 200
        answer = await service.get("/v1/sweeps", headers={"Host": f"evil.test:{service.url.port}"})
        assert (answer.status, answer.kind) == (403, "forbidden"), "a name that leads here, in a browser of this machine"
        assert (await service.ask("POST", "/v1/sweeps", b"{}", headers={"Content-Type": "text/plain"})).status == 415, "what a foreign page may send"


async def test_metrics_are_open_by_setting(opening: Open) -> None:
    async with opening(api={"metrics_open": True}) as service:
        assert (await service.get("/metrics")).status == 200


async def test_one_caller_who_asks_too_often_waits_and_others_do_not(opening: Open) -> None:
    async with opening(api={"per_second": 0.1, "burst": 3}) as service:
        greedy, other = await service.token("read"), await service.token("read")
        answers = [await service.get("/v1/sweeps", greedy) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert (answers[-1].kind, answers[-1].headers["Retry-After"]) == ("too_many_requests", "10")
        assert (await service.get("/v1/sweeps", other)).status == 200
