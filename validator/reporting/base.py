"""What every format is made of: one credential or image, and what was found. Values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """What a build system makes of a finding."""

    PASSED = "passed"
    FAILED = "failed"
    """Dead, impaired or blocked."""
    SKIPPED = "skipped"
    """Could not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One credential or image.

    `registry` is its host, `name` "user/name" or the image, `said` "verdict (reason)", `rule` the reason's code. `cause` is a sentence,
    `advice` what to do. `file` and `line` (from 1) are where it is named, None for what stands in no file.
    """

    registry: str
    name: str
    result: Result
    said: str
    rule: str
    cause: str = ""
    advice: str = ""
    file: str | None = None
    line: int | None = None

    @property
    def message(self) -> str:
        """What is said and why, for people: one line."""
        advice = f"What to do: {self.advice.removesuffix('.')}." if self.advice and self.result is not Result.PASSED else ""
        return " ".join(part for part in (f"{self.name}: {self.said}.", self.cause, advice) if part)
