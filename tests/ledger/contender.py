"""A second process for tests: opens a database, says "ready", waits for a line on stdin, does one thing, prints the outcome."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from validator.credential import Credential, parse_scope
from validator.evidence import Asker
from validator.ledger import Embedded, open_embedded, open_embedded_on
from validator.ledger.budgets import BudgetClass, Reservation
from validator.postgres import server_of
from validator.probe.lanes import SharedRow
from validator.providers import Pace
from validator.registry.pace import lane_of
from validator.stores.sqlite import SqliteStore

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TRIES = 40
PACE = Pace(per_second=60.0, burst=3, in_flight=1, preflight_burst=3)
PACED_S = 2.0


async def reserve(embedded: Embedded, who: str) -> int:
    """How many of 40 places it got, of 25 that there are for all."""
    windows = {3600: 25}
    got = [
        await embedded.ledger.budgets.reserve(
            "nvcr.io", name=None, budget_class=BudgetClass.FORMER, windows=windows, username_windows={}, now=NOW, first_ever=False
        )
        for _ in range(TRIES)
    ]
    return sum(isinstance(one, Reservation) for one in got)


async def log_in(embedded: Embedded, who: str) -> int:
    """How many of 80 logins were refused, of 25 that may be for all; every second one is accepted, eight at once."""
    budgets, refused = embedded.ledger.budgets, 0

    async def lane() -> None:
        nonlocal refused
        for i in range(TRIES // 4):
            place = await budgets.reserve(
                "nvcr.io", name=None, budget_class=BudgetClass.FORMER, windows={3600: 25}, username_windows={}, now=NOW, first_ever=False
            )  # fmt: skip
            if isinstance(place, Reservation):
                await budgets.settle(place, i % 2 == 0, now=NOW)
                refused += i % 2 == 0

    async with embedded.ledger.behind(), asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(lane())
    return refused


async def pace(embedded: Embedded, who: str) -> list[float]:
    """When it sent, as quick as it may be: the one as a sweep, the other as a pre-flight."""
    asker = Asker.PREFLIGHT if who == "p1" else Asker.SWEEP
    lane = lane_of(PACE, asyncio.sleep, time.monotonic, now=time.time, row=SharedRow(embedded.ledger.slots, "nvcr.io"))
    sent, end = list[float](), time.monotonic() + PACED_S
    while time.monotonic() < end:
        async with lane.slot(asker):
            sent.append(time.time())
    return sent


async def count(embedded: Embedded, who: str) -> int:
    """Adds 40 refusals to one secret's."""
    for _ in range(TRIES):
        await embedded.ledger.facts.refused("nvcr.io", embedded.keys.fingerprinter.name("nvcr.io", "u"), now=NOW)
    return TRIES


async def store(embedded: Embedded, who: str) -> int:
    """Puts 40 credentials of its own."""
    place = SqliteStore(embedded.database, embedded.keys.master)
    for i in range(TRIES):
        scope = parse_scope(f"r{i}.example.org")
        await place.put(Credential(user=who, name=f"c{i}", scope=scope, username="u", secret=SecretStr(f"{who}-{i}")))
    return TRIES


async def killed(embedded: Embedded, who: str) -> int:
    """Accepted by 40 names and refused by one, one more accepted, and no word of the end."""
    ledger, prints = embedded.ledger, embedded.keys.fingerprinter
    async with ledger.behind():
        for i in range(TRIES):
            await ledger.facts.accepted("nvcr.io", prints.name("nvcr.io", f"a{i}"), proven=True, now=NOW)
        await ledger.facts.refused("nvcr.io", prints.name("nvcr.io", "r"), now=NOW)
        await ledger.facts.accepted("nvcr.io", prints.name("nvcr.io", "late"), proven=True, now=NOW)
        print("killed", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


def opened(where: str) -> AbstractAsyncContextManager[Embedded]:
    """`FOLDER`, or `FOLDER URL` for a database on a server."""
    folder, _, url = where.partition(" ")
    if url:
        return open_embedded_on(server_of(SecretStr(url), {}), Path(folder) / "master.key")
    return open_embedded(Path(folder) / "validator.db", Path(folder) / "master.key")


async def main(what: str, who: str, where: str) -> None:
    """Opens before "ready", but for `open`, which opens after the starting line."""
    work = {"reserve": reserve, "count": count, "store": store, "killed": killed, "log_in": log_in, "pace": pace}.get(what)
    if work is None:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    async with opened(where) as embedded:
        if work is None:
            print(embedded.keys.fingerprinter.name("nvcr.io", "u"), flush=True)
            return
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(await work(embedded, who), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3]))
