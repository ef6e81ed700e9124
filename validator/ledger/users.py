"""What is known of users beside their credentials: where to tell them, and whether they want to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.tables import USERS, upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user. `address` None: by the setting `notices.address`; `channel` None: every one of `notices.urls`; `mute`: no notices."""

    user: str
    address: str | None = None
    channel: str | None = None
    mute: bool = False


class Users:
    """The users of one ledger; one without a row is `User(user=NAME)`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user: str) -> User | None:
        """The user's row, or None."""
        found = await self._database.read_in_one(lambda connection: connection.execute(_ONE, {"of_user": user}).one_or_none())
        return None if found is None else _user(found)

    async def all(self) -> tuple[User, ...]:
        """Every user with a row, by name."""
        query = select(USERS).order_by(USERS.c.user)
        return tuple(map(_user, await self._database.read_in_one(lambda connection: connection.execute(query).all())))

    async def change(self, user: str, step: Callable[[User], User]) -> User:
        """Write what `step` (quick, pure) makes of the user's row, in one transaction; returns it."""

        async def work(connection: AsyncConnection) -> User:
            found = (await connection.execute(select(USERS).where(USERS.c.user == user).with_for_update())).one_or_none()
            made = step(User(user=user) if found is None else _user(found))
            await upsert(connection, USERS, asdict(made))
            return made

        return await self._database.write(work)

    async def forget(self, user: str) -> bool:
        """Remove the row: the settings hold for the user again; False if there was none."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(delete(USERS).where(USERS.c.user == user))).rowcount > 0

        return await self._database.write(work)


_ONE: Final = select(USERS).where(USERS.c.user == bindparam("of_user"))


def _user(row: Any) -> User:
    return User(user=row.user, address=row.address, channel=row.channel, mute=row.mute)
