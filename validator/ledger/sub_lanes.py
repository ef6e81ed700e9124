"""The parts of a lane that several workers sweep at once: what each did, and the whole lane's numbers, which are their sum.

A registry is well or ill as a whole, so the guard of each part is told what the others heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.sweeping import SUB_LANES, SWEEP_LANES
from validator.ledger.base.tables import insert_of, upsert

_P: Final = SUB_LANES.c
_SUMMED: Final = ("done", "probes", "requests", "refused_logins", "asked", "fell")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubLane:
    """One of the `parts` of a lane. `asked` and `fell` are formerly valid secrets, distinct."""

    sweep: str
    host: str
    part: int
    parts: int
    done: int = 0
    probes: int = 0
    requests: int = 0
    refused_logins: int = 0
    asked: int = 0
    fell: int = 0
    finished_at: datetime | None = None


_FIELDS: Final = tuple(field.name for field in fields(SubLane))


class SubLanes:
    """The parts of the lanes of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def split(self, sweep: str, host: str, parts: int) -> None:
        """Have this lane swept in so many parts; one that is split already stays as it is."""

        async def work(connection: AsyncConnection) -> None:
            there = await connection.scalar(select(func.count()).where(_P.sweep == sweep, _P.host == host))
            rows = [_columns(SubLane(sweep=sweep, host=host, part=part, parts=parts)) for part in range(parts)]
            if not there:
                await connection.execute(insert_of(connection.dialect.name, SUB_LANES).on_conflict_do_nothing(), rows)

        await self._database.write(work)

    async def of(self, sweep: str, host: str | None = None) -> tuple[SubLane, ...]:
        """All parts of a sweep's lanes (of one), by host."""
        mine = (_P.sweep == sweep, *([] if host is None else [_P.host == host]))
        query = select(SUB_LANES).where(*mine).order_by(_P.host, _P.part)

        async def work(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(query)).all()

        return tuple(SubLane(**{name: getattr(row, name) for name in _FIELDS}) for row in await self._database.read(work))

    async def put(self, *subs: SubLane) -> dict[str, tuple[int, int]]:
        """How far these are, each of another host; the whole lanes' numbers follow. By host, what the other parts `asked`, and what `fell`."""

        async def work(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
            beside: dict[str, tuple[int, int]] = {}
            for sub in subs:
                await upsert(connection, SUB_LANES, _columns(sub))
                sums = select(*(func.sum(_P[name]).label(name) for name in _SUMMED)).where(_P.sweep == sub.sweep, _P.host == sub.host)
                found = (await connection.execute(sums)).one()
                whole = {name: int(getattr(found, name)) for name in _SUMMED}
                of_it = and_(SWEEP_LANES.c.sweep == sub.sweep, SWEEP_LANES.c.host == sub.host)
                await connection.execute(update(SWEEP_LANES).where(of_it).values(whole))
                beside[sub.host] = whole["asked"] - sub.asked, whole["fell"] - sub.fell
            return beside

        return await self._database.write(work)


def _columns(sub: SubLane) -> dict[str, Any]:
    return {name: getattr(sub, name) for name in _FIELDS}
