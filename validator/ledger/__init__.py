"""What the program remembers: statuses, facts, controls, challenges, illness and budgets, in one database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from validator.ledger.base import Database
from validator.ledger.budgets import Budgets
from validator.ledger.challenges import Challenges, Platforms
from validator.ledger.controls import AnonymousControls, Controls
from validator.ledger.engine import open_database
from validator.ledger.facts import Facts, KnownRepositories
from validator.ledger.illness import Illness
from validator.ledger.keys import Keyring, open_keys
from validator.ledger.statuses import Statuses


class Ledger:
    """Its parts over one database. Without a durable one no negative control may be made (registries/README.md 6.2)."""

    def __init__(self, database: Database) -> None:
        self.durable = database.durable
        self.statuses = Statuses(database)
        self.facts = Facts(database)
        self.repositories = KnownRepositories(database)
        self.controls = Controls(database)
        self.anonymous_controls = AnonymousControls(database)
        self.challenges = Challenges(database)
        self.platforms = Platforms(database)
        self.illness = Illness(database)
        self.budgets = Budgets(database)


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
