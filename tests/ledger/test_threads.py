"""A connection in its thread: rows outlive their statement, a transaction is whole in one hop or in many, and it ends with its thread."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from validator.ledger.base.database import Database


def _insert(connection: Connection, kind: str) -> None:
    connection.execute(text("INSERT INTO signs (host, kind, at) VALUES ('h', :kind, '2026-11-23 02:00:00')"), {"kind": kind})


def _kinds(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT kind FROM signs ORDER BY id")).scalars())


async def test_a_transaction_of_one_hop_is_kept_whole_or_not_at_all(embedded: Any) -> None:
    database: Database = embedded.database

    def half(connection: Connection) -> None:
        _insert(connection, "half")
        raise LookupError

    await database.write_in_one(lambda connection: _insert(connection, "kept"))
    with pytest.raises(LookupError):
        await database.write_in_one(half)
    assert await database.read_in_one(_kinds) == ["kept"]


async def test_both_kinds_of_transactions_take_turns(embedded: Any) -> None:
    database: Database = embedded.database

    async def slowly(connection: Any) -> None:
        number = await connection.scalar(text("SELECT count(*) FROM signs"))
        await asyncio.sleep(0)
        await connection.run_sync(_insert, f"n{number}")

    def at_once(connection: Connection) -> None:
        number = connection.scalar(text("SELECT count(*) FROM signs"))
        _insert(connection, f"n{number}")

    async with asyncio.TaskGroup() as tasks:
        for n in range(40):
            tasks.create_task(database.write(slowly) if n % 2 else database.write_in_one(at_once))
    assert await database.read_in_one(_kinds) == [f"n{n}" for n in range(40)]


async def test_rows_may_be_read_when_the_next_statement_has_run(embedded: Any) -> None:
    database: Database = embedded.database
    for kind in ("a", "b", "c"):
        await database.write_in_one(partial(_insert, kind=kind))

    async def work(connection: Any) -> list[str]:
        first = await connection.execute(text("SELECT kind FROM signs ORDER BY id"))
        assert first.fetchone()[0] == "a"
        await connection.execute(text("SELECT count(*) FROM signs"))
        assert [row.kind for row in first.fetchmany(1)] == ["b"]
        return [row.kind for row in first]

    assert await database.read(work) == ["c"]


async def test_readers_do_not_wait_for_each_other(embedded: Any) -> None:
    inside = threading.Barrier(2, timeout=5)

    def both(connection: Connection) -> int:
        return inside.wait()

    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(embedded.database.read_in_one(both)) for _ in range(2)]
    assert sorted(one.result() for one in waiting) == [0, 1]


async def test_a_closed_database_leaves_no_thread(opener: Any) -> None:
    before = threading.active_count()
    async with opener() as embedded:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(embedded.database.read_in_one(_kinds))
        assert threading.active_count() > before
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("ledger")] == []


async def test_others_version_changes_by_others_alone(opener: Any, tmp_path: Path) -> None:
    async with opener() as one, opener() as other:
        first = await one.database.others_version()
        await one.database.write_in_one(lambda connection: _insert(connection, "mine"))
        assert await one.database.others_version() == first
        await other.database.write_in_one(lambda connection: _insert(connection, "theirs"))
        assert await one.database.others_version() != first
