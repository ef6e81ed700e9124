"""Messages as log events and, on the command line, as words on stderr: the channel that is always there."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from validator.notifiers.base import Handed, Letter, Outcome
from validator.protocol.base import shown_text


class LogChannel:
    """Implements `Channel`: each letter is one log event; `say` gets it in words."""

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say

    @property
    def name(self) -> str:
        """`log`."""
        return "log"

    def unreachable(self, user: str, address: str | None) -> str | None:
        """Everybody is reached."""
        return None

    async def send(self, letter: Letter) -> Outcome:
        """Write it; it is always taken."""
        whom = f"notice to {shown_text(letter.user)}" if letter.user else "to the operator"
        structlog.get_logger().info("notice_written", user=letter.user, text=letter.short)
        if self._say is not None:
            self._say(f"{whom}: {letter.short}")
        return Outcome(Handed.TAKEN)

    async def close(self) -> None:
        """Nothing is open."""
