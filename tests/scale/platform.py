"""A platform of the simulation: a ledger, credentials that are made up, the registries of `world.py`, who is told; and its sweeps."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.scale.clock import VirtualLoop, wall
from tests.scale.world import HOSTS, LATENCY_S, SITES, MadeUp, Registries, shared_out
from validator.config import Settings
from validator.credential import Credential, Host
from validator.ledger import Embedded, open_embedded
from validator.ledger.base.behind import AFTER_S
from validator.ledger.statuses import StatusKey, row_of
from validator.notifiers.base import Handed, Letter, Outcome
from validator.probe import Probe
from validator.sealing import Fingerprinter
from validator.status import Standing, State
from validator.sweep import Report, Sweep
from validator.telling import Channels, Letters, Teller
from validator.verdict import Level, Reason
from validator.verdict import Outcome as Word

SELDOM_S: Final = 60.0
"""A checkpoint a second would be most of a virtual night's work."""
_BATCH: Final = 1000


class Quiet:
    """Implements `Channel`: takes everything, and keeps who was told what."""

    name = "quiet"

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def unreachable(self, user: str, address: str | None) -> str | None:
        """Nobody is."""
        return None

    async def send(self, letter: Letter) -> Outcome:
        """See `Channel`."""
        self.told += [(letter.user, line["happened"]) for line in letter.facts["credentials"]] if letter.user else []
        return Outcome(Handed.TAKEN)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class Platform:
    """Everything of it; `sweep` may be called again, another night."""

    opened: Embedded
    store: MadeUp
    world: Registries
    probe: Probe
    settings: Settings
    prints: Fingerprinter
    channel: Quiet = field(default_factory=Quiet)
    nights: int = 0

    async def sweep(self, told: Callable[[Any], None] = lambda lane: None) -> Report:
        """One sweep of all."""
        self.nights += 1
        ledger = self.opened.ledger
        channels = Channels({"quiet": self.channel}, {"quiet": self.channel})
        teller = Teller(ledger, self.settings, channels, Letters(ledger, self.store, self.settings), wall, asyncio.sleep)
        return await Sweep(self.probe, ledger, self.store, teller, f"night {self.nights}", told=told).run()

    async def states(self) -> dict[str, str]:
        """By user."""
        return {row.key.user: row.state for row in await self.opened.ledger.statuses.all()}


@asynccontextmanager
async def platform(
    number: int, *, factor: int = 1, dead_every: int, seed: int = 1, hosts: Collection[str] = HOSTS
) -> AsyncIterator[Platform]:  # fmt: skip
    """One whose every credential was proven a day ago, on the clock of the running loop."""
    loop, numbers = asyncio.get_running_loop(), shared_out(number, hosts)
    store, world = MadeUp(numbers), Registries(numbers, dead_every, LATENCY_S / factor)
    settings = Settings.model_validate({"sweep": {"fresh_s": 0, "wait_s": 1800 // factor}, "notices": {"per_hour": 1_000_000}})
    with tempfile.TemporaryDirectory(prefix="validator-scale-") as name:
        async with open_embedded(Path(name) / "validator.db", Path(name) / "key") as opened:
            prints = Fingerprinter(f"the key of a night by the seed {seed:09d}".encode())  # the order of a lane hangs on it
            await as_after_a_night(opened, store, prints, wall() - timedelta(days=1))
            async with opened.ledger.behind(SELDOM_S if isinstance(loop, VirtualLoop) and factor == 1 else AFTER_S):
                probe = Probe(
                    transport=world, ledger=opened.ledger, fingerprinter=prints, settings=settings, now=wall,
                    monotonic=loop.time, sleep=asyncio.sleep, random=Random(seed),
                )  # fmt: skip
                yield Platform(opened, store, world, probe, settings, prints)


async def as_after_a_night(opened: Embedded, store: MadeUp, prints: Fingerprinter, before: datetime) -> None:
    """A status and an acceptance a day old for each; the vendors were asked about their keys on one of the last seven days."""
    ledger = opened.ledger
    for site in SITES:
        numbers = iter(range(store.numbers[site.host]))
        while batch := list(islice(numbers, _BATCH)):
            rows, facts = [], []
            for number in batch:
                one = store.made(site, number)
                at = before - timedelta(days=number % 7) if site.opinion else before
                mark = prints.of(one.scope.host, one.username, one.secret)
                rows.append(_status(one, mark, before))
                facts.append(ledger.facts.acceptance(Host(site.host), mark, proven=True, now=before))
                if site.opinion:
                    facts.append(
                        ledger.facts.introspection(Host(site.host), mark, scopes=("read:packages", "read_registry"), expires_at=None, now=at)
                    )
            await ledger.statuses.put(*rows)
            await ledger.keep(*facts, at_once=True)


def _status(one: Credential, mark: Any, at: datetime) -> Any:
    standing = Standing(
        state=State.ALIVE, outcome=Word.VALID, reason=Reason.LOGIN_ACCEPTED, level=Level.LOGIN, checked_at=at, last_outcome=Word.VALID,
        last_reason=Reason.LOGIN_ACCEPTED, last_at=at, accepted_at=at, ever_valid=True,
    )  # fmt: skip
    return row_of(StatusKey(one.user, one.scope, mark, one.row), one.name, standing)
