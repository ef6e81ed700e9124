"""`validator.client`: what a submission service holds in its hand."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from tests.api.conftest import Open, Service
from tests.cases.scripted import SECRET, USERNAME, Answers, Scripted, err
from validator.client import Client, ServiceError

HONEST: Answers = {"L!": err("UNAUTHORIZED"), "T!": err("UNAUTHORIZED")}


async def test_it_asks_what_a_submission_needs_to_know(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        await service.keep("ann", "key", registry.host)
        async with Client(str(service.url), SecretStr(await service.token())) as client:
            told = await client.preflight("ann", [f"{registry.host}/team/app", "NONE"], platform="linux/amd64", deadline_s=5)
            assert (told.outcome, [(one.outcome, one.via) for one in told.images]) == ("blocked", [("pullable", "key"), ("not_found", None)])
            assert [one.image for one in told.blocked] == ["NONE"]
            told = await client.preflight("ann", workflow=f"services: {{a: {{image: {registry.host}/team/app}}}}")
            assert (told.outcome, told.images[0].task) == ("ready", "a")
            checked = await client.check(registry.host, USERNAME, SecretStr(SECRET), image=f"{registry.host}/team/app")
            assert (checked.verdict, checked.image is not None and checked.image["outcome"]) == ("valid", "pullable")
            assert [(one.name, one.state) for one in await client.credentials("ann")] == [("key", "never_checked")]


async def test_a_problem_is_an_error_with_its_kind(service: Service) -> None:
    async with Client(str(service.url), await service.token("read")) as client:
        with pytest.raises(ServiceError) as caught:
            await client.preflight("ann", ["x"])
        assert (caught.value.status, caught.value.kind, caught.value.retry_after_s) == (403, "forbidden", None)
    async with Client(str(service.url), "CANARY") as client:
        with pytest.raises(ServiceError) as caught:
            await client.credentials("ann")
        assert (caught.value.kind, "CANARY" in str(caught.value)) == ("unauthorized", False)


async def test_no_service_is_an_error_too(unused_tcp_port: int) -> None:
    async with Client(f"http://127.0.0.1:{unused_tcp_port}/", "x") as client:
        with pytest.raises(ServiceError, match="did not answer") as caught:
            await client.preflight("ann", ["x"])
        assert caught.value.status is None


async def test_a_strange_answer_is_an_error_and_a_newer_one_is_not(aiohttp_server) -> None:
    async def answer(request: web.Request) -> web.Response:
        return answers.pop(0)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    server = await aiohttp_server(application)
    newer = {"outcome": "ready", "took_ms": 1, "more": 1, "images": [{"image": "a", "outcome": "pullable", "reason": "public", "newer": 2}]}
    answers = [
        web.Response(text="<html>"), web.Response(status=502, text="bad gateway"), web.Response(status=302, headers={"Location": "http://evil.test"}),
        web.json_response({"type": "urn:validator:problem:too_many_requests", "detail": "later"}, status=429, headers={"Retry-After": "7"}),
        web.json_response(newer),
    ]  # fmt: skip
    async with ClientSession() as session, Client(str(server.make_url("")), "x", session=session) as client:
        for status in (200, 502, 302):
            with pytest.raises(ServiceError) as caught:
                await client.preflight("ann", ["x"])
            assert caught.value.status == status
        with pytest.raises(ServiceError, match="later") as caught:
            await client.preflight("ann", ["x"])
        assert (caught.value.kind, caught.value.retry_after_s) == ("too_many_requests", 7)
        assert (await client.preflight("ann", ["x"])).images[0].reason == "public"
    await asyncio.sleep(0)
