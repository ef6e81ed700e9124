"""The servers and the transport that these tests open, and close."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.security.transport.wire import Connection, Dials, Names, Open, Script, Serve, Wire, server_context
from validator.registry.base import Network
from validator.registry.transport import AiohttpTransport


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    tasks: set[asyncio.Task[Any]] = set()
    servers: list[asyncio.Server] = []

    async def start(script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Wire:
        wire = Wire()

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            wire.connections += 1
            gone = asyncio.Event()
            wire.closed.append(gone)
            try:
                await script(Connection(reader, writer, wire))
            except (OSError, asyncio.CancelledError):
                pass  # the client went away, or the test is over
            finally:
                writer.close()
                gone.set()
                tasks.discard(task)

        server = await asyncio.start_server(accepted, host, 0, ssl=tls)
        servers.append(server)
        wire.port = server.sockets[0].getsockname()[1]
        return wire

    yield start
    for server in servers:
        server.close()
    for task in list(tasks):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def dials() -> Dials:
    return Dials()


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def make(network: Network | None = None, *, names: Names | None = None, dials: Dials | None = None) -> AiohttpTransport:
            return await stack.enter_async_context(AiohttpTransport(network, resolver=names, socket_factory=dials or Dials()))

        yield make


@pytest.fixture
async def transport(opened: Open) -> AiohttpTransport:
    return await opened()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context with a good certificate for 127.0.0.1 and reg.test."""
    return server_context(authority.issue_cert("127.0.0.1", "reg.test"))
