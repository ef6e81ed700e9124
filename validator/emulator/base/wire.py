"""HTTP/1 requests read from a bare socket, for servers that must misbehave below HTTP."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, replace
from typing import Final

from validator.emulator.base.listener import Kind, read_basic

MAX_HEAD: Final = 256 * 1024
"""Bytes of a request's head that are read; a longer one ends the connection."""

_MAX_BODY: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One request as it came; `target` is the second word of its first line, `fields` are (name, value) in order."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query; of an absolute target the path alone."""
        bare = self.target.partition("?")[0]
        if "://" in bare:
            _, slash, path = bare.partition("://")[2].partition("/")
            return slash + path or "/"
        return bare

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its fields, lower case, in order."""
        return tuple(name.lower() for name, _ in self.fields)

    def value(self, name: str) -> str | None:
        """The first field of that name (lower case); None if there is none."""
        return next((value for key, value in self.fields if key.lower() == name), None)

    def login(self, name: str = "authorization") -> tuple[Kind, str | None, str | None]:
        """Scheme, username, and secret or bearer token of that field."""
        value = self.value(name)
        if value is None:
            return "none", None, None
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            return "bearer", None, rest.strip()
        if scheme.lower() != "basic":
            return "other", None, None
        username, secret = read_basic(rest) or (None, None)
        return "basic", username, secret


async def read_wire(reader: asyncio.StreamReader) -> WireRequest | None:
    """The next request of the connection (its body by Content-Length only); None: it ended, or it is no request."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
        lines = head.split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        fields = tuple((name, value.strip()) for name, colon, value in (line.partition(":") for line in lines[1:]) if colon)
        request = WireRequest(method=method, target=target, fields=fields)
        length = int(request.value("content-length") or 0)
        if length > _MAX_BODY:
            return None
        return replace(request, body=await reader.readexactly(length))
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        return None


def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection with an RST."""
    raw = writer.get_extra_info("socket")
    if raw is not None and not writer.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
