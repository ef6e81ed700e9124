"""What a sweep works on and what it tells: values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from validator.credential import Host, RegistryScope
from validator.evidence import Exchange, Failure, Step
from validator.ledger.statuses import StatusKey
from validator.protocol.reference import Reference
from validator.sealing import Fingerprint
from validator.status import Standing, State, Transition
from validator.telling import Counts
from validator.verdict import Level, Outcome, Reason, Verdict

NOT_SENT: Final = frozenset({
    Failure.BUDGET_SPENT, Failure.NOT_MADE, Failure.INSECURE_SCHEME, Failure.UNSAFE_ADDRESS, Failure.UNSAFE_REALM, Failure.DNS_NXDOMAIN,
    Failure.DNS_FAILURE,
})  # fmt: skip
APART: Final = frozenset({Step.OPINION, Step.DETAIL, Step.ELSEWHERE})
"""Requests to other hosts than the registry's and its token server's: counted apart (registries/README.md 6.3)."""


@dataclass(slots=True)
class Member:
    """One stored credential of a secret that several may share; the secret itself is read when it is asked about."""

    user: str
    name: str
    scope: RegistryScope
    key: StatusKey
    standing: Standing


@dataclass(slots=True)
class Shared:
    """One secret at one host, and every stored credential that holds it: asked once.

    `image` is what a pull is proven with; `of_all`: the secret has read it before, so that its denial speaks of every
    member, not of those alone whose scope covers it. `formerly`: it was valid once.
    """

    host: Host
    fingerprint: Fingerprint
    members: list[Member] = field(default_factory=list)
    image: Reference | None = None
    of_all: bool = False
    formerly: bool = False
    anew: bool = False
    """Asked once more because the stored row had changed: not a second time."""

    @property
    def dead(self) -> bool:
        """True if nothing is left to be said against any member."""
        return all(member.standing.state is State.DEAD for member in self.members)

    @property
    def suspect(self) -> bool:
        """True if a member waits for its confirmation."""
        return any(member.standing.state is State.SUSPECT for member in self.members)

    def speaks_of(self, member: Member) -> bool:
        """True if what is said of the image holds for `member`."""
        return self.image is None or self.of_all or member.scope.covers(self.host, self.image.repository)

    def confirmed_from(self, confirm_after_s: float) -> datetime | None:
        """When the last of its suspects may be confirmed; None if there is none."""
        times = [at for member in self.members if (at := member.standing.confirmed_from(confirm_after_s)) is not None]
        return max(times, default=None)


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
    finished: bool = False

    def count(self, exchange: Exchange) -> None:
        """One exchange of this lane's."""
        if exchange.step in APART or (exchange.status is None and exchange.failure in NOT_SENT):
            return
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
    notices: Counts = field(default_factory=Counts)
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said of a secret and when. `login` is the verdict without the image, for those whom the image does not concern.

    `sent`: anything went over the wire; `confirmable`: the same login may be sent again in this sweep. `dead_again_days`: its own
    days for asking again once it is dead; None: the settings'.
    """

    verdict: Verdict
    at: datetime
    sent: bool = True
    login: Verdict | None = None
    confirmable: bool = True
    healthy: bool = False
    dead_again_days: tuple[int, ...] | None = None

    def of(self, shared: Shared, member: Member) -> Verdict:
        """The verdict about one of the secret's credentials."""
        return self.verdict if self.login is None or shared.speaks_of(member) else self.login

    def ill(self) -> Heard:
        """The same as the registry's illness, not the secret's death."""
        return replace(self, verdict=unknown(Reason.REGISTRY_ILL), login=None)


def unknown(reason: Reason) -> Verdict:
    """`unknown (reason)`."""
    return Verdict(outcome=Outcome.UNKNOWN, reason=reason)


Told = Callable[[LaneReport], None]
"""Called when a lane has come further."""
