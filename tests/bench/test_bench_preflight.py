"""The pre-flight's benchmark, short: it measures what it says, and its last line has the keys that are asked of it."""

from __future__ import annotations

import json

import pytest

from tests.bench.preflight import main
from tests.bench.preflighting import REGISTRIES

pytestmark = pytest.mark.xdist_group("bench")

KEYS = {"cold_ms", "cold_bound_ms", "depth", "requests", "warm_p99_ms", "warm_rps", "errors", "identical_conversations"}


def test_a_short_run_says_all_that_a_long_one_says(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rounds", "1", "--rps", "20", "--seconds", "0.5", "--identical", "50", "--deadline", "3", "--requests", "100"])
    said = capsys.readouterr().out
    found = json.loads(said.splitlines()[-1])
    assert found.keys() >= KEYS
    assert (found["depth"], found["requests"], found["cold_bound_ms"]) == (3, 104, 270)
    assert (found["errors"], found["identical_conversations"]) == (0, 1)
    assert found["hanging"] == {"pullable (pull_ok)": REGISTRIES - 1, "unknown (deadline)": 1}
    assert found["tasks_left"] <= 0
    assert "pace {" in said
