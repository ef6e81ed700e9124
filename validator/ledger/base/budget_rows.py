"""The rows of the failure budget: who wants a place and who was refused, written by one transaction for all that ask at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from validator.ledger.base.shares import RESERVED, BudgetClass, Place, Share
from validator.ledger.base.tables import BUDGET

KEPT: Final = timedelta(days=2)
AHEAD: Final = timedelta(hours=1)
"""No two clocks differ by so much: a place that lies further ahead was taken before a clock was set back, and counts from now on."""
_B: Final = BUDGET.c
_MINE: Final = (_B.id == bindparam("place")) & _B.refused.is_(False)
_GIVE_BACK: Final = delete(BUDGET).where(_MINE)
_REFUSE: Final = update(BUDGET).where(_MINE).values(refused=True, at=bindparam("refused_at"), name=bindparam("refused_name"))
_TAKE: Final = insert(BUDGET)
_IS_NOW: Final = update(BUDGET).where(_B.id == bindparam("place")).values(at=bindparam("is_at"))
_PRUNE: Final = delete(BUDGET).where(_B.host == bindparam("at_host"), _B.at < bindparam("before"))
_PLACES: Final = select(_B.id, _B.at, _B.refused, _B.budget_class, _B.name).where(
    _B.host == bindparam("at_host"), _B.at > bindparam("since"), or_(_B.refused.is_(True), _B.at > bindparam("reserved_since"))
)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place that was taken at `at`; settle it. `use` counts its logins."""

    id: str
    host: str
    share: Share
    at: datetime
    use: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """No place. `retry_at`: when one is free by what is known; `in_flight`: how many taken ones may yet come back."""

    retry_at: datetime
    in_flight: int


@dataclass(slots=True, eq=False)
class Wish:
    """Somebody wants a place at `host`. `left`: he waits no more."""

    host: str
    share: Share
    now: datetime
    answer: Reservation | Spent | None = None
    left: bool = False


@dataclass(slots=True, eq=False)
class Word:
    """A login was refused at `refused_at`, or (None) was not. `again`: its place is spent already, by another login that stood under it."""

    place: Reservation
    refused_at: datetime | None
    again: bool = False
    answer: bool = False


@dataclass(slots=True)
class Asked:
    """What one transaction does: wishes, words, and places to give back; `idle` are those of the wishes' hosts that no login has.

    `dropped`: which of the idle ones had to be given back for a wish. `prune`: hosts whose old rows go.
    """

    wishes: list[Wish] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    idle: Mapping[str, Sequence[str]] = field(default_factory=dict)
    prune: Mapping[str, datetime] = field(default_factory=dict)

    def make(self, connection: Connection) -> tuple[dict[Wish, Reservation | Spent], set[str]]:
        """The answers to the wishes, in order, and which idle places went; nothing of it is true before it is committed."""
        refused = [(word, word.refused_at) for word in self.words if word.refused_at is not None]
        if spent := [{"place": w.place.id, "refused_at": at, "refused_name": w.place.share.name} for w, at in refused if not w.again]:
            connection.execute(_REFUSE, spent)
        if more := [_row(w.place.host, w.place.share, at, refused=True) for w, at in refused if w.again]:
            connection.execute(_TAKE, more)
        gone = [*self.gone, *(word.place.id for word in self.words if word.refused_at is None)]
        if gone:
            connection.execute(_GIVE_BACK, [{"place": one} for one in gone])
        for host, before in self.prune.items():
            connection.execute(_PRUNE, {"at_host": host, "before": before})
        answers: dict[Wish, Reservation | Spent] = {}
        dropped: set[str] = set()
        for host in dict.fromkeys(wish.host for wish in self.wishes):
            dropped |= self._take(connection, host, answers)
        if dropped:
            connection.execute(_GIVE_BACK, [{"place": one} for one in dropped])
        taken = [answer for answer in answers.values() if isinstance(answer, Reservation)]
        if taken:
            connection.execute(_TAKE, [_row(one.host, one.share, one.at, one.id) for one in taken])
        return answers, dropped

    def _take(self, connection: Connection, host: str, answers: dict[Wish, Reservation | Spent]) -> set[str]:
        """Answer the wishes of one host; which of its idle places went for it."""
        wishes = [wish for wish in self.wishes if wish.host == host]
        now, longest = max(wish.now for wish in wishes), max(wish.share.longest for wish in wishes)
        between = {"at_host": host, "since": now - longest, "reserved_since": now - RESERVED}
        rows = connection.execute(_PLACES, between).all()
        if ahead := {row.id for row in rows if row.at - now > AHEAD}:
            connection.execute(_IS_NOW, [{"place": one, "is_at": now} for one in ahead])
        places = [Place(row.id, now if row.id in ahead else row.at, not row.refused, BudgetClass(row.budget_class), row.name) for row in rows]
        idle, dropped = set(self.idle.get(host, ())), set[str]()
        for wish in wishes:
            free_at = wish.share.free_at(places, wish.now)
            if free_at is not None and idle - dropped:
                places, dropped = [place for place in places if place.id not in idle], idle
                free_at = wish.share.free_at(places, wish.now)
            if free_at is not None:
                answers[wish] = Spent(free_at, sum(place.reserved for place in places))
                continue
            taken = answers[wish] = Reservation(secrets.token_hex(16), host, wish.share, wish.now)
            places.append(Place(taken.id, taken.at, True, wish.share.budget_class, wish.share.name))
        return dropped


def _row(host: str, share: Share, at: datetime, place: str | None = None, *, refused: bool = False) -> dict[str, object]:
    name, budget_class = share.name, str(share.budget_class)
    return {"id": place or secrets.token_hex(16), "host": host, "name": name, "budget_class": budget_class, "at": at, "refused": refused}
