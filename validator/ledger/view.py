"""What the ledger holds of the hosts and secrets that are asked now, in memory: a warm probe reads no row.

Every write of this process is seen at once, another process's a moment later. Rows are read when they are first asked for,
those of secrets that stand in line together with the first of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from validator.ledger.base.behind import Change, Write
from validator.ledger.base.database import Database
from validator.ledger.base.tables import ANONYMOUS_CONTROLS, CHALLENGES, CONTROLS, FACTS, KNOWN_REPOSITORIES, PLATFORMS, SIGNS
from validator.ledger.challenges import ChallengeSeen, Platforms, challenge_of, other_than
from validator.ledger.controls import AnonymousControls, AnonymousMade, AnonymousResult, ControlKey, ControlMade, ControlResult, controls_at
from validator.ledger.facts import Facts, FingerprintFacts, KnownRepositories, after
from validator.ledger.illness import Span, spans_at
from validator.sealing import Fingerprint

FRESH_S: Final = 2.0
"""So long another process's write may go unseen; a budget is never read here."""
TOGETHER: Final = 250
"""Secrets of a line whose facts are read with the first one's: a query of 5 ms."""
MOST: Final = 4000
"""Rows of one kind that are held; who wants more reads them anew."""
Row = TypeVar("Row")
Platform = tuple[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True, slots=True)
class HostSeen:
    """What is known of one host: its challenge, the negative controls, signs of illness, and another host that is a registry."""

    challenge: ChallengeSeen | None
    controls: Mapping[ControlKey, Mapping[str, ControlMade]]
    """By key without repository, then by repository."""
    signs: Mapping[str, Span]
    other: str | None
    worked_out: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What a reader made of it: many probes of one second need it."""


@dataclass(slots=True)
class _Batch:
    """What is read by one query. Where that fails, `found` stays empty, and each one who waited reads for himself."""

    keys: dict[tuple[str, ...], None] = field(default_factory=dict)
    found: dict[tuple[str, ...], Any] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class View:
    """The rows of one ledger that probes ask for again and again. `monotonic` measures how old they are."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._facts, self._repositories = Facts(database), KnownRepositories(database)
        self._anonymous, self._platforms = AnonymousControls(database), Platforms(database)
        self._held: dict[str, dict[tuple[str, ...], Any]] = {}
        self._lines: dict[str, Sequence[Fingerprint]] = {}
        self._places: dict[str, Mapping[Fingerprint, int]] = {}
        self._reading: list[set[tuple[str, ...]]] = []
        self._one_at_a_time: dict[str, asyncio.Lock] = {}
        self._batches: dict[str, _Batch] = {}
        self._looked_at = monotonic()
        self._version: object = None
        database.watch(self.kept)

    async def host(self, host: str) -> HostSeen:
        """What is known of `host`."""

        def look(connection: Connection) -> HostSeen:
            made: dict[ControlKey, dict[str, ControlMade]] = {}
            for key, control in controls_at(connection, host).items():
                made.setdefault(replace(key, repository=""), {})[key.repository] = control
            return HostSeen(challenge_of(connection, host), made, spans_at(connection, host), other_than(connection, host))

        found: HostSeen = await self._found(("host", host), lambda: self._database.read_in_one(look, CHALLENGES, CONTROLS, SIGNS))
        return found

    async def facts(self, host: str, fingerprint: Fingerprint) -> FingerprintFacts | None:
        """What is known of a secret; read with those that stand behind it in line."""
        await self._look()
        key, held = ("facts", host, fingerprint), self._held.setdefault("facts", {})
        if key in held:
            found: FingerprintFacts | None = held[key]
            return found
        async with self._one_at_a_time.setdefault(host, asyncio.Lock()):
            if key in held:
                read: FingerprintFacts | None = held[key]
                return read
            place = self._places.get(host, {}).get(fingerprint)
            wanted = (fingerprint,) if place is None else self._lines[host][place : place + TOGETHER]
            return (await self._read_facts(host, wanted)).get(fingerprint)

    async def facts_of(self, host: str, fingerprints: Sequence[Fingerprint]) -> dict[Fingerprint, FingerprintFacts]:
        """What is known of these, which are about to be asked; those that were never asked there are left out."""
        await self._look()
        held = self._held.setdefault("facts", {})
        found = {one: held[key] for one in fingerprints if (key := ("facts", host, one)) in held}
        if wanted := [one for one in fingerprints if one not in found]:
            found |= await self._read_facts(host, wanted)
        return {one: facts for one, facts in found.items() if facts is not None}

    async def _read_facts(self, host: str, wanted: Sequence[Fingerprint]) -> Mapping[Fingerprint, FingerprintFacts]:
        written = self._begin()
        try:
            read = await self._facts.of_many(host, wanted)
        finally:
            self._end(written)
        if _ALL not in written:
            self._make_room("facts", len(wanted))
            self._held["facts"] |= {at: read.get(one) for one in wanted if (at := ("facts", host, one)) not in written}
        return read

    def expect(self, host: str, fingerprints: Iterable[Fingerprint]) -> None:
        """These secrets of `host` are about to be asked, in about this order; they replace what was said before."""
        self._lines[host] = tuple(fingerprints)
        self._places[host] = {one: place for place, one in enumerate(self._lines[host])}

    async def repositories(self, fingerprint: Fingerprint) -> tuple[str, ...]:
        """What a secret has read."""
        found: tuple[str, ...] = await self._found(("repositories", fingerprint), lambda: self._repositories.of(fingerprint))
        return found

    async def anonymous(self, host: str, repository: str) -> AnonymousMade | None:
        """The last anonymous control of a repository."""
        found: AnonymousMade | None = await self._batched(
            ("anonymous", host, repository), lambda keys: self._anonymous.of_many([(host, repository) for _, host, repository in keys])
        )  # fmt: skip
        return found

    async def platforms(self, digest: str) -> Platform | None:
        """What a manifest holds."""
        found: Platform | None = await self._batched(("platforms", digest), lambda keys: self._platforms.of_many([key[1] for key in keys]))
        return found

    def forget(self) -> None:
        """Read everything anew."""
        for rows in self._held.values():
            rows.clear()
        for written in self._reading:
            written.add(_ALL)

    def kept(self, one: Write | Change) -> None:
        """Take over what this process writes."""
        if isinstance(one, Change):
            return
        values, table = one.values, one.statement.table
        if table is FACTS:
            self._put(("facts", values["host"], values["fingerprint"]), lambda before: after(before, one))
        elif table is CHALLENGES:
            self._challenged(values)
        elif table is CONTROLS:
            self._put(("host", values["host"]), lambda before: _controlled(before, values))
        elif table is SIGNS:
            self._put(("host", values["host"]), lambda before: _shown(before, values))
        elif table is ANONYMOUS_CONTROLS:
            made = AnonymousMade(AnonymousResult(values["result"]), values["at"], values["status"])
            self._put(("anonymous", values["host"], values["repository"]), lambda before: made)
        elif table is KNOWN_REPOSITORIES:
            name = values["repository"]
            self._put(("repositories", values["fingerprint"]), lambda before: (name, *(other for other in before if other != name)))
        elif table is PLATFORMS:
            self._put(("platforms", values["digest"]), lambda before: (values["kind"], tuple(values["platforms"])))

    def _challenged(self, values: Mapping[str, Any]) -> None:
        host = values["host"]

        def demanded(before: HostSeen) -> HostSeen:
            first = before.challenge.first_seen_at if before.challenge is not None else values["first_seen_at"]
            return replace(before, challenge=ChallengeSeen(**{k: v for k, v in values.items() if k != "host"} | {"first_seen_at": first}))

        self._put(("host", host), demanded)
        for key in [key for key, seen in self._held.get("host", {}).items() if key[1] != host and seen.other is None]:
            self._put(key, lambda before: replace(before, other=host))

    def _put(self, key: tuple[str, ...], made: Callable[[Any], Any]) -> None:
        for written in self._reading:
            written.add(key)
        held = self._held.get(key[0])
        if held is not None and key in held:
            held[key] = made(held[key])

    async def _found(self, key: tuple[str, ...], read: Callable[[], Awaitable[Row]]) -> Row:
        await self._look()
        held = self._held.setdefault(key[0], {})
        if key in held:
            found: Row = held[key]
            return found
        written = self._begin()
        try:
            found = await read()
        finally:
            self._end(written)
        if key not in written and _ALL not in written:  # what was written meanwhile may be missing in it
            self._make_room(key[0], 1)
            held[key] = found
        return found

    async def _batched(self, key: tuple[str, ...], read: Callable[[Sequence[tuple[str, ...]]], Awaitable[Sequence[Row | None]]]) -> Row | None:
        """As `_found`; what is asked for in the same turn of the loop is read by one query, the first one's."""
        await self._look()
        held = self._held.setdefault(key[0], {})
        while key not in held:
            batch = self._batches.get(key[0])
            if batch is None:
                batch = self._batches[key[0]] = _Batch()
                batch.keys[key] = None
                await self._read_batch(key[0], batch, read)
            elif len(batch.keys) < TOGETHER or key in batch.keys:
                batch.keys[key] = None
                await batch.ended.wait()
            else:
                await batch.ended.wait()
                continue
            if key in batch.found:
                found: Row | None = batch.found[key]
                return found
        kept: Row | None = held[key]
        return kept

    async def _read_batch(self, kind: str, batch: _Batch, read: Callable[[Sequence[tuple[str, ...]]], Awaitable[Sequence[Any]]]) -> None:
        written: set[tuple[str, ...]] | None = None
        try:
            await asyncio.sleep(0)
            del self._batches[kind]
            written, keys = self._begin(), tuple(batch.keys)
            batch.found = dict(zip(keys, await read(keys), strict=True))
        finally:
            if written is None:
                del self._batches[kind]
            else:
                self._end(written)
            batch.ended.set()
        if _ALL not in written:
            self._make_room(kind, len(batch.found))
            self._held[kind] |= {key: row for key, row in batch.found.items() if key not in written}

    def _begin(self) -> set[tuple[str, ...]]:
        written: set[tuple[str, ...]] = set()
        self._reading.append(written)
        return written

    def _end(self, written: set[tuple[str, ...]]) -> None:
        self._reading = [other for other in self._reading if other is not written]

    def _make_room(self, kind: str, wanted: int) -> None:
        held = self._held[kind]
        for key in list(islice(held, max(0, len(held) + wanted - MOST))):
            del held[key]

    async def _look(self) -> None:
        """Forget what may have changed: whether another process has written is asked now and then."""
        now = self._monotonic()
        if now - self._looked_at < FRESH_S:
            return
        self._looked_at = now
        version = await self._database.others_version()
        if version is None or version != self._version:
            self.forget()
        self._version = version


_ALL: Final = ("all",)


def _controlled(before: HostSeen, values: Mapping[str, Any]) -> HostSeen:
    key = ControlKey(**{name: values[name] for name in ("host", "realm", "service", "scheme", "step")})
    made = ControlMade(ControlResult(values["result"]), values["at"], values["detail"])
    return replace(before, controls={**before.controls, key: {**before.controls.get(key, {}), values["repository"]: made}})


def _shown(before: HostSeen, values: Mapping[str, Any]) -> HostSeen:
    kind, at = values["kind"], values["at"]
    span = before.signs.get(kind, Span(at, at))
    return replace(before, signs={**before.signs, kind: Span(min(span.first, at), max(span.last, at))})
