"""What can be said without asking about a secret: that a registry is well, or that a secret was good a short while ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from validator.credential import Host
from validator.evidence import Evidence, Exchange, Grant, Party, Step
from validator.ledger import Ledger
from validator.ledger.controls import AnonymousResult
from validator.ledger.facts import FingerprintFacts
from validator.probe.recall import Begun
from validator.providers import Provider
from validator.providers.plan import Plan
from validator.registry.reach import Reach
from validator.verdict import Meaning, Outcome, Verdict, decide, read

USUAL_AFTER: Final = timedelta(hours=6)
"""A refusal of anonymous requests is usual when it was seen this long ago too: a login backend that fails refuses alike."""


def is_basic(evidence: Evidence) -> bool:
    """True if the challenge in force is Basic."""
    demand, _ = evidence.challenged()
    return demand is not None and demand.scheme == "basic"


def opinion_due(begun: Begun, plan: Plan) -> bool:
    """True if the vendor's introspection of a good key is to be asked and is not known: a login alone proves less there."""
    about = begun.provider.introspection
    wanted = about is not None and about.of_good_keys and plan.api is not None and begun.evidence.subject.introspect
    return wanted and begun.evidence.known.opinion is None


def recalled(begun: Begun, facts: FingerprintFacts | None, now: datetime, within_s: float) -> tuple[Verdict, datetime] | None:
    """The verdict that a kept acceptance supports, with the controls and opinions that are fresh now; None unless it is `valid`.

    Pure. An acceptance counts when it is at most `within_s` old, nothing was refused since, and the secret was proven once.
    """
    subject = begun.evidence.subject
    if facts is None or facts.accepted_at is None or not facts.ever_valid or facts.refused_since_accepted() is not None or subject.fault:
        return None
    if not timedelta(0) <= now - facts.accepted_at <= timedelta(seconds=within_s):
        return None
    accepted = Exchange(step=Step.LOGIN, party=Party.SUBJECT, method="GET", url="", at=now.timestamp(), status=200, authorized=True, grant=Grant())
    verdict = decide(begun.evidence.plus(accepted), begun.provider.traits, begun.provider.table)
    return (verdict, facts.accepted_at) if verdict.outcome is Outcome.VALID else None


async def answered_as_usual(ledger: Ledger, host: Host, provider: Provider, reach: Reach, evidence: Evidence, now: datetime) -> bool:
    """Whether the last answer to an anonymous request is what this registry usually says (registries/README.md 6.2).

    A token is a sign of health wherever no vendor's page says otherwise; a refusal only where it was seen hours before, too.
    """
    said = read(evidence.exchanges[-1], provider.traits.rows).meaning
    if is_basic(evidence):
        known = evidence.known.challenge or evidence.known.controls_for
        return said is Meaning.DEMANDS and (known is None or known.scheme == "basic")
    if evidence.exchanges[-1].step is Step.PING:
        return False
    demand, _ = evidence.challenged()
    realm = demand.realm if demand is not None else None
    own = realm is not None and (realm.host, realm.port) == (reach.registry.host, reach.registry.port)
    usual = provider.traits.anonymous_usual
    if usual and (own or not provider.health_at_own_realm):
        return said in usual
    if said is Meaning.ACCEPTED:
        return True
    if said is not Meaning.REFUSED:
        return False
    repository = evidence.subject.repository
    kept = await ledger.anonymous_controls.get(host, f"{_TOKEN}{repository}")
    if kept is None or now - kept.at >= USUAL_AFTER:
        await ledger.anonymous_controls.put(host, f"{_TOKEN}{repository}", AnonymousResult.REFUSED, status=evidence.exchanges[-1].status, now=now)
    return kept is not None and kept.result is AnonymousResult.REFUSED and now - kept.at >= USUAL_AFTER


_TOKEN: Final = "token:"
"""Before a repository's name: what an anonymous token request got, which says nothing of who may read it."""
