"""One loopback listener: it reads who asks, plays the faults that are switched on, asks `answer`, and keeps the record."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import socket
import struct
from asyncio import sslproto
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from aiohttp import web

Answer: TypeAlias = Callable[["Call"], Awaitable[web.StreamResponse]]
Kind: TypeAlias = Literal["none", "basic", "bearer", "other"]

_SHOWN: Final = frozenset({"scope", "service", "account", "client_id", "offline_token", "access_type", "grant_type", "n", "last", "digest"})
"""Query parameters whose values the record keeps; of any other only the name: an allow-list forgets nothing."""

_HANDSHAKE_FAILURE: Final = b"\x15\x03\x03\x00\x02\x02\x28"
"""A TLS record: fatal alert 40 (RFC 8446, 6.2)."""

_FAULT_TEXT: Final = {
    405: "405 Not Allowed",
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The faults of one listener; the default is none. First in this order wins.

    `slow_ms`: each answer waits so long first. `outage`: "500", "502", "503", "504", "405" as a gateway's HTML page,
    "timeout" (no answer until the switch changes), "reset" (the connection breaks), "tls" (the handshake fails; a
    connection that is already open breaks). `outage_401`: everybody is refused. `html_200`: a captive portal's page.
    `proxy_407`: a proxy asks for a login. `waf_403`: a firewall's page. `throttle`: so many more requests are answered,
    then 429, with `Retry-After: retry_after` unless that is None. `ban_after`: after so many refused logins of one address
    it gets 403 pages. `spurious_401_once`: one refusal, of the next request to that path, or (True) of the next one that
    carries an Authorization; then the switch is off again.
    """

    slow_ms: int = 0
    outage: Literal["500", "502", "503", "504", "405", "timeout", "reset", "tls"] | None = None
    outage_401: bool = False
    html_200: bool = False
    proxy_407: bool = False
    waf_403: bool = False
    throttle: int | None = None
    retry_after: str | None = "30"
    ban_after: int | None = None
    spurious_401_once: bool | str = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came, without its secret. `at` is the emulator's clock, epoch seconds; `status` 0: cut off.

    `query` is name -> values (only those of harmless names; others are ("…",)). `secret_name` is the name of the planted
    secret, "unknown" for any other, None where none came. `refused`: a login with a secret was refused.
    """

    listener: str
    method: str
    path: str
    query: Mapping[str, tuple[str, ...]]
    authorization: Kind
    username: str | None
    secret_name: str | None
    status: int
    refused: bool
    address: str
    at: float


@dataclass(slots=True)
class Call:
    """One request on its way through a listener; `answer` reads it and may tell what it learnt."""

    request: web.BaseRequest
    listener: Listener
    kind: Kind = "none"
    username: str | None = None
    secret: str | None = None
    bearer: str | None = None
    refused: bool = False

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def address(self) -> str:
        return self.request.remote or ""

    def present(self, username: str | None, secret: str | None) -> None:
        """Note a login that came elsewhere than in the header (a form, JSON)."""
        self.username, self.secret = username, secret


@dataclass(eq=False)
class Listener:
    """A server on 127.0.0.1 that answers by `answer`, with its faults and its part of the record."""

    name: str
    answer: Answer
    refusal: Callable[[Call], web.Response]
    record: Callable[[Call, int], None]
    switches: Switches = field(default_factory=Switches)
    port: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ssl: SSLContext | None = None
    _server: asyncio.Server | None = None
    _protocols: web.Server | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def authority(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "") -> str:
        """An absolute URL of this listener."""
        return f"{'https' if self.ssl else 'http'}://{self.authority}{path}"

    def switch(self, **changes: Any) -> None:
        """Change some of the switches; requests that hang in a timeout are cut off."""
        self.switches = replace(self.switches, **changes)
        self._changed.set()
        self._changed = asyncio.Event()

    def calm(self) -> None:
        """All switches back, bans forgotten."""
        self.switch(**{name: getattr(Switches(), name) for name in Switches.__dataclass_fields__})
        self.refused.clear()

    async def start(self, *, ssl: SSLContext | None = None, port: int = 0) -> None:
        """Listen; `port` 0 takes a free one. Raises OSError when the port is taken."""
        self.ssl = ssl
        self._protocols = web.Server(self._serve, access_log=None)  # its lines would hold the query
        self._server = await asyncio.get_running_loop().create_server(lambda: _Gate(self), "127.0.0.1", port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and every connection; the port is kept for a second `start`."""
        self.switch()
        if self._server is not None and self._protocols is not None:
            self._server.close()
            self._protocols.pre_shutdown()  # idle connections; without it each costs the whole second
            await self._protocols.shutdown(1)
            await self._server.wait_closed()
        self._server = None

    def protocol(self) -> asyncio.BaseProtocol | None:
        """What speaks on a new connection; None: nothing, the handshake fails."""
        if self._protocols is None or self.switches.outage == "tls":
            return None
        spoken: asyncio.Protocol = self._protocols()
        if self.ssl is None:
            return spoken
        loop = asyncio.get_running_loop()
        shaken = loop.create_future()
        shaken.add_done_callback(lambda done: done.cancelled() or done.exception())  # a client that distrusts us is no fault of ours
        return sslproto.SSLProtocol(loop, spoken, self.ssl, shaken, server_side=True)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        call = _read_call(request, self)
        switches = self.switches
        if switches.slow_ms:
            await asyncio.sleep(switches.slow_ms / 1000)
        if switches.outage in ("timeout", "reset", "tls"):
            self.record(call, 0)
            if switches.outage == "timeout":
                await self._changed.wait()
            return _cut_off(request)
        response = self._fault(call) or await self.answer(call)
        if call.refused:
            self.refused[call.address] += 1
        self.record(call, response.status)
        return response

    def _fault(self, call: Call) -> web.Response | None:
        switches = self.switches
        spurious = switches.spurious_401_once
        if switches.outage is not None:
            return page(_FAULT_TEXT[int(switches.outage)])
        if switches.html_200:
            return page("200 Welcome to the guest network")
        if switches.proxy_407:
            return page("407 Proxy Authentication Required", {"Proxy-Authenticate": 'Basic realm="proxy"'})
        if switches.waf_403:
            return page("403 Forbidden")
        if switches.ban_after is not None and self.refused[call.address] >= switches.ban_after:
            return page("403 Forbidden")
        if switches.throttle is not None:
            if switches.throttle <= 0:
                after = {} if switches.retry_after is None else {"Retry-After": switches.retry_after}
                return answer_json(429, {"errors": [{"code": "TOOMANYREQUESTS", "message": "too many requests"}]}, after)
            self.switches = replace(switches, throttle=switches.throttle - 1)
        if switches.outage_401 or spurious == call.path or (spurious is True and call.kind != "none"):
            self.switches = replace(self.switches, spurious_401_once=False if not switches.outage_401 else spurious)
            call.refused = call.kind == "basic"
            return self.refusal(call)
        return None


def page(title: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A gateway's HTML page: `title` begins with the status ("502 Bad Gateway")."""
    text = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    return web.Response(status=int(title[:3]), body=text.encode(), headers={"Content-Type": "text/html", **(headers or {})})


def answer_json(status: int, content: object, headers: Mapping[str, str] | None = None, *, media_type: str = "application/json") -> web.Response:
    """`content` as JSON, or bytes as they are, under exactly `media_type`."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return web.Response(status=status, body=body, headers={"Content-Type": media_type, **(headers or {})})


def read_basic(value: str) -> tuple[str, str] | None:
    """Username and secret of the value after `Basic `; None if it is malformed. RFC 7617."""
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    username, colon, secret = text.partition(":")
    return (username, secret) if colon else None


def _read_call(request: web.BaseRequest, listener: Listener) -> Call:
    value = request.headers.get("Authorization")
    if value is None:
        return Call(request, listener)
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return Call(request, listener, "bearer", bearer=rest.strip())
    if scheme.lower() != "basic":
        return Call(request, listener, "other")
    username, secret = read_basic(rest) or (None, None)
    return Call(request, listener, "basic", username, secret)


def read_query(request: web.BaseRequest) -> Mapping[str, tuple[str, ...]]:
    """The query for the record: values only of harmless names."""
    query = request.query
    return MappingProxyType({name: tuple(query.getall(name)) if name in _SHOWN else ("…",) for name in query})


def _cut_off(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        raw = request.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=503)


class _Gate(asyncio.Protocol):
    """Meets each new connection, because whether its handshake fails is decided while the listener runs."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        spoken = self._listener.protocol()
        if spoken is None:
            transport.write(_HANDSHAKE_FAILURE)
            transport.close()
            return
        transport.set_protocol(spoken)
        spoken.connection_made(transport)
