"""Workers on a real Postgres: the queue's tables, two workers and one sweep, one that is silent, and the queue's own rights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.emulated.night import HOST, Night, a_night
from tests.lanes.working import work_of
from tests.postgres.server import Postgres
from validator.errors import StoreError
from validator.lanes.base import Job
from validator.lanes.queue import Queue
from validator.lanes.schema import bring, installed, scripts
from validator.lanes.worker import Worker
from validator.ledger import open_embedded_on
from validator.postgres import Server

OTHER = "other.test"
NUMBER = 12


@pytest.fixture
async def served(postgres: Postgres, tmp_path: Path) -> AsyncIterator[tuple[Night, Server]]:
    name = postgres.database()
    server = postgres.server(name)
    try:
        async with open_embedded_on(server, tmp_path / "server.key") as opened:
            await bring(opened.ledger)
            wide = {"pace": {"refused": {60: 1000}, "in_flight": 8, "workers": 2}}
            async with a_night(tmp_path / "home", ledger=opened, registries={HOST: wide, OTHER: {}}) as one:
                yield one, server
    finally:
        postgres.drop(name)


async def test_two_workers_make_one_sweep_and_tell_everybody_once(served: tuple[Night, Server]) -> None:
    night, server = served
    for one in range(NUMBER):
        await night.keep(f"u{one}", "key", f"s{one}", 200, username=f"n{one}")
        await night.keep(f"u{one}", "other", f"o{one}", 401, registry=OTHER, username=f"n{one}")
    workers = [Worker(work_of(night), server, 4) for _ in range(2)]
    names = await asyncio.wait_for(asyncio.gather(*(worker.run_once() for worker in workers)), 60)
    assert (len(set(names)), None in names) == (1, False)
    assert {night.world.seen.count(f"{HOST} login s{one}") for one in range(NUMBER)} == {1}
    users = [digest.user for digest in night.told.digests]
    assert len(users) == len(set(users))
    rows = [row async for row in night.opened.ledger.reports.rows(names[0] or "")]
    assert {row.state for row in rows if row.host == HOST} == {"alive"}


async def test_a_job_whose_worker_is_silent_is_ended_and_its_lock_is_free(postgres: Postgres, served: tuple[Night, Server]) -> None:
    _, server = served
    done: list[Job] = []

    async def do(job: Job) -> None:
        done.append(job)

    async def nothing() -> None:
        """Nobody looks."""

    queue, stop = Queue(server, 2, do, nothing), asyncio.Event()
    async with queue.open():
        await queue.defer([Job("s", HOST), Job("s", HOST), Job("s", HOST, 1)])
        with postgres.connect(server.name.partition(" ")[0]) as connection:
            of_a_killed_one = (
                "WITH dead AS (INSERT INTO validator.procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id) "
                "UPDATE validator.procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM dead) WHERE lock = %s"
            )
            connection.execute("SET search_path = validator")
            connection.execute(of_a_killed_one, (f"lane:{HOST}",))
        await queue.defer([Job("s", HOST)])
        running = asyncio.create_task(queue.run(stop, lambda: None))
        while not done:
            await asyncio.sleep(0.05)
        assert (done, await queue.any_stalled()) == ([Job("s", HOST, 1)], True), "its lock is taken, the other's is not"
        assert await queue.end_stalled() == 1
        while len(done) < 2:
            await asyncio.sleep(0.05)
        stop.set()
        await running
    assert done[1] == Job("s", HOST)


async def test_the_queues_tables_are_made_once_and_no_newer_ones_are_touched(postgres: Postgres, served: tuple[Night, Server]) -> None:
    night, _ = served
    ledger = night.opened.ledger
    await asyncio.gather(*(bring(ledger) for _ in range(3)))
    assert await ledger.queues.version("procrastinate") == installed()
    await ledger.queues.bring("procrastinate", "99.0.0", lambda found: ())
    with pytest.raises(StoreError, match=r"of a newer program \(procrastinate 99\.0\.0\)"):
        await bring(ledger)


def test_an_upgrade_runs_the_files_in_between_in_their_order() -> None:
    assert scripts("3.3.0", "3.3.0") == []
    later = scripts("3.1.0", "3.4.0")
    assert (len(later), "procrastinate_job_to_defer_v1" in later[0]) == (5, True)
    assert scripts(None, "3.10.0") == scripts(None, "3.11.0")
