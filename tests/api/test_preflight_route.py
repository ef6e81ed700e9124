"""`POST /v1/preflight`: the kubelet's truth over HTTP, within its bounds."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from tests.api.conftest import Open, Service
from tests.cases.scripted import SECRET, Answers, Say, Scripted, err, image
from validator.api.base.body import MAX_DEPTH

KEYS = ["image", "outcome", "via", "reason", "hints", "cause", "advice", "digest", "cached", "checked_at"]
PUBLIC = {"H0": image()[0]}


async def test_a_users_own_key_pulls_and_a_dead_one_blocks(opening: Open) -> None:
    script: Answers = {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED"), **PUBLIC}
    async with Scripted(dict(PUBLIC)) as good, Scripted(script) as dead, opening(registries=good.settings() | dead.settings()) as service:
        await service.keep("ann", "good", good.host)
        await service.keep("ann", "old", dead.host)
        images = [f"{good.host}/team/app", f"{dead.host}/team/app"]
        answer = await service.post("/v1/preflight", {"user": "ann", "images": images}, await service.token("preflight"))
        first, second = answer.body["images"]
        assert (answer.status, list(answer.body)) == (200, ["outcome", "images", "took_ms"])
        assert (answer.body["outcome"], list(first)[:10]) == ("blocked", KEYS)
        assert (first["outcome"], first["via"]) == ("pullable", "good")
        assert (second["outcome"], second["reason"], "old" in second["advice"]) == ("denied", "credential_refused", True)
        assert SECRET not in answer.text


WORKFLOW = """
workflow:
  name: train
  tasks:
  - name: one
    image: {host}/team/app
  - name: two
    image: {host}/team/other:{{{{ tag }}}}
"""


async def test_a_workflow_names_its_images_with_their_lines(opening: Open) -> None:
    async with Scripted(dict(PUBLIC)) as registry, opening(registries=registry.settings()) as service:
        body = {"user": "ann", "workflow": WORKFLOW.format(host=registry.host), "platform": "linux/amd64"}
        told = (await service.post("/v1/preflight", body, await service.token("preflight"))).body["images"]
        assert [(one["outcome"], one["reason"], one["task"], one["line"]) for one in told] == [
            ("pullable", "public", "one", 6), ("unknown", "unrendered", "two", 8),
        ]  # fmt: skip


async def test_what_is_late_is_unknown_and_the_answer_comes_in_time(opening: Open) -> None:
    script: Answers = {"H0": Say(200, delay_s=30)}
    async with Scripted(script) as slow, Scripted(dict(PUBLIC)) as quick, opening(registries=slow.settings() | quick.settings()) as service:
        body = {"user": "ann", "images": [f"{slow.host}/team/app", f"{quick.host}/team/app"], "deadline_ms": 3000}
        answer = await service.post("/v1/preflight", body, await service.token("preflight"))
        assert [one["reason"] for one in answer.body["images"]] == ["deadline", "public"]
        assert (answer.body["outcome"], answer.body["took_ms"] < 14_000) == ("unknown", True)


GOOD: dict[str, Any] = {"user": "ann", "images": ["INVALID"]}
BAD: dict[str, Any] = {
    "no user": ({"images": ["x"]}, ["user"], "missing"),
    "an empty user": ({**GOOD, "user": ""}, ["user"], "string_too_short"),
    "a user with a control character": ({**GOOD, "user": "a\u0000b"}, ["user"], "string_pattern_mismatch"),
    "a number for a user": ({**GOOD, "user": 7}, ["user"], "string_type"),
    "no images": ({"user": "ann"}, [], "value_error"),
    "images and a workflow": ({**GOOD, "workflow": "x"}, [], "value_error"),
    "an empty list": ({"user": "ann", "images": []}, ["images"], "too_short"),
    "images as text": ({"user": "ann", "images": "x"}, ["images"], "tuple_type"),
    "one image is none": ({"user": "ann", "images": ["x", 1]}, ["images", 1], "string_type"),
    "a deadline of nothing": ({**GOOD, "deadline_ms": 0}, ["deadline_ms"], "greater_than_equal"),
    "a deadline of an hour": ({**GOOD, "deadline_ms": 3_600_000}, ["deadline_ms"], "less_than_equal"),
    "a deadline as text": ({**GOOD, "deadline_ms": "9"}, ["deadline_ms"], "int_type"),
    "an unknown key": ({**GOOD, "TOKEN=CANARY-9f3c": 1}, [], "extra_forbidden"),
    "a list": ([GOOD], [], "model_type"),
}


@pytest.mark.parametrize(("body", "where", "rule"), BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_used_is_a_400_that_repeats_nothing(body: Any, where: list[Any], rule: str, service: Service) -> None:
    answer = await service.post("/v1/preflight", body, await service.token("preflight"))
    assert (answer.status, answer.kind) == (400, "bad_request")
    assert answer.body["errors"] == [{"where": where, "rule": rule}]
    assert (answer.body["detail"] == "Give images or workflow, one of the two.") == (rule == "value_error")
    assert "CANARY" not in answer.text


NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"user=ann",
    "not UTF-8": b'{"user": "\xff"}',
    "a name twice": b'{"user": "ann", "user": "bob", "images": ["x"]}',
    "a lone surrogate": b'{"user": "\\ud800", "images": ["x"]}',
    "NaN": b'{"user": NaN}',
    "too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "far too deep": b"[" * 100_000,
}


async def test_what_is_no_json_here_is_told(service: Service) -> None:
    token = await service.token("preflight")
    for name, raw in NOT_JSON.items():
        answer = await service.ask("POST", "/v1/preflight", raw, token=token)
        assert (answer.status, answer.kind) == (400, "bad_request"), name


async def test_a_body_is_bounded_as_it_is_after_unpacking(opening: Open) -> None:
    async with opening(api={"body_kib": 4}) as service:
        token = await service.token("preflight")
        large = json.dumps({"user": "ann", "images": ["A" * 5000]}).encode()
        for raw, headers in ((large, {}), (gzip.compress(large), {"Content-Encoding": "gzip"})):
            answer = await service.ask("POST", "/v1/preflight", raw, token=token, headers={"Content-Type": "application/json", **headers})
            assert (answer.status, answer.kind) == (413, "body_too_large")
        packed = gzip.compress(json.dumps(GOOD).encode())
        answer = await service.ask("POST", "/v1/preflight", packed, token=token, headers={"Content-Encoding": "gzip"})
        assert answer.status == 200
        answer = await service.ask("POST", "/v1/preflight", b"no gzip at all", token=token, headers={"Content-Encoding": "gzip"})
        assert (answer.status, answer.kind) == (400, "bad_request")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
async def test_only_json_is_taken(media_type: str, service: Service) -> None:
    answer = await service.ask("POST", "/v1/preflight", b"{}", token=await service.token("preflight"), headers={"Content-Type": media_type})
    assert (answer.status, answer.kind) == (415, "unsupported_media_type")


async def test_images_are_counted_also_those_of_a_workflow(opening: Open) -> None:
    async with opening(api={"images": 3}) as service:
        token = await service.token("preflight")
        assert (await service.post("/v1/preflight", {"user": "ann", "images": ["A"] * 3}, token)).status == 200
        for more in ({"images": ["A"] * 4}, {"workflow": "services:\n" + "".join(f"  s{n}: {{image: A}}\n" for n in range(4))}):
            answer = await service.post("/v1/preflight", {"user": "ann", **more}, token)
            assert (answer.status, answer.kind) == (400, "bad_request")


async def test_an_unreadable_workflow_is_one_sentence(service: Service) -> None:
    for workflow in ("a: [", "hello: CANARY-9f3c", "workflow: {name: x, tasks: [{image: [1]}]}"):
        answer = await service.post("/v1/preflight", {"user": "ann", "workflow": workflow}, await service.token("preflight"))
        assert (answer.status, "workflow" in answer.body["detail"], "CANARY" in answer.text) == (400, True, False)


async def test_a_platform_that_is_none_is_a_400(service: Service) -> None:
    answer = await service.post("/v1/preflight", {**GOOD, "platform": "linux"}, await service.token("preflight"))
    assert (answer.status, answer.kind) == (400, "bad_request")


async def test_a_caller_who_goes_away_leaves_nothing_behind(opening: Open) -> None:
    async with Scripted({"H0": Say(200, delay_s=30)}) as slow, opening(registries=slow.settings()) as service:
        body = {"user": "ann", "images": [f"{slow.host}/team/app"], "deadline_ms": 20_000}
        asked = asyncio.create_task(service.post("/v1/preflight", body, await service.token("preflight")))
        while not slow.count("H0"):
            await asyncio.sleep(0.01)
        asked.cancel()
        while service.house.metrics.in_flight._value.get():
            await asyncio.sleep(0.01)
