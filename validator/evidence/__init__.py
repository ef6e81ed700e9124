"""What was asked and what came back: exchanges without secrets, and what the ledger knew before. Pure values.

An `Exchange` is one request on the wire, or one that was not sent, with the reason. `Evidence` is all of them about one
credential (and one image), in order, with its subject and what was known. It holds no secret and no bearer token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

from yarl import URL

from validator.credential import SecretKind
from validator.evidence.base import Asker, Control, Failure, Opinion, Party, Step
from validator.protocol.errcode import BodyShape
from validator.protocol.manifest import ManifestFacts, Platform

__all__ = [
    "NOTHING_KNOWN",
    "Asker",
    "Control",
    "Demand",
    "Evidence",
    "Exchange",
    "Failure",
    "Grant",
    "Known",
    "ManifestSeen",
    "Opinion",
    "OpinionSeen",
    "Party",
    "Step",
    "Subject",
]

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a 401 without Authorization demands: the challenge that was chosen, its realm resolved and judged.

    `fault` is set when the realm may not have a secret (nothing is sent then); `realm` is None for Basic, whose own "realm"
    is a `label`: it may name the product, and is never a place to go to.
    """

    scheme: str
    realm: URL | None = None
    service: str = ""
    scope: str = ""
    error: str = ""
    fault: Failure | None = None
    label: str = ""

    def same_place(self, other: Demand) -> bool:
        """True if both would send a secret to the same realm, service and scheme."""
        return (self.scheme, self.realm, self.service) == (other.scheme, other.realm, other.service)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token answer says of itself, never the token: evidence that may deny, never proof of a grant.

    `pulls`: the readable `access` claim names our repository with pull (None: no claim to read).
    `anonymous`: its own claims say that nobody was logged in (GitLab's `auth_type: none`, an empty `sub`).
    """

    pulls: bool | None = None
    anonymous: bool | None = None
    life_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionSeen:
    """The few facts kept of an introspection; everything else of its answer is dropped unread.

    `why`: a reason code when it says in words why it refuses ("expired", "revoked") or may not pull ("sso_required").
    `scopes`: None where it does not tell. `owner` is a login name to compare with, never shown.
    """

    opinion: Opinion
    why: str = ""
    scopes: tuple[str, ...] | None = None
    kind: str = ""
    owner: str = ""
    expires_at: datetime | None = None
    never_expires: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSeen:
    """What a HEAD or GET of a manifest showed; `facts` only after a GET, or from the ledger by digest.

    `digest` is after a GET the content's own, after a HEAD what the registry says; `content` is a config's own.
    """

    kind: str = ""
    digest: str | None = None
    facts: ManifestFacts | None = None
    platform: Platform | None = None
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came back. `at` is epoch seconds, `ms` how long it took, `url` is fit to be shown.

    `authorized` is true only when this very request carried an Authorization: the party's pair, or the bearer made from it; `code` is a
    known registry error code, `text` its masked words (at most 500 characters); `next_url` where a redirect leads that may be followed (a
    fault otherwise is in `failure`). `basic`: a ping with the pair, "demanded" or "unasked" (an open registry). `unsent`: surely no byte left.
    """

    step: Step
    party: Party
    method: str
    url: str
    at: float = 0.0
    ms: float = 0.0
    status: int | None = None
    failure: Failure | None = None
    authorized: bool = False
    led: bool = False
    """A redirect of a request that carried an Authorization led here; this one has it only where the origin stayed."""
    basic: str = ""
    shape: BodyShape = BodyShape.EMPTY
    code: str = ""
    text: str = ""
    demand: Demand | None = None
    registry_sign: bool = False
    retry_after_s: float | None = None
    next_url: URL | None = None
    grant: Grant | None = None
    manifest: ManifestSeen | None = None
    opinion: OpinionSeen | None = None
    repository: str = ""
    pulls_left: int | None = None
    reused: bool = False
    unsent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom the evidence is about. `username` and `kind` (of token, by its form) are no secrets; `fault` is set when its
    form alone shows that it cannot work, and then nothing is sent. `own`: the image's repository is the credential's own.
    `given`: the secret came over HTTP, from somebody who may be trying secrets out. `leave_dead`: once dead, a sweep leaves it be.
    """

    host: str
    username: str = ""
    kind: str = ""
    fault: str = ""
    hints: tuple[str, ...] = ()
    expires_at: datetime | None = None
    short_lived: bool = False
    anonymous: bool = False
    repository: str = ""
    reference: str = ""
    platform: Platform | None = None
    own: bool = False
    asker: Asker = Asker.CHECK
    ip_restricted: bool = False
    key_never_used: bool = False
    no_repeat: bool = False
    introspect: bool = False
    given: bool = False
    leave_dead: bool = False
    sent_as: SecretKind = SecretKind.PASSWORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knew when the probe began; ages are seconds, None = never.

    `controls` maps a control step to its result (scoped and pull ones for this repository only); `refused_age_s`:
    this secret's last refusal with nothing accepted since; `denied_age_s`: its last unlisted 403 at login;
    `nxdomain_age_s`: first seen so; `throttled`: a login was asked to come later within the window of refused logins.
    """

    durable: bool = True
    challenge: Demand | None = None
    challenge_age_s: float = 0.0
    controls: Mapping[Step, Control] = field(default_factory=lambda: MappingProxyType({}))
    controls_for: Demand | None = None
    """The challenge that `controls` were made under; under another one they say nothing. None: under the one in force."""
    opinion_control: Control = Control.UNCLEAR
    anonymous: Control = Control.UNCLEAR
    ever_valid: bool = False
    asked_before: bool = False
    refused_age_s: float | None = None
    denied_age_s: float | None = None
    opinion: OpinionSeen | None = None
    was_registry: bool = False
    nxdomain_age_s: float | None = None
    ill: bool = False
    throttled: bool = False
    banned_left_s: float = 0.0
    """So much longer our address is thought banned; no login is sent meanwhile."""
    elsewhere: URL | None = None
    elsewhere_host: str = ""
    """Another registry to compare with: where it is pinged, and its name in the settings."""
    scope_accepts_anyone: bool = False


NOTHING_KNOWN: Final = Known()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All exchanges about one subject, in order, and what was known before the first."""

    subject: Subject
    known: Known = NOTHING_KNOWN
    exchanges: tuple[Exchange, ...] = ()
    _made: dict[str, tuple[object, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, name: str, by: object, make: Callable[[], Made]) -> Made:
        """What `make`, a pure function of it and of `by`, comes to: asked again for the same, it is not made again."""
        found = self._made.get(name)
        if found is None or found[0] is not by:
            found = self._made[name] = by, make()
        made: Made = found[1]
        return made

    def plus(self, exchange: Exchange) -> Evidence:
        """The same with one more exchange at the end."""
        return Evidence(self.subject, self.known, (*self.exchanges, exchange))

    def of(self, *steps: Step, party: Party | None = None) -> tuple[Exchange, ...]:
        """The exchanges at these steps, of `party` if one is given, in order."""
        return tuple([e for e in self.exchanges if e.step in steps and (party is None or e.party is party)])

    def last(self, *steps: Step, party: Party | None = None) -> Exchange | None:
        """The latest of them, or None."""
        found = self.of(*steps, party=party)
        return found[-1] if found else None

    def challenged(self) -> tuple[Demand | None, float]:
        """The challenge in force and its age in seconds at the last exchange: a fresh one, else the ledger's.

        Only answers to requests without Authorization count (registries/README.md 6.2).
        """
        return self.once("challenged", None, self._challenged)

    def _challenged(self) -> tuple[Demand | None, float]:
        if not self.exchanges:
            return self.known.challenge, self.known.challenge_age_s
        fresh = [
            e for e in self.exchanges if e.demand is not None and e.party is Party.ANONYMOUS and not e.authorized and e.step in (Step.PING, Step.PULL)
        ]
        pinged = [e for e in fresh if e.step is Step.PING] or fresh
        if pinged:
            return pinged[-1].demand, max(0.0, self.exchanges[-1].at - pinged[-1].at)
        return self.known.challenge, self.known.challenge_age_s + self.exchanges[-1].at - self.exchanges[0].at
