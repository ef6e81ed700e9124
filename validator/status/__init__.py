"""The state machine of one stored secret: what was known of it and a new verdict give what is known now. Pure.

`MOVES` says which state follows, `TRANSITIONS` what that change is called; both are read from the top, the first row that
fits wins. One refusal makes a suspect; only a second one, the provider's wait later and with the registry seen well in
between, makes it dead. What could not be told moves nothing. Design section 5; registries/README.md 6.2, 6.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from validator.status.base import DUE_EARLY, Said, Standing, State, Step, Transition
from validator.status.table import MOVES, TRANSITIONS, Move, Name
from validator.verdict import Hint, Outcome, Reason, Verdict

__all__ = ["DUE_EARLY", "MOVES", "TRANSITIONS", "Move", "Name", "Said", "Standing", "State", "Step", "Transition", "advance", "heard"]

_EXPIRING: Final = "expiring "
_UNKNOWN: Final = "unknown"


def heard(verdict: Verdict, *, sent: bool) -> Said:
    """The kind of `verdict`; `sent`: something went over the wire for it."""
    match verdict.outcome:
        case Outcome.VALID:
            return Said.GOOD
        case Outcome.INVALID:
            return Said.REFUSED
        case Outcome.INSUFFICIENT:
            return Said.LACKS
        case Outcome.MISCONFIGURED:
            return Said.LACKS if sent else Said.UNFIT
        case Outcome.UNPROVABLE:
            return Said.NOTHING if verdict.reason is Reason.CONTROL_MISSING else Said.UNPROVABLE
        case Outcome.UNKNOWN:
            return Said.NOTHING
        case _:
            assert_never(verdict.outcome)


def advance(
    last: Standing | None,
    verdict: Verdict,
    *,
    at: datetime,
    confirm_after_s: float,
    healthy: bool,
    sent: bool,
    expiry_days: Sequence[int] = (14, 7, 1),
    dead_again_days: Sequence[int] = (1, 2, 4, 7),
    unknown_days: float = 7,
) -> Step:
    """What is known after `verdict` at `at` (aware, UTC), and what that change is called.

    `confirm_after_s`: the provider's wait between two refusals; `healthy`: since the first of them another secret was
    accepted there, or an anonymous request answered as usual. `dead_again_days`: days after its last refusal that a dead
    secret is asked again, the last of them for ever. `unknown_days`: so many nights without a word are a long silence.
    """
    before = last or Standing()
    said = heard(verdict, sent=sent)
    same, confirmed_from = _says_the_same(before, verdict, said), before.confirmed_from(confirm_after_s)
    confirms = same and confirmed_from is not None and at >= confirmed_from
    move = next(m for m in MOVES if m.said is said and before.state in m.states and m.confirms in (None, confirms) and m.healthy in (None, healthy))
    if said is Said.REFUSED and move.to is State.SUSPECT and confirms:
        verdict = replace(verdict, outcome=Outcome.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, level=None)
    attempt: dict[str, Any] = {"last_outcome": verdict.outcome, "last_reason": verdict.reason, "last_at": at}
    if move.to is None:
        return _unheard(replace(before, **attempt), verdict, at, unknown_days)
    heard_of = {"unknown_since": None, "told": tuple([event for event in before.told if event != _UNKNOWN])}
    after = replace(before, **{**attempt, **heard_of, **_moved(before, move.to, said, verdict, at, same=same, days=dead_again_days)})
    transition = _name(before, after)
    if transition in (Transition.NONE, Transition.BLIPPED) and after.state is State.ALIVE:
        told = _expiring(after, at, expiry_days)
        if told != after.told:
            transition, after = Transition.EXPIRING, replace(after, told=told)
    if after.state is not before.state or transition is not Transition.NONE:
        after = replace(after, transition_at=at)
    return Step(standing=after, transition=transition, verdict=verdict)


def _unheard(attempted: Standing, verdict: Verdict, at: datetime, unknown_days: float) -> Step:
    """Nothing moves; but a silence of so many nights is told once: from the first to the seventh of them there are six days."""
    since = attempted.unknown_since or at
    after = replace(attempted, unknown_since=since)
    silent = at - since >= timedelta(days=unknown_days - 1) - DUE_EARLY and _UNKNOWN not in after.told
    if silent:
        after = replace(after, told=(*after.told, _UNKNOWN))
    return Step(standing=after, transition=Transition.NONE, verdict=verdict, long_unknown=silent)


def _says_the_same(before: Standing, verdict: Verdict, said: Said) -> bool:
    """True if a suspect hears what it is suspected of; two different lacks in a row say nothing twice."""
    if before.suspected_of is not said:
        return False
    return said is Said.REFUSED or before.last_outcome in (verdict.outcome, Outcome.UNKNOWN, Outcome.UNPROVABLE, None)


def _moved(before: Standing, to: State, said: Said, verdict: Verdict, at: datetime, *, same: bool, days: Sequence[int]) -> dict[str, Any]:
    """What coming `to` a state changes."""
    refused_at = at if said is Said.REFUSED else before.refused_at
    if to is State.SUSPECT:
        if same:
            return {"refused_at": refused_at}
        refusals = int(said is Said.REFUSED)
        return {"state": to, "first_refused_at": at, "refused_at": refused_at, "refusals_in_row": refusals, "next_due_at": None}
    after: dict[str, Any] = {
        "state": to, "outcome": verdict.outcome, "reason": verdict.reason, "level": verdict.level, "hints": verdict.hints, "checked_at": at,
        "expires_at": verdict.expires_at or before.expires_at, "refused_at": refused_at, "first_refused_at": None, "refusals_in_row": 0,
        "next_due_at": None,
    }  # fmt: skip
    match to:
        case State.ALIVE:
            told = tuple([event for event in before.told if event.startswith(_EXPIRING)])
            return {**after, "accepted_at": at, "ever_valid": True, "told": told}
        case State.DEAD:
            count = max(2, before.refusals_in_row + 1)
            wait = timedelta(days=days[min(count - 2, len(days) - 1)])
            return {**after, "first_refused_at": before.first_refused_at, "refusals_in_row": count, "next_due_at": at + wait}
        case State.IMPAIRED | State.UNPROVEN | State.NEVER_CHECKED:
            return after
        case _:
            assert_never(to)


def _name(before: Standing, after: Standing) -> Transition:
    suspect, settled = before.state is State.SUSPECT, before.settled
    for row in TRANSITIONS:
        if row.to is after.state and settled in row.settled and row.was_suspect in (None, suspect) and row.ever_valid in (None, before.ever_valid):
            return row.transition
    return Transition.NONE


def _expiring(standing: Standing, at: datetime, expiry_days: Sequence[int]) -> tuple[str, ...]:
    """`told` with every threshold that the end has come nearer than; those of another end are forgotten.

    A kind that lives for hours is always near its end: whoever stores a fresh one each night would be told each night.
    """
    if standing.expires_at is None or Hint.SHORT_LIVED in standing.hints:
        return standing.told
    others = tuple(event for event in standing.told if not event.startswith(_EXPIRING))
    end = standing.expires_at.date().isoformat()
    kept = {event for event in standing.told if event.endswith(f" {end}")}
    crossed = {f"{_EXPIRING}{days} {end}" for days in expiry_days if standing.expires_at - at <= timedelta(days=days)}
    if crossed <= kept:
        return standing.told
    return (*others, *sorted(kept | crossed))
