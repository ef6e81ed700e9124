"""Notices as log events and plain words: the channel that is always there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

import structlog

from validator.notifiers.base import Alert, Digest, Line
from validator.protocol.base import shown_text

HAPPENED: Final = {
    "died": "stopped working", "never_worked": "has never worked", "impaired": "lives, but may not be used for pulling as it is stored",
    "expiring": "ends soon", "recovered": "works again",
}  # fmt: skip


class LogNotifier:
    """Implements `Notifier`: each message is one log event; `say` gets it in words, as on the command line's stderr."""

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say

    async def notify(self, digest: Digest) -> int:
        """Write the digest; it is always taken."""
        words = [_words(line) for line in digest.lines]
        structlog.get_logger().info("notice_sent", user=digest.user, credentials=[line.name for line in digest.lines], text=words)
        if self._say is not None:
            self._say(f"notice to {shown_text(digest.user)}: " + " ".join(words))
        return 1

    async def alert(self, kind: Alert, text: str) -> None:
        """Write the alert."""
        log = structlog.get_logger()
        match kind:
            case Alert.QUARANTINED:
                log.warning("lane_quarantined", text=text)
            case Alert.CANARY:
                log.warning("canary_failed", text=text)
            case Alert.FAULT:
                log.error("fault_caught", text=text)
            case _:
                assert_never(kind)
        if self._say is not None:
            self._say(f"to the operator: {text}")


def _words(line: Line) -> str:
    """One sentence of what, one of why, one of what to do."""
    ends = f" (at {line.expires_at:%Y-%m-%d %H:%M} UTC)" if line.happened == "expiring" and line.expires_at is not None else ""
    head = f"{shown_text(line.name)} ({line.registry}) {HAPPENED.get(line.happened, line.happened)}{ends}."
    if line.happened in ("expiring", "recovered"):
        return head + (" Make a new secret before that, and store it." if line.happened == "expiring" else "")
    return f"{head} {line.cause} What to do: {line.advice.rstrip('.')}."
