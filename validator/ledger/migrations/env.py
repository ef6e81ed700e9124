"""Alembic's entry: migrates the connection that it is handed, inside the caller's transaction."""

from alembic import context

from validator.ledger.base.tables import METADATA

connection = context.config.attributes["connection"]
schema = "validator" if connection.dialect.name == "postgresql" else None


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """On Postgres we are guests in another's database: nothing outside our schema is compared."""
    return kind != "schema" or name == schema


context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    version_table_schema=schema,
    include_schemas=schema is not None,
    include_name=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
