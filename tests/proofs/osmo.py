"""A night beside OSMO: thousands of sealed credentials in a Postgres of its shape, one process a registry, rows set anew meanwhile.

`python -m tests.proofs.osmo [--users N] [--restart] [--one]`; the last line is one JSON object. The sweeps are the command itself, as
the role `validator`; the registries have a process of their own. In the middle a tenth of the rows is set anew by OSMO, half of
those to dead secrets, and with `--restart` the server is stopped and started. `--one`: one process asks all registries.
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
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.bench.crowd import Running, crowds, login_of
from tests.postgres.server import Postgres, running
from validator.emulator.osmo import Osmo, Stored

ROOT: Final = Path(__file__).parents[2]
ROLES: Final = ROOT / "deploy" / "sql" / "roles.sql"
REGISTRIES: Final = ("token.test", "own-realm.test", "basic.test")
DEAD_EVERY: Final = 100
AGAIN: Final = "set anew, and dead"


@dataclass(frozen=True)
class Night:
    """`per_second`: of each registry. A tenth of the users set their credentials anew while they are asked about (`anew`)."""

    users: int = 10_000
    per_second: int = 200
    burst: int = 20
    restart: bool = False
    one: bool = False
    anew: bool = True


def user_of(number: int) -> str:
    """As OSMO names them."""
    return f"user-{number:06d}@example.org"


def stored(users: int) -> Iterator[Stored]:
    """One credential a user and registry."""
    for number in range(users):
        for host in REGISTRIES:
            username, secret = login_of(host, number)
            yield Stored(user_of(number), host.partition(".")[0], host, username, secret)


def settings_of(folder: Path, url: str, registries: dict[str, Any], night: Night) -> dict[str, Any]:
    """As a file holds them. The registries bear more than real ones, and a suspect is asked again a second later."""
    pace = {
        "per_second": night.per_second, "burst": night.burst, "in_flight": 8, "refused": {1: 1000}, "confirm_after_s": 1, "repeat_after_s": 0.01,
    }  # fmt: skip
    return {
        "store": url, "key_file": str(folder / "master.key"), "osmo": {"mek_file": str(folder / "mek.yaml")},
        "registries": {host: {**said, "pace": pace} for host, said in registries.items() if host in REGISTRIES}, "sweep": {"quarantine_min": 1_000_000},
    }  # fmt: skip


async def command(config: Path, *words: str) -> Process:
    """`validator sweep`, as cron starts it."""
    environment = {**os.environ, "CI": "", "PYTHONPATH": str(ROOT)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "validator",
        "--config",
        str(config),
        "sweep",
        *words,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        cwd=ROOT,
        env=environment,
    )


async def prove(night: Night, *, told: Any = lambda text: None) -> dict[str, Any]:
    """All of it; what it came to. Raises AssertionError where a promise is broken."""
    with tempfile.TemporaryDirectory(prefix="validator-osmo-") as name, running() as postgres:
        folder, database = Path(name), postgres.database()
        with postgres.connect(database) as connection:
            house = Osmo(connection, folder / "mek.yaml")
            number = house.fill(stored(night.users))
            connection.execute(ROLES.read_text())
            connection.execute("ALTER ROLE validator LOGIN")
        told(f"{number} credentials of {night.users} users are stored")
        async with crowds(night.users) as registries:
            await registries.counts(f"dead {DEAD_EVERY}")
            config = folder / "validator.yaml"
            config.write_text(yaml.safe_dump(settings_of(folder, postgres.url(database, "validator"), registries.settings, night)))
            begun = time.monotonic()
            sweeps = [await command(config)] if night.one else [await command(config, "--registry", host) for host in REGISTRIES]
            errors = [asyncio.create_task(sweep.communicate()) for sweep in sweeps]
            if night.anew or night.restart:
                await _until(registries, number // 3)
            anew = _set_anew(postgres, database, night) if night.anew else 0
            if night.restart:
                await asyncio.to_thread(postgres.stop, "fast")
                await asyncio.to_thread(postgres.start)
                told("the server was started again")
            said = [(await error)[1].decode() for error in errors]
            again = 0
            for error in said:
                told(error.strip().splitlines()[-1])
            while any(sweep.returncode for sweep in sweeps):  # a transaction was cut off: the next one goes on where it was
                again += 1
                assert again < 4, said
                sweeps = [await command(config)]
                said = [(await sweeps[0].communicate())[1].decode()]
            wall_s = time.monotonic() - begun
            counts = await registries.counts()
            first = _judged(postgres, database, night, unheard=night.anew)
            last = await command(config)  # what was set anew after it had been asked about
            await last.communicate()
        return _judged(postgres, database, night) | {
            "of_a_new_secret_nothing": first["states"].get("never_checked", 0),
            "processes": 1 if night.one else len(REGISTRIES), "set_anew": anew, "gone_on": again, "wall_s": round(wall_s, 1),
            "bound_s": round(max(float(counts[host]["requests"]) for host in REGISTRIES) / night.per_second, 1),
            "over_the_rate": {host: over for host in REGISTRIES if (over := _over(counts[host], night)) > 0},
        }  # fmt: skip


async def _until(registries: Running, requests: int) -> None:
    while sum(int(count["requests"]) for count in (await registries.counts()).values()) < requests:
        await asyncio.sleep(0.05)


def _over(count: dict[str, float], night: Night) -> int:
    """Requests beyond what the pace allows in the time from the first to the last."""
    return max(0, int(count["requests"] - night.per_second * (count["last"] - count["first"]) - night.burst - 1))


def _set_anew(postgres: Postgres, database: str, night: Night) -> int:
    """OSMO writes a tenth of the rows anew, with a plain value: for every second user one that no registry knows."""
    changed = 0
    with postgres.connect(database) as connection, connection.cursor() as cursor:
        for number in range(5, night.users, 10):
            for host in REGISTRIES:
                _, secret = login_of(host, number)
                value = AGAIN if number % 20 == 5 else secret
                cursor.execute(
                    "UPDATE credential SET payload = payload || hstore('auth', %s) WHERE user_name = %s AND profile = %s",
                    (value, user_of(number), host),
                )
                changed += 1
    return changed


def _judged(postgres: Postgres, database: str, night: Night, *, unheard: bool = False) -> dict[str, Any]:
    """The view beside what is so: a secret that stands there now is dead by the registry's word, or alive.

    `unheard`: of one that was set anew nothing may be known yet.
    """
    with postgres.connect(database) as connection:
        rows = connection.execute(
            "SELECT v.user_name, v.profile, v.state, c.payload -> 'auth' = %s FROM validator.credential_status v "
            "JOIN credential c USING (user_name, cred_name)", (AGAIN,)
        ).fetchall()  # fmt: skip
    wrong = list[tuple[str, str, str]]()
    states = Counter[str]()
    for user, profile, state, spoilt in rows:
        dead = spoilt or int(user[5:11]) % DEAD_EVERY == 0
        states[state] += 1
        new = unheard and state == "never_checked" and int(user[5:11]) % 10 == 5
        if state != ("dead" if dead else "alive") and not new:
            wrong.append((user, profile, state))
    assert (len(rows), wrong) == (len(REGISTRIES) * night.users, []), (len(wrong), wrong[:20])
    return {"credentials": len(rows), "wrong_statuses": 0, "states": dict(states)}


def main() -> None:
    """Print what happens, and what it came to."""
    words = argparse.ArgumentParser()
    words.add_argument("--users", type=int, default=10_000)
    words.add_argument("--per-second", type=int, default=200)
    for name in ("restart", "one"):
        words.add_argument(f"--{name}", action="store_true")
    said = words.parse_args()
    night = Night(users=said.users, per_second=said.per_second, restart=said.restart, one=said.one)
    print(json.dumps(asyncio.run(prove(night, told=print))))


if __name__ == "__main__":
    main()
