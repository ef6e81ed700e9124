"""How long a pre-flight takes, and what it sends: cold, warm, asked by a thousand at once, with a registry that hangs.

The registries have a process of their own, which adds the delay and counts. registries/README.md 6.3 says what a cold image costs.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
from pydantic import SecretStr

from tests.bench.registries import USERNAME
from validator.app import open_app
from validator.config import Pace, RegistrySettings, Settings
from validator.config.base import HostName
from validator.credential import Credential, parse_scope
from validator.preflight import Preflight, Wanted, foretelling_text_json

REGISTRIES: Final = 4
IMAGES: Final = 50
DELAY_MS: Final = 20
"""Before a request is read, and before it is answered: so each costs 40 ms."""
OVERHEAD_MS: Final = 150
DEADLINE_S: Final = 10.0
READY: Final = '{"outcome": "ready"'
"""How a good answer begins."""

AT_ONCE: Final = 100
"""Requests in flight where nothing may be left over."""

PACE: Final[dict[str, Any]] = {"per_second": 1000, "burst": 1000, "in_flight": 64, "refused": {60: 100}}
"""Wide open: what is measured is the program, not the patience that a real registry is owed."""


@dataclass(frozen=True, slots=True)
class Site:
    """The registries, the last of them only to warm up with; and what they say of themselves."""

    hosts: tuple[str, ...]
    secrets: tuple[str, ...]
    control: int
    session: aiohttp.ClientSession
    pace: Mapping[str, Any]

    async def tell(self, path: str) -> dict[str, Any]:
        """Ask the control port."""
        async with self.session.get(f"http://127.0.0.1:{self.control}{path}") as answer:
            said: dict[str, Any] = await answer.json()
            return said

    def images(self, number: int = IMAGES, *, tag: str = "1") -> list[str]:
        """So many, over all registries but the last."""
        return [f"{self.hosts[at % REGISTRIES]}/team/app{at}:{tag}" for at in range(number)]

    def credentials(self) -> list[Credential]:
        """One for each registry."""
        pairs = zip(self.hosts, self.secrets, strict=True)
        return [
            Credential(user="bench", name=f"key-{at}", scope=parse_scope(host), username=USERNAME, secret=SecretStr(secret), written=host)
            for at, (host, secret) in enumerate(pairs)
        ]  # fmt: skip

    def settings(self, folder: Path) -> Settings:
        """With a new store in `folder`."""
        pace = Pace(**self.pace)
        said = {HostName(host): RegistrySettings(plain_http=True, allow_private=True, realm_hosts=(host,), pace=pace) for host in self.hosts}
        return Settings(store=SecretStr(f"sqlite:///{folder / 'bench.db'}"), key_file=folder / "bench.key", registries=said)


@asynccontextmanager
async def site(pace: Mapping[str, Any]) -> AsyncIterator[Site]:
    """The registries in a process of their own, to be asked at this pace; an empty one is the provider's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.registries", str(REGISTRIES + 1), str(DELAY_MS), stdin=PIPE, stdout=PIPE
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        hosts, secrets = (tuple(one[name] for one in said["registries"]) for name in ("host", "secret"))
        async with aiohttp.ClientSession() as session:
            yield Site(hosts, secrets, said["control"], session, pace)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


class Asked(Protocol):
    """What answers: the contract's JSON for a list of images."""

    async def ask(self, images: Sequence[str], deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """One request."""
        ...

    def again(self, images: Sequence[str]) -> Callable[[], Awaitable[bool]]:
        """The same request, ready to be sent many times with little work of the sender's: True if all was `ready`."""
        ...

    def cpu_ms(self) -> float:
        """How long its process has worked, all in all."""
        ...

    def open_files(self) -> int:
        """How many files and sockets its process holds."""
        ...


Opener = Callable[["Site"], AbstractAsyncContextManager[Asked]]
"""Opens what answers, and has never asked anything of the four registries."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """A pre-flight without the service around it."""

    preflight: Preflight
    held: tuple[Credential, ...]

    async def ask(self, images: Sequence[str], deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(await self._told(images, deadline_s))
        return shown

    def again(self, images: Sequence[str]) -> Callable[[], Awaitable[bool]]:
        async def send() -> bool:
            return (await self._told(images, DEADLINE_S)).startswith(READY)

        return send

    async def _told(self, images: Sequence[str], deadline_s: float) -> str:
        started = time.perf_counter()
        told = await self.preflight.foretell([Wanted(image=image) for image in images], self.held, deadline_s=deadline_s)
        return foretelling_text_json(told, (time.perf_counter() - started) * 1000)

    def cpu_ms(self) -> float:
        return time.process_time() * 1000

    def open_files(self) -> int:
        return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def in_process(of: Site) -> AsyncIterator[Asked]:
    """A pre-flight that has never asked anything, its code loaded by one question to the registry that is left over."""
    with tempfile.TemporaryDirectory(prefix="validator-bench-") as folder:
        async with open_app(of.settings(Path(folder))) as app, Preflight(app.probe, makes_controls=False) as preflight:
            asked = InProcess(preflight, tuple(of.credentials()))
            await asked.ask([f"{of.hosts[-1]}/warm/up:1"])
            yield asked


def outcomes(shown: dict[str, Any]) -> dict[str, int]:
    """How many images have each `outcome (reason)`."""
    said = [f"{one['outcome']} ({one['reason']})" for one in shown["images"]]
    return {one: said.count(one) for one in sorted(set(said))}


@dataclass(frozen=True, slots=True)
class Cold:
    """One request of fifty images that nothing was known of."""

    ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]
    depth: int
    requests: int

    @property
    def bound_ms(self) -> float:
        """D round trips, and what the program may take."""
        return self.depth * 2 * DELAY_MS + OVERHEAD_MS


@dataclass(slots=True)
class Colds:
    """Cold requests as they are made, each of another service."""

    of: Site
    ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, asked: Asked) -> None:
        """The first request of a service."""
        await self.of.tell("/reset")
        started, worked = time.perf_counter(), asked.cpu_ms()
        shown = await asked.ask(self.of.images())
        self.ms.append((time.perf_counter() - started) * 1000)
        self.cpu_ms.append(asked.cpu_ms() - worked)
        self.counts.append(await self.of.tell("/counts"))
        assert outcomes(shown) == {"pullable (pull_ok)": IMAGES}, outcomes(shown)

    def all(self) -> Cold:
        """What they came to."""
        depth, requests = (max(one[name] for one in self.counts) for name in ("depth", "requests"))
        return Cold(tuple(self.ms), tuple(self.cpu_ms), depth, requests)


@dataclass(frozen=True, slots=True)
class Warm:
    """Requests at a fixed rate, each timed from when it was due, not from when it was sent."""

    ms: tuple[float, ...]
    errors: int
    seconds: float
    requests: int
    """That reached a registry."""

    @property
    def rps(self) -> float:
        return len(self.ms) / self.seconds

    def percentile(self, part: float) -> float:
        """The time that this part of the requests is below."""
        ordered = sorted(self.ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def warm(of: Site, asked: Asked, rps: int, seconds: float) -> Warm:
    """The same fifty images again and again, at `rps` requests a second."""
    await asked.ask(of.images())
    await of.tell("/reset")
    loop, times, errors = asyncio.get_running_loop(), [], 0
    number, send = round(rps * seconds), asked.again(of.images())

    async def one(due: float) -> None:
        nonlocal errors
        try:
            errors += not await send()
        except (aiohttp.ClientError, TimeoutError):
            errors += 1
        times.append((loop.time() - due) * 1000)

    started = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for at in range(number):
            due = started + at / rps
            await asyncio.sleep(max(0.0, due - loop.time()))
            tasks.create_task(one(due))
    took = loop.time() - started
    return Warm(tuple(times), errors, max(took, number / rps), (await of.tell("/counts"))["requests"])


@dataclass(frozen=True, slots=True)
class Identical:
    """Many that ask the same at once, and nothing was known."""

    asked: int
    conversations: int
    ms: float


async def identical(of: Site, asked: Asked, number: int) -> Identical:
    """How often the registry was asked for the one image that all of them name."""
    await of.tell("/reset")
    image = of.images(1, tag="identical")
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        answers = [tasks.create_task(asked.ask(image)) for _ in range(number)]
    ms = (time.perf_counter() - started) * 1000
    assert {answer.result()["outcome"] for answer in answers} == {"ready"}
    counts = await of.tell("/counts")
    steps = counts["steps"][image[0].partition("/")[2].partition(":")[0]]  # a token and a manifest are one conversation
    return Identical(number, steps // 2, ms)


@dataclass(frozen=True, slots=True)
class Hanging:
    """One of four registries says nothing."""

    ms: float
    deadline_ms: float
    said: dict[str, int]


async def hanging(of: Site, asked: Asked, deadline_s: float) -> Hanging:
    """One image at each registry, the first of which hangs."""
    await of.tell("/hang?0")
    started = time.perf_counter()
    try:
        shown = await asked.ask(of.images(REGISTRIES, tag="hanging"), deadline_s)
    finally:
        ms = (time.perf_counter() - started) * 1000
        await of.tell("/well")
    return Hanging(ms, deadline_s * 1000, outcomes(shown))


@dataclass(frozen=True, slots=True)
class Left:
    """Tasks and open files before many requests and after; `tasks` only where the process is this one."""

    requests: int
    files: tuple[int, int]
    tasks: tuple[int, int] = (0, 0)


async def left_over(of: Site, asked: Asked, number: int, settles_s: float) -> Left:
    """Many requests: remembered ones, new ones, and such as are late at a registry that hangs. Idle connections have `settles_s` to end."""
    await asked.ask(of.images())
    files, tasks = asked.open_files(), len(asyncio.all_tasks())
    await of.tell("/hang?0")
    for first in range(0, number, AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for at in range(first, min(first + AT_ONCE, number)):
                fresh = [f"{of.hosts[0]}/late/{at}:1", f"{of.hosts[1]}/new/{at}:1"] if at % 10 == 0 else []
                group.create_task(asked.ask([*of.images(4)[1:], *fresh], 0.05))
    await of.tell("/well")
    ends = time.monotonic() + settles_s  # what is under way ends by itself
    while time.monotonic() < ends and (asked.open_files() > files or len(asyncio.all_tasks()) > tasks):
        await asyncio.sleep(0.2)
    return Left(number, (files, asked.open_files()), (tasks, len(asyncio.all_tasks())))


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
