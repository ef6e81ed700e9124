"""Signs that a registry is ill, or that none is there: what was seen at a host, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.tables import SIGNS

KEPT: Final = timedelta(days=30)
_S: Final = SIGNS.c


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing seen at a host; `kind` is the caller's word (a reason code, `canary_refused`, …)."""

    kind: str
    at: datetime


class Illness:
    """The signs of one ledger, kept for 30 days."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, host: str, kind: str, *, now: datetime) -> None:
        """`kind` was seen at `host`."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(SIGNS).where(_S.host == host, _S.at < now - KEPT))
            await connection.execute(SIGNS.insert().values(host=host, kind=kind, at=now))

        await self._database.write(work)

    async def since(self, host: str, since: datetime) -> tuple[Sign, ...]:
        """What was seen at `host` from `since` on, the oldest first."""
        query = select(_S.kind, _S.at).where(_S.host == host, _S.at >= since).order_by(_S.at, _S.id)

        async def work(connection: AsyncConnection) -> tuple[Sign, ...]:
            return tuple(Sign(row.kind, row.at) for row in await connection.execute(query))

        return await self._database.read(work)
