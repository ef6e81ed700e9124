"""JUnit XML: one testcase a finding, as GitLab, Jenkins and GitHub's actions read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from validator.reporting.base import Finding, Result

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot carry, not even escaped (2.2)."""


def junit(suite: str, findings: Sequence[Finding]) -> str:
    """A document of one suite: failed is a failure, could not tell is skipped; `suite` is the command's name."""
    counts = {
        "name": _xml(suite), "tests": str(len(findings)), "errors": "0",
        "failures": str(sum(one.result is Result.FAILED for one in findings)),
        "skipped": str(sum(one.result is Result.SKIPPED for one in findings)),
    }  # fmt: skip
    root = Element("testsuites", counts)
    body = SubElement(root, "testsuite", counts)
    for one in findings:
        case = SubElement(body, "testcase", {"classname": _xml(one.registry), "name": _xml(one.name)})
        if one.file is not None:
            case.set("file", _xml(one.file))
        if one.line is not None:
            case.set("line", str(one.line))
        match one.result:
            case Result.PASSED:
                continue
            case Result.FAILED:
                SubElement(case, "failure", {"message": _xml(one.said), "type": one.rule}).text = _xml(one.message)
            case Result.SKIPPED:
                SubElement(case, "skipped", {"message": _xml(one.message)})
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
