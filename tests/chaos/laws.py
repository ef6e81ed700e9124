"""What no fault may lead to: a false word, a secret astray, something left over. Judged by what the emulated registry knows to be so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tests.chaos.faults import Fault
from tests.property.laws import forms_of
from validator.cli.base.show import check_json
from validator.emulator.base import Truth
from validator.evidence import Asker, Party, Step
from validator.probe import Probed
from validator.verdict import ImageOutcome, Outcome

MOST_ASKS: Final = 40
MOST_REFUSALS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One check and what was seen around it. `truths`: before and after it; `tasks` and `held` are what it left behind."""

    probed: Probed
    host: str
    secret: str
    username: str
    truths: tuple[Truth, ...]
    fault: Fault | None
    hits: int
    heard: tuple[str, ...]
    outside: tuple[str, ...]
    astray: int
    tasks: int
    held: int


def broken(seen: Seen) -> list[str]:
    """The laws that this check broke, each in one line."""
    return [f"{law.__name__}: {words}" for law in LAWS for words in law(seen)]


def no_false_word(seen: Seen) -> Iterator[str]:
    """No dead secret is called valid, no good one dead or wrongly stored; no image is called pullable or barred that is not."""
    verdict, truths = seen.probed.verdict, seen.truths
    said = f"{verdict.outcome} ({verdict.reason})"
    told_no = seen.fault is not None and seen.fault.name == "one refusal" and seen.hits > 0
    if verdict.outcome is Outcome.VALID and not any(true.accepted for true in truths):
        yield f"{said}, and it is {truths[0].why}"
    first_no = told_no and seen.probed.inquiry.asker is Asker.SWEEP  # it confirms later: its one refusal is no death yet
    if verdict.outcome is Outcome.INVALID and all(true.accepted for true in truths) and not first_no:
        yield f"{said}, and it is {truths[0].why}"
    image = verdict.image
    if image is None:
        return
    if image.outcome is ImageOutcome.PULLABLE and not any(true.pulls or true.public for true in truths):
        yield f"image {image.outcome} ({image.reason}), and it is {truths[0]}"
    barred = image.outcome in (ImageOutcome.DENIED, ImageOutcome.NOT_FOUND) and verdict.outcome is Outcome.VALID
    if barred and all(true.pulls for true in truths) and not told_no:  # a registry's own no to an image is not asked for twice
        yield f"image {image.outcome} ({image.reason}), and it is {truths[0]}"


def no_secret_astray(seen: Seen) -> Iterator[str]:
    """A stranger hears no secret, no address outside is dialled, a listener that is no part of the login gets no Authorization."""
    forms = forms_of(seen.secret, seen.username)
    for text in seen.heard:
        if "authorization" in text.lower() or any(form in text for form in forms):
            yield "a stranger was sent a secret"
    if seen.outside:
        yield f"{seen.outside[0]} was to be dialled"
    if seen.astray:
        yield f"{seen.astray} requests with an Authorization to where none belongs"


def nothing_shown(seen: Seen) -> Iterator[str]:
    """The secret stands in nothing that is kept or shown."""
    forms = forms_of(seen.secret, seen.username)
    shown = json.dumps(check_json(seen.probed, seen.host, datetime(2026, 1, 1, tzinfo=UTC), "image" if seen.probed.inquiry.image else None))
    for name, text in (("JSON", shown), ("evidence", repr(seen.probed.evidence)), ("verdict", repr(seen.probed.verdict))):
        if any(form in text for form in forms):
            yield f"the secret stands in the {name}"


def nothing_left(seen: Seen) -> Iterator[str]:
    """No task goes on, no connection is held."""
    if seen.tasks:
        yield f"{seen.tasks} tasks go on"
    if seen.held:
        yield f"{seen.held} connections are held"


def it_ends_and_asks_little(seen: Seen) -> Iterator[str]:
    """No conversation is long, and none has its secret refused again and again."""
    exchanges = seen.probed.evidence.exchanges
    if len(exchanges) > MOST_ASKS:
        yield f"{len(exchanges)} requests"
    noes = sum(
        one.party is Party.SUBJECT and one.step in (Step.LOGIN, Step.SCOPED) and one.authorized and one.status in (401, 403) for one in exchanges
    )
    if noes > MOST_REFUSALS:
        yield f"{noes} refusals of the stored pair"


LAWS: Final[tuple[Callable[[Seen], Iterator[str]], ...]] = (no_false_word, no_secret_astray, nothing_shown, nothing_left, it_ends_and_asks_little)
