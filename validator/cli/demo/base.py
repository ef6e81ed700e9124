"""What the demo compares: its credentials with the registries' own truth, and what the commands said of them.

Also how a child process is stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from validator.emulator.base import Truth

PATIENCE_S: Final = 5.0
"""How long a child may take to end when it is asked to."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One credential of the demo: whose, under which name, and the repository that it is for. `truth` is the registry's own."""

    user: str
    name: str
    registry: str
    username: str
    secret: str
    repository: str
    truth: Truth
    tag: str = "latest"


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the last table."""

    what: str
    truth: str
    expected: str
    found: str

    @property
    def agrees(self) -> bool:
        """True if what was found is what is so."""
        return self.expected == self.found


def works(truth: Truth) -> str:
    """What the registry's truth means for a credential: does it pull what it is for?"""
    return "works" if truth.accepted and truth.pulls is not False else "does not work"


def statuses_compared(kept: Sequence[Kept], rows: Sequence[Mapping[str, Any]]) -> list[Compared]:
    """Each credential's truth beside its row of `status --format json`."""
    found = {(row["user"], row["name"]): row["state"] for row in rows}
    words = {"alive": "works", "dead": "does not work", "impaired": "does not work", None: "not listed"}
    return [
        Compared(f"{one.user}'s {one.name} ({one.registry})", one.truth.why, works(one.truth), words.get(state, str(state)))
        for one in kept
        for state in (found.get((one.user, one.name)),)
    ]


def images_compared(user: str, wanted: Mapping[str, Kept], images: Sequence[Mapping[str, Any]]) -> list[Compared]:
    """Each image's truth beside what `preflight --format json` said of it; `wanted` is by image."""
    found = {told["image"]: told["outcome"] for told in images}
    words = {"pullable": "pullable", "denied": "not pullable", None: "not listed"}
    return [
        Compared(f"{user} pulls {image}", one.truth.why, "pullable" if one.truth.pulls else "not pullable", words.get(outcome, str(outcome)))
        for image, one in wanted.items()
        for outcome in (found.get(image),)
    ]


def ended(compared: Sequence[Compared]) -> int:
    """The demo's exit code: 0 only if something was compared and all of it agrees."""
    return 0 if compared and all(line.agrees for line in compared) else 1


def table(lines: Sequence[Compared]) -> str:
    """All of it, for people."""
    from validator.cli.base.rows import columns

    head = ["what", "the registry's word", "expected", "found", ""]
    return columns([head, *([line.what, line.truth, line.expected, line.found, "" if line.agrees else "DIFFERS"] for line in lines)])


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a child that was started here, and wait for it; harmless when it has ended."""
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), PATIENCE_S)
        if process.returncode is None:
            process.kill()
    await process.wait()
