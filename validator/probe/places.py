"""Places in the failure budget: taken before a secret is sent, spent when it was refused, else given back. registries/README.md 8."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from validator.evidence import Exchange, Failure, Opinion, Party, Step
from validator.ledger import Ledger
from validator.ledger.budgets import BudgetClass, Reservation, Spent
from validator.probe.base import is_loopback
from validator.providers import Provider
from validator.providers.plan import Ask
from validator.registry.client import RegistryClient
from validator.sealing import Fingerprint
from validator.verdict import Meaning
from validator.verdict.findings import REFUSALS

WITHOUT_LEDGER: Final = {86_400: 2}
"""Without a durable ledger: at most this many refused logins a registry and run (registries/README.md 8)."""
PLACE_WAIT_S: Final = 0.25
PLACE_TRIES: Final = 40


@dataclass(slots=True)
class Together:
    """The one place of all that an accepted secret has in flight: its logins are hardly refused, and would take each other's places.

    The first of its `users` that is refused spends it, each further one a place more.
    """

    place: Reservation | None = None
    users: int = 0
    spent: bool = False
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Shared:
    """A place that is held together with others, under `key`."""

    place: Reservation
    key: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Places:
    """The failure budgets of one ledger as a probe uses them; `now` is the wall clock. `together` is one for a process."""

    ledger: Ledger
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    together: dict[tuple[str, str], Together]

    async def of_login(
        self, ask: Ask, host: str, provider: Provider, name: Fingerprint, budget_class: BudgetClass, *, asked_before: bool
    ) -> Reservation | Spent | Failure:  # fmt: skip
        """A place for a login at `host`: of the address, and of the username `name` unless it is a control's."""
        control = ask.party is Party.CONTROL
        exempt = self.ledger.durable or is_loopback(ask.url)
        if control and not exempt:
            return Failure.NOT_MADE
        pace = provider.pace
        windows, by_name = pace.refused if exempt else WITHOUT_LEDGER, {} if control else pace.refused_per_username
        place: Reservation | Spent | None = None
        for _ in range(PLACE_TRIES):
            place = await self.ledger.budgets.reserve(
                host, name=None if control else name, budget_class=budget_class, windows=windows, username_windows=by_name, now=self.now(),
                first_ever=not asked_before and not control,
            )  # fmt: skip
            if isinstance(place, Reservation) or place.in_flight == 0 or control:
                return place
            if by_name:
                await self.sleep(PLACE_WAIT_S)
            elif (handed := await self._handed(host, budget_class, name)) is not None:
                return handed
        assert place is not None
        return place

    async def _handed(self, host: str, budget_class: BudgetClass, name: Fingerprint) -> Reservation | None:
        """A place that another login of this process gives back within a moment."""
        budgets = self.ledger.budgets
        async with asyncio.TaskGroup() as tasks:
            handed, waited = tasks.create_task(budgets.handed(host, budget_class, name)), tasks.create_task(self._wait())
            try:
                await asyncio.wait({handed, waited}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                if handed.done() and not handed.cancelled():
                    await budgets.settle(handed.result(), False, now=self.now())
                raise
            handed.cancel()
            waited.cancel()
        return None if handed.cancelled() else handed.result()

    async def _wait(self) -> None:
        await self.sleep(PLACE_WAIT_S)

    async def shared(
        self, key: tuple[str, str], take: Callable[[], Awaitable[Reservation | Spent | Failure]]
    ) -> Shared | Spent | Failure:  # fmt: skip
        """A place that all logins under `key` (host, fingerprint) hold together while one of them is in flight."""
        held = self.together.setdefault(key, Together())
        held.users += 1
        try:
            async with held.taking:
                if held.place is None:
                    place = await take()
                    if not isinstance(place, Reservation):
                        return place
                    held.place = place
            held.users += 1
            return Shared(held.place, key)
        finally:
            await self._left(key, held)

    async def _left(self, key: tuple[str, str], held: Together) -> None:
        held.users -= 1
        if held.users == 0:
            del self.together[key]
            if held.place is not None and not held.spent:
                await self.ledger.budgets.settle(held.place, False, now=self.now())

    async def of_introspection(self, ask: Ask, provider: Provider) -> Reservation | Spent | None:
        """A place for a question to the vendor's introspection, which has a limit of bad secrets of its own; None: it has none."""
        windows = dict(provider.introspection.refused) if provider.introspection is not None else {}
        if not windows:
            return None
        place: Reservation | Spent = Spent(self.now(), 0)
        for _ in range(PLACE_TRIES):
            place = await self.ledger.budgets.reserve(
                f"{ask.url.host}:{ask.url.port} introspection", name=None, budget_class=BudgetClass.FORMER, windows=windows,
                username_windows={}, now=self.now(), first_ever=False,
            )  # fmt: skip
            if isinstance(place, Reservation) or place.in_flight == 0:
                return place
            await self.sleep(PLACE_WAIT_S)
        return place

    async def sent(
        self, place: Reservation | Shared | None, send: Callable[[], Awaitable[Exchange]], counted: Callable[[Exchange], bool]
    ) -> Exchange:  # fmt: skip
        """What `send` gives; the place is spent if `counted`, or if it is not known whether the request left."""
        try:
            exchange = await send()
        except BaseException:
            if place is not None:
                await asyncio.shield(self._settle(place, True))
            raise
        if place is not None:
            await self._settle(place, counted(exchange))
        return exchange

    async def _settle(self, place: Reservation | Shared, spent: bool) -> None:
        if not isinstance(place, Shared):
            await self.ledger.budgets.settle(place, spent, now=self.now())
            return
        held = self.together[place.key]
        if spent and not held.spent:
            held.spent = True
            await self.ledger.budgets.settle(place.place, True, now=self.now())
        elif spent:
            await self.ledger.budgets.spend(place.place, now=self.now())
        await self._left(place.key, held)


def unsent(ask: Ask, client: RegistryClient, place: Spent | Failure, now: datetime, wait_s: float = 0.0) -> Exchange:
    """What was not sent, and why: no place in a budget, or `place`; `wait_s` is how long that lasts, where it is known."""
    failure = Failure.BUDGET_SPENT if isinstance(place, Spent) else place
    wait = max(1.0, (place.retry_at - now).total_seconds()) if isinstance(place, Spent) else wait_s or None
    url = str(client.reach.way_to(ask.url).url.with_query(None))
    return Exchange(
        step=ask.step, party=ask.party, method=ask.method, url=url, at=now.timestamp(), failure=failure, retry_after_s=wait,
        repository=ask.repository,
    )  # fmt: skip


def may_have_counted(exchange: Exchange, said: Meaning) -> bool:
    """True if the registry may count this login as a failed one: in doubt it did, but never one that it let in or knew."""
    if exchange.status is None:
        return not exchange.unsent and exchange.failure not in (Failure.UNSAFE_ADDRESS, Failure.INSECURE_SCHEME, Failure.PAUSED)
    if said in (Meaning.ACCEPTED, Meaning.ADMITTED, Meaning.ALIVE, Meaning.ON):
        return False
    return exchange.status in (401, 429) or said in REFUSALS or (exchange.status == 403 and exchange.step is Step.LOGIN)


def opinion_may_have_counted(exchange: Exchange) -> bool:
    """True if the vendor may count this introspection as a bad secret's."""
    if exchange.status is None:
        return not exchange.unsent
    knows = exchange.opinion is not None and exchange.opinion.opinion is Opinion.KNOWS
    return exchange.status in (401, 403) and not knows
