"""Raw servers on loopback that do to a connection what a test says, names that resolve as it says, and requests to them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import SecretStr
from yarl import URL

from validator.registry.base import Answer, Network, NetworkFault, ProxyRoute, Request, Route
from validator.registry.transport import AiohttpTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Connection:
    """One accepted connection: what the script reads and writes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    wire: Wire

    async def request(self) -> bytes:
        """The next request's head and body, recorded; b"" when the client has gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        head += await self.reader.readexactly(length)
        self.wire.requests.append(head)
        return head

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.writer.transport.abort()


Script = Callable[[Connection], Awaitable[None]]


def answering(*answers: bytes) -> Script:
    """Each request of a connection gets the next of `answers`, the last one for ever."""

    async def script(connection: Connection) -> None:
        turn = 0
        while await connection.request():
            await connection.send(answers[min(turn, len(answers) - 1)])
            turn += 1

    return script


@dataclass
class Wire:
    """What a server has seen."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    closed: list[asyncio.Event] = field(default_factory=list)


class Serve(Protocol):
    async def __call__(self, script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Wire: ...


class Names(AbstractResolver):
    """Resolves by a table: each look-up of a name takes its next answer (addresses, or an error), the last for ever."""

    def __init__(self, table: dict[str, list[list[str] | OSError]]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        answers = self.table[host]
        answer = answers[min(self.asked.count(host), len(answers) - 1)]
        self.asked.append(host)
        if isinstance(answer, OSError):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Dials:
    """A socket factory that records every address and opens sockets to loopback only: no other packet may leave."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def __call__(self, info: tuple[Any, ...]) -> socket.socket:
        address = info[4][0]
        self.addresses.append(address)
        if address not in ("127.0.0.1", "::1"):
            raise ConnectionRefusedError(111, "not in this test")
        return socket.socket(info[0], info[1], info[2])


class Open(Protocol):
    async def __call__(self, network: Network | None = None, *, names: Names | None = None, dials: Dials | None = None) -> AiohttpTransport: ...


def asking(
    url: str,
    method: str = "GET",
    *,
    private_ok: bool = True,
    ca_file: Path | None = None,
    proxy: ProxyRoute | None = None,
    body_cap: int = 65536,
    secret: str | None = None,
    form: str | None = None,
    total_s: float | None = None,
    first_byte_s: float | None = None,
) -> Request:
    """A request to `url` by a route of its own host."""
    target = URL(url)
    return Request(
        method=method,
        url=target,
        route=Route(host=target.raw_host or "", port=target.port or 0, private_ok=private_ok, ca_file=ca_file, proxy=proxy),
        body_cap=body_cap,
        secret_headers={} if secret is None else {"Authorization": SecretStr(secret)},
        form=None if form is None else SecretStr(form),
        total_s=total_s,
        first_byte_s=first_byte_s,
    )


async def outcome(transport: AiohttpTransport, request: Request) -> Answer | NetworkFault:
    """What `send` gave or raised."""
    try:
        return await transport.send(request)
    except NetworkFault as fault:
        return fault


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server's context with `certificate`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
