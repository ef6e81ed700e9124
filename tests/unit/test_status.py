"""The state machine of a stored secret, row by row: a former standing and a verdict, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from validator.status import MOVES, TRANSITIONS, Said, Standing, State, Step, Transition, advance, heard
from validator.verdict import Hint, Level, Outcome, Reason, Verdict

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
WAIT_S = 600.0
AGO = NOW - timedelta(seconds=WAIT_S)
JUST_NOW = NOW - timedelta(seconds=WAIT_S - 1)

VALID = Verdict(outcome=Outcome.VALID, reason=Reason.LOGIN_ACCEPTED, level=Level.LOGIN)
REFUSED = Verdict(outcome=Outcome.INVALID, reason=Reason.REFUSED)
DENIED = Verdict(outcome=Outcome.INSUFFICIENT, reason=Reason.NO_PULL_PERMISSION)
NO_REGISTRY = Verdict(outcome=Outcome.MISCONFIGURED, reason=Reason.NOT_A_REGISTRY)
ANYONE = Verdict(outcome=Outcome.UNPROVABLE, reason=Reason.ACCEPTS_ANYONE)
NO_CONTROL = Verdict(outcome=Outcome.UNPROVABLE, reason=Reason.CONTROL_MISSING)
OUTAGE = Verdict(outcome=Outcome.UNKNOWN, reason=Reason.SERVER_ERROR)

ALIVE = Standing(state=State.ALIVE, outcome=Outcome.VALID, reason=Reason.LOGIN_ACCEPTED, level=Level.LOGIN, checked_at=AGO, ever_valid=True)
DEAD = Standing(state=State.DEAD, outcome=Outcome.INVALID, reason=Reason.REFUSED, checked_at=AGO, ever_valid=True, refusals_in_row=2, refused_at=AGO)
IMPAIRED = Standing(state=State.IMPAIRED, outcome=Outcome.INSUFFICIENT, reason=Reason.NO_PULL_PERMISSION, checked_at=AGO)
UNPROVEN = Standing(state=State.UNPROVEN, outcome=Outcome.UNPROVABLE, reason=Reason.ACCEPTS_ANYONE, checked_at=AGO)
NEW = Standing()


def suspect(of: Standing, since: datetime = AGO, refusals: int = 1, last: Outcome = Outcome.INVALID) -> Standing:
    """`of` after something was said against it at `since`: a refusal, or (0) a lack."""
    return replace(of, state=State.SUSPECT, first_refused_at=since, refusals_in_row=refusals, last_outcome=last)


LACKING = suspect(ALIVE, refusals=0, last=Outcome.INSUFFICIENT)


def step(last: Standing | None, verdict: Verdict, *, healthy: bool = True, sent: bool = True, **more: Any) -> Step:
    return advance(last, verdict, at=NOW, confirm_after_s=WAIT_S, healthy=healthy, sent=sent, **more)


CASES: dict[str, tuple[Standing | None, Verdict, dict[str, bool], tuple[State, Transition]]] = {
    "never seen, accepted": (None, VALID, {}, (State.ALIVE, Transition.NONE)),
    "never seen, refused": (None, REFUSED, {}, (State.SUSPECT, Transition.NONE)),
    "alive, accepted": (ALIVE, VALID, {}, (State.ALIVE, Transition.NONE)),
    "alive, refused": (ALIVE, REFUSED, {}, (State.SUSPECT, Transition.NONE)),
    "suspect, refused after the wait": (suspect(ALIVE), REFUSED, {}, (State.DEAD, Transition.DIED)),
    "suspect, refused a second too early": (suspect(ALIVE, JUST_NOW), REFUSED, {}, (State.SUSPECT, Transition.NONE)),
    "suspect, refused, nobody seen well": (suspect(ALIVE), REFUSED, {"healthy": False}, (State.SUSPECT, Transition.NONE)),
    "suspect from a clock an hour ahead": (suspect(ALIVE, NOW + timedelta(hours=1)), REFUSED, {}, (State.SUSPECT, Transition.NONE)),
    "suspect, accepted": (suspect(ALIVE), VALID, {}, (State.ALIVE, Transition.BLIPPED)),
    "suspect, an outage": (suspect(ALIVE), OUTAGE, {}, (State.SUSPECT, Transition.NONE)),
    "suspect, no control": (suspect(ALIVE), NO_CONTROL, {}, (State.SUSPECT, Transition.NONE)),
    "never valid, refused twice": (suspect(NEW), REFUSED, {}, (State.DEAD, Transition.NEVER_WORKED)),
    "dead, refused": (DEAD, REFUSED, {}, (State.DEAD, Transition.NONE)),
    "dead, accepted": (DEAD, VALID, {}, (State.ALIVE, Transition.RECOVERED)),
    "dead, an outage": (DEAD, OUTAGE, {}, (State.DEAD, Transition.NONE)),
    "dead, then a lack": (DEAD, DENIED, {}, (State.SUSPECT, Transition.NONE)),
    "dead, a lack, refused twice: told already": (suspect(DEAD), REFUSED, {}, (State.DEAD, Transition.NONE)),
    "dead, a lack, accepted": (suspect(DEAD, refusals=0), VALID, {}, (State.ALIVE, Transition.RECOVERED)),
    "alive, a lack": (ALIVE, DENIED, {}, (State.SUSPECT, Transition.NONE)),
    "alive, the same lack after the wait": (LACKING, DENIED, {}, (State.IMPAIRED, Transition.IMPAIRED)),
    "alive, the same lack too early": (replace(LACKING, first_refused_at=JUST_NOW), DENIED, {}, (State.SUSPECT, Transition.NONE)),
    "alive, two lacks that differ": (LACKING, NO_REGISTRY, {}, (State.SUSPECT, Transition.NONE)),
    "alive, a lack, an outage, the same lack": (replace(LACKING, last_outcome=Outcome.UNKNOWN), DENIED, {}, (State.IMPAIRED, Transition.IMPAIRED)),
    "a refusal, then a lack": (suspect(ALIVE), DENIED, {}, (State.SUSPECT, Transition.NONE)),
    "a lack, then a refusal": (LACKING, REFUSED, {}, (State.SUSPECT, Transition.NONE)),
    "alive, unfit by its form": (ALIVE, NO_REGISTRY, {"sent": False}, (State.IMPAIRED, Transition.IMPAIRED)),
    "alive, misconfigured from the wire": (ALIVE, NO_REGISTRY, {"sent": True}, (State.SUSPECT, Transition.NONE)),
    "impaired, the same": (IMPAIRED, DENIED, {}, (State.IMPAIRED, Transition.NONE)),
    "impaired, accepted": (IMPAIRED, VALID, {}, (State.ALIVE, Transition.RECOVERED)),
    "impaired, refused": (IMPAIRED, REFUSED, {}, (State.SUSPECT, Transition.NONE)),
    "alive, anyone is accepted": (ALIVE, ANYONE, {}, (State.UNPROVEN, Transition.NONE)),
    "alive, no control": (ALIVE, NO_CONTROL, {}, (State.ALIVE, Transition.NONE)),
    "unproven, accepted": (UNPROVEN, VALID, {}, (State.ALIVE, Transition.NONE)),
    "unproven, refused": (UNPROVEN, REFUSED, {}, (State.SUSPECT, Transition.NONE)),
    "never seen, an outage": (None, OUTAGE, {}, (State.NEVER_CHECKED, Transition.NONE)),
}


@pytest.mark.parametrize(("last", "verdict", "more", "expected"), CASES.values(), ids=CASES.keys())
def test_a_verdict_moves_a_state_as_the_table_says(last, verdict, more, expected):
    made = step(last, verdict, **more)
    assert (made.standing.state, made.transition) == expected


def test_the_tables_have_an_answer_for_everything():
    for said in Said:
        for state in State:
            assert [m for m in MOVES if m.said is said and state in m.states and m.confirms is None and m.healthy is None], (said, state)
    for to in State:
        for settled in State:
            named = [n for n in TRANSITIONS if n.to is to and settled in n.settled]
            assert named or to is State.NEVER_CHECKED, (to, settled)


def test_a_suspect_keeps_its_former_verdict_and_shows_its_last_attempt():
    made = step(ALIVE, REFUSED).standing
    assert (made.outcome, made.reason, made.checked_at) == (Outcome.VALID, Reason.LOGIN_ACCEPTED, AGO)
    assert (made.last_outcome, made.last_reason, made.last_at) == (Outcome.INVALID, Reason.REFUSED, NOW)
    assert (made.first_refused_at, made.refusals_in_row) == (NOW, 1)


def test_a_second_refusal_that_nothing_stands_behind_is_unknown_and_waits_from_the_first():
    made = step(suspect(ALIVE), REFUSED, healthy=False)
    assert (made.verdict.outcome, made.verdict.reason) == (Outcome.UNKNOWN, Reason.AMBIGUOUS_REFUSAL)
    assert (made.standing.last_reason, made.standing.first_refused_at) == (Reason.AMBIGUOUS_REFUSAL, AGO)


def test_an_early_second_refusal_is_a_refusal_still():
    assert step(suspect(ALIVE, JUST_NOW), REFUSED, healthy=False).verdict is REFUSED


def test_another_kind_of_word_starts_the_wait_anew():
    assert (step(suspect(ALIVE), DENIED).standing.first_refused_at, step(LACKING, REFUSED).standing.first_refused_at) == (NOW, NOW)


@pytest.mark.parametrize(("refusals", "days"), [(1, 1), (2, 2), (3, 4), (4, 7), (5, 7), (99, 7)])
def test_a_dead_secret_is_asked_again_ever_more_rarely(refusals, days):
    last = suspect(ALIVE) if refusals == 1 else replace(DEAD, refusals_in_row=refusals)
    made = step(last, REFUSED).standing
    assert made.next_due_at == NOW + timedelta(days=days)
    assert not made.is_due(NOW + timedelta(days=days, hours=-7))
    assert made.is_due(NOW + timedelta(days=days, hours=-5)), "a nightly sweep comes a little earlier than the day before"


def test_what_is_not_dead_is_always_due():
    assert all(standing.is_due(NOW) for standing in (ALIVE, suspect(ALIVE), IMPAIRED, UNPROVEN, NEW))


def expiring(days: float, told: tuple[str, ...] = (), verdict: Verdict = VALID, last: Standing = ALIVE) -> tuple[Transition, tuple[str, ...]]:
    made = step(replace(last, told=told), replace(verdict, expires_at=NOW + timedelta(days=days)), expiry_days=(14, 7, 1))
    return made.transition, made.standing.told


def test_an_end_is_told_once_a_threshold():
    end = (NOW + timedelta(days=6)).date().isoformat()
    assert expiring(15) == (Transition.NONE, ())
    assert [expiring(days)[0] for days in (14.01, 14, 1)] == [Transition.NONE, Transition.EXPIRING, Transition.EXPIRING]
    assert expiring(6) == (Transition.EXPIRING, (f"expiring 14 {end}", f"expiring 7 {end}"))
    assert expiring(6, (f"expiring 14 {end}", f"expiring 7 {end}")) == (Transition.NONE, (f"expiring 14 {end}", f"expiring 7 {end}"))
    assert expiring(6, (f"expiring 14 {end}",))[0] is Transition.EXPIRING
    assert expiring(6, ("expiring 7 2025-01-01",))[1] == (f"expiring 14 {end}", f"expiring 7 {end}"), "another end is another matter"


def test_a_recovery_is_called_so_and_what_was_told_is_forgotten():
    made = step(replace(DEAD, told=("died",)), VALID)
    assert (made.transition, made.standing.told, made.standing.next_due_at, made.standing.refusals_in_row) == (Transition.RECOVERED, (), None, 0)
    assert expiring(6, last=DEAD)[0] is Transition.RECOVERED


def test_an_end_that_is_not_told_again_is_kept():
    known = replace(ALIVE, expires_at=NOW + timedelta(days=30))
    assert step(known, VALID).standing.expires_at == known.expires_at


@pytest.mark.parametrize("reason", [Reason.ACCEPTS_ANYONE, Reason.PUBLIC_ONLY, Reason.ANONYMOUS_REGISTRY, Reason.SHORT_LIVED])
def test_only_the_registrys_own_lack_of_proof_makes_unproven(reason):
    assert heard(Verdict(outcome=Outcome.UNPROVABLE, reason=reason), sent=True) is Said.UNPROVABLE
    assert heard(NO_CONTROL, sent=True) is Said.NOTHING


def test_a_kind_that_dies_within_hours_is_never_expiring():
    short = replace(VALID, hints=(Hint.SHORT_LIVED,))
    assert expiring(0.3, verdict=short) == (Transition.NONE, ())


def test_an_acceptance_is_remembered_with_its_instant():
    made = step(None, VALID).standing
    assert (made.ever_valid, made.accepted_at, made.checked_at, made.first_refused_at) == (True, NOW, NOW, None)
    assert not step(None, ANYONE).standing.ever_valid


def test_a_long_silence_is_forgotten_once_something_is_heard_an_end_is_not():
    told = ("unknown", f"expiring 14 {(NOW + timedelta(days=10)).date().isoformat()}")
    heard_again = step(
        replace(ALIVE, told=told, unknown_since=AGO), replace(VALID, expires_at=NOW + timedelta(days=10)), expiry_days=(14, 7, 1)
    ).standing
    assert (heard_again.told, heard_again.unknown_since) == (told[1:], None)
    assert step(replace(ALIVE, told=told), REFUSED).standing.told == told[1:]
    assert step(replace(ALIVE, told=told), OUTAGE).standing.told == told


def test_when_a_second_word_counts():
    assert suspect(ALIVE).confirmed_from(WAIT_S) == AGO + timedelta(seconds=WAIT_S)
    assert (
        ALIVE.confirmed_from(WAIT_S),
        replace(NEW, state=State.SUSPECT).confirmed_from(WAIT_S),
        replace(ALIVE, first_refused_at=AGO).confirmed_from(WAIT_S),
    ) == (None,) * 3


def test_the_instant_of_a_change_is_kept():
    before = NOW - timedelta(days=9)
    assert step(replace(ALIVE, transition_at=before), REFUSED).standing.transition_at == NOW
    assert step(replace(ALIVE, transition_at=before), VALID).standing.transition_at == before
    ending = step(replace(ALIVE, transition_at=before), replace(VALID, expires_at=NOW + timedelta(days=6)), expiry_days=(7,))
    assert (ending.transition, ending.standing.state, ending.standing.transition_at) == (Transition.EXPIRING, State.ALIVE, NOW)
    assert step(replace(DEAD, transition_at=before), REFUSED).standing.transition_at == before


@pytest.mark.parametrize(("hours", "silent"), [(137, False), (138, True), (200, True)])
def test_a_silence_of_seven_nights_is_six_days_and_a_night_may_come_early(hours, silent):
    made = step(replace(ALIVE, unknown_since=NOW - timedelta(hours=hours)), OUTAGE)
    assert (made.long_unknown, "unknown" in made.standing.told) == (silent, silent)
    assert step(made.standing, OUTAGE).long_unknown is False, "told once"
