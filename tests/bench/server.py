"""The server of the benchmarks, in a process of its own: the emulated NGC with many good keys.

`python -m tests.bench.server KEYS` prints one line of JSON, {"settings", "secrets"}, and runs until its stdin ends.
"""

from __future__ import annotations

import asyncio
import json
import sys

from validator.emulator import Ngc
from validator.emulator.base import Request
from validator.emulator.ngc import Key
from validator.emulator.ngc.world import nvapi


async def serve(number: int) -> None:
    """Start, print, and wait for the end of stdin."""
    async with Ngc() as ngc:
        secrets = [nvapi(f"bench {place}") for place in range(number)]
        for place, secret in enumerate(secrets):
            ngc.add(Key(name=f"bench {place}", secret=secret))
        ngc.requests = _Nothing()  # the record would grow by every request
        sys.stdout.write(json.dumps({"settings": ngc.settings(), "secrets": secrets}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


class _Nothing(list[Request]):
    def append(self, _: Request) -> None:
        return


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
