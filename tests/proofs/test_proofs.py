"""The proofs, short: each runs whole by `make proofs`."""

from __future__ import annotations

import pytest

from tests.proofs import faults, kills

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
