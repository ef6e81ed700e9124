"""What a lane believes at its end: words that were said twice, unless the lane itself is ill.

A canary that is refused while nobody else is accepted, or many more deaths than the lane's history makes likely, are the
registry's illness: the lane goes into quarantine, statuses stay, no user hears of it. registries/README.md 6.2; `guard.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from validator.ledger.plans import Phase
from validator.probe import Probe
from validator.status import Said
from validator.sweep.base import Heard, LaneReport, Shared
from validator.sweep.base.book import Book, Entry, Track
from validator.sweep.base.canary import CanaryWatch, Says
from validator.sweep.base.guard import Judged, Night, judge
from validator.sweep.base.queue import Queue
from validator.verdict import Reason

Waiting = Callable[[datetime], Awaitable[bool]]


@dataclass(slots=True)
class Belief:
    """One lane's. `history` are its nights; `released`: the operator has let it go, so that what is heard is believed.

    `why` is set with a quarantine; `let_go`: one of before is over.
    """

    probe: Probe
    book: Book
    track: Track
    queue: Queue
    canary: CanaryWatch
    history: Sequence[Night]
    released: bool
    why: str = ""
    let_go: bool = False
    _judged: Judged | None = field(default=None)

    @property
    def report(self) -> LaneReport:
        """The lane's numbers."""
        return self.track.report

    def count(self, shared: Shared, heard: Heard) -> None:
        """One word about a secret that was valid once, for the guard. A second one takes the first back, or says the same."""
        if not shared.formerly or shared.dead or heard.kind is Said.NOTHING:
            return
        before = next((word for word in reversed(shared.words) if word.kind is not Said.NOTHING), None)
        self.report.asked += before is None
        self.report.fell += int(heard.against) - int(before is not None and before.against)

    def judged(self) -> Judged:
        """What the guard makes of the lane so far."""
        found = self._judged
        if found is None or (found.asked, found.fell) != (self.track.asked, self.track.fell):
            least = self.probe.settings.sweep.quarantine_min
            found = self._judged = judge(Night(self.track.asked, self.track.fell), self.history, least=least)
        return found

    def is_mass(self) -> bool:
        """True if more deaths were heard of than the lane's history makes likely, and nobody has let them go.

        Asked for each secret, and a judgement takes as long as its deaths are many: what was likely once is so among more.
        """
        track, found = self.track, self._judged
        if self.released or track.fell < self.probe.settings.sweep.quarantine_min:
            return False
        if found is not None and not found.mass and track.fell <= found.fell and track.asked >= found.asked:
            return False
        return self.judged().mass

    async def is_known(self) -> bool:
        """True if an earlier sweep put this lane into quarantine: what its canary denies twice is believed."""
        return bool(await self.probe.ledger.lanes.quarantined(self.report.registry))

    async def is_over(self) -> bool:
        """True, from now on, if the lane was in quarantine already and its canary is accepted: the deaths are real."""
        if await self.is_known() and await self.canary.says(self.track.confirm_after_s, since=self.probe.now()) is Says.GOOD:
            self.released = True
        return self.released

    async def settle(self, wait_until: Waiting, *, banned: bool) -> None:
        """Write down everything that waits. `banned`: refusals beside a ban say nothing for sure (6.2 e).

        `wait_until` sleeps until an instant, and is False where that is beyond the sweep's patience.
        """
        await self.book.flush()
        host, lanes = self.report.registry, self.probe.ledger.lanes
        ill = not banned and await self.probe.ledger.plans.any_held(self.queue.sweep, host) and await self._is_ill(wait_until)
        async for page in self.queue.held():
            for shared in page:
                words = shared.words if not banned else tuple(replace(word, healthy=False) for word in shared.words)
                left = Reason.BUDGET_SPENT if words and words[-1].verdict.reason is Reason.BUDGET_SPENT else None
                await self.book.add(Entry(self.track, shared, words=tuple(word.ill() for word in words) if ill else words, left=left))
            await self.book.flush()
        if ill:
            self.report.quarantined = True
            await lanes.quarantine(host, self._evidence(), now=self.probe.now())
        elif not banned and await lanes.release(host):
            self.let_go = True

    async def keep(self) -> None:
        """After a stop: what was said once makes suspects, nothing dies, and all of it waits on for the sweep to go on."""
        if self.is_mass():
            return
        async for page in self.queue.held():
            for shared in page:
                if shared.words and not shared.suspect:
                    first = replace(shared.words[0], healthy=False)
                    due_at = shared.members[0].plan.due_at
                    await self.book.add(Entry(self.track, shared, words=(first,), phase=Phase.HELD, due_at=due_at, keeps=shared.words))
            await self.book.flush()

    async def _is_ill(self, wait_until: Waiting) -> bool:
        """What is held is the registry's illness: the canary's word, or the guard's; a good canary ends a quarantine of before."""
        if self.released:
            return False
        says = await self._canary_at_last(wait_until)
        if says is Says.ILL:
            self.why = "its canary is refused, and nobody else is accepted"
            return True
        if not self.is_mass():
            return False
        if says is Says.GOOD and await self.is_known():
            return False
        judged = self.judged()
        self.why = (
            f"{judged.fell} of {judged.asked} credentials that worked were refused in one sweep, where {judged.usual:.1f} are usual "
            f"(so many by chance: {judged.chance:.0e})"
        )
        return True

    async def _canary_at_last(self, wait_until: Waiting) -> Says:
        """Its word now; one that was refused is asked once more, the wait later."""
        wait_s = self.track.confirm_after_s
        says = await self.canary.says(wait_s, since=self.probe.now()) if self.canary.failed_at is None else None
        failed_at = self.canary.failed_at
        if failed_at is not None and not self.canary.died and await wait_until(failed_at + timedelta(seconds=wait_s) + self.track.margin):
            says = None
        return says if says is not None else await self.canary.says(wait_s, since=self.probe.now())

    def _evidence(self) -> dict[str, object]:
        judged = self.judged()
        return {"why": self.why, "asked": judged.asked, "fell": judged.fell, "usual": round(judged.usual, 2), "chance": judged.chance}
