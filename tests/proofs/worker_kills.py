"""Workers killed (-9) and added at random through a sweep, connections cut, the server started again: nothing lost, nobody told twice.

`python -m tests.proofs.worker_kills [--users N] [--kills N] [--seed S]`; the last line is one JSON object. Workers are processes of
`validator worker --once`, the registries have processes of their own, mail goes to a real SMTP server. While it goes on something
happens every second or two; the server is stopped and started when a third of the logins are made, and again while mails are sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.proofs import osmo
from tests.proofs.workers import Night as Shape
from tests.proofs.workers import Place, a_place, command
from tests.smtp.sink import Sink, open_sink
from validator.ledger.notices import NoticeState

WINDOW_S: Final = 2
MOST: Final = 24


@dataclass(frozen=True)
class Night:
    """Every `dead`th user has three dead credentials. `longest_s` between two happenings; `workers` at most at once; a third of the
    `kills` is for the time when mails are sent."""

    users: int = 2000
    dead: int = 20
    kills: int = 12
    workers: int = 5
    per_second: int = 60
    burst: int = 30
    longest_s: float = 4.0
    mail_s: float = 0.2
    seed: str = "workers"
    restarts: bool = True


@dataclass
class Storm:
    """What happens to the workers of one night. `ended`: how those ended that nobody killed."""

    night: Night
    place: Place
    database: str
    config: Path
    sink: Sink
    told: Any
    random: Random
    alive: list[Process] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    ended: list[int] = field(default_factory=list)

    async def begin(self) -> None:
        """One more worker."""
        self.alive.append(await command(self.config, "worker", "--once"))
        self.counts["started"] += 1

    async def blow(self) -> None:
        """Until the sweep is over."""
        for _ in range(3):
            await self.begin()
        logins = 3 * self.night.users
        restarts = [logins // 3, logins + 5] if self.night.restarts else []
        while not await asyncio.to_thread(self.over):
            await asyncio.sleep(self.random.uniform(0.5, self.night.longest_s))
            await self._gather()
            seen = await self.place.registries.requests() + len(self.sink.to)
            if restarts and seen >= restarts[0]:
                restarts.pop(0)
                await asyncio.to_thread(self.place.postgres.stop, "fast")
                await asyncio.sleep(self.random.uniform(0.2, 2))
                await asyncio.to_thread(self.place.postgres.start)
                self.counts["restarts"] += 1
                self.told(f"the server was started again after {seen} logins and mails")
            await self._one_thing(seen)
        for process in self.alive:
            await asyncio.wait_for(process.communicate(), 60)
            self.ended.append(process.returncode or 0)

    async def _one_thing(self, seen: int) -> None:
        sending = 0 < len(self.sink.to) < len(range(0, self.night.users, self.night.dead))
        what = self.random.choice(("kill", "cut", "end") if sending else ("kill", "kill", "cut", "add", "end"))
        if len(self.alive) < 2 or (what == "add" and len(self.alive) < self.night.workers):
            await self.begin()
        elif what == "kill" and self.counts["kills"] < (self.night.kills if sending else 2 * self.night.kills // 3):
            process = self.alive.pop(self.random.randrange(len(self.alive)))
            with suppress(ProcessLookupError):  # it has just ended
                process.send_signal(signal.SIGKILL)
            await process.communicate()
            self.counts["kills"] += 1
            self.counts["while_sending"] += sending
            await self.begin()
        elif what == "end":
            process = self.alive.pop(self.random.randrange(len(self.alive)))
            began = asyncio.get_running_loop().time()
            with suppress(ProcessLookupError):
                process.terminate()
            await process.communicate()
            self.counts["ended"] += 1
            self.counts["slowest_end_ms"] = max(self.counts["slowest_end_ms"], int(1000 * (asyncio.get_running_loop().time() - began)))
        elif what == "cut":
            await asyncio.to_thread(self.cut)
        self.told(f"{what}: {seen} logins and mails, {len(self.sink.to)} mails, {len(self.alive)} workers")

    async def _gather(self) -> None:
        """Workers that ended by themselves."""
        for process in [one for one in self.alive if one.returncode is not None]:
            self.alive.remove(process)
            self.ended.append(process.returncode or 0)
            assert process.stderr is not None
            self.told(f"a worker ended with {process.returncode}: {(await process.stderr.read()).decode()[-400:]}")

    def cut(self) -> None:
        """Every connection of ours."""
        with self.place.postgres.connect() as connection:
            query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND usename = 'validator'"
            self.counts["connections_cut"] += connection.execute(query, (self.database,)).fetchone()[0]
        self.counts["cuts"] += 1

    def over(self) -> bool:
        """True when the sweep is finished."""
        with self.place.postgres.connect(self.database) as connection:
            if connection.execute("SELECT to_regclass('validator.sweeps')").fetchone()[0] is None:
                return False  # nobody has made it yet
            return bool(connection.execute("SELECT count(*) FROM validator.sweeps WHERE finished_at IS NOT NULL").fetchone()[0])


async def prove(night: Night, *, told: Any = lambda text: None) -> dict[str, Any]:
    """All of it; what it came to. Raises AssertionError where a promise is broken."""
    async with a_place(night.users, told) as place, open_sink() as sink:
        await place.registries.say(f"dead {night.dead}")
        shape = Shape(users=night.users, parts=2, per_second=night.per_second, burst=night.burst)
        database, config = place.database(shape, notices={"urls": [sink.url()]}, osmo={"mek_file": str(place.folder / "mek.yaml"), "notify": "all"})
        text = config.read_text()
        assert "refused:" in text
        config.write_text(text.replace("1: 1000", f"{WINDOW_S}: {MOST}"))
        slow = asyncio.create_task(_slow(sink, night.mail_s))
        began = asyncio.get_running_loop().time()
        storm = Storm(night, place, database, config, sink, told, Random(night.seed))
        await storm.blow()
        wall_s = asyncio.get_running_loop().time() - began
        slow.cancel()
        left = await command(config, "notices", "send")  # what had found no database
        await left.communicate()
        return {**await judged(storm), "wall_s": round(wall_s, 1), **storm.counts, "ended_by_themselves": dict(Counter(storm.ended))}


async def _slow(sink: Sink, seconds: float) -> None:
    """Let every mail take a while, so that something comes in between."""
    while True:
        sink.hold = asyncio.Event()
        await asyncio.sleep(seconds)
        sink.hold.set()
        await asyncio.sleep(0)


async def judged(storm: Storm) -> dict[str, Any]:
    """Hold the view, the outbox, the mails and what the registries counted against what is so."""
    night = storm.night
    dead = {osmo.user_of(number) for number in range(0, night.users, night.dead)}
    with storm.place.postgres.connect(storm.database) as connection:
        rows = connection.execute("SELECT user_name, cred_name, state FROM validator.credential_status").fetchall()
        notices = connection.execute('SELECT "user", state, jsonb_array_length(lines) FROM validator.notices WHERE kind = %s', ("user",)).fetchall()
    wrong = [row for row in rows if row[2] != ("dead" if row[0] in dead else "alive")]
    assert (len(rows), wrong) == (3 * night.users, []), (len(wrong), wrong[:20])
    mails = Counter(storm.sink.to)
    unclear = {user for user, state, _ in notices if state in (NoticeState.MAYBE_SENT, NoticeState.SENDING)}
    assert set(mails) <= dead, "nobody who is well was told anything"
    assert max(mails.values(), default=0) <= 1, "nobody was told twice"
    assert dead - set(mails) <= unclear, (dead - set(mails), notices[:5])
    assert {lines for _, _, lines in notices} == {3}, "each message tells of all three"
    happened = storm.counts["kills"] + storm.counts["cuts"] + storm.counts["restarts"] + storm.counts["ended"]
    assert len(unclear) <= happened
    counts = await storm.place.registries.say(f"over {night.per_second} {night.burst}")
    refused = await storm.place.registries.say(f"most {WINDOW_S * 0.9}")
    exceeded = {host: round(count["over"], 1) for host, count in counts.items()}
    most = {host: int(count["most"]) for host, count in refused.items()}
    assert max(exceeded.values()) <= 0, exceeded
    assert max(most.values()) <= MOST, most
    return {
        "credentials": len(rows), "wrong_statuses": 0, "dead_users": len(dead), "mails": sum(mails.values()), "twice": 0, "maybe_sent": len(unclear),
        "beyond_the_rate": exceeded, "most_refused_in_a_window": most, "allowed": MOST,
        "requests": {host: int(count["requests"]) for host, count in counts.items()},
    }  # fmt: skip


def main() -> None:
    """Print what happens, and what it came to."""
    words = argparse.ArgumentParser()
    for name, value in (("users", 2000), ("kills", 12), ("per-second", 60)):
        words.add_argument(f"--{name}", type=int, default=value)
    words.add_argument("--seed", default="workers")
    said = words.parse_args()
    night = Night(users=said.users, kills=said.kills, per_second=said.per_second, seed=said.seed)
    print(json.dumps(asyncio.run(prove(night, told=print))))


if __name__ == "__main__":
    main()
