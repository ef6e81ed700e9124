"""How a verdict is shown to people, and which exit code it is; its JSON is `validator.shown`'s."""

from __future__ import annotations

from typing import Any

from validator.errors import Exit
from validator.shown import check_json, instant, unchecked_json
from validator.verdict import ImageOutcome, Outcome
from validator.verdict.words import HINTS

__all__ = ["check_json", "check_text", "exit_of", "exit_of_image", "instant", "unchecked_json", "worst"]

_BAD = {Outcome.INVALID, Outcome.INSUFFICIENT, Outcome.MISCONFIGURED}
_BAD_IMAGE = {ImageOutcome.DENIED, ImageOutcome.NOT_FOUND, ImageOutcome.WRONG_PLATFORM}


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
