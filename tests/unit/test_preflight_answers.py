"""What is remembered of answers: for which platform, for how long, how many, and what speaks against them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from validator.config import Preflight as Settings
from validator.credential import Host
from validator.preflight.base.answers import REFUSAL_S, STALE_S, UNKNOWN_S, Answer, Answers, Question, keeps_s
from validator.protocol.manifest import Platform
from validator.protocol.reference import parse_reference
from validator.providers.generic import GENERIC
from validator.verdict import ImageOutcome, ImageVerdict, Outcome, Reason, Verdict

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
AMD, ARM, S390 = (Platform(os="linux", architecture=name) for name in ("amd64", "arm64", "s390x"))
PULLS, PUBLIC = (ImageOutcome.PULLABLE, Reason.PULL_OK), (ImageOutcome.PULLABLE, Reason.PUBLIC)
LACKS, OTHER = (ImageOutcome.WRONG_PLATFORM, Reason.PLATFORM_MISSING), (ImageOutcome.WRONG_PLATFORM, Reason.PLATFORM_MISMATCH)
REFUSED = (ImageOutcome.DENIED, Reason.CREDENTIAL_REFUSED)


def answer(
    said: tuple[ImageOutcome, Reason], platform: Platform | None = None, offered: tuple[Platform, ...] | None = None, *, single: bool = False,
    since: float = 0.0, retry_after_s: float | None = None,
) -> Answer:  # fmt: skip
    verdict = Verdict(outcome=Outcome.INVALID if said == REFUSED else Outcome.UNPROVABLE, reason=Reason.REFUSED)
    image = ImageVerdict(outcome=said[0], reason=said[1], retry_after_s=retry_after_s)
    return Answer(
        verdict=verdict, image=image, provider=GENERIC, at=NOW + timedelta(seconds=since), since=since, platform=platform, offered=offered, single=single,
    )  # fmt: skip


ON: Final[dict[str, tuple[Answer, Platform | None, tuple[ImageOutcome, Reason] | None]]] = {
    # an answer, another platform, what it means there (None: to be asked)
    "the same": (answer(PULLS, AMD, (AMD, ARM)), AMD, PULLS),
    "another that is there": (answer(PULLS, AMD, (AMD, ARM)), ARM, PULLS),
    "another that is not": (answer(PUBLIC, AMD, (AMD, ARM)), S390, LACKS),
    "a single image": (answer(PULLS, AMD, (AMD,), single=True), ARM, OTHER),
    "an index of one": (answer(PULLS, AMD, (AMD,)), ARM, LACKS),
    "not all are known": (answer(PULLS, AMD, None), ARM, PULLS),
    "none was asked": (answer(PULLS), AMD, None),
    "none is asked": (answer(PULLS, AMD, (AMD,)), None, PULLS),
    "it lacked the first": (answer(LACKS, S390, (AMD,)), ARM, LACKS),
    "it lacked the first and has this": (answer(LACKS, S390, (AMD,)), AMD, None),
    "it lacked the first, and none is asked": (answer(LACKS, S390, (AMD,)), None, None),
    "no container image": (answer((ImageOutcome.WRONG_PLATFORM, Reason.UNSUPPORTED_MANIFEST), AMD), ARM, (ImageOutcome.WRONG_PLATFORM, Reason.UNSUPPORTED_MANIFEST)),
    "denied": (answer((ImageOutcome.DENIED, Reason.NO_CREDENTIAL), AMD), ARM, (ImageOutcome.DENIED, Reason.NO_CREDENTIAL)),
    "unknown": (answer((ImageOutcome.UNKNOWN, Reason.TIMEOUT)), ARM, (ImageOutcome.UNKNOWN, Reason.TIMEOUT)),
}  # fmt: skip


@pytest.mark.parametrize(("kept", "platform", "said"), ON.values(), ids=ON.keys())
def test_what_an_answer_means_on_another_platform(kept: Answer, platform: Platform | None, said: tuple[ImageOutcome, Reason] | None) -> None:
    found = kept.on(platform)
    assert (None if found is None else (found.outcome, found.reason)) == said


FRESH = Settings(fresh_valid_s=900, fresh_refused_s=60, fresh_dead_s=5000)
KEEPS: Final[dict[str, tuple[Answer, float]]] = {
    "pullable": (answer(PULLS), 900),
    "public": (answer(PUBLIC), 900),
    "a refused key, however long the settings say": (answer(REFUSED), REFUSAL_S),
    "no key": (answer((ImageOutcome.DENIED, Reason.NO_CREDENTIAL)), 60),
    "no such tag": (answer((ImageOutcome.NOT_FOUND, Reason.TAG_NOT_FOUND)), 60),
    "the wrong platform": (answer(LACKS), 60),
    "unknown": (answer((ImageOutcome.UNKNOWN, Reason.SERVER_ERROR)), UNKNOWN_S),
    "unknown, with a time": (answer((ImageOutcome.UNKNOWN, Reason.THROTTLED), retry_after_s=30), 30),
    "unknown, for very long": (answer((ImageOutcome.UNKNOWN, Reason.THROTTLED), retry_after_s=86_400), 60),
}


@pytest.mark.parametrize(("kept", "seconds"), KEEPS.values(), ids=KEEPS.keys())
def test_how_long_each_kind_counts(kept: Answer, seconds: float) -> None:
    assert keeps_s(kept, FRESH) == seconds


def question(name: str = "app", secret: str = "f") -> Question:
    return Question(Host("reg.test"), "", secret, parse_reference(f"reg.test/team/{name}"))


def at(seconds: float) -> tuple[float, datetime]:
    """Both clocks."""
    return seconds, NOW + timedelta(seconds=seconds)


def test_what_is_old_by_either_clock_is_old() -> None:
    answers = Answers(FRESH)
    answers.put(question(), answer(PULLS))
    assert answers.get(question(), None, *at(899)) is not None
    for monotonic, wall in ((901.0, 10), (10.0, 901), (10.0, -1)):
        assert answers.get(question(), None, monotonic, NOW + timedelta(seconds=wall)) is None


def test_nothing_grows_beyond_its_bound() -> None:
    answers = Answers(FRESH, most=10)
    for number in range(50):
        answers.put(question(f"app{number}", f"f{number}"), answer(PULLS))
    kept = [number for number in range(50) if answers.get(question(f"app{number}", f"f{number}"), None, *at(1)) is not None]
    assert kept == list(range(40, 50))
    for number in range(50):
        answers.put(question(), answer(PULLS, Platform(os="linux", architecture="arm", variant=f"v{number}")))
    assert len(answers._kept[question()]) <= 8


def test_a_refusal_holds_for_every_image_of_its_secret_and_no_other() -> None:
    answers = Answers(FRESH)
    answers.put(question("one"), answer(REFUSED, since=5))
    other = answers.get(question("two"), AMD, *at(6))
    assert other is not None
    assert (other.image.reason, other.shared) == (Reason.CREDENTIAL_REFUSED, True)
    assert answers.get(question("two", "another"), None, *at(6)) is None
    assert answers.get(question("two", ""), None, *at(6)) is None
    assert answers.get(question("two"), None, *at(5 + REFUSAL_S)) is None


def test_what_came_later_takes_back_what_was_said_before() -> None:
    answers = Answers(FRESH)
    answers.put(question("one"), answer(PULLS, since=1))
    answers.put(question("two"), answer(REFUSED, since=2))
    assert answers.turns == 1
    said = answers.get(question("one"), None, *at(3))
    assert said is not None
    assert said.image.reason is Reason.CREDENTIAL_REFUSED
    assert answers.stale(question("one"), None, *at(3)) is None, "nor as an old proof"
    answers.put(question("three"), answer(PULLS, since=4))
    assert answers.turns == 2
    assert answers.get(question("two"), None, *at(5)) is None, "it is asked anew"


def test_an_unknown_does_not_take_a_proof_away_and_a_denial_does() -> None:
    answers = Answers(FRESH)
    answers.put(question(), answer(PULLS))
    answers.put(question(), answer((ImageOutcome.UNKNOWN, Reason.TIMEOUT), since=1000))
    stale = answers.stale(question(), None, *at(1001))
    assert stale is not None
    assert (stale.image.reason, stale.stale, stale.at) == (Reason.PULL_OK, True, NOW)
    assert answers.stale(question(), None, *at(STALE_S)) is None
    answers.put(question(), answer((ImageOutcome.NOT_FOUND, Reason.TAG_NOT_FOUND), since=1002))
    assert answers.stale(question(), None, *at(1003)) is None
