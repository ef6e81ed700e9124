"""The state machine of one stored secret: what was known of it and a new verdict give what is known now. Pure.

`MOVES` says which state follows, `TRANSITIONS` what that change is called; both are read from the top, the first row that
fits wins. One refusal makes a suspect; only a second one, the provider's wait later and with the registry seen well in
between, makes it dead. What could not be told moves nothing. Design section 5; registries/README.md 6.2, 6.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from validator.verdict import Hint, Level, Outcome, Reason, Verdict

DUE_EARLY: Final = timedelta(hours=6)
"""A dead secret is due this much before its day is full: a nightly sweep reaches it now a little earlier, now later."""


class State(StrEnum):
    """What the program holds a stored secret for."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    """Something was said against it once; its former verdict is still the one that is shown."""
    DEAD = "dead"
    IMPAIRED = "impaired"
    UNPROVEN = "unproven"
    NEVER_CHECKED = "never_checked"


class Transition(StrEnum):
    """What happened to it, for the history and for those who are told."""

    DIED = "died"
    NEVER_WORKED = "never_worked"
    BLIPPED = "blipped"
    RECOVERED = "recovered"
    IMPAIRED = "impaired"
    EXPIRING = "expiring"
    NONE = "none"


class Said(StrEnum):
    """The kinds of verdicts, as far as states go."""

    GOOD = "good"
    REFUSED = "refused"
    LACKS = "lacks"
    """Insufficient, or misconfigured as the wire showed it: believed when it is said twice."""
    UNFIT = "unfit"
    """Misconfigured by its form alone, nothing was sent: nothing to be said twice."""
    UNPROVABLE = "unprovable"
    NOTHING = "nothing"
    """Unknown, or unprovable by our own lack of a control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one stored secret. `outcome` … `checked_at` are of the last confirmed verdict that was not unknown.

    `last_*`: the last attempt, whatever it came to. `first_refused_at`: since when it is suspect; `refusals_in_row` is then 1
    for a refusal and 0 for something that it lacks; from its death on, 2 and one more for each later refusal. `told`: the
    events that the user was told of, an expiry as `expiring DAYS DATE`.
    """

    state: State = State.NEVER_CHECKED
    outcome: Outcome | None = None
    reason: Reason | None = None
    level: Level | None = None
    hints: tuple[Hint, ...] = ()
    checked_at: datetime | None = None
    last_outcome: Outcome | None = None
    last_reason: Reason | None = None
    last_at: datetime | None = None
    expires_at: datetime | None = None
    first_refused_at: datetime | None = None
    refused_at: datetime | None = None
    accepted_at: datetime | None = None
    refusals_in_row: int = 0
    transition_at: datetime | None = None
    ever_valid: bool = False
    told: tuple[str, ...] = ()
    next_due_at: datetime | None = None

    @property
    def settled(self) -> State:
        """The state that the last confirmed verdict stands for: a suspect's former one."""
        match self.outcome:
            case None:
                return State.NEVER_CHECKED
            case Outcome.VALID:
                return State.ALIVE
            case Outcome.INVALID:
                return State.DEAD
            case Outcome.INSUFFICIENT | Outcome.MISCONFIGURED:
                return State.IMPAIRED
            case Outcome.UNPROVABLE | Outcome.UNKNOWN:
                return State.UNPROVEN
            case _:
                assert_never(self.outcome)

    @property
    def suspected_of(self) -> Said | None:
        """What was said against a suspect; None for any other state."""
        if self.state is not State.SUSPECT:
            return None
        return Said.REFUSED if self.refusals_in_row > 0 else Said.LACKS

    def confirmed_from(self, confirm_after_s: float) -> datetime | None:
        """From when on the same word makes a suspect dead or impaired; None for any other state."""
        if self.state is not State.SUSPECT or self.first_refused_at is None:
            return None
        return self.first_refused_at + timedelta(seconds=confirm_after_s)

    def is_due(self, now: datetime) -> bool:
        """False while a dead secret need not be asked again."""
        return self.state is not State.DEAD or self.next_due_at is None or now >= self.next_due_at - DUE_EARLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What follows. `verdict` is what may be said of this attempt: a second refusal that nothing stands behind is `unknown`."""

    standing: Standing
    transition: Transition
    verdict: Verdict


ANY: Final = frozenset(State)


@dataclass(frozen=True, slots=True)
class Move:
    """From one of `states`, hearing `said`, to `to` (None: it stays); `confirms`: the same was said the wait ago.

    `healthy`: the registry was seen well in between. None = either.
    """

    said: Said
    states: frozenset[State]
    to: State | None
    confirms: bool | None = None
    healthy: bool | None = None


MOVES: Final[tuple[Move, ...]] = (
    Move(Said.NOTHING, ANY, None),
    Move(Said.GOOD, ANY, State.ALIVE),
    Move(Said.UNFIT, ANY, State.IMPAIRED),
    Move(Said.UNPROVABLE, ANY, State.UNPROVEN),
    Move(Said.REFUSED, frozenset({State.DEAD}), State.DEAD),
    Move(Said.REFUSED, frozenset({State.SUSPECT}), State.DEAD, confirms=True, healthy=True),
    Move(Said.REFUSED, ANY, State.SUSPECT),
    Move(Said.LACKS, frozenset({State.IMPAIRED}), State.IMPAIRED),
    Move(Said.LACKS, frozenset({State.SUSPECT}), State.IMPAIRED, confirms=True),
    Move(Said.LACKS, ANY, State.SUSPECT),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Name:
    """What coming `to` a state is called, from the state that was `settled` before; None = any."""

    to: State
    settled: frozenset[State]
    transition: Transition
    was_suspect: bool | None = None
    ever_valid: bool | None = None


_BAD: Final = frozenset({State.DEAD, State.IMPAIRED})
_EXPIRING: Final = "expiring "

TRANSITIONS: Final[tuple[Name, ...]] = (
    Name(State.DEAD, frozenset({State.DEAD}), Transition.NONE),
    Name(State.DEAD, ANY, Transition.DIED, ever_valid=True),
    Name(State.DEAD, ANY, Transition.NEVER_WORKED, ever_valid=False),
    Name(State.IMPAIRED, frozenset({State.IMPAIRED}), Transition.NONE),
    Name(State.IMPAIRED, ANY, Transition.IMPAIRED),
    Name(State.ALIVE, _BAD, Transition.RECOVERED),
    Name(State.ALIVE, ANY, Transition.BLIPPED, was_suspect=True),
    Name(State.ALIVE, ANY, Transition.NONE),
    Name(State.SUSPECT, ANY, Transition.NONE),
    Name(State.UNPROVEN, ANY, Transition.NONE),
)  # fmt: skip


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
) -> Step:
    """What is known after `verdict` at `at` (aware, UTC), and what that change is called.

    `confirm_after_s`: the provider's wait between two refusals; `healthy`: since the first of them another secret was
    accepted there, or an anonymous request answered as usual. `dead_again_days`: days after its last refusal that a dead
    secret is asked again, the last of them for ever.
    """
    before = last or Standing()
    said = heard(verdict, sent=sent)
    same, confirmed_from = _says_the_same(before, verdict, said), before.confirmed_from(confirm_after_s)
    confirms = same and confirmed_from is not None and at >= confirmed_from
    move = next(m for m in MOVES if m.said is said and before.state in m.states and m.confirms in (None, confirms) and m.healthy in (None, healthy))
    if said is Said.REFUSED and move.to is State.SUSPECT and confirms:
        verdict = replace(verdict, outcome=Outcome.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, level=None)
    attempted = replace(before, last_outcome=verdict.outcome, last_reason=verdict.reason, last_at=at)
    if move.to is None:
        return Step(standing=attempted, transition=Transition.NONE, verdict=verdict)
    after = _moved(attempted, move.to, said, verdict, at, same=same, days=dead_again_days)
    transition = _name(before, after)
    if transition in (Transition.NONE, Transition.BLIPPED) and after.state is State.ALIVE:
        told = _expiring(after, at, expiry_days)
        if told != after.told:
            transition, after = Transition.EXPIRING, replace(after, told=told)
    if after.state is not before.state or transition is not Transition.NONE:
        after = replace(after, transition_at=at)
    return Step(standing=after, transition=transition, verdict=verdict)


def _says_the_same(before: Standing, verdict: Verdict, said: Said) -> bool:
    """True if a suspect hears what it is suspected of; two different lacks in a row say nothing twice."""
    if before.suspected_of is not said:
        return False
    return said is Said.REFUSED or before.last_outcome in (verdict.outcome, Outcome.UNKNOWN, Outcome.UNPROVABLE, None)


def _moved(before: Standing, to: State, said: Said, verdict: Verdict, at: datetime, *, same: bool, days: Sequence[int]) -> Standing:
    refused_at = at if said is Said.REFUSED else before.refused_at
    if to is State.SUSPECT:
        if same:
            return replace(before, refused_at=refused_at)
        return replace(before, state=to, first_refused_at=at, refused_at=refused_at, refusals_in_row=int(said is Said.REFUSED), next_due_at=None)
    after = replace(
        before, state=to, outcome=verdict.outcome, reason=verdict.reason, level=verdict.level, hints=verdict.hints, checked_at=at,
        expires_at=verdict.expires_at or before.expires_at, refused_at=refused_at, first_refused_at=None, refusals_in_row=0, next_due_at=None,
    )  # fmt: skip
    match to:
        case State.ALIVE:
            told = tuple(event for event in before.told if event.startswith(_EXPIRING))
            return replace(after, accepted_at=at, ever_valid=True, told=told)
        case State.DEAD:
            count = max(2, before.refusals_in_row + 1)
            wait = days[min(count - 2, len(days) - 1)]
            return replace(after, first_refused_at=before.first_refused_at, refusals_in_row=count, next_due_at=at + timedelta(days=wait))
        case State.IMPAIRED | State.UNPROVEN | State.NEVER_CHECKED:
            return after
        case _:
            assert_never(to)


def _name(before: Standing, after: Standing) -> Transition:
    suspect = before.state is State.SUSPECT
    for row in TRANSITIONS:
        fits = row.to is after.state and before.settled in row.settled
        if fits and row.was_suspect in (None, suspect) and row.ever_valid in (None, before.ever_valid):
            return row.transition
    return Transition.NONE


def _expiring(standing: Standing, at: datetime, expiry_days: Sequence[int]) -> tuple[str, ...]:
    """`told` with every threshold that the end has come nearer than; those of another end are forgotten."""
    others = tuple(event for event in standing.told if not event.startswith(_EXPIRING))
    if standing.expires_at is None:
        return standing.told
    end = standing.expires_at.date().isoformat()
    kept = {event for event in standing.told if event.startswith(_EXPIRING) and event.endswith(f" {end}")}
    crossed = {f"{_EXPIRING}{days} {end}" for days in expiry_days if standing.expires_at - at <= timedelta(days=days)}
    if crossed <= kept:
        return standing.told
    return (*others, *sorted(kept | crossed))
