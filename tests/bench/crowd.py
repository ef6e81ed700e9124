"""The registries of the sweep's benchmark, in a process of their own: four of no vendor, each with very many accounts.

`python -m tests.bench.crowd ACCOUNTS DEAD_EVERY` prints one line of JSON, {"settings": …}, and answers each line of its stdin
with {"requests": {host: n}}; it runs until its stdin ends. Account `n` of `host` is `login_of(host, n)`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import AsyncExitStack
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

    def __init__(self, host: str, given: Options, accounts: int, dead_every: int) -> None:
        super().__init__(given, host=host)
        self.number = accounts
        self.dead_every = dead_every
        self.seen: Counter[str] = Counter()
        self.requests = _Nothing()

    def _judge(self, call: Call, step: str) -> Any:
        name, _, text = (call.username or "").partition("-")
        number = int(text) if name == "user" and text.isdigit() else -1
        if 0 <= number < self.number and call.secret == login_of(self.registry_host, number)[1] and number % self.dead_every:
            return Party(Account(name=f"{number}", username=call.username or "", secret=""))
        call.refused = True
        return None

    def _record(self, call: Call, status: int) -> None:
        self.seen["requests"] += 1
        self.seen["refused"] += call.refused


class _Nothing(list[Request]):
    def append(self, _: Request) -> None:
        return


async def serve(accounts: int, dead_every: int) -> None:
    """Start, print, and answer questions until the end of stdin."""
    async with AsyncExitStack() as stack:
        crowds = [await stack.enter_async_context(Crowd(host, given, accounts, dead_every)) for host, given in HOSTS.items()]
        settings: dict[str, Any] = {}
        for crowd in crowds:
            settings |= crowd.settings()
        print(json.dumps({"settings": settings}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({crowd.registry_host: dict(crowd.seen) for crowd in crowds}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
