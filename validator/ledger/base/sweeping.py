"""The tables of sweeps: who sweeps what, each lane's hold and numbers, and a row for every credential that a sweep is about."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from validator.ledger.base.tables import METADATA, UtcDateTime, json_column

SWEEPS: Final = Table(
    "sweeps",
    METADATA,
    Column("id", Text, primary_key=True),
    *(Column(name, Text) for name in ("user", "host")),
    Column("released", Boolean, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    *(Column(name, UtcDateTime) for name in ("planned_at", "stopped_at", "finished_at")),
    Column("owner", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    json_column("notices"),
    Index(None, "started_at"),
)
"""A sweep and its filters (NULL: all). `owner` holds it until `expires_at`; each owner has another `epoch`."""

SWEEP_LANES: Final = Table(
    "sweep_lanes",
    METADATA,
    *(Column(name, Text, primary_key=True) for name in ("sweep", "host")),
    *(Column(name, Integer, nullable=False) for name in ("credentials", "done", "probes", "requests", "refused_logins", "asked", "fell")),
    Column("quarantined", Boolean, nullable=False),
    *(Column(name, UtcDateTime) for name in ("waiting_until", "finished_at", "failed_at")),
    Index(None, "host", "finished_at"),
)
"""What a sweep did at one registry; `asked` and `fell` are the guard's: formerly valid secrets heard of, and spoken against.
`failed_at`: a fault of ours ended it."""

SUB_LANES: Final = Table(
    "sub_lanes",
    METADATA,
    *(Column(name, Text, primary_key=True) for name in ("sweep", "host")),
    Column("part", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Integer, nullable=False) for name in ("parts", "done", "probes", "requests", "refused_logins", "asked", "fell")),
    Column("finished_at", UtcDateTime),
)
"""One of the `parts` of a lane that several workers sweep at once, and what it did; the whole lane's numbers are their sum."""

SWEEP_ROWS: Final = Table(
    "sweep_rows",
    METADATA,
    *(Column(name, Text, primary_key=True) for name in ("sweep", "user", "name")),
    *(Column(name, Text, nullable=False) for name in ("host", "path", "row", "fingerprint")),
    Column("place", BigInteger, nullable=False),
    Column("phase", Text, nullable=False),
    Column("due_at", UtcDateTime),
    *(Column(name, Text) for name in ("verdict", "reason", "level")),
    *(Column(name, Text, nullable=False) for name in ("state", "transition")),
    Column("checked_at", UtcDateTime),
    *(Column(name, Text) for name in ("left_over", "image")),
    Column("anew", Boolean, nullable=False),
    json_column("heard"),
    Index(None, "sweep", "host", "phase", "due_at", "place"),
)
"""One credential of one sweep: what is left to be done with it, or what was found. No secret."""

LANES: Final = Table(
    "lanes",
    METADATA,
    Column("host", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("quarantined_at", UtcDateTime),
    json_column("evidence"),
)
"""Who sweeps a registry now, by which epoch it is fenced, and since when it is in quarantine (NULL: it is not)."""

SCHEDULES: Final = Table("schedules", METADATA, Column("name", Text, primary_key=True), Column("due_at", UtcDateTime, nullable=False))
"""The latest instant at which each schedule was due and somebody took it."""

QUEUES: Final = Table("queues", METADATA, Column("name", Text, primary_key=True), Column("version", Text, nullable=False))
"""Of which version the tables of a queue are that another program made beside ours."""
