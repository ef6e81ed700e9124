"""Events, users and a dead status to make digests of."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from validator.credential import parse_scope
from validator.ledger import Ledger
from validator.ledger.history import NOBODY, TOLD, Event
from validator.ledger.notices import NoticeState, Route
from validator.ledger.statuses import StatusKey, StatusRow
from validator.ledger.users import User
from validator.sealing import Fingerprint
from validator.status import State, Transition

NOW = datetime.fromisoformat("2026-11-23T02:00:00+00:00")
STATES = {
    "died": State.DEAD, "never_worked": State.DEAD, "impaired": State.IMPAIRED, "recovered": State.ALIVE, "expiring": State.ALIVE,
    "blipped": State.ALIVE, "none": State.SUSPECT,
}  # fmt: skip


def key_of(user: str = "ada", scope: str = "reg.test", secret: str = "s1") -> StatusKey:
    return StatusKey(user, parse_scope(scope), Fingerprint(hashlib.sha256(secret.encode()).hexdigest()), f"row of {secret}")


def event(happened: str = "died", *, user: str = "ada", scope: str = "reg.test", secret: str = "s1", at_h: float = 0, **more: Any) -> Event:
    at, transition = NOW + timedelta(hours=at_h), Transition(happened)
    return Event(**{
        "id": f"{user} {scope} {secret} {happened} {at_h}", "key": key_of(user, scope, secret), "name": f"key of {scope}", "sweep": "one", "at": at,
        "transition": transition, "state_before": State.ALIVE, "state_after": STATES[happened], "verdict": "invalid", "reason": "refused",
        "since": at - timedelta(minutes=10), "notice": None if transition in TOLD else NOBODY, **more,
    })  # fmt: skip


def mail(user: User) -> Route:
    """To everybody who has an address or a name that is one, and does not mute."""
    if user.mute:
        return Route((), NoticeState.MUTED)
    if "@" not in (user.address or user.user) and user.user != "ada":
        return Route((), NoticeState.UNDELIVERABLE, "no address")
    return Route(("mailto",))


async def compose(ledger: Ledger, sweep: str = "one", *, at_h: float = 1, **more: Any) -> set[str]:
    """The users who got a digest."""
    at = NOW + timedelta(hours=at_h)
    return set(await ledger.together(lambda parts: parts.digests.compose(sweep, at, **{"route": mail, **more})))


async def happened(ledger: Ledger, user: str = "ada") -> list[list[str]]:
    """What each digest of the user tells, oldest first."""
    return [[f"{line['happened']}{' again' if line['reminder'] else ''}" for line in notice.lines] for notice in await ledger.notices.all(user=user)]


def dead(one: Event, state: str = "dead") -> StatusRow:
    return StatusRow(key=one.key, name=one.name, state=state, verdict="invalid", reason="refused", checked_at=one.at)
