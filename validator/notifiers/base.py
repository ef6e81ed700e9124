"""What goes through a channel and what becomes of it; which text is one mail address; what the operator is told of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol


class Alert(StrEnum):
    """What the operator is told of; each is the event that is logged for it."""

    OSMOS_OWN = "osmo_credential_failed"
    """The credential that OSMO pulls its own images with is dead, impaired, or ends soon."""
    QUARANTINED = "lane_quarantined"
    CANARY = "canary_failed"
    FAULT = "fault_caught"
    LONG_UNKNOWN = "registry_unjudged"
    """Its credentials could not be judged for days."""
    ANYONE = "anyone_accepted"
    """A registry that refused made-up secrets accepts them now."""
    UNREADABLE = "row_unreadable"
    UNDELIVERABLE = "notice_undeliverable"
    MAYBE_SENT = "notice_unclear"
    FAILED = "notice_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message, ready for any channel: `text` is plain, `html` is None where there is none; no secret.

    `id` is the same whenever the same message is handed over; `user` "" is the operator; `facts` are the same for a machine.
    """

    id: str
    user: str
    address: str | None
    subject: str
    text: str
    html: str | None
    short: str
    """The same in a line or two, for a log or a terminal."""
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Handed(StrEnum):
    """What a channel made of a letter."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"
    """Surely not: it may be handed over again later."""
    REFUSED = "refused"
    """Surely not, and never will be."""
    UNCLEAR = "unclear"
    """The channel may have it: never handed over again unasked."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`detail` is in our words, holds nothing of the URL; `down`: the channel takes nothing now, whoever it is for."""

    handed: Handed
    detail: str = ""
    down: bool = False


class Channel(Protocol):
    """One way to tell somebody; `name` holds no secret and stays the same while the settings do."""

    @property
    def name(self) -> str:
        """As the outbox knows it: `mailto`, `slack`, `mailto-2`, `log`."""
        ...

    def unreachable(self, user: str, address: str | None) -> str | None:
        """Why nothing can be sent to this user; None if it can."""
        ...

    async def send(self, letter: Letter) -> Outcome:
        """Hand one letter over; it never raises for what the channel does. Done within a minute, also when it hangs."""
        ...

    async def close(self) -> None:
        """Let go of what it holds open."""
        ...


_LOCAL: Final = re.compile(r"[^\x00-\x20\x7f-\xa0,;:<>()\[\]\\\"@%]{1,64}")
_LABEL: Final = re.compile(r"[^\W_](?:[^\W_]|-){0,62}")


def is_one_address(text: str) -> bool:
    """True for one mail address, bare: no second one, no name, quotes, comments, blanks or control characters."""
    local, at, domain = text.rpartition("@")
    labels = domain.split(".")
    plain = text.isprintable() and len(text) <= 254 and not any(c.isspace() for c in text)
    dots = not local.startswith(".") and not local.endswith(".") and ".." not in local
    return bool(plain and at and dots and _LOCAL.fullmatch(local) and all(_LABEL.fullmatch(label) for label in labels))


_CARRIED: Final = re.compile(r"(?!\.{1,2}$)[\w.@+~-]{1,254}")


def is_carried(text: str) -> bool:
    """True for a name that a chat's URL can hold as it is: no separator that a service may read as two, no control character."""
    return _CARRIED.fullmatch(text) is not None and text.isprintable()
