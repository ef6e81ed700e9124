"""Ten thousand credentials set anew by their users while workers sweep: no verdict of an old secret is written to a new one.

`python -m tests.proofs.worker_changes [--users N]`; the last line is one JSON object. Each user has a credential at each of three
registries; a third of all rows is changed while they are asked about: to a secret that no registry knows, to a new one that is good
(also where the old one was dead), or to the same one sealed anew. Then every status is held, by its fingerprint and by the row that it is
of, against the secret that it speaks of; and after one more sweep every credential has the status of the secret that stands there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from pydantic import SecretStr

from tests.bench.crowd import login_of
from tests.proofs import osmo
from tests.proofs.counted import RENEWED
from tests.proofs.workers import Night as Shape
from tests.proofs.workers import Place, a_place, command, done
from validator.app import open_store
from validator.config import load_settings
from validator.sealing import Fingerprint, Fingerprinter

SPOILT: Final = " spoilt"
KINDS: Final = (SPOILT, RENEWED, "")


@dataclass(frozen=True)
class Night:
    """`share`: each so manyth row is changed."""

    users: int = 10_000
    workers: int = 4
    per_second: int = 100
    share: int = 3
    seed: str = "changes"


def dead(number: int, ending: str) -> bool:
    """Whether a registry refuses this secret of this account."""
    return ending == SPOILT or (ending == "" and number % osmo.DEAD_EVERY == 0)


async def change(place: Place, database: str, night: Night, total: int) -> dict[tuple[int, str], str]:
    """Set rows anew, spread over the sweep; what each has now, by account and registry."""
    random = Random(night.seed)
    every = [(number, host) for number in range(night.users) for host in osmo.REGISTRIES]
    chosen = random.sample(every, len(every) // night.share)
    endings = {one: random.choice(KINDS) if one[0] % osmo.DEAD_EVERY else RENEWED for one in chosen}
    statement = "UPDATE credential SET payload = payload || hstore('auth', %s) WHERE user_name = %s AND profile = %s"
    with place.postgres.connect(database) as connection:
        for at, (number, host) in enumerate(chosen):
            while at % 50 == 0 and await place.registries.requests() < at / len(chosen) * total * 0.9:
                await asyncio.sleep(0.02)
            secret = login_of(host, number)[1] + endings[number, host]
            connection.execute(statement, (secret, osmo.user_of(number), host))
    return endings


async def prove(night: Night, *, told: Any = lambda text: None) -> dict[str, Any]:
    """All of it; what it came to. Raises AssertionError where a promise is broken."""
    async with a_place(night.users, told) as place:
        shape = Shape(users=night.users, parts=2, per_second=night.per_second)
        database, config = place.database(shape)
        workers = [await command(config, "worker", "--once") for _ in range(night.workers)]
        ends = [asyncio.create_task(worker.communicate()) for worker in workers]
        endings = await change(place, database, night, 3 * night.users)
        meanwhile = sum(not end.done() for end in ends)
        said = [(await end)[1].decode() for end in ends]
        codes = {worker.returncode for worker in workers}
        assert codes <= {0, 3}, said
        told(f"{len(endings)} credentials were set anew, the last while {meanwhile} workers were at it; they ended with {codes}")
        marks = await fingerprinter(config)
        first = held(place, database, endings, marks, whole=False)
        await done("sweep", config=config)
        last = held(place, database, endings, marks, whole=True)
    return {"credentials": 3 * night.users, "set_anew": len(endings), "workers_still_at_it": meanwhile, "first": first, "after_one_more": last}


async def fingerprinter(config: Any) -> Fingerprinter:
    """The ledger's own."""
    settings = load_settings(config, {}, user_dir=config.parent, system_file=config.parent / "none").settings
    async with open_store(settings, environ={}) as opened:
        return opened.fingerprinter


def held(place: Place, database: str, endings: dict[tuple[int, str], str], marks: Fingerprinter, *, whole: bool) -> dict[str, Any]:
    """Every status beside the secret that it names by its fingerprint, and what the view shows beside the secret that stands there."""
    with place.postgres.connect(database) as connection:
        statuses = connection.execute('SELECT "user", host, fingerprint, "row", state, verdict FROM validator.statuses').fetchall()
        shown = connection.execute("SELECT user_name, profile, state, confirmed FROM validator.credential_status").fetchall()
    wrong, of_new = list[Any](), 0
    known = dict[tuple[str, str, Fingerprint], bool]()
    for user in {user for user, *_ in statuses}:
        number = int(user[5:11])
        for host in osmo.REGISTRIES:
            username, secret = login_of(host, number)
            for ending in {"", endings.get((number, host), "")}:
                known[user, host, marks.of(host, username, SecretStr(secret + ending))] = dead(number, ending)
    for user, host, fingerprint, _, state, verdict in statuses:
        refused = known.get((user, host, Fingerprint(fingerprint)))
        if refused is None or state != ("dead" if refused else "alive") or verdict != ("invalid" if refused else "valid"):
            wrong.append((user, host, state, verdict, refused))
        of_new += (int(user[5:11]), host) in endings
    states = Counter[str]()
    for user, host, state, _ in shown:
        number = int(user[5:11])
        states[state] += 1
        right = "dead" if dead(number, endings.get((number, host), "")) else "alive"
        if state != right and (whole or (number, host) not in endings or state != "never_checked"):
            wrong.append((user, host, state, "shown"))
    assert wrong == [], (len(wrong), wrong[:20])
    return {"statuses": len(statuses), "of_rows_set_anew": of_new, "shown": dict(states), "stale": 0}


def main() -> None:
    """Print what happens, and what it came to."""
    words = argparse.ArgumentParser()
    words.add_argument("--users", type=int, default=10_000)
    words.add_argument("--per-second", type=int, default=100)
    said = words.parse_args()
    print(json.dumps(asyncio.run(prove(Night(users=said.users, per_second=said.per_second), told=print))))


if __name__ == "__main__":
    main()
