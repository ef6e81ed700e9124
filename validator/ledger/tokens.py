"""Tokens of the HTTP service: who may ask what, for whom. Only a hash is kept; the text is shown once, when it is made.

A token's text is `vld_ID_SECRET`; the secret has 256 random bits, so a plain SHA-256 of it can neither be turned back nor guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import UsageError
from validator.ledger.base.database import Database
from validator.ledger.base.tables import TOKENS

EVERYBODY: Final = "*"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_TEXT: Final = re.compile(r"vld_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NOBODY: Final = "0" * 64
"""What a token that is not there is compared with: the answer takes as long as for a wrong one."""


class Scope(StrEnum):
    """What a token allows; none includes another, but `admin` includes `read`."""

    CHECK = "check"
    """Ask about a secret that the caller sends."""
    PREFLIGHT = "preflight"
    """Ask about images with stored credentials, and about those credentials anew."""
    READ = "read"
    """See what is known."""
    ADMIN = "admin"
    """Start sweeps; see what is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without its text. `user` is the one that it is bound to, or `*`."""

    id: str
    name: str
    scopes: frozenset[Scope]
    user: str
    created_at: datetime


class Tokens:
    """The tokens of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, scopes: Iterable[Scope], user: str, *, now: datetime) -> tuple[Token, SecretStr]:
        """Make one, and its text, which is never to be had again. Raises UsageError: no name, or one that is taken."""
        if not NAME.fullmatch(name):
            raise UsageError("a token's name has at most 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit.")
        token = Token(id=secrets.token_hex(8), name=name, scopes=frozenset(scopes), user=user, created_at=now)
        text = f"vld_{token.id}_{secrets.token_urlsafe(32)}"
        row = {"id": token.id, "name": name, "digest": _digest(text), "scopes": sorted(token.scopes), "user": user, "created_at": now}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(TOKENS.insert().values(row))

        try:
            await self._database.write(work)
        except IntegrityError:
            raise UsageError(f"there is a token {name} already; choose another name, or revoke that one first.") from None
        return token, SecretStr(text)

    async def all(self) -> tuple[Token, ...]:
        """Every token, by name."""

        async def work(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(select(TOKENS).order_by(TOKENS.c.name))).all()

        return tuple(_token(row) for row in await self._database.read(work))

    async def revoke(self, name: str) -> bool:
        """Remove it; False if there was none of this name."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(delete(TOKENS).where(TOKENS.c.name == name))).rowcount > 0

        return await self._database.write(work)

    async def by_id(self, id_: str) -> Token | None:
        """The token of this id, if it was not revoked."""
        row = await self._row(id_)
        return None if row is None else _token(row)

    async def find(self, text: SecretStr) -> Token | None:
        """The token whose text this is, or None."""
        plain = text.get_secret_value()
        form = _TEXT.fullmatch(plain)
        row = await self._row(form[1] if form is not None else "")
        same = hmac.compare_digest(_digest(plain), row.digest if row is not None else _NOBODY)
        return _token(row) if same and row is not None else None

    async def _row(self, id_: str) -> Any:
        async def work(connection: AsyncConnection) -> Any:
            return (await connection.execute(select(TOKENS).where(TOKENS.c.id == id_))).one_or_none()

        return await self._database.read(work)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: Any) -> Token:
    return Token(id=row.id, name=row.name, scopes=frozenset(map(Scope, row.scopes)), user=row.user, created_at=row.created_at)
