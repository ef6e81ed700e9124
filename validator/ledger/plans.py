"""The plan of a sweep: a row for each credential that it is about, what is left to be done with it, and what was found.

A sweep of a hundred thousand holds none of them in memory: it reads the next by pages, writes what it heard with its
checkpoint, and its report (`reports.py`) is read from here. `place` orders a lane: a rank in its highest bits, below it a keyed hash of the
fingerprint, so that the members of one secret stand together and the order is the same after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, literal_column, select, update

from validator.ledger.base.database import Database
from validator.ledger.base.driver_rows import Prepared, rows_of
from validator.ledger.base.sweeping import SWEEP_ROWS
from validator.ledger.base.tables import insert_of
from validator.sealing import Fingerprint

RANK_BITS: Final = 60
_PAGE: Final = 1000
_R: Final = SWEEP_ROWS.c
_ALL: Final = tuple(SWEEP_ROWS.c)


class Phase(StrEnum):
    """How far one credential of a sweep is."""

    WAITING = "waiting"
    """Not asked; with `due_at`: not before then, there was no place in the failure budget."""
    HELD = "held"
    """Something was said against it; `due_at` is when it is asked again, None: not in this sweep."""
    DONE = "done"


class PlanRow(NamedTuple):
    """One credential of a sweep, several times made of each: so a tuple.

    `row` and `fingerprint` are of the stored secret, "" for a fingerprint that is not known yet.

    `verdict` … `checked_at` are what the report says; `left_over`: why it was not judged. `heard` are the words that wait
    for the lane's end. `image` is its proof image; `anew`: the stored row had changed, and is asked about once more.
    """

    sweep: str
    user: str
    name: str
    host: str
    path: str
    row: str
    fingerprint: Fingerprint
    place: int = 0
    phase: Phase = Phase.WAITING
    due_at: datetime | None = None
    verdict: str | None = None
    reason: str | None = None
    level: str | None = None
    state: str = "never_checked"
    transition: str = "none"
    checked_at: datetime | None = None
    left_over: str | None = None
    image: str | None = None
    anew: bool = False
    heard: Sequence[Mapping[str, Any]] | None = None


_FIELDS: Final = PlanRow._fields
"""Its columns, too, and in this order."""
_KEY: Final = ("sweep", "user", "name")


Share = tuple[int, int]
"""Which part of a lane's secrets, of how many parts: each secret is in one, with all that hold it."""
WHOLE: Final[Share] = (0, 1)


def place_of(sweep: str, fingerprint: str, rank: int) -> int:
    """Where a secret stands in its lane: shuffled, the same each time, behind all of a smaller rank (0 to 7)."""
    shuffled = int.from_bytes(hashlib.blake2b(fingerprint.encode(), key=sweep.encode()[:64], digest_size=8).digest(), "big")
    return (rank << RANK_BITS) | (shuffled >> (64 - RANK_BITS))


class Plans:
    """The plans of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rows: Sequence[PlanRow]) -> None:
        """Write these, but leave those that are there: a plan that was cut off is made again."""

        def work(connection: Connection) -> None:
            _ADDED.run_lists(connection, map(_columns, rows))

        if rows:
            await self._database.write_in_one(work)

    async def settle(self, sweep: str) -> None:
        """Let the members of one secret stand together, at the best rank that one of them has."""
        several = (
            select(_R.fingerprint, func.min(_R.place).label("first"))
            .where(_R.sweep == sweep, _R.phase == Phase.WAITING, _R.fingerprint != "")
            .group_by(_R.fingerprint)
            .having(func.min(_R.place) < func.max(_R.place))
        )

        def work(connection: Connection) -> None:
            for fingerprint, first in (connection.execute(several)).all():
                same = and_(_R.sweep == sweep, _R.fingerprint == fingerprint)
                connection.execute(update(SWEEP_ROWS).where(same).values(place=first))

        await self._database.write_in_one(work)

    async def put(self, rows: Sequence[PlanRow]) -> None:
        """Write these over what is there."""

        def work(connection: Connection) -> None:
            _UPDATED.run_lists(connection, map(_columns, rows))

        if rows:
            await self._database.write_in_one(work)

    async def drop(self, rows: Sequence[PlanRow]) -> None:
        """Remove these: their credentials are gone."""

        def work(connection: Connection) -> None:
            for row in rows:
                connection.execute(delete(SWEEP_ROWS).where(*(_R[name] == getattr(row, name) for name in _KEY)))

        if rows:
            await self._database.write_in_one(work)

    async def waiting(self, sweep: str, host: str, after: int, before: int, *, limit: int, share: Share = WHOLE) -> list[PlanRow]:
        """The next rows that were never asked, `after` < place < `before`, whole secrets: all members of the last one are there."""
        mine = and_(_R.sweep == sweep, _R.host == host, _R.phase == Phase.WAITING, _R.due_at.is_(None), *_of(share))
        return await self._secrets(mine, and_(_R.place > after, _R.place < before), (_R.place, _R.user, _R.name), limit)

    async def due(
        self, sweep: str, host: str, phase: Phase, after: int, before: int, *, now: datetime, limit: int, share: Share = WHOLE
    ) -> list[PlanRow]:  # fmt: skip
        """The rows of this phase whose time has come, `after` < place < `before`, whole secrets, the earliest first."""
        mine = and_(_R.sweep == sweep, _R.host == host, _R.phase == phase, _R.due_at.is_not(None), *_of(share))
        which = and_(_R.due_at <= now, _R.place > after, _R.place < before)
        return await self._secrets(mine, which, (_R.due_at, _R.place, _R.user, _R.name), limit)

    async def dues(self, sweep: str, host: str, *, share: Share = WHOLE) -> dict[tuple[Phase, int], datetime]:
        """When the first row that has a time is due, by phase and rank."""
        rank = _R.place.bitwise_rshift(literal_column(str(RANK_BITS)))  # Postgres shifts by an integer alone, and a parameter here is a bigint
        mine = (_R.sweep == sweep, _R.host == host, _R.phase.in_((Phase.WAITING, Phase.HELD)), _R.due_at.is_not(None), *_of(share))
        query = select(_R.phase, rank, func.min(_R.due_at, type_=_R.due_at.type)).where(*mine).group_by(_R.phase, rank)

        def work(connection: Connection) -> dict[tuple[Phase, int], datetime]:
            return {(Phase(phase), rank): at for phase, rank, at in connection.execute(query)}

        return await self._database.read_in_one(work)

    async def of_phase(self, sweep: str, host: str, *phases: Phase) -> AsyncIterator[list[PlanRow]]:
        """The rows of these phases by place, whole secrets, in pages; what a reader writes of a page changes no later one."""
        after = -1
        mine = and_(_R.sweep == sweep, _R.host == host, _R.phase.in_(phases))
        while page := await self._secrets(mine, _R.place > after, (_R.place, _R.user, _R.name), _PAGE):
            after = max(row.place for row in page)
            yield page

    async def proven(self, sweep: str, host: str) -> PlanRow | None:
        """Of the rows of `host` that are through and alive the one that was proven last."""
        mine = and_(_R.sweep == sweep, _R.host == host, _R.phase == Phase.DONE, _R.verdict == "valid", _R.state == "alive")
        found = await self._select(select(SWEEP_ROWS).where(mine).order_by(_R.checked_at.desc(), _R.place).limit(1))
        return found[0] if found else None

    async def any_held(self, sweep: str, host: str) -> bool:
        """True if a word waits there for the lane's end."""
        query = select(_R.user).where(_R.sweep == sweep, _R.host == host, _R.phase == Phase.HELD, _R.heard.is_not(None)).limit(1)

        def work(connection: Connection) -> bool:
            return connection.execute(query).first() is not None

        return await self._database.read_in_one(work)

    async def leave(self, sweep: str, host: str, reason: str, *, at: datetime) -> int:
        """What was not asked of `host` is left to the next sweep: `unknown (reason)` at `at`; how many rows that is."""
        values = {"phase": Phase.DONE, "due_at": None, "verdict": "unknown", "reason": reason, "level": None, "checked_at": at, "left_over": reason}
        statement = update(SWEEP_ROWS).where(_R.sweep == sweep, _R.host == host, _R.phase == Phase.WAITING).values(values)

        def work(connection: Connection) -> int:
            return (connection.execute(statement)).rowcount

        return await self._database.write_in_one(work)

    async def counts(self, sweep: str) -> dict[tuple[str, Phase], int]:
        """How many rows there are, by host and phase."""
        query = select(_R.host, _R.phase, func.count()).where(_R.sweep == sweep).group_by(_R.host, _R.phase)

        def work(connection: Connection) -> dict[tuple[str, Phase], int]:
            return {(host, Phase(phase)): count for host, phase, count in connection.execute(query)}

        return await self._database.read_in_one(work)

    async def _secrets(self, mine: ColumnElement[bool], which: ColumnElement[bool], order: Iterable[Any], limit: int) -> list[PlanRow]:
        query = select(SWEEP_ROWS).where(mine, which).order_by(*order).limit(limit)

        def work(connection: Connection) -> list[Any]:
            page = rows_of(connection, _ALL, query)
            if len(page) < limit:
                return page
            last = _row(page[-1])
            same = select(SWEEP_ROWS).where(mine, _R.place == last.place, _R.fingerprint == last.fingerprint)  # sorted, SQLite reads the whole plan
            return [row for row in page if row[_PRINT] != last.fingerprint] + sorted(rows_of(connection, _ALL, same), key=_OF_USER)

        return [_row(row) for row in await self._database.read_in_one(work)]

    async def _select(self, query: Any) -> list[PlanRow]:
        return [_row(row) for row in await self._database.read_in_one(lambda connection: rows_of(connection, _ALL, query))]


_PHASES: Final = {one.value: one for one in Phase}
_PHASE: Final = _FIELDS.index("phase")
_HEARD: Final = _FIELDS.index("heard")
_PRINT: Final = _FIELDS.index("fingerprint")
_OF_USER: Final = itemgetter(_FIELDS.index("user"), _FIELDS.index("name"))
_NAMES_IN_UPDATE: Final = {name: f"of_{name}" if name in _KEY else f"new_{name}" for name in _FIELDS}
_CHANGES: Final = tuple(name for name in _FIELDS if name not in _KEY)
_UPDATE: Final = (
    update(SWEEP_ROWS).where(*(_R[name] == bindparam(f"of_{name}") for name in _KEY)).values({name: bindparam(f"new_{name}") for name in _CHANGES})
)
_UPDATED: Final = Prepared(lambda kind: _UPDATE, tuple(_NAMES_IN_UPDATE[name] for name in _FIELDS))
_ADDED: Final = Prepared(lambda kind: insert_of(kind, SWEEP_ROWS).on_conflict_do_nothing(), _FIELDS)


def _of(share: Share) -> tuple[ColumnElement[bool], ...]:
    part, parts = share
    return () if parts == 1 else (_R.place % parts == part,)


def _columns(row: PlanRow) -> list[Any]:
    columns = list(row)
    columns[_PHASE] = row.phase.value
    columns[_HEARD] = None if row.heard is None else [dict(word) for word in row.heard]
    return columns


def _row(row: list[Any]) -> PlanRow:
    row[_PHASE] = _PHASES[row[_PHASE]]
    return PlanRow._make(row)
