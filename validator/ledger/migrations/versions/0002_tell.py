"""History, the outbox of notices, the operator's alerts, and users with their addresses.

Frozen: it tells what revision 0002 was, whatever `ledger/base/tables.py` says today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _instants(*names: str, nullable: bool = True) -> list[sa.Column[object]]:
    return [sa.Column(name, INSTANT, nullable=nullable) for name in names]


def _begin_history() -> None:
    op.create_table(
        "history",
        *_texts("id", "user", "name", "host", "path", "fingerprint", "row", "sweep"),
        *_instants("at", nullable=False),
        *_texts("transition", "state_before", "state_after"),
        *_texts("verdict", "reason", "level", nullable=True),
        sa.Column("hints", JSON, nullable=False),
        *_instants("since", "expires_at"),
        *_texts("notice", nullable=True),
        *_instants("told_at"),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
    )
    op.create_index("ix_history_notice", "history", ["notice"])
    op.create_index("ix_history_user_name", "history", ["user", "name"])
    op.create_index("ix_history_told_at", "history", ["told_at"])


def _begin_notices() -> None:
    op.create_table(
        "notices",
        *_texts("id", "channel", "sweep", "user", "kind", "state"),
        sa.Column("lines", JSON, nullable=False),
        *_instants("created_at", nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        *_instants("next_at"),
        *_texts("claimed_by", nullable=True),
        *_instants("claimed_at", "settled_at"),
        *_texts("detail"),
        sa.PrimaryKeyConstraint("id", "channel", name="pk_notices"),
        sa.UniqueConstraint("sweep", "user", "kind", "channel", name="uq_notices_sweep_user_kind_channel"),
    )
    op.create_index("ix_notices_state_next_at", "notices", ["state", "next_at"])


def upgrade() -> None:
    """Make the four tables."""
    _begin_history()
    _begin_notices()
    op.create_table(
        "alerts",
        *_texts("kind", "subject"),
        *_instants("first_at", "last_at", nullable=False),
        sa.Column("facts", JSON, nullable=False),
        *_texts("notice", nullable=True),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_alerts"),
    )
    op.create_index("ix_alerts_notice", "alerts", ["notice"])
    op.create_table(
        "users",
        *_texts("user"),
        *_texts("address", "channel", nullable=True),
        sa.Column("mute", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("user", name="pk_users"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("users", "alerts", "notices", "history"):
        op.drop_table(table)
