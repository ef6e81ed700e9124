"""What holds the transactions of an open database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

Made = TypeVar("Made")
TRIES: Final = 3
"""So often a work is begun; a connection that is made anew waits for its server."""


class Transactions(Protocol):
    """Where transactions are held: on a snapshot, or as the only writer."""

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One whose statements are awaited one by one."""
        ...

    async def in_one(self, work: Callable[[Connection], Made]) -> Made:
        """One that is all in `work`."""
        ...


class Writer(Transactions, Protocol):
    """The one who writes; his transactions come one after another."""

    async def others_version(self) -> object:
        """Something that changes when another process, and only when another one, has written; None if he cannot tell."""
        ...

    async def scrub(self) -> None:
        """Leave no bytes of deleted rows."""
        ...


async def begun_again(attempt: Callable[[list[bool]], Awaitable[Made]]) -> Made:
    """What `attempt` makes; it is begun anew where its connection was lost before it put something into its list.

    It does so when all is said but the commit: until then nothing was kept, after it nobody knows. Raises what it raises.
    """
    for left in reversed(range(TRIES)):
        ended: list[bool] = []
        try:
            return await attempt(ended)
        except DBAPIError as error:
            if ended or not left or not error.connection_invalidated:
                raise
    raise AssertionError
