"""The database that the ledger's tables are in: one writer, readers beside it, and the sentences for what goes wrong there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from validator.errors import StoreError, StoreLost

Made = TypeVar("Made")


class Database:
    """One open database: a writer whose transactions come one after another, and readers beside it.

    Every call is one transaction in a task of its own: cancelled half-way, a running statement would keep the write lock
    (dependencies.md 4), so it is finished, and only then is the caller cancelled. Raises StoreError where the operator
    can help (locked, damaged, read-only), StoreLost where the database went away or the disk is full.
    """

    def __init__(self, *, path: Path, reader: AsyncEngine, writer: AsyncEngine | None, durable: bool) -> None:
        self.path = path
        self.durable = durable
        self._reader = reader
        self._writer = writer
        self._inode = path.stat().st_ino

    @property
    def read_only(self) -> bool:
        """True if every write raises."""
        return self._writer is None

    async def read(self, work: Callable[[AsyncConnection], Awaitable[Made]]) -> Made:
        """Run `work` on one snapshot."""

        async def run() -> Made:
            async with self._reader.connect() as connection:
                return await work(connection)

        return await self._finished(run())

    async def write(self, work: Callable[[AsyncConnection], Awaitable[Made]]) -> Made:
        """Run `work` in BEGIN IMMEDIATE: what it reads cannot change before what it writes; all of it is kept, or nothing."""
        writer = self._writer
        if writer is None:
            raise StoreError(f"the database {self.path} is open for reading only; run without read-only access to change it")
        self._present()

        async def run() -> Made:
            async with writer.begin() as connection:
                return await work(connection)

        return await self._finished(run())

    async def scrub(self) -> None:
        """Move the write-ahead log into the file and empty it, so that no bytes of deleted rows stay; best effort beside readers."""
        writer = self._writer
        if writer is None:
            return

        async def run() -> None:
            async with writer.connect() as connection:
                await connection.rollback()
                raw = await connection.get_raw_connection()
                driver: Any = raw.driver_connection
                await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        await self._finished(run())

    def _present(self) -> None:
        """SQLite goes on writing into a file that was deleted, and nobody would ever read it."""
        try:
            there = self.path.stat().st_ino == self._inode
        except OSError:
            there = False
        if not there:
            raise StoreLost(f"the database {self.path} was removed or replaced while in use; start again")

    async def _finished(self, run: Coroutine[Any, Any, Made]) -> Made:
        task = asyncio.create_task(run)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()
            raise
        except IntegrityError:
            raise
        except (DBAPIError, PoolTimeout, sqlite3.Error, OSError, UnicodeEncodeError) as error:
            raise fault(error, self.path) from None


_FAULTS: Final[Mapping[int, tuple[type[StoreError] | type[StoreLost], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreError, "the database {} is locked by another process; try again when that one is done"),
    sqlite3.SQLITE_LOCKED: (StoreError, "the database {} is locked by another process; try again when that one is done"),
    sqlite3.SQLITE_NOTADB: (StoreError, "{} is not a database of ours; name another file by `store`"),
    sqlite3.SQLITE_CORRUPT: (StoreError, "the database {} is damaged; put back a copy of it"),
    sqlite3.SQLITE_READONLY: (StoreError, "the database {} cannot be written; give this user the right to"),
    sqlite3.SQLITE_PERM: (StoreError, "the database {} cannot be written; give this user the right to"),
    sqlite3.SQLITE_FULL: (StoreLost, "the disk of the database {} is full; make room and start again"),
    sqlite3.SQLITE_IOERR: (StoreLost, "the disk of the database {} fails; see to the disk and start again"),
    sqlite3.SQLITE_CANTOPEN: (StoreLost, "the database {} cannot be opened any more; see to its folder and start again"),
}


def fault(error: Exception, path: Path) -> StoreError | StoreLost:
    """The sentence for an error of the driver; its own words may quote a row, and are not repeated."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, UnicodeEncodeError):
        return StoreError("a name to be stored is not UTF-8 text; give it as UTF-8")
    lost = (StoreLost, f"the database {{}} failed while in use ({type(cause).__name__}); start again")
    kind, sentence = _FAULTS.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, lost)
    return kind(sentence.format(path))
