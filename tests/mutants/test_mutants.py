"""The faults that `make mutants` makes are what they are said to be, and one that the tests must notice is noticed."""

from __future__ import annotations

import ast
import json

import pytest

from tests.mutants.__main__ import CASES, OWN, PURE, ROOT, case_tests, main, modules, noticed, pure_tests, sample
from tests.mutants.mutate import mutants, mutated

SOURCE = """
def young(age, wise):
    \"\"\"Not changed.\"\"\"
    if age < 3 and not wise:
        return max(age, 1)
    print("a sentence of words")

TABLE = (row(statuses=(401, 403), cause="told", text=words("no such key")), {"a": True})
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
    [found] = [one for one in mutants("m.py", SOURCE) if one.what == what]
    text = ast.unparse(mutated(SOURCE, found.number))
    assert FAULTS[what] in text
    assert FAULTS[what] not in ast.unparse(ast.parse(SOURCE))
    compile(text, "m.py", "exec")


def test_what_is_told_to_people_is_no_fault():
    said = " ".join(one.what for one in mutants("m.py", SOURCE))
    assert "Not changed" not in said
    assert "another text for 'told'" not in said
    assert "`cause='told'` left out" not in said
    assert "another text for 'a sentence" not in said


def test_a_sample_is_the_same_again_and_of_what_decides_alone():
    some, every = sample(40, 1)
    assert (some, every) == sample(40, 1)
    assert some != sample(40, 2)[0]
    assert every > 5000
    assert len({one.module for one in some}) > 10
    for name in modules():
        assert pure_tests(name)
        assert case_tests(name)
    assert [path for each in (*PURE, *(one for tests in OWN.values() for one in tests)) for path in [ROOT / each] if not path.exists()] == []
    assert [one for tests in CASES.values() for one in tests if not list((ROOT / "tests" / "cases").glob(f"{one}*.py"))] == []


def test_a_fault_is_noticed_and_the_tree_stays_as_it_was():
    name = "validator/protocol/scope.py"
    source = (ROOT / name).read_text(encoding="utf-8")
    tests = ["tests/unit/protocol/test_scope.py"]
    [fault] = [one for one in mutants(name, source) if one.what.startswith("`return") and "gives nothing" in one.what][:1]
    assert noticed(fault, tests, 55).startswith("tests/unit/protocol/test_scope.py::")
    assert (ROOT / name).read_text(encoding="utf-8") == source


def test_a_run_ends_in_one_json_object(monkeypatch, capsys):
    asked = []

    def one_in_three_lives(mutant, tests, limit_s):
        asked.append(list(tests))
        return "" if mutant is None or mutant.number % 3 == 0 else "too late"

    monkeypatch.setattr("tests.mutants.__main__.noticed", one_in_three_lives)
    assert main(["--mutants", "12", "--seed", "3", "--processes", "1"]) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    living = [one for one in sample(12, 3)[0] if one.number % 3 == 0]
    assert (shown["mutants"], shown["killed"], len(shown["survivors"])) == (12, 12 - len(living), len(living))
    assert {text.split(" ")[0] for text in shown["survivors"]} == {one.name for one in living}
    assert len(asked) == 1 + 12 + len(living), "what the pure tests let pass is given to the cases"
