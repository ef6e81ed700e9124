"""What a hostile server does with one request: bytes, pauses, and streams that are made while they are sent.

A script's steps are played in order. Nothing here holds a big body: streams are iterators made anew for each request.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing for so long; ends early when the server stops."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Send nothing more, until the other side goes away or the server stops."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection with an RST."""


Stream: TypeAlias = Callable[[], Iterator[bytes]]
Step: TypeAlias = bytes | Pause | Hang | Reset | Stream


@dataclass(frozen=True, slots=True)
class Script:
    """The steps for one request; `keep`: the connection stays open for a next request, else it is closed after them."""

    steps: tuple[Step, ...]
    keep: bool = False


_CHUNK: Final = 64 * 1024
_REASONS: Final = {200: "OK", 301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect", 401: "Unauthorized", 403: "Forbidden"}

Fields: TypeAlias = Mapping[str, str | bytes] | tuple[tuple[str, str | bytes], ...]


def head(status: int, fields: Fields = ()) -> bytes:
    """A status line and fields with the empty line after them; values go out as they are, whatever they hold."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}".encode()]
    lines += [name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for name, value in pairs]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def reply(status: int, body: bytes | str | object = b"", fields: Fields = (), *, keep: bool = True) -> Script:
    """A well-formed answer with its length; anything but bytes and text goes out as JSON."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    pairs = tuple(fields.items() if isinstance(fields, Mapping) else fields)
    names = {name.lower() for name, _ in pairs}
    if "content-type" not in names:
        pairs = (("Content-Type", "application/json"), *pairs)
    return Script((head(status, (*pairs, ("Content-Length", str(len(raw))))), raw), keep)


def drop() -> Script:
    """The request is read, then the connection is closed without a word."""
    return Script(())


def reset() -> Script:
    """The request is read, then the connection breaks."""
    return Script((Reset(),))


def silence() -> Script:
    """The request is read, and nothing ever comes."""
    return Script((Hang(),))


def late(seconds: float, then: Script) -> Script:
    """`then`, so much later."""
    return Script((Pause(seconds), *then.steps), then.keep)


def headers_then_silence(status: int = 200, length: int = 100) -> Script:
    """A whole head that promises a body which never comes."""
    return Script((head(status, {"Content-Type": "application/json", "Content-Length": str(length)}), Hang()))


def drip(body: bytes, *, every_s: float = 1.0, status: int = 200) -> Script:
    """The head at once, the body a byte at a time."""
    steps: list[Step] = [head(status, {"Content-Type": "application/json", "Content-Length": str(len(body))})]
    for byte in body:
        steps += [Pause(every_s), bytes([byte])]
    return Script(tuple(steps))


def slow_headers(*, every_s: float = 1.0, count: int = 1000) -> Script:
    """The head a field at a time, and it does not end for `count` of them."""
    steps: list[Step] = [b"HTTP/1.1 200 OK\r\n"]
    for number in range(count):
        steps += [Pause(every_s), f"X-Slow-{number}: 1\r\n".encode()]
    return Script((*steps, b"Content-Length: 0\r\n\r\n"))


def cut_body(status: int, body: bytes, *, missing: int = 10, fields: Fields = ()) -> Script:
    """A body that is `missing` bytes shorter than its Content-Length says."""
    pairs = tuple(fields.items() if isinstance(fields, Mapping) else fields)
    length = ("Content-Length", str(len(body) + missing))
    return Script((head(status, (("Content-Type", "application/json"), *pairs, length)), body))


def half_head() -> Script:
    """The connection ends in the middle of a field."""
    return Script((b"HTTP/1.1 200 OK\r\nContent-Type: applic",))


def bad_chunking(body: bytes = b'{"token":"x"}') -> Script:
    """Chunked, with a size that is no number."""
    return Script((head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}), b"zz\r\n" + body + b"\r\n0\r\n\r\n"))


def chunks_without_end(body: bytes = b'{"token":"x"}') -> Script:
    """Chunked, and closed before the last chunk."""
    return Script((head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}), b"%x\r\n%s\r\n" % (len(body), body)))


def two_lengths(body: bytes = b'{"token":"x"}') -> Script:
    """Content-Length twice, differing."""
    return Script((head(200, (("Content-Length", str(len(body))), ("Content-Length", "1"))), body))


def gzip_bomb(megabytes: int = 300, *, status: int = 200) -> Script:
    """`megabytes` of zeros as a gzip body, about a thousandth of that on the wire."""

    def squeezed() -> Iterator[bytes]:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        zeros = bytes(_CHUNK)
        for _ in range(megabytes * 1024 * 1024 // _CHUNK):
            piece = packer.compress(zeros)
            if piece:
                yield piece
        yield packer.flush()

    return Script((head(status, {"Content-Type": "application/json", "Content-Encoding": "gzip"}), squeezed))


def gzip_members(count: int = 100_000) -> Script:
    """A gzip body of so many empty members (CVE-2026-128131)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    member = packer.flush()
    per_chunk = _CHUNK // len(member)

    def members() -> Iterator[bytes]:
        left = count
        while left > 0:
            yield member * min(left, per_chunk)
            left -= per_chunk

    return Script((head(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}), members))


def endless_body(*, status: int = 200, piece: bytes = b"x" * 1024, fields: Fields = ()) -> Script:
    """A body without length that ends only when the other side goes."""

    def endless() -> Iterator[bytes]:
        block = piece * max(1, _CHUNK // len(piece))
        while True:
            yield block

    pairs = tuple(fields.items() if isinstance(fields, Mapping) else fields)
    return Script((head(status, (("Content-Type", "application/json"), *pairs)), endless))


def big_body(megabytes: int, *, status: int = 200, content_type: str = "application/json", fields: Fields = ()) -> Script:
    """A well-formed answer of so many megabytes of spaces."""
    pairs = tuple(fields.items() if isinstance(fields, Mapping) else fields)
    length = megabytes * 1024 * 1024

    def spaces() -> Iterator[bytes]:
        for _ in range(length // _CHUNK):
            yield b" " * _CHUNK

    return Script((head(status, (("Content-Type", content_type), ("Content-Length", str(length)), *pairs)), spaces), keep=True)


def many_fields(count: int = 10_000, *, status: int = 200) -> Script:
    """So many header fields."""

    def fields() -> Iterator[bytes]:
        for number in range(count):
            yield f"X-Field-{number}: {number}\r\n".encode()
        yield b"Content-Length: 0\r\n\r\n"

    return Script((f"HTTP/1.1 {status} OK\r\n".encode(), fields))


def long_challenge(size: int = 1_000_000) -> Script:
    """A 401 whose `WWW-Authenticate` is so many bytes long."""

    def field() -> Iterator[bytes]:
        left = size
        while left > 0:
            yield b"a" * min(left, _CHUNK)
            left -= _CHUNK
        yield b'"\r\nContent-Length: 0\r\n\r\n'

    return Script((b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm="', field))


def many_challenges(count: int = 10_000) -> Script:
    """A 401 with so many challenges in one field."""
    value = ", ".join(f'Scheme{number} realm="r{number}"' for number in range(count))
    return reply(401, b"", {"WWW-Authenticate": value}, keep=False)


def http_09(body: bytes = b"<html>hello</html>\n") -> Script:
    """A body without any head."""
    return Script((body,))


def garbage() -> Script:
    """Bytes that are no HTTP."""
    return Script((bytes(range(256)) * 4,))


def nul_in_field(status: int = 200, body: bytes = b'{"token":"x"}') -> Script:
    """A head with a NUL and other control characters in a value."""
    return Script((head(status, {"X-Odd": b"a\x00b\x07c", "Content-Type": "application/json", "Content-Length": str(len(body))}), body))


def head_with_body(body: bytes = b"{}", fields: Fields = ()) -> Script:
    """A 200 whose body is sent whatever the method was."""
    return reply(200, body, fields, keep=True)


def deep_json(depth: int = 100_000, *, status: int = 200) -> Script:
    """So many nested brackets."""
    return reply(status, b"[" * depth + b"]" * depth, keep=False)


def long_number(megabytes: int = 10, *, status: int = 200) -> Script:
    """A JSON number of so many megabytes of digits."""
    length = megabytes * 1024 * 1024

    def digits() -> Iterator[bytes]:
        yield b'{"token":'
        for _ in range(length // _CHUNK):
            yield b"7" * _CHUNK
        yield b"}"

    fields = {"Content-Type": "application/json", "Content-Length": str(length + 10)}
    return Script((head(status, fields), digits))
