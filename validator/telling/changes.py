"""What a sweep changed, for machines: every event, whoever is told of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from validator.ledger import Ledger
from validator.ledger.history import Event
from validator.ledger.notices import Kind, Line, Route

_EVENTS: Final = 5000
"""Events of one message; what is beyond goes into a second one."""


async def queue_changes(parts: Ledger, sweep: str, route: Route, now: datetime) -> None:
    """Queue every event of this sweep that no message of it has had; to be called in one transaction with the users' digests."""
    before = await parts.notices.all(sweep=sweep, kind=Kind.MACHINE, limit=100_000)
    had = {line["id"] for notice in before for line in notice.lines}
    numbers = len({notice.id for notice in before})
    lines = [change for change in map(_change, await parts.history.of_sweep(sweep)) if change["id"] not in had]
    for part in range(0, len(lines), _EVENTS):
        number = numbers + part // _EVENTS
        await parts.notices.put(sweep, str(number or ""), Kind.MACHINE, lines[part : part + _EVENTS], route, now=now)


def _change(event: Event) -> Line:
    return {
        "id": event.id, "user": event.key.user, "name": event.name, "registry": str(event.key.scope), "at": event.at.isoformat(),
        "transition": event.transition.value, "state_before": event.state_before.value, "state_after": event.state_after.value,
        "verdict": event.verdict, "reason": event.reason, "level": event.level,
        "expires_at": event.expires_at.isoformat() if event.expires_at is not None else None,
    }  # fmt: skip
