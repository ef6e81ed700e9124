"""A small HTTP proxy on loopback: forwards and tunnels, or refuses, and records who asked for what.

It dials nothing but loopback and the `routes` that it was given.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

from validator.emulator.base.wire import MAX_HEAD, WireRequest, read_wire

Mode: TypeAlias = Literal["works", "407", "connect_403", "connect_502", "drops"]

_HOP: Final = frozenset({"proxy-authorization", "proxy-connection", "connection", "keep-alive"})
_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """One request at the proxy: `target` is `host:port` of a tunnel, else the absolute URL without its query."""

    method: str
    target: str
    proxy_username: str | None
    authorization: bool
    status: int


class Proxy:
    """A forward and CONNECT proxy.

    `mode` may be set while it runs: "works", "407" (to all), "connect_403", "connect_502" (both refuse plain forwards too),
    "drops" (reads the request, closes). With `login` (username, secret) it works only for that pair, 407 for others.
    `routes` sends `host:port` to another (host, port), so that made-up names reach loopback.
    """

    def __init__(self, *, mode: Mode = "works", login: tuple[str, str] | None = None, routes: Mapping[str, tuple[str, int]] | None = None) -> None:
        self.mode: Mode = mode
        self.login = login
        self.routes = dict(routes or {})
        self.requests: deque[Proxied] = deque(maxlen=_KEPT)
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=MAX_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and both ends of every tunnel."""
        if self._server is None:
            return
        self._server.close()
        while self._tasks:
            for writer in tuple(self._writers):
                writer.transport.abort()
            await asyncio.wait(self._tasks, timeout=0.05)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            request = await read_wire(reader)
            if request is not None:
                await self._answer(request, reader, writer)
        except OSError:
            pass  # an end went away: so does the other
        finally:
            writer.close()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _answer(self, request: WireRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel = request.method == "CONNECT"
        target = request.target if tunnel else request.target.partition("://")[2].partition("/")[0]
        if not tunnel and ":" not in target:
            target += ":80"
        place = self._place(target)
        _, username, secret = request.login("proxy-authorization")
        status = 200
        if self.mode == "407" or (self.login is not None and (username, secret) != self.login):
            status = 407
        elif self.mode == "connect_403" or place is None:
            status = 403
        elif self.mode == "connect_502":
            status = 502
        shown = request.target.partition("?")[0]
        was_there = request.value("authorization") is not None
        self.requests.append(Proxied(method=request.method, target=shown, proxy_username=username, authorization=was_there, status=status))
        if self.mode == "drops":
            return
        if status != 200 or place is None:
            writer.write(_refusal(status))
            await writer.drain()
            return
        try:
            other_reader, other = await asyncio.open_connection(*place)
        except OSError:
            writer.write(_refusal(502))
            return
        self._writers.add(other)
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                other.write(_forwarded(request))
                writer.write(await _closing_head(other_reader))
            async with asyncio.TaskGroup() as both:
                both.create_task(_pipe(reader, other, sends=tunnel))
                both.create_task(_pipe(other_reader, writer))
        finally:
            other.close()
            self._writers.discard(other)

    def _place(self, target: str) -> tuple[str, int] | None:
        if target in self.routes:
            return self.routes[target]
        host, _, port = target.rpartition(":")
        return (host, int(port)) if host in ("127.0.0.1", "localhost") and port.isdigit() else None


async def _closing_head(reader: asyncio.StreamReader) -> bytes:
    """The head of an answer with `Connection: close` in it: the next request must ask the proxy anew."""
    try:
        status, _, fields = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return b""
    return status + b"\r\nConnection: close\r\n" + fields


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, sends: bool = True) -> None:
    """Copy until one end goes, then close the other; without `sends` only wait for the end."""
    try:
        while data := await reader.read(64 * 1024):
            if sends:
                writer.write(data)
                await writer.drain()
    except OSError:
        pass  # the other direction is closed below
    finally:
        writer.close()


def _refusal(status: int) -> bytes:
    words = {403: "Forbidden", 407: "Proxy Authentication Required", 502: "Bad Gateway"}[status]
    field = 'Proxy-Authenticate: Basic realm="proxy"\r\n' if status == 407 else ""
    body = f"<html><body><h1>{status} {words}</h1></body></html>\n"
    return (f"HTTP/1.1 {status} {words}\r\nContent-Type: text/html\r\n{field}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def _forwarded(request: WireRequest) -> bytes:
    """The request in origin form, one to a connection: a kept one could carry the next request to another host."""
    rest = request.target.partition("://")[2]
    fields = [f"{name}: {value}" for name, value in request.fields if name.lower() not in _HOP]
    lines = [f"{request.method} /{rest.partition('/')[2]} HTTP/1.1", *fields, "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + request.body
