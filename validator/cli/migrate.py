"""`validator migrate`: brings the database to this program's tables, after a copy. Whatever opens it to write does the same."""

from __future__ import annotations

import json
from typing import Any

from validator.cli.base.options import Format, FormatOption, read_settings
from validator.cli.base.running import put, run


def migrate(format_: FormatOption = Format.TEXT) -> None:
    """Bring the database to this program's tables; it is copied before."""

    async def main() -> dict[str, Any]:
        from validator.app import open_store
        from validator.database import file_of, on_a_server
        from validator.ledger.base.tables import HEAD
        from validator.ledger.engine import copy_before, revision_at

        settings = read_settings()
        if on_a_server(settings):  # its migration is one transaction, and it has backups of its own
            from validator.lanes.schema import bring

            async with open_store(settings) as opened:
                await bring(opened.ledger)  # the workers' queue
                return {"database": None, "from": None, "to": HEAD, "copy": None}
        path = file_of(settings)
        if not path.exists():
            return {"database": str(path), "from": None, "to": None, "copy": None}
        before = await revision_at(path)
        async with open_store(settings):
            pass
        return {"database": str(path), "from": before or None, "to": HEAD, "copy": str(copy_before(path)) if before not in ("", HEAD) else None}

    done = run(main)
    if format_ is Format.JSON:
        put(json.dumps(done))
    elif done["database"] is None:
        put(f"the server's tables are at revision {done['to']}")
    elif done["to"] is None:
        put(f"there is no database {done['database']} yet")
    elif done["copy"] is None:
        put(f"{done['database']} is at revision {done['to']} already" if done["from"] else f"{done['database']} was made, at revision {done['to']}")
    else:
        put(f"{done['database']} is at revision {done['to']} now; as it was, at revision {done['from']}, it is kept in {done['copy']}")
