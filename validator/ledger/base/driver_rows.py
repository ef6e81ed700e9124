"""Rows as the driver has them, for statements of many rows: SQLAlchemy makes the text and the types, once for each kind of database.

It asks every column's type about every value, and most of a sweep's are NULL: half of what a row costs. Here a type is asked
about what is there alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, Dialect, Executable, Insert, Select, Table
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]
Columns = tuple[Column[Any], ...]
"""In a constant: what is worked out for them is kept for ever."""


@dataclass(slots=True, eq=False)
class Prepared:
    """A statement that writes; `build` makes it for a kind of database ("sqlite", "postgresql"), once.

    `names`: what the values of a row are that comes as a list; () where rows come by name.
    """

    build: Callable[[str], Executable]
    names: tuple[str, ...] = ()
    _made: dict[str, _Compiled] = field(default_factory=dict)

    def run(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute it once for each row, which holds every parameter by its name. Raises what SQLAlchemy raises."""
        made = self._compiled(connection.dialect)
        _execute(connection, made.text, list(map(made.values, rows)))

    def run_lists(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """The same of rows that hold every parameter in the order of `names`."""
        made = self._compiled(connection.dialect)
        _execute(connection, made.text, list(map(made.of_list, rows)))

    def _compiled(self, dialect: Dialect) -> _Compiled:
        if dialect.name not in self._made:
            self._made[dialect.name] = _Compiled(self.build(dialect.name), dialect, self.names)
        return self._made[dialect.name]


def _execute(connection: Connection, text: str, values: list[Any]) -> None:
    if values:
        connection.exec_driver_sql(text, values)


class _Compiled:
    """Its text, and which value stands where."""

    def __init__(self, statement: Executable, dialect: Dialect, names: Sequence[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=_named(statement))  # type: ignore[attr-defined]  # every statement that is executed has it
        assert isinstance(compiled, SQLCompiler)
        self.text = compiled.string
        self._names: Final[tuple[str, ...]] = tuple(compiled.positiontup or compiled.params)
        self._by_place = compiled.positional
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        types = [compiled.binds[name].type for name in self._names]
        self._in_order: Final = itemgetter(*[names.index(name) for name in self._names]) if names else None
        self._converts: Final = _placed(_short_write(one, dialect, one.dialect_impl(dialect).bind_processor(dialect)) for one in types)

    def values(self, row: Mapping[str, Any]) -> Any:
        """As the driver takes them."""
        fixed = self._fixed
        return self._converted([row[name] if name in row else fixed[name] for name in self._names])

    def of_list(self, row: Sequence[Any]) -> Any:
        """The same of a row in the order of `names`."""
        assert self._in_order is not None
        return self._converted(list(self._in_order(row)))

    def _converted(self, values: list[Any]) -> Any:
        for place, convert in self._converts:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values) if self._by_place else dict(zip(self._names, values, strict=True))


def _named(statement: Executable) -> list[str] | None:
    """The columns that an INSERT names: all but a key that the database makes."""
    if not isinstance(statement, Insert):
        return None
    table = statement.table
    assert isinstance(table, Table)
    return [column.name for column in table.c if column is not table.autoincrement_column]


def rows_of(connection: Connection, columns: Columns, query: Select[Any]) -> list[list[Any]]:
    """The rows of `query`, which selects these columns in this order, each as its values."""
    result = connection.execute(query)
    rows = [list(row) for row in result.cursor.fetchall()]
    result.close()
    for place, convert in _read_by(columns, connection.dialect):
        for row in rows:
            if row[place] is not None:
                row[place] = convert(row[place])
    return rows


_READ_BY: Final[dict[tuple[Columns, str], tuple[tuple[int, Convert], ...]]] = {}


def _read_by(columns: Columns, dialect: Dialect) -> tuple[tuple[int, Convert], ...]:
    key = (columns, dialect.name)
    if key not in _READ_BY:
        types = [column.type for column in columns]
        _READ_BY[key] = _placed(_short_read(one, dialect, one.dialect_impl(dialect).result_processor(dialect, None)) for one in types)
    return _READ_BY[key]


def _placed(found: Iterable[Convert | None]) -> tuple[tuple[int, Convert], ...]:
    return tuple((place, convert) for place, convert in enumerate(found) if convert is not None)


def _short_read(kind: TypeEngine[Any], dialect: Dialect, convert: Convert | None) -> Convert | None:
    """Most lists are empty: SQLite's JSON is text, and that text is known."""
    if convert is None or dialect.name != "sqlite" or not isinstance(kind, JSON):
        return convert
    return lambda text: [] if text == "[]" else convert(text)


def _short_write(kind: TypeEngine[Any], dialect: Dialect, convert: Convert | None) -> Convert | None:
    if convert is None or dialect.name != "sqlite" or not isinstance(kind, JSON):
        return convert
    return lambda value: "[]" if value == [] else convert(value)
