"""Gitea and Forgejo (also Codeberg), known by their challenge. Facts: registries/others.md 8.

The service's name is GitLab's too; the realm's path tells them apart. Rights are checked at the manifest alone, with a 401.
"""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from validator.evidence import Demand
from validator.providers.base import Provider, Shape, random_text
from validator.verdict import Reason

_TOKEN: Final = re.compile(r"[0-9a-f]{40}")


def look(username: str, secret: str) -> Shape:
    """An access token is 40 hex digits; a password is refused with two-factor login."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    return Shape(kind="access token") if _TOKEN.fullmatch(secret.strip()) else Shape(kind="password", hints=("use_a_token",))


def made_up(random: Random) -> tuple[str, str]:
    """A person that nobody is, with a token's form."""
    return f"validator-control-{random_text(random, 12).lower()}", random_text(random, 40, "0123456789abcdef")


def recognise(demand: Demand) -> bool:
    """`container_registry` at a realm `…/v2/token`."""
    return demand.realm is not None and demand.service == "container_registry" and demand.realm.path.endswith("/v2/token")


GITEA: Final = Provider(
    key="gitea",
    title="this Gitea or Forgejo",
    recognise=recognise,
    look=look,
    made_up=made_up,
    causes=MappingProxyType({
        Reason.REFUSED: "It refuses this pair: the token was deleted, the username is another one's, or two-factor login takes no password.",
        Reason.NO_PULL_PERMISSION: "The credential lives, but may not read this package: its token lacks read:package, or its owner the right.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: "Make an access token with read:package at https://<host>/user/settings/applications and store it with your username",
        Reason.NO_PULL_PERMISSION: "Make an access token with read:package (https://<host>/user/settings/applications), or ask the package's owner for access",
    }),
)  # fmt: skip
