"""The Postgres of the tests, gone with the session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from validator.emulator.osmo.server import LocalPostgres, binaries
from validator.emulator.osmo.server import running as started
from validator.postgres import Server, server_of

__all__ = ["Postgres", "binaries", "running"]


@dataclass(slots=True)
class Postgres(LocalPostgres):
    """The same, with what the program makes of it."""

    def server(self, database: str, user: str = "postgres") -> Server:
        """A database as the program has it."""
        return server_of(SecretStr(self.url(database, user)), {})


@contextmanager
def running() -> Iterator[Postgres]:
    """A new server, as long as the block lasts."""
    with started(Postgres) as one:
        yield one
