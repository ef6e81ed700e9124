"""How users want to be told, where their platform lets them say so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from validator.stores.base import Wish

UNWANTED: Final = "have asked the platform for no notices (in OSMO: `osmo profile set notifications email true` asks for them)"
"""Why somebody with something to know is told nothing."""
_MAIL: Final = ("mailto", "mailtos")
_LOG: Final = "log"


@dataclass(slots=True)
class Wishes:
    """`ask` gives them by user, one who is not there wants nothing; None: nobody was asked, and everybody is told."""

    ask: Callable[[], Awaitable[Mapping[str, Wish]]] | None = None
    _found: Mapping[str, Wish] = field(default_factory=dict)

    async def read(self) -> None:
        """As they are now. Raises StoreError, StoreLost."""
        if self.ask is not None:
            self._found = await self.ask()

    def any_of(self, user: str) -> bool:
        """True if this user is to be told at all."""
        return self.ask is None or self._wish(user) != Wish()

    def wants(self, user: str, channel: str) -> bool:
        """True if this user is to be told by this channel, by its name; the log is for whoever wants anything."""
        if self.ask is None:
            return True
        wish = self._wish(user)
        scheme = channel.partition("-")[0]
        return wish.mail if scheme in _MAIL else wish.mail or wish.chat if scheme == _LOG else wish.chat

    def _wish(self, user: str) -> Wish:
        return self._found.get(user, Wish())


async def nobody() -> Mapping[str, Wish]:
    """Nobody wants to be told."""
    return {}
