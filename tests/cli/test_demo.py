"""`validator demo` ends well, and would not if a verdict differed from the registries' own truth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from validator.cli.demo import Compared, ended, works
from validator.emulator.base import Truth


@pytest.mark.timeout(180)
def test_the_demo_tells_the_truth_and_stops_what_it_started(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "CI": "true"}
    done = subprocess.run([sys.executable, "-m", "validator", "demo"], capture_output=True, text=True, check=False, env=env, timeout=170)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "16 of 16 agree" in done.stdout
    assert "notice to bob" in done.stdout
    assert not list(tmp_path.glob("validator-demo-*")), "nothing is left behind"


def test_one_wrong_verdict_fails_it() -> None:
    good = Compared("a", "active", "works", "works")
    assert ended([good, good]) == 0
    assert ended([good, Compared("b", "expired", "does not work", "works")]) == 1
    assert ended([]) == 1, "a demo that compared nothing shows nothing"


@pytest.mark.parametrize(
    ("truth", "meaning"),
    [
        (Truth(accepted=True, why="active", pulls=True, public=False), "works"),
        (Truth(accepted=True, why="live", pulls=False, public=False), "does not work"),
        (Truth(accepted=False, why="expired", pulls=False, public=False), "does not work"),
    ],
)
def test_what_a_truth_means(truth: Truth, meaning: str) -> None:
    assert works(truth) == meaning


def test_osmos_database_is_not_there_yet() -> None:
    done = subprocess.run([sys.executable, "-m", "validator", "demo", "--osmo"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
