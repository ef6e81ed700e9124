"""Opens a compact JWE of the one plain form at once, by AES-GCM itself: a sweep opens two for each credential. Pure.

The plain form is what joserfc and jwcrypto write for A256GCMKW with A256GCM: a header of `alg`, `enc`, `kid`, `iv` and `tag`
alone, without a blank, and every part in its one canonical encoding. All else is for the library to judge. RFC 7518 4.7, 5.3.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_ANY: Final = r"[A-Za-z0-9_-]"
_LAST_4: Final = "[AEIMQUYcgkosw048]"
"""The last character of a part whose last two bits must be zero; `_LAST_2`: its last four."""
_LAST_2: Final = "[AQgw]"
_IV: Final = f"{_ANY}{{16}}"
_KEY: Final = f"{_ANY}{{42}}{_LAST_4}"
_TAG: Final = f"{_ANY}{{21}}{_LAST_2}"
_TEXT: Final = f"(?:{_ANY}{{4}})*(?:{_ANY}{{2}}{_LAST_4}|{_ANY}{_LAST_2})?"
_KID: Final = r'"kid":"([A-Za-z0-9._-]{1,64})",'
_TOKEN: Final = re.compile(rf"({_TEXT})\.({_KEY})\.({_IV})\.({_TEXT})\.({_TAG})".encode())
_HEADER: Final = re.compile(rf'\{{"alg":"A256GCMKW","enc":"A256GCM",(?:{_KID})?"iv":"({_IV})",(?:{_KID})?"tag":"({_TAG})"\}}'.encode())
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def opened(token: str, key_of: Callable[[str], bytes | None]) -> bytes | None:
    """What `token` seals under `key_of(kid)`, 32 bytes, None for no such key; None for what is not in the plain form or does not open."""
    parts = _TOKEN.fullmatch(token.encode("utf-8", "replace"))
    header = _HEADER.fullmatch(_raw(parts[1])) if parts is not None else None
    if parts is None or header is None or (header[1] is None) == (header[3] is None):
        return None
    key = key_of((header[1] or header[3]).decode())
    if key is None:
        return None
    try:
        content_key = AESGCM(key).decrypt(_raw(header[2]), _raw(parts[2]) + _raw(header[4]), None)
        return AESGCM(content_key).decrypt(_raw(parts[3]), _raw(parts[4]) + _raw(parts[5]), parts[1])
    except InvalidTag:
        return None


def _raw(part: bytes) -> bytes:
    return a2b_base64(part.translate(_STANDARD) + b"==")
