"""Docker Hub, `docker.io` and its aliases. Facts: registries/dockerhub.md (sections 1, 2, 3, 5, 8)."""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import DOCKER_HUB, Host
from validator.evidence import Step
from validator.protocol.errcode import BodyShape
from validator.protocol.token import TokenClaims
from validator.providers.base import BEARER_ONLY, Pace, Provider, Shape, foreign, random_text
from validator.verdict import Level, Meaning, Outcome, Reason, Says, Traits, row, words

_LOGINS: Final = frozenset({Step.LOGIN, Step.SCOPED})
_PULLS: Final = frozenset({Step.PULL, Step.MANIFEST})
_HTML: Final = frozenset({BodyShape.HTML})
_JSON: Final = frozenset({BodyShape.ERRORS, BodyShape.OAUTH})
_ID: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def look(username: str, secret: str) -> Shape:
    """A username is needed; `dckr_` tokens by prefix, no checksum is known, so form alone never decides."""
    text = secret.strip()
    if username == "<token>":
        return Shape(fault=Reason.WRONG_KIND)
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(text, "dockerhub"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    kind = "organization access token" if text.startswith("dckr_oat_") else "personal access token" if text.startswith("dckr_pat_") else ""
    form = ("username_form",) if "@" in username or kind.startswith("organization") else ()
    return Shape(kind=kind, hints=form if kind else (*form, "use_a_token"))


def made_up(random: Random) -> tuple[str, str]:
    """A Docker-ID-like name that nobody has, and a secret of a personal access token's form."""
    return "vc" + random_text(random, 18, _ID), "dckr_pat_" + random_text(random, 27)


def nobody(claims: TokenClaims) -> bool | None:
    """An anonymous token's `sub` is empty; a login that gets one was ignored."""
    return None if claims.sub is None else claims.sub == ""


DOCKERHUB: Final = Provider(
    key="dockerhub",
    title="Docker Hub",
    hosts=frozenset({DOCKER_HUB}),
    dial=Host("registry-1.docker.io"),
    realm_hosts=frozenset({"auth.docker.io"}),
    realm_elsewhere=True,
    look=look,
    made_up=made_up,
    nobody_claims=nobody,
    canary_is_token=True,
    own_namespace=True,
    recheck_words=True,
    metered=True,
    traits=Traits(
        rows=(
            *BEARER_ONLY,
            Says(row="hub 8.11 lock", meaning=Meaning.UNKNOWN, reason=Reason.ACCOUNT_LOCKED, steps=_LOGINS, statuses=frozenset({429}),
                 text=words(r"failed login attempts")),
            Says(row="hub 8.16", meaning=Meaning.UNKNOWN, reason=Reason.PULL_LIMIT, steps=frozenset({Step.PULL}), statuses=frozenset({429})),
            Says(row="hub 8.16 text", meaning=Meaning.UNKNOWN, reason=Reason.PULL_LIMIT, steps=_PULLS, statuses=frozenset({429}),
                 text=words(r"pull rate limit")),
            Says(row="hub 8.12", meaning=Meaning.UNKNOWN, reason=Reason.ADDRESS_REFUSED, statuses=frozenset({403}), shapes=_HTML,
                 text=words(r"export control")),
            Says(row="hub 8.6", meaning=Meaning.ALIVE, reason=Reason.SCOPE_MISSING, steps=_LOGINS, statuses=frozenset({401, 403}), shapes=_JSON,
                 text=words(r"insufficient scopes|requesting higher privileges")),
            Says(row="hub 8.9", meaning=Meaning.BROKEN, reason=Reason.TOKEN_REQUIRED, steps=_LOGINS, statuses=frozenset({401}), shapes=_JSON,
                 text=words(r"(use|must log in with)( a)? personal access token")),
            Says(row="hub disabled", meaning=Meaning.REFUSED, reason=Reason.OWNER_DISABLED, steps=_LOGINS, statuses=frozenset({401}), shapes=_JSON,
                 text=words(r"account (is )?(not active|disabled)")),
            Says(row="hub 8.12 no JSON", meaning=Meaning.UNKNOWN, reason=Reason.WAF_BLOCK, steps=_LOGINS, statuses=frozenset({403}),
                 shapes=frozenset({BodyShape.TEXT, BodyShape.EMPTY, BodyShape.JSON})),
            Says(row="hub 8.10 unreadable", meaning=Meaning.UNKNOWN, reason=Reason.AMBIGUOUS_REFUSAL, steps=_LOGINS, statuses=frozenset({401}),
                 shapes=frozenset({BodyShape.TEXT, BodyShape.JSON})),
            Says(row="hub 8.15", meaning=Meaning.DENIED, reason=Reason.POLICY_DENIED, steps=_PULLS, statuses=frozenset({403})),
        ),
        scope_blind=True,
        tokens_doubted=True,
        closed_for_s=MappingProxyType({Reason.THROTTLED: 900.0, Reason.ACCOUNT_LOCKED: 900.0}),
        denied=Reason.HIDDEN_OR_DENIED,
        anonymous_usual=frozenset({Meaning.ACCEPTED}),
    ),
    table=(
        row("hub 3 ignored", Outcome.UNKNOWN, Reason.PROTOCOL, secret=Meaning.ACCEPTED, claims_nobody=True),
        # an access policy of the organisation is about the image, not about the credential
        row("hub 8.15", Outcome.VALID, Reason.LOGIN_ACCEPTED, Level.LOGIN, secret=Meaning.ACCEPTED, pull_reason=Reason.POLICY_DENIED, control_refused=True),
    ),
    pace=Pace(
        per_second=1, burst=2, in_flight=1, refused=MappingProxyType({600: 10}), refused_per_username=MappingProxyType({1800: 2}),
        confirm_after_s=1200,
    ),
    token_pace=(2, 2),
    secret_shapes=(re.compile(r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{10,}"),),
    renew=URL("https://app.docker.com/settings/personal-access-tokens"),
    causes=MappingProxyType({
        Reason.REFUSED: "Docker Hub refuses this username and secret: the token was deleted or deactivated, the password changed, or the username is not its own.",
        Reason.EXPIRED: "Docker Hub says that this access token is expired.",
        Reason.TOKEN_REQUIRED: "Docker Hub takes no password for this account (two-factor login or single sign-on): only an access token works.",
        Reason.SCOPE_MISSING: "The access token lives, but its permission is too low to pull this.",
        Reason.ACCOUNT_LOCKED: "Docker Hub has locked this account's logins for some minutes after failed ones; the right secret gets the same answer.",
    }),
    advice=MappingProxyType({
        Reason.FOREIGN_TOKEN: "Store the Docker Hub token under docker.io, and this one under its own registry",
        Reason.REFUSED: "Make a new personal access token at https://app.docker.com/settings/personal-access-tokens and store it. Is the username the Docker ID "
        "(no e-mail address)? For an organization's token it is the organization's name. Was the token deactivated?",
        Reason.EXPIRED: "Make a new token at https://app.docker.com/settings/personal-access-tokens (organization: https://app.docker.com/, Admin Console, "
        "Access tokens); an end date cannot be moved",
        Reason.TOKEN_REQUIRED: "Make a personal access token at https://app.docker.com/settings/personal-access-tokens and store it instead of the password",
        Reason.SCOPE_MISSING: "Raise the token's permission to Read-only, or add Image Pull for that repository to the organization's token",
        Reason.NO_PULL_PERMISSION: "Give the account read access to the repository, and its token at least Read-only",
        Reason.HIDDEN_OR_DENIED: "Give the account or token read access (at least Read-only) to the repository, or check the image's spelling: Docker Hub "
        "says the same for both",
        Reason.POLICY_DENIED: "The organization's Image Access Management blocks this image: ask its owner",
        Reason.ACCOUNT_LOCKED: "Nothing to renew; something keeps trying a wrong password for this name, and the lock ends by itself",
        Reason.PULL_LIMIT: "Wait for the pull quota to refill, or pull with a paid account",
    }),
)  # fmt: skip
