"""Run the emulated registries until SIGINT or SIGTERM: `python -m validator.emulator`.

The settings that point `validator --config` at them go to stdout (or also into a file, 0600), the planted credentials
with their states to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from validator.emulator import EMULATED
from validator.emulator.base import Emulated, Planted

PORTS_EACH: Final = 10
LAST_BASE: Final = 65535 - 100


def configuration(registries: Sequence[Emulated]) -> str:
    """The YAML for `validator --config`: the settings of every registry, which must be started. Each is a line of JSON."""
    lines = [f"  {json.dumps(host)}: {json.dumps(settings)}" for one in registries for host, settings in one.settings().items()]
    return "\n".join(["# Emulated registries on this machine; the settings of `validator --config`.", "registries:", *lines, ""])


def credentials(registries: Sequence[Emulated]) -> str:
    """The planted credentials as a table: registry, name, username, the state it is in, and, last for its length, the secret."""
    rows = [("REGISTRY", Planted("NAME", "USERNAME", "SECRET", "STATE"))]
    rows += [(one.host, planted) for one in registries for planted in one.planted()]
    cells = [(host, row.name, row.username, row.state, row.secret) for host, row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "".join("  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)) + "\n" for row in cells)


async def serve(registries: Sequence[Emulated], port_base: int, config_file: Path | None) -> None:
    """Start all, print, and wait for a signal. Raises OSError when a port is taken or the file cannot be written."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as running:
        for place, one in enumerate(registries):
            running.push_async_callback(one.stop)
            await one.start(port=port_base + place * PORTS_EACH if port_base else 0)
        text = configuration(registries)
        if config_file is not None:
            await asyncio.to_thread(_write, config_file, text)
        sys.stderr.write(credentials(registries))
        sys.stdout.write(text)
        sys.stdout.flush()
        await stopped.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 after a signal, 2 when a port or the file cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m validator.emulator", description="Emulated container registries on 127.0.0.1.")
    parser.add_argument("--port-base", type=int, default=0, metavar="N", help="first port; each registry takes the next ten (default: free ports)")
    parser.add_argument("--config-file", type=Path, metavar="PATH", help="also write the settings there, readable by the owner alone")
    given = parser.parse_args(arguments)
    if not 0 <= given.port_base <= LAST_BASE:
        parser.error(f"--port-base must be from 1 to {LAST_BASE}, or 0 for free ports")
    try:
        asyncio.run(serve([kind() for kind in EMULATED], given.port_base, given.config_file))
    except OSError as error:
        sys.stderr.write(f"The emulated registries cannot start: {error.strerror}; choose another --port-base or --config-file.\n")
        return 2
    return 0


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


if __name__ == "__main__":
    sys.exit(main())
