"""What was last known of each stored secret: one row a (user, scope, fingerprint, row's hash).

A rotated secret has another key, so a verdict that comes late is never wrong, at most unseen (osmo.md section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from validator.credential import RegistryScope
from validator.ledger.base.behind import Change, Statement, Write
from validator.ledger.base.database import Database
from validator.ledger.base.driver_rows import Columns, rows_of
from validator.ledger.base.tables import STATUSES, inserted
from validator.sealing import Fingerprint
from validator.status import Standing, State
from validator.verdict import Hint, Level, Outcome, Reason

_S = STATUSES.c
_ALL: Final = tuple(STATUSES.c)
_NO_EVIDENCE: Final = tuple(column for column in _ALL if column.name != "evidence")
_AT_ONCE = 500
"""Fingerprints of one look-up: older SQLite takes 999 parameters."""


@dataclass(frozen=True, slots=True)
class StatusKey:
    """Whose status: `row` is `Credential.row`."""

    user: str
    scope: RegistryScope
    fingerprint: Fingerprint
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """A status as it is kept. `name` is the credential's name when it was written; words are of verdict and status.

    `verdict`, `reason`, `level`, `hints`, `checked_at` are of the last confirmed verdict that was not `unknown`; `told` are
    the events that the user was told of; `next_due_at` is when a sweep asks next at the earliest.
    """

    key: StatusKey
    name: str
    state: str = "never_checked"
    verdict: str | None = None
    reason: str | None = None
    level: str | None = None
    hints: tuple[str, ...] = ()
    checked_at: datetime | None = None
    last_attempt_verdict: str | None = None
    last_attempt_reason: str | None = None
    last_attempt_at: datetime | None = None
    expires_at: datetime | None = None
    first_refused_at: datetime | None = None
    refused_at: datetime | None = None
    accepted_at: datetime | None = None
    refusals_in_row: int = 0
    transition_at: datetime | None = None
    ever_valid: bool = False
    told: tuple[str, ...] = ()
    next_due_at: datetime | None = None
    unknown_since: datetime | None = None
    evidence: tuple[Mapping[str, Any], ...] | None = None


class Brief(NamedTuple):
    """What a plan takes of a status; as in `StatusKey` and `StatusRow`."""

    user: str
    host: str
    path: str
    row: str
    fingerprint: Fingerprint
    state: str
    verdict: str | None
    reason: str | None
    level: str | None
    checked_at: datetime | None
    last_attempt_at: datetime | None
    ever_valid: bool


def row_of(key: StatusKey, name: str, standing: Standing, evidence: tuple[Mapping[str, Any], ...] | None = None) -> StatusRow:
    """A standing as a row; `evidence` are the exchanges of the last attempt, without secrets."""
    return StatusRow(
        key=key,
        name=name,
        state=standing.state.value,
        verdict=standing.outcome.value if standing.outcome is not None else None,
        reason=standing.reason.value if standing.reason is not None else None,
        level=standing.level.value if standing.level is not None else None,
        hints=tuple(hint.value for hint in standing.hints),
        checked_at=standing.checked_at,
        last_attempt_verdict=standing.last_outcome.value if standing.last_outcome is not None else None,
        last_attempt_reason=standing.last_reason.value if standing.last_reason is not None else None,
        last_attempt_at=standing.last_at,
        expires_at=standing.expires_at,
        first_refused_at=standing.first_refused_at,
        refused_at=standing.refused_at,
        accepted_at=standing.accepted_at,
        refusals_in_row=standing.refusals_in_row,
        transition_at=standing.transition_at,
        ever_valid=standing.ever_valid,
        told=standing.told,
        next_due_at=standing.next_due_at,
        unknown_since=standing.unknown_since,
        evidence=evidence,
    )


_STATES: Final = {one.value: one for one in State}
_OUTCOMES: Final = {one.value: one for one in Outcome}
_REASONS: Final = {one.value: one for one in Reason}
_LEVELS: Final = {one.value: one for one in Level}


def standing_of(row: StatusRow | None) -> Standing | None:
    """What a row says, as the state machine reads it."""
    if row is None:
        return None
    return Standing(
        state=_STATES[row.state],
        outcome=_OUTCOMES[row.verdict] if row.verdict is not None else None,
        reason=_REASONS[row.reason] if row.reason is not None else None,
        level=_LEVELS[row.level] if row.level is not None else None,
        hints=tuple([Hint(hint) for hint in row.hints]),
        checked_at=row.checked_at,
        last_outcome=_OUTCOMES[row.last_attempt_verdict] if row.last_attempt_verdict is not None else None,
        last_reason=_REASONS[row.last_attempt_reason] if row.last_attempt_reason is not None else None,
        last_at=row.last_attempt_at,
        expires_at=row.expires_at,
        first_refused_at=row.first_refused_at,
        refused_at=row.refused_at,
        accepted_at=row.accepted_at,
        refusals_in_row=row.refusals_in_row,
        transition_at=row.transition_at,
        ever_valid=row.ever_valid,
        told=row.told,
        next_due_at=row.next_due_at,
        unknown_since=row.unknown_since,
    )


_LISTS: Final = ("hints", "told")
_OTHERS: Final = tuple(field.name for field in fields(StatusRow) if field.name != "key")
"""Its columns behind the key's, too, and in this order."""
_OTHERS_OF: Final = attrgetter(*_OTHERS)


_BRIEF: Final = tuple(_S[name] for name in Brief._fields)
_STATUS: Final = Statement(STATUSES)


class Statuses:
    """The statuses of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def writing(row: StatusRow) -> Write:
        """This row, over what its key had: to be kept with others."""
        return Write(_STATUS, _columns(row))

    @staticmethod
    def changing(key: StatusKey, step: Callable[[StatusRow | None], StatusRow | None]) -> Change:
        """What `step` makes of the row that is there when it is written (None: nothing): to be kept with others. See `Change`."""

        def make(found: Any) -> Iterable[Write]:
            made = step(None if found is None else _row(found))
            return () if made is None else (Write(_STATUS, _columns(made)),)

        return Change(STATUSES, _key_columns(key), make)

    async def put(self, *rows: StatusRow) -> None:
        """Write all of these in one transaction, each over what its key had."""
        if rows:
            await self._database.keep(*(self.writing(row) for row in rows), at_once=True)

    async def change(self, key: StatusKey, step: Callable[[StatusRow | None], StatusRow | None]) -> StatusRow | None:
        """Write what `step` makes of the row that is there, in one transaction, so that no other's write is lost.

        `step` is quick and pure; None writes nothing. Returns what `step` returned.
        """

        def work(connection: Connection) -> StatusRow | None:
            found = rows_of(connection, _ALL, select(STATUSES).where(_is(key)).with_for_update())
            made = step(_row(found[0]) if found else None)
            if made is not None:
                connection.execute(inserted(connection.dialect.name, STATUSES), _columns(made))
            return made

        return await self._database.write_in_one(work, STATUSES)

    async def get(self, key: StatusKey) -> StatusRow | None:
        """The row under `key`, or None."""
        found = await self._select(_is(key))
        return found[0] if found else None

    async def all(self, user: str | None = None) -> tuple[StatusRow, ...]:
        """Every row (of `user`), also of secrets that were since replaced: the caller joins them on the stored row's hash."""
        return await self._select(*([] if user is None else [_S.user == user]))

    async def by_fingerprint(self, *fingerprints: Fingerprint) -> tuple[StatusRow, ...]:
        """Every row of these secrets, of all users and scopes, without its evidence: that is most of a row, and a sweep reads each twice."""
        found: list[StatusRow] = []
        for start in range(0, len(fingerprints), _AT_ONCE):
            found += await self._select(_S.fingerprint.in_(fingerprints[start : start + _AT_ONCE]), columns=_NO_EVIDENCE)
        return tuple(found)

    async def between(self, first: str, last: str) -> tuple[StatusRow, ...]:
        """Every row of the users from `first` to `last`, in the order of their names."""
        return await self._select(_S.user >= first, _S.user <= last)

    async def briefs(self, first: str, last: str) -> list[Brief]:
        """The same rows in brief, in no order."""
        query = select(*_BRIEF).where(_S.user >= first, _S.user <= last)
        return [Brief(*row) for row in await self._database.read_in_one(lambda connection: rows_of(connection, _BRIEF, query), STATUSES)]

    async def forget(self, user: str, scope: RegistryScope) -> int:
        """Remove what is known of `user`'s secrets for `scope`; how many rows went."""
        statement = delete(STATUSES).where(_S.user == user, _S.host == scope.host, _S.path == scope.path)

        def work(connection: Connection) -> int:
            return connection.execute(statement).rowcount

        return await self._database.write_in_one(work, STATUSES)

    async def _select(self, *conditions: ColumnElement[bool], columns: Columns = _ALL) -> tuple[StatusRow, ...]:
        query = select(*columns).where(*conditions).order_by(_S.user, _S.name, _S.host, _S.path, _S.checked_at)

        return tuple(map(_row, await self._database.read_in_one(lambda connection: rows_of(connection, columns, query), STATUSES)))


def _is(key: StatusKey) -> ColumnElement[bool]:
    return and_(
        _S.user == key.user,
        _S.host == key.scope.host,
        _S.path == key.scope.path,
        _S.fingerprint == key.fingerprint,
        _S.row == key.row,
    )


def _columns(row: StatusRow) -> dict[str, Any]:
    columns = dict(zip(_OTHERS, _OTHERS_OF(row), strict=True)) | _key_columns(row.key)
    for name in _LISTS:
        columns[name] = list(columns[name])
    columns["evidence"] = None if row.evidence is None else [dict(exchange) for exchange in row.evidence]
    return columns


def _key_columns(key: StatusKey) -> dict[str, Any]:
    return {"user": key.user, "host": key.scope.host, "path": key.scope.path, "fingerprint": key.fingerprint, "row": key.row}


def _row(row: Sequence[Any]) -> StatusRow:
    """Of its values in the table's order, which is that of `StatusRow`; its evidence, the last, may be left out."""
    user, host, path, fingerprint, row_hash, *others = row
    values = dict(zip(_OTHERS, others, strict=False))
    for name in _LISTS:
        values[name] = tuple(values[name])
    values["evidence"] = tuple(values["evidence"]) if values.get("evidence") is not None else None
    return StatusRow(key=StatusKey(user, RegistryScope(host, path), fingerprint, row_hash), **values)
