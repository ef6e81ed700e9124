"""Alembic's entry: migrates the connection that it is handed, inside the caller's transaction.

On Postgres we are guests in another's database: the connection's search_path is our schema alone, so nothing outside it is
made or compared.
"""

from alembic import context
from sqlalchemy import Connection, text

from validator.ledger.base.tables import METADATA

connection = context.config.attributes["connection"]

_NOT_BY_BYTES = """
SELECT c.relname, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation o ON o.oid = a.attcollation
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
  AND a.atttypid = 'text'::regtype AND o.collname <> 'C'
ORDER BY 1, 2
"""


def sort_by_bytes(connection: Connection) -> None:
    """Texts sort as this program's own do, and SQLite's, whatever the language of the database: pages and ranges rely on it."""
    for table, column in connection.execute(text(_NOT_BY_BYTES)).all():
        connection.execute(text(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE text COLLATE "C"'))


context.configure(connection=connection, target_metadata=METADATA, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
if connection.dialect.name == "postgresql":
    sort_by_bytes(connection)
