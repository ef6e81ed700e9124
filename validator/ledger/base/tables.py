"""The ledger's tables, the same on SQLite and Postgres.

Tables carry no schema: on Postgres `schema_translate_map` gives them ours. Every instant is aware UTC. A change here needs
a revision in `migrations/`; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, Boolean, Column, DateTime, Dialect, Float, Index, Insert, Integer, MetaData, Table, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import ColumnElement, case

HEAD: Final = "0006"
"""The newest revision of `migrations/`; a test holds it true. A database at it is opened without Alembic (360 ms)."""


_NO_ZONE: Final = len("2026-01-01 00:00:00.000000")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant: SQLite has no zones, so UTC goes in and UTC comes out. A naive one is refused: it would be read as another."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """As the database is given it: to SQLite as SQLAlchemy's own type writes it, without a zone."""
        return _written if dialect.name == "sqlite" else _in_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Aware, UTC."""
        return _read if dialect.name == "sqlite" else _in_utc


def _in_utc(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise ValueError("an instant without a zone")
    return None if value is None else value.astimezone(UTC)


def _written(value: datetime | None) -> str | None:
    utc = _in_utc(value)
    return None if utc is None else utc.isoformat(" ", "microseconds")[:_NO_ZONE]


def _read(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _json() -> JSON:
    return JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def json_column(name: str) -> Column[Any]:
    """A column of JSON that may be NULL."""
    return Column(name, _json())


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _instant(name: str) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=False)


METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

CREDENTIALS: Final = Table(
    "credentials",
    METADATA,
    _key("user"),
    _key("name"),
    _text("host"),
    _text("path"),
    _text("written"),
    _text("username"),
    _text("secret"),
    Column("proof", Text),
    UniqueConstraint("user", "host", "path"),
)
"""The embedded store's; `stores/sqlite.py` reads and writes it."""

SEALED_KEYS: Final = Table("sealed_keys", METADATA, _key("name"), _text("sealed"))
"""The program's own keys, sealed under the master key: `fingerprint`."""

STATUSES: Final = Table(
    "statuses",
    METADATA,
    *(_key(name) for name in ("user", "host", "path", "fingerprint", "row")),
    _text("name"),
    _text("state"),
    *(Column(name, Text) for name in ("verdict", "reason", "level")),
    Column("hints", _json(), nullable=False),
    Column("checked_at", UtcDateTime),
    *(Column(name, Text) for name in ("last_attempt_verdict", "last_attempt_reason")),
    *(Column(name, UtcDateTime) for name in ("last_attempt_at", "expires_at", "first_refused_at", "refused_at", "accepted_at")),
    Column("refusals_in_row", Integer, nullable=False),
    Column("transition_at", UtcDateTime),
    Column("ever_valid", Boolean, nullable=False),
    Column("told", _json(), nullable=False),
    Column("next_due_at", UtcDateTime),
    Column("unknown_since", UtcDateTime),
    json_column("evidence"),
    Index(None, "fingerprint"),
)

FACTS: Final = Table(
    "facts",
    METADATA,
    _key("host"),
    _key("fingerprint"),
    *(Column(name, UtcDateTime) for name in ("asked_at", "accepted_at", "refused_at", "denied_at", "introspected_at", "expires_at")),
    Column("refusals_in_row", Integer, nullable=False),
    Column("ever_valid", Boolean, nullable=False),
    Column("scopes", _json()),
    Column("opinion", _json()),
    Index(None, "host", "accepted_at"),
)

CHALLENGES: Final = Table(
    "challenges",
    METADATA,
    _key("host"),
    *(_text(name) for name in ("scheme", "realm", "service", "scope", "provider")),
    _instant("at"),
    _instant("first_seen_at"),
)

CONTROLS: Final = Table(
    "controls",
    METADATA,
    *(_key(name) for name in ("host", "realm", "service", "scheme", "step", "repository")),
    _text("result"),
    _text("detail"),
    _instant("at"),
)

ANONYMOUS_CONTROLS: Final = Table(
    "anonymous_controls", METADATA, _key("host"), _key("repository"), _text("result"), Column("status", Integer), _instant("at")
)

PLATFORMS: Final = Table("platforms", METADATA, _key("digest"), _text("kind"), Column("platforms", _json(), nullable=False))

SIGNS: Final = Table(
    "signs", METADATA, Column("id", Integer, primary_key=True), _text("host"), _text("kind"), _instant("at"), Index(None, "host", "at")
)

KNOWN_REPOSITORIES: Final = Table("known_repositories", METADATA, _key("fingerprint"), _key("repository"), _instant("at"))

BUDGET: Final = Table(
    "budget",
    METADATA,
    _key("id"),
    _text("host"),
    Column("name", Text),
    _text("budget_class"),
    _instant("at"),
    Column("refused", Boolean, nullable=False),
    Index(None, "host", "at"),
)
"""A row is a place: reserved (`refused` false), or spent by a refused login; `at` is when."""

HISTORY: Final = Table(
    "history",
    METADATA,
    _key("id"),
    *(_text(name) for name in ("user", "name", "host", "path", "fingerprint", "row", "sweep")),
    _instant("at"),
    *(_text(name) for name in ("transition", "state_before", "state_after")),
    *(Column(name, Text) for name in ("verdict", "reason", "level")),
    Column("hints", _json(), nullable=False),
    *(Column(name, UtcDateTime) for name in ("since", "expires_at")),
    Column("notice", Text),
    Column("told_at", UtcDateTime),
    Index(None, "notice"),
    Index(None, "user", "name"),
    Index(None, "told_at"),
)
"""Every change of a credential. `notice` is the digest that told it, NULL while it waits for one, "" if nobody is to be told."""

NOTICES: Final = Table(
    "notices",
    METADATA,
    *(_key(name) for name in ("id", "channel")),
    *(_text(name) for name in ("sweep", "user", "kind", "state")),
    Column("lines", _json(), nullable=False),
    _instant("created_at"),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcDateTime),
    Column("claimed_by", Text),
    *(Column(name, UtcDateTime) for name in ("claimed_at", "settled_at")),
    _text("detail"),
    UniqueConstraint("sweep", "user", "kind", "channel"),
    Index(None, "state", "next_at"),
)
"""The outbox: a row is a digest on its way through one channel. No address and no secret stands in it."""

ALERTS: Final = Table(
    "alerts",
    METADATA,
    *(_key(name) for name in ("kind", "subject")),
    *(_instant(name) for name in ("first_at", "last_at")),
    Column("facts", _json(), nullable=False),
    Column("notice", Text),
    Index(None, "notice"),
)
"""What the operator is told of, once while it lasts; `notice` as in the history."""

SLOTS: Final = Table(
    "slots",
    METADATA,
    _key("place"),
    *(Column(name, Float, nullable=False) for name in ("next_slot_at", "held_until", "paused_until", "banned_until", "factor", "slowed_at")),
)
"""A lane's pace, shared by all processes; instants are epoch seconds, for the database reckons with them."""

USERS: Final = Table(
    "users", METADATA, _key("user"), *(Column(name, Text) for name in ("address", "channel")), Column("mute", Boolean, nullable=False)
)

TOKENS: Final = Table(
    "tokens",
    METADATA,
    _key("id"),
    *(_text(name) for name in ("name", "digest", "user")),
    Column("scopes", _json(), nullable=False),
    _instant("created_at"),
    UniqueConstraint("name"),
)
"""Of the HTTP service: `digest` is the hash of a token's text, which is kept nowhere."""


async def upsert(
    connection: AsyncConnection,
    table: Table,
    values: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    changes: Callable[[Any], Mapping[str, Any]] | None = None,
) -> None:
    """Insert rows, or change those whose primary key is there: to the new values, or to `changes(excluded)`.

    `values` are all columns of one row or of many; raises what SQLAlchemy raises.
    """
    await connection.execute(inserted(connection.dialect.name, table, changes), values)


def inserted(dialect: str, table: Table, changes: Callable[[Any], Mapping[str, Any]] | None = None) -> Insert:
    """The statement of `upsert` for a database of this kind: it may be built once and executed with many rows."""
    insert = insert_of(dialect, table)
    index = [column.name for column in table.primary_key]
    others = [column.name for column in table.c if column.name not in index]
    new = changes(insert.excluded) if changes else {name: insert.excluded[name] for name in others}
    made: Insert = insert.on_conflict_do_update(index_elements=index, set_=new) if new else insert.on_conflict_do_nothing()
    return made


def insert_of(dialect: str, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, of a database of this kind."""
    makers: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return makers[dialect](table)


def later(old: ColumnElement[datetime | None], new: ColumnElement[datetime | None]) -> ColumnElement[datetime | None]:
    """The later of two instants, NULL being the earliest: a write that comes late takes nothing back."""
    return case((old > new, old), (new.is_(None), old), else_=new)
