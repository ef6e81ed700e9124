"""Opens the database file: makes it, holds it to one revision, migrates it after a copy, and begins every write IMMEDIATE.

SQLite's traps and the measured recipe against them: dependencies.md 4.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import platformdirs
from sqlalchemy import URL, Connection, NullPool, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.errors import ConfigError, StoreError, StoreLost
from validator.ledger.base.copying import copy_database, only_read
from validator.ledger.base.database import Database
from validator.ledger.base.faults import fault
from validator.ledger.base.tables import HEAD
from validator.ledger.base.threads import FetchingConnection, OneThread, Threads

BUSY_MS: Final = 5000
"""How long a writer waits for another process's write."""
_OPENING_S: Final = 30.0
"""How long an opening waits for another process that makes or migrates the database."""
_READERS: Final = 4
_EMPTY: Final = ""


class Unwritable(StoreError):
    """The file or its folder cannot be made or written: a program that may do without a durable ledger does without."""


def data_folder() -> Path:
    """Where the default database and the default master key are: the user's data folder."""
    return Path(platformdirs.user_data_dir("validator", appauthor=False))


def database_path(text: str) -> Path:
    """The file that a `store` setting names, `sqlite:///PATH` or a plain path; "" is the default one. Raises ConfigError."""
    if not text:
        return data_folder() / "validator.db"
    scheme, mark, rest = text.partition("://")
    if mark and scheme != "sqlite":
        raise ConfigError("the store is no SQLite file; write `sqlite:///PATH`")
    path = rest.removeprefix("/") if mark else text
    if (mark and not rest.startswith("/")) or (not mark and text.startswith("sqlite:")) or not path or "\0" in path or path.startswith(":memory:"):
        raise ConfigError("the store names no file; write `sqlite:///PATH`, with a fourth slash for a path from the root")
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"the store {text} names the home of nobody; write the whole path") from None


@asynccontextmanager
async def open_database(path: Path | None, *, read_only: bool = False) -> AsyncIterator[Database]:
    """The database at `path`, at the newest revision; None is one of its own in a temporary folder, not durable.

    Makes what is missing (folder 0700, file 0600). Raises Unwritable where that cannot be, StoreError where the file is
    none of ours, damaged, locked, of a newer program, or (for reading only) missing or older.
    """
    if path is None:
        try:
            folder = tempfile.mkdtemp(prefix="validator-")
        except OSError as error:
            raise Unwritable(f"no temporary folder can be made: {error.strerror}; set TMPDIR") from None
        try:
            async with _opened(Path(folder) / "validator.db", durable=False, read_only=False) as database:
                yield database
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    async with _opened(path, durable=True, read_only=read_only) as database:
        yield database


@asynccontextmanager
async def _opened(path: Path, *, durable: bool, read_only: bool) -> AsyncIterator[Database]:
    writer: OneThread | None = None
    _check_file(path, read_only)
    reader = Threads([_thread(path, "ro" if read_only else "r") for _ in range(_READERS)])
    try:
        if read_only:
            await _checked(reader, path, read_only=True)
        else:
            _make_folder(path.parent)
            async with _alone(path.parent):
                _make_file(path)
                writer = _thread(path, "w")
                await _checked(writer, path, read_only=False)
        yield Database(path=path, reader=reader, writer=writer, durable=durable)
    finally:
        await reader.close()
        if writer is not None:
            await writer.close()


def _check_file(path: Path, read_only: bool) -> None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StoreError(f"the store {path} is not a file; name a file by `store`")
    except FileNotFoundError:
        if read_only:
            raise StoreError(f"there is no database {path} yet; store a credential first") from None
        return
    except OSError as error:
        raise Unwritable(f"the database {path} cannot be reached: {error.strerror}; name another file by `store`") from None
    if not os.access(path, os.R_OK, effective_ids=True):
        raise StoreError(f"the database {path} may not be read by this user; give it the right to")
    if not read_only and not all(os.access(one, os.W_OK, effective_ids=True) for one in (path, path.parent)):
        raise Unwritable(f"the database {path} or its folder may not be written by this user; give it the right to")


def _make_folder(folder: Path) -> None:
    try:
        for part in (*reversed(folder.parents), folder):
            if not part.exists():
                part.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Unwritable(f"the folder {folder} cannot be made: {error.strerror}; name another file by `store`") from None


def _make_file(path: Path) -> None:
    """Make it 0600 before SQLite does by the umask; `-wal` and `-shm` take its mode.

    A file that is there is not opened: closing any descriptor of it would drop the locks of this process's connections.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        with suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
    except OSError as error:
        raise Unwritable(f"the database {path} cannot be made: {error.strerror}; name another file by `store`") from None


@asynccontextmanager
async def _alone(folder: Path) -> AsyncIterator[None]:
    """Hold the folder while the database is made or migrated: SQLite's change to WAL does not wait for its lock."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Unwritable(f"the folder {folder} cannot be opened: {error.strerror}") from None
    try:
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if waited >= _OPENING_S:
                    raise StoreError(f"another process holds the database's folder {folder}; try again when that one is done") from None
                waited += 0.05
                await asyncio.sleep(0.05)
            except OSError as error:
                raise Unwritable(f"the folder {folder} cannot be locked: {error.strerror}; use a local disk") from None
        yield
    finally:
        os.close(descriptor)


def _thread(path: Path, mode: str) -> OneThread:
    """A connection whose transactions begin by our own word: IMMEDIATE for the one writer ("w"), on a snapshot else."""
    named = only_read(path) if mode == "ro" else f"file:{quote(os.fsencode(path))}?mode=rw"
    file, _, query = named.partition("?")
    uri = URL.create("sqlite", database=file, query={**dict(one.split("=") for one in query.split("&")), "uri": "true"})
    given = {"factory": FetchingConnection, "check_same_thread": False}
    engine = create_engine(uri, hide_parameters=True, poolclass=NullPool, connect_args=given)
    pragmas = {
        "ro": ("query_only=ON",),
        "r": ("query_only=ON",),
        "w": ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"),
    }[mode]

    @event.listens_for(engine, "connect")
    def _connected(driver: Any, _: object) -> None:
        driver.isolation_level = None
        cursor = driver.cursor()
        for pragma in (f"busy_timeout={BUSY_MS}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode == "w" else "BEGIN")

    return OneThread(engine)


async def _checked(at: OneThread | Threads, path: Path, *, read_only: bool) -> None:
    """Bring it to the newest revision (a reader: see that it is there)."""
    try:
        async with at.transaction() as connection:
            found = await _revision(connection, path)
        if found == HEAD:
            return
        if read_only:
            refuse_newer(found, path)
            raise StoreError(f"the database {path} is of an older program; run `validator migrate` first")
        async with at.transaction() as connection:
            found = await _revision(connection, path)
            if found == HEAD:
                return
            if found != _EMPTY:
                refuse_newer(found, path)
                await asyncio.to_thread(_kept, path, copy_before(path))
            await connection.run_sync(upgrade, HEAD)
    except (SQLAlchemyError, sqlite3.Error) as error:
        found_fault = fault(error, path)
        raise (StoreError(str(found_fault)) if isinstance(found_fault, StoreLost) else found_fault) from None


async def revision_at(path: Path) -> str:
    """The revision of the file at `path`, "" for an empty one; it is only read. Raises StoreError as `open_database` does."""
    _check_file(path, read_only=True)
    reader = _thread(path, "ro")
    try:
        async with reader.transaction() as connection:
            return await _revision(connection, path)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise fault(error, path) from None
    finally:
        await reader.close()


def copy_before(path: Path) -> Path:
    """Where a database of an older program is copied to before it is migrated to HEAD."""
    return path.with_name(f"{path.name}.before-{HEAD}")


async def _revision(connection: AsyncConnection, path: Path) -> str:
    """The revision that the file is at, "" for an empty one; raises StoreError for another program's database."""
    tables = {row[0] for row in await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return _EMPTY
    rows = (await connection.exec_driver_sql("SELECT version_num FROM alembic_version")).all() if "alembic_version" in tables else []
    if len(rows) != 1 or "sealed_keys" not in tables:
        raise StoreError(f"{path} is another program's database; name another file by `store`")
    return str(rows[0][0])


def _config(connection: Connection | None = None) -> Any:
    """Alembic's settings, made here: it has no file and knows no URL."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "validator.ledger:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revision: str) -> None:
    """Run the revisions up to `revision` in the transaction of `connection` (`run_sync`)."""
    from alembic import command

    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Run the revisions down to `revision` ("base": nothing is left) in the transaction of `connection`."""
    from alembic import command

    command.downgrade(_config(connection), revision)


def revisions() -> tuple[str, ...]:
    """Every revision that this program knows, the oldest first."""
    from alembic.script import ScriptDirectory

    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())[::-1]


def refuse_newer(found: str, name: object) -> None:
    """Raises StoreError for a revision that this program does not know."""
    if found not in revisions():
        raise StoreError(f"the database {name} is of a newer program (revision {found[:32]}); use that program or a newer one")


def _kept(source: Path, target: Path) -> None:
    """Copy the database before it is changed; a copy of an earlier try is replaced."""
    try:
        copy_database(source, target, replace=True)
    except (OSError, sqlite3.Error):
        raise StoreError(f"no copy {target} can be made before the migration; make room, or see to the folder's rights") from None
