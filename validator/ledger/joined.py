"""Several parts of the ledger in one transaction: the same calls, on one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import Bug
from validator.ledger.base.behind import Batch, Change, Write
from validator.ledger.base.database import Database

Made = TypeVar("Made")


class Joined(Database):
    """A database whose every call joins the transaction of `connection`; gone with it. Writing in a snapshot raises `Bug`."""

    def __init__(self, database: Database, connection: AsyncConnection, *, writes: bool) -> None:
        self.name = database.name
        self.durable = database.durable
        self._database = database
        self._connection = connection
        self._writes = writes

    @property
    def read_only(self) -> bool:
        """True in a snapshot."""
        return not self._writes

    async def read(self, work: Callable[[AsyncConnection], Awaitable[Made]], *tables: Table) -> Made:
        """Run `work` in the transaction that is open."""
        return await work(self._connection)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[Made]], *tables: Table) -> Made:
        """Run `work` in the transaction that is open, which keeps all or nothing."""
        if not self._writes:
            raise Bug("a write inside a snapshot of the ledger")
        return await work(self._connection)

    async def read_in_one(self, work: Callable[[Connection], Made], *tables: Table) -> Made:
        """Run `work` in the transaction that is open."""
        return await self._connection.run_sync(work)

    async def write_in_one(self, work: Callable[[Connection], Made], *tables: Table) -> Made:
        """Run `work` in the transaction that is open, which keeps all or nothing."""
        if not self._writes:
            raise Bug("a write inside a snapshot of the ledger")
        return await self._connection.run_sync(work)

    async def keep(self, *writes: Write | Change, at_once: bool = False) -> None:
        """Write these in the transaction that is open."""
        batch = Batch()
        for one in writes:
            batch.add(one)
        await self.write_in_one(batch.make)
        self._database.told(writes)

    @property
    def waits(self) -> bool:
        """False."""
        return False

    async def whole(self, run: Coroutine[Any, Any, Made]) -> Made:
        """Run it: it is a part of a whole."""
        return await run

    async def flush(self, *, last: bool = False) -> None:
        """Nothing: in the transaction that is open nothing waits."""

    def watch(self, watcher: Callable[[Write | Change], None]) -> None:
        """Nobody: whoever watches does it at the whole database."""

    def with_each_flush(self, more: Callable[[bool], Iterable[Write]]) -> None:
        """Never: in the transaction that is open nothing waits."""

    async def scrub(self) -> None:
        """Nothing: only a database of its own can be scrubbed."""
        raise Bug("a scrub inside a transaction of the ledger")
