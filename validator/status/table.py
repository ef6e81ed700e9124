"""Which state follows a word, and what that change is called: two tables, read from the top, the first row that fits wins. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from validator.status.base import Said, State, Transition

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

TRANSITIONS: Final[tuple[Name, ...]] = (
    Name(State.DEAD, frozenset({State.DEAD}), Transition.NONE),
    Name(State.DEAD, ANY, Transition.DIED, ever_valid=True),
    Name(State.DEAD, ANY, Transition.NEVER_WORKED),
    Name(State.IMPAIRED, frozenset({State.IMPAIRED}), Transition.NONE),
    Name(State.IMPAIRED, ANY, Transition.IMPAIRED),
    Name(State.ALIVE, _BAD, Transition.RECOVERED),
    Name(State.ALIVE, ANY, Transition.BLIPPED, was_suspect=True),
    Name(State.ALIVE, ANY, Transition.NONE),
    Name(State.SUSPECT, ANY, Transition.NONE),
    Name(State.UNPROVEN, ANY, Transition.NONE),
)  # fmt: skip
