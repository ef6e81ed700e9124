"""SARIF 2.1.0: what failed, at the line where it is named, as code scanning reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from validator.reporting.base import Finding, Result


def sarif(command: str, version: str, findings: Sequence[Finding]) -> str:
    """A document of one run of `command`; a result for each failure alone, level error."""
    failed = [one for one in findings if one.result is Result.FAILED]
    rules = list(dict.fromkeys(one.rule for one in failed))
    causes = {one.rule: one.cause for one in reversed(failed)}
    driver: dict[str, Any] = {"name": f"validator {command}", "version": version, "rules": [_rule(rule, causes[rule]) for rule in rules]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": [_result(one, rules.index(one.rule)) for one in failed]}
    document = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False).encode(errors="replace").decode()  # no lone surrogates


def _rule(rule: str, cause: str) -> dict[str, Any]:
    return {"id": rule, "shortDescription": {"text": cause or rule}, "defaultConfiguration": {"level": "error"}}


def _result(one: Finding, rule: int) -> dict[str, Any]:
    place: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": f"{one.registry}/{one.name}", "kind": "resource"}]}
    if one.file is not None and one.file != "-":
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(one.file, safe="/", errors="replace")}}
        if one.line is not None:
            physical["region"] = {"startLine": one.line}
        place["physicalLocation"] = physical
    return {"ruleId": one.rule, "ruleIndex": rule, "level": "error", "message": {"text": one.message}, "locations": [place]}
