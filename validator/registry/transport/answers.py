"""Reading an answer as far as its caps allow: nothing is decoded, drained or believed.

Caps: registries/README.md 4.2.6.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

MAX_FIELD: Final = 32768
"""Bytes of one field, and of the whole header block; challenges of 9 kB are on record."""
MAX_FIELDS: Final = 500
"""aiohttp's own 128 is short of registries behind several proxies; 10 000 are an attack."""

_UNREADABLE: Final = re.compile(rb"[\x00\r\n]")


def fields(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, str], ...] | None:
    """The header block as text, names lower case; None if it is too large or holds CR, LF or NUL."""
    block = b"".join([part for field in raw for part in field])
    if len(block) > MAX_FIELD or _UNREADABLE.search(block):
        return None
    return tuple([(name.decode("latin-1").lower(), value.decode("utf-8", "replace")) for name, value in raw])


FRONT_S: Final = 1.0
"""How long the front of a body is waited for that says itself that it is too large."""


async def body_of(response: aiohttp.ClientResponse, cap: int) -> tuple[bytes, bool]:
    """The body as it came, never decoded, and whether that is all; of one longer than `cap` its front, and no more is read.

    Raises `ClientPayloadError` if it is cut.
    """
    length = response.content_length
    if length is not None and length > cap:
        front: list[bytes] = []
        with suppress(aiohttp.ClientError, OSError):  # TimeoutError is one
            async with asyncio.timeout(FRONT_S):
                await _read(response, cap, front)
        return b"".join(front)[:cap], False
    connection = response.connection
    protocol = None if connection is None else connection.protocol
    chunks: list[bytes] = []
    if not await _read(response, cap, chunks):
        return b"".join(chunks)[:cap], False
    if length is None and protocol is not None and isinstance(protocol.exception(), OSError):
        raise aiohttp.ClientPayloadError  # a body without a length whose end was a reset: aiohttp takes it for whole
    return chunks[0] if len(chunks) == 1 else b"".join(chunks), True


async def _read(response: aiohttp.ClientResponse, cap: int, into: list[bytes]) -> bool:
    """Read the body `into` chunks; False as soon as it is longer than `cap`."""
    if response.content.is_eof():  # it came whole, with its head or soon after
        into.append(response.content.read_nowait())
        return len(into[0]) <= cap
    size = 0
    connection = response.connection
    with _ends_with(None if connection is None else connection.protocol, response.content):
        while chunk := await response.content.readany():
            into.append(chunk)
            size += len(chunk)
            if size > cap:
                return False
    return True


@contextmanager
def _ends_with(protocol: ResponseHandler | None, content: aiohttp.StreamReader) -> Iterator[None]:
    """While this is open, a body whose connection ended without its end is broken.

    aiohttp 3.14.5 tells the connection of a fault in the framing (a chunk without a size), and lets the body's reader wait.
    """
    closed = None if protocol is None else protocol.closed
    if closed is None:
        yield
        return

    def ended(connection: asyncio.Future[None]) -> None:
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError())

    closed.remove_done_callback(_looked_at)  # one of it a connection, however many answers it carries
    closed.add_done_callback(_looked_at)
    closed.add_done_callback(ended)
    try:
        yield
    finally:
        closed.remove_done_callback(ended)


def _looked_at(connection: asyncio.Future[None]) -> None:
    """asyncio complains of an error that nobody looked at; it is in the answer's, too."""
    if not connection.cancelled():
        connection.exception()


def encoding_of(headers: tuple[tuple[str, str], ...]) -> str | None:
    """How the body is still coded; None for identity. `chunked` is framing, already undone."""
    named = [value for name, value in headers if name in ("content-encoding", "transfer-encoding")]
    if not named:
        return None
    codings = [coding.strip().lower() for value in named for coding in value.split(",")]
    return ", ".join(coding for coding in codings if coding not in ("", "identity", "chunked")) or None
