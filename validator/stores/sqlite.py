"""The embedded store: credentials as rows of our own database, username and secret sealed.

Its table is made by the ledger's migrations; a test holds the two definitions equal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

from pydantic import SecretStr
from sqlalchemy import Column, MetaData, Row, Table, Text, UniqueConstraint, and_, delete, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.credential import Credential, Host, RegistryScope
from validator.errors import UsageError
from validator.sealing import MasterKeys, Unreadable, seal, unseal
from validator.stores.base import Transactions, UnreadableRow, row_hash

CREDENTIALS: Final = Table(
    "credentials",
    MetaData(),
    Column("user", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("written", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("proof", Text),
    UniqueConstraint("user", "host", "path", name="uq_credentials_user_host_path"),
)
"""`username` and `secret` are JWEs; `written` is the registry as the user wrote it."""

_C: Final = CREDENTIALS.c
_PAGE: Final = 100
"""Rows read at once: no transaction stays open while a sweep probes, and no page holds the loop for 20 ms."""

Entry = tuple[Credential, str | None]


class SqliteStore:
    """Implements `WritableStore` over one table."""

    def __init__(self, database: Transactions, keys: MasterKeys) -> None:
        self._database = database
        self._keys = keys

    async def credentials(self, user: str | None = None) -> AsyncIterator[Credential | UnreadableRow]:
        """Every credential (of `user`), by user and name; sealed rows come by pages, secrets one at a time.

        A row written or renamed meanwhile may be met or not; none is met twice under one name.
        """
        after: tuple[str, str] | None = None
        while True:
            page = await self._page(user, after)
            for row in page:
                yield self._opened(row)
            if len(page) < _PAGE:
                return
            after = (page[-1].user, page[-1].name)

    async def get(self, user: str, name: str) -> Credential | UnreadableRow | None:
        """The credential of this name, or None."""

        async def work(connection: AsyncConnection) -> Row[*tuple[object, ...]] | None:
            return (await connection.execute(select(CREDENTIALS).where(_is(user, name)))).one_or_none()

        row = await self._database.read(work)
        return None if row is None else self._opened(row)

    async def put(self, credential: Credential, *, proof: str | None = None, replace_scope: bool = True) -> Credential:
        """Store it and return it as stored; raises UsageError if its name or (unless replaced) its scope is taken."""
        [(sealed, values)] = self._sealed([(credential, proof)])

        async def work(connection: AsyncConnection) -> None:
            await _put(connection, credential, values, replace_scope)

        await self._database.write(work)
        await self._database.scrub()
        return sealed

    async def put_many(self, entries: Sequence[Entry]) -> None:
        """Store all, in this order and as `put` does, in one transaction; whatever is raised, nothing is stored."""
        sealed = await asyncio.to_thread(self._sealed, entries)

        async def work(connection: AsyncConnection) -> None:
            for credential, values in sealed:
                await _put(connection, credential, values, True)

        await self._database.write(work)
        await self._database.scrub()

    async def delete(self, user: str, name: str) -> bool:
        """Remove it, also its bytes from the files; False if it was not there."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(delete(CREDENTIALS).where(_is(user, name)))).rowcount > 0

        gone = await self._database.write(work)
        await self._database.scrub()
        return gone

    async def proofs(self, user: str | None = None) -> dict[tuple[str, str], str]:
        """The proof images, by (user, name); no secret is opened for it."""
        query = select(_C.user, _C.name, _C.proof).where(_C.proof.is_not(None))
        if user is not None:
            query = query.where(_C.user == user)

        async def work(connection: AsyncConnection) -> dict[tuple[str, str], str]:
            return {(row.user, row.name): row.proof for row in await connection.execute(query)}

        return await self._database.read(work)

    async def _page(self, user: str | None, after: tuple[str, str] | None) -> Sequence[Row[*tuple[object, ...]]]:
        query = select(CREDENTIALS).order_by(_C.user, _C.name).limit(_PAGE)
        if user is not None:
            query = query.where(_C.user == user)
        if after is not None:
            query = query.where(tuple_(_C.user, _C.name) > after)

        async def work(connection: AsyncConnection) -> Sequence[Row[*tuple[object, ...]]]:
            return (await connection.execute(query)).all()

        return await self._database.read(work)

    def _sealed(self, entries: Sequence[Entry]) -> list[tuple[Credential, dict[str, str | None]]]:
        """Each credential as it will be read back, and its row's sealed columns."""
        made: list[tuple[Credential, dict[str, str | None]]] = []
        for credential, proof in entries:
            username, secret = seal(SecretStr(credential.username), self._keys), seal(credential.secret, self._keys)
            stored = replace(credential, row=row_hash(username, secret), flaws=())
            made.append((stored, {"username": username, "secret": secret, "written": credential.written, "proof": proof}))
        return made

    def _opened(self, row: Row[*tuple[object, ...]]) -> Credential | UnreadableRow:
        scope = RegistryScope(Host(row.host), row.path)
        try:
            username, secret = unseal(row.username, self._keys), unseal(row.secret, self._keys)
        except Unreadable as error:
            return UnreadableRow(user=row.user, name=row.name, scope=scope, why=str(error))
        return Credential(
            user=row.user,
            name=row.name,
            scope=scope,
            username=username.get_secret_value(),
            secret=secret,
            written=row.written,
            row=row_hash(row.username, row.secret),
        )


def _is(user: str, name: str):  # type: ignore[no-untyped-def]  # a column expression; its type has no short name
    return and_(_C.user == user, _C.name == name)


async def _put(connection: AsyncConnection, credential: Credential, values: dict[str, str | None], replace_scope: bool) -> None:
    """Write one row inside a transaction that writes alone, so that what is looked up stays true."""
    user, name, scope = credential.user, credential.name, credential.scope
    same_scope = and_(_C.user == user, _C.host == scope.host, _C.path == scope.path)
    query = select(_C.name, _C.host, _C.path).where(or_(_is(user, name), same_scope))
    for row in (await connection.execute(query)).all():
        if (row.host, row.path) != (scope.host, scope.path):
            held = RegistryScope(Host(row.host), row.path)
            raise UsageError(f"{user} has a credential {name} already, for {held}; choose another name, or delete that one first")
        if not replace_scope:
            raise UsageError(f"{user} has a credential for {scope} already, {row.name}; delete that one first")
    await connection.execute(delete(CREDENTIALS).where(same_scope))
    await connection.execute(CREDENTIALS.insert().values(user=user, name=name, host=scope.host, path=scope.path, **values))
