"""What is known of a stored secret, and what may happen to it: values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
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
    events that were told: an expiry to the user as `expiring DAYS DATE`, a long silence to the operator as `unknown`.
    `unknown_since`: the first attempt since the last word that came to nothing.
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
    unknown_since: datetime | None = None

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
    """What follows. `verdict` is what may be said of this attempt: a second refusal that nothing stands behind is `unknown`.

    `long_unknown`: with this attempt nothing was to be had of it for so long that the operator is to know; said once.
    """

    standing: Standing
    transition: Transition
    verdict: Verdict
    long_unknown: bool = False
