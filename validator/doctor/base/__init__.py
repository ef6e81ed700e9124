"""What the doctor says: findings, each of a closed table of words, with what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from validator.doctor.base.words import TABLE, Check, State

__all__ = ["Check", "Finding", "State", "found", "outcome_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line. `code` is a key of the table; `subject` is the file or host that it is about, "" for the whole."""

    code: str
    check: Check
    state: State
    subject: str
    said: str
    advice: str


def found(code: str, subject: str = "", **values: object) -> Finding:
    """The finding `code` about `subject`, its words filled in."""
    word = TABLE[code]
    filled = {"subject": subject, **values}
    return Finding(
        code=code, check=word.check, state=word.state, subject=subject, said=word.said.format(**filled), advice=word.advice.format(**filled)
    )  # fmt: skip


def outcome_of(findings: Iterable[Finding]) -> State:
    """The worst of them: something is bad, something could not be told, or all is good. A note changes nothing."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.BAD, State.UNKNOWN) if state in states), State.GOOD)
