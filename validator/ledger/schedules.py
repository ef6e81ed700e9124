"""When a schedule was last due and taken: of several processes one takes it, and a clock that jumps back takes nothing twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.sweeping import SCHEDULES
from validator.ledger.base.tables import upsert


class Schedules:
    """The schedules of one ledger, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def taken(self, name: str) -> datetime | None:
        """The latest instant at which it was due and was taken; None: it never ran here."""

        async def work(connection: AsyncConnection) -> datetime | None:
            found: datetime | None = await connection.scalar(select(SCHEDULES.c.due_at).where(SCHEDULES.c.name == name))
            return found

        return await self._database.read(work)

    async def take(self, name: str, due_at: datetime) -> bool:
        """Take what was due at `due_at`; False if somebody took that, or a later one. One that never ran here takes nothing: it begins."""

        async def work(connection: AsyncConnection) -> bool:
            query = select(SCHEDULES.c.due_at).where(SCHEDULES.c.name == name).with_for_update()
            before: datetime | None = await connection.scalar(query)
            if before is not None and before >= due_at:
                return False
            await upsert(connection, SCHEDULES, {"name": name, "due_at": due_at})
            return before is not None

        return await self._database.write(work)

    async def set_back(self, name: str, due_at: datetime) -> None:
        """Take back instants after `due_at`: a clock that ran ahead had taken them."""

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, SCHEDULES, {"name": name, "due_at": due_at})

        await self._database.write(work)
