"""`kill -9` at random moments of a sweep, a third of them while it sends: at the end every status is right, nobody has two messages.

`python -m tests.proofs.kills [--credentials N] [--dead N] [--kills N] [--seed S]`; the last line is one JSON object. The
sweep is the command itself in a process of its own, the registries too; mail goes to a real SMTP server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.bench.crowd import HOSTS, Running, crowds
from tests.bench.sweeping import as_after_a_night
from tests.smtp.sink import Sink, open_sink
from validator.app import open_app
from validator.config import Settings
from validator.ledger.notices import Kind, NoticeState

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Night:
    """What is swept, and how often it is killed. `per_second`: of each of the four registries; `mail_s`: a mail takes so long."""

    credentials: int = 5000
    dead: int = 200
    kills: int = 30
    seed: str = "kills"
    per_second: int = 100
    mail_s: float = 0.02
    longest_s: float = 2.0
    """No process lives longer than this before it is killed, from its first request on: many of them make one night."""


def settings_of(folder: Path, registries: dict[str, Any], night: Night, mail: str) -> dict[str, Any]:
    """As a file holds them. The registries bear more than real ones, and a suspect is asked again a second later."""
    pace = {"per_second": night.per_second, "burst": 10, "in_flight": 8, "refused": {1: 1000}, "confirm_after_s": 1, "repeat_after_s": 0.01}
    return {
        "store": f"sqlite:///{folder}/validator.db", "key_file": str(folder / "master.key"),
        "registries": {host: {**said, "pace": pace} for host, said in registries.items()},
        "sweep": {"fresh_s": 0}, "notices": {"urls": [mail], "address": "{user}@example.org"},
    }  # fmt: skip


async def command(config: Path, *words: str) -> asyncio.subprocess.Process:
    """`validator`, as cron starts it; its report is read by nobody, and fills no pipe."""
    environment = {**os.environ, "CI": "", "PYTHONPATH": str(ROOT)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "validator", "--config", str(config), *words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, cwd=ROOT, env=environment
    )


async def prove(night: Night, *, told: Any = lambda text: None) -> dict[str, Any]:
    """All worked a day ago, some died since; the sweep that finds it is killed again and again, then ends. What it came to.

    Raises AssertionError where a promise is broken.
    """
    random, every = Random(night.seed), night.credentials // night.dead
    with tempfile.TemporaryDirectory(prefix="validator-kills-") as name:
        folder = Path(name)
        async with crowds(night.credentials // len(HOSTS)) as registries, open_sink() as sink:
            said = settings_of(folder, registries.settings, night, sink.url())
            config = folder / "validator.yaml"
            config.write_text(yaml.safe_dump(said))
            await as_after_a_night(said, night.credentials)
            await registries.counts(f"dead {every}")
            slow = asyncio.create_task(_slow(sink, night.mail_s))
            killed = hits = 0
            for _ in range(3 * night.kills):
                if killed == night.kills:
                    break
                sending = killed >= 2 * night.kills // 3 and len(sink.to) + hits < night.dead
                before = len(sink.to) if sending else await seen(registries, sink)
                connections = sink.connections
                running = await command(config, "sweep", "--format", "json")
                while running.returncode is None and (len(sink.to) if sending else await seen(registries, sink)) == before:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(random.uniform(0, 0.5 if sending else night.longest_s))
                if running.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        running.kill()
                        killed += 1
                        hits += sink.connections > connections
                await running.wait()
                told(f"{killed} killed, {hits} of them while it sent: {await seen(registries, sink)} requests and mails, {len(sink.to)} mails")
            last = await command(config, "sweep", "--format", "json")
            await last.communicate()
            slow.cancel()
            assert last.returncode == 0, "the last one ends well"
            asked = await seen(registries, sink) - len(sink.to)
            return await judged(night, said, sink, hits, every) | {"kills": killed, "requests": asked}


async def seen(registries: Running, sink: Sink) -> int:
    """Requests and mails so far."""
    return sum(int(count["requests"]) for count in (await registries.counts()).values()) + len(sink.to)


async def _slow(sink: Sink, seconds: float) -> None:
    """Let every mail take a while, so that some kill comes in between."""
    while True:
        sink.hold = asyncio.Event()
        await asyncio.sleep(seconds)
        sink.hold.set()
        await asyncio.sleep(0)


async def judged(night: Night, said: dict[str, Any], sink: Sink, hits: int, every: int) -> dict[str, Any]:
    """Hold the ledger and the mails against what is so."""
    dead = {f"{host.partition('.')[0]}-{number}" for host in HOSTS for number in range(0, night.credentials // len(HOSTS), every)}
    async with open_app(Settings.model_validate(said)) as app:
        states = {row.key.user: row.state for row in await app.opened.ledger.statuses.all()}
        notices = await app.opened.ledger.notices.all(kind=Kind.USER, limit=100_000)
    wrong = [user for user, state in states.items() if state != ("dead" if user in dead else "alive")]
    assert (len(states), wrong) == (night.credentials, []), {user: states[user] for user in wrong[:20]}
    mails = Counter(address.partition("@")[0] for address in sink.to)
    maybe = {notice.user for notice in notices if notice.state is NoticeState.MAYBE_SENT}
    assert set(mails) <= dead, "nobody who is well was told anything"
    assert max(mails.values(), default=0) <= 1, "nobody was told twice"
    assert dead - set(mails) <= maybe, "who was not told is shown as maybe told"
    assert len(maybe) <= hits, "no more than the kills that hit a process which was sending"
    return {
        "credentials": night.credentials, "dead": len(dead), "kills": 0, "while_sending": hits, "mails": sum(mails.values()), "maybe_sent": len(maybe),
        "twice": 0, "wrong_statuses": 0,
    }  # fmt: skip


def main() -> None:
    """Print each kill, and what it came to."""
    words = argparse.ArgumentParser()
    for name, value in (("credentials", 5000), ("dead", 200), ("kills", 30)):
        words.add_argument(f"--{name}", type=int, default=value)
    words.add_argument("--seed", default="kills")
    said = words.parse_args()
    night = Night(credentials=said.credentials, dead=said.dead, kills=said.kills, seed=said.seed)
    print(json.dumps(asyncio.run(prove(night, told=print))))


if __name__ == "__main__":
    main()
