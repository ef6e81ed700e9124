"""Whole answers, for who asks the very same again: a submission that is tried ten times costs its images one look. No I/O.

An answer counts for as long as each of its parts does, and no longer than no secret of the process was found to be dead, or alive again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from validator.credential import Credential
from validator.preflight.base.answers import Answers, keeps_s
from validator.preflight.base.course import Course
from validator.preflight.base.values import Foretelling, Held
from validator.sealing import Fingerprinter
from validator.stores.base import UnreadableRow

MOST_IMAGES: Final = 20_000
"""In all answers that are kept; each is about a kilobyte."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """One answer; it counts until either clock says so, while `turns` is that of the answers."""

    told: Foretelling
    until: float
    until_at: datetime
    turns: int


@dataclass(slots=True)
class Repeats:
    """The memory of whole answers over the one of single ones."""

    answers: Answers
    fingerprinter: Fingerprinter
    most: int = MOST_IMAGES
    _kept: OrderedDict[Hashable, _Whole] = field(default_factory=OrderedDict)
    images: int = 0

    def key(self, wanted: Sequence[Hashable], held: Sequence[Held]) -> Hashable:
        """What two requests must share: the images as they are named, and what is stored; of secrets their fingerprints."""
        return tuple(wanted), tuple(map(self._mark, held))

    def _mark(self, one: Held) -> Hashable:
        match one:
            case Credential():
                fingerprint = self.fingerprinter.of(str(one.scope), one.username, one.secret)
                return one.name, one.written, one.scope, fingerprint
            case UnreadableRow():
                return one.name, one.scope
            case _:
                return one

    def get(self, key: Hashable, monotonic: float, now: datetime) -> Foretelling | None:
        """The answer, if it still counts."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if monotonic >= kept.until or now >= kept.until_at or kept.turns != self.answers.turns:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.told

    def put(self, key: Hashable, told: Foretelling, courses: Sequence[Course]) -> None:
        """Keep it, if every part of it was answered in time and by no old proof."""
        answers = [answer for course in courses for answer in course.answered()]
        if not answers or any(course.is_late for course in courses) or any(answer.stale for answer in answers):
            return
        lives = [(answer, keeps_s(answer, self.answers.fresh)) for answer in answers]
        until = min(answer.since + life for answer, life in lives)
        until_at = min(answer.at + timedelta(seconds=life) for answer, life in lives)
        if key in self._kept:
            self._drop(key)
        images = tuple(replace(one, cached=True) if one.asked and not one.cached else one for one in told.images)
        self._kept[key] = _Whole(Foretelling(images), until, until_at, self.answers.turns)
        self.images += len(images)
        while self.images > self.most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        self.images -= len(self._kept.pop(key).told.images)
