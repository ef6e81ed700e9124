"""`validator doctor`: the machine, the settings, the store, the ways to the registries; each line with what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from validator.cli.base.options import Format, FormatOption, read_loaded
from validator.cli.base.running import leave, put, run

if TYPE_CHECKING:
    from validator.doctor import Finding


def doctor(format_: FormatOption = Format.TEXT) -> None:
    """Look whether everything that validator needs is well, and say what to do. No secret is sent, nothing is changed."""

    async def main() -> tuple[Finding, ...]:
        import os

        from validator.examining import examined

        loaded = read_loaded()
        return await examined(loaded.settings, loaded.source, os.environ)

    findings = run(main)
    from validator.doctor import State, outcome_of
    from validator.errors import Exit

    outcome = outcome_of(findings)
    put(json.dumps(_shown(findings, outcome.value)) if format_ is Format.JSON else _text(findings))
    leave({State.BAD: Exit.BAD, State.UNKNOWN: Exit.CANNOT_TELL}.get(outcome, Exit.GOOD))


def _shown(findings: tuple[Finding, ...], outcome: str) -> dict[str, Any]:
    rows = [
        {"check": f.check.value, "code": f.code, "state": f.state.value, "subject": f.subject, "said": f.said, "advice": f.advice or None}
        for f in findings
    ]  # fmt: skip
    return {"outcome": outcome, "findings": rows}


def _text(findings: tuple[Finding, ...]) -> str:
    from validator.protocol.base import shown_text

    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<8}{finding.check:<{width}}  {shown_text(finding.said, 500)}")
        if finding.advice:
            lines.append(f"{'':<{width + 10}}What to do: {shown_text(finding.advice, 500)}")
    return "\n".join(lines)
