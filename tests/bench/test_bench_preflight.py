"""The pre-flight's benchmark, short: it measures what it says, and its last line has the keys that are asked of it."""

from __future__ import annotations

import json

import pytest

from tests.bench.preflight import main
from tests.bench.preflighting import REGISTRIES

pytestmark = pytest.mark.xdist_group("bench")

KEYS = {"cold_ms", "cold_bound_ms", "depth", "requests", "warm_p99_ms", "warm_rps", "errors", "identical_conversations"}


@pytest.mark.timeout(180)  # a service starts, beside whatever else runs
@pytest.mark.parametrize("where", [[], ["--in-process"]], ids=["served", "in process"])
def test_a_short_run_says_all_that_a_long_one_says(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*where, "--rounds", "1", "--rps", "20", "--seconds", "0.5", "--identical", "50", "--deadline", "2", "--requests", "100", "--settles", "1"])
    said = capsys.readouterr().out
    found = json.loads(said.splitlines()[-1])
    assert found.keys() >= KEYS
    assert (found["depth"], found["cold_bound_ms"]) == (3, 270)
    assert 104 <= found["requests"] <= 112, "the service may have begun the controls that follow its answer"
    assert (found["errors"], found["identical_conversations"]) == (0, 1)
    assert found["hanging"] == {"pullable (pull_ok)": REGISTRIES - 1, "unknown (deadline)": 1}
    assert found["tasks_left"] <= 0
    assert "pace {" in said
