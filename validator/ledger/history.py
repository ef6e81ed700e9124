"""Every change of a stored secret, and which digest told its user of it.

An event is written in one transaction with the status that it is about (`Ledger.keep(statuses.…, history.writing(…))`, or
`Ledger.together`), so that none is lost and none is told of a status that was not kept. `telling` is pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.credential import OSMOS_OWN, Host, RegistryScope
from validator.ledger.base.behind import Statement, Write
from validator.ledger.base.database import Database
from validator.ledger.base.tables import HISTORY
from validator.ledger.statuses import StatusKey
from validator.sealing import Fingerprint
from validator.status import Standing, State, Step, Transition
from validator.verdict import Hint

_H: Final = HISTORY.c

BAD: Final = frozenset({Transition.DIED, Transition.NEVER_WORKED, Transition.IMPAIRED})
"""What a user has to do something about."""
TOLD: Final = BAD | {Transition.EXPIRING, Transition.RECOVERED}
"""All that a user is ever told; a recovery by setting."""
NOBODY: Final = ""
"""The `notice` of an event that nobody is to be told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change. `verdict`, `reason`, `level`, `hints` are the words behind it; `since`: when it was first said; no secret.

    `notice`: the digest's id, None while it waits for one, NOBODY if none is due; `told_at`: when a digest last spoke of it.
    """

    id: str
    key: StatusKey
    name: str
    sweep: str
    at: datetime
    transition: Transition
    state_before: State
    state_after: State
    verdict: str | None = None
    reason: str | None = None
    level: str | None = None
    hints: tuple[Hint, ...] = ()
    since: datetime | None = None
    expires_at: datetime | None = None
    notice: str | None = None
    told_at: datetime | None = None


def change_of(key: StatusKey, name: str, before: Standing | None, step: Step, *, at: datetime, sweep: str) -> Event | None:
    """The event that `step` (from `before`, at `at`) is; None if nothing changed.

    Its id follows from what it is, so that one written twice is one.
    """
    state = State.NEVER_CHECKED if before is None else before.state
    after = step.standing
    if step.transition is Transition.NONE and after.state is state:
        return None
    said = (key.user, key.scope.host, key.scope.path, key.fingerprint, key.row, at.isoformat(), step.transition, state, after.state)
    since = after.first_refused_at or (before.first_refused_at if before is not None else None)
    return Event(
        id=hashlib.sha256("\n".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:32],
        key=key,
        name=name,
        sweep=sweep,
        at=at,
        transition=step.transition,
        state_before=state,
        state_after=after.state,
        verdict=step.verdict.outcome.value,
        reason=step.verdict.reason.value,
        level=step.verdict.level.value if step.verdict.level is not None else None,
        hints=step.verdict.hints,
        since=since if step.transition in BAD else None,
        expires_at=after.expires_at,
        notice=None if step.transition in TOLD and key.user != OSMOS_OWN else NOBODY,  # of OSMO's own the operator hears, by an alert
    )


def telling(events: Sequence[Event], *, recovered: bool = False) -> tuple[Event, ...]:
    """What is left to be told of one user's `events` (by time) that were not told: one a registry path at most. Pure.

    What was bad and is well again before anybody heard is not told; of two bad events the later counts, since the first.
    `recovered`: by setting, a recovery is told, if its death was. An event with a `told_at` was told, and waits as a reminder.
    """
    left: dict[RegistryScope, Event] = {}
    for event in events:
        scope, before = event.key.scope, left.get(event.key.scope)
        bad_before = before is not None and before.transition in BAD and before.told_at is None
        if event.transition in BAD:
            same = before is not None and bad_before and before.key == event.key
            left[scope] = replace(event, since=before.since or event.since) if same and before is not None else event
        elif event.transition is Transition.EXPIRING:
            left[scope] = event
        elif event.transition is Transition.RECOVERED:
            left.pop(scope, None)
            if recovered and not bad_before:
                left[scope] = event
    return tuple(sorted(left.values(), key=lambda event: (event.at, event.name)))


_EVENT: Final = Statement(HISTORY, changes=lambda new: {})


class History:
    """The history of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, *events: Event) -> None:
        """Write these now, all or none. In `Ledger.together` it is one transaction with the rest."""
        if events:
            await self._database.keep(*(self.writing(event) for event in events), at_once=True)

    @staticmethod
    def writing(event: Event) -> Write:
        """This event, to be kept with its status and others (`Ledger.keep`); one that is there is left as it is."""
        return Write(_EVENT, _columns(event))

    async def of(self, user: str, name: str | None = None, *, scope: RegistryScope | None = None, limit: int = 1000) -> tuple[Event, ...]:
        """A user's events, the newest `limit` of them, the oldest first; of one credential by its name, its scope, or both."""
        conditions: list[ColumnElement[bool]] = [_H.user == user]
        conditions += [] if name is None else [_H.name == name]
        conditions += [] if scope is None else [_H.host == scope.host, _H.path == scope.path]
        query = select(HISTORY).where(*conditions).order_by(_H.at.desc(), _H.id).limit(limit)
        return tuple(reversed(await self._events(query)))

    async def of_sweep(self, sweep: str) -> tuple[Event, ...]:
        """Every event of one sweep, the oldest first."""
        return await self._events(select(HISTORY).where(_H.sweep == sweep).order_by(_H.at, _H.id))

    async def untold(self) -> int:
        """How many events wait for a digest."""

        async def work(connection: AsyncConnection) -> int:
            found = await connection.scalar(select(func.count()).select_from(HISTORY).where(_H.notice.is_(None)))
            return int(found or 0)

        return await self._database.read(work, HISTORY)

    async def trim(self, before: datetime) -> int:
        """Forget what happened before then and waits for nobody; how many events went."""
        statement = delete(HISTORY).where(_H.at < before, _H.notice.is_not(None))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        return await self._database.write(work, HISTORY)

    async def _events(self, query: Any) -> tuple[Event, ...]:
        async def work(connection: AsyncConnection) -> Iterable[Any]:
            return (await connection.execute(query)).all()

        return tuple(event_of(row) for row in await self._database.read(work, HISTORY))


_PLAIN: Final = tuple(field.name for field in fields(Event) if field.name not in ("key", "hints", "transition", "state_before", "state_after"))


def _columns(event: Event) -> dict[str, Any]:
    key, row = event.key, {name: getattr(event, name) for name in _PLAIN}
    row |= {"user": key.user, "host": key.scope.host, "path": key.scope.path, "fingerprint": key.fingerprint, "row": key.row}
    row |= {name: getattr(event, name).value for name in ("transition", "state_before", "state_after")}
    return row | {"hints": [hint.value for hint in event.hints]}


def event_of(row: Any) -> Event:
    """A row of `HISTORY` as an event."""
    return Event(
        key=StatusKey(row.user, RegistryScope(Host(row.host), row.path), Fingerprint(row.fingerprint), row.row),
        hints=tuple(Hint(hint) for hint in row.hints),
        transition=Transition(row.transition),
        state_before=State(row.state_before),
        state_after=State(row.state_after),
        **{name: getattr(row, name) for name in _PLAIN},
    )
