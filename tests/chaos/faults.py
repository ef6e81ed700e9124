"""What goes wrong in a conversation, and where: one fault at one place, put between the emulated registry and who asks it.

A fault takes an honest answer and spoils it on its way. It never makes up a registry's own word: a 401 in the registry's form is said
once at most (that is on record, and must be survived), a forged yes or no for good could be told from a true one by nobody.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from asyncio import sslproto
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from aiohttp import web

from validator.emulator.base import Call, Listener

HANGS_S: Final = 3.0
"""Longer than anybody waits here."""
FOR_EVER: Final = 1000


class Kind(StrEnum):
    """Where in a conversation's layers it is."""

    CONNECTION = "connection"
    TLS = "tls"
    STATUS = "status"
    HEADER = "header"
    BODY = "body"
    TIME = "time"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`name` is a key of the kind's table; it hits the `place`th request (or dial) of a conversation, and so many in all."""

    kind: Kind
    name: str
    place: int
    lasts: int = 1


@dataclass
class Hostile:
    """What spoilt headers point at: a listener that must never get a secret, and the certificates that must not be believed.

    `secret` is the stored one of this conversation.
    """

    stranger: str
    contexts: Mapping[str, ssl.SSLContext]
    secret: str = ""


NONE: Final[Mapping[str, str | None]] = MappingProxyType({})
Spoil: TypeAlias = Callable[[Call, web.Response, Hostile], Awaitable[web.StreamResponse]]
STATUSES: Final = (204, 206, 302, 304, 400, 405, 407, 408, 418, 421, 425, 429, 431, 500, 501, 502, 503, 504, 507, 511, 520, 530, 599)
PAGE: Final = b"<html><head><title>Just a moment...</title></head><body>sign in to the network</body></html>"


def _rebuilt(answer: web.Response, *, status: int | None = None, body: bytes | None = None, fields: Mapping[str, str | None] = NONE) -> web.Response:
    """The answer with these changed; a field that is None is left out."""
    headers = answer.headers.copy()
    headers.popall("Content-Length", None)
    for name, value in fields.items():
        headers.popall(name, None)
        if value is not None:
            headers[name] = value
    return web.Response(status=status or answer.status, body=_body(answer) if body is None else body, headers=headers)


def _body(answer: web.Response) -> bytes:
    return bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""


def _raw(call: Call, *pieces: bytes, reset: bool = False) -> web.Response:
    """Write bytes as they are, and be gone."""
    transport = call.request.transport
    if transport is not None:
        for piece in pieces:
            transport.write(piece)
        if reset:
            _reset(transport)
        else:
            transport.close()
    return web.Response(status=500)


def _reset(transport: asyncio.BaseTransport) -> None:
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


def _head(answer: web.Response, length: int | None = None, *more: str) -> bytes:
    fields = [f"{name}: {value}" for name, value in answer.headers.items() if name.lower() != "content-length"]
    lines = [f"HTTP/1.1 {answer.status} X", *fields, *([] if length is None else [f"Content-Length: {length}"]), *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _status(call: Call, answer: web.Response, hostile: Hostile, status: int) -> web.StreamResponse:
    return _rebuilt(answer, status=status, body=b"" if status in (204, 304) else None)


async def _foreign(call: Call, answer: web.Response, hostile: Hostile, status: int) -> web.StreamResponse:
    """A firewall's or portal's page in place of the registry."""
    return web.Response(status=status, body=PAGE, headers={"Content-Type": "text/html"})


async def _spurious(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
    """One refusal in the registry's own form of a login with the stored secret; any other answer is left as it is.

    Said to a made-up secret it would be the registry's word that it tells secrets apart: it is asked for that once a day.
    """
    if call.kind != "basic" or call.secret != hostile.secret:
        return answer
    call.refused = True
    return call.listener.refusal(call)


def _challenge(make: Callable[[str, Hostile], str | None]) -> Spoil:
    async def spoil(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
        said = answer.headers.get("WWW-Authenticate")
        return answer if said is None else _rebuilt(answer, fields={"WWW-Authenticate": make(said, hostile)})

    return spoil


async def _last_challenge(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
    said = answer.headers.getall("WWW-Authenticate", [])
    return _rebuilt(answer, fields={"WWW-Authenticate": said[-1]}) if said else answer


def _realm(realm: str) -> Spoil:
    return _challenge(lambda said, hostile: f'Bearer realm="{realm.replace("{stranger}", hostile.stranger)}",service="reg.test"')


def _field(name: str, value: str | None) -> Spoil:
    async def spoil(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
        return _rebuilt(answer, fields={name: value})

    return spoil


def _redirect(status: int, location: str) -> Spoil:
    async def spoil(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": location.replace("{stranger}", hostile.stranger)})

    return spoil


def _wire(make: Callable[[Call, web.Response], tuple[bytes, ...]], *, reset: bool = False) -> Spoil:
    async def spoil(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
        return _raw(call, *make(call, answer), reset=reset)

    return spoil


def _content(make: Callable[[bytes, Call], bytes], kind: str | None = None) -> Spoil:
    async def spoil(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
        return _rebuilt(answer, body=make(_body(answer), call), fields=NONE if kind is None else {"Content-Type": kind})

    return spoil


def _echo(body: bytes, call: Call) -> bytes:
    sent = f"{call.username}:{call.secret} {call.bearer} {call.request.headers.get('Authorization')}"
    return json.dumps({"errors": [{"code": "UNKNOWN", "message": sent, "detail": sent}]}).encode()


def _wait(seconds: float) -> Spoil:
    async def spoil(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return answer

    return spoil


async def _drip(call: Call, answer: web.Response, hostile: Hostile) -> web.StreamResponse:
    """The head, then a byte now and then."""
    transport, body = call.request.transport, _body(answer)
    if transport is None:
        return answer
    transport.write(_head(answer, len(body) + 100))
    for _ in range(int(HANGS_S / 0.2)):
        await asyncio.sleep(0.2)
        if transport.is_closing():
            break
        transport.write(b" ")
    transport.abort()
    return answer


STATUS: Final[dict[str, Spoil]] = {
    **{f"{status}": (lambda call, answer, hostile, status=status: _status(call, answer, hostile, status)) for status in STATUSES},  # type: ignore[misc]  # bound now
    **{f"page {status}": (lambda call, answer, hostile, status=status: _foreign(call, answer, hostile, status)) for status in (200, 401, 403, 404, 502)},  # type: ignore[misc]  # bound now
    "one refusal": _spurious,
}  # fmt: skip

HEADER: Final[dict[str, Spoil]] = {
    "no challenge": _challenge(lambda said, hostile: None),
    "half a challenge": _challenge(lambda said, hostile: said[: len(said) // 2]),
    "another scheme": _challenge(lambda said, hostile: "Negotiate"),
    "the first of two challenges": _challenge(lambda said, hostile: said),
    "the last of two challenges": _last_challenge,
    "Basic in its place": _challenge(lambda said, hostile: 'Basic realm="a proxy"'),
    "realm of a stranger": _realm("{stranger}/token"),
    "realm in clear": _realm("http://127.0.0.1:9/token"),
    "realm inside": _realm("https://10.1.2.3/token"),
    "realm with a name": _realm("https://evil.test/token"),
    "realm with a user": _realm("https://u:p@evil.test/token"),
    "realm oddly written": _realm("https://0x7f.1/token"),
    "realm of no name": _realm("https://xn--a/token"),
    "no realm": _realm(""),
    "led to a stranger": _redirect(307, "{stranger}/v2/"),
    "led inside": _redirect(302, "https://10.1.2.3/v2/"),
    "led by no name": _redirect(307, "https://xn--/v2/"),
    "led nowhere": _redirect(301, ""),
    "led by a scheme": _redirect(308, "javascript:alert(1)"),
    "led to clear": _redirect(307, "http://127.0.0.1:9/v2/"),
    "no content type": _field("Content-Type", None),
    "a page's content type": _field("Content-Type", "text/html"),
    "bytes": _field("Content-Type", "application/octet-stream"),
    "coded": _field("Content-Encoding", "gzip"),
    "come next year": _field("Retry-After", "31536000"),
    "come never": _field("Retry-After", "soon"),
    "a digest that is none": _field("Docker-Content-Digest", "sha256:zz"),
    "much": _field("X-Much", "x" * 7000),
    "no blank line": _wire(lambda call, answer: (_head(answer)[:-4],)),
    "a NUL": _wire(lambda call, answer: (_head(answer, 0, "X-A: \0"),)),
    "two lengths": _wire(lambda call, answer: (_head(answer, 5, "Content-Length: 6"), b"123456")),
    "no HTTP": _wire(lambda call, answer: (b"SSH-2.0-OpenSSH_9.2\r\n",)),
}  # fmt: skip

BODY: Final[dict[str, Spoil]] = {
    "empty": _content(lambda body, call: b""),
    "half": _content(lambda body, call: body[: len(body) // 2]),
    "cut off": _wire(lambda call, answer: (_head(answer, len(_body(answer)) + 7), _body(answer))),
    "reset half-way": _wire(lambda call, answer: (_head(answer, len(_body(answer)) + 7), _body(answer)), reset=True),
    "a page": _content(lambda body, call: PAGE, "text/html"),
    "a page, as JSON": _content(lambda body, call: PAGE, "application/json"),
    "another page": _content(lambda body, call: b"OK", "text/plain"),
    "a list": _content(lambda body, call: b"[]", "application/json"),
    "a number": _content(lambda body, call: b"5", "application/json"),
    "deep": _content(lambda body, call: b"[" * 5000 + b"]" * 5000, "application/json"),
    "twice": _content(lambda body, call: body + body),
    "a mark before it": _content(lambda body, call: b"\xef\xbb\xbf" + body),
    "no UTF-8": _content(lambda body, call: b"\xff\xfe" + body),
    "long": _content(lambda body, call: body + b" " * 200_000),
    "an echo": _content(_echo, "application/json"),
    "a token for nobody": _content(lambda body, call: b'{"token": ""}', "application/json"),
}  # fmt: skip

TIME: Final[dict[str, Spoil]] = {
    "a while": _wait(0.05),
    "too long": _wait(HANGS_S),
    "drips": _drip,
}  # fmt: skip

CONNECTION: Final[dict[str, Spoil]] = {
    "reset": _wire(lambda call, answer: (), reset=True),
    "closed": _wire(lambda call, answer: ()),
    "reset in the head": _wire(lambda call, answer: (_head(answer)[:20],), reset=True),
}  # fmt: skip

ONCE: Final = frozenset({"one refusal", "Basic in its place"})
"""What said again and again would be the registry's own word."""
DIALS: Final = ("refused at once", "garbage", "expired", "another's name", "an unknown authority", "an alert")
"""Faults of the handshake: they hit a dial, and not a request."""

NAMES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.CONNECTION: tuple(CONNECTION), Kind.TLS: DIALS, Kind.STATUS: tuple(STATUS), Kind.HEADER: tuple(HEADER), Kind.BODY: tuple(BODY),
    Kind.TIME: tuple(TIME),
}  # fmt: skip
SPOILS: Final[dict[Kind, dict[str, Spoil]]] = {
    Kind.CONNECTION: CONNECTION, Kind.STATUS: STATUS, Kind.HEADER: HEADER, Kind.BODY: BODY, Kind.TIME: TIME,
}  # fmt: skip


PLACES: Final = (1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5)
"""A conversation about a known registry has one request or two, a first one up to eight."""


def fault_of(random: Random) -> Fault:
    """Any kind, any name, at a random place; most often once, sometimes from there on."""
    kind = random.choices(tuple(Kind), (15, 14, 22, 24, 19, 6))[0]
    name = random.choice(NAMES[kind])
    lasts = 1 if name in ONCE else random.choice((1, 1, 2, FOR_EVER))
    return Fault(kind=kind, name=name, place=random.choice(PLACES), lasts=lasts)


@dataclass
class Injector:
    """Stands in every listener of a registry, and spoils what the fault of the conversation says."""

    hostile: Hostile
    fault: Fault | None = None
    requests: int = 0
    dials: int = 0
    hits: int = 0
    fresh: bool = False
    _open: set[asyncio.Transport] = field(default_factory=set)

    def begin(self, fault: Fault | None, *, fresh: bool, secret: str) -> None:
        """A new conversation; `fresh`: each of its requests is dialled for."""
        self.fault, self.fresh = fault, fresh or (fault is not None and fault.kind is Kind.TLS)
        self.requests = self.dials = self.hits = 0
        self.hostile.secret = secret

    def stand_in(self, listener: Listener) -> None:
        """Between its answers and the wire."""
        answer, protocol = listener.answer, listener.protocol

        async def spoilt(call: Call) -> web.StreamResponse:
            said = await answer(call)
            self.requests += 1
            fault = self.fault
            if fault is not None and fault.kind is not Kind.TLS and self._hits(fault, self.requests) and isinstance(said, web.Response):
                said = await SPOILS[fault.kind][fault.name](call, said, self.hostile)
            if self.fresh:
                said.force_close()
            return said

        def greeted() -> asyncio.BaseProtocol | None:
            self.dials += 1
            fault = self.fault
            if fault is None or fault.kind is not Kind.TLS or not self._hits(fault, self.dials):
                return protocol()
            return _handshake(listener, fault.name, protocol, self.hostile)

        listener.answer = spoilt
        listener.protocol = greeted  # type: ignore[method-assign]  # this one's alone

    def _hits(self, fault: Fault, place: int) -> bool:
        hit = fault.place <= place < fault.place + fault.lasts
        self.hits += hit
        return hit


class _Rude(asyncio.Protocol):
    """Says something that is no TLS, and is gone."""

    def __init__(self, says: bytes) -> None:
        self._says = says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._says:
            _reset(transport)
            return
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._says)
        transport.close()


def _handshake(listener: Listener, name: str, protocol: Callable[[], Any], hostile: Hostile) -> asyncio.BaseProtocol | None:
    if name in hostile.contexts:
        good, listener.ssl = listener.ssl, hostile.contexts[name]
        try:
            made: asyncio.BaseProtocol | None = protocol()
        finally:
            listener.ssl = good
        assert made is None or isinstance(made, sslproto.SSLProtocol)
        return made
    return None if name == "an alert" else _Rude(b"" if name == "refused at once" else b"HTTP/1.1 400 Bad Request\r\n\r\n")
