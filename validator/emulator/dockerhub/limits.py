"""Docker Hub's counters: the pull quota of a source, and the lock of a name after refused logins. registries/dockerhub.md 5."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

WINDOW_S: Final = 21600


@dataclass(slots=True)
class PullMeter:
    """Manifest GETs of the last 6 h, by source (an address, or an account's id)."""

    pulls: dict[str, list[float]] = field(default_factory=dict)

    def take(self, source: str, limit: int, now: float, *, counts: bool) -> tuple[dict[str, str], bool]:
        """The rate-limit fields after this request, and whether it was over the limit; only one that `counts` uses it up."""
        recent = [at for at in self.pulls.get(source, []) if at > now - WINDOW_S]
        over = len(recent) >= limit
        if counts and not over:
            recent.append(now)
        self.pulls[source] = recent
        left = {"ratelimit-limit": f"{limit};w={WINDOW_S}", "ratelimit-remaining": f"{limit - len(recent)};w={WINDOW_S}"}
        return {**left, "docker-ratelimit-source": source}, over


@dataclass(slots=True)
class LoginLock:
    """Refused logins by name and by address, and the names that are locked (epoch seconds until when)."""

    until: dict[str, float] = field(default_factory=dict)
    by_name: Counter[str] = field(default_factory=Counter)
    by_address: Counter[str] = field(default_factory=Counter)
    _failed: dict[str, list[float]] = field(default_factory=dict)

    def is_locked(self, name: str, now: float) -> bool:
        return now < self.until.get(name, 0)

    def accepted(self, name: str) -> None:
        """A good login forgets the refused ones."""
        self._failed.pop(name, None)

    def refused(self, name: str, address: str, now: float, *, after: int, lock_s: float) -> None:
        """Count one; `after` of them within `lock_s` lock the name for as long."""
        self.by_name[name] += 1
        self.by_address[address] += 1
        self._failed[name] = [at for at in self._failed.get(name, []) if at > now - lock_s] + [now]
        if len(self._failed[name]) >= after:
            self.until[name] = now + lock_s
            del self._failed[name]
