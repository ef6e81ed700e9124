"""`validator backup`: the whole of one instant, while it is in use, whole or not at all."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.cases.running import Cli
from tests.ledger.keep_revision import fill
from tests.ledger.test_migrations import kept
from validator.errors import StoreError, StoreLost, UsageError
from validator.ledger import open_embedded
from validator.ledger.backup import back_up
from validator.ledger.base.tables import HEAD, METADATA
from validator.ledger.engine import Unwritable

CANARY = "CANARY/9f3c-backed-up"
SET = ("credential", "set", "key", "--no-check", "--payload", "registry=reg.test", "username=u", "auth=-")


def counts(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in METADATA.tables}


async def test_it_holds_every_row_and_is_private(embedded, tmp_path):
    await fill(embedded)
    made = await back_up(embedded.database.path, tmp_path / "copy.db")
    assert counts(tmp_path / "copy.db") == counts(embedded.database.path)
    assert (made.revision, made.credentials, made.key_ids) == (HEAD, 1, (embedded.keys.master.current,))
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert made.size == (tmp_path / "copy.db").stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "home"]
    async with open_embedded(tmp_path / "copy.db", tmp_path / "home" / "master.key", read_only=True) as copy:
        assert len(await copy.ledger.statuses.all()) == 1


async def test_it_is_of_one_instant_while_others_write(embedded, tmp_path):
    """Two tables that are always written together never differ in a copy."""

    async def both(connection):
        await connection.execute(text("INSERT INTO signs (host, kind, at) VALUES ('h', 'n', '2026-11-23')"))
        await connection.execute(text("INSERT INTO users (user, mute) VALUES (hex(randomblob(8)), 0)"))

    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await embedded.database.write(both)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for number in range(8):
            await back_up(embedded.database.path, tmp_path / f"{number}.db")
        stop.set()
    found = [counts(tmp_path / f"{number}.db") for number in range(8)]
    assert [(one["signs"], one["users"]) for one in found] == [(one["users"], one["users"]) for one in found]
    assert found[0]["users"] < found[-1]["users"], "it went on meanwhile"


async def test_a_file_that_is_there_is_never_replaced(embedded, tmp_path):
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(UsageError, match=r"there is a file .* already"):
        await back_up(embedded.database.path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


async def test_a_folder_that_is_not_there_is_one_sentence(embedded, tmp_path):
    with pytest.raises(UsageError, match="No such file or directory"):
        await back_up(embedded.database.path, tmp_path / "nowhere" / "copy.db")


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """While this is open, no file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_is_full_leaves_no_half(embedded, tmp_path):
    await fill(embedded)
    with full_after(16384), pytest.raises(StoreLost, match=r"no backup .* can be made .*; make room, or name another folder"):
        await back_up(embedded.database.path, tmp_path / "copy.db")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


async def test_one_of_an_older_program_is_backed_up_as_it_is(tmp_path):
    path = kept("0001", tmp_path)
    made = await back_up(path, tmp_path / "copy.db")
    assert (made.revision, made.credentials) == ("0001", 1)


async def test_what_is_no_database_of_ours_is_not_backed_up(tmp_path):
    (tmp_path / "notes").write_bytes(b"these are my notes " * 100)
    with pytest.raises(StoreError, match="is not a database of ours"):
        await back_up(tmp_path / "notes", tmp_path / "copy.db")
    with pytest.raises((StoreError, Unwritable), match="there is no database"):
        await back_up(tmp_path / "gone", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


async def test_the_command_tells_of_the_key_and_shows_no_secret(cli: Cli):
    assert (await cli.run(*SET, stdin=CANARY)).code == 0
    copy = cli.home / "copy.db"
    result = await cli.run("backup", str(copy), "--format", "json", "--log-level", "debug")
    assert (result.code, result.shown["credentials"], result.shown["revision"]) == (0, 1, HEAD)
    assert (result.shown["key_file"], len(result.shown["key_ids"])) == (str(cli.home / "master.key"), 1)
    assert "the master key is not in it; keep a copy of" in result.err
    assert CANARY.encode() not in copy.read_bytes()
    again = await cli.run("backup", str(copy))
    assert (again.code, again.out, again.err.count("\n")) == (2, "", 1)


async def test_a_database_servers_store_is_told_to_use_its_own_tools(cli: Cli):
    cli.more = {"store": "osmo+postgresql://u:CANARY@db.test/osmo"}
    result = await cli.run("backup", str(cli.home / "x.db"))
    assert (result.code, result.out, "pg_dump" in result.err, "CANARY" in result.err) == (2, "", True, False)


async def test_migrate_says_from_where_to_where_and_keeps_a_copy(cli: Cli):
    first = await cli.run("migrate")
    assert (first.code, first.out.startswith("there is no database")) == (0, True)
    kept("0002", cli.home)
    result = await cli.run("migrate", "--format", "json")
    copy = str(cli.home / f"validator.db.before-{HEAD}")
    assert result.shown == {"database": str(cli.home / "validator.db"), "from": "0002", "to": HEAD, "copy": copy}
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
    assert (await cli.run("migrate")).out == f"{cli.home}/validator.db is at revision {HEAD} already\n"
