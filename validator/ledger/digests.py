"""From history to outbox: what waits to be told becomes one digest a user, in the transaction that says it is told.

What was queued for earlier sweeps and no channel had yet is made anew with what has come since: after nights without a
channel a user gets one message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.tables import HISTORY, STATUSES
from validator.ledger.history import BAD, NOBODY, Event, event_of, telling
from validator.ledger.notices import Kind, Line, Notices, Route
from validator.ledger.users import User, Users
from validator.status import State

_H: Final = HISTORY.c
_S: Final = STATUSES.c
_SAME: Final = and_(*(_H[name] == _S[name] for name in ("user", "host", "path", "fingerprint", "row")))
Router = Callable[[User], Route]


class Digests:
    """Makes the users' digests of one ledger."""

    def __init__(self, database: Database, notices: Notices, users: Users) -> None:
        self._database = database
        self._notices = notices
        self._users = users

    async def compose(
        self, sweep: str, now: datetime, *, route: Router, recovered: bool = False, remind_after: timedelta | None = None
    ) -> Mapping[str, Route]:  # fmt: skip
        """Make a digest for each user with something to know, as `route` says; returns the routes of these users.

        Call it in `Ledger.together`: all of it is one transaction. `recovered`: tell recoveries; `remind_after`: tell of what
        is bad still, when it was last told so long ago (None: never). A second call finds nothing new to tell.
        """

        async def work(connection: AsyncConnection) -> Mapping[str, Route]:
            known = {user.user: user for user in await self._users.all()}

            def routed(user: str) -> Route:
                return route(known.get(user) or User(user=user))

            await self._give_back(connection, await self._notices.take_back(open_to=lambda user: bool(routed(user).channels)))
            reminders = await self._reminders(connection, now - remind_after) if remind_after is not None else {}
            waiting = await self._waiting(connection)
            told = {user: telling(events, recovered=recovered) for user, events in waiting.items()}
            again = {user: [e for e in events if all(e.key.scope != t.key.scope for t in told.get(user, ()))] for user, events in reminders.items()}
            users = sorted({*told, *again})
            digests = {user: (_lines(told.get(user, ()), again.get(user, ())), routed(user)) for user in users if told.get(user) or again.get(user)}
            names = await self._notices.put_all(sweep, Kind.USER, digests, now=now)
            marks = {event.id: names[user] for user in names for event in (*told.get(user, ()), *again.get(user, ()))}
            silent = {event.id for user in waiting if user in names or user not in digests for event in waiting[user]} - set(marks)
            await _mark(connection, marks, now)
            await _mark(connection, dict.fromkeys(silent, NOBODY), None)
            return {user: digests[user][1] for user in names}

        return await self._database.write(work, HISTORY, STATUSES)

    async def _give_back(self, connection: AsyncConnection, digests: Mapping[str, Sequence[Line]]) -> None:
        """Their events wait again; what they were to be reminded of has been told before."""
        lines = [(digest, line) for digest, told in digests.items() for line in told]
        mine = and_(_H.id == bindparam("event"), _H.notice == bindparam("digest"))
        for again, changed in ((False, {"notice": None, "told_at": None}), (True, {"notice": None})):
            rows = [{"event": line["event"], "digest": digest} for digest, line in lines if line["reminder"] is again]
            if rows:
                await connection.execute(update(HISTORY).where(mine).values(changed), rows)

    async def _waiting(self, connection: AsyncConnection) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for row in await connection.execute(select(HISTORY).where(_H.notice.is_(None)).order_by(_H.at, _H.id)):
            found[row.user].append(event_of(row))
        return found

    async def _reminders(self, connection: AsyncConnection, before: datetime) -> dict[str, list[Event]]:
        """The last bad event of what is bad still, last told before then."""
        bad = and_(_S.state.in_((State.DEAD, State.IMPAIRED)), _H.transition.in_(BAD), _H.notice.is_not(None), _H.notice != NOBODY)
        query = select(HISTORY).join(STATUSES, _SAME).where(bad, _H.told_at <= before).order_by(_H.at, _H.id)
        last = {event.key: event for event in map(event_of, (await connection.execute(query)).all())}
        newer = await connection.execute(select(HISTORY).join(STATUSES, _SAME).where(bad, _H.told_at > before))
        recent = {event_of(row).key for row in newer}
        found: dict[str, list[Event]] = defaultdict(list)
        for key, event in last.items():
            if key not in recent:
                found[key.user].append(event)
        return found


async def _mark(connection: AsyncConnection, notices: Mapping[str, str], told_at: datetime | None) -> None:
    """Write down which digest told each event, by its id."""
    if notices:
        statement = update(HISTORY).where(_H.id == bindparam("event")).values({"notice": bindparam("digest"), "told_at": told_at})
        await connection.execute(statement, [{"event": event, "digest": digest} for event, digest in notices.items()])


def _lines(told: Iterable[Event], again: Iterable[Event]) -> list[Line]:
    return [*(line_of(event, reminder=event.told_at is not None) for event in told), *(line_of(event, reminder=True) for event in again)]


def line_of(event: Event, *, reminder: bool = False) -> Line:
    """The facts of one line, as JSON; its words are made when it is sent."""
    line: dict[str, Any] = {
        "event": event.id, "name": event.name, "host": event.key.scope.host, "path": event.key.scope.path, "fingerprint": event.key.fingerprint,
        "row": event.key.row, "happened": event.transition.value, "verdict": event.verdict, "reason": event.reason,
        "hints": [hint.value for hint in event.hints], "at": event.at.isoformat(), "since": _text(event.since),
        "expires_at": _text(event.expires_at), "reminder": reminder,
    }  # fmt: skip
    return line


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


__all__ = ["Digests", "Router", "line_of"]
