"""Oracle: OCIR, `REGION.ocir.io`, and `container-registry.oracle.com`. Facts: registries/others.md 14."""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Step
from validator.providers.base import Provider, Shape, foreign, jwt_end, random_text
from validator.verdict import Meaning, Reason, Says, Traits, words

_FORM: Final = "<tenancy namespace>/<user>, or <tenancy namespace>/<domain>/<user> for a federated one"
_PROFILE: Final = "https://cloud.oracle.com/identity/domains/my-profile/auth-tokens"


def look(username: str, secret: str) -> Shape:
    """The username begins with the tenancy's namespace; without it a good token is refused like a dead one."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(secret, "ocir"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if username.rpartition("/")[2] == "BEARER_TOKEN":
        return Shape(kind="bearer token", short_lived=True, expires_at=jwt_end(secret.strip())[0])
    return Shape(kind="auth token", hints=() if "/" in username else ("username_form",))


def made_up(random: Random) -> tuple[str, str]:
    """A tenancy and user that nobody has; an auth token has 20 characters."""
    return f"vc{random_text(random, 10).lower()}/validator-control-{random_text(random, 12).lower()}", random_text(random, 20)


OCIR: Final = Provider(
    key="ocir",
    title="Oracle's registry (OCIR)",
    host_form=re.compile(r"[a-z0-9-]+\.ocir\.io"),
    look=look,
    made_up=made_up,
    renew=URL(_PROFILE),
    causes=MappingProxyType({
        Reason.REFUSED: "Oracle refuses this pair: the auth token was deleted, or the username has not its whole form; it does not say which.",
        Reason.SHORT_LIVED: "A bearer token of Oracle lives one hour at most: a stored one is dead.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: f"Check that the username is {_FORM}; else make a new auth token at {_PROFILE} (two at most) and store it, from standard input or a file: it "
        "holds signs that shells change",
        Reason.SHORT_LIVED: f"A token that lives one hour cannot be stored: make an auth token at {_PROFILE} and store it with the username {_FORM}",
    }),
)  # fmt: skip


def look_at_oracle(username: str, secret: str) -> Shape:
    """Oracle's own images: a person's name and an auth token."""
    return Shape(fault=Reason.EMPTY_USERNAME) if not username else Shape(fault=Reason.FOREIGN_TOKEN if foreign(secret, "oracle") else "")


ORACLE: Final = Provider(
    key="oracle",
    title="Oracle's own registry",
    hosts=frozenset({Host("container-registry.oracle.com")}),
    look=look_at_oracle,
    traits=Traits(
        rows=(
            Says(row="oracle licence", meaning=Meaning.BARRED, reason=Reason.POLICY_DENIED, steps=frozenset({Step.SCOPED, Step.PULL, Step.MANIFEST}),
                 statuses=frozenset({403}), text=words(r"\blicen[cs]e\b|\bterms and (restrictions|conditions)\b")),
        ),
    ),
    renew=URL("https://container-registry.oracle.com"),
    advice=MappingProxyType({
        Reason.REFUSED: "Make an auth token on your profile at https://container-registry.oracle.com and store it with your account's name",
        Reason.POLICY_DENIED: "Accept the image's licence at https://container-registry.oracle.com with this account",
    }),
)  # fmt: skip
