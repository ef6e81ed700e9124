"""One registry in a process of its own, which keeps the instant of each request: was its rate ever exceeded, in any window?

`python -m tests.proofs.counted HOST ACCOUNTS` prints one line of JSON, {"settings": …}, and answers each line of its stdin with
its counts; it runs until its stdin ends. `dead N`: each Nth account's secret is dead from then on. `over RATE BURST`: counts with
the most requests beyond RATE * w + BURST in any window of w >= 1 s; `most S`: with the most refused logins in any S seconds. A secret that ends with RENEWED is a new one, and good.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.bench.crowd import HOSTS, Crowd, login_of
from validator.emulator.base import Call
from validator.emulator.plain import Account, Options
from validator.emulator.plain import _Party as Party

RENEWED: Final = " renewed"


class Counted(Crowd):
    """A crowd whose requests are kept by their instants."""

    def __init__(self, host: str, given: Options, accounts: int) -> None:
        super().__init__(host, given, accounts)
        self.times, self.refusals = array("d"), array("d")

    def _judge(self, call: Call, step: str) -> Any:
        name, _, text = (call.username or "").partition("-")
        if name == "user" and text.isdigit() and call.secret == login_of(self.registry_host, int(text))[1] + RENEWED:
            return Party(Account(name=text, username=call.username or "", secret=""))
        return super()._judge(call, step)

    def _record(self, call: Call, status: int) -> None:
        super()._record(call, status)
        self.times.append(time.monotonic())
        if call.refused:
            self.refusals.append(self.times[-1])


def over(times: Sequence[float], rate: float, burst: int) -> float:
    """The most requests beyond `rate` * w + `burst` in any window of w >= 1 s; below 0 where no window is full."""
    most, first, least = -float(burst), 0, float("inf")
    second = 0
    for number, at in enumerate(times):
        while times[second] <= at - 1.0:  # windows of a second that end here
            second += 1
        most = max(most, number - second + 1 - rate - burst)
        while times[first] <= at - 1.0:  # longer ones: they begin with one of these
            least = min(least, first - rate * times[first])
            first += 1
        most = max(most, number + 1 - rate * at - least - burst)
    return most


def most(times: Sequence[float], seconds: float) -> int:
    """The most of them in any window of so many seconds."""
    found = first = 0
    for number, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        found = max(found, number - first + 1)
    return found


async def serve(host: str, accounts: int) -> None:
    """Start, print, and answer until the end of stdin."""
    async with AsyncExitStack() as stack:
        crowd = await stack.enter_async_context(Counted(host, HOSTS[host], accounts))
        print(json.dumps({"settings": crowd.settings()}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            word, *numbers = line.split() or [""]
            found: dict[str, float] = crowd.counts()
            match word:
                case "dead":
                    crowd.dead_every = int(numbers[0])
                case "reset":
                    crowd.reset()
                    crowd.times, crowd.refusals = array("d"), array("d")
                case "over":
                    found["over"] = over(crowd.times, float(numbers[0]), int(numbers[1]))
                case "most":
                    found["most"] = most(crowd.refusals, float(numbers[0]))
                case _:
                    pass
            print(json.dumps(found), flush=True)


@dataclass
class Registries:
    """Each in its process, by host."""

    settings: dict[str, dict[str, Any]]
    processes: dict[str, Process]

    async def say(self, line: str = "") -> dict[str, dict[str, float]]:
        """The counts of each after `line`."""
        return {host: await self._ask(process, line) for host, process in self.processes.items()}

    async def _ask(self, process: Process, line: str) -> dict[str, float]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n".encode())
        found: dict[str, float] = json.loads(await process.stdout.readline())
        return found

    async def requests(self) -> int:
        """So far, of all."""
        return sum(int(count["requests"]) for count in (await self.say()).values())


@asynccontextmanager
async def registries(hosts: Sequence[str], accounts: int) -> AsyncIterator[Registries]:
    """A process for each of `hosts`, until the block is left."""
    processes, settings = dict[str, Process](), dict[str, Any]()
    try:
        for host in hosts:
            words = (sys.executable, "-m", "tests.proofs.counted", host, str(accounts))
            processes[host] = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE)
        for process in processes.values():
            assert process.stdout is not None
            settings |= json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["settings"]
        yield Registries(settings, processes)
    finally:
        for process in processes.values():
            assert process.stdin is not None
            process.stdin.close()
        for process in processes.values():
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
