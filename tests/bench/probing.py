"""How much the probe adds to the bare request: both send the same logins to the same server, in alternating rounds.

The steady state of a sweep: the challenge is cached and the control fresh, so that a probe is one request (registries/
README.md 6.3). The server has a process of its own; the pace is wide open; every key is another one.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from validator.app import App, open_app
from validator.config import RegistrySettings, Settings
from validator.config.base import HostName
from validator.credential import Credential, Host, RegistryScope
from validator.probe import Inquiry
from validator.verdict import Outcome

HOST: Final = Host("nvcr.io")
USERNAME: Final = "$oauthtoken"
KEYS: Final = 150
BARE_TIMES: Final = 20
"""How often a bare round sends each login: it must last long enough to be timed."""
ROUNDS: Final = 7
AT_ONCE: Final = 8
LIMIT_S: Final = 45.0
"""No round begins after so many seconds; at least one is always made."""
WIDE_OPEN: Final = {"per_second": 1000, "burst": 10_000, "in_flight": AT_ONCE, "challenge_fresh_s": 86_400, "refused": {60: 10_000}}


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates of every round, a second: round `n` of one follows round `n` of the other."""

    probes: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        return tuple(probe / bare for probe, bare in zip(self.probes, self.bare, strict=True))


@asynccontextmanager
async def server(keys: int) -> AsyncIterator[tuple[dict[str, dict[str, Any]], list[str]]]:
    """The settings of the emulated NGC in its own process, and the secrets of its keys."""
    process: Process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.server", str(keys), stdin=PIPE, stdout=PIPE, limit=2**22
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        said = json.loads(line)
        yield said["settings"], said["secrets"]
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def opened(folder: Path, settings: dict[str, dict[str, Any]]) -> Settings:
    """Settings with a store in `folder` and a pace that never waits."""
    registries = {HostName(host): RegistrySettings(**{**said, "pace": WIDE_OPEN}) for host, said in settings.items()}
    return Settings(store=SecretStr(f"sqlite:///{folder / 'bench.db'}"), key_file=folder / "bench.key", registries=registries)


def inquiries(secrets: Sequence[str]) -> list[Inquiry]:
    """One question a secret."""
    scope = RegistryScope(HOST, "")
    made = (Credential(user="bench", name="", scope=scope, username=USERNAME, secret=SecretStr(one), written=HOST) for one in secrets)
    return [Inquiry(host=HOST, credential=credential) for credential in made]


async def at_once(works: Iterable[Callable[[], Awaitable[None]]]) -> float:
    """Do all of `works`, AT_ONCE at a time; how many a second."""
    waiting = iter(list(works))
    done = 0

    async def worker() -> None:
        nonlocal done
        for work in waiting:
            await work()
            done += 1

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return done / (time.perf_counter() - started)


async def probe_round(app: App, asked: Sequence[Inquiry]) -> float:
    """Probes a second. Every one must be valid by exactly one request, or the comparison is none."""

    def work(inquiry: Inquiry) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            probed = await app.probe.ask(inquiry)
            assert (probed.verdict.outcome, len(probed.evidence.exchanges)) == (Outcome.VALID, 1), probed.verdict

        return ask

    return await at_once(work(inquiry) for inquiry in asked)


async def bare_round(session: aiohttp.ClientSession, url: str, headers: Sequence[dict[str, str]]) -> float:
    """The same logins by nothing but aiohttp."""

    def work(fields: dict[str, str]) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            async with session.get(url, headers=fields, allow_redirects=False) as response:
                assert response.status == 200
                await response.read()

        return ask

    return await at_once(work(fields) for _ in range(BARE_TIMES) for fields in headers)


async def measure(*, keys: int = KEYS, rounds: int = ROUNDS, around: Callable[[], Any] | None = None) -> Measured:
    """Alternating rounds, after one of each that is not counted. `around()` is a context manager laid over each probing round."""
    with tempfile.TemporaryDirectory(prefix="validator-bench-") as folder:
        async with server(keys) as (said, secrets), open_app(opened(Path(folder), said)) as app, aiohttp.ClientSession() as session:
            asked = inquiries(secrets)
            first = await app.probe.ask(asked[0])  # makes the challenge and the control known
            url = next(exchange.url for exchange in first.evidence.exchanges if exchange.step.value == "login")
            headers = [{"Authorization": aiohttp.encode_basic_auth(USERNAME, secret)} for secret in secrets]
            await bare_round(session, url, headers)
            await probe_round(app, asked)
            probes, bare = [], []
            end = time.monotonic() + LIMIT_S
            for done in range(rounds):
                if done and time.monotonic() > end:
                    break
                bare.append(await bare_round(session, url, headers))
                if around is None:
                    probes.append(await probe_round(app, asked))
                    continue
                with around():
                    probes.append(await probe_round(app, asked))
    return Measured(tuple(probes), tuple(bare))


def shown(measured: Measured) -> tuple[list[str], dict[str, float | int]]:
    """A table for people, and the figures."""
    rows = {"probes a second": measured.probes, "bare requests a second": measured.bare, "ratio": measured.ratios}
    lines = [f"{'one login a probe, ' + str(AT_ONCE) + ' at once':<30}{'min':>10}{'median':>10}{'max':>10}"]
    for name, values in rows.items():
        digits = 3 if name == "ratio" else 0
        lines.append(f"{name:<30}" + "".join(f"{value:>10.{digits}f}" for value in (min(values), statistics.median(values), max(values))))
    ratios = measured.ratios
    figures: dict[str, float | int] = {
        "ratio": round(statistics.median(ratios), 4),
        "ratio_min": round(min(ratios), 4),
        "ratio_max": round(max(ratios), 4),
        "probes_per_s": round(statistics.median(measured.probes), 1),
        "bare_per_s": round(statistics.median(measured.bare), 1),
        "rounds": len(ratios),
    }
    return lines, figures
