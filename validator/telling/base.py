"""What telling counts, who a sender is, and alerts as events."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, assert_never

import structlog

from validator.notifiers.base import Alert

LEASE: Final = timedelta(minutes=15)
"""A claim of another machine's is thought cut off after this: longer than any channel takes (`Channel.send`)."""


@dataclass(slots=True)
class Counts:
    """What one run did. `sent`: messages to users that a channel accepted; `failed`: refused, or not taken yet for want of a channel;
    `maybe_sent`: found or left cut off; `undeliverable`: users without a way; `waiting`: held back by `per_hour`."""

    sent: int = 0
    maybe_sent: int = 0
    failed: int = 0
    undeliverable: int = 0
    waiting: int = 0


@cache
def this_process() -> str:
    """Machine, its boot, process and the instant of its start: no other sender has ever had, or will have, the same."""
    return f"{socket.gethostname()}/{_boot()}/{os.getpid()}/{_started(os.getpid())}"


def is_alive(claimed_by: str, claimed_at: datetime, now: datetime) -> bool:
    """True unless it is known to have ended: on this machine by its process, elsewhere by its lease.

    Wrong at most for a while: whoever is alive after all still settles what it had claimed.
    """
    machine, boot, pid, started = claimed_by.split("/") if claimed_by.count("/") == 3 else ("", "", "", "")
    if machine == socket.gethostname() and boot and boot == _boot() and pid.isdigit():
        return _started(int(pid)) == started
    return now - claimed_at < LEASE


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Clock ticks between boot and the process's start, "" if there is none; a name of blanks and brackets is skipped. proc(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def log_alert(kind: Alert, subject: str, text: str) -> None:
    """An alert as the event that it is."""
    log = structlog.get_logger()
    match kind:
        case Alert.QUARANTINED:
            log.warning("lane_quarantined", subject=subject, text=text)
        case Alert.CANARY:
            log.warning("canary_failed", subject=subject, text=text)
        case Alert.FAULT:
            log.error("fault_caught", subject=subject, text=text)
        case Alert.LONG_UNKNOWN:
            log.warning("registry_unjudged", subject=subject, text=text)
        case Alert.ANYONE:
            log.warning("anyone_accepted", subject=subject, text=text)
        case Alert.UNREADABLE:
            log.warning("row_unreadable", subject=subject, text=text)
        case Alert.UNDELIVERABLE:
            log.warning("notice_undeliverable", subject=subject, text=text)
        case Alert.MAYBE_SENT:
            log.warning("notice_unclear", subject=subject, text=text)
        case Alert.FAILED:
            log.warning("notice_failed", subject=subject, text=text)
        case _:
            assert_never(kind)
