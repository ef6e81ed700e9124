"""Answers are read to their caps and not further, as they are and not as they claim to be."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc

import pytest

from tests.security.transport.wire import OK, Connection, Serve, answering, asking, outcome
from validator.evidence import Failure
from validator.registry.base import Answer, NetworkFault
from validator.registry.transport import AiohttpTransport

HEAD = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"

REFUSED_ANSWERS = {
    "not http": (b"SSH-2.0-OpenSSH_9\r\n\r\n", None),
    "10 000 fields": (HEAD + b"X-A: b\r\n" * 10_000 + EMPTY, None),
    "a field of 1 MB": (HEAD + b"WWW-Authenticate: Bearer realm=" + b"x" * 1_000_000 + b"\r\n" + EMPTY, None),
    "a status line of 1 MB": (b"HTTP/1.1 200 " + b"x" * 1_000_000 + b"\r\n" + EMPTY, None),
    "a block of 60 kB": (HEAD + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 1000) for n in range(60)) + EMPTY, 200),
    "NUL in a value": (HEAD + b"X-A: a\x00b\r\n" + EMPTY, None),
    "CR in a value": (HEAD + b"X-A: a\rb\r\n" + EMPTY, None),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", None),
    "length and chunks": (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", None),
    "negative length": (HEAD + b"Content-Length: -2\r\n\r\n{}", None),
    "bad chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", None),
}


@pytest.mark.parametrize(("raw", "status"), REFUSED_ANSWERS.values(), ids=REFUSED_ANSWERS.keys())
async def test_an_answer_against_the_protocol_is_no_answer(transport: AiohttpTransport, serve: Serve, raw: bytes, status: int | None):
    wire = await serve(answering(raw))

    fault = await outcome(transport, asking(f"http://127.0.0.1:{wire.port}/v2/"))

    assert isinstance(fault, NetworkFault), fault
    assert (fault.failure, fault.written, fault.status) == (Failure.PROTOCOL, True, status)


CUT = {
    "shorter than its length, JSON whole by luck": (b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"token":"x"}', 200),
    "a refusal that is cut": (b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 40\r\n\r\n{"errors":[]}', 401),
    "the last chunk is missing": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 200),
}


@pytest.mark.parametrize(("raw", "status"), CUT.values(), ids=CUT.keys())
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_body_that_is_cut_is_protocol_and_keeps_its_status(transport: AiohttpTransport, serve: Serve, raw: bytes, status: int, reset: bool):
    go = asyncio.Event()

    async def cutting(connection: Connection) -> None:
        await connection.request()
        await connection.send(raw)
        if reset:
            await go.wait()
            connection.reset()

    wire = await serve(cutting)
    sending = asyncio.create_task(outcome(transport, asking(f"http://127.0.0.1:{wire.port}/v2/")))
    await asyncio.wait([sending], timeout=0.2)
    go.set()
    fault = await sending

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.status, fault.written) == (Failure.PROTOCOL, status, True)


FITTING = {
    "of a known length": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100, 100),
    "in chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n", 100),
    "until the end": (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100, 100),
    "none": (b"HTTP/1.1 204 No Content\r\n\r\n", 0),
}


@pytest.mark.parametrize(("raw", "size"), FITTING.values(), ids=FITTING.keys())
async def test_a_body_as_long_as_the_cap_is_read_whole(transport: AiohttpTransport, serve: Serve, raw: bytes, size: int):
    async def once(connection: Connection) -> None:
        await connection.request()
        await connection.send(raw)

    wire = await serve(once)

    answer = await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/", body_cap=100))

    assert answer.body == b"x" * size


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + b"x" * 101,
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 101,
    ],
    ids=["length", "chunks", "until the end"],
)
async def test_a_body_over_the_cap_ends_the_connection_not_drained(transport: AiohttpTransport, serve: Serve, raw: bytes):
    wire = await serve(answering(raw))

    fault = await outcome(transport, asking(f"http://127.0.0.1:{wire.port}/v2/", body_cap=100))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.status, fault.written) == (Failure.BODY_TOO_LARGE, 200, True)
    await asyncio.wait_for(wire.closed[0].wait(), 2)


@pytest.mark.parametrize("coding", [b"", b"Content-Encoding: gzip\r\n"], ids=["plain", "gzip"])
async def test_an_endless_body_costs_neither_memory_nor_time(transport: AiohttpTransport, serve: Serve, coding: bytes):
    sent = 0
    block = gzip.compress(b"\x00" * 10_000_000) if coding else b"x" * 65536

    async def endless(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\n" + coding + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            await connection.send(b"%x\r\n%b\r\n" % (len(block), block))
            sent += len(block)

    wire = await serve(endless)
    tracemalloc.start()
    started = asyncio.get_running_loop().time()
    fault = await outcome(transport, asking(f"http://127.0.0.1:{wire.port}/v2/"))
    await asyncio.wait_for(wire.closed[0].wait(), 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(fault, NetworkFault)
    assert fault.failure is (Failure.PROTOCOL if coding else Failure.BODY_TOO_LARGE)
    assert len(fault.front) == 65536
    assert peak < 20_000_000
    assert sent < 10_000_000
    assert asyncio.get_running_loop().time() - started < 1


async def test_a_coded_body_comes_raw_and_says_so(transport: AiohttpTransport, serve: Serve):
    bomb = gzip.compress(b"\x00" * 10_000_000)
    wire = await serve(answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: GZIP\r\nContent-Length: %d\r\n\r\n%b" % (len(bomb), bomb)))

    answer = await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/"))

    assert (answer.body, answer.encoding) == (bomb, "gzip")


@pytest.mark.parametrize("field", [b"", b"Content-Encoding: identity\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_identity_is_no_coding(transport: AiohttpTransport, serve: Serve, field: bytes):
    body = b"0\r\n\r\n" if b"chunked" in field else b""
    wire = await serve(answering(HEAD + field + (b"" if body else b"Content-Length: 0\r\n") + b"\r\n" + body))

    assert (await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/"))).encoding is None


async def test_a_head_answer_has_no_body_whatever_its_length_says(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nDocker-Content-Digest: sha256:00\r\n\r\n"))

    request = asking(f"http://127.0.0.1:{wire.port}/v2/x/manifests/1", "HEAD", body_cap=10)
    await transport.send(request)
    answer = await transport.send(request)

    assert (answer.status, answer.body, answer.values("docker-content-digest")) == (200, b"", ("sha256:00",))
    assert wire.connections == 1


async def test_a_head_answer_with_a_body_never_becomes_the_next_answer(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(b"HTTP/1.1 401 No\r\nContent-Length: 45\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n{}"))
    url = f"http://127.0.0.1:{wire.port}/v2/"

    seen = [await outcome(transport, asking(url, "HEAD")) for _ in range(3)]

    assert all(one.status == 401 if isinstance(one, Answer) else one.failure is Failure.PROTOCOL for one in seen)


async def test_fields_come_lower_case_in_order_and_without_surrogates(transport: AiohttpTransport, serve: Serve):
    challenge = b'Bearer realm="https://a.test/' + b"x" * 9000 + b'"'
    raw = HEAD + b"WWW-Authenticate: Basic realm=\xe9\r\nX-Esc: \x1b[31m\r\nwww-authenticate: " + challenge + b"\r\n" + EMPTY
    wire = await serve(answering(raw))

    answer = await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/"))

    assert answer.headers == (
        ("www-authenticate", "Basic realm=\ufffd"),
        ("x-esc", "\x1b[31m"),
        ("www-authenticate", challenge.decode()),
        ("content-length", "0"),
    )
    assert answer.values("WWW-Authenticate") == ("Basic realm=\ufffd", challenge.decode())


async def test_a_body_until_the_end_that_is_reset_is_cut(transport: AiohttpTransport, serve: Serve):
    go = asyncio.Event()

    async def cutting(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.0 200 OK\r\n\r\n{}")
        await go.wait()
        connection.reset()

    wire = await serve(cutting)
    sending = asyncio.create_task(outcome(transport, asking(f"http://127.0.0.1:{wire.port}/v2/")))
    await asyncio.wait([sending], timeout=0.2)
    go.set()
    fault = await sending

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.status) == (Failure.PROTOCOL, 200)


async def test_provisional_answers_are_passed_over(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK))

    assert (await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/"))).status == 200
