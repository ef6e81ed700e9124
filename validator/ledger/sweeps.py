"""Sweeps: which are under way, by whom, how far each of their lanes is, and what a lane's nights were like.

A sweep whose process ended goes on in the next one with the same filters, for a day; the rows of a sweep are `plans.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.processes import HELD_FOR, has_ended
from validator.ledger.base.sweeping import SUB_LANES, SWEEP_LANES, SWEEP_ROWS, SWEEPS
from validator.ledger.base.tables import upsert

GOES_ON_FOR: Final = timedelta(hours=24)
"""So old a sweep may be that is gone on with."""
_S: Final = SWEEPS.c
_L: Final = SWEEP_LANES.c


@dataclass(frozen=True, slots=True)
class Filters:
    """What a sweep is about: one user's, one registry's; `released`: only what a quarantine is to let go."""

    user: str | None = None
    host: str | None = None
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """A sweep. `planned_at`: since then every credential of it has a row; `stopped_at`: a signal ended it, it may go on."""

    id: str
    filters: Filters
    started_at: datetime
    planned_at: datetime | None
    stopped_at: datetime | None
    finished_at: datetime | None
    owner: str
    epoch: int
    expires_at: datetime
    notices: Mapping[str, Any] | None

    def is_led(self, now: datetime) -> bool:
        """True while a process is at it."""
        return self.finished_at is None and self.stopped_at is None and self.expires_at > now and not has_ended(self.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """One registry of a sweep; `asked` and `fell` are formerly valid secrets, distinct."""

    sweep: str
    host: str
    credentials: int = 0
    done: int = 0
    probes: int = 0
    requests: int = 0
    refused_logins: int = 0
    asked: int = 0
    fell: int = 0
    quarantined: bool = False
    waiting_until: datetime | None = None
    finished_at: datetime | None = None
    failed_at: datetime | None = None

    @property
    def over(self) -> bool:
        """True if nothing more is done for it in its sweep."""
        return self.finished_at is not None or self.failed_at is not None


_LANE_FIELDS: Final = tuple(field.name for field in fields(LaneRow))
_LANE_COUNTS: Final = ("credentials", "done", "probes", "requests", "refused_logins", "asked", "fell")


class Sweeps:
    """The sweeps of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, name: str, filters: Filters, owner: str, *, now: datetime) -> SweepRow:
        """The sweep to be made: the latest with these filters that nobody leads and that is not over, else a new one, `name`."""
        open_ = and_(_same(filters), _S.finished_at.is_(None), _S.started_at > now - GOES_ON_FOR, _S.started_at < now + GOES_ON_FOR)

        async def work(connection: AsyncConnection) -> SweepRow:
            query = select(SWEEPS).where(open_).order_by(_S.started_at.desc(), _S.id.desc()).with_for_update()
            found = [_sweep(row) for row in await connection.execute(query)]
            left = next((one for one in found if not one.is_led(now)), None)
            if left is None or any(one.started_at > left.started_at for one in found if one.is_led(now)):
                values = {
                    "id": name, "user": filters.user, "host": filters.host, "released": filters.released, "started_at": now, "planned_at": None,
                    "stopped_at": None, "finished_at": None, "owner": owner, "epoch": 1, "expires_at": now + HELD_FOR, "notices": None,
                }  # fmt: skip
                await connection.execute(SWEEPS.insert().values(values))
                return _sweep((await connection.execute(select(SWEEPS).where(_S.id == name))).one())
            taken = {"owner": owner, "epoch": left.epoch + 1, "expires_at": now + HELD_FOR, "stopped_at": None}
            await connection.execute(update(SWEEPS).where(_S.id == left.id).values(taken))
            return _sweep((await connection.execute(select(SWEEPS).where(_S.id == left.id))).one())

        return await self._database.write(work)

    async def beat(self, sweep: SweepRow, *, now: datetime) -> bool:
        """It is still led by this epoch; False if another leads it."""
        return await self._change(sweep, expires_at=now + HELD_FOR)

    async def planned(self, sweep: SweepRow, *, now: datetime) -> bool:
        """Every credential has its row."""
        return await self._change(sweep, planned_at=now)

    async def stop(self, sweep: SweepRow, *, now: datetime) -> bool:
        """It ends early, and may go on."""
        return await self._change(sweep, stopped_at=now)

    async def finish(self, sweep: SweepRow, *, now: datetime, notices: Mapping[str, int] | None = None) -> bool:
        """It is over; so are those of before with the same filters that nobody leads."""
        older = and_(_same(sweep.filters), _S.finished_at.is_(None), _S.started_at < sweep.started_at)

        async def work(connection: AsyncConnection) -> bool:
            mine = and_(_S.id == sweep.id, _S.owner == sweep.owner, _S.epoch == sweep.epoch)
            values = {"finished_at": now, "stopped_at": None, "notices": None if notices is None else dict(notices)}
            done = (await connection.execute(update(SWEEPS).where(mine).values(values))).rowcount > 0
            for one in [_sweep(row) for row in await connection.execute(select(SWEEPS).where(older))]:
                if not one.is_led(now):
                    await connection.execute(update(SWEEPS).where(_S.id == one.id).values({"finished_at": now}))
            return done

        return await self._database.write(work)

    async def get(self, name: str) -> SweepRow | None:
        """One sweep, or None."""
        found = await self._select(_S.id == name)
        return found[0] if found else None

    async def of_owner(self, owner: str, *, now: datetime) -> SweepRow | None:
        """The latest that `owner` leads, or led last, and that is not over; who beats it leads it on."""
        mine = and_(_S.owner == owner, _S.finished_at.is_(None), _S.stopped_at.is_(None), _S.started_at > now - GOES_ON_FOR)
        found = await self._select(mine, limit=1)
        return found[0] if found else None

    async def newest(self, limit: int = 100) -> tuple[SweepRow, ...]:
        """The last sweeps, the newest first."""
        return await self._select(limit=limit)

    async def open(self) -> tuple[SweepRow, ...]:
        """Those that are not over, the newest first."""
        return await self._select(_S.finished_at.is_(None))

    async def put_lanes(self, *lanes: LaneRow) -> None:
        """How far these lanes are."""
        rows = [{name: getattr(lane, name) for name in _LANE_FIELDS} for lane in lanes]

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, SWEEP_LANES, rows)

        if rows:
            await self._database.write(work)

    async def fail_lane(self, sweep: str, host: str, *, now: datetime) -> None:
        """A fault of ours ended this lane: what is left of it is left."""
        values = {"sweep": sweep, "host": host, **dict.fromkeys(_LANE_COUNTS, 0), "quarantined": False, "failed_at": now}
        row = dict.fromkeys(_LANE_FIELDS) | values

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, SWEEP_LANES, row, lambda new: {"failed_at": new["failed_at"]})

        await self._database.write(work)

    async def lanes(self, sweep: str) -> tuple[LaneRow, ...]:
        """The lanes of a sweep, by host."""
        return await self._lanes(select(SWEEP_LANES).where(_L.sweep == sweep).order_by(_L.host))

    async def nights(self, host: str, *, limit: int) -> tuple[LaneRow, ...]:
        """The latest finished lanes of `host` that were no mass death, the oldest first."""
        well = and_(_L.host == host, _L.finished_at.is_not(None), _L.quarantined.is_(False))
        return tuple(reversed(await self._lanes(select(SWEEP_LANES).where(well).order_by(_L.finished_at.desc()).limit(limit))))

    async def requests_since(self, host: str, since: datetime) -> int:
        """What sweeps that began after then have asked of `host`."""
        query = select(func.sum(_L.requests)).join_from(SWEEP_LANES, SWEEPS, _S.id == _L.sweep).where(_L.host == host, _S.started_at > since)

        def work(connection: Connection) -> int:
            return int(connection.scalar(query) or 0)

        return await self._database.read_in_one(work)

    async def trim(self, before: datetime, *, newest: str) -> int:
        """Forget sweeps that were over before then; how many went. Rows are kept of the `newest` and of those under way."""
        old = select(_S.id).where(or_(_S.finished_at < before, and_(_S.finished_at.is_(None), _S.started_at < before)))

        async def work(connection: AsyncConnection) -> int:
            stale = [name for (name,) in await connection.execute(select(_S.id).where(_S.finished_at.is_not(None), _S.id != newest))]
            gone = [name for (name,) in await connection.execute(old) if name != newest]
            for part in _parts([*stale, *gone]):
                await connection.execute(delete(SWEEP_ROWS).where(SWEEP_ROWS.c.sweep.in_(part)))
            for part in _parts(gone):
                await connection.execute(delete(SWEEP_LANES).where(_L.sweep.in_(part)))
                await connection.execute(delete(SUB_LANES).where(SUB_LANES.c.sweep.in_(part)))
                await connection.execute(delete(SWEEPS).where(_S.id.in_(part)))
            return len(gone)

        return await self._database.write(work)

    async def _change(self, sweep: SweepRow, **values: Any) -> bool:
        mine = and_(_S.id == sweep.id, _S.owner == sweep.owner, _S.epoch == sweep.epoch)

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(update(SWEEPS).where(mine).values(values))).rowcount > 0

        return await self._database.write(work)

    async def _select(self, *conditions: ColumnElement[bool], limit: int = 1000) -> tuple[SweepRow, ...]:
        query = select(SWEEPS).where(*conditions).order_by(_S.started_at.desc(), _S.id.desc()).limit(limit)

        async def work(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(query)).all()

        return tuple(_sweep(row) for row in await self._database.read(work))

    async def _lanes(self, query: Any) -> tuple[LaneRow, ...]:
        async def work(connection: AsyncConnection) -> Iterable[Any]:
            return (await connection.execute(query)).all()

        return tuple(LaneRow(**{name: getattr(row, name) for name in _LANE_FIELDS}) for row in await self._database.read(work))


def _same(filters: Filters) -> ColumnElement[bool]:
    return and_(
        _S.user.is_(None) if filters.user is None else _S.user == filters.user,
        _S.host.is_(None) if filters.host is None else _S.host == filters.host,
        _S.released.is_(filters.released),
    )


def _sweep(row: Any) -> SweepRow:
    plain = {name: getattr(row, name) for name in SweepRow.__slots__ if name != "filters"}
    return SweepRow(filters=Filters(row.user, row.host, row.released), **plain)


def _parts(names: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    """Older SQLite takes 999 parameters."""
    return (names[at : at + size] for at in range(0, len(names), size))
