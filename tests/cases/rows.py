"""The rows of the cases, as `rows.jsonl` holds them, and what a result must be to agree with one.

A row's verdicts are read from the file and never written in a test: a flipped expectation there fails here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cases import peers as others
from tests.cases import record
from tests.cases.running import Result

FILE: Final = Path(os.environ.get("CASES_ROWS") or Path(__file__).parent / "rows.jsonl")
"""`CASES_ROWS=FILE` reads other rows: how a test shows that a flipped expectation fails."""
ROWS: Final[dict[str, dict[str, Any]]] = {row["id"]: row for row in map(json.loads, FILE.read_text(encoding="utf-8").splitlines())}


@dataclass(frozen=True)
class Row:
    """One row; its answers by situation (`/`), or in time (`then`)."""

    id: str

    @property
    def note(self) -> str:
        """The free text after the semicolon, which the test holds too."""
        return str(ROWS[self.id]["expected"]["note"])

    def allowed(self, subject: str, at: int = 0) -> frozenset[str] | None:
        """What may be said of "credential" or "image" in situation `at` (from 0); None: nothing is claimed."""
        told = ROWS[self.id]["expected"][subject]
        if told is None:
            return None
        answers: list[str] = told["answers"]
        if told["join"] == "or":
            return frozenset(answers)
        answer = answers[min(at, len(answers) - 1)]
        return None if answer == "–" else frozenset({answer})

    def holds(self, result: Result, at: int = 0) -> Result:
        """Assert that a run's JSON says what the row says, and its exit code with it; returns the result."""
        self.agrees("credential", result.credential, at, result.peers)
        if self.allowed("image", at) is not None:
            self.agrees("image", result.image, at)
        if others.ASKED:
            return result
        good, bad = {"valid", "pullable"}, {"invalid", "insufficient", "misconfigured", "denied", "not_found", "wrong_platform"}
        words = {result.shown["verdict"], *([result.shown["image"]["outcome"]] if "image" in result.shown else [])}
        assert result.code == (1 if words & bad else 0 if words <= good else 3)
        return result

    def agrees(self, subject: str, said: str, at: int = 0, peers: Mapping[str, str] | None = None) -> None:
        """Assert that `said` of `subject` is what the row allows, and keep it for the published table."""
        allowed = self.allowed(subject, at)
        record.said(self.id, at, subject, said, peers if peers is not None else others.taken() if subject == "credential" else {})
        if others.ASKED:
            return  # what validator says is not to be trusted then, and each situation is to be come to
        assert allowed is None or said in allowed, f"{self.id}, situation {at + 1}: {subject} is {said}, not {' or '.join(sorted(allowed))}"


def case(*ids: str) -> pytest.MarkDecorator:
    """Marks a test as that of these rows: it gets each as `row`, with the row's id in its name."""
    return pytest.mark.parametrize("row", [pytest.param(Row(name), id=name) for name in ids])


def rows_of(*prefixes: str) -> Iterable[str]:
    """The ids with these prefixes."""
    return [name for name in ROWS if name.partition("-")[0] in prefixes]
