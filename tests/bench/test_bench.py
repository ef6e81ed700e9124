"""The benchmark measures what it says: one request a probe, on both sides, and its last line is JSON."""

from __future__ import annotations

import json

import pytest

from tests.bench.probing import Measured, measure, shown

pytestmark = pytest.mark.xdist_group("bench")


async def test_a_round_of_each_is_measured_and_shown() -> None:
    lines, figures = shown(await measure(keys=3, rounds=2))
    assert figures["rounds"] == 2
    assert 0 < figures["ratio"] < 1
    assert {"ratio", "probes_per_s", "bare_per_s"} <= json.loads(json.dumps(figures)).keys()
    assert len(lines) == 4


def test_the_ratio_is_of_rounds_that_follow_each_other() -> None:
    _, figures = shown(Measured(probes=(1.0, 9.0, 4.0), bare=(10.0, 10.0, 8.0)))
    assert (figures["ratio"], figures["ratio_min"], figures["ratio_max"]) == (0.5, 0.1, 0.9)
