"""Whose login is next: one at a time for a username, until it was accepted. registries/README.md 8; registries/others.md G7."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

ACCEPTED_S: Final = 600.0
"""So long a secret's acceptance frees its next logins of waiting for each other (registries/README.md 8)."""
REMEMBERED: Final = 2048
"""Secrets that were accepted, and usernames that were refused, that a lane remembers."""


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


@dataclass(slots=True)
class Turns:
    """The logins of one lane. `monotonic` and `sleep` measure and spend time."""

    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    _queues: dict[str, _Queue] = field(default_factory=dict)
    _refused_at: dict[str, float] = field(default_factory=dict)
    _accepted_at: dict[str, float] = field(default_factory=dict)

    def trusts(self, secret: str) -> bool:
        """True if the secret was accepted in the last ten minutes, and not refused since."""
        return self.monotonic() - self._accepted_at.get(secret, -1e9) < ACCEPTED_S

    def judged(self, username: str, secret: str, accepted: bool) -> None:
        """Remember what the registry said of a login."""
        if accepted:
            _remember(self._accepted_at, secret, self.monotonic())
        else:
            _remember(self._refused_at, username, self.monotonic())
            self._accepted_at.pop(secret, None)

    async def take(self, username: str, secret: str, gap_s: float) -> bool:
        """Wait for it; True if others wait until it is `left`."""
        if self.trusts(secret):
            return False
        queue = self._queues.setdefault(username, _Queue())
        queue.users += 1
        try:
            await queue.lock.acquire()
        except BaseException:
            self._gone(username, queue)
            raise
        try:
            if not (trusted := self.trusts(secret)):  # else it was accepted while this one waited
                wait = self._refused_at.get(username, -1e9) + gap_s - self.monotonic()
                if wait > 0:
                    await self.sleep(wait)
        except BaseException:
            self.left(username)
            raise
        if trusted:
            self.left(username)
        return not trusted

    def left(self, username: str) -> None:
        """The next one may come."""
        queue = self._queues[username]
        queue.lock.release()
        self._gone(username, queue)

    def _gone(self, username: str, queue: _Queue) -> None:
        queue.users -= 1
        if not queue.users:
            del self._queues[username]


@dataclass(slots=True)
class Turn:
    """One login's turn: entered when it may be sent."""

    turns: Turns
    username: str
    secret: str
    gap_s: float
    _held: bool = False

    async def __aenter__(self) -> None:
        self._held = await self.turns.take(self.username, self.secret, self.gap_s)

    async def __aexit__(self, *_: object) -> None:
        if self._held:
            self.turns.left(self.username)


def _remember(held: dict[str, float], key: str, at: float) -> None:
    """Keep the latest of them alone."""
    held.pop(key, None)
    held[key] = at
    if len(held) > REMEMBERED:
        del held[next(iter(held))]
