"""Texts that look like secrets and tokens: deterministic letters, and JSON Web Tokens of the emulator's own key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

ALNUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BASE64URL: Final = ALNUM + "-_"
HEX: Final = "0123456789abcdef"

_KEY: Final = b"validator emulator: signs nothing of value"


def letters(seed: str, length: int, alphabet: str = ALNUM) -> str:
    """`length` characters of `alphabet`, the same for the same `seed` on every machine, for ever."""
    text, counter = "", 0
    while len(text) < length:
        block = hashlib.sha256(f"{seed}/{counter}".encode()).digest()
        text += "".join(alphabet[byte % len(alphabet)] for byte in block)
        counter += 1
    return text[:length]


def make_jwt(claims: Mapping[str, Any], *, header: Mapping[str, Any] | None = None) -> str:
    """`claims` as a JWT in compact form, HS256 by a fixed key; `header` adds to or replaces its header's fields."""
    head = {"typ": "JWT", "alg": "HS256", **(header or {})}
    signed = f"{_encode(json.dumps(head).encode())}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_encode(hmac.digest(_KEY, signed.encode(), 'sha256'))}"


def read_jwt(token: str) -> dict[str, Any] | None:
    """The claims of a token that `make_jwt` made, whatever its `exp`; None for any other text."""
    signed, _, signature = token.rpartition(".")
    if not signed.isascii() or signature != _encode(hmac.digest(_KEY, signed.encode(), "sha256")):
        return None
    payload = signed.rpartition(".")[2]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
