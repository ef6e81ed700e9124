"""A server below HTTP: scripted by request, byte by byte, and it counts what came over the wire.

    async with Hostile({"/v2/": reply(401), "GET /token": (reset(), reply(200, {"token": "x"}))}) as server:
        server.url("/v2/")

A path's scripts are played in order, the last one for ever. `Proxy` is an HTTP proxy of the same make, `full_backlog` a
port that never answers a connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ssl import SSLContext
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

from validator.emulator.base.listener import Kind
from validator.emulator.base.wire import MAX_HEAD, WireRequest, read_wire
from validator.emulator.base.wire import reset as break_connection
from validator.emulator.hostile import scripts
from validator.emulator.hostile.proxy import Mode, Proxied, Proxy
from validator.emulator.hostile.scripts import Hang, Pause, Reset, Script, Step

__all__ = ["Hang", "Hostile", "Mode", "Pause", "Proxied", "Proxy", "Reset", "Script", "Seen", "Step", "full_backlog", "scripts"]

Scripts: TypeAlias = Mapping[str, Script | Sequence[Script]]
AtConnect: TypeAlias = Literal["answer", "close", "reset", "silence"]

_KEPT: Final = 10_000
"""Requests that the record holds; older ones are forgotten, the counts are not."""

_NOT_FOUND: Final = scripts.reply(404, {"errors": [{"code": "NAME_UNKNOWN", "message": "no script for this path"}]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request on the wire, without its secret.

    `query` holds the names of its parameters, `fields` the names of its header fields (lower case, in order).
    `secret_name`: the planted name of the secret or bearer token, "unknown" for another, None where none came.
    `connection` counts from 1.
    """

    method: str
    path: str
    query: tuple[str, ...]
    fields: tuple[str, ...]
    authorization: Kind
    username: str | None
    secret_name: str | None
    connection: int


class Hostile:
    """A scripted server on 127.0.0.1; `scripts` maps "/path" or "METHOD /path" to a script or several.

    `at_connect` may be changed while it runs: "answer", "close" or "reset" (before anything is read), "silence" (nothing is
    read or said). `requests` is the record, `connections` and `asked` count all.
    """

    def __init__(self, scripted: Scripts | None = None, *, secrets: Mapping[str, str] | None = None) -> None:
        self._scripts: dict[str, deque[Script]] = {}
        self._names = {secret: name for name, secret in (secrets or {}).items()}
        self.at_connect: AtConnect = "answer"
        self.requests: deque[Seen] = deque(maxlen=_KEPT)
        self.connections = 0
        self.asked = 0
        self.port = 0
        self.ssl: SSLContext | None = None
        self._stopped = asyncio.Event()
        self._news = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        for path, played in (scripted or {}).items():
            self.script(path, played)

    def script(self, path: str, played: Script | Sequence[Script]) -> None:
        """Play this from now on at `path` ("/path" or "METHOD /path"). Raises ValueError without a script."""
        self._scripts[path] = deque([played] if isinstance(played, Script) else played)
        if not self._scripts[path]:
            raise ValueError(f"{path} needs at least one script")

    def plant(self, name: str, secret: str) -> None:
        """Let the record call `secret` by `name`."""
        self._names[secret] = name

    @property
    def authority(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "") -> str:
        """An absolute URL of this server."""
        return f"{'https' if self.ssl else 'http'}://{self.authority}{path}"

    def count(self, **filters: object) -> int:
        """How many recorded requests have all these values: `count(path="/token", secret_name="good")`."""
        return sum(all(getattr(seen, name) == value for name, value in filters.items()) for seen in self.requests)

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have come in all."""
        async with self._news:
            await self._news.wait_for(lambda: self.asked >= count)

    async def start(self, *, ssl: SSLContext | None = None, port: int = 0) -> None:
        """Listen; `port` 0 takes a free one. Raises OSError when it is taken."""
        self.ssl = ssl
        self._stopped.clear()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port or self.port, ssl=ssl, limit=MAX_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and every connection, whatever they are in the middle of."""
        if self._server is None:
            return
        self._server.close()
        self._stopped.set()
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
        self.connections += 1
        try:
            await self._converse(reader, writer, self.connections)
        except OSError:
            pass  # the other side went away in the middle, as it may
        finally:
            writer.close()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        match self.at_connect:
            case "close":
                return
            case "reset":
                return break_connection(writer)
            case "silence":
                await self._stopped.wait()
                return
            case "answer":
                pass
        while not self._stopped.is_set():
            request = await read_wire(reader)
            if request is None:
                return
            async with self._news:
                self._record(request, connection)
                self._news.notify_all()
            script = self._next(request)
            for step in script.steps:
                await self._play(step, reader, writer)
                if writer.is_closing():
                    return
            if not script.keep:
                return

    def _next(self, request: WireRequest) -> Script:
        queue = self._scripts.get(f"{request.method} {request.path}") or self._scripts.get(request.path)
        if queue is None:
            return _NOT_FOUND
        return queue.popleft() if len(queue) > 1 else queue[0]

    async def _play(self, step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Pause(seconds):
                await self._wait(seconds)
            case Hang():
                while not self._stopped.is_set() and await reader.read(4096):
                    continue
            case Reset():
                break_connection(writer)
            case _:
                for piece in step():
                    if self._stopped.is_set() or writer.is_closing():
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)  # drain does not yield below the high-water mark: an endless stream would own the loop

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return

    def _record(self, request: WireRequest, connection: int) -> None:
        self.asked += 1
        kind, username, carried = request.login()
        query = request.target.partition("?")[2]
        self.requests.append(
            Seen(
                method=request.method,
                path=request.path,
                query=tuple(part.partition("=")[0] for part in query.split("&") if part),
                fields=request.names,
                authorization=kind,
                username=username,
                secret_name=None if carried is None else self._names.get(carried, "unknown"),
                connection=connection,
            )
        )


@asynccontextmanager
async def full_backlog() -> AsyncIterator[int]:
    """A loopback port whose connections are never answered: its queue is full, so SYNs are swallowed. Gives the port."""
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        place = listening.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(place)
        yield place[1]
