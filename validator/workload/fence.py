"""Somebody's template, expanded where it can do no harm: the near side of `render.py`, which says what the far side may do.

The child is a fresh interpreter in a session and process group of its own, without our environment, files or sockets. Here we hold
the clock and the size of its answer, and end the whole group whatever it says. Blocking: at most START_S + WALL_S.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

START_S: Final = 5.0
"""For the interpreter to start and bind itself, on a busy machine."""

WALL_S: Final = 2.0
MAX_ANSWER: Final = 32 << 20
"""Bytes: the expansion's 2 Mi characters in JSON, each at most six, and some."""

_PROGRAM: Final = Path(__file__).resolve().with_name("render.py")
_PIECE: Final = 1 << 16


class Fault(StrEnum):
    """Why there is no expansion."""

    UNSET = "unset"
    SYNTAX = "syntax"
    FORBIDDEN = "forbidden"
    FAILED = "failed"
    MEMORY = "memory"
    LARGE = "large"
    TIME = "time"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Answer:
    """The child's: a text with its variables without a value, or a fault with the template's line (from 1) if it has one."""

    text: str | None = None
    unset: tuple[str, ...] = ()
    fault: Fault | None = None
    line: int | None = None


def expand(template: str, *, defaults: str, given: dict[str, str | int | float], kept: dict[str, str]) -> Answer:
    """`template` expanded with the values of `defaults` (YAML), then `given`, then `kept`. Raises nothing."""
    request = json.dumps({"template": template, "defaults": defaults, "given": given, "kept": kept}).encode()
    try:
        child = subprocess.Popen(  # noqa: S603  # our own program, by our own interpreter
            [sys.executable, "-I", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )
    except OSError:  # no more processes, no memory
        return Answer(fault=Fault.DIED)
    assert child.stdin
    assert child.stdout
    with child.stdin, child.stdout:
        try:
            said = _converse(child.stdin, child.stdout, request)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)  # it is not waited for yet, so the number is still its own
            status = child.wait()
    if said is None:
        return Answer(fault=Fault.TIME)
    return read_answer(said, status)


def read_answer(said: bytes, status: int) -> Answer:
    """What the child said before it ended with `status` (as `Popen.returncode`). Total: it may have been turned against us."""
    if len(said) > MAX_ANSWER:
        return Answer(fault=Fault.LARGE)
    try:
        match json.loads(said):
            case {"text": str(text), "unset": list(unset)} if all(isinstance(name, str) for name in unset):
                return Answer(text=text, unset=tuple(unset))
            case {"fault": str(fault), **rest}:
                line = rest.get("line")
                return Answer(fault=Fault(fault), line=line if isinstance(line, int) else None)
            case _:
                return Answer(fault=Fault.DIED)
    except (ValueError, RecursionError):
        timed = status in (-signal.SIGXCPU, -signal.SIGALRM)
        return Answer(fault=Fault.TIME if timed else Fault.DIED)


def _converse(to: IO[bytes], back: IO[bytes], request: bytes) -> bytes | None:
    """All that comes back, up to MAX_ANSWER and a piece; None if it took too long. The first byte says that the child is bound."""
    said = bytearray()
    left = memoryview(request)
    deadline, bound = time.monotonic() + START_S, False
    with selectors.DefaultSelector() as waiting:
        waiting.register(to, selectors.EVENT_WRITE)
        waiting.register(back, selectors.EVENT_READ)
        os.set_blocking(to.fileno(), False)
        while len(said) <= MAX_ANSWER:
            if time.monotonic() >= deadline:
                return None
            for key, _ in waiting.select(deadline - time.monotonic()):
                if key.fileobj is to:
                    left = _written(to, left)
                    if not left:
                        waiting.unregister(to)
                        to.close()
                elif piece := os.read(back.fileno(), _PIECE):
                    said += piece
                    if not bound:
                        deadline, bound = time.monotonic() + WALL_S, True
                else:
                    return bytes(said)
    return bytes(said)


def _written(to: IO[bytes], left: memoryview) -> memoryview:
    """What is still to write; nothing once the child reads no more."""
    try:
        return left[os.write(to.fileno(), left[:_PIECE]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return left[:0]
