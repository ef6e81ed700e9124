"""Writes verdicts down: a status for each credential that still holds the secret, and this sweep's row of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from validator.config import Settings
from validator.credential import Credential
from validator.ledger import Ledger
from validator.ledger.history import Event, change_of
from validator.ledger.statuses import StatusRow, row_of, standing_of
from validator.status import Standing, Step, Transition, advance
from validator.stores.base import CredentialStore, UnreadableRow
from validator.sweep.base import Heard, LaneReport, LeftOver, Member, Row, Shared, Told, unknown
from validator.verdict import Outcome, Reason


@dataclass(slots=True)
class Book:
    """One lane's rows, by user and name, and what is left over."""

    ledger: Ledger
    store: CredentialStore
    settings: Settings
    report: LaneReport
    told: Told
    sweep: str
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    left_over: dict[tuple[str, str], LeftOver] = field(default_factory=dict)

    async def current(self, shared: Shared) -> tuple[Credential | None, list[Credential]]:
        """The secret as one of its members holds it now (None: none does), and what stands in the place of those that changed."""
        changed: list[Credential] = []
        held: Credential | None = None
        for member in tuple(shared.members):
            now = await self._still(shared, member, changed)
            held = held or now
        return held, changed

    async def write(self, shared: Shared, heard: Heard, *, confirm_after_s: float) -> list[Credential]:
        """Advance the status of every member; returns what stands in the place of those whose row changed meanwhile."""
        changed: list[Credential] = []
        for member in tuple(shared.members):
            if await self._still(shared, member, changed) is None:
                continue
            step = await self._advance(shared, member, heard, confirm_after_s)
            member.standing = step.standing
            before = self.rows.get((member.user, member.name))
            transition = step.transition if step.transition is not Transition.NONE or before is None else before.transition
            said = step.verdict
            self._row(member, Row(
                user=member.user, name=member.name, registry=member.scope.host, verdict=said.outcome, reason=said.reason, level=said.level,
                standing=step.standing, transition=transition, checked_at=heard.at,
            ))  # fmt: skip
        return changed

    def keep(self, shared: Shared) -> None:
        """Rows of credentials that were not asked: their last verdict and its instant, and no transition."""
        for member in shared.members:
            if (member.user, member.name) not in self.rows:
                self._row(member, kept_row(member, member.standing))

    def leave(self, shared: Shared, reason: Reason, *, at: datetime) -> None:
        """They are left to the next sweep: `unknown (reason)` at `at`; their statuses stay."""
        said = unknown(reason)
        for member in shared.members:
            place = (member.user, member.name)
            self.left_over[place] = LeftOver(*place, reason)
            before = self.rows.get(place) or kept_row(member, member.standing)
            self._row(member, replace(before, verdict=said.outcome, reason=said.reason, level=None, checked_at=at))

    async def _still(self, shared: Shared, member: Member, changed: list[Credential]) -> Credential | None:
        """The member's credential if its row is what it was; else the member is taken out, and what came instead goes to `changed`."""
        place = (member.user, member.name)
        now = await self.store.get(*place)
        if isinstance(now, Credential) and now.row == member.key.row and now.scope == member.scope:
            return now
        shared.members.remove(member)
        self.left_over.pop(place, None)
        if now is None:
            self.report.done += self.rows.pop(place, None) is None
            return None
        reason = Reason.UNREADABLE if isinstance(now, UnreadableRow) else Reason.ROTATED
        said = unknown(reason)
        self._row(member, replace(kept_row(member, Standing()), verdict=said.outcome, reason=said.reason))
        if isinstance(now, UnreadableRow):
            self.left_over[place] = LeftOver(*place, reason)
        else:
            changed.append(now)
        return None

    async def _advance(self, shared: Shared, member: Member, heard: Heard, confirm_after_s: float) -> Step:
        pace, notices = self.settings.sweep, self.settings.notices
        former = member.standing if member.standing.ever_valid else replace(member.standing, ever_valid=shared.formerly)
        made: list[Step] = []

        event: list[Event | None] = [None]

        def step(row: StatusRow | None) -> StatusRow:
            kept = standing_of(row)
            before = former if kept is None else replace(kept, ever_valid=kept.ever_valid or shared.formerly)
            made[:] = [advance(
                before, heard.of(shared, member), at=heard.at,
                confirm_after_s=confirm_after_s, healthy=heard.healthy, sent=heard.sent, expiry_days=notices.expiry_days,
                dead_again_days=heard.dead_again_days or pace.dead_again_days,
            )]  # fmt: skip
            event[0] = change_of(member.key, member.name, before, made[0], at=heard.at, sweep=self.sweep)
            return row_of(member.key, member.name, made[0].standing)

        async def write(parts: Ledger) -> None:
            await parts.statuses.change(member.key, step)
            if event[0] is not None:
                await parts.history.add(event[0])

        await self.ledger.together(write)
        return made[0]

    def _row(self, member: Member, row: Row) -> None:
        place = (member.user, member.name)
        self.report.done += place not in self.rows
        self.rows[place] = row
        self.told(self.report)


def kept_row(member: Member, standing: Standing) -> Row:
    """The row of a credential that was not asked."""
    return Row(
        user=member.user, name=member.name, registry=member.scope.host, verdict=standing.outcome, reason=standing.reason, level=standing.level,
        standing=standing, transition=Transition.NONE, checked_at=standing.checked_at,
    )  # fmt: skip


def is_refusal(heard: Heard) -> bool:
    """True for the registry's own no to the secret."""
    return heard.verdict.outcome is Outcome.INVALID
