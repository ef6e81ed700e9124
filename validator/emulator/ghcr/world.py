"""GitHub's tokens with right checksums, packages, and who may read what: the planted world of the GHCR emulator.

registries/ghcr.md 2 (shapes, checksums, kinds), 4 (who may pull), 6 (policies of organizations).
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from validator.emulator.base import ALNUM, BASE64URL, HEX, Document, Image, letters, make_image, make_jwt

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DAY_S: Final = 86400
LIFETIME_LIMIT_S: Final = 366 * _DAY_S
"""An enterprise's policy: a classic token's lifetime of more than 365 days is refused."""


class Kind(StrEnum):
    """What a secret is."""

    CLASSIC = "ghp"
    OAUTH = "gho"
    APP_USER = "ghu"
    INSTALLATION = "ghs of an app"
    ACTIONS = "ghs of a job"
    FINE_GRAINED = "github_pat"
    OLD = "40 hex digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One issued secret. `expires_at`, `created_at` are epoch seconds; `scopes` count for classic and OAuth tokens only.

    `state` is what happened to it besides its end date; `sso_authorised` names organizations; `repositories` are those that
    a job's token is of.
    """

    name: str
    secret: str
    kind: Kind = Kind.CLASSIC
    owner: str = "octo"
    state: Literal["live", "expired", "revoked", "regenerated"] = "live"
    scopes: tuple[str, ...] = ("read:packages",)
    created_at: float = 0
    expires_at: float | None = None
    sso_authorised: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()

    def is_live(self, now: float) -> bool:
        return self.state == "live" and (self.expires_at is None or now < self.expires_at)

    @property
    def may_read_packages(self) -> bool:
        return bool({"read:packages", "write:packages"} & set(self.scopes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One container package, `OWNER/NAME`; `readers` are logins, `linked_repository` grants a job's token."""

    name: str
    visibility: Literal["public", "internal", "private"] = "private"
    readers: frozenset[str] = frozenset({"octo"})
    linked_repository: str = ""
    tags: Mapping[str, Image] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    @property
    def is_public(self) -> bool:
        return self.visibility == "public"

    def manifest(self, reference: str) -> Document | None:
        """What a tag or digest names, whatever the client accepts."""
        if reference in self.tags:
            return self.tags[reference].top
        found = (image.manifests.get(reference) for image in self.tags.values())
        return next((document for document in found if document is not None), None)

    def blob(self, digest: str) -> Document | None:
        found = (image.blobs.get(digest) for image in self.tags.values())
        return next((document for document in found if document is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the emulated GitHub behaves; the defaults are what the page holds most likely.

    `token_endpoint` "echoes": 200 and the base64 of whatever came, refused at the manifest. `incident`: "token_403_all"
    (every token `denied`), "public_401" (public packages 401), "api_ok_ghcr_down" (the registry 503). `rate_429`: so many
    requests at the registry get 429 (True: all). `api_bad_creds_lock_after`: after so many invalid tokens of one address
    all authentication at the API is refused for 15 minutes. `api_limit`: "secondary" (403 with `Retry-After`), "primary"
    (403, nothing remaining). `scope_missing_public`: whether tokens that may not pull are let at public packages.
    `sso`, `ip_allow_list`, `lifetime_policy`: organizations that enforce these; `sso_status` is how the registry refuses
    then. `expiration_header`: how the API writes a token's end. `realm`: named in the challenge instead of the true one.
    """

    token_endpoint: Literal["verifies", "echoes"] = "verifies"
    incident: Literal["token_403_all", "public_401", "api_ok_ghcr_down"] | None = None
    anon_private: Literal[401, 403] = 401
    rate_429: int | bool = False
    api_bad_creds_lock_after: int | None = None
    api_limit: Literal["primary", "secondary"] | None = None
    fine_grained_supported: bool = False
    scope_missing_public: Literal["deny", "allow"] = "deny"
    sso: frozenset[str] = frozenset({"sso-org"})
    sso_status: Literal[401, 403] = 403
    ip_allow_list: frozenset[str] = frozenset({"walled-org"})
    lifetime_policy: frozenset[str] = frozenset({"strict-org"})
    expiration_header: Literal["utc", "offset", "absent"] = "utc"
    realm: str | None = None


class Refused(StrEnum):
    """Why a live token may not read a package."""

    SCOPES = "expected scopes"
    NO_RIGHT = "no right"
    SSO = "single sign-on"
    ADDRESS = "address"
    LIFETIME = "lifetime"


def checked(prefix: str, seed: str, length: int = 30) -> str:
    """A token `ghp_…`: `length` made-up characters and their CRC-32 in base 62, six characters."""
    body = letters(f"{prefix} {seed}", length, ALNUM)
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return f"{prefix}_{body}{digits}"


def fine_grained(seed: str) -> str:
    """A token `github_pat_…` of 93 characters with the checksum that its makers never described."""
    body = f"github_pat_1{letters(f'pat a {seed}', 21, ALNUM)}_{letters(f'pat b {seed}', 43, ALNUM)}"
    check = base64.b32encode(hashlib.sha256(body.encode()).digest()).decode()[:8]
    return body + check + letters(f"pat c {seed}", 8, ALNUM)


def installation(seed: str, *, long: bool) -> str:
    """An app's installation token: `ghs_APPID_JWT` of about 520 characters, or the 36 of before 2026-04-27."""
    if not long:
        return checked("ghs", seed)
    claims = {"iss": "github-apps", "jti": letters(f"jti {seed}", 220, BASE64URL), "iat": 1777248000, "exp": 1777251600}
    return f"ghs_1234567_{make_jwt(claims)}"


def default_tokens(seed: str, now: float, *, long_ghs: bool) -> tuple[Token, ...]:
    """The planted tokens; the first is good."""
    jobs = frozenset({"octo/app"})
    end = now + 300 * _DAY_S
    return (
        Token(name="good", secret=checked("ghp", f"{seed} good"), created_at=now, expires_at=end),
        Token(name="other", secret=checked("ghp", f"{seed} other"), owner="hubot", created_at=now, expires_at=end),
        Token(name="endless", secret=checked("ghp", f"{seed} endless"), created_at=now),
        Token(name="expiring", secret=checked("ghp", f"{seed} expiring"), created_at=now, expires_at=now + 5 * _DAY_S),
        Token(name="expired", secret=checked("ghp", f"{seed} expired"), created_at=now - 91 * _DAY_S, expires_at=now - _DAY_S),
        Token(name="revoked", secret=checked("ghp", f"{seed} revoked"), created_at=now, state="revoked"),
        Token(name="regenerated", secret=checked("ghp", f"{seed} regenerated"), created_at=now, state="regenerated"),
        Token(name="scopeless", secret=checked("ghp", f"{seed} scopeless"), scopes=(), created_at=now, expires_at=end),
        Token(name="repo_only", secret=checked("ghp", f"{seed} repo_only"), scopes=("repo",), created_at=now, expires_at=end),
        Token(
            name="sso_authorised",
            secret=checked("ghp", f"{seed} sso_authorised"),
            created_at=now,
            expires_at=end,
            sso_authorised=frozenset({"sso-org"}),
        ),
        Token(name="fine_grained", secret=fine_grained(seed), kind=Kind.FINE_GRAINED, created_at=now, expires_at=end),
        Token(name="oauth", secret=checked("gho", seed), kind=Kind.OAUTH, created_at=now),
        Token(name="app_user", secret=checked("ghu", seed), kind=Kind.APP_USER, created_at=now, expires_at=now + 8 * 3600),
        Token(name="installation", secret=installation(seed, long=long_ghs), kind=Kind.INSTALLATION, created_at=now, expires_at=now + 3600),
        Token(
            name="job",
            secret=checked("ghs", f"{seed} job"),
            kind=Kind.ACTIONS,
            created_at=now,
            expires_at=now + 3600,
            repositories=jobs,
        ),
        Token(name="old", secret=letters(f"{seed} old", 40, HEX), kind=Kind.OLD, created_at=now),
    )


def default_packages() -> tuple[Package, ...]:
    """The planted packages; all have the tag `1`, the private one also single manifests."""
    index, single = make_image(), make_image(("linux/amd64",), seed="single")
    tags = {"1": index, "latest": index, "single": single}
    everyone = frozenset({"octo", "hubot"})
    return (
        Package(name="octo/app", linked_repository="octo/app", tags=tags),
        Package(name="octo/public", visibility="public", readers=everyone, tags=tags),
        Package(name="hubot/private", readers=frozenset({"hubot"}), tags=tags),
        Package(name="corp/internal", visibility="internal", readers=frozenset({"octo"}), tags=tags),
        Package(name="sso-org/app", readers=everyone, tags=tags),
        Package(name="walled-org/app", readers=everyone, tags=tags),
        Package(name="strict-org/app", readers=everyone, tags=tags),
    )


def why_refused(token: Token, package: Package | None, rules: Rules) -> Refused | None:
    """Why a live `token` may not pull `package` (None: there is none of that name); None: it may."""
    is_job = token.kind is Kind.ACTIONS
    supported = token.kind in (Kind.CLASSIC, Kind.OAUTH, Kind.OLD, Kind.APP_USER) or is_job
    supported |= token.kind is Kind.FINE_GRAINED and rules.fine_grained_supported
    scoped = token.may_read_packages or token.kind is not Kind.CLASSIC
    if package is not None and package.is_public and rules.scope_missing_public == "allow":
        return None
    if not supported or not scoped:
        return Refused.NO_RIGHT if token.kind is Kind.INSTALLATION else Refused.SCOPES
    if package is None:
        return Refused.NO_RIGHT
    if package.is_public:
        return None
    if package.owner in rules.sso and package.owner not in token.sso_authorised:
        return Refused.SSO
    if package.owner in rules.ip_allow_list:
        return Refused.ADDRESS
    lasts_s = LIFETIME_LIMIT_S if token.expires_at is None else token.expires_at - token.created_at
    if package.owner in rules.lifetime_policy and token.kind is Kind.CLASSIC and lasts_s >= LIFETIME_LIMIT_S:
        return Refused.LIFETIME
    readable = package.linked_repository in token.repositories if is_job else token.owner in package.readers
    return None if readable else Refused.NO_RIGHT
