"""A lot: one emulated registry, one ledger that remembers from conversation to conversation, and so many checks, most with a fault.

All of it follows from a seed and the lot's number. Time is made up but for the transport's own: every conversation is an hour or a day
after the one before, so that budgets and bans of one are over in the next, and what is left is what the program remembers.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import re
import shutil
import socket
import ssl
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from random import Random
from typing import Any, Final

import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import SecretStr

from tests.chaos.faults import Fault, Hostile, Injector, fault_of
from tests.chaos.laws import Seen, broken
from validator.config import RegistrySettings, Settings
from validator.config.base import HostName
from validator.credential import Credential, parse_scope
from validator.emulator import DockerHub, Ghcr, Gitlab, Ngc
from validator.emulator.base import Emulated, Planted
from validator.emulator.plain import GITEA, HARBOR, HTPASSWD, NEXUS, ZOT, Plain
from validator.emulator.quay import Quay
from validator.evidence import Asker
from validator.ledger import open_embedded
from validator.probe import Inquiry, Probe
from validator.protocol.manifest import Platform
from validator.protocol.reference import parse_reference
from validator.registry.base import Network
from validator.registry.transport import AiohttpTransport
from validator.registry.transport.addresses import AddressInfo

CHECKS: Final = 50
TOTAL_S: Final = 1.0
CONNECT_S: Final = 0.8
GRACE_S: Final = 2.0
"""So long what a check began may go on after it."""
WIDE: Final = {"per_second": 1000, "burst": 1000, "in_flight": 1, "repeat_after_s": 3}
STRANGER, PUBLIC = "stranger.test", "93.184.216.34"
AMD64: Final = Platform(os="linux", architecture="amd64")

WORLDS: Final[dict[str, Callable[..., Emulated]]] = {
    "ngc": Ngc,
    "dockerhub": DockerHub,
    "ghcr": Ghcr,
    "gitlab": Gitlab,
    "quay": Quay,
    "bearer": Plain,
    "basic": lambda **given: Plain(HTPASSWD, **given),
    "harbor": lambda **given: Plain(HARBOR, **given),
    "gitea": lambda **given: Plain(replace(GITEA, basic_too=True), **given),  # who offers Basic beside Bearer looks at it
    "nexus": lambda **given: Plain(NEXUS, **given),
    "zot": lambda **given: Plain(ZOT, **given),
}
IMAGES: Final[dict[str, tuple[str, ...]]] = {
    "ngc": ("acme/app:1.0", "nvidia/cuda:latest"),
    "dockerhub": ("ada/private", "library/alpine"),
    "ghcr": ("octo/app:1", "octo/public:1"),
    "gitlab": ("group/private:1", "group/public:1"),
}
"""Private and public ones; the others have those of `Plain`."""
PLAIN_IMAGES: Final = ("team/app:1", "team/public:1", "other/private:1", "team/app:arm64-only")

_OURS: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("_OURS", default="")


@dataclass
class Clock:
    """Made-up time; whoever sleeps moves it."""

    at: datetime = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    ticks: float = 1000.0

    def __call__(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds


@dataclass
class Tasks:
    """A loop's task factory that knows which tasks came from the program's side of which lot."""

    made: dict[str, set[asyncio.Task[Any]]] = field(default_factory=lambda: defaultdict(set))

    def __call__(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **given: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **given)
        context = given.get("context")
        whose = _OURS.get() if context is None else context.get(_OURS, "")
        if whose:
            self.made[whose].add(task)
            task.add_done_callback(self.made[whose].discard)
        return task

    def of(self, whose: str) -> set[asyncio.Task[Any]]:
        """Those that go on."""
        return {task for task in self.made.get(whose, ()) if not task.done()}


class Names(AbstractResolver):
    """No name has an address, but a stranger's has a public one: what else is asked here are addresses of this machine."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        if host != STRANGER:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [ResolveResult(hostname=host, host=PUBLIC, port=port, family=socket.AF_INET, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST)]

    async def close(self) -> None:
        """Nothing is open."""


class _Led(socket.socket):
    """A socket to the stranger's public address: it is led to his port here."""

    port: int

    def connect(self, address: Any) -> None:
        super().connect(("127.0.0.1", self.port))


@dataclass
class Sockets:
    """Makes the transport's sockets, knows which are open, and lets none leave this machine."""

    stranger: int = 0
    made: list[socket.socket] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def __call__(self, info: AddressInfo) -> socket.socket:
        address = str(info[4][0])
        if address == PUBLIC:
            led = _Led(info[0], info[1], info[2])
            led.port = self.stranger
            return self._kept(led)
        if not address.startswith("127."):
            self.outside.append(address)
            raise ConnectionRefusedError(111, "Connection refused")
        return self._kept(socket.socket(info[0], info[1], info[2]))

    def _kept(self, one: socket.socket) -> socket.socket:
        self.made = [*(other for other in self.made if other.fileno() >= 0), one]
        return one

    def open(self) -> int:
        return sum(one.fileno() >= 0 for one in self.made)


@dataclass
class Stranger:
    """A server that is nobody's registry; `heard` is all that it was sent."""

    heard: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        said = [f"{name}: {value}" for name, value in request.headers.items()]
        self.heard.append("\n".join([f"{request.method} {request.path_qs}", *said, (await request.read()).decode("utf-8", "replace")]))
        return web.json_response({"token": "a-token-of-a-stranger", "expires_in": 300})


@dataclass
class Count:
    """What came of some checks; `faults` are (words, where: lot and check)."""

    checks: int = 0
    hit: int = 0
    requests: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def add(self, other: Count) -> None:
        """Count another's too."""
        self.checks += other.checks
        self.hit += other.hit
        self.requests += other.requests
        self.kinds += other.kinds
        self.outcomes += other.outcomes
        self.faults += other.faults


@cache
def authorities() -> tuple[trustme.CA, Path, dict[str, ssl.SSLContext], ssl.SSLContext]:
    """Whom this run trusts, where that is written, the servers' TLS that must not be believed, and the good one."""
    authority, folder = trustme.CA(), Path(tempfile.mkdtemp(prefix="validator-chaos-"))
    Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=10)  # also where a pool ends its processes
    authority.cert_pem.write_to_path(folder / "ca.pem")
    past = datetime.now(UTC) - timedelta(days=1)

    def server(issuer: trustme.CA, *names: str, **dates: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        issuer.issue_cert(*names, **dates).configure_cert(context)
        return context

    bad = {
        "expired": server(authority, "127.0.0.1", not_before=past - timedelta(days=9), not_after=past),
        "another's name": server(authority, "other.test"),
        "an unknown authority": server(trustme.CA(), "127.0.0.1"),
    }
    return authority, folder, bad, server(authority, "127.0.0.1", STRANGER)


@cache
def empty_store() -> Path:
    """A folder with a new database and its key, to be copied: the revisions cost more than a lot does."""
    folder = authorities()[1] / "empty"

    async def make() -> None:
        async with open_embedded(folder / "validator.db", folder / "master.key"):
            pass

    asyncio.run(make())
    return folder


@dataclass(frozen=True, kw_only=True)
class Check:
    """One conversation to be held."""

    number: int
    planted: Planted
    secret: str
    image: str
    platform: bool
    asker: Asker
    fault: Fault | None
    fresh: bool
    later_s: float


def check_of(random: Random, number: int, planted: tuple[Planted, ...], images: tuple[str, ...]) -> Check:
    """Any credential of the world, at times a wrong secret of its user; with or without an image."""
    one = random.choice(planted)
    wrong = random.random() < 0.15
    secret = one.secret[:-4] + ("Zzzz" if not one.secret.endswith("Zzzz") else "Yyyy") if wrong else one.secret
    return Check(
        number=number, planted=one, secret=secret, image=random.choice(images) if random.random() < 0.6 else "", platform=random.random() < 0.3,
        asker=random.choice(tuple(Asker)), fault=fault_of(random) if random.random() < 0.95 else None, fresh=random.random() < 0.3,
        later_s=random.choice((3600, 3600, 90_000)),
    )  # fmt: skip


@dataclass
class Lot:
    """One lot, opened; see the module."""

    name: str
    emulated: Emulated
    injector: Injector
    stranger: Stranger
    sockets: Sockets
    transport: AiohttpTransport
    probe: Probe
    clock: Clock
    tasks: Tasks
    whose: str
    host: str
    count: Count = field(default_factory=Count)

    async def hold(self, check: Check) -> list[str]:
        """One conversation, and the laws that it broke."""
        self.clock.pass_by(check.later_s)
        before = len(self.emulated.requests)
        self.injector.begin(check.fault, fresh=check.fresh, secret=check.secret)
        self.stranger.heard.clear()
        self.sockets.outside.clear()
        alive = self.tasks.of(self.whose)
        repository = check.image.rpartition(":")[0] if ":" in check.image else check.image
        true = [self.emulated.truth(check.planted.username, check.secret, repository or None)]
        credential = Credential(
            user="chaos", name="key", scope=parse_scope(self.host), username=check.planted.username, secret=SecretStr(check.secret)
        )
        image = parse_reference(f"{self.host}/{check.image}") if check.image else None
        inquiry = Inquiry(
            host=credential.scope.host, credential=credential, image=image, platform=AMD64 if image and check.platform else None, asker=check.asker
        )
        async with asyncio.timeout(60):
            probed = await self.probe.ask(inquiry)
        true.append(self.emulated.truth(check.planted.username, check.secret, repository or None))
        await self.probe.ledger.flush()
        left = self.tasks.of(self.whose) - alive
        for _ in range(int(GRACE_S / 0.01)):  # what is written behind is its ledger's to end
            if not (left := self.tasks.of(self.whose) - alive):
                break
            await asyncio.sleep(0.01)
        self.count.checks += 1
        self.count.hit += self.injector.hits > 0
        self.count.requests += len(probed.evidence.exchanges)
        self.count.outcomes[f"{probed.verdict.outcome} ({probed.verdict.reason})"] += 1
        if check.fault is not None and self.injector.hits:
            self.count.kinds[check.fault.kind] += 1
        listed = json.dumps(self.emulated.settings())
        astray = [
            one for one in self.emulated.requests[before:]
            if one.authorization != "none" and self.emulated.listeners[one.listener].authority not in listed
        ]  # fmt: skip
        return broken(Seen(
            probed=probed, host=self.host, secret=check.secret, username=check.planted.username, truths=tuple(true), fault=check.fault,
            hits=self.injector.hits, heard=tuple(self.stranger.heard), outside=tuple(self.sockets.outside), astray=len(astray), tasks=len(left),
            held=len(self.transport._session.connector._acquired) if self.transport._session and self.transport._session.connector else 0,
        ))  # fmt: skip


@asynccontextmanager
async def opened(seed: int, number: int, tasks: Tasks) -> AsyncIterator[Lot]:
    """The lot `number` of this seed."""
    random = Random(f"{seed} {number}")
    name = random.choice(tuple(WORLDS))
    clock, stranger, sockets = Clock(), Stranger(), Sockets()
    _, folder, bad, good = authorities()
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="validator-chaos-")))
        emulated = WORLDS[name](clock=clock, seed=f"{seed} {number}")
        server = web.Server(stranger.answer, access_log=None)
        loop = asyncio.get_running_loop()
        outside = contextvars.Context()

        async def start() -> None:
            listening = await loop.create_server(server, "127.0.0.1", 0, ssl=good)
            stack.callback(listening.close)
            sockets.stranger = listening.sockets[0].getsockname()[1]
            await emulated.start(ssl=good)

        injector = Injector(Hostile(f"https://{STRANGER}", bad))
        for listener in emulated.listeners.values():
            injector.stand_in(listener)
        await loop.create_task(start(), context=outside)
        stack.push_async_callback(server.shutdown, 0.05)
        stack.push_async_callback(emulated.stop)
        settings = Settings(registries={
            HostName(host): RegistrySettings(**{**said, "pace": WIDE}) for host, said in emulated.settings().items()
        })  # fmt: skip
        token = _OURS.set(f"{seed} {number}")
        stack.callback(lambda: _OURS.reset(token))
        for file in empty_store().glob("*"):
            shutil.copy(file, home / file.name)
        embedded = await stack.enter_async_context(open_embedded(home / "validator.db", home / "master.key"))
        network = Network(connect_s=CONNECT_S, total_s=TOTAL_S, ca_file=folder / "ca.pem")  # for all: no other gate keeps a secret from a stranger
        transport = await stack.enter_async_context(AiohttpTransport(network, resolver=Names(), socket_factory=sockets))
        probe = Probe(
            transport=transport, ledger=embedded.ledger, fingerprinter=embedded.keys.fingerprinter, settings=settings, now=lambda: clock.at,
            monotonic=lambda: clock.ticks, sleep=clock.sleep, random=Random(f"{seed} {number} controls"),
        )  # fmt: skip
        await stack.enter_async_context(embedded.ledger.behind())
        yield Lot(name, emulated, injector, stranger, sockets, transport, probe, clock, tasks, f"{seed} {number}", next(iter(emulated.settings())))


async def lot(seed: int, number: int, tasks: Tasks, checks: int = CHECKS) -> Count:
    """Hold a lot's checks, one after another."""
    random = Random(f"{seed} {number} checks")
    async with opened(seed, number, tasks) as one:
        planted = one.emulated.planted()
        images = IMAGES.get(one.name, PLAIN_IMAGES)
        for each in range(checks):
            check = check_of(random, each, planted, images)
            where = {"seed": seed, "lot": number, "check": each, "world": one.name, "planted": check.planted.name, "fault": _shown(check.fault)}
            try:
                words = await one.hold(check)
            except Exception as error:
                words = [f"exception: {type(error).__name__}: {re.sub(re.escape(check.secret), '***', str(error))[:300]}"]
            if words:
                one.count.faults.append(("; ".join(words), {**where, "image": check.image, "asker": check.asker.value}))
        sockets = one.sockets
    for _ in range(20):  # TLS says goodbye in a moment
        if not sockets.open():
            break
        await asyncio.sleep(0.02)
    if sockets.open():
        one.count.faults.append((f"sockets: {sockets.open()} are open when all is closed", {"seed": seed, "lot": number}))
    return one.count


def _shown(fault: Fault | None) -> dict[str, Any] | None:
    return None if fault is None else {"kind": fault.kind.value, "name": fault.name, "place": fault.place, "lasts": fault.lasts}


async def lots(seed: int, numbers: range, *, at_once: int, checks: int = CHECKS) -> Count:
    """These lots, several side by side."""
    tasks, total = Tasks(), Count()
    asyncio.get_running_loop().set_task_factory(tasks)
    waiting = iter(numbers)

    async def worker() -> None:
        for number in waiting:
            total.add(await asyncio.get_running_loop().create_task(lot(seed, number, tasks, checks), context=contextvars.copy_context()))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    left = [task for whose in tasks.made for task in tasks.of(whose)]
    if left:
        total.faults.append((f"tasks: {len(left)} go on when all is over", {"seed": seed, "lots": [numbers.start, numbers.stop]}))
    return total
