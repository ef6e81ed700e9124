"""Digests on their way: whom one is for, through which channel, how far it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Line = Mapping[str, Any]
"""One thing that a digest tells, as JSON: `validator.ledger.digests` makes those of users. No secret, no address."""


class Kind(StrEnum):
    """Whom a digest is for."""

    USER = "user"
    OPERATOR = "operator"
    MACHINE = "machine"


Place = tuple[Kind, str]
"""A channel by whom it is for and its name."""
Address = tuple[str, str]
"""A digest on its way, by its id and its channel."""


class NoticeState(StrEnum):
    """How far a digest is."""

    QUEUED = "queued"
    SENDING = "sending"
    """Claimed: handed to the channel now."""
    SENT = "sent"
    MAYBE_SENT = "maybe_sent"
    """Cut off while it was handed over: never sent again unasked."""
    FAILED = "failed"
    """The channel refuses it for good."""
    UNDELIVERABLE = "undeliverable"
    """There is no address for it; the operator is told."""
    MUTED = "muted"
    """The user wants none."""
    OUTDATED = "outdated"
    """Before it was sent, everything that it told was no longer so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One digest in one channel. `next_at`: not tried before; `detail`: why it stands as it does, masked."""

    id: str
    channel: str
    sweep: str
    user: str
    kind: Kind
    state: NoticeState
    lines: tuple[Line, ...]
    created_at: datetime
    attempts: int = 0
    next_at: datetime | None = None
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    settled_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a digest goes: `channels` by name, or none and the state that it then has (muted, undeliverable)."""

    channels: tuple[str, ...] = ()
    state: NoticeState = NoticeState.QUEUED
    detail: str = ""


def digest_id(sweep: str, user: str, kind: Kind) -> str:
    """The id of the only digest of this kind for this user in this sweep: who receives it twice can see that it is one."""
    return hashlib.sha256("\n".join((sweep, user, kind)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
