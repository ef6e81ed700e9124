"""A night beside OSMO by several workers, processes of `validator worker`, and by one process, over the same sealed credentials.

`python -m tests.proofs.workers [--users N] [--workers N] [--parts N] [--per-second N]`; the last line is one JSON object. Each user
has a credential at each of three registries, which have a process of their own and keep the instant of every request. All is on
one machine: what the workers gain is what its cores and the pace leave.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.postgres.server import Postgres, running
from tests.proofs import osmo
from tests.proofs.counted import Registries, registries
from validator.emulator.osmo import Osmo
from validator.sealing import make_master_keys

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Night:
    """`per_second` and `burst`: of each registry. `parts`: into how many each lane is split. `one`: also by one process, to compare."""

    users: int = 10_000
    workers: int = 4
    parts: int = 2
    per_second: int = 100
    burst: int = 50
    one: bool = True


@dataclass(frozen=True)
class Place:
    """Where all of it is: `template` is a database with OSMO's rows and the roles, and nothing of ours."""

    folder: Path
    postgres: Postgres
    registries: Registries
    template: str

    def database(self, night: Night, **more: Any) -> tuple[str, Path]:
        """A copy of the template, and settings for it, with a key; whoever comes first makes our own tables."""
        name = self.postgres.database(self.template)
        said = osmo.settings_of(self.folder, self.postgres.url(name, "validator"), self.registries.settings, pace_of(night))
        for registry in said["registries"].values():
            registry["pace"]["workers"] = night.parts
        config = self.folder / f"{name}.yaml"
        key_file = self.folder / f"{name}.key"
        make_master_keys(key_file)
        config.write_text(yaml.safe_dump({**said, **more, "key_file": str(key_file)}))
        return name, config


def pace_of(night: Night) -> osmo.Night:
    """As the other proof has it."""
    return osmo.Night(users=night.users, per_second=night.per_second, burst=night.burst)


@asynccontextmanager
async def a_place(users: int, told: Any, server: Postgres | None = None) -> AsyncIterator[Place]:
    """A Postgres (or `server`) with a database of OSMO's shape with so many users, and the registries."""
    with tempfile.TemporaryDirectory(prefix="validator-workers-") as name, nullcontext(server) if server is not None else running() as postgres:
        folder, template = Path(name), postgres.database()
        with postgres.connect(template) as connection:
            number = Osmo(connection, folder / "mek.yaml").fill(osmo.stored(users))
            connection.execute(osmo.ROLES.read_text())
            connection.execute("ALTER ROLE validator LOGIN")
        told(f"{number} credentials of {users} users are stored")
        async with registries(osmo.REGISTRIES, users) as all_of_them:
            await all_of_them.say(f"dead {osmo.DEAD_EVERY}")
            yield Place(folder, postgres, all_of_them, template)


async def command(config: Path, *words: str) -> Process:
    """`validator`, as an operator starts it."""
    environment = {**os.environ, "CI": "", "PYTHONPATH": str(ROOT)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "validator", "--config", str(config), *words, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, cwd=ROOT, env=environment
    )


async def done(*words: str, config: Path, number: int = 1) -> tuple[float, list[str]]:
    """So many of the same command, started at once: seconds until all have ended, and what each said. All must end well."""
    began = time.monotonic()
    processes = [await command(config, *words) for _ in range(number)]
    said = [error.decode() for _, error in await asyncio.gather(*(process.communicate() for process in processes))]
    assert [process.returncode for process in processes] == [0] * number, said
    return time.monotonic() - began, said


async def prove(night: Night, *, told: Any = lambda text: None, server: Postgres | None = None) -> dict[str, Any]:
    """All of it; what it came to. Raises AssertionError where a promise is broken."""
    async with a_place(night.users, told, server) as place:
        found: dict[str, Any] = {}
        if night.one:
            database, config = place.database(night)
            found["one"], _ = await _timed(place, night, "sweep", config=config)
            osmo._judged(place.postgres, database, pace_of(night))
            place.postgres.drop(database)
            told(f"by one process: {json.dumps(found['one'])}")
        database, config = place.database(night)
        found["workers"], said = await _timed(place, night, "worker", "--once", config=config, number=night.workers)
        judged = osmo._judged(place.postgres, database, pace_of(night))
        lanes = [sum('"lane_finished"' in line for line in one.splitlines()) for one in said]
        return judged | {
            "processes": night.workers, "parts": night.parts, "per_second": night.per_second, "lanes_finished_by_each": lanes,
            "messages": messages(place.postgres, database), **found,
        }  # fmt: skip


async def _timed(place: Place, night: Night, *words: str, config: Path, number: int = 1) -> tuple[dict[str, Any], list[str]]:
    await place.registries.say("reset")
    wall_s, said = await done(*words, config=config, number=number)
    counts = await place.registries.say(f"over {night.per_second} {night.burst}")
    exceeded = {host: round(count["over"], 1) for host, count in counts.items()}
    assert max(exceeded.values()) <= 0, exceeded
    asking_s = max(count["last"] for count in counts.values()) - min(count["first"] for count in counts.values())
    requests = {host: int(count["requests"]) for host, count in counts.items()}
    return {
        "wall_s": round(wall_s, 1), "asking_s": round(asking_s, 1), "bound_s": round(max(requests.values()) / night.per_second, 1),
        "requests": requests, "beyond_the_rate": exceeded,
    }, said  # fmt: skip


def messages(postgres: Postgres, database: str) -> dict[str, int]:
    """Digests for users, by their state; nobody may have two."""
    with postgres.connect(database) as connection:
        rows = connection.execute('SELECT "user", state FROM validator.notices WHERE kind = %s', ("user",)).fetchall()
    users = [user for user, _ in rows]
    assert len(users) == len(set(users)), "a user has two messages"
    states: dict[str, int] = {}
    for _, state in rows:
        states[state] = states.get(state, 0) + 1
    return states


def main() -> None:
    """Print what happens, and what it came to."""
    words = argparse.ArgumentParser()
    for name, value in (("users", 10_000), ("workers", 4), ("parts", 2), ("per-second", 100)):
        words.add_argument(f"--{name}", type=int, default=value)
    words.add_argument("--alone", action="store_true", help="not by one process, too")
    said = words.parse_args()
    night = Night(users=said.users, workers=said.workers, parts=said.parts, per_second=said.per_second, one=not said.alone)
    print(json.dumps(asyncio.run(prove(night, told=print))))


if __name__ == "__main__":
    main()
