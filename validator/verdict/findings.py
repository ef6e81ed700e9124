"""What all the answers together show: evidence folded into a few closed values that the tables join. Pure.

Nothing here decides; each field is one fact with one way to come true, and the tables in `table.py` and `image.py` say
what the facts mean together. registries/README.md 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from validator.credential import SecretKind
from validator.evidence import Asker, Control, Evidence, Failure, Opinion, Party, Step
from validator.verdict.base import Reason
from validator.verdict.controls import (
    NOT_MADE,
    anonymous_control,
    control_at,
    control_of_login,
    detail_of,
    judged,
    opinion_control_of,
    opinion_of,
    proof_control,
    public_token_refused,
    readings,
    scopes_lack,
)
from validator.verdict.reading import Meaning, Reading, read
from validator.verdict.traits import Traits

FRESH_CHALLENGE_S: Final = 60.0
"""A refusal counts only under a challenge this young, or confirmed by a cold ping after it (6.2 g)."""
REPEAT_AFTER_S: Final = 3.0
REMEMBERED_S: Final = 86_400.0
"""An earlier refusal of the same secret counts as the first for a day (6.2, one repeat)."""
DAY_S: Final = 86_400.0

REFUSALS: Final = frozenset({Meaning.REFUSED, Meaning.BROKEN})
_THROTTLES: Final = frozenset({Reason.THROTTLED, Reason.ACCOUNT_LOCKED, Reason.ADDRESS_BANNED})
NO_PULL: Final = frozenset({Meaning.DENIED, Meaning.STALE, *REFUSALS})
_IMPOSSIBLE_OF_A_MADE_UP_NAME: Final = frozenset(
    {Reason.EXPIRED, Reason.REVOKED, Reason.OWNER_DISABLED, Reason.TOKEN_REQUIRED, Reason.SCOPE_MISSING, Reason.SSO_REQUIRED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The facts. `secret` is what the registry said last of the stored secret, `pull` of the image with it."""

    fault: str = ""
    way: Reading | None = None
    way_meaning: Meaning | None = None
    way_reason: Reason | None = None
    ping_twice: bool = False
    was_registry: bool = False
    elsewhere_well: bool = False
    no_such_host_for_days: bool = False
    demand_fault: Reason | None = None
    has_demand_fault: bool = False
    unusable: bool = False
    """The registry wants a username and password, and all that is stored is a token to be traded in."""
    open_registry: bool = False
    secret: Meaning | None = None
    secret_reason: Reason | None = None
    refused_twice: bool = False
    decided: bool = False
    """As many refusals as this asker needs: one for a sweep, two where somebody waits, one where its words are plain."""
    in_words: bool = False
    past_end: bool = False
    """Its own end, written in it, was over when it was asked about."""
    fresh: bool = True
    ill: bool = False
    throttled: bool = False
    """It asked for less a short while ago, or at another login of this probe: a refusal may be that again (6.2 e)."""
    opinion: Opinion | None = None
    opinion_why: str = ""
    opinion_control: Control = Control.UNCLEAR
    scopes_lack: bool | None = None
    kind_never_pulls: bool = False
    kind_dies_soon: bool = False
    kind: str = ""
    control: Control = Control.UNCLEAR
    control_refused: bool = False
    proof: Control = Control.UNCLEAR
    """The control that a pull proof rests on (6.2): refused at any of the steps that may carry it."""
    pull: Meaning | None = None
    pull_reason: Reason | None = None
    pull_ill: bool = False
    """The registry refused the image to somebody who surely may read it."""
    anonymous: Control = Control.UNCLEAR
    unguarded: bool = False
    """An open registry gives the image to whoever asks for it without a login: no pull sends one."""
    own: bool = False
    image: bool = False
    denied_before: bool = False
    claims_nobody: bool = False
    sweep: bool = False
    nobody: bool = False
    detail: Reason | None = None
    """Why the vendor's own API refuses the package to a living token, where it says so."""
    explained: bool = False
    """The provider's page says what it means that its introspection knows a secret which its login refuses."""
    proves_nothing: bool = True
    """Nothing was pulled with it."""


def find(evidence: Evidence, traits: Traits) -> Findings:
    """Fold `evidence` into findings, with the provider's `traits`. Total."""
    return evidence.once("findings", traits, lambda: _find(evidence, traits))


def _find(evidence: Evidence, traits: Traits) -> Findings:
    subject, known = evidence.subject, evidence.known
    secret = secret_reading(evidence, traits)
    refusals = refusals_of(evidence, traits)
    pull = pull_reading(evidence, traits)
    opinion = opinion_of(evidence)
    in_words = secret.reason in (Reason.EXPIRED, Reason.REVOKED, Reason.OWNER_DISABLED)
    sweep, token = subject.asker is Asker.SWEEP, subject.sent_as is SecretKind.IDENTITY_TOKEN
    pings = [reading for e, reading in readings(evidence, traits) if e.step is Step.PING]
    ended = [p for p in pings if p.meaning is not Meaning.ON]
    demand, _ = evidence.challenged()
    of_login = control_of_login(evidence, traits)
    return Findings(
        fault=subject.fault,
        way=ended[-1] if ended else None,
        way_meaning=ended[-1].meaning if ended else (Meaning.ON if pings else None),
        way_reason=ended[-1].reason if ended else None,
        ping_twice=len(ended) > 1 and ended[-1].meaning is ended[-2].meaning,
        was_registry=known.was_registry,
        elsewhere_well=any(read(e).meaning in (Meaning.OPEN, Meaning.DEMANDS) for e in evidence.of(Step.ELSEWHERE)),
        no_such_host_for_days=known.nxdomain_age_s is not None and known.nxdomain_age_s >= DAY_S / 2 and not (known.ever_valid or known.was_registry),
        demand_fault=Reason(demand.fault.value) if demand is not None and demand.fault is not None else None,
        has_demand_fault=demand is not None and demand.fault is not None,
        unusable=token and demand is not None and demand.scheme == "basic",
        open_registry=bool(ended) and ended[-1].meaning is Meaning.OPEN,
        secret=secret.meaning if secret.row else None,
        secret_reason=secret.reason,
        refused_twice=refusals >= 2,
        decided=sweep or refusals >= 2 or in_words or _past_end(evidence) or not traits.repeat or subject.no_repeat,
        in_words=in_words,
        past_end=_past_end(evidence),
        fresh=is_fresh(evidence) and not (token and traits.tokens_doubted),
        ill=known.ill or _signs_of_illness(evidence, traits),
        throttled=known.throttled
        or any(r.reason in _THROTTLES for e, r in judged(evidence, traits, Step.LOGIN, Step.SCOPED) if e.status is not None),
        opinion=opinion.opinion if opinion else None,
        opinion_why=opinion.why if opinion else "",
        opinion_control=opinion_control_of(evidence),
        scopes_lack=scopes_lack(evidence, traits, pull),
        kind_never_pulls=subject.kind in traits.kinds_that_never_pull or (opinion is not None and opinion.kind in traits.kinds_that_never_pull),
        kind_dies_soon=subject.short_lived or subject.kind in traits.kinds_that_die_soon,
        kind=subject.kind,
        control=of_login,
        control_refused=of_login in (Control.REFUSED, Control.DENIED),
        proof=proof_control(evidence, traits),
        pull=pull.meaning if pull.row else None,
        pull_reason=pull.reason,
        pull_ill=pull.meaning in NO_PULL and _pull_ill(evidence, traits),
        anonymous=anonymous_control(evidence, traits),
        unguarded=bool(ended) and ended[-1].meaning is Meaning.OPEN and _given_unasked(evidence, traits),
        own=subject.own,
        image=bool(subject.repository),
        denied_before=known.denied_age_s is not None,
        claims_nobody=_claims_nobody(evidence),
        sweep=sweep,
        nobody=subject.anonymous,
        detail=detail_of(evidence),
        explained=traits.known_yet_refused is not None,
        proves_nothing=pull.meaning is not Meaning.READABLE,
    )


def secret_reading(evidence: Evidence, traits: Traits) -> Reading:
    """What the registry said last of the secret itself; row "" when it was never asked.

    The login without scope speaks of the secret; where none was made, the scoped login does. A scoped login that was
    accepted where its control was refused clears an earlier refusal (the repeat of 6.2).
    """
    return evidence.once("secret", traits, lambda: _secret_reading(evidence, traits))


def _secret_reading(evidence: Evidence, traits: Traits) -> Reading:
    logins, scoped = list(judged(evidence, traits, Step.LOGIN)), list(judged(evidence, traits, Step.SCOPED))
    # a repeat that the budget did not allow takes nothing back of what was said
    if any(e.failure is None for e, _ in (*logins, *scoped)):
        logins, scoped = ([(e, r) for e, r in made if e.failure is not Failure.BUDGET_SPENT] for made in (logins, scoped))
    # only an answer to a request that carried the secret speaks of it
    logins = [(e, r) for e, r in logins if e.authorized or e.failure is not None]
    scoped = [(e, r) for e, r in scoped if e.authorized or e.failure is not None]
    if not logins:
        return _as_login(scoped[-1][1]) if scoped else NOT_MADE
    said = _as_login(logins[-1][1])
    later = [_as_login(r) for e, r in scoped if e.at >= logins[-1][0].at and evidence.exchanges.index(e) > evidence.exchanges.index(logins[-1][0])]
    if said.meaning in REFUSALS and later:
        if later[-1].meaning is Meaning.ACCEPTED and (traits.scope_blind or control_at(evidence, traits, Step.SCOPED) is Control.REFUSED):
            return later[-1]
        if later[-1].meaning in REFUSALS:
            return later[-1]
    return said


def _as_login(reading: Reading) -> Reading:
    """What a login says of the secret alone: one that denies a repository in words that admit the secret accepted it."""
    return replace(reading, meaning=Meaning.ACCEPTED) if reading.meaning is Meaning.ADMITTED else reading


def refusals_of(evidence: Evidence, traits: Traits) -> int:
    """How many refusals of this secret are known since anything was accepted, the ledger's included."""
    count = 0
    age = evidence.known.refused_age_s
    if age is not None and REPEAT_AFTER_S <= age <= REMEMBERED_S:
        count = 1
    for exchange, reading in judged(evidence, traits, Step.LOGIN, Step.SCOPED):
        if reading.meaning in REFUSALS and exchange.authorized:
            count += 1
        elif reading.meaning is Meaning.ADMITTED or (reading.meaning is Meaning.ACCEPTED and (exchange.step is Step.LOGIN or traits.scope_blind)):
            count = 0
    return count


def is_fresh(evidence: Evidence) -> bool:
    """True if the last refusal stands under a challenge of ≤ 60 s, or a cold ping after it named the same place (6.2 g)."""
    logins = evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    if not logins:
        return True
    last = evidence.exchanges.index(logins[-1])
    asked = [e for e in evidence.exchanges[:last] if e.step in (Step.PING, Step.PULL) and e.party is Party.ANONYMOUS and not e.authorized]
    before = [e for e in asked if e.demand is not None]
    if any(logins[-1].at - e.at <= FRESH_CHALLENGE_S for e in before):
        return True
    used, age = (before[-1].demand, 0.0) if before else (evidence.known.challenge, evidence.known.challenge_age_s)
    started = evidence.exchanges[0].at
    if not before and age + logins[-1].at - started <= FRESH_CHALLENGE_S:
        return True
    after = [e.demand for e in evidence.exchanges[last + 1 :] if e.step is Step.PING]
    named = next((demand for demand in reversed(after) if demand is not None), None)
    return named is not None and used is not None and named.same_place(used)


def pull_reading(evidence: Evidence, traits: Traits) -> Reading:
    """What was said of the image with the subject's secret (or without any: an anonymous subject's, or an empty one)."""
    subject = evidence.subject
    party = Party.ANONYMOUS if subject.anonymous or subject.fault == Reason.EMPTY_SECRET else Party.SUBJECT
    pulls = [(e, r) for e, r in judged(evidence, traits, Step.PULL, Step.MANIFEST, party=party) if r.meaning is not Meaning.NO_HEAD]
    heads = [(e, r) for e, r in pulls if e.repository == evidence.subject.repository or not e.repository]
    if heads:
        readable = [r for e, r in heads if r.meaning is Meaning.READABLE]
        # a GET after a HEAD may tell more (a code, an artifact) or fail for a reason of its own: the HEAD's yes stands
        last = heads[-1][1]
        if readable and last.meaning is Meaning.UNKNOWN:
            return readable[-1]
        earlier = [r for _, r in heads[:-1] if r.meaning in (Meaning.TAG_MISSING, Meaning.DENIED)]
        if earlier and last.meaning in (Meaning.UNKNOWN, Meaning.READABLE):
            return earlier[-1] if last.meaning is Meaning.UNKNOWN else last
        return last
    scoped = judged(evidence, traits, Step.SCOPED, party=party)
    if not scoped:
        return NOT_MADE
    exchange, reading = scoped[-1]
    if reading.meaning is Meaning.ACCEPTED:
        denies = exchange.grant is not None and exchange.grant.pulls is False
        return Reading(Meaning.DENIED, Reason.NO_PULL_PERMISSION, "2.4 access") if denies else NOT_MADE
    return replace(reading, meaning=Meaning.DENIED) if reading.meaning is Meaning.ADMITTED else reading


def _past_end(evidence: Evidence) -> bool:
    """True if the end that stands in the secret itself was over at its last login (registries/others.md G10)."""
    ends, asked = evidence.subject.expires_at, evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    return ends is not None and bool(asked) and asked[-1].at >= ends.timestamp()


def _signs_of_illness(evidence: Evidence, traits: Traits) -> bool:
    for _, reading in judged(evidence, traits, Step.LOGIN, Step.SCOPED, party=Party.CONTROL):
        if reading.reason in _IMPOSSIBLE_OF_A_MADE_UP_NAME:
            return True
    for _, reading in judged(evidence, traits, Step.LOGIN, party=Party.CANARY):
        if reading.meaning in REFUSALS:
            return True
    asked = judged(evidence, traits, Step.LOGIN, party=Party.ANONYMOUS)
    return bool(traits.anonymous_usual) and bool(asked) and all(reading.meaning not in traits.anonymous_usual for _, reading in asked)


def _pull_ill(evidence: Evidence, traits: Traits) -> bool:
    """True if the canary may not read either, or nobody may with the token that was given for what is public."""
    canary = [reading for _, reading in judged(evidence, traits, Step.PULL, Step.MANIFEST, party=Party.CANARY)]
    return any(reading.meaning in NO_PULL for reading in canary) or public_token_refused(evidence, traits)


def _given_unasked(evidence: Evidence, traits: Traits) -> bool:
    pulls = judged(evidence, traits, Step.PULL, Step.MANIFEST, party=Party.ANONYMOUS)
    return any(reading.meaning is Meaning.READABLE and not exchange.authorized for exchange, reading in pulls)


def _claims_nobody(evidence: Evidence) -> bool:
    """True if the token that the subject got says itself that nobody was logged in."""
    granted = [e.grant for e in evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT) if e.grant is not None]
    return bool(granted) and granted[-1].anonymous is True
