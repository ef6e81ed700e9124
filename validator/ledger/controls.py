"""Negative and anonymous controls that were made: when, and what they came to (registries/README.md 6.2).

How fresh a control must be is the reader's to judge; a newer one replaces an older one of the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, bindparam, select, tuple_

from validator.ledger.base.behind import Statement, Write
from validator.ledger.base.database import Database
from validator.ledger.base.tables import ANONYMOUS_CONTROLS, CONTROLS

_C = CONTROLS.c
_A = ANONYMOUS_CONTROLS.c
_MADE: Final = Statement(CONTROLS)
_MADE_BY_NOBODY: Final = Statement(ANONYMOUS_CONTROLS)


class ControlResult(StrEnum):
    """What a made-up secret met; `unclear` proves as little as none."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"


class AnonymousResult(StrEnum):
    """What a request without a credential met."""

    REFUSED = "refused"
    OPEN = "open"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlKey:
    """Where a negative control was made; `repository` is "" at the login, which has none."""

    host: str
    realm: str
    service: str
    scheme: str
    step: str
    repository: str = ""


@dataclass(frozen=True, slots=True)
class ControlMade:
    """A negative control; `detail` is a known code or a masked text of the answer."""

    result: ControlResult
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AnonymousMade:
    """An anonymous control; `status` is the answer's."""

    result: AnonymousResult
    at: datetime
    status: int | None = None


_AT: Final = select(CONTROLS).where(_C.host == bindparam("at_host"))


def controls_at(connection: Connection, host: str) -> dict[ControlKey, ControlMade]:
    """The last ones at `host`, under every key."""
    return {
        ControlKey(
            host=host, realm=row.realm, service=row.service, scheme=row.scheme, step=row.step, repository=row.repository
        ): ControlMade(ControlResult(row.result), row.at, row.detail)
        for row in connection.execute(_AT, {"at_host": host})
    }  # fmt: skip


class Controls:
    """The negative controls of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: ControlKey) -> ControlMade | None:
        """The last one under exactly this key, or None."""
        made = await self.made(key)
        return made.get(key.repository)

    async def made(self, key: ControlKey) -> dict[str, ControlMade]:
        """The last ones under this key, by repository: one accepted for any of them counts for the whole host (6.2)."""
        query = select(CONTROLS).where(
            _C.host == key.host, _C.realm == key.realm, _C.service == key.service, _C.scheme == key.scheme, _C.step == key.step
        )

        def work(connection: Connection) -> dict[str, ControlMade]:
            rows = connection.execute(query)
            return {row.repository: ControlMade(ControlResult(row.result), row.at, row.detail) for row in rows}

        return await self._database.read_in_one(work, CONTROLS)

    async def of(self, host: str) -> dict[ControlKey, ControlMade]:
        """The last ones at `host`, under every key."""
        return await self._database.read_in_one(lambda connection: controls_at(connection, host), CONTROLS)

    @staticmethod
    def making(key: ControlKey, result: ControlResult, *, detail: str = "", now: datetime) -> Write:
        """A control was made: to be kept with others."""
        values = {
            "host": key.host,
            "realm": key.realm,
            "service": key.service,
            "scheme": key.scheme,
            "step": key.step,
            "repository": key.repository,
            "result": str(result),
            "detail": detail,
            "at": now,
        }
        return Write(_MADE, values)

    async def put(self, key: ControlKey, result: ControlResult, *, detail: str = "", now: datetime) -> None:
        """See `making`."""
        await self._database.keep(self.making(key, result, detail=detail, now=now))


class AnonymousControls:
    """The anonymous controls of one ledger, shared by all users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, host: str, repository: str) -> AnonymousMade | None:
        """The last one of this repository, or None."""
        [found] = await self.of_many([(host, repository)])
        return found

    async def of_many(self, wanted: Sequence[tuple[str, str]]) -> Sequence[AnonymousMade | None]:
        """The last ones of these repositories (host, repository), in their order."""
        query = select(ANONYMOUS_CONTROLS).where(tuple_(_A.host, _A.repository).in_(wanted))

        def work(connection: Connection) -> Sequence[AnonymousMade | None]:
            rows = connection.execute(query)
            made = {(row.host, row.repository): AnonymousMade(AnonymousResult(row.result), row.at, row.status) for row in rows}
            return [made.get(one) for one in wanted]

        return await self._database.read_in_one(work, ANONYMOUS_CONTROLS)

    @staticmethod
    def making(host: str, repository: str, result: AnonymousResult, *, status: int | None, now: datetime) -> Write:
        """A control was made: to be kept with others."""
        return Write(_MADE_BY_NOBODY, {"host": host, "repository": repository, "result": str(result), "status": status, "at": now})

    async def put(self, host: str, repository: str, result: AnonymousResult, *, status: int | None, now: datetime) -> None:
        """See `making`."""
        await self._database.keep(self.making(host, repository, result, status=status, now=now))
