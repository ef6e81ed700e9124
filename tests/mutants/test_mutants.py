"""The faults that `make mutants` makes are what they are said to be, and one that the tests must notice is noticed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.mutants.__main__ import PURE, ROOT, modules, sample
from tests.mutants.mutate import mutants, mutated

SOURCE = """
def young(age, wise):
    \"\"\"Not changed.\"\"\"
    if age < 3 and not wise:
        return max(age, 1)
    print("a sentence of words")

TABLE = (row(statuses=(401, 403), cause="told", text=words("no such key"), advice={1: "Do it", 2: "Leave it"}), {"a": True})
WORDS = {"a": ("One sentence.", "Another one"), "b": "a third"}
"""
FAULTS = {
    "`age < 3` turned": "if age <= 3 and (not wise):", "`age < 3` left out": "if not wise:", "`age < 3 and (not wise)` with or": "if age < 3 or not wise:",
    "`not wise` without not": "if age < 3 and bool(wise):", "4 for 3": "if age < 4 and (not wise):", "`max(age, 1)` by min": "return min(age, 1)",
    "`return max(age, 1)` gives nothing": "return None", "`print('a sentence of words')` left out": "    pass", "404 for 403": "statuses=(401, 404)",
    "entry `401` left out": "statuses=(403,)", "`statuses=(401, 403)` left out of `row`": "TABLE = (row(cause='told'",
    "another text for 'no such key'": "words('~no such key')", "False for True": "{'a': False}", "another text for 'a'": "{'~a': True}",
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_what_it_is_said_to_be(what):
    found = next(one for one in mutants("m.py", SOURCE) if one.what == what)
    text = ast.unparse(mutated(SOURCE, found.number))
    assert FAULTS[what] in text
    assert FAULTS[what] not in ast.unparse(ast.parse(SOURCE))
    compile(text, "m.py", "exec")


def test_what_is_told_to_people_is_no_fault():
    said = " ".join(one.what for one in mutants("m.py", SOURCE))
    for told in ("Not changed", "told", "a sentence", "advice", "Do it", "One sentence", "entry `1`", "entry `'a'`", "a third"):
        assert f"another text for '{told}" not in said
        assert f"{told} left out" not in said
    assert "`cause" not in said


def test_a_fault_is_known_to_be_in_a_function_or_made_at_import():
    found = {one.what: one for one in mutants("m.py", SOURCE)}
    assert [(one.lines, one.inside) for one in (found["4 for 3"], found["`return max(age, 1)` gives nothing"], found["404 for 403"])] == [
        ((4, 4), True), ((5, 5), True), ((8, 8), False),
    ]  # fmt: skip


def test_a_sample_is_the_same_again_and_of_what_decides_alone():
    some, every = sample(40, 1)
    assert (some, every) == sample(40, 1)
    assert some != sample(40, 2)[0]
    assert every > 5000
    assert len({one.module for one in some}) > 10
    assert [path for path in PURE if not (ROOT / path).exists()] == []
    assert {name.partition("/")[2].partition("/")[0] for name in modules()} == {"credential.py", "protocol", "verdict", "status", "providers"}


def test_what_the_tests_notice_is_killed_the_rest_survives_and_the_tree_stays_as_it_was():
    """In a function, at a module's level; what they run, what they do not; at the end one JSON object."""
    wanted = {
        "validator/protocol/scope.py": {"`name` left out": True, "`16 * 1024` with another operator": True},
        "validator/protocol/retry_after.py": {"entry `'jan'` left out": False},
        "validator/protocol/reference.py": {},
    }  # fmt: skip
    sources = {name: (ROOT / name).read_text(encoding="utf-8") for name in wanted}
    fates = {
        one.name: fate for name, said in wanted.items() for one in mutants(name, sources[name]) for what, fate in said.items() if one.what == what
    }
    unrun = next(one for one in mutants("validator/protocol/reference.py", sources["validator/protocol/reference.py"]) if one.inside)
    fates[unrun.name] = False
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--processes", "1", *(word for name in fates for word in ("--name", name)), "--tests", "tests/unit/protocol/test_scope.py"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=55,
    )  # fmt: skip
    lines = {line.split(" ")[1]: line for line in done.stdout.splitlines() if line.startswith(("killed", "SURVIVED"))}
    assert {name: line.startswith("killed") for name, line in lines.items()} == fates
    assert "nobody runs it" in lines[unrun.name]
    shown = json.loads(done.stdout.splitlines()[-1])
    assert (shown["mutants"], shown["killed"], len(shown["survivors"])) == (4, 2, 2)
    assert {name: (ROOT / name).read_text(encoding="utf-8") for name in wanted} == sources
