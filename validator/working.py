"""The composition root of a worker: settings become everything that it needs. Apart from `app`, for it imports a queue."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from validator.app import key_file_of, open_app, open_teller
from validator.config import Settings
from validator.errors import ConfigError, UsageError
from validator.lanes.base import SLICE_S, Work
from validator.lanes.schema import bring
from validator.lanes.worker import Worker
from validator.ledger import Ledger
from validator.nightly import schedule_of
from validator.postgres import is_postgres, server_of


@asynccontextmanager
async def open_worker(
    settings: Settings, *, lanes: int, environ: Mapping[str, str] = os.environ, slice_s: float = SLICE_S
) -> AsyncIterator[tuple[Worker, Ledger]]:
    """A worker that has not begun. Raises UsageError, ConfigError and StoreError, one sentence each."""
    if settings.store is None or not is_postgres(settings.store):
        raise UsageError(
            "workers share their work through a Postgres: name the store osmo+postgresql://... by `store`; for other stores there are "
            "`validator sweep` and `validator serve`."
        )
    await asyncio.to_thread(_there, key_file_of(settings))
    async with open_app(settings, environ=environ) as app:
        await bring(app.opened.ledger)
        teller = await open_teller(app)
        work = Work(app.probe, app.opened.ledger, app.opened.store, teller, schedule_of(app), slice_s)
        yield Worker(work, server_of(settings.store, environ), lanes), app.opened.ledger


def _there(key_file: Path) -> None:
    """All workers need the one key that the database was made with: none of them makes one."""
    if not key_file.exists():
        raise ConfigError(
            f"the master key file {key_file} is missing, and a worker makes none: put the file of this database there, or let "
            "`validator migrate` make it once; name it by key_file."
        )
