"""No row of the cases is without a test, none is answered by heart, and a flipped expectation fails."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cases.rows import ROWS
from validator.verdict import ImageOutcome, Outcome, Reason

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
PREFIXES: Final = ("GEN", "IMG", "NET", "SEC", "NGC", "HUB", "GHCR", "GITLAB", "OTHER", "KUBE", "OSMO")
MODULES: Final = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("test_*.py"))}
BY_NIGHT: Final = ("emulated", "smtp", "unit/registry")
"""Where the rows of the nightly run have their tests: they need more than one process, a mail server, or a clock that jumps."""
SOURCES: Final = sorted((ROOT / "validator").rglob("*.py"))
FLIPPED: Final = {
    "GEN-01": "invalid (refused)", "GEN-02": "valid (login_accepted)", "GEN-04": "valid (login_accepted)", "GEN-09": "valid (login_accepted)",
    "GEN-12": "invalid (refused)", "GEN-14": "unprovable (accepts_anyone)", "GEN-15": "unknown (ambiguous_refusal)", "GEN-16": "valid (login_accepted)",
    "GEN-29": "invalid (refused)", "GEN-44": "unknown (waf_block)",
}  # fmt: skip


def assigned(tree: ast.Module, name: str) -> ast.expr | None:
    """The value that a module's level gives to `name`."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            return node.value
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
            return node.value
    return None


def texts(tree: ast.Module, node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression holds when it is unpacked: a literal, a dict's keys, a name for one of these."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Starred(value=inner):
            yield from texts(tree, inner)
        case ast.Name(id=name):
            yield from texts(tree, assigned(tree, name))
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                yield from texts(tree, value if key is None else key)
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            for item in items:
                yield from texts(tree, item)
        case ast.DictComp(generators=[ast.comprehension(iter=source)]) | ast.ListComp(generators=[ast.comprehension(iter=source)]):
            yield from texts(tree, source)
        case ast.BinOp(left=left, right=right):
            yield from texts(tree, left)
            yield from texts(tree, right)
        case _:
            raise AssertionError(f"a row's id is not written where it can be read: {ast.unparse(node) if node else 'no such name'}")


def cases_of(tree: ast.Module) -> set[str]:
    """The ids that the module's tests are marked with."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "case":
                    assert node.name.startswith("test_"), f"{node.name} is marked, and no test"
                    found |= {text for argument in mark.args for text in texts(tree, argument)}
    return found


def excused(tree: ast.Module, name: str) -> set[str]:
    """The ids of a module's `PENDING` or `NOT_ASSERTABLE`."""
    return set(texts(tree, assigned(tree, name))) if assigned(tree, name) is not None else set()


def test_every_row_has_a_test_or_says_why_not():
    wanted = {name for name in ROWS if name.partition("-")[0] in PREFIXES}
    held = set().union(*(cases_of(tree) for tree in MODULES.values()))
    pending = set().union(*(excused(tree, "PENDING") for tree in MODULES.values()))
    assert sorted(wanted - held - pending) == []
    assert len(wanted) == 377


def test_every_row_of_the_nightly_run_has_a_test():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for folder in BY_NIGHT for path in sorted((HERE.parent / folder).glob("test_*.py"))]
    wanted = {name for name in ROWS if name.startswith("SWEEP-")}
    assert sorted(wanted - set().union(*(cases_of(tree) for tree in trees))) == []
    assert len(wanted) == 36
    assert len(wanted) + 377 == len(ROWS), "no other row is left"


def test_no_test_is_of_a_row_that_is_none():
    named = {name for tree in MODULES.values() for name in cases_of(tree) | excused(tree, "PENDING") | excused(tree, "NOT_ASSERTABLE")}
    assert sorted(named - set(ROWS)) == []


@pytest.mark.parametrize("name", ["PENDING", "NOT_ASSERTABLE"])
def test_what_is_left_out_says_why(name):
    reasons = [value for tree in MODULES.values() for node in [assigned(tree, name)] if isinstance(node, ast.Dict) for value in node.values]
    assert all(isinstance(value, ast.Constant) and len(str(value.value)) > 10 for value in reasons)


def test_the_product_names_no_row():
    rows = re.compile(rf"(?<![A-Za-z0-9-])({'|'.join(sorted({name.partition('-')[0] for name in ROWS}))})-[0-9]{{2}}(?![0-9A-Za-z])")
    found = [f"{path.relative_to(ROOT)}: {text.group()}" for path in SOURCES for text in rows.finditer(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_product_knows_no_answer_by_heart():
    """No text of the program, its docstrings left aside, is a whole answer `verdict (reason)`."""
    answers = re.compile(rf"\b({'|'.join([*Outcome, *ImageOutcome])}) \(({'|'.join(Reason)})\)")
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in words and answers.search(node.value):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_the_search_finds_what_it_looks_for():
    tree = ast.parse(
        'ROWS = {"GEN-01": 1, **MORE}\nMORE = ["GEN-02"]\n@case(*ROWS, "GEN-03")\ndef test_a(row): ...\n@other("GEN-04")\ndef test_b(): ...\n'
    )
    assert cases_of(tree) == {"GEN-01", "GEN-02", "GEN-03"}


def test_ten_flipped_expectations_fail(tmp_path):
    rows = [json.loads(json.dumps(row)) for row in ROWS.values()]
    for row in rows:
        if row["id"] in FLIPPED:
            told = row["expected"]["credential"]
            assert FLIPPED[row["id"]] not in told["answers"]
            told["answers"] = [FLIPPED[row["id"]]]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-p", "no:randomly", "-k", " or ".join([*FLIPPED, "GEN-10"]),
         "tests/cases/test_gen_login.py"],
        cwd=ROOT, env={**os.environ, "CASES_ROWS": str(path)}, capture_output=True, text=True, timeout=58, check=False,
    )  # fmt: skip
    failed = set(re.findall(r"^FAILED .*\[(GEN-\d\d)", done.stdout, re.MULTILINE))
    assert failed == set(FLIPPED), done.stdout[-2000:]
    assert re.search(r"10 failed, 1 passed", done.stdout)
