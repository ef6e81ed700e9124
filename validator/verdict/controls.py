"""What the controls came to: made-up secrets, anonymous requests, the vendor's introspection. Pure. registries/README.md 6.1, 6.2."""

from __future__ import annotations

from typing import Final

from validator.evidence import Control, Evidence, Exchange, Opinion, OpinionSeen, Party, Step
from validator.verdict.base import Reason
from validator.verdict.reading import Meaning, Reading, read
from validator.verdict.traits import Traits

NOT_MADE: Final = Reading(Meaning.UNKNOWN, None, "")


def judged(evidence: Evidence, traits: Traits, *steps: Step, party: Party = Party.SUBJECT) -> tuple[tuple[Exchange, Reading], ...]:
    """Exchanges of `party` with their readings; redirects that were followed are left out."""
    if not evidence.exchanges:
        return ()
    return tuple([
        (e, reading) for e, reading in readings(evidence, traits) if e.step in steps and e.party is party and reading.meaning is not Meaning.ON
    ])  # fmt: skip


def readings(evidence: Evidence, traits: Traits) -> tuple[tuple[Exchange, Reading], ...]:
    """Every exchange with its reading, worked out once for these rows."""
    return evidence.once("readings", traits.rows, lambda: tuple([(e, read(e, traits.rows)) for e in evidence.exchanges]))


def control_at(evidence: Evidence, traits: Traits, step: Step) -> Control:
    """What the negative control at `step` came to, in this probe or, fresh, in the ledger."""
    made = judged(evidence, traits, step, party=Party.CONTROL)
    if not made:
        demand, under = evidence.challenged()[0], evidence.known.controls_for
        elsewhere = demand is not None and under is not None and not demand.same_place(under)
        return Control.UNCLEAR if elsewhere else evidence.known.controls.get(step, Control.UNCLEAR)
    exchange, reading = made[-1]
    if reading.meaning in (Meaning.ACCEPTED, Meaning.ADMITTED, Meaning.READABLE, Meaning.TAG_MISSING):
        return Control.ACCEPTED
    if reading.meaning in (Meaning.REFUSED, Meaning.BROKEN, Meaning.ALIVE, Meaning.STALE):
        return Control.REFUSED
    if reading.meaning is Meaning.DENIED:
        return Control.REFUSED if exchange.step is Step.PULL else Control.DENIED
    return Control.UNCLEAR


def control_of_login(evidence: Evidence, traits: Traits) -> Control:
    """The control at the step where the secret was last judged: the login, or the scoped login where only that was made."""
    if evidence.of(Step.LOGIN, party=Party.SUBJECT) or traits.scope_blind:
        return control_at(evidence, traits, Step.LOGIN)
    return control_at(evidence, traits, Step.SCOPED)


def proof_control(evidence: Evidence, traits: Traits) -> Control:
    """The control that a pull proof needs: refused at the login (if the login was accepted), the scoped login or the pull."""
    logins = evidence.of(Step.LOGIN, party=Party.SUBJECT)
    at_login = control_at(evidence, traits, Step.LOGIN) if logins or traits.scope_blind else Control.UNCLEAR
    results = [at_login, control_at(evidence, traits, Step.SCOPED), control_at(evidence, traits, Step.PULL)]
    if any(result in (Control.REFUSED, Control.DENIED) for result in results):
        return Control.REFUSED
    made = [result for result in results if result is Control.ACCEPTED]
    return Control.ACCEPTED if made else Control.UNCLEAR


def anonymous_control(evidence: Evidence, traits: Traits) -> Control:
    """Whether anonymous may read the repository: REFUSED it is private, ACCEPTED it is public, UNCLEAR not known."""
    heads = judged(evidence, traits, Step.PULL, party=Party.ANONYMOUS)
    scoped = judged(evidence, traits, Step.SCOPED, party=Party.ANONYMOUS)
    bearer = any(e.demand is not None and e.demand.scheme == "bearer" for e in evidence.exchanges) or (
        evidence.known.challenge is not None and evidence.known.challenge.scheme == "bearer"
    )
    # under a Bearer challenge only a HEAD that carried an anonymous token speaks, or one that was let in without
    heads = tuple((e, r) for e, r in heads if e.authorized or e.led or not bearer or r.meaning is Meaning.READABLE)
    if public_token_refused(evidence, traits) and not any(
        reading.meaning is Meaning.READABLE for _, reading in judged(evidence, traits, Step.PULL, party=Party.SUBJECT)
    ):
        return Control.UNCLEAR  # an ill registry's no does not make an image private
    if heads:
        exchange, reading = heads[-1]
        if reading.meaning in (Meaning.READABLE, Meaning.UNSUPPORTED):
            return Control.ACCEPTED
        if reading.meaning in (Meaning.DENIED, Meaning.TAG_MISSING, Meaning.REPOSITORY_MISSING):
            return _doubted(evidence, traits, [e for e, _ in heads]) if exchange.status == 401 else Control.REFUSED
        return Control.REFUSED if reading.meaning is Meaning.BARRED and exchange.status == 402 else Control.UNCLEAR
    if scoped:
        exchange, reading = scoped[-1]
        if reading.meaning in (Meaning.REFUSED, Meaning.DENIED, Meaning.ADMITTED, Meaning.BROKEN) or (
            reading.meaning is Meaning.BARRED and exchange.status == 402
        ):
            return _doubted(evidence, traits, [e for e, _ in scoped]) if exchange.status == 401 else Control.REFUSED
        if exchange.grant is not None and exchange.grant.pulls is False:
            return Control.REFUSED
        return Control.UNCLEAR
    return evidence.known.anonymous


def public_token_refused(evidence: Evidence, traits: Traits) -> bool:
    """True if nobody's token for the repository, which is given for public ones alone, was refused at the manifest."""
    scoped = judged(evidence, traits, Step.SCOPED, party=Party.ANONYMOUS)
    heads = [(e, r) for e, r in judged(evidence, traits, Step.PULL, party=Party.ANONYMOUS) if e.authorized]
    if not traits.token_for_public_only or not scoped or not heads:
        return False
    return scoped[-1][1].meaning is Meaning.ACCEPTED and heads[-1][0].status == 401


def _doubted(evidence: Evidence, traits: Traits, refused: list[Exchange]) -> Control:
    if not traits.anonymous_401_twice:
        return Control.REFUSED
    answered = any(read(e, traits.rows).meaning is Meaning.ACCEPTED for e in evidence.of(Step.LOGIN, party=Party.ANONYMOUS))
    return Control.REFUSED if answered and len([e for e in refused if e.status == 401]) >= 2 else Control.UNCLEAR


def opinion_of(evidence: Evidence) -> OpinionSeen | None:
    """The vendor's own word on the secret: asked in this probe, else the ledger's of the last days; None if never."""
    asked, kept = evidence.last(Step.OPINION, party=Party.SUBJECT), evidence.known.opinion
    if asked is None:
        return kept
    # asked and not heard is not the same as switched off; but what was heard of a key that is still let in stands
    told = asked.opinion or OpinionSeen(opinion=Opinion.SILENT)
    let_in = not any(e.authorized and e.status in (401, 403) for e in evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT))
    return kept if told.opinion is Opinion.SILENT and kept is not None and let_in else told


def opinion_control_of(evidence: Evidence) -> Control:
    """Whether the introspection refuses a made-up secret."""
    made = evidence.last(Step.OPINION, party=Party.CONTROL)
    if made is None or made.opinion is None:
        return evidence.known.opinion_control if made is None else Control.UNCLEAR
    match made.opinion.opinion:
        case Opinion.AGREES:
            return Control.REFUSED
        case Opinion.KNOWS:
            return Control.ACCEPTED
        case _:
            return Control.UNCLEAR


def scopes_lack(evidence: Evidence, traits: Traits, pull: Reading) -> bool | None:
    """Whether the scopes that an introspection told can pull nothing; None where it told none."""
    opinion = opinion_of(evidence)
    if opinion is evidence.known.opinion and pull.meaning is Meaning.READABLE:
        return None  # what was told days ago is disproved: scopes are given to a token that keeps its text
    if opinion is None or opinion.opinion is not Opinion.KNOWS or opinion.scopes is None or not traits.scopes_that_pull:
        return None
    return not traits.scopes_that_pull & set(opinion.scopes)


def detail_of(evidence: Evidence) -> Reason | None:
    """Why the vendor's own API refuses the package, where it was asked and says so."""
    asked = evidence.last(Step.DETAIL, party=Party.SUBJECT)
    why = asked.opinion.why if asked is not None and asked.opinion is not None else ""
    return Reason(why) if why else None
