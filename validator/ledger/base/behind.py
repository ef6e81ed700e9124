"""Writes that wait a moment to be made together: rows queued by statement, and what one transaction makes of all of them.

A sweep learns more in a second than one transaction a probe can write. What may be asked once more after a crash is queued
here and written by `Database.keep`, at most a second or MOST writes later; what must outlive a crash is written at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Executable, Select, Table, bindparam, delete, select, tuple_

from validator.ledger.base.driver_rows import Prepared
from validator.ledger.base.tables import inserted

AFTER_S: Final = 1.0
"""So long a write waits at most (a second of accepted logins is asked again after a crash)."""
MOST: Final = 500
"""So many writes are not waited with: one transaction of them takes 10 to 20 ms."""
TOO_MANY: Final = 10 * MOST
"""From here on who adds a write waits for the database: it is slower than what it is given."""
_KEYS_AT_ONCE: Final = 150
"""Rows of one look-up: older SQLite takes 999 parameters, and the longest key has five parts."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One way to write a row of `table`, built once a database's kind. Compared by identity: keep it in a constant.

    Rows are whole: every column but an automatic key. Where the primary key is there already the row is changed to
    `changes(excluded)`, by default to the new values; then of two writes of one key only the later is made. `appends`: the
    row is always a new one. `removes`: the row goes; of its values only the primary key is looked at.
    """

    table: Table
    changes: Callable[[Any], Mapping[str, Any]] | None = None
    appends: bool = False
    removes: bool = False
    _key: list[str] = field(default_factory=list)
    _prepared: list[Prepared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key.extend(column.name for column in self.table.primary_key)
        self._prepared.append(Prepared(self._build))

    def run(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write these."""
        self._prepared[0].run(connection, rows)

    def _build(self, dialect: str) -> Executable:
        if self.removes:
            return delete(self.table).where(*(column == bindparam(column.name) for column in self.table.primary_key))
        return self.table.insert() if self.appends else inserted(dialect, self.table, self.changes)

    def key_of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The row's primary key."""
        return tuple([values[name] for name in self._key])


@dataclass(frozen=True, slots=True)
class Write:
    """One row to be written."""

    statement: Statement
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Writes that depend on the row of `table` under `key` (every column of its primary key) as it is when they are made.

    `make` gets that row (None: there is none) inside the transaction that writes alone, so that no other process's write is
    lost; it is quick and pure, or keeps what it made where its maker finds it, and may be called again when a transaction
    failed. The rows of many changes are read at once.
    """

    table: Table
    key: Mapping[str, Any]
    make: Callable[[Any], Iterable[Write]]


@dataclass(slots=True)
class Batch:
    """Writes in an order that may be kept by statement: of two writes of one row by different ones the later is in a later section."""

    sections: list[dict[Statement | Table, dict[Hashable, Any]]] = field(default_factory=list)
    count: int = 0
    tables: set[Table] = field(default_factory=set)
    _owners: dict[tuple[Any, ...], Statement | Table] = field(default_factory=dict)

    def add(self, one: Write | Change) -> None:
        """Put it behind all others of its row."""
        if isinstance(one, Change):
            by: Statement | Table = one.table
            table, key, value = one.table, tuple([one.key[column.name] for column in one.table.primary_key]), one.make
            at: Hashable = key
        else:
            by, table, value = one.statement, one.statement.table, one.values  # type: ignore[assignment]  # one dict holds both
            key = () if one.statement.appends else one.statement.key_of(one.values)
            at = key if one.statement.changes is None and not one.statement.appends else self.count
        if key:
            row = (table, *key)
            if not self.sections or (self._owners.get(row, by) is not by or (isinstance(one, Change) and row in self._owners)):
                self.sections.append({})
                self._owners.clear()
            self._owners[row] = by
        elif not self.sections:
            self.sections.append({})
        self.sections[-1].setdefault(by, {})[at] = value
        self.count += 1
        self.tables.add(table)

    def extend(self, other: Batch) -> None:
        """Put all of `other` behind it."""
        if other.sections:
            self.sections += other.sections
            self._owners = other._owners
        self.count += other.count
        self.tables |= other.tables

    def make(self, connection: Connection) -> None:
        """Write all of it in the transaction of `connection`; raises what SQLAlchemy raises, and may be made again."""
        for section in self.sections:
            for by, rows in section.items():
                if isinstance(by, Table):
                    _change(connection, by, rows)
                else:
                    by.run(connection, rows.values())


def _change(connection: Connection, table: Table, makers: Mapping[Hashable, Callable[[Any], Iterable[Write]]]) -> None:
    """Read the rows of these keys and write what their makers make of them."""
    columns = list(table.primary_key)
    found: dict[Hashable, Any] = {}
    keys = list(makers)
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        query = of_keys(table, keys[start : start + _KEYS_AT_ONCE])
        for row in connection.execute(query):
            found[tuple([row._mapping[column.name] for column in columns])] = row
    made = Batch()
    for key, make in makers.items():
        for one in make(found.get(key)):
            made.add(one)
    made.make(connection)


def of_keys(table: Table, keys: Sequence[Any]) -> Select[Any]:
    """The rows of `table` under these primary keys, locked against other writers where the database knows row locks."""
    columns = list(table.primary_key)
    if len(columns) == 1:
        return select(table).where(columns[0].in_([key[0] for key in keys])).with_for_update()
    return select(table).where(tuple_(*columns).in_(keys)).with_for_update()
