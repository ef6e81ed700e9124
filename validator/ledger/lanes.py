"""Who sweeps a registry now, and whether it is in quarantine.

A hold is a fence: whoever takes a lane that another held gets a new epoch, and a writer of an old one is refused. It is
renewed with every checkpoint; one that is not renewed, or whose process is seen to have ended, is free. Times are by the
wall clocks of the machines: one that runs ahead takes a lane too early, and then the fence keeps the other's writes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.processes import HELD_FOR, has_ended
from validator.ledger.base.sweeping import LANES
from validator.ledger.base.tables import upsert

_L: Final = LANES.c


@dataclass(frozen=True, slots=True)
class Hold:
    """A lane that is held."""

    host: str
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class HeldBy:
    """A lane that another holds, until `until` if it does not renew it."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Since when a lane is in quarantine, and by what evidence."""

    host: str
    since: datetime
    evidence: Mapping[str, Any]


class Lanes:
    """The lanes of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, host: str, owner: str, *, now: datetime, after: str = "") -> Hold | HeldBy:
        """Hold `host`'s lane, if nobody does; its own holder takes it anew, and whoever comes `after` the one that has it."""
        return await self._take(host, owner, now, after, anew=True)

    async def join(self, host: str, owner: str, *, now: datetime) -> Hold | HeldBy:
        """Hold it together with all who hold it by this name: with one epoch, so that none of them fences the others."""
        return await self._take(host, owner, now, "", anew=False)

    async def _take(self, host: str, owner: str, now: datetime, after: str, *, anew: bool) -> Hold | HeldBy:
        async def work(connection: AsyncConnection) -> Hold | HeldBy:
            row = (await connection.execute(select(LANES).where(_L.host == host).with_for_update())).one_or_none()
            if row is not None and row.owner not in ("", owner, after) and row.expires_at > now and not has_ended(row.owner):
                return HeldBy(row.owner, row.expires_at)
            epoch = 1 if row is None else row.epoch + (anew or row.owner != owner)
            values = {"host": host, "owner": owner, "epoch": epoch, "expires_at": now + HELD_FOR}
            kept = {"quarantined_at": None, "evidence": None} if row is None else {"quarantined_at": row.quarantined_at, "evidence": row.evidence}
            await upsert(connection, LANES, values | kept)
            return Hold(host, owner, epoch)

        return await self._database.write(work)

    async def is_held(self, host: str, *, now: datetime) -> bool:
        """True while somebody holds it, as far as can be seen."""
        query = select(_L.owner, _L.expires_at).where(_L.host == host)

        async def work(connection: AsyncConnection) -> bool:
            row = (await connection.execute(query)).one_or_none()
            return row is not None and row.owner != "" and row.expires_at > now and not has_ended(row.owner)

        return await self._database.read(work)

    async def held_until(self, host: str) -> datetime | None:
        """Until when it is, or was last, held; None: it never was."""
        query = select(_L.expires_at).where(_L.host == host)

        async def work(connection: AsyncConnection) -> datetime | None:
            found: datetime | None = await connection.scalar(query)
            return found

        return await self._database.read(work)

    async def renew(self, hold: Hold, *, now: datetime) -> bool:
        """True while it is held: what is written in the same transaction may be written. False: another has it."""
        return await self._change(hold, expires_at=now + HELD_FOR)

    async def leave(self, hold: Hold) -> None:
        """Give it back; nothing if another has it by now."""
        await self._change(hold, owner="")

    async def quarantine(self, host: str, evidence: Mapping[str, Any], *, now: datetime) -> bool:
        """Put the lane into quarantine; False if it was there already (its evidence is the new one)."""

        async def work(connection: AsyncConnection) -> bool:
            since = await connection.scalar(select(_L.quarantined_at).where(_L.host == host))
            values = {"quarantined_at": since or now, "evidence": dict(evidence)}
            await connection.execute(update(LANES).where(_L.host == host).values(values))
            return since is None

        return await self._database.write(work)

    async def release(self, host: str) -> bool:
        """End the quarantine; False if there was none."""
        statement = update(LANES).where(_L.host == host, _L.quarantined_at.is_not(None)).values(quarantined_at=None, evidence=None)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement)).rowcount > 0

        return await self._database.write(work)

    async def quarantined(self, host: str | None = None) -> tuple[Quarantine, ...]:
        """The quarantines (of `host`)."""
        query = select(LANES).where(_L.quarantined_at.is_not(None), *([] if host is None else [_L.host == host])).order_by(_L.host)

        async def work(connection: AsyncConnection) -> tuple[Quarantine, ...]:
            return tuple(Quarantine(row.host, row.quarantined_at, row.evidence or {}) for row in await connection.execute(query))

        return await self._database.read(work)

    async def _change(self, hold: Hold, **values: Any) -> bool:
        mine = and_(_L.host == hold.host, _L.owner == hold.owner, _L.epoch == hold.epoch)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(update(LANES).where(mine).values(values))).rowcount > 0

        return await self._database.write(work)
