"""`/v1/sweeps`: one at a time, in the background; everybody sees their own part of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Open, Service
from tests.cases.scripted import Say, Scripted, err
from validator.config import Canary, RegistrySettings
from validator.config.base import HostName
from validator.sweep import Sweep

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
        assert (answer.status, answer.headers["Location"], answer.body) == (202, f"/v1/sweeps/{name}", {"sweep": name})
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


async def test_a_stop_of_the_service_stops_its_sweep_which_may_go_on(opening: Open) -> None:
    async with Scripted({**HONEST, "L+": Say(200, delay_s=30)}) as registry:
        async with opening(registries=registry.settings()) as service:
            await service.keep("ann", "key", registry.host)
            name = (await service.post("/v1/sweeps", {}, await service.token("admin"))).body["sweep"]
            while not registry.count("L+"):
                await asyncio.sleep(0.01)
            folder = Path(service.house.ledger._database.path).parent
        del registry.script["L+"]
        async with opening(registries=registry.settings(), store=f"sqlite:///{folder}/validator.db", key_file=folder / "master.key") as service:
            service._names.append("of the first")
            token = await service.token("admin")
            assert (await service.get(f"/v1/sweeps/{name}", token)).body["state"] == "stopped"
            assert (await service.post("/v1/sweeps", {}, token)).body == {"sweep": name}, "the same goes on"
            assert (await ended(service, token, name))["totals"] == {"valid": 1}


async def test_bad_filters_are_400(service: Service) -> None:
    token = await service.token("admin")
    for body in ({"registry": "no host!"}, {"registry": ""}, {"user": ""}, {"wait": "yes"}, {"wait": None}, {"more": 1}):
        assert (await service.post("/v1/sweeps", body, token)).status == 400


async def test_a_fault_of_a_sweep_is_its_state_and_not_the_services_end(service: Service) -> None:
    token = await service.token("admin")
    with pytest.MonkeyPatch.context() as patch:

        async def end(*_: object) -> None:
            raise RuntimeError("boom")

        patch.setattr(Sweep, "_end", end)
        name = (await service.post("/v1/sweeps", {}, token)).body["sweep"]
        assert (await ended(service, token, name))["state"] == "failed"
    assert (await service.post("/v1/sweeps", {}, token)).status == 202
    service.house.settings.registries[HostName("x.test")] = RegistrySettings(canary=Canary(username="u", secret_file=Path("/none")))
    while service.house.sweeping._job is not None:
        await asyncio.sleep(0.01)
    answer = await service.post("/v1/sweeps", {}, token)
    assert (answer.status, answer.kind) == (503, "not_ready"), "it cannot begin"


async def test_what_the_schedule_runs_is_one_of_everything_and_waits_for_no_other(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        await service.keep("ann", "key", registry.host)
        await service.keep("bob", "key", registry.host)
        assert await service.house.sweeping.by_schedule()
        [sweep] = await service.house.ledger.sweeps.newest()
        assert (sweep.finished_at is not None, sweep.filters.user, (await service.house.ledger.reports.summary(sweep.id)).totals) == (
            True,
            None,
            {"valid": 2},
        )
    async with Scripted({**HONEST, "L+": Say(200, delay_s=30)}) as registry, opening(registries=registry.settings()) as service:
        await service.keep("ann", "other", registry.host)
        await service.post("/v1/sweeps", {}, await service.token("admin"))
        assert not await service.house.sweeping.by_schedule()
        service.house.sweeping.stop()


async def test_a_service_goes_on_by_itself_with_what_was_cut_off(opening: Open) -> None:
    async with Scripted({**HONEST, "L+": Say(200, delay_s=30)}) as registry:
        async with opening(registries=registry.settings(), sweep={"schedule": "0 0 1 1 *"}) as service:
            await service.keep("ann", "key", registry.host)
            token = await service.token("admin")
            while await service.house.ledger.schedules.taken("sweep") is None:
                await asyncio.sleep(0.01)
            name = (await service.post("/v1/sweeps", {}, token)).body["sweep"]
            while not registry.count("L+"):
                await asyncio.sleep(0.01)
            folder = Path(service.house.ledger._database.path).parent
        del registry.script["L+"]
        said = {"store": f"sqlite:///{folder}/validator.db", "key_file": folder / "master.key", "sweep": {"schedule": "0 0 1 1 *"}}
        async with opening(registries=registry.settings(), **said) as again:
            while (await again.get(f"/v1/sweeps/{name}", token)).body["state"] != "finished":
                await asyncio.sleep(0.02)
