"""What telling counts, which senders live, and alerts as events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

import structlog

from validator.ledger import Ledger
from validator.ledger.base.processes import has_ended
from validator.ledger.notices import Kind, Notice, NoticeState, Place
from validator.notifiers.base import Alert, Letter

LEASE: Final = timedelta(minutes=15)
"""A claim is thought cut off after this: longer than any channel takes (`Channel.send`)."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent to whom, through what; nothing was."""

    user: str
    channels: tuple[str, ...]
    state: NoticeState
    letter: Letter | None


@dataclass(slots=True)
class Counts:
    """What one run did. `sent`: messages to users that a channel accepted; `failed`: refused, or not taken yet for want of a channel;
    `maybe_sent`: found or left cut off; `undeliverable`: users without a way; `waiting`: held back by `per_hour`."""

    sent: int = 0
    maybe_sent: int = 0
    failed: int = 0
    undeliverable: int = 0
    waiting: int = 0


@dataclass(slots=True)
class Run:
    """One call: what was done, until when each channel is left alone, and what was tried and not taken."""

    counts: Counts = field(default_factory=Counts)
    closed: dict[Place, datetime] = field(default_factory=dict)
    delayed: set[tuple[str, str]] = field(default_factory=set)


def is_alive(claimed_by: str, claimed_at: datetime, now: datetime) -> bool:
    """False for a sender of this machine that is seen to have ended, and for any whose claim is older than a lease.

    Wrong at most for a while: whoever is alive after all still settles what it had claimed.
    """
    return not has_ended(claimed_by) and now - claimed_at < LEASE


def log_alert(kind: Alert, subject: str, text: str) -> None:
    """An alert as the event that it is."""
    log = structlog.get_logger()
    match kind:
        case Alert.OSMOS_OWN:
            log.warning("osmo_credential_failed", subject=subject, text=text)
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


async def raise_alert(parts: Ledger, now: datetime, kind: Alert, subject: str, text: str) -> None:
    """It is so, or is so still: logged when it is new, and told to the operator once."""
    if await parts.alerts.raise_(kind.value, subject, {"text": text}, now=now):
        log_alert(kind, subject, text)


async def raise_unclear(parts: Ledger, now: datetime, notice: Notice, why: str) -> None:
    """For the operator: nobody knows whether this user's digest was taken."""
    if notice.kind is Kind.USER:
        await raise_alert(parts, now, Alert.MAYBE_SENT, notice.user, f"{notice.channel}: {why}; it is not sent again unasked.")


def log_sent(notice: Notice) -> None:
    """Which credentials a user was told of."""
    if notice.kind is Kind.USER:
        names = [line["name"] for line in notice.lines]
        structlog.get_logger().info("notice_sent", user=notice.user, channel=notice.channel, digest=notice.id, credentials=names)
