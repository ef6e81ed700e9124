"""How long we wait: for the connection, for the first byte, for the whole; and what each silence is called."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.security.transport.wire import OK, Connection, Names, Open, Script, Serve, answering, asking, outcome
from validator.evidence import Failure
from validator.registry.base import Answer, Network, NetworkFault
from validator.registry.transport import AiohttpTransport


async def silent(connection: Connection) -> None:
    await connection.request()
    await connection.request()


async def silent_after_the_head(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await connection.request()


async def dripping(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(100):
        await connection.send(b" ")
        await asyncio.sleep(0.05)


async def dripping_its_head(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        await connection.send(b"X-A: b\r\n")
        await asyncio.sleep(0.05)


WAITS = {
    "no first byte": (silent, 5.0, 0.3, None),
    "no first byte of a login": (silent, 0.3, None, None),
    "a head that drips": (dripping_its_head, 5.0, 0.3, None),
    "headers, then silence": (silent_after_the_head, 0.4, 0.2, 200),
    "a body that drips": (dripping, 0.4, 0.2, 200),
}


@pytest.mark.parametrize(("script", "total_s", "first_byte_s", "status"), WAITS.values(), ids=WAITS.keys())
async def test_every_wait_for_an_answer_ends_in_time(
    transport: AiohttpTransport, serve: Serve, script: Script, total_s: float, first_byte_s: float | None, status: int | None
):
    wire = await serve(script)
    started = time.monotonic()

    fault = await outcome(transport, asking(f"http://127.0.0.1:{wire.port}/v2/", total_s=total_s, first_byte_s=first_byte_s))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.status, fault.written) == (Failure.TIMEOUT, status, True)
    ended = total_s if status or first_byte_s is None else first_byte_s
    assert ended <= time.monotonic() - started + 0.01 < ended + 1
    assert ended * 1000 - 10 <= fault.ms < ended * 1000 + 1000


async def test_a_login_may_take_longer_to_its_first_byte_than_the_connection(opened: Open, serve: Serve):
    async def sleepy(connection: Connection) -> None:
        await connection.request()
        await asyncio.sleep(0.3)
        await connection.send(OK)

    wire = await serve(sleepy)
    transport = await opened(Network(connect_s=0.1, total_s=5))

    assert isinstance(await outcome(transport, asking(f"http://127.0.0.1:{wire.port}/token")), Answer)


@pytest.fixture
def full() -> Iterator[int]:
    """The port of a listener whose backlog is full: it swallows every further SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def full_on_six() -> Iterator[socket.socket]:
    """A listener on 127.0.0.1, whose port is full on ::1."""
    with ExitStack() as stack:
        here = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener = stack.enter_context(socket.socket(socket.AF_INET6))
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::1", here.getsockname()[1]))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket(socket.AF_INET6))
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield here


async def test_a_connection_that_is_never_made_fails_after_the_connect_time(opened: Open, full: int):
    transport = await opened(Network(connect_s=0.3, total_s=10))
    started = time.monotonic()

    fault = await outcome(transport, asking(f"http://127.0.0.1:{full}/v2/"))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written) == (Failure.CONNECT_FAILED, False)
    assert time.monotonic() - started < 8


async def test_several_dead_addresses_share_one_connect_time(opened: Open, full: int):
    names = Names({"reg.test": [["127.0.0.1", "127.0.0.1", "127.0.0.1"]]})
    transport = await opened(Network(connect_s=1, total_s=10), names=names)
    started = time.monotonic()

    fault = await outcome(transport, asking(f"http://reg.test:{full}/v2/"))

    assert isinstance(fault, NetworkFault)
    assert fault.failure is Failure.CONNECT_FAILED
    assert time.monotonic() - started < 2.9


async def test_tls_is_within_the_connect_time(opened: Open, serve: Serve):
    wire = await serve(silent)
    transport = await opened(Network(connect_s=0.3, total_s=10))
    started = time.monotonic()

    fault = await outcome(transport, asking(f"https://127.0.0.1:{wire.port}/v2/"))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written) == (Failure.CONNECT_FAILED, False)
    assert time.monotonic() - started < 8


async def test_a_dead_sixth_family_costs_less_than_a_second(opened: Open, full_on_six: socket.socket):
    names = Names({"reg.test": [["::1", "127.0.0.1"]]})
    transport = await opened(names=names)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, sock=full_on_six):
        answered = await transport.send(asking(f"http://reg.test:{full_on_six.getsockname()[1]}/v2/"))

    assert answered.status == 200
    assert answered.ms < 1000


async def test_a_closed_port_is_a_failed_connection(transport: AiohttpTransport):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    fault = await outcome(transport, asking(f"https://127.0.0.1:{port}/v2/"))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written) == (Failure.CONNECT_FAILED, False)


async def test_waiting_for_a_free_connection_is_a_timeout_and_nothing_was_sent(opened: Open, serve: Serve):
    arrived = asyncio.Event()

    async def busy(connection: Connection) -> None:
        await connection.request()
        arrived.set()
        await connection.request()

    wire = await serve(busy)
    transport = await opened(Network(connect_s=0.1, connections_per_host=1))
    url = f"http://127.0.0.1:{wire.port}/v2/"
    first = asyncio.create_task(outcome(transport, asking(url, total_s=0.6)))
    await arrived.wait()

    fault = await outcome(transport, asking(url, total_s=0.3))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written) == (Failure.TIMEOUT, False)
    assert isinstance(await first, NetworkFault)


async def test_a_request_that_waited_for_a_free_connection_has_its_whole_connect_time(opened: Open, serve: Serve, tls: ssl.SSLContext, ca_file: Path):
    async def slow(connection: Connection) -> None:
        await connection.request()
        await asyncio.sleep(0.4)
        await connection.send(OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))

    wire = await serve(slow, tls=tls)
    transport = await opened(Network(connect_s=0.3, connections_per_host=1, ca_file=ca_file))
    url = f"https://127.0.0.1:{wire.port}/v2/"

    async with asyncio.TaskGroup() as group:
        both = [group.create_task(outcome(transport, asking(url))) for _ in range(2)]

    assert [task.result().status for task in both] == [200, 200]


async def test_a_request_that_waited_for_a_free_connection_waits_no_longer_than_others_for_its_own(opened: Open, full_on_six: socket.socket):
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await go.wait()
        writer.write(OK)
        await writer.drain()
        writer.close()

    arrived, go = asyncio.Event(), asyncio.Event()
    names = Names({"reg.test": [["127.0.0.1"], ["::1"]]})
    transport = await opened(Network(connect_s=0.3, total_s=10, connections_per_host=1), names=names)
    request = asking(f"http://reg.test:{full_on_six.getsockname()[1]}/v2/")
    async with await asyncio.start_server(once, sock=full_on_six), asyncio.TaskGroup() as group:
        first = group.create_task(outcome(transport, request))
        await arrived.wait()
        second = group.create_task(outcome(transport, request))
        await asyncio.wait([second], timeout=0.4)
        queued = not second.done()
        go.set()
        await asyncio.wait([first])
        started = time.monotonic()

    fault = second.result()
    assert (queued, first.result().status) == (True, 200)
    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written) == (Failure.CONNECT_FAILED, False)
    assert time.monotonic() - started < 8


async def test_the_answer_says_how_long_it_took(transport: AiohttpTransport, serve: Serve):
    wire = await serve(answering(OK))

    assert 0 < (await transport.send(asking(f"http://127.0.0.1:{wire.port}/v2/"))).ms < 1000
