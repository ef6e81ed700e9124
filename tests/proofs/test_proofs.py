"""The proofs, short: each runs whole by `make proofs`."""

from __future__ import annotations

import pytest

from tests.postgres.server import Postgres
from tests.proofs import counted, faults, kills, workers

pytestmark = pytest.mark.xdist_group("bench")


@pytest.mark.timeout(120)
async def test_a_sweep_that_was_killed_while_it_sent_ends_right() -> None:
    found = await kills.prove(kills.Night(credentials=24, dead=6, kills=1, mail_s=0.3))
    assert (found["wrong_statuses"], found["twice"], found["kills"]) == (0, 0, 1)
    assert found["mails"] + found["maybe_sent"] >= found["dead"] == 8


@pytest.mark.parametrize("fault", faults.FAULTS)
def test_an_ill_registry_lets_nobody_hear_a_false_word(fault: str) -> None:
    found = faults.proved(fault, 30, 6)
    assert (found["false"], found["wrong_after"], found["told_in_all"]) == (0, 0, found["dead"])


@pytest.mark.timeout(120)
async def test_two_workers_make_a_night_beside_osmo(postgres: Postgres) -> None:
    found = await workers.prove(workers.Night(users=20, workers=2, one=False), server=postgres)
    assert (found["credentials"], found["wrong_statuses"], found["messages"]) == (60, 0, {"sent": 1})
    assert max(found["workers"]["beyond_the_rate"].values()) <= 0


def test_a_rate_that_was_exceeded_is_seen_in_whatever_window() -> None:
    even = [number / 10 for number in range(100)]
    assert counted.over(even, 10, 1) <= 0
    assert counted.over(sorted([*even, 5.01, 5.02, 5.03]), 10, 1) == pytest.approx(3.0, abs=0.5)
    assert counted.over([number / 12 for number in range(240)], 10, 5) == pytest.approx(34.8, abs=1.5), "a little, for long"
    assert counted.most([0.0, 1.0, 1.5, 2.2, 9.0], 1.3) == 3
