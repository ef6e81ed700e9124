"""What workers need: the parts that a lane is split into, when a lane failed by a fault of ours, whose version the queue's tables are.

Frozen: it tells what revision 0006 was, whatever `ledger/base/` says today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Two tables and a column."""
    numbers = ("parts", "done", "probes", "requests", "refused_logins", "asked", "fell")
    op.create_table(
        "sub_lanes",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("sweep", "host")),
        sa.Column("part", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in numbers),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("sweep", "host", "part", name="pk_sub_lanes"),
    )
    op.create_table(
        "queues",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "version")),
        sa.PrimaryKeyConstraint("name", name="pk_queues"),
    )
    op.add_column("sweep_lanes", sa.Column("failed_at", INSTANT, nullable=True))


def downgrade() -> None:
    """Gone: a sweep's lanes are one process's again."""
    op.drop_column("sweep_lanes", "failed_at")
    op.drop_table("queues")
    op.drop_table("sub_lanes")
