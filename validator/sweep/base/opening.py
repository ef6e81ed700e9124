"""Of the secrets that come next: who is not asked about, and the secret itself of who is, read a moment before it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from validator.credential import Credential
from validator.ledger.plans import Phase
from validator.probe import Probe
from validator.status import State
from validator.stores.base import UnreadableRow
from validator.sweep.base import Heard, Shared
from validator.sweep.base.asking import inquiry_of
from validator.sweep.base.book import Book, Entry, Track
from validator.sweep.base.queue import Queue
from validator.verdict import Reason


@dataclass(slots=True)
class Opener:
    """One lane's. `started_at`: what anybody proved since then is not asked again."""

    probe: Probe
    book: Book
    track: Track
    queue: Queue
    started_at: datetime

    async def open(self, taken: Iterable[Shared]) -> list[tuple[Shared, Credential]]:
        """Those that are to be asked about, each with its secret; the others go into the book."""
        opened: list[tuple[Shared, Credential]] = []
        asked = [shared for shared in taken if not await self._skipped(shared)]
        found = {(one.user, one.name): one for one in await self.book.store.some([shared.members[0].place for shared in asked])}
        for shared in asked:
            held = found.get(shared.members[0].place)
            if not isinstance(held, Credential) or not _is(held, shared):
                held = await self._another(shared, held)
            if held is None:
                continue
            if not shared.words and shared.proven_at is not None and await self._is_fresh(shared, held):
                self.queue.answered(shared)
                continue
            opened.append((shared, held))
        return opened

    async def proven(self) -> tuple[Shared, Credential] | None:
        """A secret of the lane that was proven, with what it is; None if there is none."""
        row = await self.probe.ledger.plans.proven(self.queue.sweep, self.queue.host)
        held = await self.book.store.get(row.user, row.name) if row is not None else None
        if row is None or not isinstance(held, Credential) or held.row != row.row:
            return None
        return Shared(self.queue.host, row.fingerprint, row.place), held

    async def _another(self, shared: Shared, found: Credential | UnreadableRow | None) -> Credential | None:
        """The secret as a member holds it whose row did not change; None if there is none."""
        if not shared.fingerprint and isinstance(found, Credential):
            await self.queue.name(shared, self.probe.fingerprinter.of(shared.host, found.username, found.secret))
            return found
        await self.book.recheck(self.track, shared)
        for member in tuple(shared.members):
            one = await self.book.store.get(*member.place)
            if isinstance(one, Credential) and _is(one, shared):
                return one
            if isinstance(one, UnreadableRow):
                shared.members.remove(member)
                alone = Shared(shared.host, shared.fingerprint, shared.place, [member])
                await self.book.add(Entry(self.track, alone, left=Reason.UNREADABLE, at=self.probe.now()))
        self.queue.answered(shared)
        return None

    async def _skipped(self, shared: Shared) -> bool:
        """True if nothing is to be asked: it is not due, or its wait as a suspect is not over."""
        if shared.words or not shared.fingerprint:
            return False
        now = self.probe.now()
        if all(not member.standing.is_due(now) for member in shared.members) or self._heard_of(shared):
            await self.book.add(Entry(self.track, shared))
        elif shared.suspect and (since := shared.confirmed_from(self.track.confirm_after_s)) is not None and now < since:
            self.queue.timed(shared, since + self.track.margin, held=True)
            await self.book.add(Entry(self.track, shared, phase=Phase.HELD, due_at=since + self.track.margin))
        else:
            return False
        self.queue.answered(shared)
        return True

    def _heard_of(self, shared: Shared) -> bool:
        """True if somebody else got a word of it since this sweep began: a sweep beside this one."""
        settled = (State.DEAD, State.IMPAIRED, State.UNPROVEN)
        return all(
            member.standing.state in settled and member.standing.checked_at is not None and member.standing.checked_at > self.started_at
            for member in shared.members
        )

    async def _is_fresh(self, shared: Shared, credential: Credential) -> bool:
        """True if it was proven a short while ago, or since this sweep began: then its status says so, and nothing is sent."""
        within_s = max(self.probe.settings.sweep.fresh_s, (self.probe.now() - self.started_at).total_seconds())
        if shared.proven_at is None or (self.probe.now() - shared.proven_at).total_seconds() > within_s:
            return False
        found = await self.probe.recalled(inquiry_of(shared, credential), within_s)
        if found is None:
            return False
        alive = all(member.standing.state is State.ALIVE for member in shared.members)
        await self.book.add(Entry(self.track, shared, words=() if alive else (Heard(*found),)))
        return True


def _is(found: Credential, shared: Shared) -> bool:
    """True if this is the secret that the plan means, as its first member holds it."""
    return bool(shared.fingerprint) and any(found.row == member.key.row and found.scope == member.scope for member in shared.members)
