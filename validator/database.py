"""Our own database as the settings name it: to be copied, migrated, looked at or changed as a whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from validator.app import key_file_of, store_path
from validator.config import Settings
from validator.errors import UsageError
from validator.ledger import Embedded, open_embedded, open_embedded_on
from validator.ledger.engine import data_folder
from validator.postgres import SCHEME as OSMO
from validator.postgres import server_of


def on_a_server(settings: Settings) -> bool:
    """True if the store is a database server's, with the ledger beside it."""
    return settings.store is not None and settings.store.get_secret_value().partition(":")[0] == OSMO


def file_of(settings: Settings) -> Path:
    """The database's file: the store's, or the ledger's beside a docker config. Raises UsageError where the store is a server's."""
    if on_a_server(settings):
        raise UsageError(
            "the store is a database server's, not a file: its own tools copy and restore it (pg_dump and pg_restore, with the schema validator)."
        )
    return store_path(settings) or data_folder() / "validator.db"


@asynccontextmanager
async def open_own(settings: Settings, environ: Mapping[str, str] = os.environ) -> AsyncIterator[Embedded]:
    """Our own database with its keys, to be changed as a whole. Raises UsageError where there is none yet."""
    if on_a_server(settings) and settings.store is not None:
        async with open_embedded_on(server_of(settings.store, environ), key_file_of(settings)) as embedded:
            yield embedded
        return
    path = file_of(settings)
    if not await asyncio.to_thread(path.exists):
        raise UsageError(f"there is no database {path} yet.")
    async with open_embedded(path, key_file_of(settings)) as embedded:
        yield embedded
