"""What a sweep works on and what it tells: values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from validator.credential import Host, RegistryScope
from validator.evidence import Exchange, Failure, Step
from validator.ledger.plans import PlanRow, Share
from validator.ledger.statuses import StatusKey
from validator.ledger.sub_lanes import SubLane
from validator.ledger.sweeps import LaneRow
from validator.protocol.reference import Reference
from validator.sealing import Fingerprint
from validator.status import Said, Standing, State
from validator.status import heard as kind_of
from validator.telling import Counts
from validator.verdict import Outcome, Reason, Verdict

NOT_SENT: Final = frozenset({
    Failure.BUDGET_SPENT, Failure.NOT_MADE, Failure.INSECURE_SCHEME, Failure.UNSAFE_ADDRESS, Failure.UNSAFE_REALM, Failure.DNS_NXDOMAIN,
    Failure.DNS_FAILURE, Failure.PAUSED,
})  # fmt: skip
APART: Final = frozenset({Step.OPINION, Step.DETAIL, Step.ELSEWHERE})
"""Requests to other hosts than the registry's and its token server's: counted apart (registries/README.md 6.3)."""


@dataclass(slots=True)
class Member:
    """One stored credential of a secret that several may share; the secret itself is read when it is asked about."""

    plan: PlanRow
    scope: RegistryScope
    key: StatusKey
    standing: Standing

    @property
    def place(self) -> tuple[str, str]:
        """Its user and name."""
        return self.plan.user, self.plan.name


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said of a secret and when. `login` is the verdict without the image, for those whom the image does not concern.

    `sent`: anything went over the wire; `confirmable`: the same login may be sent again in this sweep; `healthy`: the
    registry was seen well since the first word. `dead_again_days`: its own days for asking again once it is dead; None: the
    settings'. `evidence` are the exchanges as they are shown, without secrets.
    """

    verdict: Verdict
    at: datetime
    sent: bool = True
    login: Verdict | None = None
    confirmable: bool = True
    healthy: bool = False
    dead_again_days: tuple[int, ...] | None = None
    evidence: tuple[Mapping[str, Any], ...] = ()

    @property
    def kind(self) -> Said:
        """Its kind, as far as states go."""
        return kind_of(self.verdict, sent=self.sent)

    @property
    def against(self) -> bool:
        """True if it speaks against the secret, and is believed only when it is said twice."""
        return self.kind in (Said.REFUSED, Said.LACKS)

    def of(self, shared: Shared, member: Member) -> Verdict:
        """The verdict about one of the secret's credentials."""
        return self.verdict if self.login is None or shared.speaks_of(member) else self.login

    def ill(self) -> Heard:
        """The same as the registry's illness, not the secret's death."""
        return replace(self, verdict=unknown(Reason.REGISTRY_ILL), login=None) if self.against else self


@dataclass(slots=True)
class Shared:
    """One secret at one host, and every stored credential of a sweep that holds it: asked once.

    `image` is what a pull is proven with; `proof`: its text as a member brought it, None for the operator's and for one that
    was read. `of_all`: the secret has read it before, so that its denial speaks of every member, not of those alone whose scope
    covers it. `formerly`: it was valid once. `words`: what was said of it in this sweep and waits to be believed. `proven_at`:
    its last acceptance, where nothing was refused since.
    """

    host: Host
    fingerprint: Fingerprint
    place: int
    members: list[Member] = field(default_factory=list)
    image: Reference | None = None
    proof: str | None = None
    of_all: bool = False
    formerly: bool = False
    words: tuple[Heard, ...] = ()
    proven_at: datetime | None = None

    @property
    def dead(self) -> bool:
        """True if nothing is left to be said against any member."""
        return all(member.standing.state is State.DEAD for member in self.members)

    @property
    def suspect(self) -> bool:
        """True if a member waits for its confirmation."""
        return any(member.standing.state is State.SUSPECT for member in self.members)

    @property
    def refused_before(self) -> bool:
        """True if a word would be the second refusal: what was said before has to stand against the registry's health."""
        held = any(word.kind is Said.REFUSED for word in self.words)
        return held or any(member.standing.suspected_of is Said.REFUSED for member in self.members)

    def first_refused_at(self) -> datetime | None:
        """When it was (last) refused for the first time; None if it is not suspect of that."""
        times = [word.at for word in self.words if word.kind is Said.REFUSED]
        times += [
            at for member in self.members if (at := member.standing.first_refused_at) is not None and member.standing.suspected_of is Said.REFUSED
        ]
        return max(times, default=None)

    def speaks_of(self, member: Member) -> bool:
        """True if what is said of the image holds for `member`: not for a whole host's credential, where another brought the image."""
        if self.image is None or self.of_all:
            return True
        own = self.proof is None or bool(member.scope.path) or member.plan.image == self.proof
        return own and member.scope.covers(self.host, self.image.repository)

    def confirmed_from(self, confirm_after_s: float) -> datetime | None:
        """When the last of its suspects may be confirmed; None if there is none."""
        times = [at for member in self.members if (at := member.standing.confirmed_from(confirm_after_s)) is not None]
        return max(times, default=None)


@dataclass(slots=True)
class LaneReport:
    """What one registry's lane did. `requests` counts every request that was sent, `refused_logins` every refused login.

    `asked` and `fell` are the guard's numbers; `suspects`: credentials that something was said against, for the eye.
    `held_by_other`: another sweep holds the lane, and is waited for.
    """

    registry: Host
    credentials: int = 0
    done: int = 0
    probes: int = 0
    requests: int = 0
    refused_logins: int = 0
    asked: int = 0
    fell: int = 0
    suspects: int = 0
    quarantined: bool = False
    waiting_until: datetime | None = None
    held_by_other: bool = False
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """True when it is through."""
        return self.finished_at is not None

    def count(self, exchange: Exchange) -> None:
        """One exchange of this lane's."""
        if exchange.step in APART or (exchange.status is None and exchange.failure in NOT_SENT):
            return
        self.requests += 1
        if exchange.step in (Step.LOGIN, Step.SCOPED) and exchange.authorized and exchange.status in (401, 403):
            self.refused_logins += 1

    def row(self, sweep: str) -> LaneRow:
        """As the ledger keeps it."""
        return LaneRow(
            sweep=sweep, host=self.registry, credentials=self.credentials, done=self.done, probes=self.probes, requests=self.requests,
            refused_logins=self.refused_logins, asked=self.asked, fell=self.fell, quarantined=self.quarantined, waiting_until=self.waiting_until,
            finished_at=self.finished_at,
        )  # fmt: skip

    def part(self, sweep: str, share: Share) -> SubLane:
        """As the ledger keeps the numbers of a part of it."""
        return SubLane(
            sweep=sweep, host=self.registry, part=share[0], parts=share[1], done=self.done, probes=self.probes, requests=self.requests,
            refused_logins=self.refused_logins, asked=self.asked, fell=self.fell, finished_at=self.finished_at,
        )  # fmt: skip

    def go_on_from(self, kept: LaneRow) -> None:
        """Take over what an earlier process of the same sweep had counted."""
        self.probes, self.requests, self.refused_logins = kept.probes, kept.requests, kept.refused_logins
        self.asked, self.fell, self.quarantined, self.finished_at = kept.asked, kept.fell, kept.quarantined, kept.finished_at

    def go_on_from_part(self, kept: SubLane) -> None:
        """The same of a part of a lane."""
        self.done, self.probes, self.requests, self.refused_logins = kept.done, kept.probes, kept.requests, kept.refused_logins
        self.asked, self.fell, self.finished_at = kept.asked, kept.fell, kept.finished_at


@dataclass(slots=True)
class Report:
    """A whole sweep; its rows are in the ledger's plan. `resumed`: an earlier process had begun it. `found`: states that are bad."""

    sweep: str
    started_at: datetime
    finished_at: datetime | None = None
    lanes: list[LaneReport] = field(default_factory=list)
    totals: Mapping[str, int] = field(default_factory=dict)
    left_over: int = 0
    bad: int = 0
    notices: Counts = field(default_factory=Counts)
    stopped: bool = False
    resumed: bool = False


def unknown(reason: Reason) -> Verdict:
    """`unknown (reason)`."""
    return Verdict(outcome=Outcome.UNKNOWN, reason=reason)


Told = Callable[[LaneReport], None]
"""Called when a lane has come further."""
