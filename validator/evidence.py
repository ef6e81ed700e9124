"""What was asked and what came back: exchanges without secrets, and what the ledger knew before. Pure values.

An `Exchange` is one request on the wire, or one that was not sent, with the reason. `Evidence` is all of them about one
credential (and one image), in order, with its subject and what was known. It holds no secret and no bearer token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from yarl import URL

from validator.credential import SecretKind
from validator.protocol.errcode import BodyShape
from validator.protocol.manifest import ManifestFacts, Platform


class Step(StrEnum):
    """Where in the conversation a request stands. On a Basic registry, LOGIN is the ping with the pair."""

    PING = "ping"
    LOGIN = "login"
    SCOPED = "scoped_login"
    PULL = "pull"
    MANIFEST = "manifest"
    CONFIG = "config"
    OPINION = "opinion"
    DETAIL = "detail"
    ELSEWHERE = "elsewhere"


class Party(StrEnum):
    """Whose secret a request carries; one party's bearer token never answers for another."""

    SUBJECT = "subject"
    ANONYMOUS = "anonymous"
    CONTROL = "control"
    CANARY = "canary"


class Asker(StrEnum):
    """Who waits for the answer: somebody now (a refused login is repeated once), or a sweep (it is confirmed later)."""

    CHECK = "check"
    PREFLIGHT = "preflight"
    SWEEP = "sweep"


class Failure(StrEnum):
    """Why there is no answer; each is the reason of an `unknown` by the same name."""

    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_FAILURE = "dns_failure"
    CONNECT_FAILED = "connect_failed"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_NAME = "tls_name"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    PROTOCOL = "protocol"
    BODY_TOO_LARGE = "body_too_large"
    PROXY_ERROR = "proxy_error"
    UNSAFE_ADDRESS = "unsafe_address"
    UNSAFE_REALM = "unsafe_realm"
    UNSAFE_REDIRECT = "unsafe_redirect"
    INSECURE_SCHEME = "insecure_scheme"
    BUDGET_SPENT = "budget_spent"
    ADDRESS_BANNED = "address_banned"
    """Not sent: the registry said a while ago that our address is banned, and that lasts."""
    NOT_MADE = "control_missing"
    """A control that may not be made here: no durable ledger, or switched off."""


class Control(StrEnum):
    """What a control at one step came to."""

    REFUSED = "refused"
    DENIED = "denied"
    """Refused, by a 403: as good as refused wherever the vendor's page does not tell them apart."""
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"
    """Not made, or its answer says nothing: the same as missing."""


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


class Opinion(StrEnum):
    """What a vendor's own introspection said of the secret."""

    AGREES = "agrees"
    """It refuses the secret too."""
    KNOWS = "knows"
    """The secret lives."""
    SILENT = "silent"
    """No usable answer: never a verdict."""


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
    """What a HEAD or GET of a manifest showed; `facts` only after a GET, or from the ledger by digest."""

    kind: str = ""
    digest: str | None = None
    facts: ManifestFacts | None = None
    platform: Platform | None = None


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
    worked_out: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What pure functions made of it: asked once more, they need not make it again."""

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
        found: tuple[Demand | None, float] | None = self.worked_out.get("challenged")
        if found is None:
            found = self.worked_out["challenged"] = self._challenged()
        return found

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
