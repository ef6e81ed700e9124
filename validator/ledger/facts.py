"""What is known of a secret at a host, by its fingerprint, whoever stored it or only asked; and which repositories it has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from validator.ledger.base.behind import Statement, Write
from validator.ledger.base.database import Database
from validator.ledger.base.driver_rows import rows_of
from validator.ledger.base.tables import FACTS, KNOWN_REPOSITORIES, later
from validator.sealing import Fingerprint

_F = FACTS.c
_ALL: Final = tuple(FACTS.c)
_COLUMNS: Final = tuple(column.name for column in _ALL)
_AT_ONCE: Final = 500
"""Fingerprints of one look-up: older SQLite takes 999 parameters."""


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


def _times(row: Any, *names: str) -> dict[str, Any]:
    return {name: later(_F[name], row[name]) for name in names}


_ASKED: Final = Statement(FACTS, lambda row: _times(row, "asked_at"))
_ACCEPTED: Final = Statement(
    FACTS, lambda row: {**_times(row, "asked_at", "accepted_at"), "ever_valid": _F.ever_valid | row.ever_valid, "refusals_in_row": 0}
)
_REFUSED: Final = Statement(FACTS, lambda row: {**_times(row, "asked_at", "refused_at"), "refusals_in_row": _F.refusals_in_row + 1})
_DENIED: Final = Statement(FACTS, lambda row: _times(row, "asked_at", "denied_at"))
_INTROSPECTED: Final = Statement(FACTS, lambda row: {name: row[name] for name in ("introspected_at", "scopes", "expires_at", "opinion")})


def _row(host: str, fingerprint: Fingerprint, new: Mapping[str, Any]) -> dict[str, Any]:
    return {"host": host, "fingerprint": fingerprint, **_NEW, **new}


def facts_of(row: Mapping[str, Any]) -> FingerprintFacts:
    """A row as it is read."""
    values = {name: row[name] for name in _NEW}
    values["scopes"] = None if values["scopes"] is None else tuple(values["scopes"])
    return FingerprintFacts(**values)


def after(facts: FingerprintFacts | None, write: Write) -> FingerprintFacts:
    """What the row holds once `write` (one of `Facts`) is made: the same as its statement makes of it. Pure."""
    values, statement = write.values, write.statement
    if facts is not None and statement is _ACCEPTED:
        asked_at, accepted_at = _later(facts.asked_at, values["asked_at"]), _later(facts.accepted_at, values["accepted_at"])
        proven = facts.ever_valid or values["ever_valid"]
        return FingerprintFacts(
            asked_at=asked_at, accepted_at=accepted_at, refused_at=facts.refused_at, denied_at=facts.denied_at, ever_valid=proven,
            introspected_at=facts.introspected_at, expires_at=facts.expires_at, scopes=facts.scopes, opinion=facts.opinion,
        )  # fmt: skip
    new = facts_of(values)
    if facts is None:
        return new
    if statement is _INTROSPECTED:
        return replace(facts, introspected_at=new.introspected_at, scopes=new.scopes, expires_at=new.expires_at, opinion=new.opinion)
    facts = replace(facts, asked_at=_later(facts.asked_at, new.asked_at))
    if statement is _REFUSED:
        return replace(facts, refused_at=_later(facts.refused_at, new.refused_at), refusals_in_row=facts.refusals_in_row + 1)
    return replace(facts, denied_at=_later(facts.denied_at, new.denied_at)) if statement is _DENIED else facts


def _later(old: datetime | None, new: datetime | None) -> datetime | None:
    return new if old is None else old if new is None else max(old, new)


class Facts:
    """The facts of one ledger. Each write is one statement, so that two processes lose none of each other's.

    A write by the name of a noun is to be kept with others (`Ledger.keep`); those by verbs are kept by themselves.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, host: str, fingerprint: Fingerprint) -> FingerprintFacts | None:
        """What is known; None if this secret was never asked there."""
        return (await self.of_many(host, (fingerprint,))).get(fingerprint)

    async def of_many(self, host: str, fingerprints: Sequence[Fingerprint]) -> dict[Fingerprint, FingerprintFacts]:
        """What is known of these; those that were never asked there are left out."""
        found: dict[Fingerprint, FingerprintFacts] = {}

        def work(connection: Connection) -> dict[Fingerprint, FingerprintFacts]:
            for start in range(0, len(fingerprints), _AT_ONCE):
                some = fingerprints[start : start + _AT_ONCE]
                for row in rows_of(connection, _ALL, select(FACTS).where(_F.host == host, _F.fingerprint.in_(some))):
                    values = dict(zip(_COLUMNS, row, strict=True))
                    found[Fingerprint(values["fingerprint"])] = facts_of(values)
            return found

        return await self._database.read_in_one(work, FACTS)

    @staticmethod
    def asking(host: str, fingerprint: Fingerprint, *, now: datetime) -> Write:
        """It was sent, and what came back says nothing of it (a lock, a throttle, an illness)."""
        return Write(_ASKED, _row(host, fingerprint, {"asked_at": now}))

    @staticmethod
    def acceptance(host: str, fingerprint: Fingerprint, *, proven: bool, now: datetime) -> Write:
        """It was accepted; `proven` if that made it valid (a refused control stood beside it)."""
        return Write(_ACCEPTED, _row(host, fingerprint, {"asked_at": now, "accepted_at": now, "ever_valid": proven}))

    @staticmethod
    def refusal(host: str, fingerprint: Fingerprint, *, now: datetime) -> Write:
        """It was refused once more: to be kept at once."""
        return Write(_REFUSED, _row(host, fingerprint, {"asked_at": now, "refused_at": now, "refusals_in_row": 1}))

    @staticmethod
    def denial(host: str, fingerprint: Fingerprint, *, now: datetime) -> Write:
        """Login was denied to it (an unlisted 403), which is no refusal: to be kept at once."""
        return Write(_DENIED, _row(host, fingerprint, {"asked_at": now, "denied_at": now}))

    @staticmethod
    def introspection(
        host: str, fingerprint: Fingerprint, *, scopes: tuple[str, ...] | None, expires_at: datetime | None,
        opinion: Mapping[str, Any] | None = None, now: datetime,
    ) -> Write:  # fmt: skip
        """What its vendor said of it; `opinion` is any JSON of the caller's, without secrets."""
        new = {
            "introspected_at": now,
            "scopes": None if scopes is None else list(scopes),
            "expires_at": expires_at,
            "opinion": None if opinion is None else dict(opinion),
        }
        return Write(_INTROSPECTED, _row(host, fingerprint, new))

    async def asked(self, host: str, fingerprint: Fingerprint, *, now: datetime) -> None:
        """See `asking`."""
        await self._database.keep(self.asking(host, fingerprint, now=now))

    async def accepted(self, host: str, fingerprint: Fingerprint, *, proven: bool, now: datetime) -> None:
        """See `acceptance`."""
        await self._database.keep(self.acceptance(host, fingerprint, proven=proven, now=now))

    async def refused(self, host: str, fingerprint: Fingerprint, *, now: datetime) -> None:
        """See `refusal`."""
        await self._database.keep(self.refusal(host, fingerprint, now=now), at_once=True)

    async def denied(self, host: str, fingerprint: Fingerprint, *, now: datetime) -> None:
        """See `denial`."""
        await self._database.keep(self.denial(host, fingerprint, now=now), at_once=True)

    async def introspected(
        self, host: str, fingerprint: Fingerprint, *, scopes: tuple[str, ...] | None, expires_at: datetime | None,
        opinion: Mapping[str, Any] | None = None, now: datetime,
    ) -> None:  # fmt: skip
        """See `introspection`."""
        await self._database.keep(self.introspection(host, fingerprint, scopes=scopes, expires_at=expires_at, opinion=opinion, now=now))

    async def accepted_beside(self, host: str, fingerprint: Fingerprint) -> datetime | None:
        """When another secret was last accepted at `host`: the registry's health; None = never."""
        beside = (_F.host == host, _F.fingerprint != fingerprint, _F.accepted_at.is_not(None))
        query = select(_F.accepted_at).where(*beside).order_by(_F.accepted_at.desc()).limit(1)  # by its index: a maximum would look at all

        def work(connection: Connection) -> datetime | None:
            found: datetime | None = connection.scalar(query)
            return found

        return await self._database.read_in_one(work, FACTS)


_READ: Final = Statement(KNOWN_REPOSITORIES)


class KnownRepositories:
    """Repositories that a secret has read: a sweep can prove a pull there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def reading(fingerprint: Fingerprint, repository: str, *, now: datetime) -> Write:
        """It has read `repository`: to be kept with others."""
        return Write(_READ, {"fingerprint": fingerprint, "repository": repository, "at": now})

    async def add(self, fingerprint: Fingerprint, repository: str, *, now: datetime) -> None:
        """See `reading`."""
        await self._database.keep(self.reading(fingerprint, repository, now=now))

    async def of(self, fingerprint: Fingerprint) -> tuple[str, ...]:
        """What it has read, the latest first."""
        table = KNOWN_REPOSITORIES.c
        query = select(table.repository).where(table.fingerprint == fingerprint).order_by(table.at.desc(), table.repository)

        def work(connection: Connection) -> tuple[str, ...]:
            return tuple(connection.execute(query).scalars())

        return await self._database.read_in_one(work, KNOWN_REPOSITORIES)

    async def many(self, fingerprints: Sequence[Fingerprint]) -> dict[Fingerprint, tuple[str, ...]]:
        """What each of these has read, the latest first; those that have read nothing are left out."""
        table, found = KNOWN_REPOSITORIES.c, dict[Fingerprint, tuple[str, ...]]()

        def work(connection: Connection) -> dict[Fingerprint, tuple[str, ...]]:
            for start in range(0, len(fingerprints), _AT_ONCE):
                some = fingerprints[start : start + _AT_ONCE]
                query = select(KNOWN_REPOSITORIES).where(table.fingerprint.in_(some)).order_by(table.at.desc(), table.repository)
                for row in connection.execute(query):
                    found[row.fingerprint] = (*found.get(row.fingerprint, ()), row.repository)
            return found

        return await self._database.read_in_one(work, KNOWN_REPOSITORIES)
