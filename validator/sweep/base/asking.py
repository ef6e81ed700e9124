"""One conversation of a sweep about one secret, and what it says of each credential that holds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from validator.credential import Credential
from validator.evidence import Asker, Failure, Party, Step
from validator.probe import Inquiry, Probe, Probed
from validator.providers import Provider
from validator.providers.base import NEVER_AGAIN
from validator.sweep.base import APART, Heard, Shared
from validator.sweep.base.words import shown
from validator.verdict import Outcome, Reason, Verdict, decide

_PULLS: Final = frozenset({Step.SCOPED, Step.PULL, Step.MANIFEST, Step.CONFIG})


@dataclass(frozen=True, slots=True)
class Asked:
    """What was heard, by whose rules; `probed`: the secret itself was sent. `opinion_spent`: nothing can be said of it without its
    vendor's word, and the vendor bears no more questions now."""

    heard: Heard
    provider: Provider
    probed: bool
    opinion_spent: bool = False
    paused: bool = False
    """The registry asked to be left alone for longer than is waited for."""


@dataclass(slots=True)
class VendorTurns:
    """When a vendor who bears no more questions about bad secrets is asked about the next of them: one after another, as its windows
    bear them, for each that has no turn costs a refused login (registries/ghcr.md 5)."""

    last: datetime | None = None

    def turn(self, asked: Asked, patience_s: float) -> datetime | None:
        """When that is; None where the vendor was asked, or a turn is not within `patience_s`."""
        about, now = asked.provider.introspection, asked.heard.at
        if not asked.opinion_spent or about is None:
            return None
        apart_s = max(window / most for window, most in about.refused.items())
        until = max(self.last or now, now) + timedelta(seconds=apart_s)
        if (until - now).total_seconds() > patience_s:
            return None
        self.last = until
        return until


@dataclass(slots=True)
class LockedNames:
    """Usernames whose account is locked: at a vendor who leaves a lane alone for that, a name is not asked with again in the whole
    sweep, for each try may lock it anew (registries/README.md 8)."""

    _names: set[str] = field(default_factory=set)

    def __contains__(self, username: str) -> bool:
        return username in self._names

    def heard(self, asked: Asked, username: str) -> None:
        """What was said of a secret of `username`."""
        if asked.heard.verdict.reason is Reason.ACCOUNT_LOCKED and Reason.ACCOUNT_LOCKED in asked.provider.traits.closed_for_s:
            self._names.add(username)


def inquiry_of(shared: Shared, credential: Credential) -> Inquiry:
    """The question about one secret, with the image that proves a pull where there is one."""
    return Inquiry(host=shared.host, credential=credential, image=shared.image, asker=Asker.SWEEP, proof=shared.image is not None)


async def converse(probe: Probe, shared: Shared, credential: Credential) -> Asked:
    """Ask; nothing is written down but what every probe leaves in the ledger."""
    probed = await probe.ask(inquiry_of(shared, credential))
    evidence = probed.evidence
    login = None if all(shared.speaks_of(member) for member in shared.members) else _without_image(probed)
    heard = Heard(
        probed.verdict, probe.now(), bool(evidence.exchanges), login, confirmable=not evidence.subject.no_repeat,
        dead_again_days=(NEVER_AGAIN,) if evidence.subject.leave_dead else probed.provider.dead_again_days, evidence=shown(evidence),
    )  # fmt: skip
    sent = any(exchange.party is Party.SUBJECT and exchange.authorized for exchange in evidence.exchanges)
    opinion = evidence.last(Step.OPINION, party=Party.SUBJECT)
    spent = opinion is not None and opinion.failure is Failure.BUDGET_SPENT and probed.verdict.outcome is Outcome.UNKNOWN
    paused = any(e.failure is Failure.PAUSED and e.step not in APART for e in evidence.exchanges)
    return Asked(heard, probed.provider, sent, spent, paused)


def _without_image(probed: Probed) -> Verdict:
    """What the same evidence says of the secret alone."""
    evidence, traits = probed.evidence, probed.provider.traits
    subject = replace(evidence.subject, repository="", reference="", own=False)
    kept = tuple(e for e in evidence.exchanges if e.step not in _PULLS or (e.step is Step.SCOPED and traits.scope_blind))
    return decide(replace(evidence, subject=subject, exchanges=kept), traits, probed.provider.table)
