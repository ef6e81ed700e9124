"""Reads OSMO's database: a few connections that cannot write, answers in pages, and a server that restarts is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from validator.errors import StoreError
from validator.postgres import Server, fault_of, is_lost

MOST: Final = 4
"""Small answers at once, and so many long ones: OSMO has its own connections, and max_connections is for all."""
PAGE: Final = 500
"""Rows of a cursor that are held at once."""
RIDE_OUT_S: Final = 30.0
"""How long a server that went away is waited for."""
_SESSION: Final = {
    "default_transaction_read_only": "on", "search_path": "pg_catalog", "statement_timeout": "60s", "idle_in_transaction_session_timeout": "300s",
}  # fmt: skip


class Reader:
    """Every method raises StoreError or StoreLost, one sentence each. All it asks is asked again where a connection was lost."""

    def __init__(self, server: Server, *, ride_out_s: float = RIDE_OUT_S) -> None:
        self.server = server
        self._ride_out_s = ride_out_s
        self._idle: list[Any] = []
        self._small, self._long = asyncio.Semaphore(MOST), asyncio.Semaphore(MOST)  # who reads a long answer asks small things meanwhile

    async def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""
        until = time.monotonic() + self._ride_out_s
        while True:
            try:
                async with self._small, self._connection() as connection:
                    return list(await (await connection.execute(query, parameters)).fetchall())
            except Exception as error:
                await self._again(error, until)

    async def pages(self, query: str, parameters: Sequence[Any] = ()) -> AsyncGenerator[list[tuple[Any, ...]]]:
        """The rows of an answer of any size, by a cursor of the server's: one instant's, a page of them in memory.

        Close it with `aclosing`. A connection that is lost before the first page is made anew; after it the answer ends in
        StoreLost, for the next one would be of another instant.
        """
        until = time.monotonic() + self._ride_out_s
        begun = False
        while True:
            try:
                async with self._long, self._connection() as connection, connection.transaction(), connection.cursor(name="stored") as cursor:
                    await cursor.execute(query, parameters)
                    while page := await cursor.fetchmany(PAGE):
                        begun = True
                        yield page
                    return
            except Exception as error:
                await self._again(error, 0.0 if begun else until)

    async def close(self) -> None:
        """Let go of every connection."""
        while self._idle:
            await self._idle.pop().close()

    async def _again(self, error: Exception, until: float) -> None:
        """Wait a moment if it is to be asked again; else raise what the operator is to read."""
        found = fault_of(error, self.server.name)
        if found is None:
            raise error
        if not is_lost(error) or time.monotonic() + 0.2 > until:
            raise found from None
        await asyncio.sleep(0.2)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """One that is used again when all went well."""
        import psycopg

        connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = await psycopg.AsyncConnection.connect(**self.server.parameters(**_SESSION), autocommit=True)
        try:
            yield connection
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)


def at_opening(error: Exception) -> StoreError:
    """Nothing was begun: whatever it is, the operator can mend it."""
    return error if isinstance(error, StoreError) else StoreError(str(error))
