"""The committed pages are whole, say what the rows say, and name tests that exist; and what counts them counts right."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.accuracy.__main__ import differing
from tests.accuracy.pages import (
    ACCURACY,
    NAMES,
    REASONS,
    ROOT,
    accuracy_page,
    first_test,
    peers_columns,
    reached_by,
    rows_with_tests,
    verdict_columns,
)
from tests.accuracy.telling import JOINS, SUBJECTS, Told, folded, must_be, on_page, peers_word, totals
from tests.cases.rows import ROWS
from validator.verdict import Reason

MINE: Final = {name: row for name, row in ROWS.items() if on_page(name)}
PAGE: Final = ACCURACY.read_text(encoding="utf-8")
TABLE: Final = verdict_columns(PAGE)


def right_cells(expected: dict[str, Any]) -> set[str]:
    """What the column of validator may say of a row: its answers, of "either is right" some of them."""
    choices = []
    for subject in SUBJECTS:
        told = expected[subject]
        if told is None:
            continue
        texts = {JOINS[told["join"]].join(told["answers"])}
        if told["join"] == "or":
            answers = sorted(told["answers"])
            texts = {" or ".join(some) for size in range(1, len(answers) + 1) for some in itertools.combinations(answers, size)}
        choices.append([f"image {text}" if subject == "image" else text for text in sorted(texts)])
    return {", ".join(parts) or "–" for parts in itertools.product(*choices)}


def test_every_case_is_on_the_page_and_right():
    assert list(TABLE) == list(MINE)
    assert {name: cells for name, cells in TABLE.items() if cells[0] != must_be(MINE[name]["expected"])} == {}
    assert {name: cells for name, cells in TABLE.items() if cells[1] not in right_cells(MINE[name]["expected"])} == {}


def test_the_totals_are_those_of_the_table():
    sums = {
        cells[0]: [int(cell) for cell in cells[1:]]
        for cells in re.findall(r"^\| (\S[^|]*) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.M)
    }
    assert sums["validator"] == [len(MINE), len(MINE), 0, 0, 0, 0]
    assert len(sums) == 3
    for asked, *classes in sums.values():
        assert asked + classes[-1] == len(MINE)
        assert sum(classes) == len(MINE)
    for place, name in enumerate([name for name in sums if name != "validator"]):
        column = [re.split(r"(?<!\\)\|", line)[5 + place].strip() for line in PAGE.splitlines() if re.match(r"\| [A-Z]+-\d\d \|", line)]
        assert len(column) == len(MINE)
        assert sum("(false dead)" in cell for cell in column) == sums[name][2]
        assert sum("(false valid)" in cell for cell in column) == sums[name][3]
        assert sum(cell == "–" for cell in column) == sums[name][5]


FUNCTIONS: Final = {
    path.stem: {
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for path in sorted((ROOT / "tests" / "cases").glob("test_*.py"))
}

TESTED: Final = set(rows_with_tests())


def test_every_reason_is_reached_by_a_test_or_is_of_another_page():
    table = reached_by(REASONS.read_text(encoding="utf-8"))
    assert list(table) == [reason.value for reason in Reason]
    assert [reason for reason, cells in table.items() if not cells] == []
    for cells in table.values():
        for cell in ", ".join(cells).split(", "):
            file, _, function = cell.partition("::")
            assert function in FUNCTIONS[file] if function else cell in TESTED


def test_a_page_that_differs_in_its_verdicts_is_seen():
    assert differing(PAGE, PAGE) == []
    assert differing(PAGE, PAGE.replace("## Cases", "## All cases")) == [], "words around the table are no verdicts"
    edited = PAGE.replace(
        "| GEN-02 | dead key | invalid (refused) | invalid (refused) |", "| GEN-02 | dead key | invalid (refused) | valid (login_accepted) |"
    )
    assert differing(edited, PAGE) == ["GEN-02"]
    assert differing("", PAGE) == sorted(MINE)


def test_what_the_others_said_is_read_from_the_page_as_it_was_written():
    versions, kept = peers_columns(PAGE)
    assert list(versions) == ["skopeo", "oras"]
    lines = folded(ROWS, Told(), kept)
    mine = [line for line in PAGE.splitlines() if re.match(r"\| [A-Z]+-\d\d \|", line)]
    written = [line for line in accuracy_page(lines, versions).splitlines() if re.match(r"\| [A-Z]+-\d\d \|", line)]
    assert [line.split(" | ")[4:] for line in written] == [line.split(" | ")[4:] for line in mine]
    for name in versions:
        [row] = re.findall(rf"^\| {NAMES[name]} \|.*$", PAGE, re.M)
        assert [int(cell) for cell in row.split("|")[3:-1]] == list(totals(lines, name).values())[1:]


WORDS: Final = {
    ("yes", "valid"): "right", ("yes", "invalid"): "false_valid", ("yes", "unprovable"): "false_valid", ("yes", "insufficient"): "false_valid",
    ("yes", "unknown"): "false_valid", ("yes", "misconfigured"): "false_valid", ("no", "valid"): "false_dead", ("no", "invalid"): "right",
    ("no", "misconfigured"): "right", ("no", "insufficient"): "false_dead", ("no", "unprovable"): "false_dead", ("no", "unknown"): "false_dead",
    ("cannot tell", "valid"): "unknown", ("cannot tell", "invalid"): "unknown", ("cannot tell", "unknown"): "right",
    ("cannot tell", "unprovable"): "right", ("cannot tell", "insufficient"): "unknown",
}  # fmt: skip


@pytest.mark.parametrize(("said", "so"), WORDS)
def test_a_peers_word_is_held_against_what_is_so(said, so):
    assert peers_word(said, frozenset({f"{so} (x)"})) == WORDS[said, so]


def told(*said: tuple[int, str, str], passed: bool = True) -> Told:
    found = Told(ended={"GEN-45": passed})
    found.said = [{"id": "GEN-45", "at": at, "subject": subject, "said": answer, "peers": {"skopeo": "no"}} for at, subject, answer in said]
    return found


SAID: Final = {
    "right": (told((0, "credential", "valid (login_accepted)"), (1, "credential", "invalid (refused)")), "right"),
    "a failed test": (told((0, "credential", "valid (login_accepted)"), (1, "credential", "invalid (refused)"), passed=False), "unknown"),
    "a false death": (told((0, "credential", "invalid (refused)"), (1, "credential", "invalid (refused)"), passed=False), "false_dead"),
    "a false life": (told((0, "credential", "valid (login_accepted)"), (1, "credential", "valid (login_accepted)"), passed=False), "false_valid"),
    "the worse of two": (told((0, "credential", "invalid (refused)"), (1, "credential", "valid (pull_proven)"), passed=False), "false_valid"),
    "no word": (told((0, "credential", "unknown (timeout)"), (1, "credential", "invalid (refused)"), passed=False), "unknown"),
    "half of it": (told((0, "credential", "valid (login_accepted)")), "pending"),
    "nothing": (Told(), "pending"),
}


@pytest.mark.parametrize(("run", "wanted"), SAID.values(), ids=SAID)
def test_a_row_comes_out_as_its_worst_word(run, wanted):
    [line] = folded({"GEN-45": ROWS["GEN-45"]}, run, {"skopeo": run})
    assert line.class_of["validator"] == wanted
    assert totals([line], "validator")[wanted] == 1
    if wanted == "right":
        assert (line.peers["skopeo"], line.class_of["skopeo"]) == ("no / no", "false_dead")
        assert line.validator == line.must


def test_the_first_test_is_a_rows_whatever_the_order():
    tests = ["tests/cases/test_ngc_own.py::test_z[a]", "tests/cases/test_ngc.py::test_row[NGC-05]", "tests/cases/test_ngc.py::test_row[x-NGC-04-y]"]
    assert first_test(tests) == first_test(tests[::-1]) == "NGC-04"
    assert first_test(tests[:1]) == "test_ngc_own::test_z"
    assert first_test([]) == ""


def test_the_pages_name_nothing_of_one_machine():
    for path in (ACCURACY, REASONS):
        assert not re.search(r"127\.0\.0\.1:\d|/(tmp|home|root|opt|work)/|pypi|file://", Path(path).read_text(encoding="utf-8"))
