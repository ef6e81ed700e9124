"""A machine for the examples: a home, stand-ins for programs that are not ours, and the installed `validator` on PATH."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.cases.scripted import Scripted

REGISTRY: Final = "registry.example.org"
"""The registry of the examples."""


@dataclass(frozen=True)
class Ended:
    """How a script ended."""

    code: int
    out: str
    err: str


@dataclass
class Machine:
    """`home` is the current folder of what runs on it, too."""

    home: Path
    registries: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.home / "bin").mkdir()
        self.program("validator", f'exec {sys.executable} -m validator "$@"')

    def program(self, name: str, script: str) -> None:
        """A program on PATH."""
        path = self.home / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        (self.home / name).parent.mkdir(parents=True, exist_ok=True)
        (self.home / name).write_text(text)

    def dials(self, registry: Scripted, **more: Any) -> None:
        """The example's registry is this one."""
        self.registries |= example(registry, **more)

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of the machine that the tests run on but its system's programs."""
        return {
            "PATH": f"{self.home / 'bin'}:/usr/bin:/bin", "HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data"), "LANG": "C.UTF-8",
            "VALIDATOR_REGISTRIES": json.dumps(self.registries), "VALIDATOR_USER": "ada", "PYTHONPATH": os.pathsep.join(sys.path),
        }  # fmt: skip

    async def run(self, *argv: str, stdin: str = "", **environ: str) -> Ended:
        """Start it in the home; the loop goes on meanwhile, so that servers of the test can answer."""
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=self.home, env=self.environ | environ,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate(stdin.encode())
        return Ended(process.returncode or 0, out.decode(), err.decode())


def example(registry: Scripted, **more: Any) -> dict[str, Any]:
    """Settings by which the example's registry is this one."""
    [said] = registry.settings().values()
    return {REGISTRY: {**said, "endpoint": f"http://{registry.host}", **more}}
