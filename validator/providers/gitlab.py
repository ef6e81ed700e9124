"""GitLab's registry: `registry.gitlab.com`, and self-managed ones by setting or by their challenge. Facts: registries/gitlab.md."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Control, Demand, Opinion, OpinionSeen, Step
from validator.protocol.errcode import BodyShape
from validator.protocol.token import TokenClaims
from validator.providers.base import Introspection, Pace, Provider, Shape, foreign, random_text
from validator.verdict import Meaning, Outcome, Reason, Says, Traits, row

_LOGINS: Final = frozenset({Step.LOGIN, Step.SCOPED})
_401: Final = frozenset({401})
_403: Final = frozenset({403})
_CANNOT_PULL: Final = re.compile(r"(glrt|glrtr|glptt|glft|glimt|glagent|gloas|glsoat|glffct|glwt)-|GR1348941")
_PREFIXED: Final = re.compile(r"gl[a-z]{1,6}-")
_ROUTABLE: Final = re.compile(r"[\w-]+\.[0-9a-z]{2}\.[0-9a-z]{2}[0-9a-z]{7}")
_OAUTH: Final = re.compile(r"[0-9a-f]{64}")
_PULLING: Final = frozenset({"read_registry", "read_api", "api"})
GRANULAR: Final = "granular"


def routable_checks(text: str) -> bool:
    """The CRC-32 of a routable token: its last 7 characters, base 36, over everything before them, prefix included."""
    return int(text[-7:], 36) == zlib.crc32(text[:-7].encode("ascii", "replace"))


def look(username: str, secret: str) -> Shape:
    """Kinds that cannot pull or die with a job; which username rule holds; whether a routable token looks cut."""
    text = secret.strip()
    if foreign(text, "gitlab"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if _CANNOT_PULL.match(text):
        return Shape(fault=Reason.WRONG_KIND)
    if username == "gitlab-ci-token" or text.startswith("glcbt-"):
        return Shape(fault=Reason.SHORT_LIVED)
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    hints: list[str] = []
    if text.startswith("gldt-") or username.startswith("gitlab+deploy-token-"):
        return Shape(kind="deploy token", hints=("username_form",))
    if _ROUTABLE.fullmatch(text) and not routable_checks(text):
        hints.append("looks_cut")
    if "glpat-" in text[:40]:
        return Shape(kind="access token", introspect=text.startswith("glpat-"), hints=tuple(hints))
    if _PREFIXED.match(text):
        return Shape(hints=tuple(hints))
    if username == "oauth2" and _OAUTH.fullmatch(text):  # with another name it may be a password
        return Shape(kind="OAuth access token", short_lived=True)
    return Shape(kind="password", hints=(*hints, "use_a_token"))


def look_self_managed(username: str, secret: str) -> Shape:
    """As `look`; a secret without a GitLab prefix may be tried against a directory that locks, so it is never repeated."""
    seen = look(username, secret)
    return replace(seen, no_repeat=seen.kind == "password")


def made_up(random: Random) -> tuple[str, str]:
    """A person that does not exist (so no directory is asked about anybody), and a token's form."""
    return f"validator-control-{random_text(random, 12).lower()}", "glpat-" + random_text(random, 20)


def nobody(claims: TokenClaims) -> bool | None:
    """`auth_type` is `none` when the pair was not accepted; old servers do not tell."""
    return None if claims.auth_type is None else claims.auth_type == "none"


def recognise(demand: Demand) -> bool:
    """A realm that ends in `/jwt/auth` with GitLab's services is GitLab; Gitea shares the service but not the path."""
    return demand.realm is not None and demand.realm.path.endswith("/jwt/auth") and demand.service in ("container_registry", "dependency_proxy")


def api_base(realm: URL) -> URL | None:
    """The GitLab that a realm belongs to: the realm without `/jwt/auth`."""
    if not realm.path.endswith("/jwt/auth"):
        return None
    return realm.with_path(realm.path.removesuffix("/jwt/auth") or "/").with_query(None)


def read_opinion(status: int, headers: Mapping[str, str], body: object) -> OpinionSeen:
    """`personal_access_tokens/self`: active with scopes and end; or refused, sometimes in words."""
    said = body if isinstance(body, dict) else {}
    if status == 200 and said.get("active") is True and isinstance(said.get("scopes"), list):
        scopes = tuple(s for s in said["scopes"] if isinstance(s, str))[:50]
        ends = said.get("expires_at")
        return OpinionSeen(
            opinion=Opinion.KNOWS,
            scopes=scopes,
            kind=GRANULAR if GRANULAR in scopes else "",
            expires_at=_day(ends) if isinstance(ends, str) else None,
            never_expires=ends is None,
        )
    if status == 401:
        words = f"{said.get('error_description', '')} {said.get('message', '')}".lower()
        if said.get("error") == "invalid_token":
            return OpinionSeen(opinion=Opinion.AGREES, why=Reason.REVOKED if "revoked" in words else Reason.EXPIRED if "expired" in words else "")
        if "unauthorized" in words:
            return OpinionSeen(opinion=Opinion.AGREES)
    return OpinionSeen(opinion=Opinion.SILENT)


def _day(text: str) -> datetime | None:
    """The end of a token whose `expires_at` is a date: it dies at that midnight, UTC."""
    try:
        return datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


_ROWS: Final = (
    Says(row="gitlab 8.6 ban", meaning=Meaning.UNKNOWN, reason=Reason.ADDRESS_BANNED, steps=_LOGINS, statuses=_403, shapes=frozenset({BodyShape.TEXT})),
    Says(row="gitlab 8.6 empty", meaning=Meaning.UNKNOWN, reason=Reason.THROTTLED, steps=_LOGINS, statuses=_403, shapes=frozenset({BodyShape.EMPTY}),
         retry_after=True),
    Says(row="gitlab 8.4", meaning=Meaning.DENIED, reason=Reason.AMBIGUOUS_REFUSAL, steps=_LOGINS, statuses=_403, codes=frozenset({"DENIED"}),
         shapes=frozenset({BodyShape.ERRORS})),
    Says(row="gitlab 8.6 other", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=_LOGINS, statuses=_403,
         shapes=frozenset({BodyShape.EMPTY, BodyShape.JSON, BodyShape.OAUTH, BodyShape.ERRORS})),
    Says(row="gitlab 8.14 html", meaning=Meaning.UNKNOWN, reason=Reason.WAF_BLOCK, steps=_LOGINS, statuses=_401, shapes=frozenset({BodyShape.HTML})),
    Says(row="gitlab 8.1", meaning=Meaning.REFUSED, reason=Reason.REFUSED, steps=_LOGINS, statuses=_401, codes=frozenset({"UNAUTHORIZED"})),
    Says(row="gitlab 8.14", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=_LOGINS, statuses=_401),
    Says(row="gitlab 8.7", meaning=Meaning.NO_REGISTRY, reason=Reason.NOT_A_REGISTRY, steps=_LOGINS, statuses=frozenset({404}),
         codes=frozenset({"UNAVAILABLE"})),
)  # fmt: skip

_ROWS_OF_403: Final = (
    # 9: a server that takes a refused pair for nobody says 403 without scope, and lets it read what is public
    row("gitlab 8.9", Outcome.UNPROVABLE, Reason.PUBLIC_ONLY, secret=Meaning.DENIED, pull=Meaning.READABLE, anonymous=Control.ACCEPTED),
    row("gitlab 8.4b", Outcome.INSUFFICIENT, Reason.WRONG_KIND, secret=Meaning.DENIED, opinion=Opinion.KNOWS, kind_never_pulls=True),
    row(
        "gitlab 8.4 introspected",
        Outcome.INSUFFICIENT,
        Reason.SCOPE_MISSING,
        secret=Meaning.DENIED,
        opinion=Opinion.KNOWS,
        scopes_lack=True,
    ),
    row("gitlab 8.5", Outcome.UNKNOWN, Reason.PROTOCOL, secret=Meaning.DENIED, control=Control.DENIED),
    row("gitlab 8.4", Outcome.INSUFFICIENT, Reason.SCOPE_MISSING, secret=Meaning.DENIED, control=Control.REFUSED),
)

_TOKENS: Final = "https://gitlab.com/-/user_settings/personal_access_tokens"

GITLAB: Final = Provider(
    key="gitlab",
    title="GitLab",
    hosts=frozenset({Host("registry.gitlab.com")}),
    realm_hosts=frozenset({"gitlab.com"}),
    look=look,
    made_up=made_up,
    nobody_claims=nobody,
    doubts_403=True,
    opinion_on_denied=True,
    traits=Traits(
        rows=_ROWS,
        denied=Reason.HIDDEN_OR_DENIED,
        closed_for_s=MappingProxyType({Reason.ADDRESS_BANNED: 900.0}),
        scopes_that_pull=_PULLING,
        kinds_that_never_pull=frozenset({GRANULAR}),
    ),
    table=_ROWS_OF_403,
    pace=Pace(per_second=2, burst=5, in_flight=2, refused=MappingProxyType({60: 20})),
    dead_again_days=(7,),  # registries/README.md 8
    introspection=Introspection(
        url=URL("https://gitlab.com"), path="/api/v4/personal_access_tokens/self", method="GET", send="header", header="PRIVATE-TOKEN",
        read=read_opinion, base_of=api_base, of_good_keys=True, first_when_refused=True, per_second=2, burst=5,
    ),
    secret_shapes=(re.compile(r"gl[a-z]+-[\w.\-]{20,300}"),),
    renew=URL(_TOKENS),
    causes=MappingProxyType({
        Reason.REFUSED: "GitLab refuses this pair: the token is wrong, expired or revoked, its owner is blocked, or the username does not belong to it.",
        Reason.SCOPE_MISSING: "The token lives, but has no scope that lets it pull images (read_registry).",
        Reason.WRONG_KIND: "This kind of GitLab token can never pull images.",
        Reason.SHORT_LIVED: "A job's token ends with the job, an OAuth access token after two hours; a stored one is dead.",
        Reason.ADDRESS_BANNED: "GitLab has banned our address for a while after failed logins; good tokens get the same answer.",
        Reason.NOT_A_REGISTRY: "This GitLab has no container registry.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make a token with read_registry (gitlab.com: {_TOKENS}) or a deploy token, and store it with its own username. "
        "A deploy token's username must be exact; a password does not work with two-factor login",
        Reason.EXPIRED: f"Make a new token with read_registry (gitlab.com: {_TOKENS}) and store it",
        Reason.REVOKED: f"Make a new token with read_registry (gitlab.com: {_TOKENS}) and store it",
        Reason.SCOPE_MISSING: "Make a token with the scope read_registry",
        Reason.WRONG_KIND: "Make a classic personal, project or group access token, or a deploy token, with read_registry",
        Reason.SHORT_LIVED: "Make a deploy token with read_registry and store that",
        Reason.FOREIGN_TOKEN: "This is another vendor's token: store one of GitLab's, with read_registry",
        Reason.HIDDEN_OR_DENIED: "The project was not found or the token has no access to it (Reporter is needed): check the name, or ask the project's owner",
        Reason.NO_PULL_PERMISSION: "Give the token's user at least Reporter in the project, and the token read_registry",
        Reason.ADDRESS_BANNED: "Nothing to renew: the ban ends by itself; the operator should find what keeps failing from this address",
    }),
)  # fmt: skip

SELF_MANAGED: Final = replace(
    GITLAB,
    key="gitlab-self-managed",
    title="this GitLab",
    hosts=frozenset(),
    realm_hosts=frozenset(),
    recognise=recognise,
    look=look_self_managed,
    traits=replace(GITLAB.traits, closed_for_s=MappingProxyType({Reason.ADDRESS_BANNED: 3600.0})),
    pace=Pace(),
    introspection=replace(GITLAB.introspection, url=None, default_on=False) if GITLAB.introspection else None,
    renew=None,
)
