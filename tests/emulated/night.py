"""A store, a ledger and the real probe over a registry that plays a script, on a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from pydantic import SecretStr

from tests.cases.rows import Row as Case
from validator.config import Settings
from validator.credential import Credential, parse_scope
from validator.evidence import Failure
from validator.ledger import Embedded, Ledger, open_embedded
from validator.ledger.plans import Phase, PlanRow
from validator.ledger.statuses import standing_of
from validator.notifiers.base import Alert, Channel, Handed, Letter, Outcome
from validator.probe import Inquiry, Probe
from validator.registry.base import Answer, NetworkFault, Request
from validator.status import Standing, Transition
from validator.stores.sqlite import SqliteStore
from validator.sweep import Report, Sweep
from validator.sweep.shown import report_json
from validator.telling import Channels, Letters, Teller, channels_of

HOST = "reg.test"
QUICK = {"per_second": 1000, "burst": 1000}
Said = int | Failure


@dataclass
class Clock:
    """Wall and monotonic time; `sleep` is all that moves them."""

    wall: datetime = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    ticks: float = 1000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds


@dataclass
class World:
    """What every registry of the night answers. `logins`: a secret's answers in order, the last for ever; others are refused.

    `pulls` are HEADs' answers by secret, `anonymous` a token request without a secret. `seen` lists "HOST STEP who", and
    `on` is called for each with it, before it is answered.
    """

    logins: dict[str, list[Said]] = field(default_factory=dict)
    pulls: dict[str, list[Said]] = field(default_factory=lambda: {"nobody": [401]})
    anonymous: list[Said] = field(default_factory=lambda: [200])
    anyone: bool = False
    """Every secret is accepted, made-up ones, too."""
    waits: frozenset[int] = frozenset({429})
    """Statuses of a login that come with a `Retry-After` of ten minutes."""
    seen: list[str] = field(default_factory=list)
    on: Callable[[str], Any] | None = None

    async def send(self, request: Request) -> Answer:
        """Implements `Transport`."""
        kind, _, value = next((s.get_secret_value() for s in request.secret_headers.values()), "").partition(" ")
        secret = base64.b64decode(value).decode().partition(":")[2] if kind == "Basic" else value.removeprefix("token-of-")
        host = (request.url.host or "").removeprefix("auth.")
        who = secret if secret in self.logins else "nobody" if not kind else "control" if kind == "Basic" else secret
        step = "ping" if request.url.path == "/v2/" else "head" if "/manifests/" in request.url.path else "login"
        self.seen.append(f"{host} {step} {who}")
        if self.on is not None:
            made = self.on(self.seen[-1])
            if asyncio.iscoroutine(made):
                await made
        return self._answer(step, host, who, kind, secret)

    def _answer(self, step: str, host: str, who: str, kind: str, secret: str) -> Answer:
        if step == "ping":
            demand = f'Bearer realm="https://auth.{host}/token",service="{host}"'
            return answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}, ("www-authenticate", demand))
        if step == "head":
            said = taken(self.pulls.get(who, [200])) if kind else 401
            kind_of = ("content-type", "application/vnd.oci.image.manifest.v1+json")
            return answer(said, {}, kind_of) if said == 200 else answer(said, {"errors": [{"code": "DENIED", "message": "no"}]})
        said = taken(self.anonymous) if not kind else 200 if self.anyone else taken(self.logins.get(secret, [401]))
        body = {"token": f"token-of-{who}"} if said == 200 else {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}
        return answer(said, body, *([("retry-after", "600")] if said in self.waits else []))

    def count(self, what: str) -> int:
        """How many requests these words are in."""
        return sum(what in line for line in self.seen)


def taken(said: list[Said]) -> Said:
    return said.pop(0) if len(said) > 1 else said[0]


def answer(status: Said, body: object, *headers: tuple[str, str]) -> Answer:
    if isinstance(status, Failure):
        raise NetworkFault(status)
    given = headers if any(name == "content-type" for name, _ in headers) else (("content-type", "application/json"), *headers)
    return Answer(status=status, headers=given, body=json.dumps(body).encode(), encoding=None, ms=1.0)


@dataclass
class Told:
    """Implements `Channel`; keeps what it was handed: who, and a line for each credential; the kinds of alerts."""

    name: str = "told"
    digests: list[Digest] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def unreachable(self, user: str, address: str | None) -> str | None:
        return None

    async def send(self, letter: Letter) -> Outcome:
        if letter.user:
            self.digests.append(Digest(letter.user, [Line(**line) for line in letter.facts["credentials"]]))
        self.alerts += [Alert(one["kind"]) for one in letter.facts.get("alerts", ())]
        return Outcome(Handed.TAKEN)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Line:
    """One credential of a message."""

    name: str
    registry: str
    happened: str
    cause: str


@dataclass
class Digest:
    """One message to a user."""

    user: str
    lines: list[Line]


async def plan_of(ledger: Ledger, sweep: str) -> list[PlanRow]:
    """All of a sweep's plan, by user and name."""
    hosts = {host for host, _ in await ledger.plans.counts(sweep)}
    rows = [row for host in hosts async for page in ledger.plans.of_phase(sweep, host, *Phase) for row in page]
    return sorted(rows, key=lambda row: (row.user, row.name))


@dataclass
class Row:
    """What a sweep found of one credential, and what the ledger holds it for."""

    plan: PlanRow
    standing: Standing

    @property
    def verdict(self) -> str | None:
        return self.plan.verdict

    @property
    def reason(self) -> str | None:
        return self.plan.reason

    @property
    def level(self) -> str | None:
        return self.plan.level

    @property
    def transition(self) -> Transition:
        return Transition(self.plan.transition)

    @property
    def checked_at(self) -> datetime | None:
        return self.plan.checked_at


@dataclass
class Night:
    """Everything of one store; sweeps are held one after another."""

    opened: Embedded
    store: SqliteStore
    clock: Clock
    world: World
    told: Told
    settings: Settings
    probe: Probe
    report: Report | None = None
    shown: dict[str, Any] = field(default_factory=dict)
    sweeps: int = 0
    channels: Mapping[str, Channel] | None = None
    """The users', in place of `told`."""
    home: Path = Path()

    async def keep(
        self, user: str, name: str, secret: str, *answers: Said, registry: str = HOST, username: str = "jane", proof: str | None = None
    ) -> None:
        """Store a credential; `answers` are its logins' (none: what they were)."""
        if answers:
            self.world.logins[secret] = list(answers)
        one = Credential(user=user, name=name, scope=parse_scope(registry), username=username, secret=SecretStr(secret), written=registry)
        await self.store.put(one, proof=proof)

    def job(self, told: Callable[[Any], None] = lambda lane: None) -> Sweep:
        """A sweep that may be stopped."""
        self.sweeps += 1
        ledger = self.opened.ledger
        channels = Channels(self.channels or {"told": self.told}, {"told": self.told})
        teller = Teller(ledger, self.settings, channels, Letters(ledger, self.store, self.settings), lambda: self.clock.wall, self.clock.sleep)
        return Sweep(self.probe, ledger, self.store, teller, f"night {self.sweeps} in {ledger_name(self)}", told)

    async def sweep(self, *, after_h: float = 0.0, **options: Any) -> dict[str, Row]:
        """One sweep, `after_h` hours later; its rows by name. What was told is of this sweep alone."""
        self.clock.pass_by(after_h * 3600)
        self.told.digests.clear()
        self.told.alerts.clear()
        self.world.seen.clear()
        return await self.told_of(await self.job().run(**options))

    async def told_of(self, report: Report) -> dict[str, Row]:
        """A sweep's rows by name; `shown` is its JSON."""
        self.report, self.shown = report, await report_json(self.opened.ledger, report)
        rows = await plan_of(self.opened.ledger, report.sweep)
        statuses = {(row.key.user, row.name, row.key.row): row for row in await self.opened.ledger.statuses.all()}
        return {row.name: Row(row, standing_of(statuses.get((row.user, row.name, row.row))) or Standing()) for row in rows}

    @property
    def happened(self) -> list[tuple[str, str, str]]:
        """(user, name, what) of every line that users were told of."""
        return [(digest.user, line.name, line.happened) for digest in self.told.digests for line in digest.lines]

    def as_killed(self, home: Path) -> None:
        """What a `kill -9` now would leave on the disk, in `home`: a copy of the database and its key."""
        home.mkdir()
        with closing(sqlite3.connect(self.opened.database.path)) as origin, closing(sqlite3.connect(home / "validator.db")) as copy:
            origin.backup(copy)
        shutil.copy(self.opened.database.path.with_name("master.key"), home / "master.key")

    async def asked(self, name: str, user: str = "ada") -> Credential:
        """The stored credential."""
        found = await self.store.get(user, name)
        assert isinstance(found, Credential)
        return found

    async def ask(self, name: str, user: str = "ada") -> None:
        """Somebody else's probe of it, as a pre-flight or a check makes."""
        one = await self.asked(name, user)
        await self.probe.ask(Inquiry(host=one.scope.host, credential=one))


@asynccontextmanager
async def a_night(home: Path, **settings: Any) -> AsyncIterator[Night]:
    """A night whose registries are quick; `settings` are the sweep's, `notices` those, and `registries` over what each host has.

    `world` and `clock` are another night's, whose database lies in `home`; `ledger` is one that is open elsewhere.
    """
    registries = {
        host: {**said, "pace": {**QUICK, **said.get("pace", {})}} for host, said in {HOST: {}, "*": {}, **settings.pop("registries", {})}.items()
    }
    told, world, clock = settings.pop("notices", {}), settings.pop("world", None) or World(), settings.pop("clock", None) or Clock()
    elsewhere: Embedded | None = settings.pop("ledger", None)
    given = Settings.model_validate({"registries": registries, "notices": told, "sweep": {"fresh_s": 0, **settings}})
    async with open_embedded(home / "validator.db", home / "master.key") as opened:
        store = SqliteStore(opened.database, opened.keys.master)
        opened = elsewhere or opened
        probe = Probe(
            transport=world, ledger=opened.ledger, fingerprinter=opened.keys.fingerprinter, settings=given, now=lambda: clock.wall,
            monotonic=lambda: clock.ticks, sleep=clock.sleep, random=Random(1),
        )  # fmt: skip
        night = Night(opened, store, clock, world, Told(), given, probe, home=home)
        if given.notices.urls:
            night.channels = (await channels_of(given.notices)).users
        yield night


def ledger_name(night: Night) -> str:
    """The folder of its database: sweeps of another one have other names."""
    return night.home.name


def said(row: Row) -> str:
    """`verdict (reason)`."""
    assert row.verdict is not None
    assert row.reason is not None
    return f"{row.verdict} ({row.reason})"


def holds(case: Case, row: Row, state: str, transition: str, at: int = 0) -> None:
    """The case's verdict, and the state and transition that its note speaks of."""
    case.agrees("credential", said(row), at)
    assert (row.plan.state, row.transition.value) == (state, transition)
