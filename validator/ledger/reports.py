"""What a sweep found, as its report shows it: read from its plan by pages of the columns that are shown, or counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from validator.ledger.base.database import Database
from validator.ledger.base.driver_rows import rows_of
from validator.ledger.base.sweeping import SWEEP_ROWS

_PAGE: Final = 1000
_R: Final = SWEEP_ROWS.c

LEFT_OVER: Final = or_(_R.left_over.is_not(None), _R.phase == "waiting")
"""Rows that were not judged in their sweep."""
NOTABLE: Final = or_(_R.transition != "none", _R.state.in_(("dead", "impaired", "suspect")), _R.left_over.is_not(None))
"""Rows that somebody may want to look at."""
UNREADABLE: Final = _R.left_over == "unreadable"
"""Rows of credentials that could not be decrypted."""
_BAD: Final = _R.state.in_(("dead", "impaired"))


class Found(NamedTuple):
    """What was found of one credential; as in `PlanRow`."""

    user: str
    name: str
    host: str
    verdict: str | None
    reason: str | None
    level: str | None
    state: str
    transition: str
    checked_at: datetime | None
    left_over: str | None


_COLUMNS: Final = tuple(_R[name] for name in Found._fields)


@dataclass(frozen=True, slots=True)
class Summary:
    """A sweep's rows: how many by verdict, how many were not judged, how many are dead or impaired."""

    totals: Mapping[str, int]
    left_over: int
    bad: int


class Reports:
    """Those of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, sweep: str, *conditions: ColumnElement[bool]) -> AsyncGenerator[Found]:
        """Every row (that fits), by user and name. Close it with `aclosing`."""
        after: tuple[str, str] | None = None
        while True:
            page = await self._page(_rows(sweep, after, conditions))
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            after = (page[-1].user, page[-1].name)

    async def summary(self, sweep: str) -> Summary:
        """Counted in one reading of the plan."""
        said = select(_R.verdict, LEFT_OVER.label("is_left"), _BAD.label("is_bad"), func.count())
        query = said.where(_R.sweep == sweep).group_by("verdict", "is_left", "is_bad")

        def work(connection: Connection) -> list[Any]:
            return list(connection.execute(query))

        totals, left_over, bad = Counter[str](), 0, 0
        for verdict, is_left, is_bad, count in await self._database.read_in_one(work):
            totals[verdict] += count
            left_over += count if is_left else 0
            bad += count if is_bad else 0
        return Summary({verdict: totals[verdict] for verdict in sorted(filter(None, totals))}, left_over, bad)

    async def _page(self, query: Select[Any]) -> list[Found]:
        return list(map(Found._make, await self._database.read_in_one(lambda connection: rows_of(connection, _COLUMNS, query))))


def _rows(sweep: str, after: tuple[str, str] | None, conditions: tuple[ColumnElement[bool], ...]) -> Select[Any]:
    further = [] if after is None else [or_(_R.user > after[0], and_(_R.user == after[0], _R.name > after[1]))]
    return select(*_COLUMNS).where(_R.sweep == sweep, *conditions, *further).order_by(_R.user, _R.name).limit(_PAGE)
