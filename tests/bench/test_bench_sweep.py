"""The sweep's benchmark measures what it says: whole commands, requests as the servers counted them, a bound by the pace alone."""

from __future__ import annotations

import pytest

from tests.bench.probing import Rate
from tests.bench.sweep import figures, lines, night
from tests.bench.sweeping import Swept, scaled

pytestmark = pytest.mark.xdist_group("bench")


@pytest.mark.timeout(120)
async def test_a_short_night_is_measured() -> None:
    swept = await night(16, scaled(100), 4)
    assert swept.states == {"alive": 12, "dead": 4}
    assert set(swept.requests.values()) <= {7, 8, 9}, "a ping, a control, four and one of them again, and a witness"
    assert 0 < swept.asking_s < swept.wall_s
    assert swept.peak_mib > 10
    assert swept.refused >= 8


def test_the_last_line_compares_with_the_bound_and_with_bare_requests() -> None:
    def swept(number: int, wall_s: float, peak_mib: float) -> Swept:
        requests = {"a.test": number // 2, "b.test": number // 2 + 10}
        return Swept(number, wall_s, wall_s / 2, 1.0, peak_mib, requests, 0, {"alive": number})

    found = figures(swept(1000, 10.2, 110.0), swept(100, 2.0, 100.0), swept(500, 5.0, 90.0), Rate(1000.0, 50.0), 51.0)
    wanted = {"makespan_over_bound": 1.02, "requests_per_credential": 1.01, "peak_mib": 110.0, "peak_over_tenth": 1.1, "ratio_to_bare": 0.1}
    assert {name: found[name] for name in wanted} == wanted
    assert "bound 10.0 s, ratio 1.020" in lines(swept(1000, 10.2, 110.0), 51.0)[0]


def test_a_scaled_pace_refuses_as_often_for_its_rate() -> None:
    pace = scaled(250)
    assert (pace["refused"], pace["confirm_after_s"], pace["per_second"]) == ({1: 16, 3: 62}, 2.4, 250)
