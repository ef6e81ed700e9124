"""Signs that a registry is ill, or that none is there: what was seen at a host, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, select

from validator.ledger.base.behind import Statement, Write
from validator.ledger.base.database import Database
from validator.ledger.base.tables import SIGNS

KEPT: Final = timedelta(days=30)
PRUNED_EVERY: Final = timedelta(days=1)
_S: Final = SIGNS.c
_SHOWN: Final = Statement(SIGNS, appends=True)


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing seen at a host; `kind` is the caller's word (a reason code, `canary_refused`, …)."""

    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """When a kind of sign was first and last seen."""

    first: datetime
    last: datetime


_SPANS: Final = (
    select(_S.kind, func.min(_S.at, type_=_S.at.type).label("first"), func.max(_S.at, type_=_S.at.type).label("last"))
    .where(_S.host == bindparam("at_host"))
    .group_by(_S.kind)
)


def spans_at(connection: Connection, host: str) -> dict[str, Span]:
    """When each kind was first and last seen at `host`, of what is kept."""
    return {row.kind: Span(row.first, row.last) for row in connection.execute(_SPANS, {"at_host": host})}


class Illness:
    """The signs of one ledger, kept for 30 days."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pruned_at: dict[str, datetime] = {}

    @staticmethod
    def showing(host: str, kind: str, *, now: datetime) -> Write:
        """`kind` was seen at `host`: to be kept with others."""
        return Write(_SHOWN, {"host": host, "kind": kind, "at": now})

    async def add(self, host: str, kind: str, *, now: datetime) -> None:
        """See `showing`; signs that are too old go."""
        await self.prune(host, now=now)
        await self._database.keep(self.showing(host, kind, now=now))

    async def prune(self, host: str, *, now: datetime) -> None:
        """Forget the signs that are too old, once a day."""
        before = self._pruned_at.get(host)
        if before is None or now - before >= PRUNED_EVERY:
            await self._database.write_in_one(lambda connection: connection.execute(delete(SIGNS).where(_S.host == host, _S.at < now - KEPT)))
            self._pruned_at[host] = now

    async def since(self, host: str, since: datetime) -> tuple[Sign, ...]:
        """What was seen at `host` from `since` on, the oldest first."""
        query = select(_S.kind, _S.at).where(_S.host == host, _S.at >= since).order_by(_S.at, _S.id)

        def work(connection: Connection) -> tuple[Sign, ...]:
            return tuple(Sign(row.kind, row.at) for row in connection.execute(query))

        return await self._database.read_in_one(work, SIGNS)
