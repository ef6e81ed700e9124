"""The answer of a token endpoint, and what its token says of itself.

Pure and total. A token is opaque; where it is a JWT it is read and never verified, and never trusted for a grant.
distribution docs/content/spec/auth/token.md; registries/README.md 2.4.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from validator.protocol.base import NOT_JSON, Access, parse_json

__all__ = ["Access", "TokenAnswer", "TokenClaims", "bearer_life_s", "parse_claims", "parse_token_answer", "read_jwt_payload"]

MAX_TOKEN: Final = 16 * 1024
DEFAULT_LIFE_S: Final = 60.0
MAX_LIFE_S: Final = 3600.0

_FAR: Final = 1e15
"""Seconds beyond any date; larger numbers are cut to it, so that nobody overflows on them."""

_MAX_TEXT: Final = 1024
_VISIBLE: Final = re.compile(r"[!-~]+")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """What a JWT says of itself; None where a claim is absent or odd. `exp` and `iat` are seconds since the epoch.

    An empty `sub` is kept: it names nobody. An `access` without our `pull` says that it may not pull; it never says that a login was accepted.
    """

    access: tuple[Access, ...] | None = None
    sub: str | None = None
    auth_type: str | None = None
    exp: int | None = None
    iat: int | None = None


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """A bearer token as handed out; `expires_in_s` as the server says it (negative and huge too), None if it does not."""

    bearer: SecretStr
    expires_in_s: float | None
    claims: TokenClaims | None


def parse_token_answer(body: bytes, *, with_claims: bool = True) -> TokenAnswer | None:
    """The token in the body of a 200; None if there is none that may travel in a header. `with_claims`: look into it, too.

    `access_token` goes before `token`, as in containerd and docker. Not taken: not an object, empty or not a string,
    over MAX_TOKEN, blanks, control or non-ASCII characters. Unknown fields are ignored.
    """
    answer = parse_json(body)
    if not isinstance(answer, dict):
        return None
    bearer = answer.get("access_token") or answer.get("token")
    if not isinstance(bearer, str) or len(bearer) > MAX_TOKEN or not _VISIBLE.fullmatch(bearer):
        return None
    return TokenAnswer(SecretStr(bearer), _expires_in_s(answer.get("expires_in")), parse_claims(bearer) if with_claims else None)


def _expires_in_s(value: object) -> float | None:
    """A number, or a string of one; None for all else."""
    if isinstance(value, str):
        value = float(value.strip()) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(max(-_FAR, min(value, _FAR)))


def bearer_life_s(answer: TokenAnswer, now_epoch_s: float) -> float:
    """How long the token may be used, 0 to MAX_LIFE_S: its `expires_in` (default 60 s), or its `exp` if that is sooner.

    The margin of 10 s before the end is the keeper's to take off.
    """
    life = DEFAULT_LIFE_S if answer.expires_in_s is None else answer.expires_in_s
    if answer.claims is not None and answer.claims.exp is not None:
        life = min(life, answer.claims.exp - now_epoch_s)
    return max(0.0, min(life, MAX_LIFE_S))


def parse_claims(token: str) -> TokenClaims | None:
    """The claims of `token` if it is a signed JWT, else None: no evidence."""
    payload = read_jwt_payload(token)
    if payload is None:
        return None
    return TokenClaims(
        access=_access(payload.get("access")),
        sub="" if payload.get("sub") == "" else _text(payload.get("sub")),
        auth_type=_text(payload.get("auth_type")),
        exp=_epoch_s(payload.get("exp")),
        iat=_epoch_s(payload.get("iat")),
    )


def read_jwt_payload(token: str) -> Mapping[str, object] | None:
    """The payload of a JWS in compact form, unverified; None for anything else.

    `alg: none`, no signature, garbage, or over MAX_TOKEN characters: not a JWT to us.
    """
    parts = token.split(".", 3) if len(token) <= MAX_TOKEN else []
    if len(parts) != 3 or not _BASE64URL.fullmatch(parts[2]):
        return None
    header, payload = (_json_part(part) for part in parts[:2])
    if header is None or payload is None:
        return None
    algorithm = header.get("alg")
    return payload if isinstance(algorithm, str) and algorithm.lower() not in ("", "none") else None


def _json_part(part: str) -> dict[str, object] | None:
    plain = part.rstrip("=") if len(part) % 4 == 0 else part
    if not _BASE64URL.fullmatch(plain):
        return None
    try:
        value = parse_json(base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4)))
    except binascii.Error:
        return None
    return value if value is not NOT_JSON and isinstance(value, dict) else None


def _access(value: object) -> tuple[Access, ...] | None:
    """A list of accesses; None if it is absent or any of it is odd. `actions: null` is Go's way to grant nothing."""
    if not isinstance(value, list):
        return None
    found: list[Access] = []
    for item in value:
        if not isinstance(item, dict):
            return None
        kind, name, actions = item.get("type"), item.get("name"), item.get("actions") or []
        if not (isinstance(kind, str) and isinstance(name, str) and isinstance(actions, list)):
            return None
        if not all(isinstance(action, str) for action in actions):
            return None
        found.append(Access(kind, name, frozenset(actions)))
    return tuple(found)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_TEXT and value.isprintable() else None


def _epoch_s(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) <= _FAR else None
