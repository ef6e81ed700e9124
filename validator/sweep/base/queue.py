"""What a lane asks next: read from the plan by pages, a second's worth at a time, with what the ledger knows of each secret.

Suspects whose wait is over come first, then the formerly valid, the others, the dead; each rank in its shuffled order. A rank
whose failure budget is spent rests until a place is free.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from validator.credential import Host, RegistryScope
from validator.errors import ConfigError
from validator.ledger.facts import FingerprintFacts
from validator.ledger.plans import RANK_BITS, WHOLE, Phase, PlanRow, Share
from validator.ledger.statuses import StatusKey, standing_of
from validator.probe import Probe
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.sealing import Fingerprint
from validator.status import Standing, State
from validator.sweep.base import Member, Shared
from validator.sweep.base.words import unpacked

SUSPECT, FORMER, NEW, DEAD, HELD = range(5)
"""Ranks, and what is held for a second word. The failure budget's classes come close: suspects and dead ones share a quarter of it."""
NEW_FIRST: Final = (SUSPECT, NEW, FORMER, DEAD)
"""Where a day has room for a part of a lane alone: of those asked before the shuffle takes others each night, and none would come to the new."""
SPENT_IN_ROW: Final = 20
"""After so many secrets of one rank for which there was no place the others of it are not tried."""
MOST_AHEAD: Final = 250
_LOOKED: Final = timedelta(seconds=1)
"""So often rows whose time has come are looked for, while there are others to ask."""
_BEGIN: Final = tuple((rank << RANK_BITS) - 1 for rank in range(4))
_EVERYWHERE: Final = (-1, (8 << RANK_BITS) - 1)


def rank_of(state: str, ever_valid: bool) -> int:
    """Where a secret in this state stands in its lane."""
    match state:
        case State.SUSPECT:
            return SUSPECT
        case State.DEAD:
            return DEAD
        case _:
            return FORMER if ever_valid else NEW


@dataclass(slots=True)
class Queue:
    """One lane's. `ahead`: how many rows are read at once. `written` counts the book's checkpoints: what was taken from among the
    rows that have a time is taken once, until what came of it is written."""

    probe: Probe
    sweep: str
    host: Host
    written: Callable[[], int]
    share: Share = WHOLE
    ahead: int = 1
    order: tuple[int, ...] = (SUSPECT, FORMER, NEW, DEAD)
    _after: list[int] = field(default_factory=lambda: list(_BEGIN))
    _over: set[int] = field(default_factory=set)
    _look_at: dict[int, datetime | None] = field(default_factory=dict)
    _timed: list[tuple[int, int, datetime]] = field(default_factory=list)
    _out: dict[int, int | None] = field(default_factory=dict)
    _closed: dict[int, datetime] = field(default_factory=dict)
    _in_row: dict[int, int] = field(default_factory=dict)
    _spent_until: dict[int, datetime] = field(default_factory=dict)

    async def take(self, *, confirming: bool) -> list[Shared]:
        """The next secrets to be asked about, none of them opened; [] if nothing can be asked now. `confirming`: those held, too."""
        now = self.probe.now()
        self._written_down()
        rows = await self._due(HELD, now) if confirming and not self._rests(SUSPECT, now) else []
        for rank in self.order:
            if not rows and not self._rests(rank, now):
                rows = await self._due(rank, now)
        for rank in self.order:
            if not rows and not self._rests(rank, now):
                rows = await self._waiting(rank)
        return await self._shared(rows)

    def anew(self) -> None:
        """Rows may have come that were not there before: look at the whole plan again. Only while nothing is under way."""
        self._after = list(_BEGIN)
        self._over.clear()
        self._look_at.clear()
        self._timed.clear()
        self._out.clear()

    def answered(self, shared: Shared) -> None:
        """What came of it goes into the book now."""
        if shared.place in self._out:
            self._out[shared.place] = self.written()

    def timed(self, shared: Shared, at: datetime | None, *, held: bool) -> None:
        """It waits until `at`: held for its second word, or for a place in the failure budget."""
        if at is not None:
            self._timed.append((self.written(), HELD if held else _rank(shared), at))

    def spent(self, shared: Shared, until: datetime) -> None:
        """There was no place for this one; after many in a row its rank rests."""
        self.answered(shared)
        rank = _rank(shared)
        self._in_row[rank] = self._in_row.get(rank, 0) + 1
        self._spent_until[rank] = min(until, self._spent_until.get(rank, until))
        if self._in_row[rank] >= SPENT_IN_ROW:
            self._closed[rank] = self._spent_until.pop(rank)

    def had_place(self, shared: Shared) -> None:
        """There was a place for this one; it may have been the only one that was free."""
        rank = _rank(shared)
        self._in_row[rank] = max(0, self._in_row.get(rank, 0) - SPENT_IN_ROW // 4)
        self._spent_until.pop(rank, None)

    async def next_at(self, *, confirming: bool, waiting: bool = True) -> datetime | None:
        """When something can be asked again; None if nothing is left that is waited for. `waiting`: those not asked yet, too."""
        now, due = self.probe.now(), await self._dues()
        times = []
        for rank in range(4) if waiting else ():
            opens = self._closed.get(rank, now)
            times += [opens] if opens > now and rank not in self._over else []
            times += [max(due[rank], opens)] if rank in due else []
        if confirming and HELD in due:
            times.append(max(due[HELD], self._closed.get(SUSPECT, due[HELD])))
        return min(times, default=None)

    def _rests(self, rank: int, now: datetime) -> bool:
        return self._closed.get(rank, now) > now

    async def _due(self, kind: int, now: datetime) -> list[PlanRow]:
        """Rows whose time has come, of a rank, or those held. The plan is looked at when there may be some, and not too often."""
        if kind not in self._look_at:
            due = await self._dues()
            self._look_at = {one: self._look_at.get(one, due.get(one)) for one in (*self.order, HELD)}
        times = [self._look_at[kind], *(at for _, of, at in self._timed if of == kind)]
        if min((at for at in times if at is not None), default=now + _LOOKED) > now:
            return []
        phase, between = (Phase.HELD, _EVERYWHERE) if kind == HELD else (Phase.WAITING, _places(kind))
        rows = await self.probe.ledger.plans.due(self.sweep, self.host, phase, *between, now=now, limit=self.ahead, share=self.share)
        after = now if len(rows) >= self.ahead else (await self._dues()).get(kind)
        self._look_at[kind] = None if after is None else max(after, now + _LOOKED)
        self._timed = [(count, of, max(at, now + _LOOKED) if of == kind else at) for count, of, at in self._timed]
        fresh = [row for row in rows if row.place not in self._out]
        self._out |= {row.place: None for row in fresh}
        return fresh

    async def _dues(self) -> dict[int, datetime]:
        """When the first row of a rank that waits for a time is due, and the first of those held."""
        found = await self.probe.ledger.plans.dues(self.sweep, self.host, share=self.share)
        due = {rank: at for (phase, rank), at in found.items() if phase is Phase.WAITING}
        held = [at for (phase, _), at in found.items() if phase is Phase.HELD]
        return due | {HELD: min(held)} if held else due

    def _written_down(self) -> None:
        """What is in the plan by now need not be remembered; of two checkpoints one may have been under way."""
        written = self.written() - 1
        self._out = {place: at for place, at in self._out.items() if at is None or at >= written}
        for _, kind, at in (one for one in self._timed if one[0] < written):
            known = self._look_at.get(kind, at)
            if kind in self._look_at:
                self._look_at[kind] = at if known is None else min(known, at)
        self._timed = [one for one in self._timed if one[0] >= written]

    async def _waiting(self, rank: int) -> list[PlanRow]:
        if rank in self._over:
            return []
        _, before = _places(rank)
        rows = await self.probe.ledger.plans.waiting(self.sweep, self.host, self._after[rank], before, limit=self.ahead, share=self.share)
        if rows:
            self._after[rank] = rows[-1].place
        else:
            self._over.add(rank)
        return rows

    async def _shared(self, rows: Sequence[PlanRow]) -> list[Shared]:
        """These rows by secret, with what is known of each."""
        if not rows:
            return []
        ledger = self.probe.ledger
        prints = list(dict.fromkeys(row.fingerprint for row in rows if row.fingerprint))
        known = await ledger.statuses.by_fingerprint(*prints)
        by_key = {row.key: row for row in known}
        by_secret = {(row.key.user, row.key.scope, row.key.fingerprint): row for row in sorted(known, key=_when)}
        facts = await ledger.view.facts_of(self.host, prints)
        self.probe.expect(self.host, prints)
        found: dict[str, Shared] = {}
        for row in rows:
            scope = RegistryScope(self.host, row.path)
            key = StatusKey(row.user, scope, row.fingerprint, row.row)
            shared = found.setdefault(row.fingerprint or f"{row.user}\n{row.name}", Shared(self.host, row.fingerprint, row.place))
            standing = standing_of(by_key.get(key) or by_secret.get((row.user, scope, row.fingerprint))) or Standing()
            shared.members.append(Member(row, scope, key, standing))
            shared.words = shared.words or tuple(unpacked(word) for word in row.heard or ())
        given = given_proofs(self.host, self.probe.ways.said(self.host).proof)
        for shared in found.values():
            self._judge(shared, facts.get(shared.fingerprint), given)
        await self._prove([shared for shared in found.values() if shared.image is None and shared.fingerprint])
        return list(found.values())

    async def name(self, shared: Shared, fingerprint: Fingerprint) -> None:
        """The only member's secret has been read: now it is known which it is."""
        plan = shared.members[0].plan._replace(fingerprint=fingerprint)
        [named] = await self._shared([plan])
        shared.fingerprint, shared.members, shared.formerly = fingerprint, named.members, named.formerly
        shared.image, shared.proof, shared.of_all, shared.proven_at = named.image, named.proof, named.of_all, named.proven_at

    async def held(self) -> AsyncIterator[list[Shared]]:
        """Everything that waits for the lane's end, in pages."""
        async for rows in self.probe.ledger.plans.of_phase(self.sweep, self.host, Phase.HELD):
            yield await self._shared(rows)

    def _judge(self, shared: Shared, facts: FingerprintFacts | None, given: Sequence[Reference]) -> None:
        """What the ledger knows of the secret, and the image that a pull is proven with; `given` are the operator's."""
        shared.formerly = (facts is not None and facts.ever_valid) or any(member.standing.ever_valid for member in shared.members)
        if facts is not None and facts.ever_valid and facts.refused_since_accepted() is None:
            shared.proven_at = facts.accepted_at
        own = ((text, image) for member in shared.members if (image := image_of(text := member.plan.image)) is not None)
        covered = (image for image in given if any(member.scope.covers(self.host, image.repository) for member in shared.members))
        shared.proof, shared.image = next(own, (None, None))
        shared.image = shared.image or next(covered, None)

    async def _prove(self, secrets: Sequence[Shared]) -> None:
        """A repository that a secret has read proves a pull, and its denial speaks of the secret itself (registries/README.md 6.2)."""
        read = await self.probe.ledger.repositories.many([shared.fingerprint for shared in secrets])
        for shared in secrets:
            names = read.get(shared.fingerprint, ())
            covered = [name for name in names if any(member.scope.covers(shared.host, name) for member in shared.members)]
            if names:
                shared.image, shared.of_all = image_of(f"{shared.host}/{(covered or list(names))[0]}"), True


def _rank(shared: Shared) -> int:
    return SUSPECT if shared.words or shared.suspect else shared.place >> RANK_BITS


def _places(rank: int) -> tuple[int, int]:
    """The places of a rank lie between these."""
    return _BEGIN[rank], (rank + 1) << RANK_BITS


def image_of(text: str | None) -> Reference | None:
    """The reference that `text` is; None for none, and for what is none."""
    try:
        return parse_reference(text) if text else None
    except InvalidReference:
        return None


def given_proofs(host: Host, texts: Sequence[str]) -> list[Reference]:
    """The proof images of a registry's settings. Raises ConfigError for one that is none."""
    try:
        return [parse_reference(f"{host}/{text}") for text in texts]
    except InvalidReference as error:
        raise ConfigError(f"registries.{host}.proof: {error}; write repository:tag, without the host.") from None


def _when(row: object) -> float:
    at = getattr(row, "last_attempt_at", None)
    return at.timestamp() if isinstance(at, datetime) else 0.0
