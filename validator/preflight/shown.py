"""A foretelling as JSON, as the contract lists it, as findings of a report, and as text: for the command and the service. Pure."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

from validator.credential import OSMOS_OWN
from validator.preflight.base import Foretelling, Foretold
from validator.protocol.base import shown_text
from validator.reporting import Finding, Result
from validator.shown import instant
from validator.verdict import ImageOutcome, Reason
from validator.verdict.words import HINTS, cause_and_advice, told_of

MAX_IMAGE: Final = 512
_WRITTEN: Final[WeakKeyDictionary[Foretelling, str]] = WeakKeyDictionary()
"""Up to the milliseconds, which stand last."""

_TO_THE_NEXT_SECOND: Final = timedelta(microseconds=999_999)
"""Who asks again at the second that is shown is not to come too early."""

_WHY_IS_CAUSE: Final = frozenset(
    {Reason.INVALID_REFERENCE, Reason.UNRENDERED, Reason.PULL_SECRET_BROKEN, Reason.PLATFORM_MISSING, Reason.PLATFORM_MISMATCH}
)
_WHY_IS_ADVICE: Final = frozenset({Reason.NO_CREDENTIAL, Reason.NODE_CREDENTIALS_POSSIBLE})
_NAMED: Final = {OSMOS_OWN: "OSMO's own credential"}
_RESULTS: Final = {
    ImageOutcome.PULLABLE: Result.PASSED, ImageOutcome.UNKNOWN: Result.SKIPPED, ImageOutcome.DENIED: Result.FAILED,
    ImageOutcome.NOT_FOUND: Result.FAILED, ImageOutcome.WRONG_PLATFORM: Result.FAILED,
}  # fmt: skip


def foretelling_json(told: Foretelling, took_ms: float) -> dict[str, Any]:
    """The whole answer: contract section 4."""
    return {"outcome": told.outcome, "images": [image_json(one) for one in told.images], "took_ms": round(took_ms)}


def foretelling_text_json(told: Foretelling, took_ms: float) -> str:
    """The same as text. What is told again and again, because it is kept, is written once."""
    written = _WRITTEN.get(told)
    if written is None:
        written = _WRITTEN[told] = json.dumps(foretelling_json(told, 0)).removesuffix("0}")
    return f"{written}{round(took_ms)}}}"


def image_json(told: Foretold) -> dict[str, Any]:
    """One image; where it is named is null for one that stands in no file."""
    verdict, place = told.verdict, told.wanted.place
    cause, advice = words_of(told)
    later = told.retry_at + _TO_THE_NEXT_SECOND if told.retry_at is not None else None
    return {
        "image": shown_text(told.image, MAX_IMAGE), "outcome": verdict.outcome.value, "via": told.via, "reason": verdict.reason.value,
        "hints": [hint.value for hint in verdict.hints], "cause": cause, "advice": advice, "digest": verdict.digest,
        "cached": told.cached, "checked_at": instant(told.checked_at), "retry_at": instant(later),
        "file": shown_text(place.file, MAX_IMAGE) if place is not None else None, "line": place.line if place is not None else None,
        "task": shown_text(place.task) if place is not None and place.task else None,
    }  # fmt: skip


def words_of(told: Foretold) -> tuple[str, str]:
    """One sentence of cause and the advice, with what is special about this image."""
    reason = told.verdict.reason
    reason = next((told_of(reason, one.verdict) for one in told.tried if one.image.reason is reason), reason)
    cause, advice = cause_and_advice(reason, told.provider.causes, told.provider.advice)
    why = shown_text(told.why, MAX_IMAGE)
    if why and reason in _WHY_IS_CAUSE:
        return f"{cause.removesuffix('.')}: {why.removesuffix('.')}.", advice
    return cause, why if why and (reason in _WHY_IS_ADVICE or told.is_osmos) else f"{advice}: {why}" if why else advice


def findings(told: Foretelling) -> tuple[Finding, ...]:
    """Each image as a report tells it."""
    return tuple(_finding(one) for one in told.images)


def _finding(told: Foretold) -> Finding:
    verdict, place = told.verdict, told.wanted.place
    cause, advice = words_of(told)
    return Finding(
        registry=told.registry or "-", name=shown_text(told.image, MAX_IMAGE), result=_RESULTS[verdict.outcome],
        said=f"{verdict.outcome} ({verdict.reason})", rule=verdict.reason.value, cause=cause, advice=advice,
        file=place.file if place is not None else None, line=place.line if place is not None else None,
    )  # fmt: skip


def foretelling_text(told: Foretelling) -> str:
    """The same for people: the outcome of all, then each image, with what to do where something is to be done."""
    lines = [told.outcome]
    for one in told.images:
        cause, advice = words_of(one)
        verdict = one.verdict
        via = f" via {_NAMED.get(one.via, one.via)}" if one.via else ""
        since = f", as of {instant(one.checked_at)}" if one.cached else ""
        lines.append(f"{_place(one)}{shown_text(one.image, MAX_IMAGE)}: {verdict.outcome} ({verdict.reason}){via}{since}")
        if verdict.outcome is not ImageOutcome.PULLABLE:
            lines += [f"  {cause}", f"  What to do: {advice.removesuffix('.')}."]
        lines += [f"  Note: {text}" for hint, text in HINTS.items() if hint in verdict.hints]
    return "\n".join(lines)


def _place(told: Foretold) -> str:
    """`job.yaml:12 (task train): `; nothing for an argument."""
    place = told.wanted.place
    if place is None:
        return ""
    file = "standard input" if place.file == "-" else shown_text(place.file, MAX_IMAGE)
    line = f":{place.line}" if place.line is not None else ""
    return f"{file}{line}{f' ({shown_text(place.task)})' if place.task else ''}: "
