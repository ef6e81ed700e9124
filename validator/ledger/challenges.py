"""What a registry demands, as it last said without Authorization; and what its digests hold, for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from validator.ledger.base.behind import Statement, Write
from validator.ledger.base.database import Database
from validator.ledger.base.tables import CHALLENGES, PLATFORMS


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeSeen:
    """A host's challenge. `realm` is a label for Basic; `provider` is the key of the provider that it showed, "" if none.

    `at` is when it was last seen, `first_seen_at` when the host first was a registry.
    """

    scheme: str
    realm: str
    service: str
    scope: str
    provider: str
    at: datetime
    first_seen_at: datetime


_SEEN: Final = Statement(CHALLENGES, lambda row: {name: row[name] for name in ("scheme", "realm", "service", "scope", "provider", "at")})
_HOLDS: Final = Statement(PLATFORMS)


_OF: Final = select(CHALLENGES).where(CHALLENGES.c.host == bindparam("at_host"))
_OTHER: Final = select(CHALLENGES.c.host).where(CHALLENGES.c.host != bindparam("at_host")).order_by(CHALLENGES.c.at.desc()).limit(1)


def challenge_of(connection: Connection, host: str) -> ChallengeSeen | None:
    """The last one of `host`."""
    row = connection.execute(_OF, {"at_host": host}).mappings().one_or_none()
    return None if row is None else ChallengeSeen(**{name: value for name, value in row.items() if name != "host"})


def other_than(connection: Connection, host: str) -> str | None:
    """Another host that was a registry."""
    found: str | None = connection.scalar(_OTHER, {"at_host": host})
    return found


class Challenges:
    """The challenges of one ledger, one a host."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, host: str) -> ChallengeSeen | None:
        """The last one, however old, or None."""

        return await self._database.read_in_one(lambda connection: challenge_of(connection, host), CHALLENGES)

    @staticmethod
    def seeing(host: str, *, scheme: str, realm: str = "", service: str = "", scope: str = "", provider: str = "", now: datetime) -> Write:
        """The host demanded this at `now`; it replaces what it demanded before: to be kept with others."""
        values = {
            "host": host,
            "scheme": scheme,
            "realm": realm,
            "service": service,
            "scope": scope,
            "provider": provider,
            "at": now,
            "first_seen_at": now,
        }
        return Write(_SEEN, values)

    async def put(self, host: str, *, scheme: str, realm: str = "", service: str = "", scope: str = "", provider: str = "", now: datetime) -> None:
        """See `seeing`."""
        await self._database.keep(self.seeing(host, scheme=scheme, realm=realm, service=service, scope=scope, provider=provider, now=now))

    async def other_than(self, host: str) -> str | None:
        """Another host that was a registry, the latest seen: its ping tells a network's fault from this host's."""
        return await self._database.read_in_one(lambda connection: other_than(connection, host), CHALLENGES)

    async def known_registry(self, host: str) -> bool:
        """True if `host` ever answered as a registry: a 404 there is its illness, not the user's mistake."""
        return await self.get(host) is not None


class Platforms:
    """What manifests hold, by digest: never stale."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, digest: str) -> tuple[str, tuple[Mapping[str, Any], ...]] | None:
        """The manifest's kind and its platforms as they were put, or None."""
        [found] = await self.of_many([digest])
        return found

    async def of_many(self, digests: Sequence[str]) -> Sequence[tuple[str, tuple[Mapping[str, Any], ...]] | None]:
        """The same of several, in their order."""
        query = select(PLATFORMS).where(PLATFORMS.c.digest.in_(digests))

        def work(connection: Connection) -> Sequence[tuple[str, tuple[Mapping[str, Any], ...]] | None]:
            kept = {row.digest: (row.kind, tuple(row.platforms)) for row in connection.execute(query)}
            return [kept.get(digest) for digest in digests]

        return await self._database.read_in_one(work, PLATFORMS)

    @staticmethod
    def holding(digest: str, kind: str, platforms: Sequence[Mapping[str, Any]]) -> Write:
        """The manifest `digest` is of `kind` and holds `platforms`, any JSON objects of the caller's: to be kept with others."""
        return Write(_HOLDS, {"digest": digest, "kind": kind, "platforms": [dict(platform) for platform in platforms]})

    async def put(self, digest: str, kind: str, platforms: Sequence[Mapping[str, Any]]) -> None:
        """See `holding`."""
        await self._database.keep(self.holding(digest, kind, platforms))
