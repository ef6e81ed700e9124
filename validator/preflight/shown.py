"""A foretelling as JSON, as the contract lists it: what the command prints and the service answers. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from validator.preflight.base import Foretelling, Foretold
from validator.protocol.base import shown_text
from validator.verdict import Reason
from validator.verdict.words import cause_and_advice

MAX_IMAGE: Final = 512
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
    return {
        "image": shown_text(told.image, MAX_IMAGE), "outcome": verdict.outcome.value, "via": told.via, "reason": verdict.reason.value,
        "hints": [hint.value for hint in verdict.hints], "cause": cause, "advice": advice, "digest": verdict.digest,
        "cached": told.cached, "checked_at": _instant(told.checked_at), "retry_at": _instant(told.retry_at),
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


def _instant(at: datetime | None) -> str | None:
    """RFC 3339, UTC, seconds, with Z."""
    return None if at is None else at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
