"""The embedded store: credentials as rows of our own database, username and secret sealed.

Its table is made by the ledger's migrations; a test holds the two definitions equal.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import Column, Connection, MetaData, Row, Table, Text, UniqueConstraint, and_, bindparam, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.credential import Credential, Host, RegistryScope
from validator.errors import StoreError, UsageError
from validator.sealing import MasterKeys, Unreadable, Why, seal, unseal
from validator.stores.base import KeyFile, Outline, Place, Transactions, UnreadableRow, row_hash

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

_OUTLINES: Final = 1000
"""Rows read at once where no secret is opened."""
_OPEN: Final = 1000
"""Rows that are kept open in memory, by their sealed columns: another secret is another row."""
_TRIES: Final = 5
_USERS: Final = 500
"""Users of one look-up: older SQLite takes 999 parameters."""

_NAMED: Final = func.json_each(bindparam("places")).table_valued("value", name="named")
_SOME: Final = select(CREDENTIALS).join_from(
    _NAMED, CREDENTIALS, and_(_C.user == func.json_extract(_NAMED.c.value, "$[0]"), _C.name == func.json_extract(_NAMED.c.value, "$[1]"))
)
"""One statement for any number of places, each found by the primary key: SQLite reads the whole table for a list of pairs."""

Entry = tuple[Credential, str | None]
Sealed = tuple[Credential, dict[str, str | None]]


class SqliteStore:
    """Implements `WritableStore` over one table."""

    def __init__(self, database: Transactions, keys: MasterKeys, file: KeyFile | None = None) -> None:
        self._database = database
        self._keys = keys
        self._file = file
        self._open: OrderedDict[Row[*tuple[object, ...]], Credential] = OrderedDict()

    @property
    def read_only(self) -> str:
        """ "": it is ours to write."""
        return ""

    async def credentials(self, user: str | None = None) -> AsyncIterator[Credential | UnreadableRow]:
        """Every credential (of `user`), by user and name; sealed rows come by pages, secrets one at a time.

        A row written or renamed meanwhile may be met or not; none is met twice under one name.
        """
        after: Place | None = None
        while True:
            page = await self._page(user, after, _PAGE)
            for row in page:
                yield self._opened(row)
            if len(page) < _PAGE:
                return
            after = (page[-1].user, page[-1].name)

    async def as_kubelet(self, user: str) -> tuple[Credential | UnreadableRow, ...]:
        """All of them: each becomes a key of the pull secret. A row that stands as it was is not opened again: who submits, submits often."""
        held: list[Credential | UnreadableRow] = []
        after: Place | None = None
        while page := await self._page(user, after, _PAGE):
            held += map(self._kept, page)
            if len(page) < _PAGE:
                break
            after = (page[-1].user, page[-1].name)
        return tuple(held)

    async def get(self, user: str, name: str) -> Credential | UnreadableRow | None:
        """The credential of this name, or None."""

        async def work(connection: AsyncConnection) -> Row[*tuple[object, ...]] | None:
            return (await connection.execute(select(CREDENTIALS).where(_is(user, name)))).one_or_none()

        row = await self._database.read(work)
        return None if row is None else self._opened(row)

    async def outlines(self, user: str | None = None) -> AsyncIterator[Outline]:
        """Every credential (of `user`), by user and name, readable or not, in pages; no secret is opened."""
        after: Place | None = None
        while page := await self._page(user, after, _OUTLINES):
            for row in page:
                yield _outline(row)
            if len(page) < _OUTLINES:
                return
            after = (page[-1].user, page[-1].name)

    async def some(self, places: Sequence[Place]) -> list[Credential | UnreadableRow]:
        """Those of these that are there."""
        return [self._opened(row) for row in await self._some(places)]

    async def standing(self, places: Sequence[Place]) -> dict[Place, Outline]:
        """Those of these that are there, no secret opened."""
        return {(row.user, row.name): _outline(row) for row in await self._some(places)}

    async def put(self, credential: Credential, *, proof: str | None = None, replace_scope: bool = True) -> Credential:
        """Store it and return it as stored; raises UsageError if its name or (unless replaced) its scope is taken."""
        return (await self._written([(credential, proof)], replace_scope))[0][0]

    async def put_many(self, entries: Sequence[Entry]) -> None:
        """Store all, in this order and as `put` does, in one transaction; whatever is raised, nothing is stored."""
        await self._written(entries, True)

    async def _written(self, entries: Sequence[Entry], replace_scope: bool) -> list[Sealed]:
        """Seal and store these by the key of now: looked at again while nobody else writes, for a key that seals no more may be forgotten."""
        for _ in range(_TRIES):
            self._keys = keys = self._now()
            sealed = self._sealed(entries) if len(entries) == 1 else await asyncio.to_thread(self._sealed, entries)

            async def work(connection: AsyncConnection, keys: MasterKeys = keys, sealed: list[Sealed] = sealed) -> bool:
                if self._now().current != keys.current:
                    return False
                await _put(connection, sealed, replace_scope)
                return True

            if await self._database.write(work):
                self._open.clear()
                await self._database.scrub()
                return sealed
        raise StoreError("the master key is changed again and again; try again when `validator key rotate` is done")

    def _now(self) -> MasterKeys:
        return self._keys if self._file is None else self._file.read()

    async def delete(self, user: str, name: str) -> bool:
        """Remove it, also its bytes from the files; False if it was not there."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(delete(CREDENTIALS).where(_is(user, name)))).rowcount > 0

        gone = await self._database.write(work)
        self._open.clear()
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

    async def _some(self, places: Sequence[Place]) -> Sequence[Row[*tuple[object, ...]]]:
        def work(connection: Connection) -> Sequence[Row[*tuple[object, ...]]]:
            return connection.execute(_SOME, {"places": json.dumps(places)}).all()

        return await self._database.read_in_one(work) if places else ()

    async def _page(self, user: str | None, after: Place | None, limit: int) -> Sequence[Row[*tuple[object, ...]]]:
        query = select(CREDENTIALS).order_by(_C.user, _C.name).limit(limit)
        if user is not None:
            query = query.where(_C.user == user)
        if after is not None:
            query = query.where(tuple_(_C.user, _C.name) > after)

        def work(connection: Connection) -> Sequence[Row[*tuple[object, ...]]]:
            return connection.execute(query).all()

        return await self._database.read_in_one(work)

    def _sealed(self, entries: Sequence[Entry]) -> list[Sealed]:
        """Each credential as it will be read back, and its row's sealed columns."""
        made: list[Sealed] = []
        for credential, proof in entries:
            username, secret = seal(SecretStr(credential.username), self._keys), seal(credential.secret, self._keys)
            stored = replace(credential, row=row_hash(username, secret), flaws=())
            made.append((stored, {"username": username, "secret": secret, "written": credential.written, "proof": proof}))
        return made

    def _kept(self, row: Row[*tuple[object, ...]]) -> Credential | UnreadableRow:
        kept = self._open.get(row) or self._opened(row)
        if isinstance(kept, UnreadableRow):
            return kept  # its key may come yet
        self._open[row] = kept
        self._open.move_to_end(row)
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return kept

    def _opened(self, row: Row[*tuple[object, ...]]) -> Credential | UnreadableRow:
        scope = RegistryScope(Host(row.host), row.path)
        try:
            username, secret = self._unsealed(row.username), self._unsealed(row.secret)
        except Unreadable as error:
            return UnreadableRow(user=row.user, name=row.name, scope=scope, why=str(error), written=row.written)
        return Credential(
            user=row.user,
            name=row.name,
            scope=scope,
            username=username.get_secret_value(),
            secret=secret,
            written=row.written,
            row=row_hash(row.username, row.secret),
        )

    def _unsealed(self, token: str) -> SecretStr:
        """What it seals; a key that we do not know may have come into the file since."""
        try:
            return unseal(token, self._keys)
        except Unreadable as error:
            if error.reason is not Why.UNKNOWN_KEY or self._file is None:
                raise
            with suppress(StoreError):
                self._keys = self._file.read()
            return unseal(token, self._keys)


def _outline(row: Any) -> Outline:
    user, name, host, path, _, username, secret, proof = row  # by place: by name a row takes ten times as long
    return Outline(user, name, RegistryScope(host, path), row_hash(username, secret), proof)


def _is(user: str, name: str):  # type: ignore[no-untyped-def]  # a column expression; its type has no short name
    return and_(_C.user == user, _C.name == name)


async def _put(connection: AsyncConnection, rows: Sequence[Sealed], replace_scope: bool) -> None:
    """Write these in order, inside a transaction that writes alone, so that what is looked up stays true.

    One look-up and two statements for many users' rows: one by one, 10 000 would keep other writers out for 12 s.
    """
    named: dict[tuple[str, str], RegistryScope] = {}
    users = sorted({credential.user for credential, _ in rows})
    for start in range(0, len(users), _USERS):
        query = select(_C.user, _C.name, _C.host, _C.path).where(_C.user.in_(users[start : start + _USERS]))
        named |= {(row.user, row.name): RegistryScope(Host(row.host), row.path) for row in await connection.execute(query)}
    held = {(user, scope): name for (user, name), scope in named.items()}
    written: dict[tuple[str, RegistryScope], dict[str, str | None]] = {}
    for credential, values in rows:
        user, name, scope = credential.user, credential.name, credential.scope
        taken_for, taken_by = named.get((user, name), scope), held.get((user, scope))
        if taken_for != scope:
            raise UsageError(f"{user} has a credential {name} already, for {taken_for}; choose another name, or delete that one first")
        if taken_by is not None and not replace_scope:
            raise UsageError(f"{user} has a credential for {scope} already, {taken_by}; delete that one first")
        if taken_by is not None:
            del named[user, taken_by]
        named[user, name], held[user, scope] = scope, name
        written[user, scope] = {"user": user, "name": name, "host": scope.host, "path": scope.path, **values}
    if written:
        keys = [{"old_user": user, "old_host": scope.host, "old_path": scope.path} for user, scope in written]
        same = and_(_C.user == bindparam("old_user"), _C.host == bindparam("old_host"), _C.path == bindparam("old_path"))
        await connection.execute(delete(CREDENTIALS).where(same), keys)
        await connection.execute(CREDENTIALS.insert(), list(written.values()))
