"""`Emulated`: an emulated registry as its listeners, its planted secrets, the record of requests and the truth it knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from ssl import SSLContext
from types import TracebackType
from typing import Any, ClassVar, Self, TypeAlias

from aiohttp import web

from validator.emulator.base.listener import Answer, Call, Listener, Request, read_query

Settings: TypeAlias = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Planted:
    """A credential of the default world: its name, what to store, and the state it is in, in the registry's own words."""

    name: str
    username: str
    secret: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the emulated registry knows to be so, whatever its faults make it answer.

    `accepted`: a login with this username and secret is accepted. `why`: the state's own word. `pulls`: it may read the
    repository (None: none was named). `public`: anybody may read it.
    """

    accepted: bool
    why: str
    pulls: bool | None = None
    public: bool | None = None


class Emulated:
    """Base of the emulated registries; see the package's docstring for how one is written.

    `clock` gives epoch seconds; `random` (seeded) makes ids, so that a run can be repeated.
    """

    name: ClassVar[str]
    host: ClassVar[str]

    def __init__(self, *, clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        self.clock = clock
        self.seed = seed
        self.random = Random(seed)
        self.listeners: dict[str, Listener] = {}
        self.requests: list[Request] = []
        self._names: dict[str, str] = {}
        self._recorded = asyncio.Event()

    def listener(self, name: str, answer: Answer) -> Listener:
        """Add a listener; it gets its port at `start`."""
        self.listeners[name] = Listener(name, answer, self.refusal, self._record)
        return self.listeners[name]

    def plant(self, name: str, secret: str) -> None:
        """Let the record call `secret` by `name`."""
        self._names[secret] = name

    def settings(self) -> Settings:
        """The value of validator's `registries:` that points at this emulator; only while it is started."""
        raise NotImplementedError

    def planted(self) -> tuple[Planted, ...]:
        """The credentials of its world, for people."""
        raise NotImplementedError

    def truth(self, username: str, secret: str, repository: str | None = None) -> Truth:
        """What is so about this username and secret, and `repository` (without host)."""
        raise NotImplementedError

    def refusal(self, call: Call) -> web.Response:
        """How a login is refused; the faults use it. Here: 401 and an empty body."""
        return web.Response(status=401)

    async def start(self, *, ssl: SSLContext | None = None, port: int = 0) -> None:
        """Start every listener; on `port`, `port` + 1, … unless it is 0. Raises OSError when one is taken."""
        try:
            for offset, listener in enumerate(self.listeners.values()):
                await listener.start(ssl=ssl, port=port + offset if port else 0)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every listener; harmless when stopped."""
        for listener in self.listeners.values():
            await listener.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    def count(self, **filters: object) -> int:
        """How many recorded requests have all these values: `count(listener="authn", status=401)`."""
        return sum(all(getattr(request, name) == value for name, value in filters.items()) for request in self.requests)

    async def until(self, number: int, **filters: object) -> None:
        """Wait until `count(**filters)` is at least `number`; the caller sets the deadline."""
        while self.count(**filters) < number:
            await self._recorded.wait()

    @property
    def refused_logins(self) -> tuple[Request, ...]:
        """The logins with a secret that were refused, in order."""
        return tuple(request for request in self.requests if request.refused)

    def _record(self, call: Call, status: int) -> None:
        carried = call.secret if call.secret is not None else call.bearer
        self.requests.append(
            Request(
                listener=call.listener.name,
                method=call.method,
                path=call.path,
                query=read_query(call.request),
                authorization=call.kind,
                username=call.username,
                secret_name=None if carried is None else self._names.get(carried, "unknown"),
                status=status,
                refused=call.refused,
                address=call.address,
                at=self.clock(),
            )
        )
        self._recorded.set()
        self._recorded = asyncio.Event()
