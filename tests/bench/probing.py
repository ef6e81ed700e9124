"""How much the probe adds to the bare request: both send the same requests to the same servers, in alternating rounds.

Warm is the steady state of a sweep: the challenge is cached, the control fresh, facts are read many at once, what is learnt is
written behind, so that a probe is one request (registries/README.md 6.3). Cold is the first look at a host by a ledger that
knows nothing: ping, login, control. The servers have processes of their own; the pace is wide open; every key is another one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from tests.bench.registries import USERNAME as COLD_USERNAME
from validator.app import App, open_app
from validator.config import RegistrySettings, Settings
from validator.config.base import HostName
from validator.credential import Credential, Host, RegistryScope
from validator.evidence import Asker
from validator.probe import Inquiry
from validator.verdict import Outcome

HOST: Final = Host("nvcr.io")
USERNAME: Final = "$oauthtoken"
KEYS: Final = 2500
"""More than a lane remembers as accepted a short while ago: a sweep meets none of them twice in a night."""
A_ROUND: Final = 250
HOSTS: Final = 16
ROUNDS: Final = 9
AT_ONCE: Final = 8
LIMIT_S: Final = 60.0
"""No round begins after so many seconds; at least one is always made."""
WIDE_OPEN: Final = {"per_second": 1000, "burst": 10_000, "in_flight": AT_ONCE, "challenge_fresh_s": 86_400, "refused": {60: 10_000}}


@dataclass(frozen=True, slots=True)
class Rate:
    """How many a second, and what each cost this process, in microseconds of its CPU."""

    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Rates of every round: round `n` of one follows round `n` of the other. `requests`: of one probe, and of one of the bare."""

    probes: tuple[Rate, ...]
    bare: tuple[Rate, ...]
    requests: int

    @property
    def ratios(self) -> tuple[float, ...]:
        """Probes to what could be had by nothing but their requests."""
        return tuple(probe.per_s / bare.per_s for probe, bare in zip(self.probes, self.bare, strict=True))


@dataclass(frozen=True, slots=True)
class Measured:
    """Both states."""

    warm: Compared
    cold: Compared


@asynccontextmanager
async def program(module: str, *words: str) -> AsyncIterator[dict[str, Any]]:
    """A server in a process of its own, and the line of JSON that it prints."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *words, stdin=PIPE, stdout=PIPE, limit=2**22)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        yield said
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


def question(host: str, username: str, secret: str) -> Inquiry:
    """As a sweep asks it."""
    scope = RegistryScope(Host(host), "")
    credential = Credential(user="bench", name="", scope=scope, username=username, secret=SecretStr(secret), written=host)
    return Inquiry(host=scope.host, credential=credential, asker=Asker.SWEEP)


async def at_once(works: Iterable[Callable[[], Awaitable[None]]], width: int = AT_ONCE) -> Rate:
    """Do all of `works`, `width` at a time."""
    waiting = iter(list(works))
    done = 0

    async def worker() -> None:
        nonlocal done
        for work in waiting:
            await work()
            done += 1

    started, worked = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(worker())
    return Rate(done / (time.perf_counter() - started), (time.process_time() - worked) / done * 1e6)


async def probe_round(app: App, asked: Sequence[Inquiry], requests: int, width: int = AT_ONCE) -> Rate:
    """Every one must be valid by exactly so many requests, or the comparison is none."""
    for host in {inquiry.host for inquiry in asked}:
        prints = (
            app.probe.fingerprinter.of(host, one.credential.username, one.credential.secret) for one in asked if one.credential and one.host == host
        )
        app.probe.expect(host, prints)

    def work(inquiry: Inquiry) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            probed = await app.probe.ask(inquiry)
            assert (probed.verdict.outcome, len(probed.evidence.exchanges)) == (Outcome.VALID, requests), probed.verdict

        return ask

    return await at_once((work(inquiry) for inquiry in asked), width)


async def bare_round(
    session: aiohttp.ClientSession, sent: Iterable[Sequence[tuple[str, dict[str, str], int]]], width: int = AT_ONCE
) -> Rate:  # fmt: skip
    """The same requests by nothing but aiohttp: for each probe its own, one after another (URL, fields, the status that is expected)."""

    def work(requests: Sequence[tuple[str, dict[str, str], int]]) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            for url, fields, status in requests:
                async with session.get(url, headers=fields, allow_redirects=False) as response:
                    assert response.status == status
                    await response.read()

        return ask

    return await at_once((work(requests) for requests in sent), width)


async def warm(keys: int, rounds: int, around: Callable[[], Any] | None) -> Compared:
    """Alternating rounds, after one of each that is not counted."""
    with tempfile.TemporaryDirectory(prefix="validator-bench-") as folder:
        async with (
            program("tests.bench.server", str(keys)) as said, open_app(opened(Path(folder), said["settings"])) as app, aiohttp.ClientSession() as session,
        ):  # fmt: skip
            secrets = said["secrets"]
            first = await app.probe.ask(question(HOST, USERNAME, secrets[0]))  # makes the challenge and the control known
            url = next(exchange.url for exchange in first.evidence.exchanges if exchange.step.value == "login")
            turn = cycle(secrets)
            probes, bare = [], []
            end = time.monotonic() + LIMIT_S
            for done in range(rounds + 1):
                if done > 1 and time.monotonic() > end:
                    break
                some = list(islice(turn, min(A_ROUND, keys)))
                fields = [{"Authorization": aiohttp.encode_basic_auth(USERNAME, secret)} for secret in some]
                bare.append(await bare_round(session, ([(url, one, 200)] for one in fields)))
                asked = [question(HOST, USERNAME, secret) for secret in some]
                if around is None or not done:
                    probes.append(await probe_round(app, asked, 1))
                    continue
                with around():
                    probes.append(await probe_round(app, asked, 1))
    return Compared(tuple(probes[1:]), tuple(bare[1:]), 1)


async def cold(hosts: int, rounds: int) -> Compared:
    """Each round by a ledger of its own, all hosts at once; then the same three requests for each."""
    probes, bare = [], []
    async with program("tests.bench.registries", str(hosts + 1), "0") as said, aiohttp.ClientSession() as session:
        registries = [(one["host"], one["secret"]) for one in said["registries"]]
        settings = {host: {"plain_http": True, "allow_private": True, "realm_hosts": (host,)} for host, _ in registries}
        unknown = "Basic " + base64.b64encode(f"{COLD_USERNAME}:nobody-knows-it".encode()).decode()
        end = time.monotonic() + LIMIT_S
        for done in range(rounds):
            if done and time.monotonic() > end:
                break
            with tempfile.TemporaryDirectory(prefix="validator-bench-") as folder:
                async with open_app(opened(Path(folder), settings)) as app:
                    asked = [question(host, COLD_USERNAME, secret) for host, secret in registries]
                    await probe_round(app, asked[-1:], 3)  # its code is loaded
                    probes.append(await probe_round(app, asked[:-1], 3, hosts))
            sent = [
                [
                    (f"http://{host}/v2/", {}, 401),
                    (f"http://{host}/token?service=bench", {"Authorization": aiohttp.encode_basic_auth(COLD_USERNAME, secret)}, 200),
                    (f"http://{host}/token?service=bench", {"Authorization": unknown}, 401),
                ]
                for host, secret in registries[:-1]
            ]
            bare.append(await bare_round(session, sent, hosts))
    return Compared(tuple(probes), tuple(bare), 3)


async def measure(*, keys: int = KEYS, rounds: int = ROUNDS, hosts: int = HOSTS, around: Callable[[], Any] | None = None) -> Measured:
    """Warm, then cold. `around()` is a context manager laid over each warm probing round."""
    return Measured(await warm(keys, rounds, around), await cold(hosts, rounds))


def shown(measured: Measured) -> tuple[list[str], dict[str, float | int]]:
    """A table for people, and the figures."""
    lines, figures = [], dict[str, float | int]()
    for state, of in (("warm", measured.warm), ("cold", measured.cold)):
        many = f"{of.requests} request{'s' if of.requests > 1 else ''}"
        rows = {
            "probes a second": [one.per_s for one in of.probes],
            f"bare, {many} each, a second": [one.per_s for one in of.bare],
            "ratio": of.ratios,
            "CPU of a probe, us": [one.cpu_us for one in of.probes],
            f"CPU of the bare {many}, us": [one.cpu_us for one in of.bare],
        }
        lines.append(f"{state + ': ' + many + ' a probe':<36}{'min':>10}{'median':>10}{'max':>10}")
        for name, values in rows.items():
            digits = 3 if name == "ratio" else 0
            lines.append(f"{name:<36}" + "".join(f"{value:>10.{digits}f}" for value in (min(values), statistics.median(values), max(values))))
        prefix = "" if state == "warm" else "cold_"
        figures |= {
            f"{prefix}ratio": round(statistics.median(of.ratios), 4),
            f"{prefix}ratio_min": round(min(of.ratios), 4),
            f"{prefix}ratio_max": round(max(of.ratios), 4),
            f"{prefix}probes_per_s": round(statistics.median(one.per_s for one in of.probes), 1),
            f"{prefix}bare_per_s": round(statistics.median(one.per_s for one in of.bare), 1),
            f"{prefix}cpu_us": round(min(one.cpu_us for one in of.probes), 1),
            f"{prefix}bare_cpu_us": round(min(one.cpu_us for one in of.bare), 1),
        }
    return lines, figures | {"rounds": len(measured.warm.probes)}
