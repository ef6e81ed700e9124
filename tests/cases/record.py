"""What was said in a run of the cases, for the published pages: `CASES_SAID=FOLDER` leaves it in a file there, one of each process.

`said` holds each verdict that a row was compared with, `ended` whether all tests of a row passed, `reached` which test met which reason
at which registry.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from validator.credential import Host
from validator.providers import provider_for

FOLDER: Final = os.environ.get("CASES_SAID", "")
ROW: Final = re.compile(r"\b([A-Z]+-\d\d)(?=[\]-])")
_VENDORS: Final = {"NGC": "ngc", "HUB": "dockerhub", "GHCR": "ghcr", "GITLAB": "gitlab", "OTHER": "others"}

_said: list[dict[str, Any]] = []
_reached: set[tuple[str, str, str]] = set()
_ended: dict[str, bool] = {}


def said(row: str, at: int, subject: str, answer: str, peers: Mapping[str, str]) -> None:
    """`answer` was said of a row's situation `at`, of "credential" or "image"; other checkers said what `peers` tells."""
    if FOLDER:
        _said.append({"id": row, "at": at, "subject": subject, "said": answer, "peers": dict(peers)})
        reached(answer.partition("(")[2].rstrip(")"))


def reached(reason: str, *, provider: str = "", host: str = "") -> None:
    """The running test met `reason`; at which registry is told by the provider, the host, its row, or its file."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    if not FOLDER or not test:
        return
    file, row = Path(test.partition("::")[0]).stem, ROW.search(test.partition("[")[2])
    by_file = next((name for name in _VENDORS.values() if name in file), "others" if file.startswith("test_other") else "generic")
    vendor = _VENDORS.get(row[1].partition("-")[0], "generic") if row is not None else by_file
    known = provider or (provider_for(Host(host)).key if host else "")
    place = known.removesuffix("-self-managed") if known not in ("", "generic") else vendor
    _reached.add((place, reason, test))


def ended(test: str, passed: bool) -> None:
    """A test came to its end."""
    for row in ROW.findall(test.partition("[")[2]) if "tests/cases/" in test else ():
        _ended[row] = _ended.get(row, True) and passed


def write() -> None:
    """The file of this process."""
    if FOLDER and (_said or _ended or _reached):
        told = {"said": _said, "ended": _ended, "reached": sorted(_reached)}
        (Path(FOLDER) / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.json").write_text(json.dumps(told), encoding="utf-8")
