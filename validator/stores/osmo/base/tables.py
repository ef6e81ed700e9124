"""OSMO's tables as far as they are read, whether they are so in this database, and the view beside them that is ours.

They are read as `public.NAME` whatever versions of them other schemas show (osmo.md section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from validator.errors import StoreError
from validator.stores.osmo.base.reading import Reader

NEEDED: Final[Mapping[str, Mapping[str, str]]] = {
    "credential": {"user_name": "text", "cred_name": "text", "cred_type": "", "profile": "text", "payload": "hstore"},
    "ueks": {"uid": "text", "keys": "hstore"},
    "profile": {"user_name": "text", "slack_notification": "boolean", "email_notification": "boolean"},
}
"""Tables and columns with their types; "" is any, for it is compared as a text."""
_FOUND: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL), has_column_privilege(c.oid, a.attnum, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = 'public' AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
"""
_HSTORE: Final = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hstore'"


async def looked_at(reader: Reader) -> tuple[str, bool]:
    """The schema that hstore is in, quoted, and whether `configs` may be read. Raises StoreError: what differs, in one sentence."""
    name = reader.server.name
    rows = await reader.rows(_FOUND, ([*NEEDED, "configs"],))
    hstore = await reader.rows(_HSTORE)
    if not hstore:
        raise StoreError(f"the database {name} has no extension hstore, so it is none of OSMO's; correct `store`")
    found = {(str(table), str(column)): (str(kind).rpartition(".")[2], bool(may)) for table, column, kind, may in rows}
    for table, columns in NEEDED.items():
        if not any(of == table for of, _ in found):
            raise StoreError(f"the database {name} has no table public.{table}, so it is none of OSMO's; correct `store`")
        for column, kind in columns.items():
            there, may = found.get((table, column), ("", True))
            if not there or (kind and there != kind):
                what = f"is of type {there}, not {kind}" if there else "is missing"
                raise StoreError(f"the column public.{table}.{column} of {name} {what}: it is of a version of OSMO that this program does not know")
            if not may:
                raise StoreError(f"the table public.{table} of {name} may not be read by this user; give it the rights of deploy/sql/roles.sql")
    readable = all(found.get(("configs", column), ("", False))[1] for column in ("key", "value", "type"))
    return '"' + str(hstore[0][0]).replace('"', '""') + '"', readable


async def readable(reader: Reader, table: str, columns: Iterable[str]) -> bool:
    """Whether these columns of a table of OSMO's are there, and may be read."""
    may = {str(column): bool(allowed) for _, column, _, allowed in await reader.rows(_FOUND, ([table],))}
    return all(may.get(column, False) for column in columns)
