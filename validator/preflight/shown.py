"""A foretelling as JSON, as the contract lists it: what the command prints and the service answers. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from validator.preflight.base import Foretelling, Foretold
from validator.protocol.base import shown_text
from validator.shown import instant
from validator.verdict import Reason
from validator.verdict.words import cause_and_advice

MAX_IMAGE: Final = 512
_TO_THE_NEXT_SECOND: Final = timedelta(microseconds=999_999)
"""Who asks again at the second that is shown is not to come too early."""

_WHY_IS_CAUSE: Final = frozenset(
    {Reason.INVALID_REFERENCE, Reason.UNRENDERED, Reason.PULL_SECRET_BROKEN, Reason.PLATFORM_MISSING, Reason.PLATFORM_MISMATCH}
)


def foretelling_json(told: Foretelling, took_ms: float) -> dict[str, Any]:
    """The whole answer: contract section 4."""
    return {"outcome": told.outcome, "images": [image_json(one) for one in told.images], "took_ms": round(took_ms)}


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
    cause, advice = cause_and_advice(reason, told.provider.causes, told.provider.advice)
    if told.why and reason in _WHY_IS_CAUSE:
        return f"{cause.removesuffix('.')}: {shown_text(told.why)}", advice
    return cause, f"{advice}: {told.why}" if told.why else advice
