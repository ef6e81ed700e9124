"""Writes down what was heard: statuses, their history, the plan's rows and the lanes' numbers, in one transaction a second at most.

What the ledger has not got is asked once more after a crash, and nothing else. Every transaction renews the holds of the lanes
that it writes for; a lane that another process took meanwhile is written for no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from validator.config import Settings
from validator.credential import Host
from validator.ledger import Ledger
from validator.ledger.history import Event, change_of
from validator.ledger.lanes import Hold
from validator.ledger.plans import WHOLE, Phase, PlanRow, Share, place_of
from validator.ledger.statuses import StatusKey, StatusRow, row_of, standing_of
from validator.ledger.sweeps import SweepRow
from validator.sealing import Fingerprint
from validator.status import Standing, State, Transition, advance
from validator.stores.base import CredentialStore, Outline, Place
from validator.sweep.base import Heard, LaneReport, Member, Shared, Told, logged
from validator.sweep.base.words import packed
from validator.verdict import Reason

EVERY_S: Final = 1.0
MOST: Final = 500
"""Entries that are not waited with."""
TOO_MANY: Final = 2000
"""From here on who adds one waits for the database."""
RENEW_S: Final = 5.0
"""So often a hold is renewed while nothing is heard."""
SHOWN: Final = 20
"""So many credentials are named to the operator; of the others the number."""


class Superseded(Exception):
    """Another process goes on with this sweep, or with this lane: this one has nothing more to say."""


@dataclass(slots=True)
class Track:
    """One lane as the book knows it: its numbers, and by what it is held. Of a part of a lane (`share`), `hold` is the part's own,
    `with_others` the whole lane's, and `beside` what the other parts asked and what fell there."""

    report: LaneReport
    share: Share = WHOLE
    hold: Hold | None = None
    with_others: Hold | None = None
    lost: bool = False
    confirm_after_s: float = 600.0
    beside: tuple[int, int] = (0, 0)

    @property
    def asked(self) -> int:
        """Formerly valid secrets of the whole lane that were heard of."""
        return self.report.asked + self.beside[0]

    @property
    def fell(self) -> int:
        """Those of them that something was said against."""
        return self.report.fell + self.beside[1]

    @property
    def holds(self) -> tuple[Hold, ...]:
        """All that is to be renewed."""
        return tuple(hold for hold in (self.hold, self.with_others) if hold is not None)

    @property
    def margin(self) -> timedelta:
        """A second word is heard so much after the wait: two clocks never agree."""
        return timedelta(seconds=max(0.01, self.confirm_after_s / 1000))


@dataclass(slots=True)
class Entry:
    """What becomes of one secret. `words` are believed now; `keeps` wait on, with `phase` and `due_at`; `left`: why it was not judged."""

    track: Track
    shared: Shared
    words: tuple[Heard, ...] = ()
    phase: Phase = Phase.DONE
    due_at: datetime | None = None
    keeps: tuple[Heard, ...] = ()
    left: Reason | None = None
    at: datetime | None = None


def left_of(track: Track, shared: Shared, reason: Reason, at: datetime) -> Entry:
    """It is left to the next sweep, for that; one that is suspect by what was said in this one stays so."""
    return Entry(track, shared, phase=Phase.HELD, keeps=shared.words) if shared.words else Entry(track, shared, left=reason, at=at)


@dataclass(slots=True)
class _Written:
    """What one transaction made."""

    statuses: list[StatusRow] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    rows: list[PlanRow] = field(default_factory=list)
    gone: list[PlanRow] = field(default_factory=list)
    standings: list[tuple[Member, Standing]] = field(default_factory=list)
    silent: list[tuple[Host, str]] = field(default_factory=list)
    anyone: set[Host] = field(default_factory=set)


@dataclass(slots=True)
class Book:
    """The book of one sweep. `silent` and `anyone` are for the operator: how many credentials of a host could not be judged for a week
    (and the first of them), and hosts that take anyone now."""

    ledger: Ledger
    store: CredentialStore
    settings: Settings
    sweep: SweepRow
    now: Callable[[], datetime]
    told: Told
    tracks: dict[Host, Track] = field(default_factory=dict)
    silent: dict[Host, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    anyone: set[Host] = field(default_factory=set)
    written: int = 0
    _entries: list[Entry] = field(default_factory=list)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _some: asyncio.Event = field(default_factory=asyncio.Event)
    _many: asyncio.Event = field(default_factory=asyncio.Event)

    async def add(self, entry: Entry) -> None:
        """Write it within a second."""
        report = entry.track.report
        if entry.phase is not Phase.WAITING:
            new = sum(member.plan.phase is Phase.WAITING for member in entry.shared.members)
            report.done += new
            report.suspects += new if entry.phase is Phase.HELD else 0
        self._entries.append(entry)
        self._some.set()
        self.told(report)
        if len(self._entries) >= MOST:
            self._many.set()
        if len(self._entries) >= TOO_MANY:
            await self.flush()

    async def run(self) -> None:
        """Write what comes, for ever; raises Superseded, StoreError and StoreLost."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S):
                    await self._some.wait()
            if self._some.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_S):
                        await self._many.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write everything that waits, and renew the holds. Raises Superseded where the sweep itself is another's."""
        async with self._writing:
            entries, self._entries = self._entries, []
            self._some.clear()
            self._many.clear()
            try:
                places = [member.place for entry in entries if entry.words for member in entry.shared.members]
                standing = await self.store.standing(places) if places else {}
                made = await self.ledger.together(lambda parts: self._write(parts, entries, standing))
            except BaseException:
                self._entries = entries + self._entries
                raise
            self.written += 1
            logged.changed(self.sweep.id, made.events)
            for member, one in made.standings:
                member.standing = one
            for host, name in made.silent:
                count, names = self.silent.get(host, (0, ()))
                self.silent[host] = (count + 1, (*names, name)[:SHOWN])
            self.anyone |= made.anyone

    async def recheck(self, track: Track, shared: Shared) -> None:
        """Take out the members whose stored rows are no more what they were; what stands there now waits to be asked about."""
        standing = await self.store.standing([member.place for member in shared.members])
        made = _Written()
        still = [member for member in shared.members if self._stands(shared, member, standing, made)]

        async def write(parts: Ledger) -> None:
            await parts.plans.put(made.rows)
            await parts.plans.drop(made.gone)

        if len(still) < len(shared.members):
            shared.members = still
            await self.ledger.together(write)

    async def _write(self, parts: Ledger, entries: Sequence[Entry], standing: Mapping[Place, Outline]) -> _Written:
        now, made = self.now(), _Written()
        if not await parts.sweeps.beat(self.sweep, now=now):
            raise Superseded
        for track in self.tracks.values():
            for hold in track.holds:
                track.lost = track.lost or not await parts.lanes.renew(hold, now=now)
        mine = [entry for entry in entries if not entry.track.lost]
        prints = dict.fromkeys(entry.shared.fingerprint for entry in mine if entry.words)
        known: dict[StatusKey, StatusRow] = {row.key: row for row in await parts.statuses.by_fingerprint(*prints)}
        for entry in mine:
            for member in entry.shared.members:
                if not entry.words:
                    made.rows.append(_row(entry, member))
                elif self._stands(entry.shared, member, standing, made):
                    self._advance(entry, member, known, made)
        await parts.statuses.put(*made.statuses)
        await parts.history.add(*made.events)
        await parts.plans.put(made.rows)
        await parts.plans.drop(made.gone)
        tracks = [track for track in self.tracks.values() if not track.lost]
        await parts.sweeps.put_lanes(*(track.report.row(self.sweep.id) for track in tracks if track.share == WHOLE))
        beside = await parts.sub_lanes.put(*(track.report.part(self.sweep.id, track.share) for track in tracks if track.share != WHOLE))
        for track in tracks:
            track.beside = beside.get(track.report.registry, track.beside)
        return made

    def _stands(self, shared: Shared, member: Member, standing: Mapping[Place, Outline], made: _Written) -> bool:
        """True if the member's stored row is what it was; else what stands there now goes into the plan, once."""
        found, plan = standing.get(member.place), member.plan
        if found is not None and found.row == member.key.row and found.scope == member.scope:
            return True
        if found is None:
            made.gone.append(plan)
            return False
        fresh = plan._replace(row=found.row, path=found.scope.path, image=found.proof, due_at=None, heard=None, state=State.NEVER_CHECKED.value)
        if plan.anew or found.scope.host != shared.host:
            made.rows.append(fresh._replace(phase=Phase.DONE, verdict="unknown", reason=Reason.ROTATED.value, left_over=Reason.ROTATED.value))
        else:
            place = place_of(self.sweep.id, found.row, 1)
            made.rows.append(fresh._replace(fingerprint=Fingerprint(""), place=place, phase=Phase.WAITING, anew=True))
        return False

    def _advance(self, entry: Entry, member: Member, known: dict[StatusKey, StatusRow], made: _Written) -> None:
        """The status after all of the entry's words, the events on the way, and the plan's row."""
        shared, track, notices = entry.shared, entry.track, self.settings.notices
        before = standing_of(known.get(member.key)) or member.standing
        before = replace(before, ever_valid=True) if shared.formerly and not before.ever_valid else before
        happened, last, said = member.plan.transition, entry.words[-1], entry.words[-1].verdict
        for word in entry.words:
            step = advance(
                before, word.of(shared, member), at=word.at, confirm_after_s=track.confirm_after_s, healthy=word.healthy, sent=word.sent,
                expiry_days=notices.expiry_days, dead_again_days=word.dead_again_days or self.settings.sweep.dead_again_days,
            )  # fmt: skip
            event = change_of(member.key, member.plan.name, before, step, at=word.at, sweep=self.sweep.id)
            made.events += [event] if event is not None else []
            made.silent += [(shared.host, f"{member.plan.user} {member.plan.name}")] if step.long_unknown else []
            if before.settled is State.ALIVE and step.verdict.reason is Reason.ACCEPTS_ANYONE:
                made.anyone.add(shared.host)
            happened = step.transition.value if step.transition is not Transition.NONE else happened
            before, said = step.standing, step.verdict
        known[member.key] = row_of(member.key, member.plan.name, before, last.evidence)
        made.statuses.append(known[member.key])
        made.standings.append((member, before))
        made.rows.append(member.plan._replace(
            phase=entry.phase, due_at=entry.due_at, heard=_kept(entry), verdict=said.outcome.value, reason=said.reason.value,
            level=said.level.value if said.level is not None else None, state=before.state.value, transition=happened, checked_at=last.at,
            left_over=entry.left.value if entry.left is not None else None,
        ))  # fmt: skip


def _kept(entry: Entry) -> list[dict[str, Any]] | None:
    return [packed(word) for word in entry.keeps] or None


def _row(entry: Entry, member: Member) -> PlanRow:
    """The member's row without a new word: its last verdict, or why there is none."""
    standing = member.standing
    row = member.plan._replace(
        phase=entry.phase, due_at=entry.due_at, heard=_kept(entry),
        verdict=standing.outcome.value if standing.outcome is not None else None,
        reason=standing.reason.value if standing.reason is not None else None,
        level=standing.level.value if standing.level is not None else None, state=standing.state.value, checked_at=standing.checked_at,
    )  # fmt: skip
    if entry.left is None:
        return row
    return row._replace(verdict="unknown", reason=entry.left.value, level=None, checked_at=entry.at, left_over=entry.left.value)
