"""One conversation of a sweep about one secret, and what it says of each credential that holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from validator.credential import Credential
from validator.evidence import Asker, Party, Step
from validator.probe import Inquiry, Probe, Probed
from validator.providers import Provider
from validator.providers.base import NEVER_AGAIN
from validator.sweep.base import Heard, Shared
from validator.sweep.base.words import shown
from validator.verdict import Verdict, decide

_PULLS: Final = frozenset({Step.SCOPED, Step.PULL, Step.MANIFEST, Step.CONFIG})


@dataclass(frozen=True, slots=True)
class Asked:
    """What was heard, by whose rules; `probed`: the secret itself was sent."""

    heard: Heard
    provider: Provider
    probed: bool


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
    return Asked(heard, probed.provider, sent)


def _without_image(probed: Probed) -> Verdict:
    """What the same evidence says of the secret alone."""
    evidence, traits = probed.evidence, probed.provider.traits
    subject = replace(evidence.subject, repository="", reference="", own=False)
    kept = tuple(e for e in evidence.exchanges if e.step not in _PULLS or (e.step is Step.SCOPED and traits.scope_blind))
    return decide(replace(evidence, subject=subject, exchanges=kept), traits, probed.provider.table)
