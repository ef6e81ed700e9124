"""A lane's row in the database: what it gives is what one in memory gives, and two processes keep one rate together."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.contender import PACE, PACED_S
from tests.ledger.test_two_processes import race
from validator.ledger import open_embedded
from validator.probe.lanes import SharedRow
from validator.registry.pace import HOLDS_S
from validator.registry.slots import LaneRow, OwnRow, Taken, Want

EPOCH = 1_800_000_000.0

wants = st.builds(
    Want, number=st.integers(1, 30), now=st.floats(0, 200).map(lambda at: EPOCH + at), step_s=st.sampled_from([0.004, 0.5, 1.0, 6.0]),
    early_s=st.sampled_from([0.0, 0.02, 4.0, 59.0]), waits=st.booleans(), hold_s=st.just(HOLDS_S), longest_s=st.sampled_from([20.0, 400.0]),
)  # fmt: skip
Step = Callable[[LaneRow], Coroutine[Any, Any, Taken | None]]


def _steps() -> st.SearchStrategy[list[Step]]:
    def take(want: Want) -> Step:
        return lambda row: row.take(want)

    def pause(at: float, banned: bool) -> Step:
        return lambda row: row.pause(EPOCH + at, banned=banned)

    def slow(at: float) -> Step:
        return lambda row: row.slow(EPOCH + at)

    one = st.one_of(st.builds(take, wants), st.builds(pause, st.floats(0, 300), st.booleans()), st.builds(slow, st.floats(0, 300)))
    return st.lists(one, min_size=1, max_size=12)


@settings(max_examples=15, deadline=None)
@given(steps=_steps())
async def test_the_ledgers_row_does_what_a_row_in_memory_does(tmp_path_factory, steps: list[Step]) -> None:
    folder = tmp_path_factory.mktemp("slots")
    own = OwnRow()
    async with open_embedded(folder / "v.db", folder / "k") as embedded:
        shared = SharedRow(embedded.ledger.slots, "reg.test")
        for step in steps:
            expected, found = await step(own), await step(shared)
            if expected is not None and expected.number == 0:
                found = None if found is None else replace(found, next_at=expected.next_at)  # nobody reads it
            assert found == expected


async def test_two_processes_keep_one_rate(tmp_path) -> None:
    """A sweep and one who makes pre-flights: each alone would take all of it; together they send no more than one may."""
    told = [json.loads(one) for one in await race("pace", tmp_path, 2)]
    times = sorted(at for one in told for at in one)
    sent = sum(at - times[0] <= PACED_S for at in times)
    assert sent <= 1.15 * PACE.per_second * PACED_S + PACE.preflight_burst
    assert sent >= 0.5 * PACE.per_second * PACED_S
    assert all(told)
