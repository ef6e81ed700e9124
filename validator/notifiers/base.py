"""What users and operators are told: a digest a user, an alert for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Alert(StrEnum):
    """What the operator is told of."""

    QUARANTINED = "lane_quarantined"
    CANARY = "canary_failed"
    FAULT = "fault_caught"


@dataclass(frozen=True, slots=True)
class Line:
    """One credential of a digest: what happened to it (a transition), why, and what to do. Holds no secret."""

    name: str
    registry: str
    happened: str
    cause: str
    advice: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """Everything that one user is to know of one sweep."""

    user: str
    lines: tuple[Line, ...]


class Notifier(Protocol):
    """Hands messages on."""

    async def notify(self, digest: Digest) -> int:
        """1 if the channel took the digest, else 0."""
        ...

    async def alert(self, kind: Alert, text: str) -> None:
        """Tell the operator."""
        ...
