"""One request is one request on the wire; nothing is remembered, followed or taken from the environment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from tests.security.transport.wire import OK, Connection, Open, Serve, answering, asking, outcome, server_context
from validator.errors import Bug
from validator.evidence import Failure
from validator.registry.base import Answer, NetworkFault
from validator.registry.transport import AiohttpTransport


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("pooled", [False, True], ids=["fresh", "pooled"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_request_that_a_server_drops_is_never_sent_again(transport: AiohttpTransport, serve: Serve, method: str, pooled: bool, reset: bool):
    async def dropping(connection: Connection) -> None:
        if pooled:
            await connection.request()
            await connection.send(OK)
        await connection.request()
        if reset:
            connection.reset()

    wire = await serve(dropping)
    url = f"http://127.0.0.1:{wire.port}/v2/"
    if pooled:
        assert isinstance(await outcome(transport, asking(url)), Answer)

    fault = await outcome(transport, asking(url, method, secret="Basic eA=="))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written, fault.status) == (Failure.CONNECT_FAILED, True, None)
    assert (len(wire.requests), wire.connections) == (1 + pooled, 1)


async def test_a_kept_connection_that_the_server_closed_is_replaced_before_the_request(transport: AiohttpTransport, serve: Serve):
    async def once(connection: Connection) -> None:
        await connection.request()
        await connection.send(OK)

    wire = await serve(once)
    url = f"http://127.0.0.1:{wire.port}/v2/"
    await transport.send(asking(url))
    await wire.closed[0].wait()
    await asyncio.sleep(0.05)  # the end of the stream has to reach our side

    answer = await transport.send(asking(url, secret="Basic eA=="))

    assert (answer.status, wire.connections, len(wire.requests)) == (200, 2, 2)
    assert sum(b"Basic" in request for request in wire.requests) == 1


async def test_a_connection_is_kept_for_the_next_request(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(OK))

    for _ in range(3):
        await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/"))

    assert (wire.connections, len(wire.requests)) == (1, 3)


UNASKED = {
    "an answer": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}",
    "the head of one": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n",
    "a 408 of an idle connection": b"HTTP/1.1 408 Request Time-out\r\nConnection: close\r\n\r\n",
    "a body that its HEAD leaves out": b'{"errors":[]}',
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("unasked", UNASKED.values(), ids=UNASKED)
async def test_what_came_before_a_request_is_not_its_answer(transport: AiohttpTransport, serve: Serve, method: str, unasked: bytes):
    """Else every later request on the connection gets the answer of the one before: a dead key the yes to another."""
    said = asyncio.Event()

    async def talking(connection: Connection) -> None:
        while await connection.request():
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await asyncio.sleep(0.02)  # the answer is read and its connection put by
            await connection.send(unasked)
            said.set()

    wire = await serve(talking)
    url = f"http://127.0.0.1:{wire.port}/v2/"
    for number in range(1, 4):
        answer = await outcome(transport, asking(url, method, secret="Basic eA=="))
        assert isinstance(answer, Answer)
        assert (answer.status, wire.connections, len(wire.requests)) == (200, number, number)
        await asyncio.wait_for(said.wait(), 2)
        said.clear()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("greeting", [b"220 mail.test ESMTP\r\n", UNASKED["a 408 of an idle connection"]], ids=["another protocol", "an answer"])
async def test_a_server_that_speaks_first_is_dialled_once(
    opened: Open, serve: Serve, greeting: bytes, authority: trustme.CA, ca_file: Path
):  # fmt: skip
    async def greeting_first(connection: Connection) -> None:
        await connection.send(greeting)
        await connection.request()
        await connection.request()

    wire = await serve(greeting_first, tls=server_context(authority.issue_cert("127.0.0.1")))

    said = await outcome(await opened(), asking(f"https://127.0.0.1:{wire.port}/v2/", ca_file=ca_file, total_s=0.5))

    assert isinstance(said, NetworkFault) or said.status == 408
    assert wire.connections == 1


async def test_a_cookie_is_never_sent_back(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=abc; Path=/\r\nContent-Length: 0\r\n\r\n"))

    for _ in range(2):
        await transport.send(asking(f"http://localhost:{wire.port}/v2/"))

    assert b"cookie" not in wire.requests[1].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(transport: AiohttpTransport, serve: Serve, status: int):
    elsewhere = await serve(answering(OK))
    location = f"http://127.0.0.1:{elsewhere.port}/token"
    wire = await serve(answering(f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()))

    answer = await transport.send(asking(f"http://127.0.0.1:{wire.port}/token", "POST", form="password=x"))

    assert (answer.status, answer.values("Location"), elsewhere.connections) == (status, (location,), 0)


async def test_neither_proxy_nor_netrc_of_the_environment_is_used(opened: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    proxy, wire = await serve(answering(OK)), await serve(answering(OK))
    (tmp_path / ".netrc").write_text("machine localhost login user password from-netrc\nmachine 127.0.0.1 login user password from-netrc\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    transport = await opened()

    await transport.send(asking(f"http://localhost:{wire.port}/v2/"))
    await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/"))

    assert (proxy.connections, len(wire.requests)) == (0, 2)
    assert not any(b"authorization" in request.lower() for request in wire.requests)


async def test_what_is_sent_is_what_was_asked_and_nothing_compressed(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(OK))

    await transport.send(asking(f"http://127.0.0.1:{wire.port}/token?scope=a:b", "POST", secret="Bearer t", form="grant_type=password"))

    lines = wire.requests[0].decode().split("\r\n")
    assert lines[0] == "POST /token?scope=a:b HTTP/1.1"
    assert lines[-1] == "grant_type=password"
    fields = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines[1:-2]}
    assert fields.pop("user-agent").startswith("validator/")
    assert fields == {
        "host": f"127.0.0.1:{wire.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "authorization": "Bearer t",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "19",
    }


@pytest.mark.parametrize("secret", ["CANARY\r\nX-Evil: 1", "CANARY\n", "CANARY\x00", "CANARY\x7f", "CANARY\udce9"])
async def test_a_field_that_cannot_be_sent_is_a_bug_whose_words_hold_no_secret(transport: AiohttpTransport, serve: Serve, secret: str):
    wire = await serve(answering(OK))

    with pytest.raises(Bug) as caught:
        await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/", secret=secret))

    assert "CANARY" not in str(caught.value)
    assert "Authorization" in str(caught.value)
    assert wire.requests == []


async def test_a_fault_remembers_nothing_that_holds_the_secret(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(b"garbage\r\n\r\n"))

    fault = await outcome(transport, asking(f"http://127.0.0.1:{wire.port}/v2/", secret="Basic CANARY"))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.__cause__, fault.__context__) == (Failure.PROTOCOL, None, None)
    assert "CANARY" not in repr(fault) + repr(asking("http://r.test/", secret="CANARY", form="CANARY"))


async def test_a_request_that_is_cancelled_takes_its_connection_with_it(transport: AiohttpTransport, serve: Serve):
    arrived = asyncio.Event()

    async def slow(connection: Connection) -> None:
        await connection.request()
        arrived.set()
        await connection.request()

    wire = await serve(slow)
    task = asyncio.create_task(transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/", secret="Basic eA==")))
    await arrived.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(wire.closed[0].wait(), 2)
    assert len(wire.requests) == 1


async def test_a_route_of_another_host_or_port_is_a_bug(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(OK))
    request = asking(f"http://127.0.0.1:{wire.port}/v2/")

    for url in (f"http://localhost:{wire.port}/v2/", "http://127.0.0.1:1/v2/"):
        other = asking(url)
        with pytest.raises(Bug):
            await transport.send(type(request)(method="GET", url=other.url, route=request.route, body_cap=1))
    assert wire.connections == 0
