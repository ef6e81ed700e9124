"""The pace of a lane over several processes: never too quick in any window, and as quick as it may be; who waits goes first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.rows import Row, case
from validator.evidence import Asker
from validator.providers import Pace
from validator.registry.pace import Lane, lane_of
from validator.registry.slots import RECOVERS_S, SLOWEST, LaneRow, OwnRow, Want, recovered

EPOCH = 1_800_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time stands still while there is something to do, and then goes on to the next timer at once."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    def time(self) -> float:
        return self.at

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.at = max(self.at, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def in_virtual_time(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main)


class Free:
    """An acquirer that never waits: asyncio-throttle reads the real clock."""

    async def acquire(self) -> None:
        return


@dataclass
class World:
    """Processes at one row; what each sent and when."""

    pace: Pace
    row: LaneRow = field(default_factory=OwnRow)
    looked: int = 0
    sent: list[tuple[float, Asker]] = field(default_factory=list)

    def process(self) -> Lane:
        def wall() -> float:
            self.looked += 1  # no two looks at a real clock are the same
            return EPOCH + asyncio.get_running_loop().time() + self.looked * 1e-9

        lane = lane_of(self.pace, asyncio.sleep, asyncio.get_running_loop().time, now=wall, row=self.row)
        lane.sweep.acquirer = lane.waiting.acquirer = Free()
        return lane

    async def send(self, lane: Lane, asker: Asker, answer_s: float = 0.0) -> float:
        """One request; how long it waited."""
        loop = asyncio.get_running_loop()
        wanted = loop.time()
        async with lane.slot(asker):
            self.sent.append((loop.time(), asker))
            waited = loop.time() - wanted
            await asyncio.sleep(answer_s)
        return waited

    async def sweep(self, lane: Lane, until: float, answer_s: float = 0.0) -> None:
        """As many as it may send, side by side."""

        async def work() -> None:
            while asyncio.get_running_loop().time() < until:
                await self.send(lane, Asker.SWEEP, answer_s)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.pace.in_flight + 2):
                tasks.create_task(work())


def too_quick(times: Sequence[float], per_second: float, burst: int) -> list[tuple[float, float, int]]:
    """Windows of a second and more in which more was sent than may be."""
    ordered = sorted(times)
    return [
        (first, last, count)
        for i, first in enumerate(ordered)
        for count, last in enumerate(ordered[i:], 1)
        if count > per_second * max(1.0, last - first) + burst + 1e-3  # a microsecond of the epoch
    ]


RATES = {
    "a registry's own": (1.0, 5, 1),
    "one at a time": (2.0, 1, 1),
    "of a test": (20.0, 5, 4),
    "a bench's": (250.0, 5, 16),
    "no burst, quick": (100.0, 1, 8),
}


@pytest.mark.parametrize(("per_second", "burst", "in_flight"), RATES.values(), ids=RATES.keys())
@pytest.mark.parametrize("processes", [1, 3])
def test_sweeps_together_are_as_quick_as_they_may_be_and_no_quicker(per_second: float, burst: int, in_flight: int, processes: int) -> None:
    world = World(Pace(per_second=per_second, burst=burst, in_flight=in_flight, preflight_burst=burst))
    seconds = 400 / per_second

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(processes):
                tasks.create_task(world.sweep(world.process(), seconds, answer_s=0.3 / per_second))

    in_virtual_time(main())
    times = [at for at, _ in world.sent]
    assert too_quick(times, per_second, burst) == []
    assert len([at for at in times if at < seconds]) >= 0.97 * 400


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000), per_second=st.sampled_from([1.0, 5.0, 40.0, 250.0]), burst=st.integers(1, 8), more=st.sampled_from([0, 3, 60]),
    processes=st.integers(1, 3),
)  # fmt: skip
def test_whoever_sends_whenever_no_window_holds_too_many(seed: int, per_second: float, burst: int, more: int, processes: int) -> None:
    pace = Pace(per_second=per_second, burst=burst, in_flight=3, preflight_burst=burst + more)
    world, chance = World(pace), Random(seed)

    async def somebody(lane: Lane) -> None:
        for _ in range(12):
            await asyncio.sleep(chance.choice([0.0, 0.0, 0.1, 1.0, 30.0]) * chance.random() * 4 / per_second)
            asker = chance.choice([Asker.SWEEP, Asker.SWEEP, Asker.PREFLIGHT, Asker.CHECK])
            await world.send(lane, asker, chance.random() * 2 / per_second)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(processes):
                lane = world.process()
                for _ in range(5):
                    tasks.create_task(somebody(lane))

    in_virtual_time(main())
    assert too_quick([at for at, _ in world.sent], per_second, burst + more) == []
    assert len(world.sent) == processes * 60


def test_a_burst_goes_at_once_and_the_rest_at_its_rate() -> None:
    world = World(Pace(per_second=1.0, burst=5, in_flight=9, preflight_burst=8))

    async def main() -> None:
        lane = world.process()
        assert [round(await world.send(lane, Asker.SWEEP), 3) for _ in range(8)] == [0.0] * 5 + [1.0] * 3
        await asyncio.sleep(60)
        async with asyncio.TaskGroup() as tasks:
            waits = [tasks.create_task(world.send(lane, Asker.PREFLIGHT)) for _ in range(9)]
        assert sorted(round(one.result(), 3) for one in waits)[:7] == [0.0] * 7

    in_virtual_time(main())
    assert too_quick([at for at, _ in world.sent], 1.0, 8) == []


@case("SWEEP-24")
@pytest.mark.parametrize("same_process", [True, False])
@pytest.mark.parametrize("preflight_burst", [1, 10])
def test_a_preflight_goes_before_the_next_request_of_a_sweep(row: Row, same_process: bool, preflight_burst: int) -> None:
    """And the sweep holds back while its conversation goes on."""
    assert row.note == "pre-flight first; the sweep yields within one request"
    world = World(Pace(per_second=2.0, burst=1, in_flight=1, preflight_burst=preflight_burst))

    async def main() -> None:
        here = world.process()
        there = here if same_process else world.process()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.sweep(here, 30.0))
            await asyncio.sleep(10.1)
            waits = [await world.send(there, Asker.PREFLIGHT, answer_s=0.2) for _ in range(3)]
            assert max(waits) <= 2 * 0.5 + 1e-6

    in_virtual_time(main())
    begun = next(i for i, (_, asker) in enumerate(world.sent) if asker is Asker.PREFLIGHT)
    kinds = [asker for at, asker in world.sent[begun:] if at <= 13.0]
    assert kinds[:4].count(Asker.SWEEP) <= 1, "the one whose slot was taken before"
    assert too_quick([at for at, _ in world.sent], 2.0, preflight_burst) == []


def test_a_sweep_that_sleeps_keeps_no_preflight_waiting() -> None:
    world = World(Pace(per_second=1.0, burst=1, in_flight=1, preflight_burst=5))

    async def main() -> None:
        lane = world.process()
        await lane.pause(600)
        async with asyncio.TaskGroup() as tasks:
            sweeping = tasks.create_task(world.send(lane, Asker.SWEEP))
            await asyncio.sleep(1)
            assert await world.send(lane, Asker.PREFLIGHT) == 0.0
            assert await sweeping == pytest.approx(600, abs=2.0)

    in_virtual_time(main())


def test_a_pause_and_a_ban_are_heard_by_other_processes() -> None:
    world = World(Pace(per_second=1.0, burst=5, in_flight=1))

    async def main() -> None:
        told, other = world.process(), world.process()
        await told.pause(120)
        assert await world.send(other, Asker.SWEEP) == pytest.approx(120, abs=1.0)
        await told.ban(900)
        await world.send(other, Asker.CHECK)
        assert other.banned_left_s == pytest.approx(900, abs=1.0)

    in_virtual_time(main())


def test_a_429_halves_the_rate_for_all_and_it_comes_back_slowly() -> None:
    world = World(Pace(per_second=10.0, burst=1, in_flight=4))

    async def sent_in(lane: Lane, seconds: float) -> float:
        before, loop = len(world.sent), asyncio.get_running_loop()
        await world.sweep(lane, loop.time() + seconds)
        return (len(world.sent) - before) / seconds

    async def main() -> None:
        told, other = world.process(), world.process()
        assert await sent_in(other, 20) == pytest.approx(10, rel=0.1)
        for _ in range(3):  # several answers to one overload are one word
            await told.slow()
        assert await sent_in(other, 20) == pytest.approx(5, rel=0.15)
        await asyncio.sleep(RECOVERS_S)
        assert await sent_in(other, 20) == pytest.approx(10, rel=0.1)

    in_virtual_time(main())


def test_it_is_never_slowed_down_to_nothing() -> None:
    async def main() -> None:
        row = OwnRow()
        for second in range(20):
            await row.slow(EPOCH + 2 * second)
        said = await row.take(Want(number=1, now=EPOCH + 40, step_s=1, early_s=0, waits=False, hold_s=1, longest_s=100))
        assert SLOWEST <= recovered(said.factor, said.slowed_at, EPOCH + 40) < 2 * SLOWEST

    asyncio.run(main())


def test_a_clock_that_is_set_back_stalls_nobody() -> None:
    """SWEEP-26."""
    world, jump = World(Pace(per_second=1.0, burst=1, in_flight=1)), 0.0

    async def main() -> None:
        nonlocal jump
        loop = asyncio.get_running_loop()
        lane = lane_of(world.pace, asyncio.sleep, loop.time, now=lambda: EPOCH + loop.time() - jump, row=world.row)
        lane.sweep.acquirer = Free()
        for _ in range(3):
            await world.send(lane, Asker.SWEEP)
        jump = 3600.0
        assert max([await world.send(lane, Asker.SWEEP) for _ in range(5)]) <= 2.0

    in_virtual_time(main())


def test_who_is_cancelled_while_he_waits_leaves_the_line() -> None:
    world = World(Pace(per_second=1.0, burst=1, in_flight=2, preflight_burst=1))

    async def main() -> None:
        lane = world.process()
        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(world.send(lane, asker)) for asker in [Asker.PREFLIGHT] * 3 + [Asker.SWEEP] * 3]
            await asyncio.sleep(0.1)
            for one in waiting:
                one.cancel()
        assert (lane.sweep.length, lane.waiting.length, lane.sweep.turn.locked()) == (0, 0, False)
        assert await world.send(lane, Asker.SWEEP) <= 7.0

    in_virtual_time(main())


def test_a_lane_forgets_names_and_secrets_that_are_long_gone() -> None:
    async def main() -> None:
        lane = World(Pace()).process()
        for n in range(5000):
            async with lane.name(f"u{n}", f"s{n}", 0.0):
                lane.judged(f"u{n}", f"s{n}", n % 2 == 0)
        turns = lane._turns
        assert not turns._queues
        assert max(len(turns._accepted_at), len(turns._refused_at)) <= 2048
        assert lane.trusts("s4998")

    in_virtual_time(main())
