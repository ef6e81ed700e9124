"""A night with ill registries, on the virtual clock: nobody is told a false word, and after the next well night every status is right.

`python -m tests.proofs.faults [--credentials N] [--dead-every N]`; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any, Final

from tests.scale.clock import VirtualLoop
from tests.scale.night import replaced
from tests.scale.platform import Platform, platform
from tests.scale.world import SITES, Fault, Site, answered, refusal
from validator.evidence import Failure
from validator.registry.base import Answer

DAY_S: Final = 86_400.0


def down(began: float) -> Fault:
    """Nobody answers."""
    return lambda site, now: Failure.CONNECT_FAILED


def flapping(began: float) -> Fault:
    """A minute in which every answer is 503, a minute in which it is well."""
    return lambda site, now: answered(503, "{}") if int(now - began) // 60 % 2 else None


def refusing(for_s: float) -> Callable[[float], Fault]:
    """From the fifth second on every login is refused, as a dead one is; a vendor's introspection goes on."""

    def fault(began: float) -> Fault:
        return lambda site, now: refusal(site) if 5 <= now - began < 5 + for_s else None

    return fault


def throttling(began: float) -> Fault:
    """Every third answer is a 429 that asks for half a minute, and so is all of one minute in ten."""
    random = Random("storm")

    def fault(site: Site, now: float) -> Answer | None:
        storm = random.random() < 0.33 or int(now - began) // 60 % 10 == 5
        return answered(429, '{"errors":[{"code":"TOOMANYREQUESTS"}]}', ("retry-after", "30")) if storm else None

    return fault


def slow(began: float) -> Fault:
    """Five seconds more for each."""
    return lambda site, now: 5.0


FAULTS: Final[Mapping[str, Callable[[float], Fault]]] = MappingProxyType({
    "down": down, "flapping": flapping, "refusing everybody for ten minutes": refusing(600), "refusing everybody for an hour": refusing(3600),
    "429 storm": throttling, "5 s latency": slow,
})  # fmt: skip


def the_dead(one: Platform) -> set[str]:
    """Users whose credential is dead."""
    return {one.store.made(site, number).user for site in SITES for number in range(0, one.store.numbers[site.host], one.world.dead_every)}


async def prove(name: str, number: int, dead_every: int) -> dict[str, Any]:
    """A night with this fault, then a well one. Raises AssertionError where a promise is broken."""
    loop = asyncio.get_running_loop()
    async with platform(number, dead_every=dead_every) as one:
        dead, began = the_dead(one), loop.time()
        one.world.fault = FAULTS[name](began)
        report = await one.sweep()
        told = len(one.channel.told)
        assert {user for user, _ in one.channel.told} <= dead, f"{name}: somebody who is well was told something"
        states = await one.states()
        assert {user for user, state in states.items() if state == "dead"} <= dead, f"{name}: a good one was called dead"
        one.world.fault = lambda site, now: None
        await asyncio.sleep(DAY_S - (loop.time() - began) % DAY_S)
        await one.sweep()
        states = await one.states()
        wrong = {user: state for user, state in states.items() if state != ("dead" if user in dead else "alive")}
        assert not wrong, f"{name}: {wrong}"
        assert sorted(one.channel.told) == sorted((user, "died") for user in dead), f"{name}: each of the dead was told once"
    return {
        "fault": name, "told_that_night": told, "told_in_all": len(one.channel.told), "dead": len(dead), "false": 0, "wrong_after": 0,
        "quarantined": sorted(lane.registry for lane in report.lanes if lane.quarantined),
    }  # fmt: skip


def proved(name: str, number: int, dead_every: int) -> dict[str, Any]:
    """The same, on a virtual clock of its own."""
    with replaced(1, virtual=True), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(prove(name, number, dead_every))


def main() -> None:
    """Print what each came to."""
    words = argparse.ArgumentParser()
    words.add_argument("--credentials", type=int, default=1000)
    words.add_argument("--dead-every", type=int, default=150, help="of suspects NGC's failure budget bears five logins an hour")
    said = words.parse_args()
    found = []
    for name in FAULTS:
        found.append(proved(name, said.credentials, said.dead_every))
        print(found[-1], flush=True)
    print(json.dumps({"credentials": said.credentials, "faults": len(found), "false": sum(one["false"] for one in found), "wrong_after": 0}))


if __name__ == "__main__":
    main()
