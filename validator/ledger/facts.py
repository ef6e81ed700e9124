"""What is known of a secret at a host, by its fingerprint, whoever stored it or only asked; and which repositories it has read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.ledger.base.database import Database
from validator.ledger.base.tables import FACTS, KNOWN_REPOSITORIES, later, upsert
from validator.sealing import Fingerprint

_F = FACTS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintFacts:
    """Instants are the latest of their kind, None = never. `denied_at`: an unlisted 403 at login.

    `introspected_at`, `scopes`, `opinion` and `expires_at` are of the last introspection; `scopes` None: it did not tell.
    """

    asked_at: datetime | None = None
    accepted_at: datetime | None = None
    refused_at: datetime | None = None
    denied_at: datetime | None = None
    refusals_in_row: int = 0
    ever_valid: bool = False
    introspected_at: datetime | None = None
    expires_at: datetime | None = None
    scopes: tuple[str, ...] | None = None
    opinion: Mapping[str, Any] | None = None

    def refused_since_accepted(self) -> datetime | None:
        """The last refusal, if nothing was accepted since: it may count as the first of two (registries/README.md 6.2)."""
        if self.refused_at is None or (self.accepted_at is not None and self.accepted_at >= self.refused_at):
            return None
        return self.refused_at


_NEW: dict[str, Any] = {
    "asked_at": None,
    "accepted_at": None,
    "refused_at": None,
    "denied_at": None,
    "introspected_at": None,
    "expires_at": None,
    "refusals_in_row": 0,
    "ever_valid": False,
    "scopes": None,
    "opinion": None,
}


class Facts:
    """The facts of one ledger. Each write is one statement, so that two processes lose none of each other's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, host: str, fingerprint: Fingerprint) -> FingerprintFacts | None:
        """What is known; None if this secret was never asked there."""

        async def work(connection: AsyncConnection) -> FingerprintFacts | None:
            row = (await connection.execute(select(FACTS).where(_F.host == host, _F.fingerprint == fingerprint))).one_or_none()
            if row is None:
                return None
            values = {name: getattr(row, name) for name in _NEW}
            values["scopes"] = None if row.scopes is None else tuple(row.scopes)
            return FingerprintFacts(**values)

        return await self._database.read(work)

    async def asked(self, host: str, fingerprint: Fingerprint, *, now: datetime) -> None:
        """It was sent, and what came back says nothing of it (a lock, a throttle, an illness)."""
        await self._write(host, fingerprint, {"asked_at": now}, lambda row: _times(row, "asked_at"))

    async def accepted(self, host: str, fingerprint: Fingerprint, *, proven: bool, now: datetime) -> None:
        """It was accepted; `proven` if that made it valid (a refused control stood beside it)."""
        new = {"asked_at": now, "accepted_at": now, "ever_valid": proven}

        def changes(row: Any) -> dict[str, Any]:
            return {**_times(row, "asked_at", "accepted_at"), "ever_valid": _F.ever_valid | row.ever_valid, "refusals_in_row": 0}

        await self._write(host, fingerprint, new, changes)

    async def refused(self, host: str, fingerprint: Fingerprint, *, now: datetime) -> None:
        """It was refused once more."""
        new = {"asked_at": now, "refused_at": now, "refusals_in_row": 1}

        def changes(row: Any) -> dict[str, Any]:
            return {**_times(row, "asked_at", "refused_at"), "refusals_in_row": _F.refusals_in_row + 1}

        await self._write(host, fingerprint, new, changes)

    async def denied(self, host: str, fingerprint: Fingerprint, *, now: datetime) -> None:
        """Login was denied to it (an unlisted 403): no refusal."""
        new = {"asked_at": now, "denied_at": now}
        await self._write(host, fingerprint, new, lambda row: _times(row, "asked_at", "denied_at"))

    async def introspected(
        self,
        host: str,
        fingerprint: Fingerprint,
        *,
        scopes: tuple[str, ...] | None,
        expires_at: datetime | None,
        opinion: Mapping[str, Any] | None = None,
        now: datetime,
    ) -> None:
        """What its vendor said of it; `opinion` is any JSON of the caller's, without secrets."""
        kept = ("introspected_at", "scopes", "expires_at", "opinion")
        new = {
            "introspected_at": now,
            "scopes": None if scopes is None else list(scopes),
            "expires_at": expires_at,
            "opinion": None if opinion is None else dict(opinion),
        }
        await self._write(host, fingerprint, new, lambda row: {name: row[name] for name in kept})

    async def accepted_beside(self, host: str, fingerprint: Fingerprint) -> datetime | None:
        """When another secret was last accepted at `host`: the registry's health; None = never."""
        query = select(func.max(_F.accepted_at, type_=_F.accepted_at.type)).where(_F.host == host, _F.fingerprint != fingerprint)

        async def work(connection: AsyncConnection) -> datetime | None:
            found: datetime | None = await connection.scalar(query)
            return found

        return await self._database.read(work)

    async def _write(self, host: str, fingerprint: Fingerprint, new: Mapping[str, Any], changes: Any) -> None:
        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, FACTS, {"host": host, "fingerprint": fingerprint, **_NEW, **new}, changes)

        await self._database.write(work)


def _times(row: Any, *names: str) -> dict[str, Any]:
    return {name: later(_F[name], row[name]) for name in names}


class KnownRepositories:
    """Repositories that a secret has read: a sweep can prove a pull there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, fingerprint: Fingerprint, repository: str, *, now: datetime) -> None:
        """It has read `repository`."""

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, KNOWN_REPOSITORIES, {"fingerprint": fingerprint, "repository": repository, "at": now})

        await self._database.write(work)

    async def of(self, fingerprint: Fingerprint) -> tuple[str, ...]:
        """What it has read, the latest first."""
        table = KNOWN_REPOSITORIES.c
        query = select(table.repository).where(table.fingerprint == fingerprint).order_by(table.at.desc(), table.repository)

        async def work(connection: AsyncConnection) -> tuple[str, ...]:
            return tuple((await connection.execute(query)).scalars())

        return await self._database.read(work)
