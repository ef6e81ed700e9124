"""Notices as log events: the channel that is always there."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from validator.notifiers.base import Digest


class LogNotifier:
    """Implements `Notifier`: each digest is one event at warning level, so that it is shown by default; `say` gets it in words."""

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say

    async def notify(self, digest: Digest) -> int:
        """Write the digest; it is always taken."""
        words = [f"{line.name} ({line.registry}) {line.happened}: {line.cause} What to do: {line.advice}." for line in digest.lines]
        structlog.get_logger().info("notice_sent", user=digest.user, credentials=[line.name for line in digest.lines], text=words)
        if self._say is not None:
            self._say(f"notice to {digest.user}: " + " ".join(words))
        return 1

    async def alert(self, text: str) -> None:
        """Write the alert."""
        structlog.get_logger().warning("lane_quarantined", text=text)
        if self._say is not None:
            self._say(f"to the operator: {text}")
