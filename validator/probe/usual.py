"""Verdicts about what a sweep hears a thousand times a second: one login, accepted, with nothing known against the secret.

Such a conversation is over, and its verdict is that of the last one like it. Like it means: equal in every field that there
is of plan, subject, ledger and answer, but for those in `ASIDE`, which cannot matter there; a test holds that they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from validator.evidence import Asker, Evidence, Exchange, Known, Party, Step, Subject
from validator.providers import Provider
from validator.providers.plan import Plan
from validator.verdict import Verdict
from validator.verdict.findings import FRESH_CHALLENGE_S

ASIDE: Final = {
    Subject: {"username"},
    Known: {"controls", "challenge_age_s"},  # they are in the key in another form
    Exchange: {"at", "ms", "url"},
}
"""A username matters beside an owner that an introspection told, an instant beside another exchange's, a URL only to be shown."""
MOST: Final = 256


def _but_aside(kind: type[Subject] | type[Known] | type[Exchange]) -> Callable[[Any], tuple[Hashable, ...]]:
    return attrgetter(*(one.name for one in fields(kind) if one.name not in ASIDE[kind]))


_SUBJECT, _KNOWN, _EXCHANGE = _but_aside(Subject), _but_aside(Known), _but_aside(Exchange)


def key_of(evidence: Evidence) -> Hashable | None:
    """What makes two such conversations one; None if this is another kind of conversation."""
    if len(evidence.exchanges) != 1 or evidence.subject.repository or evidence.subject.asker is not Asker.SWEEP:
        return None
    exchange, known = evidence.exchanges[0], evidence.known
    if exchange.status != 200 or exchange.step is not Step.LOGIN or exchange.party is not Party.SUBJECT or exchange.grant is None:
        return None
    if known.refused_age_s is not None or known.denied_age_s is not None or known.opinion is not None:
        return None
    fresh = known.challenge_age_s <= FRESH_CHALLENGE_S
    return _SUBJECT(evidence.subject), _KNOWN(known), fresh, tuple(known.controls.items()), _EXCHANGE(exchange)


@dataclass(frozen=True, slots=True)
class Told:
    """What a conversation by `plan` came to; `verdict` where it was a usual one, and is the last one's like it (`key`)."""

    plan: Plan
    evidence: Evidence
    key: Hashable | None = None
    verdict: Verdict | None = None

    @property
    def provider(self) -> Provider:
        """Whose rules held."""
        return self.plan.provider


class Usual:
    """The verdicts of usual conversations that nothing more was to be asked in."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[Plan, Verdict]] = {}

    def verdict(self, plan: Plan, key: Hashable) -> Verdict | None:
        """That of the last one like it by the same plan."""
        found = self._held.get(key)
        return found[1] if found is not None and found[0] is plan else None

    def keep(self, plan: Plan, key: Hashable, verdict: Verdict) -> None:
        """It is over, with this verdict."""
        if len(self._held) >= MOST:
            self._held.clear()
        self._held[key] = plan, verdict
