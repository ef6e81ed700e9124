"""A cluster's pull secret, the registries that its images are at, and what a pre-flight foretells: cases.md, KUBE.

All names of a row (`reg.test`, `nvcr.io`, Docker Hub) are dialled at one scripted registry on loopback, by `endpoint`. Parties are the
row's: `T+a` is the scoped login with key a's secret. The wall clock and the monotonic one are moved by hand; a probe's waits are passed
at once, or held until the test lets them go.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web
from pydantic import SecretStr

from tests.cases.asking import probing
from tests.cases.rows import Row
from tests.cases.running import Cli
from tests.cases.scripted import DEFAULTS, Answers, Scripted
from validator.config import AuthsKey
from validator.credential import Credential, Host, RegistryScope, UnreadableRegistry, parse_scope
from validator.evidence import Step
from validator.ledger.controls import ControlKey, ControlResult
from validator.preflight import Foretelling, Foretold, Held, Preflight, Wanted
from validator.verdict import Verdict

HOSTS: Final = ("reg.test", "docker.io", "nvcr.io", "other.test")
REPOSITORY: Final = "team/app"
IMAGE: Final = f"reg.test/{REPOSITORY}:1"


@dataclass
class Clock:
    """`passed` is how many seconds were passed by hand; `waits` what probes waited for, which `held` keeps them in."""

    passed: float = 0.0
    waits: list[float] = field(default_factory=list)
    held: asyncio.Event | None = None

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.passed

    async def sleep(self, seconds: float) -> None:
        """Pass the time: at once, or when the test says so."""
        self.waits.append(seconds)
        if self.held is not None:
            await self.held.wait()
        self.passed += seconds


@dataclass
class Keyed(Scripted):
    """A scripted registry that tells several secrets apart: the key named `a` has the secret `secret-a`, and is the party `+a`.

    `+` in the script stands for every key that it does not name. `most` is how many requests it had in hand at once.
    """

    most: int = 0
    _in_hand: int = 0

    def _party(self, request: web.Request) -> str:
        sent = request.headers.get("Authorization", "")
        scheme, _, value = sent.partition(" ")
        if scheme != "Basic":
            return super()._party(request)
        secret = base64.b64decode(value).decode().partition(":")[2]
        return f"+{secret.removeprefix('secret-')}" if secret.startswith("secret-") else "!"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        step = self._step(request) + self._party(request)
        if len(step) > 2 and step not in self.script and step.replace("G", "H") not in self.script:
            found = self.script.get(step[:2], DEFAULTS.get(step[:2], DEFAULTS.get(step[:2].replace("G", "H"))))
            assert found is not None, f"the script says nothing for {step}"
            self.script[step] = found
        self._in_hand += 1
        self.most = max(self.most, self._in_hand)
        try:
            return await super()._answer(request)
        finally:
            self._in_hand -= 1


@dataclass
class Cluster:
    """A pre-flight over one scripted registry; `registry.script` may be changed between requests."""

    registry: Keyed
    preflight: Preflight
    clock: Clock

    async def foretell(self, images: Sequence[str], held: Sequence[Held], *, group: int | None = 0, deadline_s: float = 30) -> Foretelling:
        """What is foretold; `group` None: each image is a group of its own."""
        wanted = [Wanted(image=image, group=at if group is None else group) for at, image in enumerate(images)]
        return await self.preflight.foretell(wanted, held, deadline_s=deadline_s)

    async def one(self, *held: Held, image: str = IMAGE, deadline_s: float = 30) -> Foretold:
        """What is foretold of one image."""
        return (await self.foretell([image], held, deadline_s=deadline_s)).images[0]

    async def remember(self, *held: Credential, repository: str = REPOSITORY, valid: bool = True) -> None:
        """The cases' Defaults: the challenge just fetched, controls fresh and refused, the keys formerly valid and readers of the repository."""
        probe, now = self.preflight.probe, self.clock.now()
        realm = self.registry.realm
        await probe.ledger.challenges.put("reg.test", scheme="bearer", realm=realm, service="registry", now=now)
        for step, name in ((Step.LOGIN, ""), (Step.SCOPED, repository)):
            key = ControlKey(host="reg.test", realm=realm, service="registry", scheme="bearer", step=str(step), repository=name)
            await probe.ledger.controls.put(key, ControlResult.REFUSED, now=now)
        for one in held:
            fingerprint = probe.fingerprinter.of("reg.test", one.username, one.secret)
            if valid:
                await probe.ledger.facts.accepted("reg.test", fingerprint, proven=True, now=now - timedelta(hours=1))
            await probe.ledger.repositories.add(fingerprint, repository, now=now)

    async def was_refused(self, one: Credential, minutes: float) -> None:
        """The ledger knows a refusal of this secret, so many minutes old."""
        probe = self.preflight.probe
        fingerprint = probe.fingerprinter.of("reg.test", one.username, one.secret)
        await probe.ledger.facts.refused("reg.test", fingerprint, now=self.clock.now() - timedelta(minutes=minutes))


@asynccontextmanager
async def cluster(cli: Cli, script: Answers | None = None, written_as: AuthsKey = AuthsKey.AS_WRITTEN, **pace: Any) -> AsyncIterator[Cluster]:
    """A cluster whose pull secrets hold keys as they are written; the pace is the provider's own."""
    registry = Keyed(dict(script or {}))
    async with registry:
        said = {
            "provider": "generic", "endpoint": f"http://{registry.host}", "plain_http": True, "allow_private": True,
            "realm_hosts": [f"127.0.0.1:{registry.realm_port}"], "pace": pace,
        }  # fmt: skip
        cli.registries, cli.pace = dict.fromkeys(HOSTS, said), {}
        clock = Clock()
        async with (
            probing(cli, clock.sleep) as probe,
            Preflight(replace(probe, now=clock.now, monotonic=clock.monotonic), written_as, False) as preflight,
        ):
            yield Cluster(registry, preflight, clock)


def key(text: str, name: str = "", *, secret: str | None = None, username: str = "jane") -> Credential:
    """A key of the pull secret: its text, its name in the row (its secret is `secret-NAME`)."""
    try:
        scope = parse_scope(text)
    except UnreadableRegistry:  # a pattern
        host, _, path = text.partition("/")
        scope = RegistryScope(Host(host), path)
    return Credential(
        user="ada", name=name or text, scope=scope, username=username, secret=SecretStr(f"secret-{name}" if secret is None else secret), written=text,
    )  # fmt: skip


def said(verdict: Verdict) -> str:
    """`verdict (reason)`."""
    return f"{verdict.outcome.value} ({verdict.reason.value})"


def holds(row: Row, told: Foretold, at: int = 0, *, key_at: int = 0) -> Foretold:
    """Assert that what is foretold is what the row says: of the image, and of the key that was tried at `key_at`."""
    row.agrees("image", f"{told.verdict.outcome.value} ({told.verdict.reason.value})", at)
    if row.allowed("credential", at) is not None:
        row.agrees("credential", said(told.tried[key_at].verdict), at)
    return told
