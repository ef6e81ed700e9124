"""What the operator is told of: once while it lasts, not each night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.tables import ALERTS, upsert

_A: Final = ALERTS.c
LASTS: Final = timedelta(days=7)
"""An alert that was not raised for so long is over: when it comes again, it is told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One alert: `kind` is a word of the caller's closed list, `subject` what it is about (a host, a user), `facts` its evidence.

    `first_at`: since when it lasts; `notice`: the digest that told it, None while it waits for one. No secret.
    """

    kind: str
    subject: str
    first_at: datetime
    last_at: datetime
    facts: Mapping[str, Any]
    notice: str | None = None


class Alerts:
    """The operator's alerts of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def raise_(self, kind: str, subject: str, facts: Mapping[str, Any], *, now: datetime) -> bool:
        """It is so (still); True if it was not so before."""

        async def work(connection: AsyncConnection) -> bool:
            query = select(ALERTS).where(_A.kind == kind, _A.subject == subject).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            new = row is None or now - row.last_at > LASTS
            values = {"kind": kind, "subject": subject, "first_at": now if new or row is None else row.first_at, "last_at": now}
            await upsert(connection, ALERTS, values | {"facts": dict(facts), "notice": None if new or row is None else row.notice})
            return new

        return await self._database.write(work)

    async def end(self, kind: str, subject: str) -> bool:
        """It is over: raised again, it is told again. False if it was not raised."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(delete(ALERTS).where(_A.kind == kind, _A.subject == subject))).rowcount > 0

        return await self._database.write(work)

    async def all(self) -> tuple[Raised, ...]:
        """Every alert that is kept, the newest last."""
        return await self._select()

    async def tell(self, notice: str) -> tuple[Raised, ...]:
        """Those not told yet, now told by the digest `notice`; to be called in one transaction with it."""
        untold = _A.notice.is_(None)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(ALERTS).where(untold).values({"notice": notice}))

        found = await self._select(untold)
        if found:
            await self._database.write(work)
        return found

    async def trim(self, before: datetime) -> int:
        """Forget those that were last raised before then; how many went."""

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(ALERTS).where(_A.last_at < before))).rowcount

        return await self._database.write(work)

    async def _select(self, *conditions: Any) -> tuple[Raised, ...]:
        query = select(ALERTS).where(*conditions).order_by(_A.first_at, _A.kind, _A.subject)

        async def work(connection: AsyncConnection) -> Iterable[Any]:
            return (await connection.execute(query)).all()

        return tuple(Raised(**{name: getattr(row, name) for name in Raised.__slots__}) for row in await self._database.read(work))
