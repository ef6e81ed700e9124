"""A database in threads of its own: a whole transaction is one hop to its thread, or one hop a statement for those who await each.

aiosqlite makes three to four hops of each statement, and a transaction of one statement nine: a millisecond of CPU, most of
it waking threads. Here a connection stays in its thread for good; rows are fetched where they are found.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Dialect, Engine, RootTransaction
from sqlalchemy.ext.asyncio import AsyncConnection

Made = TypeVar("Made")
SCRUB_MS: Final = 250
"""So long an emptying of the log waits for readers: nobody's command stands still for it."""


class Fetching(sqlite3.Cursor):
    """A cursor that has all its rows when its statement has run: they may be read in another thread."""

    _rows: Iterator[Any] = iter(())

    def execute(self, *given: Any) -> Fetching:
        """Run it and fetch."""
        super().execute(*given)
        self._rows = iter(super().fetchall() if self.description is not None else ())
        return self

    def fetchone(self) -> Any:
        """The next row that was fetched."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        """Some more of them."""
        return list(islice(self._rows, size or 1))

    def fetchall(self) -> list[Any]:
        """The rest of them."""
        return list(self._rows)


class FetchingConnection(sqlite3.Connection):
    """Gives out cursors that fetch."""

    def cursor(self, factory: Any = None) -> Any:
        """One of them."""
        return super().cursor(Fetching)


class Hopping:
    """What of an `AsyncConnection` works use, over a connection in its thread: each call is one hop."""

    def __init__(self, thread: OneThread) -> None:
        self._thread = thread

    @property
    def dialect(self) -> Dialect:
        """What SQL it speaks."""
        return self._thread.engine.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """The result, its rows fetched."""
        return await self._thread.hop(lambda: self._thread.connected().execute(statement, parameters))

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        """The first column of the first row."""
        return await self._thread.hop(lambda: self._thread.connected().scalar(statement, parameters))

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> Any:
        """The result of SQL as it is written."""
        return await self._thread.hop(lambda: self._thread.connected().exec_driver_sql(statement, parameters))

    async def run_sync(self, work: Callable[..., Made], *given: Any) -> Made:
        """Run `work` with the connection, in its thread."""
        return await self._thread.hop(lambda: work(self._thread.connected(), *given))


class OneThread:
    """One connection in a thread of its own; its transactions come one after another, in the order that they are asked for."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None

    async def hop(self, work: Callable[[], Made]) -> Made:
        """Run `work` in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def connected(self) -> Connection:
        """The connection: to be called in the thread."""
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self._connection = self.engine.connect()
        return self._connection

    def begun(self) -> RootTransaction:
        """A transaction on it: to be called in the thread."""
        return self.connected().begin()

    async def in_one(self, work: Callable[[Connection], Made]) -> Made:
        """A transaction of one hop: committed when `work` returns, rolled back when it raises."""

        def whole() -> Made:
            with self.begun():
                return work(self.connected())

        async with self._turn:
            return await self.hop(whole)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction whose statements are awaited one by one."""
        async with self._turn:
            transaction = await self.hop(self.begun)
            try:
                yield cast("AsyncConnection", Hopping(self))
            except BaseException:
                await self.hop(transaction.rollback)
                raise
            try:
                await self.hop(transaction.commit)
            except BaseException:
                await self.hop(transaction.close)
                raise

    async def others_version(self) -> object:
        """SQLite counts the commits of other connections: those of this one, the only writer of this process, leave it."""
        return await self._pragma("data_version")

    async def scrub(self) -> None:
        """Empty the write-ahead log into the file, unless another goes on reading it: the next to scrub, or the last to close, does it then."""
        await self._pragma("wal_checkpoint(TRUNCATE)", patience_ms=SCRUB_MS)

    async def _pragma(self, text: str, *, patience_ms: int | None = None) -> object:
        """What it says, outside of any transaction; others in the way are waited for as ever, or for so long."""

        def ask() -> object:
            driver: Any = self.connected().connection.driver_connection
            if patience_ms is None:
                return id(driver), driver.execute(f"PRAGMA {text}").fetchone()
            [as_ever] = driver.execute("PRAGMA busy_timeout").fetchone()
            driver.execute(f"PRAGMA busy_timeout={patience_ms}")
            try:
                return id(driver), driver.execute(f"PRAGMA {text}").fetchone()
            finally:
                driver.execute(f"PRAGMA busy_timeout={as_ever}")

        async with self._turn:
            return await self.hop(ask)

    async def close(self) -> None:
        """End the connection and the thread."""

        def end() -> None:
            if self._connection is not None:
                self._connection.close()
            self.engine.dispose()

        await self.hop(end)
        self._thread.shutdown()


class Threads:
    """Several of them: who comes gets one that is free."""

    def __init__(self, threads: Sequence[OneThread]) -> None:
        self._all = tuple(threads)
        self._free: asyncio.LifoQueue[OneThread] = asyncio.LifoQueue()
        for one in threads:
            self._free.put_nowait(one)

    async def in_one(self, work: Callable[[Connection], Made]) -> Made:
        """See `OneThread`."""
        async with self._one() as thread:
            return await thread.in_one(work)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """See `OneThread`."""
        async with self._one() as thread, thread.transaction() as connection:
            yield connection

    async def close(self) -> None:
        """End all of them."""
        for one in self._all:
            await one.close()

    @asynccontextmanager
    async def _one(self) -> AsyncIterator[OneThread]:
        thread = await self._free.get()
        try:
            yield thread
        finally:
            self._free.put_nowait(thread)
