"""The database that the ledger's tables are in: one writer, readers beside it, and writes that wait a moment."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import Bug, StoreError, StoreLost
from validator.ledger.base.behind import AFTER_S, MOST, TOO_MANY, Batch, Change, Write
from validator.ledger.base.faults import fault
from validator.ledger.base.transactions import Transactions, Writer, begun_again

Made = TypeVar("Made")


class Database:
    """One open database: a writer whose transactions come one after another, and readers beside it.

    Every call is one transaction in a task of its own: cancelled half-way, a running statement would keep the write lock
    (dependencies.md 4), so it is finished, and only then is the caller cancelled. Raises StoreError where the operator
    can help (locked, damaged, read-only), StoreLost where the database went away or the disk is full.

    `keep` is for rows that many make at once. While `behind` is open they wait up to a second for each other and are written
    in one transaction, those of one call always together: `keep(Write(STATUS, …), Write(HISTORY, …), Write(PROGRESS, …))` is
    all there after a crash, or nothing of it. Who reads or writes a table says so (`read(work, TABLE)`) and finds there what
    waits; a row that must not be forgotten is kept with `at_once=True`, and everything that waits goes with it.
    """

    def __init__(
        self, *, reader: Transactions, writer: Writer | None, durable: bool, path: Path | None = None, name: str = ""
    ) -> None:  # fmt: skip
        """`path` is of a file; `name` is what sentences call it, a file's path by default."""
        self.name = name or str(path)
        self.durable = durable
        self._path = path
        self._reader = reader
        self._writer = writer
        self._inode = path.stat().st_ino if path is not None else None
        self._waiting = Batch()
        self._in_writing: Batch | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._fault: StoreError | StoreLost | None = None
        self._watchers: list[Callable[[Write | Change], None]] = []
        self._with_flush: list[Callable[[bool], Iterable[Write]]] = []

    @property
    def path(self) -> Path:
        """Its file. Raises Bug where it is none."""
        if self._path is None:
            raise Bug("a database on a server has no file")
        return self._path

    @property
    def read_only(self) -> bool:
        """True if every write raises."""
        return self._writer is None

    async def read(self, work: Callable[[AsyncConnection], Awaitable[Made]], *tables: Table) -> Made:
        """Run `work` on one snapshot, which holds what waits for `tables`."""
        if self._waits_for(tables):
            await self.flush()

        async def run(ended: list[bool]) -> Made:
            async with self._reader.transaction() as connection:
                return await work(connection)

        return await self.whole(begun_again(run))

    async def read_in_one(self, work: Callable[[Connection], Made], *tables: Table) -> Made:
        """The same for work that awaits nothing: all of it in one hop."""
        if self._waits_for(tables):
            await self.flush()
        return await self.whole(begun_again(lambda ended: self._reader.in_one(work)))

    async def write(self, work: Callable[[AsyncConnection], Awaitable[Made]], *tables: Table) -> Made:
        """Run `work` as the only writer: what it reads cannot change before what it writes; all of it is kept, or nothing.

        What waits for `tables` is written before, in the same transaction. Where the connection to a server is lost before the
        end, `work` is run once more: of the first time nothing was kept.
        """
        writer = self._writing()

        async def run(ended: list[bool]) -> Made:
            async with self._taken(tables) as taken, writer.transaction() as connection:
                if (batch := taken()) is not None:
                    await connection.run_sync(batch.make)
                made = await work(connection)
                ended.append(True)
                return made

        return await self.whole(begun_again(run))

    async def write_in_one(self, work: Callable[[Connection], Made], *tables: Table) -> Made:
        """The same for work that awaits nothing: all of it in one hop."""
        writer = self._writing()

        async def run(ended: list[bool]) -> Made:
            async with self._taken(tables) as taken:

                def both(connection: Connection) -> Made:
                    if (batch := taken()) is not None:
                        batch.make(connection)
                    made = work(connection)
                    ended.append(True)
                    return made

                return await writer.in_one(both)

        return await self.whole(begun_again(run))

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"the database {self.name} is open for reading only; run without read-only access to change it")
        self._present()
        return self._writer

    async def keep(self, *writes: Write | Change, at_once: bool = False) -> None:
        """Write these in one transaction: now, or while `behind` is open within a second, unless `at_once`.

        Raises what `write` does; also, once, for a write of before that failed behind its caller's back. What could not be
        written waits on, and is tried again.
        """
        flusher = self._flusher
        if not writes:
            return
        if flusher is None:
            batch = Batch()
            for one in writes:
                batch.add(one)
            await self.write_in_one(batch.make)
            self.told(writes)
            return
        for one in writes:
            self._waiting.add(one)
        self.told(writes)
        if at_once or self._waiting.count >= TOO_MANY:
            await self.flush()
        if self._waiting.count:
            self._some.set()
        if self._waiting.count >= MOST:
            self._many.set()
        if flusher.done():
            flusher.result()
        if self._fault is not None:
            fault_of_before, self._fault = self._fault, None
            raise fault_of_before

    @property
    def waits(self) -> bool:
        """True while what is kept may wait."""
        return self._flusher is not None

    def wake(self) -> None:
        """Flush in a moment, though nothing waits."""
        self._some.set()

    def with_each_flush(self, more: Callable[[bool], Iterable[Write]]) -> None:
        """Have what `more` gives written with each flush; it is called with True when nothing will be kept behind any more."""
        self._with_flush.append(more)

    def watch(self, watcher: Callable[[Write | Change], None]) -> None:
        """Have `watcher` called with everything that is kept, before somebody else can read it."""
        self._watchers.append(watcher)

    def told(self, writes: Iterable[Write | Change]) -> None:
        """These are kept: who watches hears of it."""
        for watcher in self._watchers:
            for one in writes:
                watcher(one)

    async def others_version(self) -> object:
        """Something that changes when another process, and only when another one, has written; None where nobody can tell."""
        return None if self._writer is None else await self.whole(self._writer.others_version())

    async def flush(self, *, last: bool = False) -> None:
        """Write everything that waits. Raises what `write` does; what was not written waits on."""
        for more in self._with_flush:
            for one in more(last):
                self._waiting.add(one)
        batch = self._waiting if self._waiting.count else self._in_writing
        if batch is not None:
            await self.write_in_one(_nothing, *batch.tables)
            self._fault = None

    @asynccontextmanager
    async def behind(self, after_s: float = AFTER_S) -> AsyncIterator[None]:
        """While this is open, what is kept waits up to `after_s` seconds; on leaving everything is written. May be nested."""
        if self._flusher is not None or self.read_only:
            yield
            return
        self._flusher = asyncio.create_task(self._flush_for_ever(after_s))
        try:
            yield
        finally:
            flusher, self._flusher = self._flusher, None
            flusher.cancel()
            with suppress(asyncio.CancelledError):
                await flusher
            await self.flush(last=True)

    async def _flush_for_ever(self, after_s: float) -> None:
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(after_s):
                    await self._many.wait()
            self._some.clear()
            self._many.clear()
            try:
                await self.flush()
            except (StoreError, StoreLost) as error:
                self._fault = error
                self._some.set()

    def _waits_for(self, tables: tuple[Table, ...]) -> bool:
        return any(batch is not None and not batch.tables.isdisjoint(tables) for batch in (self._waiting, self._in_writing))

    @asynccontextmanager
    async def _taken(self, tables: tuple[Table, ...]) -> AsyncIterator[Callable[[], Batch | None]]:
        """Gives what waits, when it is called in the turn of the one writer, if any of it is for `tables`.

        It waits on, before what came meanwhile, if the block raises.
        """
        taken: list[Batch] = []

        def take() -> Batch | None:
            if not self._waits_for(tables):
                return None
            batch, self._waiting = self._waiting, Batch()
            taken.append(batch)
            self._in_writing = batch
            return batch

        try:
            yield take
        except BaseException:
            for batch in taken:
                batch.extend(self._waiting)
                self._waiting = batch
            raise
        finally:
            if taken:
                self._in_writing = None

    async def scrub(self) -> None:
        """Move the write-ahead log into the file and empty it, so that no bytes of deleted rows stay; best effort beside readers."""
        if self._writer is not None:
            await self.whole(self._writer.scrub())

    def _present(self) -> None:
        """SQLite goes on writing into a file that was deleted, and nobody would ever read it."""
        if self._path is None:
            return
        try:
            there = self._path.stat().st_ino == self._inode
        except OSError:
            there = False
        if not there:
            raise StoreLost(f"the database {self.name} was removed or replaced while in use; start again")

    async def whole(self, run: Coroutine[Any, Any, Made]) -> Made:
        """Finish `run` also where its caller is cancelled; the driver's errors become ours."""
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
        except (DBAPIError, sqlite3.Error, OSError, UnicodeEncodeError) as error:
            raise fault(error, self.name) from None


def _nothing(connection: Connection) -> None:
    """Nothing more than what waits."""
