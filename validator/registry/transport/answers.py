"""Reading an answer as far as its caps allow: nothing is decoded, drained or believed.

Caps: registries/README.md 4.2.6.
"""

from __future__ import annotations

import re
from typing import Final

import aiohttp

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


async def body_of(response: aiohttp.ClientResponse, cap: int) -> bytes | None:
    """The body as it came, never decoded; None as soon as it is longer than `cap`. Raises `ClientPayloadError` if it is cut."""
    length = response.content_length
    if length is not None and length > cap:
        return None
    connection = response.connection if length is None else None
    protocol = None if connection is None else connection.protocol
    content = response.content
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > cap:
            return None
        chunks.append(chunk)
    if protocol is not None and isinstance(protocol.exception(), OSError):
        raise aiohttp.ClientPayloadError  # a body without a length whose end was a reset: aiohttp takes it for whole
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def encoding_of(headers: tuple[tuple[str, str], ...]) -> str | None:
    """How the body is still coded; None for identity. `chunked` is framing, already undone."""
    named = [value for name, value in headers if name in ("content-encoding", "transfer-encoding")]
    if not named:
        return None
    codings = [coding.strip().lower() for value in named for coding in value.split(",")]
    return ", ".join(coding for coding in codings if coding not in ("", "identity", "chunked")) or None
