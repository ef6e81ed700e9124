"""The benchmark measures what it says: the same requests on both sides, and its last line is JSON."""

from __future__ import annotations

import json

import pytest

from tests.bench.probing import Compared, Measured, Rate, measure, shown

pytestmark = pytest.mark.xdist_group("bench")


@pytest.mark.timeout(120)
async def test_a_round_of_each_is_measured_and_shown() -> None:
    lines, figures = shown(await measure(keys=3, rounds=2, hosts=2))
    assert figures["rounds"] == 2
    assert 0 < figures["ratio"] < 1
    wanted = {"ratio", "probes_per_s", "bare_per_s", "cpu_us", "bare_cpu_us", "cold_ratio", "cold_probes_per_s", "cold_cpu_us"}
    assert wanted <= json.loads(json.dumps(figures)).keys()
    assert len(lines) == 12


def test_the_ratio_is_of_rounds_that_follow_each_other() -> None:
    def rates(*values: float) -> tuple[Rate, ...]:
        return tuple(Rate(value, 1000 / value) for value in values)

    warm = Compared(rates(1.0, 9.0, 4.0), rates(10.0, 10.0, 8.0), 1)
    _, figures = shown(Measured(warm, Compared(rates(1.0), rates(2.0), 3)))
    assert (figures["ratio"], figures["ratio_min"], figures["ratio_max"]) == (0.5, 0.1, 0.9)
    assert (figures["cpu_us"], figures["cold_ratio"], figures["cold_bare_cpu_us"]) == (111.1, 0.5, 500.0)
