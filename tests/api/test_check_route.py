"""`POST /v1/check`: a verdict for whoever may ask, and no use to whoever tries secrets or looks for ports."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Open, Service
from tests.cases.scripted import SECRET, USERNAME, Say, Scripted, err
from validator.api.base.limits import REFUSALS, WINDOW_S
from validator.ledger.budgets import BudgetClass

HONEST = {"L!": err("UNAUTHORIZED"), "T!": err("UNAUTHORIZED")}
WIDE: dict[str, Any] = {"pace": {"refused": {60: 400}, "refused_per_username": {}}}

KEYS = ["verdict", "reason", "level", "hints", "registry", "username", "cause", "advice", "retry_at", "expires_at", "checked_at", "evidence"]


def asking(registry: str, secret: str = SECRET, **more: Any) -> dict[str, Any]:
    return {"registry": registry, "username": USERNAME, "auth": secret, **more}


async def test_it_answers_as_the_command_does(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        token = await service.token("check")
        answer = await service.post("/v1/check", asking(registry.host), token)
        assert (answer.status, list(answer.body)) == (200, KEYS)
        assert (answer.body["verdict"], answer.body["reason"], answer.body["registry"]) == ("valid", "login_accepted", registry.host)
        image = f"{registry.host}/team/app:1"
        answer = await service.post("/v1/check", asking(registry.host, image=image), token)
        assert (answer.body["image"]["reference"], answer.body["image"]["outcome"]) == (image, "pullable")
        assert SECRET not in answer.text


ODD: dict[str, tuple[dict[str, Any], int, str]] = {
    "a registry that names no host": (asking("https://u@x"), 200, "bad_registry_name"),
    "an empty secret": (asking("reg.test", ""), 200, "empty_secret"),
    "a colon in the username": ({**asking("reg.test"), "username": "a:b"}, 200, "bad_characters"),
}


@pytest.mark.parametrize(("body", "status", "reason"), ODD.values(), ids=ODD.keys())
async def test_what_cannot_work_is_a_verdict_and_nothing_is_asked(body: dict[str, Any], status: int, reason: str, service: Service) -> None:
    answer = await service.post("/v1/check", body, await service.token("check"))
    assert (answer.status, answer.body["reason"], answer.body["evidence"]) == (status, reason, [])


async def test_an_image_of_another_registry_is_a_400(service: Service) -> None:
    token = await service.token("check")
    answer = await service.post("/v1/check", asking("reg.test/team", image="other.test/team/app"), token)
    assert (answer.status, answer.kind) == (400, "bad_request")
    answer = await service.post("/v1/check", asking("reg.test", image="reg.test/app", platform="nonsense"), token)
    assert (answer.status, answer.kind) == (400, "bad_request")


async def test_a_refused_secret_is_spent_of_a_quarter_of_the_budget(opening: Open) -> None:
    """16 refusals fit a minute: four are these callers', and the rest is left for what is stored."""
    quick = {"pace": {"refused": {60: 16}, "refused_per_username": {}, "repeat_after_s": 0}}
    async with Scripted({**HONEST, "L+": err("UNAUTHORIZED")}) as registry, opening(registries=registry.settings(**quick)) as service:
        for caller in range(4):
            token = await service.token("check")
            for secret in range(4):
                await service.post("/v1/check", {**asking(registry.host, f"wrong-{caller}-{secret}"), "username": f"u{caller}{secret}"}, token)
        assert registry.count("L!", "L+") == 4
        left = await service.house.ledger.budgets.reserve(
            registry.host, name=None, budget_class=BudgetClass.FORMER, windows={60: 16}, username_windows={}, now=service.house.now(),
            first_ever=False,
        )  # fmt: skip
        assert type(left).__name__ == "Reservation"


async def test_five_refusals_in_ten_minutes_and_the_caller_waits(opening: Open) -> None:
    async with Scripted({**HONEST, "L+": err("UNAUTHORIZED")}) as registry, opening(registries=registry.settings(**WIDE)) as service:
        token, other = await service.token("check"), await service.token("check")
        answers = [await service.post("/v1/check", {**asking(registry.host, f"wrong {n}"), "username": f"u{n}"}, token) for n in range(REFUSALS + 1)]
        assert [answer.status for answer in answers] == [200] * REFUSALS + [429]
        assert {answer.body["verdict"] for answer in answers[:-1]} == {"invalid"}
        assert answers[-1].kind == "too_many_requests"
        assert WINDOW_S - 60 < int(answers[-1].headers["Retry-After"]) <= WINDOW_S
        assert (await service.post("/v1/check", asking(registry.host), token)).status == 429, "a good one, too: else it would be told apart"
        assert (await service.post("/v1/check", asking(registry.host, "w", username="other"), other)).status == 200
        real = service.house.refusals.monotonic
        service.house.refusals.monotonic = lambda: real() + WINDOW_S
        assert (await service.post("/v1/check", asking(registry.host), token)).status == 200


async def test_a_hundred_at_once_are_no_hundred_tries(opening: Open) -> None:
    async with Scripted({**HONEST, "L+": err("UNAUTHORIZED")}) as registry, opening(registries=registry.settings(**WIDE)) as service:
        token = await service.token("check")
        bodies = [{**asking(registry.host, f"wrong {n}"), "username": f"u{n}"} for n in range(40)]
        answers = await asyncio.gather(*(service.post("/v1/check", body, token) for body in bodies))
        assert sorted(answer.status for answer in answers) == [200] * REFUSALS + [429] * 35


async def test_a_good_secret_costs_nothing(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        token = await service.token("check")
        assert [(await service.post("/v1/check", asking(registry.host), token)).body["verdict"] for _ in range(8)] == ["valid"] * 8


PRIVATE = [
    "127.0.0.1:9",
    "127.0.0.2",
    "10.1.2.3",
    "[::1]:5000",
    "[::ffff:127.0.0.1]",
    "192.168.0.1:443",
    "localhost",
    "localhost:1",
    "no-such-name.test",
]


async def test_addresses_that_are_not_asked_all_get_the_same_answer(service: Service) -> None:
    bodies, waits = [], []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    service.house.probe.sleep = sleep
    for address in PRIVATE:
        answer = await service.post("/v1/check", asking(address), await service.token("check"))
        bodies.append({**answer.body, "registry": "", "checked_at": ""})
        assert answer.status == 200
    assert bodies == [bodies[0]] * len(PRIVATE)
    assert (bodies[0]["verdict"], bodies[0]["reason"], bodies[0]["evidence"], bodies[0]["retry_at"]) == ("unknown", "unsafe_address", [], None)
    assert len(waits) == len(PRIVATE)
    assert all(0 < wait <= 1 for wait in waits), "each answer is held back to a full second"


async def test_whoever_looks_for_open_ports_is_stopped(service: Service) -> None:
    async def sleep(seconds: float) -> None:
        return

    service.house.probe.sleep = sleep
    token = await service.token("check")
    same = [(await service.post("/v1/check", asking("localhost:1"), token)).status for _ in range(8)]
    assert same == [200] * 8, "one registry that is down is no scan"
    ports = [(await service.post("/v1/check", asking(f"localhost:{port}"), token)).status for port in range(2, 8)]
    assert ports == [200] * 4 + [429] * 2


async def test_every_hosts_private_addresses_are_not_a_callers(opening: Open) -> None:
    """`*` lets stored credentials reach private registries; a caller reaches those alone that are named."""
    async with Scripted(dict(HONEST)) as registry:
        everywhere = {"*": {"allow_private": True, "plain_http": True, "realm_hosts": [f"127.0.0.1:{registry.realm_port}"]}}
        async with opening(registries=everywhere) as service:
            answer = await service.post("/v1/check", asking(registry.host), await service.token("check"))
            assert (answer.body["reason"], registry.seen) == ("unsafe_address", [])
            await service.keep("ann", "key", registry.host)
            token = await service.token("preflight", user="ann")
            assert (await service.post("/v1/users/ann/credentials/key/check", None, token)).body["verdict"] == "valid"
        async with opening(registries=everywhere | registry.settings()) as service:
            assert (await service.post("/v1/check", asking(registry.host), await service.token("check"))).body["verdict"] == "valid"


async def test_a_registry_that_hangs_is_unknown_in_time(opening: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.api.check.CHECK_S", 0.3)
    async with Scripted({"L+": Say(200, delay_s=5)}) as registry, opening(registries=registry.settings()) as service:
        answer = await service.post("/v1/check", asking(registry.host), await service.token("check"))
        assert (answer.status, answer.body["verdict"], answer.body["reason"]) == (200, "unknown", "deadline")


async def test_a_caller_waits_in_the_same_lanes_as_all_else(service: Service) -> None:
    assert service.house.strangers._lanes is service.house.probe._lanes
