"""GitHub's container registry, `ghcr.io`. Facts: registries/ghcr.md (sections 1, 2, 3, 6, 8)."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Control, Opinion, OpinionSeen, Step
from validator.protocol.errcode import BodyShape
from validator.providers.base import Introspection, Pace, Provider, Shape, foreign, random_text
from validator.verdict import Level, Meaning, Outcome, Reason, Says, Traits, row, words

FINE_GRAINED: Final = "fine-grained personal access token"
INSTALLATION: Final = "installation token"
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKED: Final = {"ghp_": "classic personal access token", "gho_": "OAuth token", "ghu_": "App user token"}
_OLD: Final = re.compile(r"[0-9a-f]{40}")
_FINE: Final = re.compile(r"github_pat_[0-9][A-Za-z0-9]{21}_[A-Za-z0-9]{59}")
_LOGINS: Final = frozenset({Step.LOGIN, Step.SCOPED})


def checksum(text: str) -> str:
    """The last six characters of a `ghp_`-like token for its first 30: CRC-32 in base 62, left-padded with 0."""
    number, digits = zlib.crc32(text.encode("ascii", "replace")), ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits.rjust(6, "0")


def _fine_grained_checks(text: str) -> bool:
    return text[77:85] == base64.b32encode(hashlib.sha256(text[:77].encode()).digest()).decode()[:8]


def look(username: str, secret: str) -> Shape:
    """Kind by prefix; a failed checksum or length of `ghp_`, `gho_`, `ghu_` means cut or mistyped. The username is not looked at."""
    text = secret.strip()
    if foreign(text, "ghcr"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if text.startswith("ghr_"):
        return Shape(fault=Reason.WRONG_KIND)
    for prefix, kind in _CHECKED.items():
        if text.startswith(prefix):
            body = text[4:]
            if not (body.isascii() and body.isalnum()) or checksum(body[:30]) != body[30:]:  # six: a cut one has fewer
                return Shape(fault=Reason.MALFORMED_TOKEN, kind=kind)
            return Shape(kind=kind, introspect=True, short_lived=prefix == "ghu_")
    if text.startswith("github_pat_"):
        if not _FINE.fullmatch(text):
            return Shape(fault=Reason.MALFORMED_TOKEN, kind=FINE_GRAINED)
        return Shape(kind=FINE_GRAINED, introspect=True, hints=() if _fine_grained_checks(text) else ("looks_cut",))
    if text.startswith("ghs_"):
        if not re.fullmatch(r"ghs_[A-Za-z0-9._-]{36,}", text):
            return Shape(fault=Reason.MALFORMED_TOKEN, kind=INSTALLATION)
        return Shape(kind=INSTALLATION, introspect=True)
    if _OLD.fullmatch(text):
        return Shape(kind="token of before April 2021", introspect=True)
    return Shape(kind="password", hints=("use_a_token",))


def made_up(random: Random) -> tuple[str, str]:
    """A name that nobody has, and a classic token with a right checksum."""
    text = random_text(random, 30)
    return f"validator-control-{random_text(random, 10).lower()}", f"ghp_{text}{checksum(text)}"


_EXPIRATION: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) (?:UTC|([+-])(\d\d):?(\d\d))")


def expiration(text: str) -> datetime | None:
    """The instant of `github-authentication-token-expiration`, in either of its two forms; None if it is neither."""
    found = _EXPIRATION.fullmatch(text.strip())
    if not found:
        return None
    zone: tzinfo = UTC
    if found[7]:
        offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
        if offset >= timedelta(hours=24):
            return None
        zone = timezone(offset if found[7] == "+" else -offset)
    try:
        year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _message(body: object) -> str:
    text = body.get("message") if isinstance(body, dict) else None
    return text if isinstance(text, str) else ""


def read_opinion(status: int, headers: Mapping[str, str], body: object) -> OpinionSeen:
    """`GET /user`: 200 the token lives (scopes and end in headers), 401 Bad credentials, 403 of an App token lives too."""
    if status == 200 and isinstance(body, dict) and isinstance(body.get("login"), str):
        listed = headers.get("x-oauth-scopes")
        scopes = None if listed is None else tuple(s.strip() for s in listed.split(",") if s.strip())
        ends = headers.get("github-authentication-token-expiration")
        return OpinionSeen(
            opinion=Opinion.KNOWS,
            scopes=scopes,
            owner=body["login"][:80],
            expires_at=expiration(ends) if ends else None,
            never_expires=ends is None,
        )
    if status == 401 and "bad credentials" in _message(body).lower():
        return OpinionSeen(opinion=Opinion.AGREES)
    if status == 403 and "resource not accessible by integration" in _message(body).lower():
        return OpinionSeen(opinion=Opinion.KNOWS, kind=INSTALLATION)
    return OpinionSeen(opinion=Opinion.SILENT)


def detail_path(repository: str) -> str:
    """Where GitHub tells why a package is refused: `/orgs/ORG/packages/container/NAME`."""
    org, _, name = repository.partition("/")
    return f"/orgs/{org}/packages/container/{name.replace('/', '%2F')}"


def read_detail(status: int, headers: Mapping[str, str], body: object) -> OpinionSeen:
    """Why a living token may not read a package: single sign-on, a lifetime policy, an address list; else nothing."""
    message = _message(body).lower()
    if status == 403 and (headers.get("x-github-sso", "").lower().startswith("required") or "saml enforcement" in message):
        return OpinionSeen(opinion=Opinion.KNOWS, why=Reason.SSO_REQUIRED)
    if status == 403 and "ip allow list" in message:
        return OpinionSeen(opinion=Opinion.KNOWS, why=Reason.ADDRESS_REFUSED)
    if status == 403 and "forbids access via a personal access token" in message:
        return OpinionSeen(opinion=Opinion.KNOWS, why=Reason.POLICY_DENIED)
    return OpinionSeen(opinion=Opinion.SILENT)


_A: Final = Meaning.ACCEPTED
_NO_CONTROL: Final = frozenset({Control.ACCEPTED, Control.UNCLEAR})
_NEW: Final = "https://github.com/settings/tokens/new?scopes=read:packages&description=image-pull"
_RENEW: Final = f"Make a new classic personal access token with read:packages at {_NEW} and store it"

GHCR: Final = Provider(
    key="ghcr",
    title="GitHub's container registry",
    hosts=frozenset({Host("ghcr.io")}),
    realm_hosts=frozenset({"ghcr.io"}),
    look=look,
    made_up=made_up,
    default_username="x-access-token",
    login_scope="repository:user/image:pull",
    repeat_at_login=True,
    get_on_403=True,
    pull_401_twice=True,
    traits=Traits(
        rows=(
            Says(row="ghcr 8.2", meaning=Meaning.REFUSED, reason=Reason.REFUSED, steps=_LOGINS, statuses=frozenset({403}), codes=frozenset({"DENIED"}),
                 shapes=frozenset({BodyShape.ERRORS}), text=words(r"^\s*denied\s*$"), authorized=True),
            # the words of a dead key to somebody who brought none: then they say nothing of keys
            Says(row="ghcr nobody", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=frozenset({Step.LOGIN}), statuses=frozenset({403}),
                 codes=frozenset({"DENIED"}), text=words(r"^\s*denied\s*$"), authorized=False),
            Says(row="ghcr 8.13", meaning=Meaning.UNKNOWN, reason=Reason.PROTOCOL, steps=_LOGINS, statuses=frozenset({401}), authorized=True),
        ),
        scope_blind=True,
        token_for_public_only=True,
        owner_is_username=True,
        denied=Reason.HIDDEN_OR_DENIED,
        anonymous_usual=frozenset({Meaning.ACCEPTED, Meaning.DENIED, Meaning.REFUSED}),
        scopes_that_pull=frozenset({"read:packages", "write:packages"}),
        kinds_that_never_pull=frozenset({FINE_GRAINED}),
        kinds_that_die_soon=frozenset({INSTALLATION}),
    ),
    table=(
        row("ghcr 8.9", Outcome.VALID, Reason.PULL_PROVEN, Level.PULL, secret=_A, pull=Meaning.READABLE, anonymous=Control.REFUSED,
            proof=Control.REFUSED),
        # 5c: accepted, but GitHub does not know it
        row("ghcr 8.5c echoes", Outcome.INVALID, Reason.REFUSED, secret=_A, opinion=Opinion.AGREES, control=Control.ACCEPTED,
            opinion_control=Control.REFUSED, ill=False, throttled=False),
        row("ghcr 8.5c", Outcome.UNPROVABLE, Reason.ACCEPTS_ANYONE, secret=_A, opinion=Opinion.AGREES, control=Control.ACCEPTED),
        row("ghcr 8.5c refused", Outcome.UNKNOWN, Reason.CONTRADICTION, secret=_A, opinion=Opinion.AGREES, control_refused=True),
        # 11b: GitHub says why the package is refused
        row("ghcr 8.11b", Outcome.INSUFFICIENT, Reason.SSO_REQUIRED, secret=_A, detail=Reason.SSO_REQUIRED),
        row("ghcr 8.11b policy", Outcome.INSUFFICIENT, Reason.POLICY_DENIED, secret=_A, detail=Reason.POLICY_DENIED),
        row("ghcr 8.11b address", Outcome.UNKNOWN, Reason.ADDRESS_REFUSED, secret=_A, detail=Reason.ADDRESS_REFUSED),
        # 6: the token says itself that it may not pull
        row("ghcr 8.6", Outcome.INSUFFICIENT, Reason.SCOPE_MISSING, secret=_A, opinion=Opinion.KNOWS, scopes_lack=True),
        # 11c is about installation tokens alone: whether an App's user token may pull nobody knows (2)
        row("ghcr 8.11c", Outcome.INSUFFICIENT, Reason.WRONG_KIND, secret=_A, opinion=Opinion.KNOWS, kind=INSTALLATION, pull=Meaning.DENIED),
        row("ghcr 8.8", Outcome.UNPROVABLE, Reason.SHORT_LIVED, secret=_A, kind_dies_soon=True, proves_nothing=True),
        row("ghcr 8.7 known", Outcome.INSUFFICIENT, Reason.WRONG_KIND, secret=_A, kind_never_pulls=True, opinion=Opinion.KNOWS),
        row("ghcr 8.7", Outcome.INSUFFICIENT, Reason.WRONG_KIND, secret=_A, kind_never_pulls=True, control_refused=True),
        # 5d: a registry that echoes, and GitHub knows the token
        row("ghcr 8.5d public", Outcome.UNPROVABLE, Reason.PUBLIC_ONLY, secret=_A, pull=Meaning.READABLE, anonymous=Control.ACCEPTED,
            control=_NO_CONTROL, opinion=frozenset({None, Opinion.SILENT})),
        row("ghcr 8.5d", Outcome.VALID, Reason.LOGIN_ACCEPTED, Level.LOGIN, secret=_A, opinion=Opinion.KNOWS, control=Control.ACCEPTED,
            opinion_control=Control.REFUSED),
    ),
    pace=Pace(per_second=5, burst=5, in_flight=4, refused=MappingProxyType({600: 10})),
    introspection=Introspection(
        url=URL("https://api.github.com"), path="/user", method="GET", send="bearer", read=read_opinion, per_second=1, burst=1,
        headers=MappingProxyType({"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}),
        refused=MappingProxyType({900: 5}), control=True, of_good_keys=True,
    ),
    detail_path=detail_path,
    detail_read=read_detail,
    secret_shapes=(re.compile(r"gh[pousr]_[A-Za-z0-9._-]{16,}"), re.compile(r"github_pat_[A-Za-z0-9_]{16,}")),
    renew=URL("https://github.com/settings/tokens"),
    causes=MappingProxyType({
        Reason.REFUSED: "GitHub refuses this token: it expired, was revoked or regenerated (GitHub does not say which).",
        Reason.SCOPE_MISSING: "The token lives, but lacks the scope read:packages.",
        Reason.WRONG_KIND: "GitHub lets only classic personal access tokens pull packages, and this is another kind.",
        Reason.SHORT_LIVED: "This kind of token lives one hour or one job; a stored one is dead soon.",
        Reason.SSO_REQUIRED: "The token lives, but is not authorised for the organisation's single sign-on.",
        Reason.MALFORMED_TOKEN: "The stored text fails the form of a GitHub token: it was cut or mistyped.",
    }),
    advice=MappingProxyType({
        Reason.EMPTY_SECRET: _RENEW,
        Reason.FOREIGN_TOKEN: f"This is another vendor's token. {_RENEW}",
        Reason.REFUSED: f"{_RENEW}. If the token was regenerated, store the new text",
        Reason.MALFORMED_TOKEN: "Paste the whole classic token, 40 characters from ghp_ on",
        Reason.SCOPE_MISSING: "Tick read:packages on the token at https://github.com/settings/tokens; a classic token keeps its text",
        Reason.WRONG_KIND: _RENEW,
        Reason.SHORT_LIVED: f"Use a machine account with a classic token. {_RENEW}",
        Reason.SSO_REQUIRED: 'Authorise the token for the organisation: https://github.com/settings/tokens, "Configure SSO"',
        Reason.POLICY_DENIED: "The organisation's policy forbids this token (its lifetime or kind): make one that the policy allows",
        Reason.HIDDEN_OR_DENIED: "Ask the package's owner for access (package settings, Manage access), or check the image's name: GitHub says the same for both",
    }),
)  # fmt: skip

GITHUB_PACKAGES: Final = Provider(
    key="github-packages",
    title="GitHub's registry of before ghcr.io",
    hosts=frozenset({Host("docker.pkg.github.com")}),
    gone=True,
    causes=MappingProxyType({Reason.NOT_A_REGISTRY: "GitHub's old registry has moved to ghcr.io, and nothing is sent to its old host."}),
    advice=MappingProxyType({Reason.NOT_A_REGISTRY: "Store the credential for ghcr.io, and write images as ghcr.io/OWNER/NAME"}),
)
