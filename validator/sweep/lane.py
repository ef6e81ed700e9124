"""One registry's lane of a sweep: its secrets one after another, the suspects once more at its end, and what is written down.

A death needs a second refusal, the provider's wait later, with the registry seen well in between; many deaths at once are the
registry's illness. registries/README.md 6.2; design sections 5 to 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from validator.config import Canary
from validator.credential import Credential, RegistryScope
from validator.evidence import Asker
from validator.ledger import Ledger
from validator.ledger.statuses import StatusRow, row_of, standing_of
from validator.probe import Inquiry, Probe, Probed
from validator.probe.reach import settings_of
from validator.protocol.reference import InvalidReference, parse_reference
from validator.providers import Provider
from validator.status import Standing, State, Step, Transition, advance
from validator.stores.base import CredentialStore, UnreadableRow
from validator.sweep.base import Heard, LaneReport, LeftOver, Member, Row, Shared, Told
from validator.verdict import Outcome, Reason, Verdict

MASS: Final = 0.5
"""More than this share of the formerly valid ones that were asked, dying in one sweep, is the registry's illness."""
_SUSPECT: Final = (Outcome.INVALID, Outcome.INSUFFICIENT, Outcome.MISCONFIGURED)


@dataclass(slots=True)
class Lane:
    """Sweeps the secrets of one host. `wait` False leaves suspects and the rest to the next sweep."""

    probe: Probe
    ledger: Ledger
    store: CredentialStore
    report: LaneReport
    told: Told
    wait: bool
    stopping: list[bool]
    rows: list[Row] = field(default_factory=list)
    left_over: list[LeftOver] = field(default_factory=list)
    _provider: Provider | None = None
    _accepted: bool = False
    _canary: bool | None = None
    _formerly: set[str] = field(default_factory=set)

    async def run(self, secrets: Sequence[Shared]) -> None:
        """Every secret once; then the suspects, when their wait is over."""
        suspects: list[tuple[Shared, Probed]] = []
        for shared in secrets:
            if self.stopping[0]:
                self._leave(shared, Reason.BUDGET_SPENT)
                continue
            probed = await self._first(shared)
            if probed is not None and await self._is_suspect(shared, probed):
                suspects.append((shared, probed))
        await self._confirm(suspects)
        self.told(self.report)

    async def _first(self, shared: Shared) -> Probed | None:
        """Ask about one secret, unless what is known is fresh or it is not due; None if nothing was learned."""
        standings = [await self._standing(member) for member in shared.members]
        if any(standing is not None and standing.ever_valid for standing in standings):
            self._formerly.add(str(shared.fingerprint))
        if all(standing is not None and not standing.is_due(self.probe.now()) for standing in standings):
            self._keep(shared, standings)
            return None
        fresh = await self.probe.recalled(self._inquiry(shared), self.probe.settings.sweep.fresh_s)
        if fresh is not None and all(standing is not None and standing.state is State.ALIVE for standing in standings):
            self._keep(shared, standings)
            return None
        probed = await self._asked(shared)
        if probed is None:
            return None
        if probed.verdict.outcome not in _SUSPECT or not any(exchange.authorized for exchange in probed.evidence.exchanges):
            await self._write(shared, _heard(probed, self.probe.now()), healthy=False)
            self._accepted = self._accepted or probed.verdict.outcome is Outcome.VALID
            return None
        return probed

    async def _is_suspect(self, shared: Shared, probed: Probed) -> bool:
        """Write a first refusal down; True if this sweep is to ask again."""
        heard = _heard(probed, self.probe.now())
        standings = [await self._standing(member) for member in shared.members]
        ripe = [s for s in standings if s is not None and s.state is State.SUSPECT and _ripe(s, heard.at, self._confirm_s)]
        if ripe:
            await self._second(shared, heard)
            return False
        if all(standing is not None and standing.state is State.DEAD for standing in standings):
            await self._write(shared, heard, healthy=False)
            return False
        await self._write(shared, heard, healthy=False)
        return True

    @property
    def _confirm_s(self) -> float:
        return self._provider.pace.confirm_after_s if self._provider is not None else 600.0

    async def _confirm(self, suspects: Sequence[tuple[Shared, Probed]]) -> None:
        """The second look at the end of the lane, each suspect's wait after its first refusal."""
        settings = self.probe.settings.sweep
        if not self.wait or not suspects or self._confirm_s > settings.wait_s:
            return
        verdicts: list[tuple[Shared, Heard]] = []
        for shared, first in suspects:
            at = datetime.fromtimestamp(first.evidence.exchanges[-1].at, self.probe.now().tzinfo) + timedelta(seconds=self._confirm_s)
            while not self.stopping[0] and (left := (at - self.probe.now()).total_seconds()) > 0:
                self.report.waiting_until = at
                self.told(self.report)
                await self.probe.sleep(min(left, 1.0) if left > 1 else left)
            self.report.waiting_until = None
            if self.stopping[0]:
                return
            again = await self._asked(shared, replacing=True)
            if again is not None:
                verdicts.append((shared, _heard(again, self.probe.now())))
        await self._bury(verdicts)

    async def _bury(self, verdicts: Sequence[tuple[Shared, Heard]]) -> None:
        """Believe the second refusals, unless there are more deaths than a well registry has."""
        dying = [s for s, heard in verdicts if heard.verdict.outcome is Outcome.INVALID and str(s.fingerprint) in self._formerly]
        many = len(dying) >= self.probe.settings.sweep.quarantine_min and len(dying) > MASS * len(self._formerly)
        self.report.quarantined = many and await self._canary_says() is not True
        for shared, heard in verdicts:
            if heard.verdict.outcome is Outcome.INVALID and self.report.quarantined:
                await self._write(shared, heard.ill(), healthy=False)
            else:
                await self._second(shared, heard)

    async def _second(self, shared: Shared, heard: Heard) -> None:
        """Write a second word down, with whether the registry was seen well since the first."""
        healthy = False
        if heard.verdict.outcome is Outcome.INVALID:
            if await self._canary_says() is False and not await self._others_accepted(shared, None):
                heard = heard.ill()
            else:
                first = await self._first_refused(shared)
                healthy = await self._others_accepted(shared, first) or await self.probe.well(shared.host)
        await self._write(shared, heard, healthy=healthy)

    async def _first_refused(self, shared: Shared) -> datetime | None:
        standings = [await self._standing(member) for member in shared.members]
        times = [standing.first_refused_at for standing in standings if standing is not None and standing.first_refused_at is not None]
        return min(times, default=None)

    async def _others_accepted(self, shared: Shared, since: datetime | None) -> bool:
        """True if another secret of the host was accepted since then (None: in this sweep)."""
        if since is None:
            return self._accepted
        at = await self.ledger.facts.accepted_beside(shared.host, shared.fingerprint)
        return at is not None and at > since

    async def _canary_says(self) -> bool | None:
        """True if the operator's canary is accepted, False if it is refused, None without one; asked once a lane."""
        said = settings_of(self.probe.settings, self.report.registry).canary
        if said is None:
            return None
        if self._canary is None:
            probed = await self.probe.ask(Inquiry(host=self.report.registry, credential=_canary(self.report, said), asker=Asker.SWEEP, canary=True))
            self.report.probes += 1
            match probed.verdict.outcome:
                case Outcome.VALID:
                    self._canary = True
                case Outcome.INVALID:
                    self._canary = False
                case _:
                    return None
        return self._canary

    async def _asked(self, shared: Shared, *, replacing: bool = False) -> Probed | None:
        """One probe, waiting for the budget as long as the settings allow; None and `left_over` where it has none."""
        ends = self.probe.monotonic() + self.probe.settings.sweep.wait_s
        while True:
            probed = await self.probe.ask(self._inquiry(shared))
            self._provider = probed.provider
            self.report.probes += 1
            retry = probed.verdict.retry_after_s
            spent = probed.verdict.reason is Reason.BUDGET_SPENT and retry is not None
            if not spent or not self.wait or self.stopping[0] or retry is None or self.probe.monotonic() + retry > ends:
                break
            self.report.waiting_until = self.probe.now() + timedelta(seconds=retry)
            self.told(self.report)
            for _ in range(int(retry) + 1):
                if not self.stopping[0]:
                    await self.probe.sleep(min(1.0, retry))
            self.report.waiting_until = None
        if probed.verdict.reason is Reason.BUDGET_SPENT:
            if not replacing:
                await self._write(shared, _heard(probed, self.probe.now()), healthy=False)
            for member in shared.members:
                self.left_over.append(LeftOver(member.credential.user, member.credential.name, Reason.BUDGET_SPENT))
            return None
        return probed

    def _inquiry(self, shared: Shared) -> Inquiry:
        proof = next((member.proof for member in shared.members if member.proof), None)
        image = None
        if proof is not None:
            try:
                image = parse_reference(proof)
            except InvalidReference:
                image = None
        return Inquiry(host=shared.host, credential=shared.credential, image=image, asker=Asker.SWEEP, proof=image is not None)

    async def _standing(self, member: Member) -> Standing | None:
        return standing_of(await self.ledger.statuses.get(member.key))

    async def _write(self, shared: Shared, heard: Heard, *, healthy: bool) -> None:
        """Advance every credential that holds this secret still; one that changed meanwhile is `unknown (rotated)`."""
        sweep, notices = self.probe.settings.sweep, self.probe.settings.notices
        for member in shared.members:
            now = await self.store.get(member.credential.user, member.credential.name)
            if now is None:
                continue
            if isinstance(now, UnreadableRow) or now.row != member.credential.row:
                self._row(member, Heard(Verdict(outcome=Outcome.UNKNOWN, reason=Reason.ROTATED), heard.at, sent=False), None, Transition.NONE)
                self.left_over.append(LeftOver(member.credential.user, member.credential.name, Reason.ROTATED))
                continue
            taken: list[Step] = []

            def step(row: StatusRow | None, member: Member = member, taken: list[Step] = taken) -> StatusRow:
                made = advance(
                    standing_of(row), heard.verdict, at=heard.at, confirm_after_s=self._confirm_s, healthy=healthy, sent=heard.sent,
                    expiry_days=notices.expiry_days, dead_again_days=sweep.dead_again_days,
                )  # fmt: skip
                taken.append(made)
                return row_of(member.key, member.credential.name, made.standing)

            await self.ledger.statuses.change(member.key, step)
            self._row(member, Heard(taken[-1].verdict, heard.at, heard.sent), taken[-1].standing, taken[-1].transition)

    def _keep(self, shared: Shared, standings: Sequence[Standing | None]) -> None:
        """Rows of credentials that were not asked: their last confirmed verdict, and no transition."""
        for member, standing in zip(shared.members, standings, strict=True):
            known = standing or Standing()
            self.rows.append(_told_row(member, known.outcome, known.reason, known.level, known, Transition.NONE, known.checked_at))
            self.report.done += 1
        self.told(self.report)

    def _leave(self, shared: Shared, reason: Reason) -> None:
        for member in shared.members:
            self.left_over.append(LeftOver(member.credential.user, member.credential.name, reason))
            self.rows.append(_told_row(member, None, None, None, Standing(), Transition.NONE, None))

    def _row(self, member: Member, heard: Heard, standing: Standing | None, transition: Transition) -> None:
        known = standing or Standing()
        row = _told_row(member, heard.verdict.outcome, heard.verdict.reason, heard.verdict.level, known, transition, heard.at)
        same = [at for at, other in enumerate(self.rows) if (other.user, other.name) == (row.user, row.name)]
        if same:
            self.rows[same[0]] = row
        else:
            self.rows.append(row)
            self.report.done += 1
        self.told(self.report)


def _told_row(
    member: Member, outcome: Outcome | None, reason: Reason | None, level: object, standing: Standing, transition: Transition, at: datetime | None
) -> Row:  # fmt: skip
    held = member.credential
    return Row(
        user=held.user, name=held.name, registry=held.scope.host, verdict=outcome, reason=reason, level=level,  # type: ignore[arg-type]  # a Level or None
        standing=standing, transition=transition, checked_at=at,
    )  # fmt: skip


def _heard(probed: Probed, now: datetime) -> Heard:
    logins = [exchange.at for exchange in probed.evidence.exchanges if exchange.authorized]
    at = datetime.fromtimestamp(logins[-1], now.tzinfo) if logins else now
    return Heard(probed.verdict, at, bool(probed.evidence.exchanges))


def _ripe(standing: Standing, at: datetime, confirm_s: float) -> bool:
    since = standing.confirmed_from(confirm_s)
    return since is not None and at >= since


def _canary(report: LaneReport, said: Canary) -> Credential:
    try:
        secret = said.secret_file.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        secret = ""
    return Credential(user="", name="canary", scope=RegistryScope(report.registry), username=said.username, secret=SecretStr(secret))
