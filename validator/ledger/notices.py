"""The outbox: digests on their way to users, operator and machines; each is claimed before it is sent, and settled after.

A claim is committed before the channel gets anything: after a crash in between nobody knows whether it was taken, so it is
`maybe_sent`, shown, and never sent again. What was surely not taken goes back to `queued` with a time. Nothing is lost: an
event waits in the history until a digest has it, in one transaction with that digest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.digests import Address, Kind, Line, Notice, NoticeState, Place, Route, digest_id
from validator.ledger.base.tables import NOTICES

__all__ = ["Address", "Kind", "Line", "Notice", "NoticeState", "Notices", "Place", "Route", "digest_id"]

_N: Final = NOTICES.c


class Notices:
    """The outbox of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, sweep: str, user: str, kind: Kind, lines: Sequence[Line], route: Route, *, now: datetime) -> str | None:
        """Queue one digest; its id, or None if this sweep has had one for this user and kind: what it tells waits for the next."""
        return (await self.put_all(sweep, kind, {user: (lines, route)}, now=now)).get(user)

    async def put_all(
        self, sweep: str, kind: Kind, digests: Mapping[str, tuple[Sequence[Line], Route]], *, now: datetime
    ) -> Mapping[str, str]:  # fmt: skip
        """Queue a digest for each of these users, as `put` does; the ids of those that were queued."""

        async def work(connection: AsyncConnection) -> Mapping[str, str]:
            had = {row.user for row in await connection.execute(select(_N.user).where(_N.sweep == sweep, _N.kind == kind))}
            names = {user: digest_id(sweep, user, kind) for user in digests if user not in had}
            rows = [
                _new(name, channel, sweep, user, kind, *digests[user], now) for user, name in names.items() for channel in _channels(digests[user][1])
            ]
            if rows:
                await connection.execute(NOTICES.insert(), rows)
            return names

        return await self._database.write(work)

    async def take_back(self, *, open_to: Callable[[str], bool]) -> Mapping[str, tuple[Line, ...]]:
        """Delete the users' digests that no channel had yet, to be made anew with what has come since; their lines by id.

        Those are queued in all their channels, or undeliverable where the user is `open_to` notices now. Call it in one
        transaction with what gives their events back.
        """
        waiting = (NoticeState.QUEUED, NoticeState.UNDELIVERABLE)

        async def work(connection: AsyncConnection) -> Mapping[str, tuple[Line, ...]]:
            query = select(_N.id, _N.user, _N.state, _N.lines).where(_N.kind == Kind.USER, _N.state.in_(waiting))
            rows = (await connection.execute(query)).all()
            found = {row.id: tuple(row.lines) for row in rows if row.state == NoticeState.QUEUED or open_to(row.user)}
            for part in _parts(sorted(found)):
                begun = await connection.execute(select(_N.id).where(_N.id.in_(part), _N.state.not_in(waiting)))
                for name in {row.id for row in begun}:
                    del found[name]
            for part in _parts(sorted(found)):
                await connection.execute(delete(NOTICES).where(_N.id.in_(part)))
            return found

        return await self._database.write(work)

    async def due(self, now: datetime, *, limit: int, places: Collection[Place] | None = None) -> tuple[Address, ...]:
        """Up to `limit` digests that may be claimed (for these channels): the operator's, then the least tried, then the oldest."""
        order = (_N.kind != Kind.OPERATOR, _N.attempts, _N.created_at, _N.user, _N.channel)
        query = select(_N.id, _N.channel).where(_due(now), *_at(places)).order_by(*order).limit(limit)
        found = await self._database.read_in_one(lambda connection: connection.execute(query).all())
        return tuple((row.id, row.channel) for row in found)

    async def claim(
        self, by: str, now: datetime, *, limit: int, per_hour: int | None = None, places: Collection[Place] | None = None,
        only: Address | None = None,
    ) -> tuple[Notice, ...]:  # fmt: skip
        """Up to `limit` digests that are due, now `sending` by `by`: nobody else gets them. In the order of `due`.

        `places`: only those for these channels; `only`: this one; `per_hour`: the most messages to users that channels may have
        taken in an hour; the rest stays queued. A digest is to be handed over only after this has returned.
        """
        if places is not None and not places:
            return ()

        def work(connection: Connection) -> tuple[Notice, ...]:
            room = limit if per_hour is None else min(limit, per_hour - _taken(connection, now))
            if only is None:
                wanted = [_due(now), *_at(places), *([] if room > 0 else [_N.kind != Kind.USER])]
                query = select(NOTICES).where(*wanted).order_by(_N.kind != Kind.OPERATOR, _N.attempts, _N.created_at, _N.user, _N.channel)
                rows = connection.execute(query.limit(room if room > 0 else limit).with_for_update(skip_locked=True)).all()
            else:
                this = connection.execute(_ONE, {"of_id": only[0], "of_channel": only[1]}).all()
                rows = [row for row in this if _may_be_claimed(row, now, room, places)]
            for row in rows:
                connection.execute(_CLAIM, {"of_id": row.id, "of_channel": row.channel, "by": by, "now": now, "tries": row.attempts + 1})
            return tuple(_notice(row, state=NoticeState.SENDING, claimed_by=by, claimed_at=now, attempts=row.attempts + 1) for row in rows)

        return await self._database.write_in_one(work)

    async def settle(
        self, notice: Notice, state: NoticeState, *, now: datetime, detail: str = "", next_at: datetime | None = None
    ) -> bool:  # fmt: skip
        """What became of a claimed digest: `queued` again with a time, or an end. False if it is not `notice.claimed_by`'s.

        One that was thought cut off and was not is settled too.
        """
        values = {
            "of_id": notice.id, "of_channel": notice.channel, "by": notice.claimed_by, "to": state.value, "why": detail, "at": next_at,
            "settled": None if state is NoticeState.QUEUED else now,
        }  # fmt: skip
        return await self._database.write_in_one(lambda connection: connection.execute(_SETTLE, values).rowcount > 0)

    async def abandoned(self, is_alive: Callable[[str, datetime], bool], *, now: datetime) -> tuple[Notice, ...]:
        """Call what a dead process had claimed `maybe_sent`; returns it. `is_alive` judges (claimed_by, claimed_at)."""

        async def work(connection: AsyncConnection) -> tuple[Notice, ...]:
            sending = (await connection.execute(select(NOTICES).where(_N.state == NoticeState.SENDING))).all()
            lost = [row for row in sending if not is_alive(row.claimed_by, row.claimed_at)]
            values = {"state": NoticeState.MAYBE_SENT.value, "settled_at": now, "detail": "its sender ended before it knew"}
            for row in lost:
                await connection.execute(update(NOTICES).where(_N.id == row.id, _N.channel == row.channel).values(values))
            return tuple(_notice(row, **values | {"state": NoticeState.MAYBE_SENT}) for row in lost)

        return await self._database.write(work)

    async def count(self, state: NoticeState, *, places: Collection[Place] | None = None) -> int:
        """How many digests are in this state (for these channels)."""
        query = select(func.count()).select_from(NOTICES).where(_N.state == state, *_at(places))

        async def work(connection: AsyncConnection) -> int:
            return int(await connection.scalar(query) or 0)

        return await self._database.read(work)

    async def again(self, digest: str, channel: str, *, now: datetime) -> bool:
        """Queue what may have been sent, or was refused, once more: a person has said so. False if it is neither."""
        this = and_(_N.id == digest, _N.channel == channel, _N.state.in_((NoticeState.MAYBE_SENT, NoticeState.FAILED)))
        values = {"state": NoticeState.QUEUED.value, "next_at": now, "claimed_by": None, "claimed_at": None, "settled_at": None}

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(update(NOTICES).where(this).values(values))).rowcount > 0

        return await self._database.write(work)

    async def next_due(self, now: datetime, *, per_hour: int | None = None, places: Collection[Place] | None = None) -> datetime | None:
        """When a claim finds something next, `now` at the earliest; None if nothing is queued."""

        def work(connection: Connection) -> datetime | None:
            queued = _N.state == NoticeState.QUEUED
            times = connection.execute(select(_N.next_at, _N.kind).where(queued, *_at(places))).all()
            if not times:
                return None
            free = now
            if per_hour is not None and _taken(connection, now) >= per_hour:
                first = connection.scalar(_FIRST, {"since": now - _HOUR})
                free = (first or now) + _HOUR
            return min(max(now if row.kind != Kind.USER else free, row.next_at or now) for row in times)

        return await self._database.read_in_one(work)

    async def all(
        self, *states: NoticeState, sweep: str | None = None, user: str | None = None, kind: Kind | None = None, limit: int = 1000
    ) -> tuple[Notice, ...]:  # fmt: skip
        """The newest `limit` digests (in these states, of this sweep, user, kind), the oldest first."""
        conditions: list[ColumnElement[bool]] = [_N.state.in_(states)] if states else []
        conditions += [column == value for column, value in ((_N.sweep, sweep), (_N.user, user), (_N.kind, kind)) if value is not None]
        query = select(NOTICES).where(*conditions).order_by(_N.created_at.desc(), _N.user.desc(), _N.channel.desc()).limit(limit)

        async def work(connection: AsyncConnection) -> Iterable[Any]:
            return (await connection.execute(query)).all()

        return tuple(_notice(row) for row in reversed(list(await self._database.read(work))))

    async def trim(self, before: datetime) -> int:
        """Forget the digests that were settled before then; how many went."""
        statement = delete(NOTICES).where(_N.settled_at < before, _N.state != NoticeState.QUEUED)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        return await self._database.write(work)


_THIS: Final = and_(_N.id == bindparam("of_id"), _N.channel == bindparam("of_channel"))
_ONE: Final = select(NOTICES).where(_THIS).with_for_update(skip_locked=True)
_CLAIM: Final = (
    update(NOTICES).where(_THIS)
    .values(state=NoticeState.SENDING.value, claimed_by=bindparam("by"), claimed_at=bindparam("now"), attempts=bindparam("tries"))
)  # fmt: skip
_SETTLE: Final = (
    update(NOTICES).where(_THIS, _N.claimed_by == bindparam("by"), _N.state.in_((NoticeState.SENDING, NoticeState.MAYBE_SENT)))
    .values(state=bindparam("to"), detail=bindparam("why"), next_at=bindparam("at"), settled_at=bindparam("settled"))
)  # fmt: skip


def _may_be_claimed(row: Any, now: datetime, room: int, places: Collection[Place] | None) -> bool:
    """What `_due` and `_at` say, of one row."""
    if row.state != NoticeState.QUEUED or (row.next_at is not None and row.next_at > now):
        return False
    return (room > 0 or row.kind != Kind.USER) and (places is None or (Kind(row.kind), row.channel) in places)


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(_N.state == NoticeState.QUEUED, or_(_N.next_at.is_(None), _N.next_at <= now))


def _at(places: Collection[Place] | None) -> tuple[ColumnElement[bool], ...]:
    if places is None:
        return ()
    return (or_(false(), *(and_(_N.kind == kind, _N.channel == channel) for kind, channel in places)),)


_HOUR: Final = timedelta(hours=1)
_TAKEN: Final = (NoticeState.SENDING, NoticeState.SENT, NoticeState.MAYBE_SENT)


_COUNTED: Final = and_(_N.kind == Kind.USER, _N.state.in_(_TAKEN), _N.claimed_at > bindparam("since"))
_HOW_MANY: Final = select(func.count()).select_from(NOTICES).where(_COUNTED)
_FIRST: Final = select(func.min(_N.claimed_at)).where(_COUNTED)


def _taken(connection: Connection, now: datetime) -> int:
    """Messages to users that channels took, or may have, in the last hour."""
    return int(connection.scalar(_HOW_MANY, {"since": now - _HOUR}) or 0)


def _channels(route: Route) -> tuple[str, ...]:
    return route.channels or ("",)


def _new(name: str, channel: str, sweep: str, user: str, kind: Kind, lines: Sequence[Line], route: Route, now: datetime) -> dict[str, Any]:
    return {
        "id": name, "channel": channel, "sweep": sweep, "user": user, "kind": kind.value, "state": route.state.value, "lines": list(lines),
        "created_at": now, "attempts": 0, "next_at": None, "claimed_by": None, "claimed_at": None,
        "settled_at": None if route.state is NoticeState.QUEUED else now, "detail": route.detail,
    }  # fmt: skip


def _parts(ids: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    """Older SQLite takes 999 parameters."""
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _notice(row: Any, **changed: Any) -> Notice:
    values = {name: getattr(row, name) for name in Notice.__slots__} | changed
    return Notice(**values | {"kind": Kind(values["kind"]), "state": NoticeState(values["state"]), "lines": tuple(values["lines"])})
