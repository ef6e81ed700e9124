"""Opening the database: what is made and how private, what is refused and in which words, what is finished when cancelled."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import stat
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from validator.errors import ConfigError, StoreError, StoreLost
from validator.ledger.base.copying import copy_database
from validator.ledger.base.tables import HEAD, SIGNS
from validator.ledger.engine import BUSY_MS, Unwritable, database_path, open_database, revision_at


def test_the_stores_setting_names_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    texts = ("sqlite:////a/b.db", "sqlite:///b.db", "sqlite:///~/b.db", "/a/b%20c.db", "")
    assert [str(database_path(one)) for one in texts] == [
        "/a/b.db",
        f"{tmp_path}/b.db",
        f"{tmp_path}/b.db",
        "/a/b%20c.db",
        f"{tmp_path}/data/validator/validator.db",
    ]


@pytest.mark.parametrize(
    "setting", ["postgresql://u:S3cret@h/db", "sqlite://", "sqlite:///", "sqlite://host/x", "sqlite:///:memory:", "a\0b", "sqlite:", "sqlite:a.db"]
)
def test_a_setting_that_names_no_file_is_one_sentence_and_not_repeated(setting):
    with pytest.raises(ConfigError) as caught:
        database_path(setting)
    assert "S3cret" not in str(caught.value)


async def test_a_name_that_is_no_utf8_can_be_a_database(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff?#%41.db"))
    async with open_database(path) as database:
        assert database.path == path
    assert await revision_at(path) == HEAD
    copy_database(path, copy := path.with_name(f"copy of {path.name}"))
    assert await revision_at(copy) == HEAD


async def test_what_is_made_is_private(opener, tmp_path):
    async with opener() as embedded:
        await embedded.ledger.illness.add("nvcr.io", "timeout", now=_at())
        names = ("", "-wal", "-shm")
        files = [embedded.database.path.with_name(f"validator.db{name}") for name in names]
        assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def _at() -> datetime:
    return datetime(2026, 11, 23, tzinfo=UTC)


async def test_a_database_that_others_may_read_is_made_private(opener, tmp_path):
    async with opener():
        pass
    (tmp_path / "home" / "validator.db").chmod(0o644)
    async with opener() as embedded:
        assert stat.S_IMODE(embedded.database.path.stat().st_mode) == 0o600


async def test_a_strange_path_is_a_path(tmp_path):
    path = tmp_path / "a?mode=memory&x" / "ä %41#.db"
    async with open_database(path) as database:
        assert path.is_file()
        assert await database.read(_count) == 0


async def _count(connection):
    return await connection.scalar(text("SELECT count(*) FROM signs"))


def _another_programs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.commit()


def _half_of_ours(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.commit()


REFUSED = {
    "text": (lambda p: p.write_bytes(b"these are my notes " * 100), "is not a database of ours"),
    "another program's": (_another_programs, "is another program's database"),
    "another program's, also by Alembic": (_half_of_ours, "is another program's database"),
    "a folder": (lambda p: p.mkdir(), "is not a file"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path, make, words):
    path = tmp_path / "validator.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=words) as caught:
        async with open_database(path):
            pass
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"")[100:] == before[100:]


async def test_a_damaged_database_is_one_sentence(opener, tmp_path):
    async with opener() as embedded:
        path = embedded.database.path
    held = bytearray(path.read_bytes())
    held[100:4096] = b"\xa5" * 3996
    path.write_bytes(held)
    with pytest.raises(StoreError, match="is damaged; put back a copy"):
        async with opener():
            pass


@pytest.mark.parametrize("place", ["/proc/nowhere/validator.db", "/dev/null/validator.db"])
async def test_where_nothing_can_be_made_it_says_so_by_a_class_of_its_own(place):
    with pytest.raises(Unwritable):
        async with open_database(Path(place)):
            pass


async def test_a_newer_databases_owner_is_told(opener):
    async with opener() as embedded:
        await embedded.database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    for options in ({}, {"read_only": True}):
        with pytest.raises(StoreError, match="is of a newer program \\(revision 9999\\)"):
            async with opener(**options):
                pass


async def test_a_database_that_another_process_writes_into_is_waited_for_then_reported(opener, monkeypatch):
    monkeypatch.setattr("validator.ledger.engine.BUSY_MS", 50)
    async with opener() as embedded:
        with closing(sqlite3.connect(embedded.database.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="is locked by another process"):
                await embedded.ledger.illness.add("nvcr.io", "timeout", now=_at())
            assert await embedded.ledger.illness.since("nvcr.io", _at()) == ()
        await embedded.ledger.illness.add("nvcr.io", "timeout", now=_at())


async def test_while_another_process_makes_or_migrates_the_database_it_is_not_opened(opener, tmp_path, monkeypatch):
    monkeypatch.setattr("validator.ledger.engine._OPENING_S", 0.1)
    async with opener():
        pass
    descriptor = os.open(tmp_path / "home", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another process holds the database's folder"):
            async with opener():
                pass
    finally:
        os.close(descriptor)
    async with opener(), opener():
        pass


async def test_a_database_that_was_removed_meanwhile_is_lost(embedded):
    embedded.database.path.unlink()
    with pytest.raises(StoreLost, match="was removed or replaced while in use"):
        await embedded.ledger.illness.add("nvcr.io", "timeout", now=_at())


async def test_a_full_disk_is_lost_and_nothing_is_half_written(embedded):
    await embedded.database.write(lambda c: c.execute(text("PRAGMA max_page_count = 40")))
    rows = [{"host": "nvcr.io", "kind": "x" * 5000, "at": _at()}] * 100
    with pytest.raises(StoreLost, match="is full; make room"):
        await embedded.database.write(lambda c: c.execute(SIGNS.insert(), rows))
    assert await embedded.database.read(_count) == 0


async def test_a_write_whose_caller_is_cancelled_is_finished_and_the_lock_is_free(embedded):
    begun = asyncio.Event()
    go_on = asyncio.Event()

    async def work(connection):
        await connection.execute(SIGNS.insert().values(host="nvcr.io", kind="slow", at=_at()))
        begun.set()
        await go_on.wait()

    task = asyncio.create_task(embedded.database.write(work))
    await begun.wait()
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [sign.kind for sign in await embedded.ledger.illness.since("nvcr.io", _at())] == ["slow"]
    with closing(sqlite3.connect(embedded.database.path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")


async def test_a_write_that_fails_leaves_nothing(embedded):
    async def work(connection):
        await connection.execute(SIGNS.insert().values(host="nvcr.io", kind="half", at=_at()))
        raise KeyError("half-way")

    with pytest.raises(KeyError):
        await embedded.database.write(work)
    assert await embedded.database.read(_count) == 0


async def test_read_then_write_by_many_tasks_loses_nothing(embedded):
    async def work(connection):
        found = await connection.scalar(text("SELECT coalesce(max(id), 0) FROM signs"))
        await connection.execute(SIGNS.insert().values(id=found + 1, host="h", kind="n", at=_at()))

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(embedded.database.write(work))
    assert await embedded.database.read(_count) == 100


async def test_a_reader_never_writes_and_sees_one_snapshot(embedded):
    with pytest.raises(StoreError):
        await embedded.database.read(lambda c: c.execute(SIGNS.insert().values(host="h", kind="n", at=_at())))

    async def work(connection):
        before = await _count(connection)
        await embedded.ledger.illness.add("nvcr.io", "timeout", now=_at())
        return before, await _count(connection)

    assert await embedded.database.read(work) == (0, 0)


async def test_read_only_reads_and_refuses_to_write(opener):
    async with opener() as embedded:
        await embedded.ledger.illness.add("nvcr.io", "timeout", now=_at())
    async with opener(read_only=True) as embedded:
        assert len(await embedded.ledger.illness.since("nvcr.io", _at())) == 1
        with pytest.raises(StoreError, match="for reading only"):
            await embedded.ledger.illness.add("nvcr.io", "timeout", now=_at())


async def test_read_only_makes_nothing(opener, tmp_path):
    with pytest.raises(StoreError, match="there is no database"):
        async with opener(read_only=True):
            pass
    assert not (tmp_path / "home").exists()


async def test_an_ephemeral_database_is_the_same_but_not_durable_and_gone_afterwards():
    async with open_database(None) as database:
        assert not database.durable
        assert await database.read(lambda c: c.scalar(text("SELECT version_num FROM alembic_version"))) == HEAD
        assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700
    assert not database.path.parent.exists()


async def test_a_name_that_is_no_utf8_is_one_sentence(embedded):
    with pytest.raises(StoreError, match="is not UTF-8 text"):
        await embedded.ledger.illness.add("nvcr\udcff", "timeout", now=_at())


async def test_the_log_is_emptied_but_no_reader_is_waited_for_and_the_next_time_it_is(tmp_path):
    path = tmp_path / "v.db"

    def logged() -> int:
        return Path(f"{path}-wal").stat().st_size

    async with open_database(path) as database:
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM signs").fetchone()
            await database.write(lambda c: c.exec_driver_sql("DELETE FROM signs"))
            began = time.monotonic()
            await database.scrub()
            assert time.monotonic() - began < BUSY_MS / 1000, "as long as a writer is waited for"
            assert logged() > 0
        await database.scrub()
        assert logged() == 0
        assert (await database.write(lambda c: c.exec_driver_sql("PRAGMA busy_timeout"))).scalar() == BUSY_MS
