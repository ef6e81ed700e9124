"""What holds the transactions of an open database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

Made = TypeVar("Made")


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
