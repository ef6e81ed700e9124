"""Several real processes on one database: no place taken twice, no write lost, one key."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.ledger.contender import NOW, TRIES
from validator.credential import Credential
from validator.ledger import open_embedded
from validator.stores.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]


async def race(what: str, where: Path | str, runners: int, code: int = 0) -> list[str]:
    """What each printed, all having started at the same moment; `where` as `contender.opened` reads it."""
    command = (sys.executable, "-m", "tests.ledger.contender", what)
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        await asyncio.create_subprocess_exec(*command, f"p{i}", str(where), stdin=pipe, stdout=pipe, cwd=ROOT, env=environment)
        for i in range(runners)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [code] * runners
    return [output.decode().strip() for output, _ in outputs]


async def test_two_processes_never_both_take_the_last_place(tmp_path):
    got = [int(one) for one in await race("reserve", tmp_path, 2)]
    assert sum(got) == 25


async def test_two_processes_that_keep_places_for_themselves_cause_no_more_refusals_than_there_may_be(tmp_path):
    got = [int(one) for one in await race("log_in", tmp_path, 2)]
    async with open_embedded(tmp_path / "validator.db", tmp_path / "master.key") as embedded:
        assert await embedded.ledger.budgets.count("nvcr.io", NOW) == sum(got)
        left = await embedded.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM budget WHERE NOT refused"))
    assert (17 <= sum(got) <= 25, left.scalar()) == (True, 0)


async def test_two_processes_lose_none_of_each_others_counts(tmp_path):
    await race("count", tmp_path, 2)
    async with open_embedded(tmp_path / "validator.db", tmp_path / "master.key") as embedded:
        facts = await embedded.ledger.facts.of("nvcr.io", embedded.keys.fingerprinter.name("nvcr.io", "u"))
    assert facts is not None
    assert (facts.refusals_in_row, facts.refused_at) == (2 * TRIES, NOW)


async def test_two_processes_store_side_by_side_and_every_row_opens(tmp_path):
    await race("store", tmp_path, 2)
    async with open_embedded(tmp_path / "validator.db", tmp_path / "master.key") as embedded:
        rows = [row async for row in SqliteStore(embedded.database, embedded.keys.master).credentials()]
    assert {row.secret.get_secret_value() for row in rows if isinstance(row, Credential)} == {f"p{who}-{i}" for who in range(2) for i in range(TRIES)}


async def test_a_process_that_is_killed_forgets_no_refusal_and_at_most_the_accepted_logins_of_its_last_second(tmp_path):
    assert await race("killed", tmp_path, 1, -signal.SIGKILL) == ["killed"]
    async with open_embedded(tmp_path / "validator.db", tmp_path / "master.key") as embedded:
        names = ("a0", f"a{TRIES - 1}", "r", "late")
        known = [await embedded.ledger.facts.of("nvcr.io", embedded.keys.fingerprinter.name("nvcr.io", name)) for name in names]
    assert [None if facts is None else (facts.ever_valid, facts.refusals_in_row) for facts in known] == [(True, 0), (True, 0), (False, 1), None]


@pytest.mark.timeout(120)
async def test_three_processes_that_make_the_database_at_once_end_with_one_key(tmp_path):
    assert len(set(await race("open", tmp_path / "new" / "folder", 3))) == 1
