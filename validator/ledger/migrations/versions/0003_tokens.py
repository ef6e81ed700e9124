"""The tokens of the HTTP service.

Frozen: it tells what revision 0003 was, whatever `ledger/base/tables.py` says today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tokens",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("id", "name", "digest", "user")),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("name", name="uq_tokens_name"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("tokens")
