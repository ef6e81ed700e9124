"""What makes a sweep's probe cheap changes nothing that it says: usual conversations, places handed on, outages written down once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.emulated.night import HOST, a_night
from validator.evidence import Asker
from validator.ledger.budgets import BudgetClass, Reservation, Spent
from validator.probe import Inquiry
from validator.probe.places import Places
from validator.providers.generic import GENERIC
from validator.providers.plan import Ask, Auth
from validator.sealing import Fingerprint
from validator.verdict import decide

NAME = Fingerprint("ab" * 32)


async def test_a_usual_conversation_ends_as_if_it_was_decided_anew(tmp_path: Path) -> None:
    async with a_night(tmp_path) as night, night.opened.ledger.behind(3600):
        for n in range(6):
            await night.keep(f"u{n}", "c", f"secret-{n}", 200, username=f"user-{n}")
        asked = [await night.asked("c", f"u{n}") for n in range(6)]
        for one in asked:
            probed = await night.probe.ask(Inquiry(host=one.scope.host, credential=one, asker=Asker.SWEEP))
            assert probed.verdict == decide(probed.evidence, probed.provider.traits, probed.provider.table)
            assert probed.verdict.outcome == "valid"
            facts = await night.opened.ledger.facts.of(HOST, Fingerprint(probed.fingerprint))
            assert facts is not None
            assert (facts.ever_valid, facts.accepted_at) == (True, night.clock.wall)
        assert (night.world.count("login secret"), night.world.count("control")) == (6, 1)


async def test_when_the_control_is_old_no_conversation_is_a_usual_one(tmp_path: Path) -> None:
    async with a_night(tmp_path, registries={HOST: {"pace": {"control_fresh_s": 3600}}}) as night:
        for n in range(4):
            await night.keep(f"u{n}", "c", f"secret-{n}", 200)
        for n in range(4):
            one = await night.asked("c", f"u{n}")
            probed = await night.probe.ask(Inquiry(host=one.scope.host, credential=one, asker=Asker.SWEEP))
            assert probed.verdict.outcome == "valid"
            night.clock.pass_by(1801)
        assert night.world.count("control") == 2


async def test_an_outage_is_written_down_once_in_ten_seconds(tmp_path: Path) -> None:
    async with a_night(tmp_path) as night:
        await night.keep("ada", "c", "secret", 503)
        one = await night.asked("c")
        for _ in range(8):
            await night.probe.ask(Inquiry(host=one.scope.host, credential=one, asker=Asker.SWEEP))
            night.clock.pass_by(2.5)
        signs = await night.opened.ledger.illness.since(HOST, night.clock.wall - timedelta(hours=1))
        assert [sign.kind for sign in signs] == ["server_error"] * 2


@pytest.mark.parametrize("behind", [True, False])
async def test_a_login_that_waits_for_a_place_gets_the_one_that_comes_back(tmp_path: Path, behind: bool) -> None:
    """Where writes wait it is handed on at once; else it is found by looking again."""
    async with a_night(tmp_path) as night:
        ledger, slept = night.opened.ledger, asyncio.Event()

        async def sleep(seconds: float) -> None:
            slept.set()
            await asyncio.sleep(3600 if behind else 0)

        places = Places(ledger, lambda: night.clock.wall, sleep, {})
        ask = Ask(step="login", party="subject", method="GET", url=night.probe.ways.reach(HOST, GENERIC).registry, auth=Auth.PAIR)  # type: ignore[arg-type]

        async def login() -> Reservation | Spent | object:
            return await places.of_login(ask, HOST, GENERIC, NAME, BudgetClass.DEAD, asked_before=True)

        async def both() -> None:
            first = await login()  # a quarter of four: the only place of its class
            assert isinstance(first, Reservation)
            waiting = asyncio.create_task(login())
            await slept.wait()
            await ledger.budgets.settle(first, False, now=night.clock.wall)
            async with asyncio.timeout(5):
                second = await waiting
            assert isinstance(second, Reservation)
            assert (second.id == first.id, second.share.name) == (behind, NAME)

        if behind:
            async with ledger.behind(3600):
                await both()
        else:
            await both()
