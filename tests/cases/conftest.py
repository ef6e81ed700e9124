"""The command line to run the rows with; and, when asked, what was said of each row in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cases.rows import SAID
from tests.cases.running import cli

__all__ = ["cli"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """`VALIDATOR_SAID=FOLDER`: one file a process, for `make accuracy`."""
    folder = os.environ.pop("VALIDATOR_SAID", "")
    if folder and SAID:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        (Path(folder) / f"said-{worker}.json").write_text(json.dumps(SAID), encoding="utf-8")
