"""Credentials, keys, statuses, facts, challenges, controls, illness and budgets.

Frozen: it tells what revision 0001 was, whatever `ledger/base.py` says today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _instants(*names: str, nullable: bool = True) -> list[sa.Column[object]]:
    return [sa.Column(name, INSTANT, nullable=nullable) for name in names]


def _begin_credentials() -> None:
    op.create_table(
        "credentials",
        *_texts("user", "name", "host", "path", "written", "username", "secret"),
        *_texts("proof", nullable=True),
        sa.PrimaryKeyConstraint("user", "name", name="pk_credentials"),
        sa.UniqueConstraint("user", "host", "path", name="uq_credentials_user_host_path"),
    )
    op.create_table("sealed_keys", *_texts("name", "sealed"), sa.PrimaryKeyConstraint("name", name="pk_sealed_keys"))


def _begin_statuses() -> None:
    op.create_table(
        "statuses",
        *_texts("user", "host", "path", "fingerprint", "row", "name", "state"),
        *_texts("verdict", "reason", "level", nullable=True),
        sa.Column("hints", JSON, nullable=False),
        *_instants("checked_at"),
        *_texts("last_attempt_verdict", "last_attempt_reason", nullable=True),
        *_instants("last_attempt_at", "expires_at", "first_refused_at", "refused_at", "accepted_at"),
        sa.Column("refusals_in_row", sa.Integer, nullable=False),
        *_instants("transition_at"),
        sa.Column("ever_valid", sa.Boolean, nullable=False),
        sa.Column("told", JSON, nullable=False),
        *_instants("next_due_at"),
        sa.PrimaryKeyConstraint("user", "host", "path", "fingerprint", "row", name="pk_statuses"),
    )
    op.create_index("ix_statuses_fingerprint", "statuses", ["fingerprint"])
    op.create_table(
        "facts",
        *_texts("host", "fingerprint"),
        *_instants("asked_at", "accepted_at", "refused_at", "denied_at", "introspected_at", "expires_at"),
        sa.Column("refusals_in_row", sa.Integer, nullable=False),
        sa.Column("ever_valid", sa.Boolean, nullable=False),
        sa.Column("scopes", JSON),
        sa.Column("opinion", JSON),
        sa.PrimaryKeyConstraint("host", "fingerprint", name="pk_facts"),
    )
    op.create_index("ix_facts_host_accepted_at", "facts", ["host", "accepted_at"])
    op.create_table(
        "known_repositories",
        *_texts("fingerprint", "repository"),
        *_instants("at", nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "repository", name="pk_known_repositories"),
    )


def _begin_registries() -> None:
    op.create_table(
        "challenges",
        *_texts("host", "scheme", "realm", "service", "scope", "provider"),
        *_instants("at", "first_seen_at", nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_challenges"),
    )
    op.create_table(
        "controls",
        *_texts("host", "realm", "service", "scheme", "step", "repository", "result", "detail"),
        *_instants("at", nullable=False),
        sa.PrimaryKeyConstraint("host", "realm", "service", "scheme", "step", "repository", name="pk_controls"),
    )
    op.create_table(
        "anonymous_controls",
        *_texts("host", "repository", "result"),
        sa.Column("status", sa.Integer),
        *_instants("at", nullable=False),
        sa.PrimaryKeyConstraint("host", "repository", name="pk_anonymous_controls"),
    )
    op.create_table(
        "platforms",
        *_texts("digest", "kind"),
        sa.Column("platforms", JSON, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_platforms"),
    )
    op.create_table(
        "signs",
        sa.Column("id", sa.Integer, nullable=False),
        *_texts("host", "kind"),
        *_instants("at", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signs"),
    )
    op.create_index("ix_signs_host_at", "signs", ["host", "at"])


def _begin_budget() -> None:
    op.create_table(
        "budget",
        *_texts("id", "host"),
        *_texts("name", nullable=True),
        *_texts("budget_class"),
        *_instants("at", nullable=False),
        sa.Column("refused", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budget"),
    )
    op.create_index("ix_budget_host_at", "budget", ["host", "at"])


TABLES = (
    "budget",
    "signs",
    "platforms",
    "anonymous_controls",
    "controls",
    "challenges",
    "known_repositories",
    "facts",
    "statuses",
    "sealed_keys",
    "credentials",
)


def upgrade() -> None:
    """Make every table."""
    _begin_credentials()
    _begin_statuses()
    _begin_registries()
    _begin_budget()


def downgrade() -> None:
    """Drop every table."""
    for table in TABLES:
        op.drop_table(table)
