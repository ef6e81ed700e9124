"""What the program remembers: statuses and their history, notices, facts, controls, illness and budgets, in one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.alerts import Alerts
from validator.ledger.base.behind import AFTER_S, Change, Write
from validator.ledger.base.database import Database
from validator.ledger.base.tables import METADATA
from validator.ledger.budgets import Budgets
from validator.ledger.challenges import Challenges, Platforms
from validator.ledger.controls import AnonymousControls, Controls
from validator.ledger.digests import Digests
from validator.ledger.engine import open_database
from validator.ledger.facts import Facts, KnownRepositories
from validator.ledger.history import History
from validator.ledger.illness import Illness
from validator.ledger.joined import Joined
from validator.ledger.keys import Keyring, open_keys
from validator.ledger.lanes import Lanes
from validator.ledger.notices import Notices
from validator.ledger.plans import Plans
from validator.ledger.postgres import open_on_server
from validator.ledger.queues import Queues
from validator.ledger.reports import Reports
from validator.ledger.schedules import Schedules
from validator.ledger.slots import Slots
from validator.ledger.statuses import Statuses
from validator.ledger.sub_lanes import SubLanes
from validator.ledger.sweeps import Sweeps
from validator.ledger.tokens import Tokens
from validator.ledger.users import Users
from validator.ledger.view import View
from validator.postgres import Server

Made = TypeVar("Made")


class Ledger:
    """Its parts over one database. Without a durable one no negative control may be made (registries/README.md 6.2)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.durable = database.durable
        self.statuses = Statuses(database)
        self.history = History(database)
        self.users = Users(database)
        self.notices = Notices(database)
        self.alerts = Alerts(database)
        self.digests = Digests(database, self.notices, self.users)
        self.facts = Facts(database)
        self.repositories = KnownRepositories(database)
        self.controls = Controls(database)
        self.anonymous_controls = AnonymousControls(database)
        self.challenges = Challenges(database)
        self.platforms = Platforms(database)
        self.illness = Illness(database)
        self.budgets = Budgets(database)
        self.sweeps = Sweeps(database)
        self.plans = Plans(database)
        self.reports = Reports(database)
        self.lanes = Lanes(database)
        self.sub_lanes = SubLanes(database)
        self.schedules = Schedules(database)
        self.queues = Queues(database)
        self.tokens = Tokens(database)
        self.slots = Slots(database)

    @cached_property
    def view(self) -> View:
        """What it holds of hosts and secrets that are asked now, in memory."""
        return View(self._database)

    async def keep(self, *writes: Write | Change, at_once: bool = False) -> None:
        """Write these together, all or nothing: now, or while `behind` is open within a second. See `Database.keep`.

        Their makers are the parts' methods named by nouns: `keep(facts.acceptance(…), statuses.writing(…))`.
        """
        await self._database.keep(*writes, at_once=at_once)

    async def flush(self) -> None:
        """Write everything that waits, before its outcome is told to somebody who relies on it."""
        await self._database.flush()

    def behind(self, after_s: float = AFTER_S) -> AbstractAsyncContextManager[None]:
        """While this is open, what is kept waits up to `after_s` seconds for more; on leaving everything is written."""
        return self._database.behind(after_s)

    async def snapshot(self, work: Callable[[Ledger], Awaitable[Made]]) -> Made:
        """Run `work`, which only reads, on the ledger of one instant: one transaction for all that it reads."""
        database = self._database

        async def joined(connection: AsyncConnection) -> Made:
            return await work(Ledger(Joined(database, connection, writes=False)))

        return await database.read(joined, *METADATA.tables.values())

    async def together(self, work: Callable[[Ledger], Awaitable[Made]]) -> Made:
        """Run `work` in one transaction that writes alone: all that it writes is kept, or nothing. It must be quick."""
        database = self._database

        async def joined(connection: AsyncConnection) -> Made:
            return await work(Ledger(Joined(database, connection, writes=True)))

        try:
            return await database.write(joined, *METADATA.tables.values())
        except BaseException:
            self.view.forget()  # it was told of what is not kept now
            raise


@dataclass(frozen=True, slots=True)
class Embedded:
    """The open database with its keys and its ledger; a store is made of `database` and `keys.master`."""

    database: Database
    keys: Keyring
    ledger: Ledger


@asynccontextmanager
async def open_embedded(path: Path | None, key_file: Path, *, read_only: bool = False) -> AsyncIterator[Embedded]:
    """Open the database at `path` (None: one for this run alone) with its keys; raises StoreError or Unwritable."""
    async with open_database(path, read_only=read_only) as database:
        keys = await open_keys(database, key_file)
        yield Embedded(database, keys, Ledger(database))


@asynccontextmanager
async def open_embedded_on(server: Server, key_file: Path, *, read_only: bool = False) -> AsyncIterator[Embedded]:
    """The same in a schema of `server`'s database: many processes of many machines may have it open. Raises StoreError."""
    async with open_on_server(server, read_only=read_only) as database:
        keys = await open_keys(database, key_file)
        yield Embedded(database, keys, Ledger(database))
