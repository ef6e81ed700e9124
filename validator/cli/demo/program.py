"""This program's commands, run as a person would run them."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
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


@dataclass(frozen=True, slots=True)
class Program:
    """This program, run as a person would: a command in a process of its own, with the demo's settings."""

    settings: Path

    async def run(self, *words: str, stdin: str = "", tell: bool = False) -> Ran:
        """Run one command; `tell` prints it first. Raises Bug where it could not do its work at all."""
        if tell:
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
            put("".join(f"   {line}\n" for line in (ran.out + ran.err).splitlines()))
            raise Bug(f"the demo's command {words[0]} ended with {ran.code}")
        return ran

    async def show(self, *words: str, stdin: str = "") -> Ran:
        """Run one command and print what it says."""
        ran = await self.run(*words, stdin=stdin, tell=True)
        for line in (ran.out + ran.err).splitlines():
            put(f"   {line}")
        return ran
