"""The failure budget: how many refused logins a host has had, over everything that probes it.

A login takes a place before it is sent and gives it back when it is accepted, in a transaction that writes alone: two
processes never both take the last place. Rules: `base/shares.py`, registries/README.md section 8.

Where writes may wait (`Ledger.behind`) a place that came back is this process's for the next login of its class, without a
word to the database, until it was idle for a second; those who ask for places at the same time get them in one transaction.
A refusal is written before its word is believed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from validator.ledger.base.behind import Statement, Write
from validator.ledger.base.budget_rows import KEPT, Asked, Reservation, Spent, Wish, Word
from validator.ledger.base.database import Database
from validator.ledger.base.shares import NEVER_ALL, RESERVED, BudgetClass, Share
from validator.ledger.base.tables import BUDGET
from validator.sealing import Fingerprint

__all__ = ["NEVER_ALL", "RESERVED", "BudgetClass", "Budgets", "Reservation", "Spent"]

RENEWED: Final = RESERVED / 3
"""A place is used again for so long after it was taken: its last exchange is over long before it is given up."""
IDLE_S: Final = 1.0
"""So long a place that came back waits for the next login of this process; then it is everybody's."""
_PRUNED_EVERY: Final = timedelta(hours=1)
_B: Final = BUDGET.c
_RELEASED: Final = Statement(BUDGET, removes=True)
_POOLED: Final = frozenset({BudgetClass.DEAD, BudgetClass.NEW, BudgetClass.FORMER, BudgetClass.GIVEN})
"""Classes whose place serves another login of theirs: a control and a canary are rare, and a control asks how much is left."""


@dataclass(slots=True)
class _Pool:
    """The places of one host that are this process's and that no login has: by class, the one given back last at the end."""

    idle: dict[BudgetClass, list[tuple[Reservation, float]]] = field(default_factory=lambda: defaultdict(list))
    gone: list[str] = field(default_factory=list)
    """To be given back in the database."""
    hands: dict[BudgetClass, deque[asyncio.Future[Reservation]]] = field(default_factory=lambda: defaultdict(deque))
    pruned_at: datetime | None = None

    def is_to_be_pruned(self, now: datetime) -> bool:
        """True once an hour."""
        if self.pruned_at is not None and timedelta(0) <= now - self.pruned_at < _PRUNED_EVERY:
            return False
        self.pruned_at = now
        return True

    def taken_out(self) -> list[tuple[Reservation, float]]:
        """The idle places, which are now in nobody's reach."""
        places = [one for idle in self.idle.values() for one in idle]
        self.idle.clear()
        return places


class Budgets:
    """The failure budgets of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pools: dict[str, _Pool] = defaultdict(_Pool)
        self._out: set[tuple[str, int]] = set()
        self._asked: list[Wish | Word] = []
        self._turn = asyncio.Lock()
        database.with_each_flush(self._released)

    async def reserve(
        self, host: str, *, name: Fingerprint | None, budget_class: BudgetClass, windows: Mapping[int, int],
        username_windows: Mapping[int, int], now: datetime, first_ever: bool,
    ) -> Reservation | Spent:  # fmt: skip
        """Take a place for one login at `host`, or say when one is free.

        `windows` and `username_windows` are seconds to most refused logins, of the address and of the username `name`
        (`Fingerprinter.name`; None: no username counts). `first_ever`: this secret was never asked before, and has one
        login beyond a spent username window.
        """
        share = Share(budget_class=budget_class, name=name, windows=windows, username_windows=username_windows, first_ever=first_ever)
        return self._again(host, share, now) or await self._taken(host, share, now)

    async def settle(self, reservation: Reservation, refused: bool, *, now: datetime) -> None:
        """The login was refused at `now` (its place is spent), or was not (its place is free). Settling twice does no harm."""
        use = (reservation.id, reservation.use)
        if refused:
            self._out.discard(use)
            await self._written(Word(reservation, now))
        elif use in self._out and not self._came_back(reservation, now):
            self._out.discard(use)
            await self._written(Word(reservation, None))

    async def spend(self, reservation: Reservation, *, now: datetime) -> None:
        """One more login that stood under this place was refused at `now`: it takes a place of its own."""
        await self._written(Word(reservation, now, again=True))

    async def handed(self, host: str, budget_class: BudgetClass, name: Fingerprint | None) -> Reservation:
        """Wait for a place that a login of this process gives back: who waits longest gets it. Cancel it to wait no more.

        For a login whose username has no windows of its own.
        """
        hands = self._pools[host].hands[budget_class]
        hand: asyncio.Future[Reservation] = asyncio.get_running_loop().create_future()
        hands.append(hand)
        try:
            place = await hand
            return replace(place, share=replace(place.share, name=name))
        except asyncio.CancelledError:
            if hand.done() and not hand.cancelled():
                self._came_back(hand.result(), hand.result().at)
            raise

    async def count(self, host: str, since: datetime) -> int:
        """How many logins were refused at `host` from `since` on."""
        query = select(func.count()).select_from(BUDGET).where(_B.host == host, _B.refused.is_(True), _B.at >= since)

        return await self._database.read_in_one(lambda connection: int(connection.scalar(query) or 0), BUDGET)

    def _again(self, host: str, share: Share, now: datetime) -> Reservation | None:
        """A place that came back, for this login."""
        idle = self._pools[host].idle[share.budget_class]
        while idle and not share.by_name:
            place, _ = idle.pop()
            if timedelta(0) <= now - place.at < RENEWED:
                again = Reservation(place.id, host, share, place.at, place.use + 1)
                self._out.add((again.id, again.use))
                return again
            self._pools[host].gone.append(place.id)
        return None

    def _came_back(self, place: Reservation, now: datetime) -> bool:
        """Have the place for this process's next login; False if the database is to be told."""
        if not self._database.waits:
            return False
        self._out.discard((place.id, place.use))
        pool, share = self._pools[place.host], place.share
        if share.by_name or share.budget_class not in _POOLED or not timedelta(0) <= now - place.at < RENEWED:
            pool.gone.append(place.id)
        else:
            hands = pool.hands[share.budget_class]
            while hands:
                hand = hands.popleft()
                if not hand.done():
                    again = replace(place, use=place.use + 1)
                    self._out.add((again.id, again.use))
                    hand.set_result(again)
                    return True
            pool.idle[share.budget_class].append((place, asyncio.get_running_loop().time()))
        self._database.wake()
        return True

    def _released(self, all_of_them: bool) -> list[Write]:
        """With each flush: places that were idle for a second, or all of them, are everybody's again."""
        writes, until = [], asyncio.get_running_loop().time() - IDLE_S
        for pool in self._pools.values():
            for place, since in pool.taken_out():
                if all_of_them or since <= until:
                    pool.gone.append(place.id)
                else:
                    pool.idle[place.share.budget_class].append((place, since))
                    self._database.wake()
            writes += [Write(_RELEASED, {"id": one}) for one in pool.gone]
            pool.gone.clear()
        return writes

    async def _taken(self, host: str, share: Share, now: datetime) -> Reservation | Spent:
        wish = Wish(host, share, now)
        try:
            await self._written(wish)
        except BaseException:
            wish.left = True
            self._left(wish)
            raise
        assert wish.answer is not None
        return wish.answer

    def _left(self, wish: Wish) -> None:
        """Nobody waits for this place any more."""
        if wish.left and isinstance(wish.answer, Reservation):
            self._out.discard((wish.answer.id, wish.answer.use))
            self._pools[wish.host].gone.append(wish.answer.id)
            self._database.wake()

    async def _written(self, one: Wish | Word) -> None:
        """Have it written, with all that others ask meanwhile: the first in turn writes for all who wait."""
        self._asked.append(one)
        async with self._turn:
            if not one.answer:
                batch, self._asked = self._asked, []
                await self._database.whole(self._write(batch))

    async def _write(self, batch: list[Wish | Word]) -> None:
        wishes = [one for one in batch if isinstance(one, Wish) and not one.left]
        words = [one for one in batch if isinstance(one, Word)]
        pools = {wish.host: self._pools[wish.host] for wish in wishes}
        idle = {host: pool.taken_out() for host, pool in pools.items()}
        prune = {wish.host: wish.now - max(wish.share.longest, KEPT) for wish in wishes if pools[wish.host].is_to_be_pruned(wish.now)}
        gone = [place for pool in pools.values() for place in pool.gone]
        asked = Asked(wishes, words, gone, {host: [place.id for place, _ in places] for host, places in idle.items()}, prune)
        dropped: set[str] = set()
        try:
            answers, dropped = await self._database.write_in_one(asked.make, BUDGET)
        except BaseException:
            self._asked = [*batch, *self._asked]
            raise
        finally:
            for host, places in idle.items():
                for place, since in reversed(places):
                    if place.id not in dropped:
                        pools[host].idle[place.share.budget_class].insert(0, (place, since))
        for pool in pools.values():
            pool.gone = [place for place in pool.gone if place not in gone]
        for word in words:
            word.answer = True
        for wish, answer in answers.items():
            wish.answer = answer
            if isinstance(answer, Reservation):
                self._out.add((answer.id, answer.use))
            self._left(wish)
