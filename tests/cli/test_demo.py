"""`validator demo` ends well, would not if a verdict differed from the registries' own truth, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from validator.cli.demo.base import Compared, Kept, ended, images_compared, statuses_compared, works
from validator.emulator.base import Truth

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(240)]
COMMAND = [sys.executable, "-m", "validator", "demo"]


def surroundings(folder: Path) -> dict[str, str]:
    """A home of its own, and settings of somebody's that the demo must not follow."""
    return {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "CI": "true", "VALIDATOR_STORE": f"sqlite:///{folder}/real.db"}


def descendants(of: int) -> set[int]:
    """The processes that `of` started, and theirs, that have not ended."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    found, new = set[int](), {of}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_demo_tells_the_truth_and_stops_what_it_started(tmp_path: Path) -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False, env=surroundings(tmp_path), timeout=220)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "16 of 16 agree" in done.stdout
    assert "nvcr.io: invalid (refused)" in done.stdout
    assert "notice to bob" in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("validator-demo-", "real.db"))] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopped_half_way_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings(tmp_path)) as running:
        assert running.stdout is not None
        assert any(line.startswith("   $ validator check") for line in running.stdout)  # the registries and a command run now
        children = descendants(running.pid)
        running.send_signal(number)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, "Traceback" in errors) == (130 if number is signal.SIGINT else 143, False)
    assert children
    assert [child for child in children if alive(child)] == []
    assert not list(tmp_path.glob("validator-demo-*"))


GOOD = Kept("ada", "ngc", "nvcr.io", "u", "s", "acme/app", Truth(accepted=True, why="active", pulls=True, public=False))
DEAD = replace(GOOD, user="bob", truth=Truth(accepted=False, why="regenerated", pulls=False, public=False))
ROWS: list[dict[str, Any]] = [{"user": "ada", "name": "ngc", "state": "alive"}, {"user": "bob", "name": "ngc", "state": "dead"}]


def test_what_was_found_agrees_with_what_is_so() -> None:
    lines = statuses_compared([GOOD, DEAD], ROWS)
    assert [(line.expected, line.found) for line in lines] == [("works", "works"), ("does not work", "does not work")]
    assert ended(lines) == 0


@pytest.mark.parametrize("flipped", [0, 1])
def test_one_flipped_truth_fails_it(flipped: int) -> None:
    kept = [GOOD, DEAD]
    truth = kept[flipped].truth
    kept[flipped] = replace(kept[flipped], truth=replace(truth, accepted=not truth.accepted, pulls=not truth.pulls))
    assert ended(statuses_compared(kept, ROWS)) == 1
    images = [{"image": "nvcr.io/acme/app:latest", "outcome": "pullable" if flipped == 0 else "denied"}]
    assert ended(images_compared("ada", {"nvcr.io/acme/app:latest": kept[flipped]}, images)) == 1


@pytest.mark.parametrize("state", ["suspect", "never_checked", "unproven"])
def test_what_could_not_be_told_agrees_with_nothing(state: str) -> None:
    rows = [{"user": "ada", "name": "ngc", "state": state}, ROWS[1]]
    assert ended(statuses_compared([GOOD, DEAD], rows)) == 1


def test_what_is_not_listed_agrees_with_nothing() -> None:
    assert ended(statuses_compared([GOOD, DEAD], ROWS[:1])) == 1
    assert ended(images_compared("bob", {"nvcr.io/acme/app:latest": DEAD}, [])) == 1


def test_a_demo_that_compared_nothing_shows_nothing() -> None:
    assert ended([]) == 1
    assert ended([Compared("a", "active", "works", "works")]) == 0


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
