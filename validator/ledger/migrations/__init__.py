"""The database's revisions, run by Alembic without an `alembic.ini`."""
