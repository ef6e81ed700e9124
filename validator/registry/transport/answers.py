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
    """The header block as text, names lower case; None if it is too large or a value holds CR, LF or NUL."""
    fields = []
    size = 0
    for name, value in raw:
        size += len(name) + len(value)
        if _UNREADABLE.search(value):
            return None
        fields.append((name.decode("latin-1").lower(), value.decode("utf-8", "replace")))
    return None if size > MAX_FIELD else tuple(fields)


async def body_of(response: aiohttp.ClientResponse, cap: int) -> bytes | None:
    """The body as it came, never decoded; None as soon as it is longer than `cap`."""
    if (response.content_length or 0) > cap:
        return None
    content = response.content
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > cap:
            return None
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def encoding_of(headers: tuple[tuple[str, str], ...]) -> str | None:
    """How the body is still coded; None for identity. `chunked` is framing, already undone."""
    codings = (
        coding.strip().lower()
        for name, value in headers
        if name in ("content-encoding", "transfer-encoding")
        for coding in value.split(",")
    )
    return ", ".join(coding for coding in codings if coding not in ("", "identity", "chunked")) or None
