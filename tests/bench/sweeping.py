"""A sweep of very many over four registries, as a user starts it: how long it takes beside what the pace allows, and beside bare requests.

The command has a process of its own, the registries another. What a night before would have left (a status and an acceptance
a day old for each) is written straight into the ledger. Between the two nights every hundredth secret dies.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from pydantic import SecretStr

from tests.bench.crowd import HOSTS, Running, login_of
from tests.bench.probing import Rate, bare_round
from validator.app import App, open_app
from validator.config import Settings
from validator.credential import Credential, Host, parse_scope
from validator.ledger.statuses import StatusKey, row_of
from validator.providers import Pace
from validator.status import Standing, State
from validator.verdict import Level, Outcome, Reason

ROOT: Final = Path(__file__).parents[2]
DEAD_EVERY: Final = 100
_BATCH: Final = 2000
_BURST_S: Final = 0.4
"""What a lane may catch up, in seconds of its rate: a shared machine's pauses do not shrink with a factor."""


def scaled(factor: float, in_flight: int = 8) -> dict[str, Any]:
    """The pace of a registry without a name, so many times as quick: waits are shorter by the factor, windows of refusals, too.

    A window is whole seconds, so it is one of a second (or three) with as many refusals as would come in it.
    """
    usual = Pace()
    refused = {max(1, round(seconds / 60)): int(most * factor / 60) for seconds, most in usual.refused.items()}
    return {
        "per_second": usual.per_second * factor, "burst": max(usual.burst, int(factor * _BURST_S)), "in_flight": in_flight, "refused": refused,
        "confirm_after_s": usual.confirm_after_s / factor, "repeat_after_s": usual.repeat_after_s / factor,
    }  # fmt: skip


def unthrottled(in_flight: int = 8) -> dict[str, Any]:
    """A pace that never waits."""
    return {"per_second": 1000, "burst": 100_000, "in_flight": in_flight, "refused": {60: 100_000}, "confirm_after_s": 1, "repeat_after_s": 0.01}


@dataclass(frozen=True, slots=True)
class Swept:
    """One sweep. `wall_s` is all of the command, `asking_s` from the first to the last request of which the servers know."""

    credentials: int
    wall_s: float
    asking_s: float
    cpu_s: float
    peak_mib: float
    requests: dict[str, int]
    refused: int
    states: dict[str, int]

    @property
    def per_credential(self) -> float:
        """Requests for each."""
        return sum(self.requests.values()) / self.credentials

    def bound_s(self, per_second: float) -> float:
        """What the pace alone makes of it."""
        return max(self.requests.values()) / per_second


def settings_of(folder: Path, registries: dict[str, Any], pace: dict[str, Any]) -> dict[str, Any]:
    """As a file holds them."""
    return {
        "store": f"sqlite:///{folder}/validator.db", "key_file": str(folder / "master.key"),
        "registries": {host: {**said, "pace": pace} for host, said in registries.items()}, "sweep": {"fresh_s": 0},
    }  # fmt: skip


def stored(number: int) -> Iterator[Credential]:
    """One credential a user, a quarter of them in each registry."""
    for host in HOSTS:
        for one in range(number // len(HOSTS)):
            username, secret = login_of(host, one)
            yield Credential(
                user=f"{host.partition('.')[0]}-{one}", name="key", scope=parse_scope(host), username=username, secret=SecretStr(secret), written=host
            )


async def as_after_a_night(said: dict[str, Any], number: int) -> None:
    """Store `number` of them, each proven a day ago."""
    async with open_app(Settings.model_validate(said)) as app:
        batch: list[Credential] = []
        for one in stored(number):
            batch.append(one)
            if len(batch) == _BATCH:
                await _keep(app, batch)
                batch = []
        if batch:
            await _keep(app, batch)


async def _keep(app: App, batch: Sequence[Credential]) -> None:
    await app.opened.writable().put_many([(one, None) for one in batch])
    kept = {(one.user, one.name): one for one in await app.opened.store.some([(one.user, one.name) for one in batch])}
    ledger, at = app.opened.ledger, datetime.now(UTC) - timedelta(days=1)
    alive = Standing(
        state=State.ALIVE, outcome=Outcome.VALID, reason=Reason.LOGIN_ACCEPTED, level=Level.LOGIN, checked_at=at, last_outcome=Outcome.VALID,
        last_reason=Reason.LOGIN_ACCEPTED, last_at=at, accepted_at=at, ever_valid=True,
    )  # fmt: skip
    rows, facts = [], []
    for one in kept.values():
        assert isinstance(one, Credential)
        mark = app.opened.fingerprinter.of(one.scope.host, one.username, one.secret)
        rows.append(row_of(StatusKey(one.user, one.scope, mark, one.row), one.name, alive))
        facts.append(ledger.facts.acceptance(Host(one.scope.host), mark, proven=True, now=at))
    await ledger.statuses.put(*rows)
    await ledger.keep(*facts, at_once=True)


async def sweep(folder: Path, said: dict[str, Any], registries: Running, number: int) -> Swept:
    """The command, from start to end."""
    config, report = folder / "validator.yaml", folder / "report.json"
    config.write_text(yaml.safe_dump(said))
    await registries.counts("reset")
    words = [sys.executable, "-m", "validator", "--config", str(config), "sweep", "--format", "json", "--output", str(report)]
    began = time.monotonic()
    with (folder / "said.txt").open("w") as out:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, env={**os.environ, "CI": ""})  # noqa: ASYNC220
    _, code, used = await asyncio.to_thread(os.wait4, process.pid, 0)
    wall_s, process.returncode = time.monotonic() - began, code
    assert code == 0, (folder / "said.txt").read_text()[-2000:]
    counts = await registries.counts()
    shown = json.loads(report.read_text())
    states: dict[str, int] = {}
    for row in shown["credentials"]:
        states[row["state"]] = states.get(row["state"], 0) + 1
    return Swept(
        credentials=number, wall_s=wall_s, asking_s=max(one["last"] for one in counts.values()) - min(one["first"] for one in counts.values()),
        cpu_s=used.ru_utime + used.ru_stime, peak_mib=used.ru_maxrss / 1024, requests={host: int(one["requests"]) for host, one in counts.items()},
        refused=sum(int(one["refused"]) for one in counts.values()), states=states,
    )  # fmt: skip


async def bare(settings: dict[str, Any], number: int, width: int) -> Rate:
    """The same logins by nothing but aiohttp, `width` at a time."""
    async with aiohttp.ClientSession() as session:
        sent: list[list[tuple[str, dict[str, str], int]]] = []
        for host, said in settings.items():
            async with session.get(f"{said['endpoint']}/v2/") as answer:
                fields = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["WWW-Authenticate"]))
            url = f"{fields['realm']}?service={fields['service']}" if "service" in fields else f"{said['endpoint']}/v2/"
            for one in range(number // len(settings)):
                pair = base64.b64encode(":".join(login_of(host, one)).encode()).decode()
                sent.append([(url, {"Authorization": f"Basic {pair}"}, 200)])
        sent = [sent[place] for first in range(number // len(settings)) for place in range(first, len(sent), number // len(settings))]
        return await bare_round(session, sent, width)
