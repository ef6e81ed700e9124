"""What a sweep works on and what it tells: values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from validator.credential import Credential, Host
from validator.evidence import Exchange, Step
from validator.ledger.statuses import StatusKey
from validator.sealing import Fingerprint
from validator.status import Standing, Transition
from validator.verdict import Level, Outcome, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Member:
    """One stored credential of a secret that several may share."""

    credential: Credential
    key: StatusKey
    proof: str | None = None


@dataclass(slots=True)
class Shared:
    """One secret at one host, and every stored credential that holds it: asked once."""

    host: Host
    fingerprint: Fingerprint
    members: list[Member] = field(default_factory=list)

    @property
    def credential(self) -> Credential:
        """The one that is asked about."""
        return self.members[0].credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What this sweep found of one credential."""

    user: str
    name: str
    registry: str
    verdict: Outcome | None
    reason: Reason | None
    level: Level | None
    standing: Standing
    transition: Transition
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeftOver:
    """A credential that was not judged, and why."""

    user: str
    name: str
    reason: Reason


@dataclass(slots=True)
class LaneReport:
    """What one registry's lane did. `requests` counts every request that was sent, `refused_logins` every refused login."""

    registry: Host
    credentials: int = 0
    probes: int = 0
    requests: int = 0
    refused_logins: int = 0
    quarantined: bool = False
    done: int = 0
    waiting_until: datetime | None = None

    def count(self, exchange: Exchange) -> None:
        """One exchange of this lane's."""
        if exchange.status is not None or not exchange.unsent:
            self.requests += 1
        if exchange.step in (Step.LOGIN, Step.SCOPED) and exchange.authorized and exchange.status in (401, 403):
            self.refused_logins += 1


@dataclass(slots=True)
class Report:
    """A whole sweep."""

    sweep: str
    started_at: datetime
    finished_at: datetime | None = None
    lanes: list[LaneReport] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    left_over: list[LeftOver] = field(default_factory=list)
    sent: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A verdict about a secret, when, and whether anything was sent for it."""

    verdict: Verdict
    at: datetime
    sent: bool

    def ill(self) -> Heard:
        """The same as the registry's illness, not the secret's death."""
        return replace(self, verdict=Verdict(outcome=Outcome.UNKNOWN, reason=Reason.REGISTRY_ILL))


Told = Callable[[LaneReport], None]
"""Called when a lane has come further."""
