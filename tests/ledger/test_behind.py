"""Writes that wait for each other: found by whoever reads them, written together or not at all, and never lost behind a fault."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from validator.credential import parse_scope
from validator.errors import StoreError, StoreLost
from validator.ledger import Embedded, Ledger
from validator.ledger.base import behind
from validator.ledger.base.behind import Batch, Change, Statement, Write
from validator.ledger.base.tables import KNOWN_REPOSITORIES, SIGNS
from validator.ledger.facts import Facts
from validator.ledger.illness import Illness
from validator.ledger.statuses import StatusKey, StatusRow
from validator.sealing import Fingerprint

HOST, ONE, TWO = "nvcr.io", Fingerprint("ab" * 32), Fingerprint("cd" * 32)
KEY = StatusKey("ann", parse_scope("nvcr.io/acme"), ONE, "row")
LATER = 3600.0
READ = Statement(KNOWN_REPOSITORIES)


@pytest.fixture
def on_disk(embedded: Embedded, ledger_on: str, request: pytest.FixtureRequest) -> Callable[[str], int]:
    """How many rows another program finds in a table."""

    def count(table: str) -> int:
        if ledger_on == "postgres":
            database = embedded.database.name.partition(" ")[0]
            with request.getfixturevalue("postgres").connect(database) as connection:
                return int(connection.execute(f"SELECT count(*) FROM validator.{table}").fetchone()[0])
        with closing(sqlite3.connect(f"file:{embedded.database.path}?mode=ro", uri=True)) as other:
            return int(other.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return count


def read(repository: str, now: datetime, fingerprint: str = ONE) -> Write:
    return Write(READ, {"fingerprint": fingerprint, "repository": repository, "at": now})


async def test_what_is_kept_waits_and_is_all_there_at_the_end(ledger: Ledger, now: datetime, on_disk) -> None:
    async with ledger.behind(LATER):
        for i in range(20):
            await ledger.keep(read(f"a/{i}", now), Illness.showing(HOST, "timeout", now=now))
        assert (on_disk("known_repositories"), on_disk("signs")) == (0, 0)
    assert (on_disk("known_repositories"), on_disk("signs")) == (20, 20)


async def test_without_a_behind_it_is_written_at_once(ledger: Ledger, now: datetime, on_disk) -> None:
    await ledger.keep(read("a/b", now), Illness.showing(HOST, "timeout", now=now))
    assert (on_disk("known_repositories"), on_disk("signs")) == (1, 1)


async def test_who_reads_finds_what_waits(ledger: Ledger, now: datetime) -> None:
    async with ledger.behind(LATER):
        await ledger.facts.accepted(HOST, ONE, proven=True, now=now)
        await ledger.repositories.add(ONE, "a/b", now=now)
        facts = await ledger.facts.of(HOST, ONE)
        assert facts is not None
        assert facts.accepted_at == now
        await ledger.repositories.add(ONE, "a/c", now=now + timedelta(seconds=1))
        assert await ledger.snapshot(lambda parts: parts.repositories.of(ONE)) == ("a/c", "a/b")


async def test_who_reads_another_table_does_not_wait_for_it(ledger: Ledger, now: datetime, on_disk) -> None:
    async with ledger.behind(LATER):
        await ledger.repositories.add(ONE, "a/b", now=now)
        await ledger.challenges.get(HOST)
        assert on_disk("known_repositories") == 0


async def test_it_is_written_by_itself_a_moment_later(ledger: Ledger, now: datetime, on_disk) -> None:
    async with ledger.behind(0.01):
        await ledger.repositories.add(ONE, "a/b", now=now)
        while not on_disk("known_repositories"):
            await asyncio.sleep(0.005)


async def test_many_do_not_wait(ledger: Ledger, now: datetime, on_disk) -> None:
    async with ledger.behind(LATER):
        await ledger.keep(*(read(f"a/{i}", now) for i in range(behind.MOST)))
        while on_disk("known_repositories") < behind.MOST:
            await asyncio.sleep(0.005)


async def test_a_refusal_is_written_at_once_and_takes_along_what_waits(ledger: Ledger, now: datetime, on_disk) -> None:
    async with ledger.behind(LATER):
        await ledger.repositories.add(ONE, "a/b", now=now)
        await ledger.facts.refused(HOST, ONE, now=now)
        assert (on_disk("facts"), on_disk("known_repositories")) == (1, 1)


async def test_of_one_row_what_comes_later_counts(ledger: Ledger, now: datetime) -> None:
    async with ledger.behind(LATER):
        for proven in (True, False, False):
            await ledger.keep(Facts.refusal(HOST, ONE, now=now), Facts.acceptance(HOST, ONE, proven=proven, now=now))
        await ledger.keep(Facts.acceptance(HOST, TWO, proven=True, now=now), Facts.refusal(HOST, TWO, now=now))
        for status in ("alive", "suspect", "dead"):
            await ledger.keep(ledger.statuses.writing(StatusRow(key=KEY, name="ngc", state=status)))
        one, two = await ledger.facts.of(HOST, ONE), await ledger.facts.of(HOST, TWO)
        assert one is not None
        assert two is not None
        assert (one.refusals_in_row, one.ever_valid, two.refusals_in_row) == (0, True, 1)
        assert [row.state for row in await ledger.statuses.all()] == ["dead"]


async def test_a_change_is_made_of_the_row_that_is_there_then_and_of_each_change_before(embedded: Embedded, opener, now: datetime) -> None:
    def more(row: StatusRow | None) -> StatusRow:
        return replace(row or StatusRow(key=KEY, name="ngc"), refusals_in_row=(row.refusals_in_row if row else 0) + 1)

    ledger = embedded.ledger
    async with ledger.behind(LATER), opener() as beside:
        await ledger.keep(ledger.statuses.changing(KEY, more), read("a/b", now))
        await ledger.keep(ledger.statuses.changing(KEY, more))
        await beside.ledger.statuses.put(StatusRow(key=KEY, name="ngc", refusals_in_row=10))
        found = await ledger.statuses.get(KEY)
        assert found is not None
        assert found.refusals_in_row == 12
        await ledger.keep(ledger.statuses.changing(KEY, lambda row: None))
        await ledger.statuses.change(KEY, more)
        assert (await ledger.statuses.get(KEY)) == replace(found, refusals_in_row=13)


async def test_changes_of_many_rows_are_made_of_their_own(ledger: Ledger, now: datetime) -> None:
    keys = [replace(KEY, user=f"u{i}") for i in range(400)]
    await ledger.statuses.put(*(StatusRow(key=key, name=key.user, refusals_in_row=i) for i, key in enumerate(keys)))
    async with ledger.behind(LATER):
        for key in keys:
            await ledger.keep(ledger.statuses.changing(key, lambda row: None if row is None else replace(row, state=f"was {row.refusals_in_row}")))
    assert {row.name: row.state for row in await ledger.statuses.all()} == {f"u{i}": f"was {i}" for i in range(400)}


@pytest.mark.of_a_file
async def test_what_fails_is_kept_told_once_and_written_later(embedded: Embedded, now: datetime, on_disk, monkeypatch) -> None:
    ledger = embedded.ledger
    with closing(sqlite3.connect(embedded.database.path, isolation_level=None)) as other:
        await _impatient(embedded)
        other.execute("BEGIN IMMEDIATE")
        async with ledger.behind(0.001):
            kept = 0

            async def until_told() -> None:
                nonlocal kept
                while True:
                    kept += 1
                    await ledger.keep(read(f"a/{kept}", now), Illness.showing(HOST, "timeout", now=now))
                    await asyncio.sleep(0.001)

            with pytest.raises(StoreError, match="is locked by another process"):
                await until_told()
            with pytest.raises(StoreError, match="is locked by another process"):
                await ledger.facts.refused(HOST, ONE, now=now)
            other.execute("ROLLBACK")
            await ledger.keep(read("b/b", now))
            await ledger.flush()
            assert (on_disk("facts"), on_disk("known_repositories"), on_disk("signs")) == (1, kept + 1, kept)


async def _impatient(embedded: Embedded) -> None:
    await embedded.database.write(lambda c: c.exec_driver_sql("PRAGMA busy_timeout=10"))


async def test_of_what_fails_half_way_nothing_is_written(embedded: Embedded, now: datetime, on_disk) -> None:
    fails = True

    def make(row: Any) -> tuple[Write, ...]:
        if fails:
            raise sqlite3.OperationalError("half-way")
        return (read("a/c", now),)

    ledger = embedded.ledger
    async with ledger.behind(LATER):
        await ledger.keep(Illness.showing(HOST, "timeout", now=now), read("a/b", now))
        await ledger.keep(Change(KNOWN_REPOSITORIES, {"fingerprint": ONE, "repository": "a/c"}, make))
        with pytest.raises(StoreLost):
            await ledger.flush()
        assert (on_disk("signs"), on_disk("known_repositories")) == (0, 0)
        await ledger.keep(read("a/d", now))
        fails = False
        await ledger.flush()
        assert (on_disk("signs"), on_disk("known_repositories")) == (1, 3)


async def test_a_caller_that_is_cancelled_loses_nothing(ledger: Ledger, now: datetime, on_disk) -> None:
    async with ledger.behind(LATER):
        await ledger.repositories.add(ONE, "a/b", now=now)
        flushing = asyncio.create_task(ledger.flush())
        await asyncio.sleep(0)
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
    assert on_disk("known_repositories") == 1


async def test_behind_may_be_nested_and_the_outer_one_ends_it(ledger: Ledger, now: datetime, on_disk) -> None:
    async with ledger.behind(LATER):
        async with ledger.behind():
            await ledger.repositories.add(ONE, "a/b", now=now)
        assert on_disk("known_repositories") == 0
    assert on_disk("known_repositories") == 1


def test_statements_are_made_once_for_all_rows_of_theirs() -> None:
    """A batch of many probes is a few statements, however their writes were mixed."""
    batch, now = Batch(), datetime(2026, 11, 23)
    for i in range(100):
        for one in (Facts.acceptance(HOST, Fingerprint(f"{i:064}"), proven=True, now=now), read(f"a/{i}", now), Illness.showing(HOST, "x", now=now)):
            batch.add(one)
    assert [[len(rows) for rows in section.values()] for section in batch.sections] == [[100, 100, 100]]
    assert batch.tables >= {KNOWN_REPOSITORIES, SIGNS}
