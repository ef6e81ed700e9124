"""Sweeps with their lanes and rows, the holds of lanes, schedules; a status' silence and the evidence of its last attempt.

Frozen: it tells what this revision was, whatever `ledger/base/` says today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _instants(*names: str, nullable: bool = True) -> list[sa.Column[object]]:
    return [sa.Column(name, INSTANT, nullable=nullable) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _begin_sweeps() -> None:
    op.create_table(
        "sweeps",
        *_texts("id"),
        *_texts("user", "host", nullable=True),
        sa.Column("released", sa.Boolean, nullable=False),
        *_instants("started_at", nullable=False),
        *_instants("planned_at", "stopped_at", "finished_at"),
        *_texts("owner"),
        *_counts("epoch"),
        *_instants("expires_at", nullable=False),
        sa.Column("notices", JSON),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
    )
    op.create_index("ix_sweeps_started_at", "sweeps", ["started_at"])
    op.create_table(
        "sweep_lanes",
        *_texts("sweep", "host"),
        *_counts("credentials", "done", "probes", "requests", "refused_logins", "asked", "fell"),
        sa.Column("quarantined", sa.Boolean, nullable=False),
        *_instants("waiting_until", "finished_at"),
        sa.PrimaryKeyConstraint("sweep", "host", name="pk_sweep_lanes"),
    )
    op.create_index("ix_sweep_lanes_host_finished_at", "sweep_lanes", ["host", "finished_at"])


def _begin_rows() -> None:
    op.create_table(
        "sweep_rows",
        *_texts("sweep", "user", "name", "host", "path", "row", "fingerprint"),
        sa.Column("place", sa.BigInteger, nullable=False),
        *_texts("phase"),
        *_instants("due_at"),
        *_texts("verdict", "reason", "level", nullable=True),
        *_texts("state", "transition"),
        *_instants("checked_at"),
        *_texts("left_over", "image", nullable=True),
        sa.Column("anew", sa.Boolean, nullable=False),
        sa.Column("heard", JSON),
        sa.PrimaryKeyConstraint("sweep", "user", "name", name="pk_sweep_rows"),
    )
    op.create_index("ix_sweep_rows_sweep_host_phase_due_at_place", "sweep_rows", ["sweep", "host", "phase", "due_at", "place"])


def upgrade() -> None:
    """Make the five tables, and the statuses' two columns."""
    _begin_sweeps()
    _begin_rows()
    op.create_table(
        "lanes",
        *_texts("host", "owner"),
        *_counts("epoch"),
        *_instants("expires_at", nullable=False),
        *_instants("quarantined_at"),
        sa.Column("evidence", JSON),
        sa.PrimaryKeyConstraint("host", name="pk_lanes"),
    )
    op.create_table("schedules", *_texts("name"), *_instants("due_at", nullable=False), sa.PrimaryKeyConstraint("name", name="pk_schedules"))
    op.add_column("statuses", sa.Column("unknown_since", INSTANT))
    op.add_column("statuses", sa.Column("evidence", JSON))


def downgrade() -> None:
    """Drop them."""
    for column in ("evidence", "unknown_since"):
        op.drop_column("statuses", column)
    for table in ("schedules", "lanes", "sweep_rows", "sweep_lanes", "sweeps"):
        op.drop_table(table)
