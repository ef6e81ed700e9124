"""Conversations such as a sweep holds a thousand times a second: one login, accepted, with nothing known against the secret.

Those that begin alike ask the same first, and those that end alike, too, have the same verdict. Alike means: equal in every field
that there is of plan, subject, ledger and answer, but for those in `ASIDE`, which cannot matter there; a test holds that they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final

from validator.evidence import Asker, Evidence, Exchange, Grant, Known, Party, Step, Subject
from validator.providers import Provider
from validator.providers.plan import Ask, Plan
from validator.providers.questions import next_ask
from validator.verdict import Verdict
from validator.verdict.findings import FRESH_CHALLENGE_S

ASIDE: Final = {
    Subject: {"username"},
    Known: {"controls", "challenge_age_s"},  # they are in the key in another form
    Exchange: {"at", "ms", "url", "grant"},
    Grant: {"life_s"},
}
"""A username matters beside an owner that an introspection told, an instant beside another exchange's, a URL only to be shown, a
token's life where it is used."""
MOST: Final = 256
MOST_ENDS: Final = 16


def _but_aside(kind: type[Any]) -> Callable[[Any], tuple[Hashable, ...]]:
    return attrgetter(*(one.name for one in fields(kind) if one.name not in ASIDE[kind]))


_SUBJECT, _KNOWN, _EXCHANGE, _GRANT = _but_aside(Subject), _but_aside(Known), _but_aside(Exchange), _but_aside(Grant)


def begin_of(evidence: Evidence) -> Hashable | None:
    """What makes two beginnings one; None for another kind of conversation."""
    subject, known = evidence.subject, evidence.known
    if subject.asker is not Asker.SWEEP or subject.repository:
        return None
    if known.refused_age_s is not None or known.denied_age_s is not None or known.opinion is not None:
        return None
    return _SUBJECT(subject), _KNOWN(known), known.challenge_age_s <= FRESH_CHALLENGE_S, tuple(known.controls.items())


def end_of(evidence: Evidence) -> Hashable | None:
    """What makes two ends of such conversations one: their only exchange, a login that was accepted; None for another end."""
    if len(evidence.exchanges) != 1:
        return None
    exchange = evidence.exchanges[0]
    if exchange.status != 200 or exchange.step is not Step.LOGIN or exchange.party is not Party.SUBJECT:
        return None
    if exchange.grant is None:
        return _EXCHANGE(exchange) if exchange.basic else None
    return _EXCHANGE(exchange), _GRANT(exchange.grant)


@dataclass(slots=True)
class Alike:
    """Conversations by `plan` that begin alike: what is asked `first`, None for nothing, and the verdicts that they came to."""

    plan: Plan
    first: Ask | None
    _verdicts: dict[Hashable, Verdict] = field(default_factory=dict)

    def verdict(self, plan: Plan, evidence: Evidence) -> Verdict | None:
        """That of the last one that ended like this; None where there was none, or more may be to be asked."""
        return self._verdicts.get(end_of(evidence)) if plan is self.plan and self._verdicts else None

    def keep(self, plan: Plan, evidence: Evidence, verdict: Verdict) -> None:
        """This one is over, with this verdict; only if its end is a usual one is that known again."""
        end = end_of(evidence)
        if end is not None and plan is self.plan:
            if len(self._verdicts) >= MOST_ENDS:
                self._verdicts.clear()
            self._verdicts[end] = verdict


@dataclass(frozen=True, slots=True)
class Told:
    """What a conversation by `plan` came to. `alike`: those that it began like; `verdict`: that of one which ended like it, too."""

    plan: Plan
    evidence: Evidence
    alike: Alike | None = None
    verdict: Verdict | None = None

    @property
    def provider(self) -> Provider:
        """Whose rules held."""
        return self.plan.provider


class Usual:
    """What is remembered of usual conversations."""

    def __init__(self) -> None:
        self._held: dict[Hashable, Alike] = {}

    def begun(self, plan: Plan, evidence: Evidence) -> Alike | None:
        """Those that begin like this one, in which nothing was asked yet; None for another kind of conversation."""
        begin = begin_of(evidence)
        if begin is None:
            return None
        found = self._held.get(begin)
        if found is None or found.plan is not plan:
            if len(self._held) >= MOST:
                self._held.clear()
            found = self._held[begin] = Alike(plan, next_ask(plan, evidence))
        return found
