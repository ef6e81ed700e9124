"""Who waits for whom at a lane: logins of one name, until one of them was accepted."""

from __future__ import annotations

import asyncio

from validator.providers.generic import GENERIC
from validator.registry.pace import Lane, lane_of
from validator.registry.turns import ACCEPTED_S


class Clock:
    """Time that only waiting passes."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds


def lane(clock: Clock) -> Lane:
    return lane_of(GENERIC.pace, clock.sleep, clock.now)


async def test_who_waited_while_the_secret_was_accepted_waits_for_nobody_else() -> None:
    clock = Clock()
    of, inside, most = lane(clock), 0, 0
    first_in, all_in, accepted = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def login(is_first: bool) -> None:
        nonlocal inside, most
        async with of.name("jane", "secret", 3.0):
            if is_first:
                first_in.set()
                await accepted.wait()
                of.judged("jane", "secret", True)
                return
            inside += 1
            most = max(most, inside)
            if inside == 4:
                all_in.set()
            await all_in.wait()
            inside -= 1

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(login(True))
        await first_in.wait()
        for _ in range(4):
            tasks.create_task(login(False))
        await asyncio.sleep(0)
        assert most == 0
        accepted.set()
    assert (most, clock.waits) == (4, [])


async def test_a_refusal_ends_the_trust_and_makes_the_name_wait() -> None:
    clock = Clock()
    of = lane(clock)
    of.judged("jane", "secret", True)
    assert of.trusts("secret")
    of.judged("jane", "secret", False)
    assert not of.trusts("secret")
    async with of.name("jane", "secret", 3.0):
        assert clock.waits == [3.0]


async def test_trust_ends_after_ten_minutes() -> None:
    clock = Clock()
    of = lane(clock)
    of.judged("jane", "secret", True)
    clock.at += ACCEPTED_S - 1
    assert of.trusts("secret")
    clock.at += 1
    assert not of.trusts("secret")


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    """Cancelled while another's login is out, or in the gap after a refusal: the name is free again."""
    clock = Clock()
    of, out = lane(clock), asyncio.Event()

    async def held() -> None:
        async with of.name("jane", "first", 3.0):
            await out.wait()

    async def waits() -> None:
        async with of.name("jane", "second", 3.0):
            pass

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(held())
        given_up = tasks.create_task(waits())
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        out.set()
    of.judged("jane", "first", False)
    of._turns.sleep = lambda seconds: asyncio.sleep(3600)
    gap = asyncio.create_task(waits())
    await asyncio.sleep(0)
    gap.cancel()
    await asyncio.wait({gap})
    assert gap.cancelled()
    assert not of._turns._queues
    async with asyncio.timeout(5), of.name("joe", "third", 3.0):
        pass
    assert not of._turns._queues
