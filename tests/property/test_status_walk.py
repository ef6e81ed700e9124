"""Laws of the state machine over any walk of verdicts, clocks that jump included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.verdict.reasons import WITH
from validator.status import DUE_EARLY, Standing, State, Transition, advance
from validator.verdict import Outcome, Reason, Verdict

WAIT_S = 600.0
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
VERDICTS = [Verdict(outcome=outcome, reason=Reason(reason)) for reason, names in WITH.items() for outcome in Outcome if outcome.value in names]
MOVE_NOTHING = [v for v in VERDICTS if v.outcome is Outcome.UNKNOWN or v.reason is Reason.CONTROL_MISSING]
SECONDS = st.one_of(st.sampled_from([-3600.0, 0.0, 3.0, WAIT_S - 1, WAIT_S, 86_400.0]), st.floats(-7200, 1e6))
REFUSALS = [v for v in VERDICTS if v.outcome is Outcome.INVALID]
STEPS = st.lists(st.tuples(st.sampled_from(REFUSALS * 5 + VERDICTS), SECONDS, st.booleans(), st.booleans()), max_size=12)


def walked(steps):
    """Each step as (before, verdict, at, healthy, made)."""
    now, standing = START, Standing()
    for verdict, seconds, healthy, sent in steps:
        now += timedelta(seconds=seconds)
        made = advance(standing, verdict, at=now, confirm_after_s=WAIT_S, healthy=healthy, sent=sent)
        yield standing, verdict, now, healthy, made
        standing = made.standing


@given(STEPS)
def test_no_death_without_two_refusals_apart_with_health_between(steps):
    refused: list[datetime] = []
    for before, verdict, at, healthy, made in walked(steps):
        if verdict.outcome is Outcome.INVALID:
            refused.append(at)
        elif verdict not in MOVE_NOTHING:
            refused.clear()
        if made.standing.state is State.DEAD and before.state is not State.DEAD:
            assert healthy
            assert any((at - earlier).total_seconds() >= WAIT_S for earlier in refused[:-1])
        if made.transition in (Transition.DIED, Transition.NEVER_WORKED):
            assert (before.state, made.standing.state) == (State.SUSPECT, State.DEAD)
            assert (made.transition is Transition.DIED) == before.ever_valid


@given(STEPS, st.sampled_from(MOVE_NOTHING), st.booleans())
def test_what_could_not_be_told_moves_nothing(steps, verdict, healthy):
    standing = next((made.standing for *_, made in reversed(list(walked(steps)))), Standing())
    made = advance(standing, verdict, at=START, confirm_after_s=WAIT_S, healthy=healthy, sent=True)
    told_of = {"unknown_since", "told"}
    kept = {name: getattr(made.standing, name) for name in Standing.__dataclass_fields__ if not name.startswith("last_") and name not in told_of}
    assert kept == {name: getattr(standing, name) for name in kept}
    assert set(made.standing.told) - {"unknown"} == set(standing.told) - {"unknown"}
    assert made.transition is Transition.NONE


@given(STEPS)
def test_what_is_shown_was_confirmed_and_never_unknown(steps):
    for before, _verdict, at, _, made in walked(steps):
        after = made.standing
        assert after.outcome is not Outcome.UNKNOWN
        assert (after.outcome is None) == (after.checked_at is None)
        assert after.state in (State.SUSPECT, after.settled)
        if after.state is State.SUSPECT:
            assert (after.outcome, after.reason, after.checked_at) == (before.outcome, before.reason, before.checked_at)
        assert after.last_at == at


@given(STEPS)
def test_nobody_is_told_the_same_twice_in_a_row(steps):
    said = [made.transition for *_, made in walked(steps) if made.transition not in (Transition.NONE, Transition.BLIPPED, Transition.EXPIRING)]
    deaths = {Transition.DIED, Transition.NEVER_WORKED}
    assert not any(one in deaths and two in deaths for one, two in pairwise(said)) or State.UNPROVEN in {
        made.standing.state for *_, made in walked(steps)
    }


NIGHTS = st.lists(st.tuples(st.sampled_from([*MOVE_NOTHING, *(v for v in VERDICTS if v not in MOVE_NOTHING)]), st.integers(12, 60)), max_size=25)


@given(NIGHTS)
def test_a_long_silence_is_told_once_and_not_before_its_seventh_night(nights):
    now, standing = START, Standing()
    silent_from: datetime | None = None
    told = False
    for verdict, hours in nights:
        now += timedelta(hours=hours)
        made = advance(standing, verdict, at=now, confirm_after_s=WAIT_S, healthy=True, sent=True)
        standing = made.standing
        if verdict not in MOVE_NOTHING:
            silent_from, told = None, False
            assert not made.long_unknown
            continue
        silent_from = silent_from or now
        due = now - silent_from >= timedelta(days=6) - DUE_EARLY
        assert made.long_unknown == (due and not told)
        told = told or due
