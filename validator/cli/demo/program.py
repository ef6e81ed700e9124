"""This program's commands, run as a person would run them."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from validator.cli.base.running import put
from validator.cli.demo.base import stop
from validator.errors import Bug

ANSWERS: Final = frozenset({0, 1, 3})
"""The exit codes of an answer, good or bad."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> str:
        """Its output and its words, as the demo prints them."""
        return indented(self.out + self.err)


def indented(text: str) -> str:
    """Every line moved below the command that it belongs to."""
    return "\n".join(f"   {line}" for line in text.splitlines())


@dataclass(frozen=True, slots=True)
class Program:
    """This program, run as a person would: a command in a process of its own, with the demo's settings."""

    settings: Path

    async def run(self, *words: str, stdin: str = "") -> Ran:
        """Print one command and run it. Raises Bug where it could not do its work at all."""
        put("   $ validator " + shlex.join(words))
        # VALIDATOR_STORE and its like would win over the demo's settings, and lead to somebody's real store
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VALIDATOR_")} | {"CI": ""}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "validator", "--config", str(self.settings), *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
        )  # fmt: skip
        try:
            out, error = await process.communicate(stdin.encode())
        finally:
            await stop(process)
        ran = Ran(process.returncode or 0, out.decode(), error.decode())
        if ran.code not in ANSWERS:
            put(ran.shown)
            raise Bug(f"the demo's command {words[0]} ended with {ran.code}")
        return ran

    async def run_all(self, commands: Sequence[tuple[Sequence[str], str]]) -> list[Ran]:
        """Run commands (words, standard input), as many at a time as there are processors; printed in their order."""
        places = asyncio.Semaphore(os.cpu_count() or 1)

        async def placed(words: Sequence[str], stdin: str) -> Ran:
            async with places:
                return await self.run(*words, stdin=stdin)

        async with asyncio.TaskGroup() as group:
            running = [group.create_task(placed(words, stdin)) for words, stdin in commands]
        return [task.result() for task in running]
