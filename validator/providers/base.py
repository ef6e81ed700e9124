"""What a provider is: one registry's hosts, forms, plan, extra rows, pace and words, as data. Pure.

A provider's file holds values of these types; nothing here knows a registry by name. registries/README.md 8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final

from pydantic import SecretStr
from yarl import URL

from validator.credential import Credential, Host, SecretKind, never_matches
from validator.evidence import Demand, OpinionSeen, Step
from validator.protocol.base import parse_json
from validator.protocol.errcode import BodyShape
from validator.protocol.token import TokenClaims, parse_claims
from validator.verdict import Meaning, Reason, Row, Says, Traits

HOUR_S: Final = 3600
DAY_S: Final = 86_400
CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""So much past its written end a secret is asked about all the same: our clock may be ahead."""
NEVER_AGAIN: Final = 36_500
"""Days: as `dead_again_days`, a dead secret is not asked about again until it changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast and how often a registry may be asked. Windows are seconds -> most refused logins in them."""

    per_second: float = 1.0
    burst: int = 5
    in_flight: int = 1
    preflight_in_flight: int = 8
    preflight_burst: int = 60
    refused: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({60: 4, 180: 15}))
    refused_per_username: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    confirm_after_s: float = 600.0
    repeat_after_s: float = 3.0
    control_fresh_s: float = DAY_S
    challenge_fresh_s: float = DAY_S
    per_day: int | None = None
    """Requests of sweeps in 24 hours; None: the rate alone decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the form of a username and secret shows offline. `fault` is a reason code when it cannot work as stored.

    `kind` is the vendor's own name of the token's kind, "" when not known; `introspect`: the vendor's introspection may be
    asked about it. It decides alone only through `fault`.
    """

    fault: str = ""
    kind: str = ""
    hints: tuple[str, ...] = ()
    expires_at: datetime | None = None
    short_lived: bool = False
    introspect: bool = False
    no_repeat: bool = False
    """A refused login of it is not repeated: a directory that locks may stand behind."""
    leave_dead: bool = False
    """Once dead it is not asked again until it changes: each refusal makes its owner's wait longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """A vendor's way to ask about a secret: never a login, so it costs no refusal there.

    `url` is the vendor's own (None: derived from the realm by `base_of`); `send` is how the secret travels: "form" (field
    `field_name`), "bearer", or a header named by `header`. `read` keeps the few facts that matter.
    """

    url: URL | None
    path: str
    method: str
    send: str
    read: Callable[[int, Mapping[str, str], object], OpinionSeen]
    field_name: str = ""
    header: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    base_of: Callable[[URL], URL | None] | None = None
    per_second: float = 1.0
    burst: int = 1
    refused: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    control: bool = False
    """Ask it about a made-up secret too, where the token endpoint hands tokens to anyone."""
    of_good_keys: bool = False
    """It tells scopes or an end, so a good key is asked about now and then (README 6.3)."""
    first_when_refused: bool = False
    """It is asked before the login for a secret that was last refused (GitLab)."""
    default_on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One registry: what is special about it. Shared code reads these fields and never its `key`."""

    key: str
    title: str
    hosts: frozenset[Host] = frozenset()
    host_form: re.Pattern[str] | None = None
    """The form of its other hosts' names, where every tenant has one: whole names, without a port."""
    gone: bool = False
    """Its `hosts` serve no registry any more: no secret is sent to them."""
    dial: Host | None = None
    """The host that is dialled for `hosts` (Docker Hub's API has another name); None = the host itself."""
    realm_hosts: frozenset[str] = frozenset()
    realm_elsewhere: bool = False
    """The registry's own host is never the token server, and gets no secret (Docker Hub)."""
    recognise: Callable[[Demand], bool] | None = None
    look: Callable[[str, str], Shape] = lambda username, secret: Shape()
    made_up: Callable[[Random], tuple[str, str]] | None = None
    """A username (made up unless the vendor fixes it) and a secret of the vendor's form, random."""
    traits: Traits = field(default_factory=Traits)
    table: tuple[Row, ...] = ()
    login_scope: str = ""
    """The scope that a login without a repository asks for; "" = none."""
    default_username: str = ""
    """Sent where the stored username is empty and the vendor looks at none."""
    fixed_username: str = ""
    """The one username of all its users: it says nothing of whose login it is, and no account is locked by it."""
    nobody_claims: Callable[[TokenClaims], bool | None] | None = None
    """What a token's own claims say: True, nobody was logged in; None, they do not tell."""
    canary_is_token: bool = False
    """Only an access token may be the operator's canary: tokens have failed for all while passwords worked (Docker Hub)."""
    own_namespace: bool = False
    """A repository under the username's own name is the credential's own."""
    health_at_own_realm: bool = False
    """Anonymous token requests are answered only where the realm is the registry itself (NGC)."""
    opinion_on_denied: bool = False
    """A 403 at login is brought before the introspection too."""
    recheck_words: bool = False
    """Words that have been said to all by mistake need a control of the last minutes (Docker Hub)."""
    repeat_at_login: bool = False
    """A refused scoped login is repeated as a login without scope (NGC, GHCR)."""
    scope_first: bool = False
    """With an image the scoped login is made first: without a scope the token endpoint may look at nothing."""
    lines_inside: bool = False
    """A secret may hold line ends: it may be a whole file."""
    nodes_bring: bool = False
    """Its cloud's nodes may bring credentials of their own: an image that no stored key matches is not denied for it."""
    metered: bool = False
    """A GET of a manifest costs a pull of somebody's quota."""
    pull_401_twice: bool = False
    """A 401 at the manifest is asked once more with a new token: it is said in passing, too (GHCR)."""
    get_on_403: bool = False
    """One GET after a HEAD that said 403: the words tell why."""
    doubts_403: bool = False
    """A 403 at login says nothing until the control was asked (GitLab)."""
    detail_path: Callable[[str], str] | None = None
    detail_read: Callable[[int, Mapping[str, str], object], OpinionSeen] | None = None
    pace: Pace = field(default_factory=Pace)
    dead_again_days: tuple[int, ...] | None = None
    """Days after its last refusal that a sweep asks a dead secret again, the last for ever; None: the settings'."""
    token_pace: tuple[float, int] | None = None
    """(requests a second, burst) of the token endpoint's own host, where it has one of its own."""
    introspection: Introspection | None = None
    secret_shapes: tuple[re.Pattern[str], ...] = ()
    renew: URL | None = None
    causes: Mapping[Reason, str] = field(default_factory=lambda: MappingProxyType({}))
    advice: Mapping[Reason, str] = field(default_factory=lambda: MappingProxyType({}))

    def names(self, host: str) -> bool:
        """True if `host` is one of its own, by name or by the form of its name."""
        return host in self.hosts or (self.host_form is not None and self.host_form.fullmatch(host) is not None)


_PING: Final = frozenset({Step.PING})
BEARER_ONLY: Final[tuple[Says, ...]] = (
    Says(row="bearer only", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=_PING, statuses=frozenset({401}), demands="basic"),
    Says(
        row="bearer only, open",
        meaning=Meaning.UNKNOWN,
        reason=Reason.PROTOCOL,
        steps=_PING,
        statuses=frozenset({200}),
        shapes=frozenset(BodyShape) - {BodyShape.HTML},
    ),
)
"""Rows of a vendor whose registry always demands a Bearer: another answer to a ping is not its own, and gets no secret."""


FOREIGN: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("ngc", re.compile(r"nvapi-")),
    ("dockerhub", re.compile(r"dckr_(pat|oat)_")),
    ("ghcr", re.compile(r"gh[pousr]_|github_pat_")),
    ("gitlab", re.compile(r"gl(pat|dt|cbt|rt|rtr|ptt|ft|imt|agent|oas|soat|ffct|wt)-")),
    ("huggingface", re.compile(r"hf_[A-Za-z0-9]{20}")),
    ("digitalocean", re.compile(r"do[opr]_v1_[a-f0-9]{64}")),
)
"""Prefixes of vendors' tokens; a named provider refuses the others' before anything is sent (7.5)."""


def foreign(secret: str, own: str) -> bool:
    """True if `secret` has another named vendor's prefix than that of provider `own`."""
    text = secret.strip()
    return any(pattern.match(text) and key != own for key, pattern in FOREIGN)


def jwt_end(secret: str) -> tuple[datetime | None, bool]:
    """When a JWT says that it ends, and whether it was made for a day at most; (None, False) for any other text."""
    claims = parse_claims(secret)
    if claims is None or claims.exp is None or not 0 < claims.exp < _LAST_INSTANT:
        return None, False
    return datetime.fromtimestamp(claims.exp, UTC), claims.iat is not None and claims.exp - claims.iat <= DAY_S


_LAST_INSTANT: Final = 253_402_300_800
"""Epoch seconds of the year 10000, which no `datetime` holds."""
_SECRET_CONTROLS: Final = re.compile(r"[\x00\x7f]")
_NO_FIELD: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What travels in base64 or in a form, and in no header of its own."""
_NAME_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f:]")


def common_fault(username: str, secret: str, *, lines_inside: bool = False) -> str:
    """What is wrong with any pair, whatever the registry: a reason code, or "".

    White space around a secret is not meant: it is sent as stored and the wire decides (README 4.2.5). `lines_inside`: a
    secret may be a whole file; one that is a JSON object is one anywhere (key files of several clouds, others.md 3, 19).
    """
    if not secret.strip():
        return Reason.EMPTY_SECRET
    if _NAME_CONTROLS.search(username):
        return Reason.BAD_CHARACTERS
    inside = secret.strip(" \t\r\n")
    try:
        f"{username}:{secret}".encode()
    except UnicodeEncodeError:
        return Reason.BAD_CHARACTERS
    lines = "\r" in inside or "\n" in inside
    if _SECRET_CONTROLS.search(secret) or (lines and not lines_inside and not isinstance(parse_json(inside.encode()), dict)):
        return Reason.BAD_CHARACTERS
    return ""


_DECISIVE: Final = (Reason.DISABLED_BY_OPERATOR, Reason.USERNAME_LOST, Reason.UNREADABLE)
"""What of a credential's flaws decides alone, the first that it has."""


def shape_of(provider: Provider, credential: Credential, now: datetime) -> Shape:
    """The offline look at one credential: the rules for all, then the provider's own. It decides alone only by `fault`.

    A short-lived kind that is past the end which stands in it is not asked about at `now` (registries/others.md G10).
    """
    secret = credential.secret.get_secret_value()
    flaw, hints = "", credential.flaws
    if hints:
        flaw = next((f for f in _DECISIVE if f in credential.flaws), "")
        hints = tuple(f for f in credential.flaws if f not in _DECISIVE)
    token = credential.kind is SecretKind.IDENTITY_TOKEN
    fault = flaw or common_fault("" if token else credential.username, secret, lines_inside=provider.lines_inside)
    if not fault and provider.gone and provider.names(credential.scope.host):
        fault = Reason.NOT_A_REGISTRY
    if not fault and credential.kind is SecretKind.REGISTRY_TOKEN:
        fault = Reason.SHORT_LIVED
    if fault:
        return Shape(fault=str(fault), hints=hints)
    seen = provider.look(credential.username, secret) if not token else Shape()
    if secret != secret.strip():
        hints = (*hints, "whitespace")
    if credential.written and never_matches(credential.written, credential.scope):
        hints = (*hints, "never_matches")
    over = seen.short_lived and seen.expires_at is not None and seen.expires_at <= now - CLOCKS_DIFFER
    in_form = provider.introspection is not None and provider.introspection.send == "form"
    told = seen.introspect and (in_form or (secret == secret.strip() and _NO_FIELD.search(secret) is None))
    if not (seen.fault or over or hints) and told is seen.introspect:
        return seen
    return replace(seen, fault=str(seen.fault or (Reason.SHORT_LIVED if over else "")), hints=(*hints, *seen.hints), introspect=told)


def random_text(random: Random, length: int, alphabet: str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") -> str:
    """`length` random characters of `alphabet`."""
    return "".join(random.choices(alphabet, k=length))


def made_up_pair(provider: Provider, random: Random) -> tuple[str, SecretStr]:
    """A pair that no registry can know: the vendor's form, random content, a made-up username unless the vendor fixes it."""
    if provider.made_up is None:
        return f"validator-control-{random_text(random, 12).lower()}", SecretStr(random_text(random, 40))
    username, secret = provider.made_up(random)
    return username, SecretStr(secret)


def made_up_token(random: Random) -> SecretStr:
    """An identity token that no registry can know; they are opaque, and have no vendor's form."""
    return SecretStr(random_text(random, 64))
