"""What every route works with: one value, made by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from validator.api.base.caller import Gate
from validator.api.base.limits import Rate, Refusals
from validator.api.base.overview import Overviews
from validator.api.base.sweeping import Sweeping
from validator.config import EVERY_HOST, Settings
from validator.config.base import HostName
from validator.ledger import Ledger
from validator.metrics import Metrics
from validator.preflight import Held, Preflight
from validator.probe import Probe
from validator.sealing import Fingerprinter
from validator.stores.base import CredentialStore


@dataclass(slots=True, kw_only=True)
class House:
    """One running service. `strangers` is the probe for secrets that callers send: it dials private addresses only by a host's own entry."""

    settings: Settings
    ledger: Ledger
    store: CredentialStore
    fingerprinter: Fingerprinter
    probe: Probe
    preflight: Preflight
    metrics: Metrics
    sweeping: Sweeping
    leaving: bool = False
    """True once it stops: it answers what is in flight and says that it takes nothing more."""
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Workflows that are read at once: a template is expanded in a process of its own, for seconds at most."""
    strangers: Probe = field(init=False)
    gate: Gate = field(init=False)
    rate: Rate = field(init=False)
    refusals: Refusals = field(init=False)
    overviews: Overviews = field(init=False)

    def __post_init__(self) -> None:
        said = self.settings.api
        self.strangers = self.probe.beside(settings=_without_everywhere(self.settings))
        self.gate = Gate(said, self.ledger.tokens, self.monotonic)
        self.rate = Rate(said.per_second, said.burst, self.monotonic)
        self.refusals = Refusals(self.monotonic)
        self.overviews = Overviews(self.ledger, self.store, self.monotonic)

    @property
    def now(self) -> Callable[[], datetime]:
        """The wall clock."""
        return self.probe.now

    @property
    def monotonic(self) -> Callable[[], float]:
        """The clock of durations."""
        return self.probe.monotonic

    async def held(self, user: str | None) -> tuple[Held, ...]:
        """What a kubelet is given of what `user` has stored; None: nobody, who has nothing."""
        return await self.store.as_kubelet(user) if user is not None else ()


def _without_everywhere(settings: Settings) -> Settings:
    """The same without `allow_private` of `*`: that is for what the operator has stored, not for every name that a caller thinks of."""
    everywhere = settings.registries.get(HostName(EVERY_HOST))
    if everywhere is None or not everywhere.allow_private:
        return settings
    closed = everywhere.model_copy(update={"allow_private": False})
    return settings.model_copy(update={"registries": {**settings.registries, HostName(EVERY_HOST): closed}})
