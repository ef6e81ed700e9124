"""Writes down the conversations that the cases' own tests hold, from end to end, with the emulated registries.

    python -m tests.replay.recording            # runs tests/cases; writes conversations.jsonl
    python -m tests.replay.recording --again    # only what follows from the written ones, by the rules as they are

Only what a passed test of a row ended in is kept, and only where the verdict is one that the row itself allows.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cases.rows import ROWS
from tests.replay.replaying import FILE, Recorded, followed, lasting, said, same_again
from validator.probe import Probe
from validator.probe.usual import Told
from validator.verdict import decide

OUT: Final = os.environ.get("CONVERSATIONS", "")
HELD: Final[list[dict[str, Any]]] = []
_converse = Probe._converse


async def _kept(self: Probe, inquiry: Any, begun: Any, pairs: Any) -> Told:
    told = await _converse(self, inquiry, begun, pairs)
    if told.verdict is None:
        test = os.environ.get("PYTEST_CURRENT_TEST", "")
        reach = self.ways.reach(inquiry.host, told.provider)
        plan = self.ways.plan(inquiry.host, reach, told.evidence.challenged()[0])
        verdict = decide(told.evidence, told.provider.traits, told.provider.table)
        HELD.append(lasting(test, plan, told.evidence, verdict))
    return told


def pytest_configure(config: pytest.Config) -> None:
    """From now on conversations are kept."""
    Probe._converse = _kept  # type: ignore[method-assign]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What a test held is written when it has passed."""
    if report.when != "call":
        return
    with Path(OUT, f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as out:
        out.writelines(json.dumps(one) + "\n" for one in HELD if report.passed)
    HELD.clear()


def _of_rows(lines: Iterator[str]) -> Iterator[Recorded]:
    for line in lines:
        raw = followed(json.loads(line))  # here no wait is shortened
        found = re.search(r"\[.*?([A-Z]+-\d\d)\b", raw["test"])
        row = ROWS.get(found[1]) if found else None
        if row is None:
            continue
        allowed = {answer for subject in ("credential", "image") if row["expected"][subject] for answer in row["expected"][subject]["answers"]}
        told = said(raw["verdict"])
        if told[0] in allowed or (len(told) > 1 and told[1] in allowed):
            yield {**raw, "row": row["id"]}


def write(rows: Iterable[Recorded]) -> int:
    """Into the file, in order; returns how many."""
    kept = sorted(({name: value for name, value in one.items() if name not in ("test", "was") and value is not None} for one in rows), key=_place)
    FILE.write_text("".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in kept), encoding="utf-8")
    return len(kept)


def _place(one: Recorded) -> tuple[str, str]:
    return one["row"], json.dumps(one)


def main(arguments: list[str]) -> int:
    """Run, choose, write."""
    if arguments == ["--again"]:
        print(json.dumps({"conversations": write([followed(json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines()])}))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "tests.replay.recording", "-p", "no:randomly", "tests/cases"],
            env={**os.environ, "CONVERSATIONS": folder}, check=False,
        )  # fmt: skip
        lines = (line for path in sorted(Path(folder).glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines())
        found: dict[str, Recorded] = {}
        for one in _of_rows(lines):
            if same_again(one):
                found.setdefault(json.dumps({name: one[name] for name in ("provider", "asks", "verdict")}, sort_keys=True), one)
    print(json.dumps({"conversations": write(found.values()), "rows": len({one["row"] for one in found.values()}), "tests": done.returncode}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
