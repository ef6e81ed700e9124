"""The formats hold what they are given, whatever characters it has, and are what their readers expect."""

from __future__ import annotations

import json
from typing import Final
from xml.etree import ElementTree

import pytest

from validator.reporting import Finding, Result, junit, sarif

GOOD: Final = Finding(registry="reg.test", name="reg.test/a:1", result=Result.PASSED, said="pullable (public)", rule="public")
DEAD: Final = Finding(
    registry="nvcr.io", name="jane/ngc", result=Result.FAILED, said="invalid (refused)", rule="refused", cause="It is refused.", advice="Renew it",
    file="ci/job one.yaml", line=7,
)  # fmt: skip
LATE: Final = Finding(registry="reg.test", name="reg.test/b", result=Result.SKIPPED, said="unknown (deadline)", rule="deadline", cause="Too slow.")
HOSTILE: Final = ["</failure><x>", "\"&<>'", "]]>", "\x1b[31m\x00\x08", "\ud800", "ä\u202e\U0001f600", "a\nb\r\tc"]


def test_junit_has_a_case_each_and_counts_what_failed() -> None:
    root = ElementTree.fromstring(junit("preflight", [GOOD, DEAD, LATE]))
    [suite] = root
    assert suite.attrib == {"name": "preflight", "tests": "3", "errors": "0", "failures": "1", "skipped": "1"}
    assert [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite] == [
        ("reg.test", "reg.test/a:1", []), ("nvcr.io", "jane/ngc", ["failure"]), ("reg.test", "reg.test/b", ["skipped"]),
    ]  # fmt: skip
    failure = suite[1][0]
    assert (failure.get("type"), failure.text) == ("refused", "jane/ngc: invalid (refused). It is refused. What to do: Renew it.")
    assert (suite[1].get("file"), suite[1].get("line")) == ("ci/job one.yaml", "7")


def test_sarif_tells_only_failures_at_their_line() -> None:
    document = json.loads(sarif("preflight", "1.2.3", [GOOD, DEAD, LATE, DEAD]))
    [run] = document["runs"]
    assert (document["version"], run["tool"]["driver"]["version"]) == ("2.1.0", "1.2.3")
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["refused"]
    assert [(one["ruleId"], one["ruleIndex"], one["level"]) for one in run["results"]] == [("refused", 0, "error")] * 2
    assert run["results"][0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "ci/job%20one.yaml"}, "region": {"startLine": 7},
    }  # fmt: skip


def test_sarif_names_no_file_where_there_is_none() -> None:
    for file in (None, "-"):
        found = Finding(registry="r", name="n", result=Result.FAILED, said="denied (refused)", rule="refused", file=file)
        [result] = json.loads(sarif("sweep", "1", [found]))["runs"][0]["results"]
        assert "physicalLocation" not in result["locations"][0]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    hostile = Finding(registry=text, name=text, result=Result.FAILED, said=text, rule="refused", cause=text, advice=text, file=text, line=1)
    written = junit(text, [hostile, hostile])
    root = ElementTree.fromstring(written.encode())
    assert [case.tag for case in root[0]] == ["testcase", "testcase"]
    assert [child.tag for child in root[0][0]] == ["failure"]
    assert "\x1b" not in written
    results = json.loads(sarif("sweep", "1", [hostile]).encode())["runs"][0]["results"]
    assert results[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == f"{text}/{text}".replace("\ud800", "?")
