"""`/v1/sweeps`: one at a time, in the background; everybody sees their own part of it."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.conftest import Open, Service
from tests.cases.scripted import Say, Scripted, err

HONEST = {"L!": err("UNAUTHORIZED"), "T!": err("UNAUTHORIZED")}


async def ended(service: Service, token: str, name: str) -> dict[str, Any]:
    """The sweep once it runs no more."""
    while True:
        shown: dict[str, Any] = (await service.get(f"/v1/sweeps/{name}", token)).body
        if shown["state"] != "running":
            return shown
        await asyncio.sleep(0.02)


async def test_a_sweep_is_started_and_told(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        await service.keep("ann", "key", registry.host)
        await service.keep("bob", "key", registry.host)
        token = await service.token("admin")
        answer = await service.post("/v1/sweeps", {}, token)
        name = answer.body["sweep"]
        assert (answer.status, answer.headers["Location"], answer.body["state"]) == (202, f"/v1/sweeps/{name}", "running")
        shown = await ended(service, token, name)
        assert (shown["state"], shown["totals"], len(shown["credentials"])) == ("finished", {"valid": 2}, 2)
        assert shown["registries"][0]["registry"] == registry.host
        lines = (await service.get("/v1/sweeps", token)).body["sweeps"]
        assert [(line["sweep"], line["totals"]) for line in lines] == [(name, {"valid": 2})]
        anns = await service.token("read", user="ann")
        seen = (await service.get(f"/v1/sweeps/{name}", anns)).body
        assert (seen["totals"], [row["user"] for row in seen["credentials"]], seen["registries"]) == ({"valid": 1}, ["ann"], [])
        assert "bob" not in str(seen)
        assert (await service.get("/v1/users/bob/credentials/key", token)).body["state"] == "alive"


async def test_who_is_bound_to_a_user_sweeps_that_user(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        await service.keep("ann", "key", registry.host)
        await service.keep("bob", "key", registry.host)
        token, bobs = await service.token("admin", user="ann"), await service.token("read", user="bob")
        name = (await service.post("/v1/sweeps", {}, token)).body["sweep"]
        assert [row["user"] for row in (await ended(service, token, name))["credentials"]] == ["ann"]
        assert (await service.get(f"/v1/sweeps/{name}", bobs)).status == 404
        assert (await service.get("/v1/sweeps", bobs)).body == {"sweeps": []}


async def test_a_second_one_waits_for_the_first(opening: Open) -> None:
    async with Scripted({**HONEST, "L+": Say(200, delay_s=30)}) as registry, opening(registries=registry.settings()) as service:
        await service.keep("ann", "key", registry.host)
        token = await service.token("admin")
        first = (await service.post("/v1/sweeps", {}, token)).body["sweep"]
        answer = await service.post("/v1/sweeps", {}, token)
        assert (answer.status, answer.kind) == (409, "conflict")
        service.house.sweeping.stop()
        assert (await ended(service, token, first))["state"] == "stopped"
        assert (await service.post("/v1/sweeps", {"registry": "nvcr.io"}, token)).status == 202


async def test_a_stop_of_the_service_stops_its_sweep(opening: Open) -> None:
    async with Scripted({**HONEST, "L+": Say(200, delay_s=30)}) as registry:
        async with opening(registries=registry.settings()) as service:
            await service.keep("ann", "key", registry.host)
            await service.post("/v1/sweeps", {}, await service.token("admin"))
            while not registry.count("L+"):
                await asyncio.sleep(0.01)
            past = service.house.sweeping.past
        assert [one.state for one in past.values()] == ["stopped"]


async def test_bad_filters_are_400(service: Service) -> None:
    token = await service.token("admin")
    for body in ({"registry": "no host!"}, {"registry": ""}, {"user": ""}, {"wait": "yes"}, {"wait": None}, {"more": 1}):
        assert (await service.post("/v1/sweeps", body, token)).status == 400


async def test_a_fault_of_a_sweep_is_its_state_and_not_the_services_end(service: Service) -> None:
    def broken(name: str) -> Any:
        class Broken:
            async def run(self, **_: object) -> None:
                raise RuntimeError("boom")

            def stop(self) -> None:
                return

        return Broken()

    service.house.sweeping.make = broken
    token = await service.token("admin")
    name = (await service.post("/v1/sweeps", {}, token)).body["sweep"]
    assert (await ended(service, token, name))["state"] == "failed"
    assert (await service.get("/healthz")).status == 200
