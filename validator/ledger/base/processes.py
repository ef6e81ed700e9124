"""Who holds something in the ledger: a name for this process that another one of this machine can tell dead from alive."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final

HELD_FOR: Final = timedelta(seconds=30)
"""So long a hold lasts without being renewed: many times the second between two checkpoints."""
WORKERS: Final = "workers"
"""The one name by which all workers of a ledger lead a sweep, and hold what several of them sweep at once."""
AT_WORK: Final = "(workers)"
"""In the table of lanes: it is held while there is a worker."""
_PROC: Final = Path("/proc")


def this_process() -> str:
    """`MACHINE PID START TOKEN`: another one each time, so that two holders in one process are two."""
    return f"{_machine()} {os.getpid()} {_start(os.getpid())} {secrets.token_hex(4)}"


def has_ended(owner: str) -> bool:
    """True if `owner` was a process of this machine, seen from here, and is no more; False if it lives or cannot be seen."""
    machine, pid, start, *_ = [*owner.split(" "), "", "", ""]
    if machine == "-" or machine != _machine() or not pid.isdigit():
        return False
    return _start(int(pid)) != start


def _machine() -> str:
    """This boot and this namespace of process ids; "-" where a system tells neither."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}".replace(" ", "")
    except (OSError, UnicodeDecodeError):
        return "-"


def _start(pid: int) -> str:
    """When the process began, in ticks since the boot: a number may be another process's later. "" if there is none, or a dead one."""
    try:
        state, *rest = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in ("Z", "X") or len(rest) < 19 else rest[18]
