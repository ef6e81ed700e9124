"""Opens the ledger in a schema of its own of a Postgres: makes it, and holds it to one revision, as `engine.py` does with a file.

Nothing outside that schema is made, changed or looked at. A revision is one transaction; before one there is no copy: an
operator of a server has backups.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import StoreError, StoreLost
from validator.ledger.base.database import Database
from validator.ledger.base.faults import fault
from validator.ledger.base.server import LOCK, LOCK_S, ServerThread
from validator.ledger.base.tables import HEAD
from validator.ledger.base.threads import Threads
from validator.ledger.engine import refuse_newer, upgrade
from validator.postgres import SCHEMA, Server, fault_of

OLDEST: Final = 13
"""The oldest server that is used: the oldest that its makers still mend, and the first where all that is asked of it is there."""
_READERS: Final = 4
_FOUND: Final = """
SELECT to_regclass('validator.alembic_version') IS NOT NULL AS versioned, to_regclass('validator.sealed_keys') IS NOT NULL AS ours,
       EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = 'validator'::regnamespace) AS tables
"""


@asynccontextmanager
async def open_on_server(server: Server, *, read_only: bool = False) -> AsyncIterator[Database]:
    """The ledger of `server`, at the newest revision. Raises StoreError: it cannot be reached, lacks rights, is of a newer program,
    or (for reading only) is missing or older.
    """
    there = await asyncio.to_thread(_look, server, not read_only)
    if not there:
        raise StoreError(f"there is no schema {SCHEMA} in the database {server.name} yet; run `validator migrate` first")
    readers = [ServerThread(server, writes=False) for _ in range(_READERS)]
    writer = None if read_only else ServerThread(server, writes=True)
    try:
        await _checked(readers[0] if writer is None else writer, server, read_only=read_only)
        yield Database(name=server.name, reader=Threads(readers), writer=writer, durable=True)
    finally:
        for one in (*readers, *([] if writer is None else [writer])):
            await one.close()


def _look(server: Server, make: bool) -> bool:
    """See that the server is one that can be used; make the schema where there is none yet. True if it is there now."""
    import psycopg

    try:
        with psycopg.connect(**server.parameters(lock_timeout=f"{LOCK_S}s"), autocommit=True) as connection:
            if connection.info.server_version < OLDEST * 10000:
                raise StoreError(
                    f"the database {server.name} is of PostgreSQL {connection.info.server_version // 10000}; {OLDEST} or newer is needed"
                )
            if _one(connection, "SHOW server_encoding") != "UTF8":
                raise StoreError(f"the database {server.name} is not in UTF-8, so that not every name could be kept in it")
            if make and not _is_there(connection):
                with connection.transaction():
                    connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
                    if not _is_there(connection):
                        connection.execute(f"CREATE SCHEMA {SCHEMA}")
            return _is_there(connection)
    except psycopg.Error as error:
        raise _at_opening(fault_of(error, server.name)) from None


def _is_there(connection: Any) -> bool:
    return bool(_one(connection, f"SELECT to_regnamespace('{SCHEMA}') IS NOT NULL"))


def _one(connection: Any, query: str) -> Any:
    return connection.execute(query).fetchone()[0]


def _at_opening(found: Exception | None) -> StoreError:
    """Nothing was begun: whatever it is, the operator can mend it."""
    return found if isinstance(found, StoreError) else StoreError(str(found))


async def _checked(at: ServerThread, server: Server, *, read_only: bool) -> None:
    """Bring it to the newest revision (a reader: see that it is there). A writer is alone meanwhile."""
    try:
        async with at.transaction() as connection:
            found = await _revision(connection, server)
            if found == HEAD:
                return
            if found:
                refuse_newer(found, server.name)
            if read_only:
                raise StoreError(f"the database {server.name} is of an older program; run `validator migrate` first")
            await connection.run_sync(upgrade, HEAD)
    except SQLAlchemyError as error:
        found_fault = fault(error, server.name)
        raise (StoreError(str(found_fault)) if isinstance(found_fault, StoreLost) else found_fault) from None


async def _revision(connection: AsyncConnection, server: Server) -> str:
    """The revision that the schema is at, "" for an empty one; raises StoreError for another program's schema."""
    found = (await connection.exec_driver_sql(_FOUND)).one()
    if not found.tables:
        return ""
    rows = (await connection.exec_driver_sql("SELECT version_num FROM alembic_version")).all() if found.versioned else []
    if len(rows) != 1 or not found.ours:
        raise StoreError(f"the schema {SCHEMA} of the database {server.name} is another program's; name another database by `store`")
    return str(rows[0][0])
