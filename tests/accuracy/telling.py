"""What a run of the cases said, folded into one line a row, and counted. Pure.

A peer's yes or no is held against the credential's verdict that the row names: it is right where it says no less and no more than is so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PREFIXES: Final = ("GEN", "IMG", "NET", "SEC", "NGC", "HUB", "GHCR", "GITLAB", "OTHER", "KUBE", "OSMO")
SUBJECTS: Final = ("credential", "image")
JOINS: Final = {"": " or ", "or": " or ", "each": " / ", "then": " then "}
RIGHT, FALSE_DEAD, FALSE_VALID, UNKNOWN, NOT_ASKED = "right", "false_dead", "false_valid", "unknown", "pending"
WORST: Final = (FALSE_VALID, FALSE_DEAD, UNKNOWN, RIGHT)
NOT_COMPARED: Final = {
    "GEN-41": "what validator kept of another day", "GEN-50": "what validator kept of another day", "NET-34": "what validator kept of another day",
    "HUB-27": "validator's own budget",
}  # fmt: skip
"""Rows that another program cannot be held to, and what they are about."""
DEAD: Final = frozenset({"invalid", "misconfigured"})
NOBODY_KNOWS: Final = frozenset({"unknown", "unprovable"})


def on_page(name: str) -> bool:
    """True if a row has its line; those of the sweep, whose tests are not of `tests/cases`, have not."""
    return name.partition("-")[0] in PREFIXES


@dataclass
class Told:
    """What the processes of one run left: `said`, `ended` and `reached` of tests/cases/record.py, joined."""

    said: list[dict[str, Any]] = field(default_factory=list)
    ended: dict[str, bool] = field(default_factory=dict)
    reached: set[tuple[str, str, str]] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path) -> Told:
        """All files of `folder`."""
        told = cls()
        for path in sorted(folder.glob("*.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            told.said += found["said"]
            for row, passed in found["ended"].items():
                told.ended[row] = told.ended.get(row, True) and passed
            told.reached |= {(place, reason, test) for place, reason, test in found["reached"]}
        return told


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of the page: what must be said, what validator said, and each peer's words; `class_of` by program."""

    id: str
    situation: str
    must: str
    validator: str
    peers: Mapping[str, str]
    class_of: Mapping[str, str]


def folded(rows: Mapping[str, Mapping[str, Any]], told: Told, peers: Mapping[str, Told]) -> list[Line]:
    """A line for each row of this page, in the rows' order."""
    lines = []
    for name, row in rows.items():
        if not on_page(name):
            continue
        mine = [one for one in told.said if one["id"] == name]
        classes = {"validator": _judged(row, mine, told.ended.get(name))}
        words = {}
        for peer, its in peers.items():
            heard = [
                (one["at"], one["peers"][peer]) for one in its.said if one["id"] == name and one["subject"] == "credential" and peer in one["peers"]
            ]
            words[peer], classes[peer] = _peer(row["expected"], heard if name not in NOT_COMPARED else [])
        lines.append(
            Line(
                id=name,
                situation=row["situation"],
                must=must_be(row["expected"]),
                validator=_shown(row["expected"], mine),
                peers=words,
                class_of=classes,
            )
        )
    return lines


def must_be(expected: Mapping[str, Any]) -> str:
    """The row's own answers."""
    parts = []
    for subject in SUBJECTS:
        if expected[subject] is not None:
            text = JOINS[expected[subject]["join"]].join(expected[subject]["answers"])
            parts.append(f"image {text}" if subject == "image" else text)
    return ", ".join(parts) or "–"


def allowed(told: Mapping[str, Any] | None, at: int) -> frozenset[str] | None:
    """What may be said in situation `at`; None: nothing is claimed."""
    if told is None:
        return None
    if told["join"] == "or":
        return frozenset(told["answers"])
    answer = told["answers"][min(at, len(told["answers"]) - 1)]
    return None if answer == "–" else frozenset({answer})


def situations(told: Mapping[str, Any]) -> int:
    """How many answers follow each other."""
    return 1 if told["join"] == "or" else len(told["answers"])


def _by_situation(told: Mapping[str, Any], said: Iterable[tuple[int, str]]) -> list[set[str]]:
    found: list[set[str]] = [set() for _ in range(situations(told))]
    for at, answer in said:
        found[min(at, len(found) - 1)].add(answer)
    return found


def _shown(expected: Mapping[str, Any], mine: list[dict[str, Any]]) -> str:
    parts = []
    for subject in SUBJECTS:
        if expected[subject] is None:
            continue
        said = _by_situation(expected[subject], ((one["at"], one["said"]) for one in mine if one["subject"] == subject))
        texts = []
        for at, answers in enumerate(said):
            claimed = allowed(expected[subject], at)
            texts.append("–" if claimed is None else " or ".join(sorted(answers)) or "not said")
        text = JOINS[expected[subject]["join"]].join(texts)
        parts.append(f"image {text}" if subject == "image" else text)
    return ", ".join(parts) or "–"


def _judged(row: Mapping[str, Any], mine: list[dict[str, Any]], passed: bool | None) -> str:
    """Of validator: every claimed situation said as the row says, every test of the row passed."""
    if passed is None:
        return NOT_ASKED
    wrong: set[str] = set()
    for subject in SUBJECTS:
        told = row["expected"][subject]
        if told is None:
            continue
        for at, answers in enumerate(_by_situation(told, ((one["at"], one["said"]) for one in mine if one["subject"] == subject))):
            claimed = allowed(told, at)
            if claimed is None:
                continue
            wrong |= {_wrong(answer) for answer in answers - claimed}
            if not answers:
                wrong.add(NOT_ASKED)
    if wrong:
        return next(each for each in (*WORST, NOT_ASKED) if each in wrong)
    return RIGHT if passed else UNKNOWN


def _wrong(answer: str) -> str:
    """What a wrong answer is: a good one called dead, a dead or doubtful one called good, or no answer where there was one."""
    word = answer.partition(" ")[0]
    return FALSE_VALID if word in ("valid", "pullable") else UNKNOWN if word in NOBODY_KNOWS else FALSE_DEAD


def _peer(expected: Mapping[str, Any], heard: list[tuple[int, str]]) -> tuple[str, str]:
    """A peer's words in the order of the situations, and what they come to."""
    told = expected["credential"]
    if told is None or not heard:
        return "–", NOT_ASKED
    texts, classes = [], set()
    for at, answers in enumerate(_by_situation(told, heard)):
        claimed = allowed(told, at)
        if claimed is None or not answers:
            texts.append("–")
            continue
        texts.append(" or ".join(sorted(answers)))
        classes |= {peers_word(answer, claimed) for answer in answers}
    if not classes:
        return "–", NOT_ASKED
    return JOINS[told["join"]].join(texts), next(each for each in WORST if each in classes)


def peers_word(answer: str, claimed: frozenset[str]) -> str:
    """Whether "yes", "no" or "cannot tell" is right where one of `claimed` is so."""
    words = {text.partition(" ")[0] for text in claimed}
    match answer:
        case "yes":
            return RIGHT if "valid" in words else FALSE_VALID
        case "no":
            return RIGHT if words & DEAD else FALSE_DEAD
        case _:
            return RIGHT if words <= NOBODY_KNOWS else UNKNOWN


def totals(lines: Iterable[Line], program: str) -> dict[str, int]:
    """How many rows came out how."""
    counted = Counter(line.class_of[program] for line in lines)
    return {"cases": sum(counted.values()), **{each: counted[each] for each in (RIGHT, FALSE_DEAD, FALSE_VALID, UNKNOWN, NOT_ASKED)}}
