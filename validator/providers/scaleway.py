"""Scaleway, `rg.REGION.scw.cloud`. Facts: registries/others.md 16.

Its login server lies in another domain; it looks at no username. What it says to a wrong secret is not known: the generic
rules and the control decide.
"""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.evidence import Step
from validator.providers.base import Provider, Shape, foreign, random_text
from validator.verdict import Meaning, Reason, Says, Traits

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KEYS: Final = "https://console.scaleway.com/iam/api-keys"


def look(username: str, secret: str) -> Shape:
    """The secret key is a UUID; another form is worth a hint once it was refused."""
    if foreign(secret, "scaleway"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    return Shape(kind="secret key", hints=() if _UUID.fullmatch(secret.strip()) else ("looks_cut",))


def made_up(random: Random) -> tuple[str, str]:
    """The username that Scaleway's own pages give, and a UUID that nobody has."""
    return "nologin", "-".join(random_text(random, length, "0123456789abcdef") for length in (8, 4, 4, 4, 12))


SCALEWAY: Final = Provider(
    key="scaleway",
    title="Scaleway's registry",
    host_form=re.compile(r"rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud"),
    realm_hosts=frozenset({"api.scaleway.com"}),
    look=look,
    made_up=made_up,
    default_username="nologin",
    repeat_at_login=True,
    traits=Traits(
        rows=(
            Says(row="scaleway no such repository", meaning=Meaning.REPOSITORY_MISSING, reason=Reason.REPOSITORY_NOT_FOUND,
                 steps=frozenset({Step.SCOPED}), statuses=frozenset({404})),
            # not known: it may be a no to the repository alone; the login without scope speaks of the secret
            Says(row="scaleway either", meaning=Meaning.DENIED, reason=Reason.AMBIGUOUS_REFUSAL, steps=frozenset({Step.SCOPED}), statuses=frozenset({401}),
                 codes=frozenset({"", "UNAUTHORIZED", "DENIED"})),
        ),
    ),
    renew=URL(_KEYS),
    causes=MappingProxyType({Reason.REFUSED: "Scaleway refuses this secret key: it was deleted or has ended, or it is the access key that is stored."}),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make an API key at {_KEYS} and store its secret key (a UUID, not the access key SCW…) with the username nologin",
        Reason.NO_PULL_PERMISSION: "Give the API key's application or user the permission set ContainerRegistryReadOnly in this project",
    }),
)  # fmt: skip
