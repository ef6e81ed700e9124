"""The lanes' slots, which all processes take from.

Frozen: it tells what revision 0005 was, whatever `ledger/base/tables.py` says today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """One table."""
    numbers = ("next_slot_at", "held_until", "paused_until", "banned_until", "factor", "slowed_at")
    op.create_table(
        "slots",
        sa.Column("place", sa.Text, nullable=False),
        *(sa.Column(name, sa.Float, nullable=False) for name in numbers),
        sa.PrimaryKeyConstraint("place", name="pk_slots"),
    )


def downgrade() -> None:
    """Gone: every process keeps its own pace."""
    op.drop_table("slots")
