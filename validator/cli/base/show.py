"""How a verdict is shown: the contract's JSON, and words for people. Nothing of a registry is shown raw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from validator.credential import Credential
from validator.errors import Exit
from validator.evidence import Exchange
from validator.probe import Probed
from validator.protocol.base import shown_text
from validator.verdict import ImageOutcome, ImageVerdict, Outcome
from validator.verdict.words import HINTS, cause_and_advice

_BAD = {Outcome.INVALID, Outcome.INSUFFICIENT, Outcome.MISCONFIGURED}
_BAD_IMAGE = {ImageOutcome.DENIED, ImageOutcome.NOT_FOUND, ImageOutcome.WRONG_PLATFORM}


def instant(at: datetime | None) -> str | None:
    """RFC 3339, UTC, seconds, with Z."""
    return None if at is None else at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def exit_of(outcome: Outcome) -> Exit:
    """The exit code of a credential's verdict."""
    if outcome is Outcome.VALID:
        return Exit.GOOD
    return Exit.BAD if outcome in _BAD else Exit.CANNOT_TELL


def exit_of_image(outcome: ImageOutcome) -> Exit:
    """The exit code of an image's outcome."""
    if outcome is ImageOutcome.PULLABLE:
        return Exit.GOOD
    return Exit.BAD if outcome in _BAD_IMAGE else Exit.CANNOT_TELL


def worst(*codes: Exit) -> Exit:
    """4 > 1 > 3 > 0, as the contract orders them."""
    for code in (Exit.OURS, Exit.USAGE, Exit.BAD, Exit.CANNOT_TELL):
        if code in codes:
            return code
    return Exit.GOOD


def check_json(probed: Probed, registry: str | None, checked_at: datetime, image_text: str | None) -> dict[str, Any]:
    """`check`'s object, as the contract lists it."""
    verdict, provider = probed.verdict, probed.provider
    cause, advice = cause_and_advice(verdict.reason, provider.causes, provider.advice)
    credential = probed.inquiry.credential
    shown: dict[str, Any] = {
        "verdict": verdict.outcome.value,
        "reason": verdict.reason.value,
        "level": verdict.level.value if verdict.level is not None else None,
        "hints": [hint.value for hint in verdict.hints],
        "registry": registry,
        "username": shown_text(credential.username) if credential is not None else None,
        "cause": cause,
        "advice": advice,
        "retry_at": instant(checked_at + timedelta(seconds=verdict.retry_after_s)) if verdict.retry_after_s is not None else None,
        "expires_at": instant(verdict.expires_at),
        "checked_at": instant(checked_at),
        "evidence": [exchange_json(exchange) for exchange in probed.evidence.exchanges],
    }
    if image_text is not None and verdict.image is not None:
        shown["image"] = {"reference": image_text, **image_json(verdict.image, probed)}
    return shown


def unchecked_json(credential: Credential) -> dict[str, Any]:
    """`check`'s keys for a credential that was stored and not asked about."""
    nothing = dict.fromkeys(("verdict", "reason", "level", "cause", "advice", "retry_at", "expires_at", "checked_at"))
    return {**nothing, "hints": [], "registry": str(credential.scope), "username": shown_text(credential.username), "evidence": []}


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """One exchange: what was asked of which host, and what came back; no secret."""
    step = exchange.step.value if exchange.party.value == "subject" else f"{exchange.step.value} ({exchange.party.value})"
    code = exchange.failure.value if exchange.failure is not None else exchange.code or None
    return {"step": step, "method": exchange.method, "url": exchange.url, "status": exchange.status, "code": code, "ms": round(exchange.ms)}


def image_json(image: ImageVerdict, probed: Probed) -> dict[str, Any]:
    """What is said of an image, without its name."""
    cause, advice = cause_and_advice(image.reason, probed.provider.causes, probed.provider.advice)
    return {
        "outcome": image.outcome.value,
        "reason": image.reason.value,
        "hints": [hint.value for hint in image.hints],
        "cause": cause,
        "advice": advice,
        "digest": image.digest,
        "platforms": list(image.platforms) if image.platforms is not None else None,
    }


def check_text(shown: dict[str, Any], *, explain: bool) -> str:
    """The same for people: the verdict, why, and what to do."""
    head = f"{shown['registry'] or 'registry'}: {shown['verdict']} ({shown['reason']})"
    lines = [head + (f", level {shown['level']}" if shown["level"] else "")]
    lines += [f"  {shown['cause']}", f"  What to do: {shown['advice']}."]
    lines += [f"  Note: {HINTS[hint]}" for hint in HINTS if hint.value in shown["hints"]]
    if shown["expires_at"]:
        lines.append(f"  Ends at: {shown['expires_at']}")
    if shown["retry_at"]:
        lines.append(f"  Ask again at: {shown['retry_at']}")
    if "image" in shown:
        image = shown["image"]
        lines.append(f"image {image['reference']}: {image['outcome']} ({image['reason']})")
        lines += [f"  {image['cause']}", f"  What to do: {image['advice']}."]
        lines += [f"  Note: {HINTS[hint]}" for hint in HINTS if hint.value in image["hints"]]
        if image["platforms"]:
            lines.append(f"  Platforms: {', '.join(image['platforms'])}")
    if explain:
        lines.append("What was asked:")
        for step in shown["evidence"]:
            said = step["status"] if step["status"] is not None else "no answer"
            lines.append(
                f"  {step['step']:<24} {step['method']:<4} {step['url']}  {said}{' ' + step['code'] if step['code'] else ''}  {step['ms']} ms"
            )
        if not shown["evidence"]:
            lines.append("  nothing: it was judged by its form")
    return "\n".join(line.replace("..", ".") if line.startswith("  What to do") else line for line in lines)
