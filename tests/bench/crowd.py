"""The registries of the sweep's benchmark, in a process of their own: four of no vendor, each with very many accounts.

`python -m tests.bench.crowd ACCOUNTS` prints one line of JSON, {"settings": …}, and answers each line of its stdin with the
requests of each host so far, and the instants of its first and last; it runs until its stdin ends. A line `dead N` lets each
Nth account be dead from then on, `dead 0` none; `reset` counts anew. Account `n` of `host` is `login_of(host, n)`; the server
has a process of its own, see `crowds`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from validator.emulator.base import Call
from validator.emulator.base.listener import Request
from validator.emulator.plain import HTPASSWD, Account, Options, Plain
from validator.emulator.plain import _Party as Party

HOSTS = {
    "token.test": Options(),
    "own-realm.test": Options(realm="{own}/token"),
    "basic.test": HTPASSWD,
    "opaque.test": Options(token_form="opaque", fields="access_token"),
}


def login_of(host: str, number: int) -> tuple[str, str]:
    """Username and secret of an account."""
    return f"user-{number}", f"{host} secret number {number}"


class Crowd(Plain):
    """Knows its accounts by their form, and keeps no record but a count."""

    dead_every = 0

    def __init__(self, host: str, given: Options, accounts: int) -> None:
        super().__init__(given, host=host)
        self.number = accounts
        self.seen: Counter[str] = Counter()
        self.first_at = self.last_at = 0.0
        self.requests = _Nothing()

    def _judge(self, call: Call, step: str) -> Any:
        name, _, text = (call.username or "").partition("-")
        number = int(text) if name == "user" and text.isdigit() else -1
        dead = self.dead_every and number % self.dead_every == 0
        if 0 <= number < self.number and call.secret == login_of(self.registry_host, number)[1] and not dead:
            return Party(Account(name=f"{number}", username=call.username or "", secret=""))
        call.refused = True
        return None

    def counts(self) -> dict[str, float]:
        """So far."""
        return {"requests": self.seen["requests"], "refused": self.seen["refused"], "first": self.first_at, "last": self.last_at}

    def reset(self) -> None:
        """Count anew."""
        self.seen.clear()
        self.first_at = self.last_at = 0.0

    def _record(self, call: Call, status: int) -> None:
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at
        self.seen["requests"] += 1
        self.seen["refused"] += call.refused


class _Nothing(list[Request]):
    def append(self, _: Request) -> None:
        return


async def serve(accounts: int) -> None:
    """Start, print, and answer until the end of stdin."""
    async with AsyncExitStack() as stack:
        crowds = [await stack.enter_async_context(Crowd(host, given, accounts)) for host, given in HOSTS.items()]
        settings: dict[str, Any] = {}
        for crowd in crowds:
            settings |= crowd.settings()
        print(json.dumps({"settings": settings}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            word, _, number = line.strip().partition(" ")
            for crowd in crowds:
                if word == "dead":
                    crowd.dead_every = int(number)
                elif word == "reset":
                    crowd.reset()
            print(json.dumps({crowd.registry_host: crowd.counts() for crowd in crowds}), flush=True)


@dataclass
class Running:
    """The server in its process."""

    settings: dict[str, dict[str, Any]]
    process: Process

    async def counts(self, line: str = "") -> dict[str, dict[str, float]]:
        """The requests of each host so far, after `line`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n".encode())
        found: dict[str, dict[str, float]] = json.loads(await self.process.stdout.readline())
        return found


@asynccontextmanager
async def crowds(accounts: int) -> AsyncIterator[Running]:
    """The server, until the block is left."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.crowd", str(accounts), stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Running(json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["settings"], process)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
