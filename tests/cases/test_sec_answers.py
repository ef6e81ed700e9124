"""Hostile answers: SEC-15, SEC-16, SEC-18, SEC-19, SEC-28. Bounded memory, bounded time, and never a verdict by accident."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.running import Result
from tests.cases.servers import BEARERS, IMAGE, OCI, SECRET, bare, challenged, manifest, page, refused, reply, shown
from validator.emulator.hostile import Script, scripts

MB: Final = 1024 * 1024
BOMB: Final = reply(200, gzip.compress(bytes(10 * MB)) * 30, {"Content-Encoding": "gzip"}, keep=False)
"""300 MB of zeros in 300 kB."""


class Counted:
    """A body of pieces, and how much of it the other side took."""

    def __init__(self, piece: bytes, first: bytes = b"", times: int = 1_000_000) -> None:
        self.piece, self.first, self.times, self.taken = piece, first, times, 0

    def __call__(self) -> Iterator[bytes]:
        yield self.first
        for _ in range(self.times):
            self.taken += len(self.piece)
            yield self.piece


def endless(piece: bytes, first: bytes = b"", *, status: int = 200, fields: dict[str, str] | None = None) -> tuple[Script, Counted]:
    """An answer without an end."""
    body = Counted(piece, first)
    return Script((scripts.head(status, {"Content-Type": "application/json", **(fields or {})}), body)), body


async def bounded(world: World, *arguments: str) -> Result:
    """One check that takes less than 20 MB, whatever is sent to it, and whose every exchange ends within 1 s."""
    await world.check(registry="127.0.0.1")  # what the program needs for itself is loaded
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = await world.check(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 20 * MB
    assert all(step["ms"] < 1000 for step in result.shown["evidence"])
    return result


ODD_TOKENS: Final[dict[str, object]] = {
    "CR LF": {"token": "abc\r\nX-Evil: 1"}, "NUL": {"token": "abc\x00def"}, "20 KiB": {"token": "x" * 20 * 1024}, "LF at the end": {"token": "abc\n"},
    "a blank": {"token": "abc def"}, "a letter beyond ASCII": {"token": "tökén"}, "DEL": {"token": "abc\x7f"}, "a list": {"token": ["abc"]},
    "as access_token": {"token": "fine", "access_token": "abc\r\nX-Evil: 1"}, "a surrogate": b'{"token":"\\ud800"}',
}  # fmt: skip


@pytest.mark.parametrize("body", ODD_TOKENS.values(), ids=ODD_TOKENS.keys())
@case("SEC-15")
async def test_a_token_that_cannot_travel_is_none(row: Row, body: object, world: World) -> None:
    site = await world.serve({"L+": reply(200, body), "T+": reply(200, body)})
    row.holds(await world.check("--image", IMAGE))
    assert not any(asked.wire.value("x-evil") for asked in site.asked_of)
    assert not [asked for asked in site.asked_of if asked.wire.login()[0] == "bearer"]


ANSI: Final = "\x1b[31mred\x1b]0;title\x07 <script>alert(1)</script> \u202egnp.exe \x9b2J"
LONG: Final = {
    "escapes and script": ANSI,
    "1 MB": ANSI + " no" * 350_000,
    "a long word": "A" * MB,
    "beyond ASCII": "é" * MB,
    "quotes": '"\\' * 40_000,
}


@pytest.mark.parametrize("message", LONG.values(), ids=LONG.keys())
@case("SEC-16")
async def test_a_refusals_words_are_shown_tame(row: Row, message: str, world: World) -> None:
    """Of an error at most 64 KiB are read (README 2.5): the code that stands there is heard, and the rest is not asked for."""
    site = await world.serve({"L+": refused(message=message)})
    result = row.holds(await world.check())
    assert [asked.step for asked in site.secrets] == ["L+", "L+"]
    text = (await world.cli.run("check", "reg.test", "-u", "alice", "--secret-stdin", "--explain", "--log-level", "debug", stdin=SECRET)).out
    for said in (result.out, result.err, text):
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "<script>"} & {*said, *(["<script>"] if "<script>" in said else [])}
        assert "A" * 201 not in said


async def test_a_long_refusal_without_a_registrys_form_is_no_refusal(world: World) -> None:
    """Its front is no error of a registry: nobody knows who speaks."""
    for script in (reply(401, "no " * 40_000), page(401, "<html>" + "no " * 40_000), reply(401, '["' + "no " * 40_000)):
        site = await world.serve({"L+": script})
        assert (await world.check()).credential == "unknown (body_too_large)"
        assert len(site.secrets) == 1


async def test_a_refusal_without_an_end_is_cut_after_what_is_read(world: World) -> None:
    script, body = endless(b"no " * 5000, b'{"errors":[{"code":"UNAUTHORIZED","message":"', status=401)
    await world.serve({"L+": script})
    assert (await bounded(world)).credential in ("invalid (refused)", "unknown (body_too_large)")
    assert body.taken < 20 * MB


@case("SEC-18")
async def test_bombs_cost_nothing(row: Row, world: World) -> None:
    entries = [{"mediaType": f"{OCI}.manifest.v1+json", "digest": "sha256:" + "a" * 64, "size": 1}] * 35_000
    large = json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": entries}).encode()
    assert len(large) > 4 * MB
    for at, script in enumerate((BOMB, scripts.endless_body(), scripts.many_fields(), reply(200, large, keep=False))):
        site = await world.serve({"L+": script})
        row.holds(await bounded(world), at)
        assert len(site.secrets) == 1


@pytest.mark.parametrize("step", ["P", "T+", "T0", "L!", "G+", "B+"])
async def test_an_endless_body_is_left_at_every_step(step: str, world: World) -> None:
    script, body = endless(b" " * 65536)
    await world.serve({step: script})
    result = await bounded(world, "--image", IMAGE, "--platform", "linux/amd64")
    assert result.shown["verdict"] in ("unknown", "unprovable", "valid")
    assert result.shown["image"]["outcome"] in ("unknown", "pullable")
    assert body.taken < 20 * MB


ENCODED_BOMBS: Final = {"gzip": BOMB, "empty members": scripts.gzip_members()}


@pytest.mark.parametrize("script", ENCODED_BOMBS.values(), ids=ENCODED_BOMBS.keys())
@pytest.mark.parametrize("step", ["P", "T+", "G+"])
async def test_a_packed_bomb_is_not_unpacked_anywhere(step: str, script: Script, world: World) -> None:
    await world.serve({step: script})
    result = await bounded(world, "--image", IMAGE, "--platform", "linux/amd64")
    assert result.shown["verdict"] in ("unknown", "valid")


async def test_a_manifest_over_the_cap_harms_nobody(world: World) -> None:
    body = manifest([{"digest": "sha256:" + "a" * 64, "padding": "x" * 5 * MB}])
    site = await world.serve({"H+": shown(manifest(), head=True), "G+": shown(body, head=False)})
    result = await bounded(world, "--image", IMAGE, "--platform", "linux/amd64")
    assert result.credential == "valid (pull_proven)"
    assert result.shown["image"]["outcome"] in ("unknown", "pullable")
    assert result.shown["image"]["platforms"] is None
    assert result.shown["evidence"][-1]["code"] == "body_too_large"
    assert len(site.at("G+")) == 1


ODD_CHALLENGES: Final[dict[str, Script]] = {
    "1 MB": scripts.long_challenge(),
    "10 000 challenges": scripts.many_challenges(),
    "an open quote": challenged('Bearer realm="https://auth.reg.test/token'),
    "an open quote of 30 KB": challenged('Bearer realm="' + 'a\\"' * 10_000),
    "commas": challenged("," * 30_000),
    "blanks": challenged("Bearer " + " " * 30_000),
    "blanks and equals": challenged("Bearer " + " =" * 15_000),
    "realms": challenged("Bearer " + ", ".join(f'realm="https://r{n}.test/"' for n in range(900))),
    "a word": challenged("B" * 30_000),
    "backslashes": challenged('Bearer realm="' + "\\" * 30_000 + '"'),
    "500 fields": challenged(*["Negotiate"] * 450),
    "nothing": challenged(""),
    "Bearer alone": challenged("Bearer"),
    "an empty realm": challenged('Bearer realm=""'),
}


@pytest.mark.parametrize("script", ODD_CHALLENGES.values(), ids=ODD_CHALLENGES.keys())
@case("SEC-19")
async def test_an_odd_challenge_costs_nothing_and_gets_nothing(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"P": script})
    row.holds(await bounded(world))
    assert site.steps == ["P"]


async def test_a_good_challenge_among_many_is_found(world: World) -> None:
    good = 'Bearer realm="https://auth.reg.test/token",service="reg.test"'
    many = [f'Scheme{number} realm="r{number}"' for number in range(40)]
    site = await world.serve({"P": challenged(*many, f'Negotiate abc==, Digest realm="x", {good}')})
    assert (await world.check()).credential == "valid (login_accepted)"
    assert len(site.secrets) == 1


def token_with(**more: Any) -> bytes:
    return json.dumps({"token": BEARERS["+"], **more}).encode()


ODD_JSON: Final[dict[str, Script]] = {
    "100 000 deep": scripts.deep_json(),
    "deep in an object": reply(200, b'{"token":' * 40_000, keep=False),
    "50 deep": reply(200, b'{"a":' + b"[" * 50 + b"]" * 50 + b"," + token_with()[1:]),
    "a number of 10 MB": scripts.long_number(),
    "a number of 5 000 digits": reply(200, b'{"expires_in":' + b"7" * 5000 + b"," + token_with()[1:]),
    "lone surrogates": reply(200, b'{"a":"\\ud800",' + token_with()[1:]),
    "duplicate keys": reply(200, b'{"token":"one","token":"two"}'),
    "NaN": reply(200, b'{"expires_in":NaN,' + token_with()[1:]),
    "an infinite number": reply(200, b'{"expires_in":1e999,' + token_with()[1:]),
    "bad UTF-8": reply(200, b'{"a":"\xff",' + token_with()[1:]),
    "UTF-16": reply(200, token_with().decode().encode("utf-16")),
    "two documents": reply(200, token_with() + token_with()),
    "null": reply(200, b"null"),
    "cut": reply(200, token_with()[:-1]),
    "NUL at the end": reply(200, token_with() + b"\x00"),
}


@pytest.mark.parametrize("script", ODD_JSON.values(), ids=ODD_JSON.keys())
@case("SEC-28")
async def test_odd_json_is_no_token(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    row.holds(await bounded(world))
    assert len(site.secrets) == 1


@pytest.mark.parametrize("name", ODD_JSON)
async def test_odd_json_is_no_refusal(name: str, world: World) -> None:
    """The same bodies under a 401: never a death, for nothing says that a registry spoke."""
    script = ODD_JSON[name]
    head = script.steps[0]
    assert isinstance(head, bytes)
    site = await world.serve({"L+": Script((head.replace(b"200 OK", b"401 Unauthorized"), *script.steps[1:]), script.keep)})
    result = await bounded(world)
    assert result.shown["verdict"] == "unknown"
    assert len(site.secrets) == 1


async def test_a_head_that_is_cut_in_its_length_is_no_image(world: World) -> None:
    await world.serve({"H+": bare(reply(200, b"", {"Content-Type": "text/html"}))})
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (login_accepted)", "unknown (protocol)")
