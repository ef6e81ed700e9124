"""The decision about a credential, as a table read from the top: `TABLE`; `decide` joins evidence and table. Pure.

Each row is a set of facts (fields of `Findings`) that must hold, and the verdict that follows. A provider's own rows come
before these. Numbers are rows of registries/README.md section 7, or its rules in section 6.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Final

from validator.credential import SecretKind
from validator.evidence import Control, Evidence, Failure, Opinion
from validator.verdict.base import UNSENT, Hint, Level, Outcome, Reason, Verdict
from validator.verdict.controls import opinion_of
from validator.verdict.findings import NO_PULL, REFUSALS, REPEAT_AFTER_S, Findings, find, refusals_of
from validator.verdict.image import judge_image
from validator.verdict.reading import Meaning
from validator.verdict.traits import Traits


@dataclass(frozen=True, slots=True)
class Row:
    """When every fact of `when` holds (a frozenset: one of them), the verdict is `outcome (reason)`.

    `reason` None takes the registry's own: the reading's. `level` is for `valid`.
    """

    row: str
    outcome: Outcome
    reason: Reason | None
    when: Mapping[str, object]
    level: Level | None = None

    def fits(self, findings: Findings) -> bool:
        """True if the findings show every fact of this row."""
        for fact, wanted in self.when.items():
            found = getattr(findings, fact)
            if not (found in wanted if isinstance(wanted, frozenset) else found == wanted):
                return False
        return True


def row(number: str, outcome: Outcome, reason: Reason | None, /, level: Level | None = None, **when: object) -> Row:
    """A row of a table; the keywords are facts of `Findings`."""
    return Row(number, outcome, reason, MappingProxyType(when), level)


V, N, S, M, U, X = Outcome.VALID, Outcome.INVALID, Outcome.INSUFFICIENT, Outcome.MISCONFIGURED, Outcome.UNPROVABLE, Outcome.UNKNOWN
_REFUSED: Final = frozenset({Control.REFUSED, Control.DENIED})
_NOT_REFUSED: Final = frozenset({Control.ACCEPTED, Control.UNCLEAR})
_DENIED_PULL: Final = frozenset({Meaning.DENIED, Meaning.REFUSED, Meaning.BROKEN})

TABLE: Final[tuple[Row, ...]] = (
    # the secret was never judged: the way, the ping (7.7-7.26)
    row("7.7 days", M, Reason.HOST_UNKNOWN, secret=None, way_reason=Reason.DNS_NXDOMAIN, no_such_host_for_days=True, elsewhere_well=True),
    row("7.19 web site", M, Reason.NOT_A_REGISTRY, secret=None, way_meaning=Meaning.PAGE, ping_twice=True, was_registry=False, elsewhere_well=True),
    row("7.19", X, Reason.CAPTIVE_PORTAL, secret=None, way_meaning=Meaning.PAGE),
    row("7.25 known", X, Reason.REGISTRY_ILL, secret=None, way_meaning=Meaning.NO_REGISTRY, was_registry=True),
    row("7.25", M, Reason.NOT_A_REGISTRY, secret=None, way_meaning=Meaning.NO_REGISTRY, ping_twice=True),
    row("7.25 once", X, Reason.PROTOCOL, secret=None, way_meaning=Meaning.NO_REGISTRY),
    row("7.7-7.26", X, None, secret=None, way_meaning=Meaning.UNKNOWN),
    row("7.17", X, Reason.UNSAFE_REDIRECT, secret=None, way_meaning=Meaning.ON),
    row("7.22", X, None, secret=None, has_demand_fault=True),
    row("7.18b", U, Reason.ANONYMOUS_REGISTRY, secret=None, open_registry=True),
    row("3.1 basic", X, Reason.PROTOCOL, secret=None, unusable=True),
    row("never asked", X, Reason.BUDGET_SPENT, secret=None),
    # the login could not be heard (7.7-7.17, 7.29, 7.31, 7.34, 7.35)
    row("7.29-7.35", X, None, secret=Meaning.UNKNOWN),
    row("3.2", X, Reason.UNSAFE_REDIRECT, secret=Meaning.ON),
    row("no registry", M, Reason.NOT_A_REGISTRY, secret=Meaning.NO_REGISTRY),
    # it lives, and the registry says what it lacks
    row("alive", S, None, secret=Meaning.ALIVE),
    # 403 at login (7.32, 7.33)
    row("7.33 twice", S, Reason.LOGIN_DENIED, secret=Meaning.DENIED, denied_before=True, control=frozenset({Control.REFUSED})),
    row("7.33", X, Reason.AMBIGUOUS_REFUSAL, secret=Meaning.DENIED),
    # refused: authoritative only when every part of 6.2 holds
    row("6.2 d", X, Reason.REGISTRY_ILL, secret=REFUSALS, ill=True),
    row("6.2 e", X, Reason.AMBIGUOUS_REFUSAL, secret=REFUSALS, throttled=True),
    row("6.2 g", X, Reason.AMBIGUOUS_REFUSAL, secret=REFUSALS, fresh=False),
    row("6.2 short-lived", M, Reason.SHORT_LIVED, secret=REFUSALS, kind_dies_soon=True),
    row("6.2 contradiction, explained", S, None, secret=REFUSALS, opinion=Opinion.KNOWS, refused_twice=True, explained=True),
    row("6.2 contradiction", X, Reason.CONTRADICTION, secret=REFUSALS, opinion=Opinion.KNOWS),
    row("6.2 past its end", N, Reason.EXPIRED, secret=Meaning.REFUSED, past_end=True),
    row("6.2 broken", M, None, secret=Meaning.BROKEN, decided=True),
    row("6.2 opinion, in words", N, None, secret=Meaning.REFUSED, opinion=Opinion.AGREES),
    row("6.2 in words", N, None, secret=Meaning.REFUSED, in_words=True),
    row("6.2 opinion silent", X, Reason.AMBIGUOUS_REFUSAL, secret=REFUSALS, opinion=Opinion.SILENT, refused_twice=False),
    row("7.30", N, None, secret=Meaning.REFUSED, decided=True),
    row("6.2 once", X, Reason.AMBIGUOUS_REFUSAL, secret=REFUSALS),
    # accepted, and fit for a proof of pulling (7.37-7.42); 7.46: an ill registry's no says nothing
    row("7.46 pull", X, Reason.REGISTRY_ILL, secret=Meaning.ACCEPTED, pull=NO_PULL, pull_ill=True),
    row("7.41", X, Reason.TOKEN_REJECTED, secret=Meaning.ACCEPTED, pull=Meaning.STALE),
    row("7.37", V, Reason.PULL_PROVEN, Level.PULL, secret=Meaning.ACCEPTED, pull=Meaning.READABLE, anonymous=Control.REFUSED, proof=Control.REFUSED),
    row("7.42", S, Reason.NO_PULL_PERMISSION, secret=Meaning.ACCEPTED, pull=_DENIED_PULL, own=True, control=_REFUSED, claims_nobody=False),
    row("7.38b", U, Reason.PUBLIC_ONLY, secret=Meaning.ACCEPTED, pull=Meaning.READABLE, anonymous=Control.ACCEPTED, control=_NOT_REFUSED),
    row("7.37 accepted", U, Reason.ACCEPTS_ANYONE, secret=Meaning.ACCEPTED, pull=Meaning.READABLE, anonymous=Control.REFUSED, proof=Control.ACCEPTED),
    # accepted (7.27, 7.28, 7.36, 7.40)
    row("7.28 nobody", U, Reason.ACCEPTS_ANYONE, secret=Meaning.ACCEPTED, claims_nobody=True),
    row("7.27", V, Reason.LOGIN_ACCEPTED, Level.LOGIN, secret=Meaning.ACCEPTED, control=_REFUSED),
    row("7.28 accepted", U, Reason.ACCEPTS_ANYONE, secret=Meaning.ACCEPTED, control=Control.ACCEPTED),
    row("7.28 missing", U, Reason.CONTROL_MISSING, secret=Meaning.ACCEPTED),
)  # fmt: skip

THROTTLED_S: Final = 60.0
"""When to come again after a throttle that does not say."""

NO_ROW: Final = row("none", X, Reason.PROTOCOL)


def decide(evidence: Evidence, traits: Traits | None = None, own: tuple[Row, ...] = ()) -> Verdict:
    """The verdict that `evidence` supports; `own` are the provider's rows, read first. Total.

    What no row names is `unknown (protocol)`: nothing is valid or invalid by default.
    """
    traits = traits or Traits()
    findings = find(evidence, traits)
    fault = findings.fault
    if fault:
        outcome = Outcome.UNKNOWN if fault in _FAULTS_NOT_THE_USERS else Outcome.MISCONFIGURED
        if evidence.subject.sent_as is SecretKind.REGISTRY_TOKEN and fault == Reason.SHORT_LIVED:
            outcome = Outcome.UNPROVABLE
        verdict = Verdict(outcome=outcome, reason=Reason(fault), row=UNSENT)
    elif findings.nobody:
        verdict = Verdict(outcome=Outcome.UNPROVABLE, reason=Reason.ANONYMOUS_REGISTRY, row="no credential")
    else:
        chosen = next((r for r in own if r.fits(findings)), None) or next((r for r in _rows_of(findings.secret) if r.fits(findings)), NO_ROW)
        verdict = Verdict(outcome=chosen.outcome, reason=chosen.reason or _own_reason(findings, traits), level=chosen.level, row=chosen.row)
    verdict = replace(
        verdict,
        hints=_hints(evidence, findings, verdict, traits),
        retry_after_s=_retry_after(evidence, verdict, traits),
        expires_at=_expires_at(evidence),
    )
    if not evidence.subject.repository:
        return verdict
    return replace(verdict, image=judge_image(evidence, findings, verdict, traits))


@cache
def _rows_of(secret: Meaning | None) -> tuple[Row, ...]:
    """The rows of TABLE that may fit where this was said of the secret."""
    nothing = Findings(secret=secret)
    return tuple(r for r in TABLE if "secret" not in r.when or row(r.row, r.outcome, r.reason, secret=r.when["secret"]).fits(nothing))


_FAULTS_NOT_THE_USERS: Final = frozenset(
    {Reason.UNREADABLE.value, Reason.DISABLED_BY_OPERATOR.value, Reason.UNSAFE_ADDRESS.value, Reason.ROTATED.value}
)


def _own_reason(findings: Findings, traits: Traits) -> Reason:
    """The reason that the registry, or its vendor's introspection, gave itself."""
    if findings.secret is None:
        if findings.way is not None and findings.way.meaning is Meaning.UNKNOWN:
            return findings.way.reason or Reason.PROTOCOL
        return findings.demand_fault or Reason.PROTOCOL
    if findings.opinion is Opinion.KNOWS and findings.secret in REFUSALS:
        return traits.known_yet_refused or Reason.CONTRADICTION
    if findings.opinion is Opinion.AGREES and findings.opinion_why and findings.secret in REFUSALS:
        return Reason(findings.opinion_why)
    return findings.secret_reason or Reason.PROTOCOL


_KNOWN_HINTS: Final = frozenset(hint.value for hint in Hint)


def _hints(evidence: Evidence, findings: Findings, verdict: Verdict, traits: Traits) -> tuple[Hint, ...]:
    hints = [Hint(text) for text in evidence.subject.hints if text in _KNOWN_HINTS]
    if verdict.outcome is Outcome.INVALID and not evidence.known.ever_valid and not evidence.subject.anonymous:
        hints.append(Hint.NEW_KEY)
    if verdict.outcome is Outcome.VALID and findings.kind_dies_soon:
        hints.append(Hint.SHORT_LIVED)
    opinion = opinion_of(evidence)
    if traits.owner_is_username and opinion is not None and opinion.owner and evidence.subject.username:
        hints += [Hint.USERNAME_DIFFERS] if opinion.owner.casefold() != evidence.subject.username.casefold() else []
    if traits.kinds_of_no_person & {evidence.subject.kind, opinion.kind if opinion is not None else ""}:
        hints.append(Hint.OWNER_OTHER)
    wanted_when_refused = {Hint.USERNAME_FORM, Hint.USE_A_TOKEN, Hint.LOOKS_CUT}
    if verdict.outcome is not Outcome.INVALID:
        hints = [hint for hint in hints if hint not in wanted_when_refused]
    return tuple(dict.fromkeys(hints))


def _retry_after(evidence: Evidence, verdict: Verdict, traits: Traits) -> float | None:
    """Seconds until asking again makes sense; None where nothing says so."""
    if verdict.outcome is not Outcome.UNKNOWN:
        return None
    told = [e.retry_after_s for e in evidence.exchanges if e.retry_after_s is not None]
    closed = traits.closed_for_s.get(verdict.reason, traits.wait_s.get(verdict.reason))
    if any(e.failure is Failure.ADDRESS_BANNED for e in evidence.exchanges):
        closed = None  # closed before this probe: it tells how much is left
    if told or closed is not None:
        return max(closed or 0.0, *told[-1:], 0.0)
    if verdict.reason is Reason.AMBIGUOUS_REFUSAL and evidence.known.throttled:
        return THROTTLED_S
    if verdict.reason is Reason.AMBIGUOUS_REFUSAL and refusals_of(evidence, Traits()) == 1:
        return REPEAT_AFTER_S
    return THROTTLED_S if verdict.reason is Reason.THROTTLED else None


def _expires_at(evidence: Evidence) -> datetime | None:
    if evidence.subject.expires_at is not None:
        return evidence.subject.expires_at
    opinion = opinion_of(evidence)
    return opinion.expires_at if opinion is not None else None
