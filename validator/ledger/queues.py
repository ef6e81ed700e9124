"""Tables of a queue that another program keeps beside ours: made and brought to a version in one transaction, and which that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from validator.ledger.base.database import Database
from validator.ledger.base.sweeping import QUEUES
from validator.ledger.base.tables import inserted

_Q: Final = QUEUES.c


class Queues:
    """The queues of one ledger, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self, name: str) -> str | None:
        """Of which version its tables are; None: there are none."""

        def work(connection: Connection) -> str | None:
            found: str | None = connection.scalar(select(_Q.version).where(_Q.name == name))
            return found

        return await self._database.read_in_one(work)

    async def bring(self, name: str, version: str, scripts: Callable[[str | None], Sequence[str]]) -> None:
        """Run the SQL scripts that lead from the version that is there (None: from nothing) to `version`, as the only writer."""

        def work(connection: Connection) -> None:
            found: str | None = connection.scalar(select(_Q.version).where(_Q.name == name))
            if found == version:
                return
            driver: Any = connection.connection.driver_connection
            for script in scripts(found):
                driver.execute(script)
            connection.execute(inserted(connection.dialect.name, QUEUES), {"name": name, "version": version})

        await self._database.write_in_one(work)
