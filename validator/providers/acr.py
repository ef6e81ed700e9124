"""Azure Container Registry, `NAME.azurecr.io`. Facts: registries/others.md 6."""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.providers.base import Provider, Shape, foreign, jwt_end, random_text
from validator.verdict import Meaning, Reason, Says, Traits, words

NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The username that stands before a refresh token."""
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX: Final = "0123456789abcdef"


def look(username: str, secret: str) -> Shape:
    """A refresh token lives three hours and says its end; else a service principal, the admin or a token, by no form that decides."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(secret, "acr"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if username == NOBODY:
        return Shape(kind="refresh token", short_lived=True, expires_at=jwt_end(secret.strip())[0])
    return Shape(kind="service principal" if _GUID.fullmatch(username) else "")


def made_up(random: Random) -> tuple[str, str]:
    """A service principal that nobody has: its secret is no person's, and locks nobody."""
    guid = "-".join(random_text(random, length, _HEX) for length in (8, 4, 4, 4, 12))
    return guid, random_text(random, 40)


_PORTAL: Final = "https://portal.azure.com"

ACR: Final = Provider(
    key="acr",
    title="Azure Container Registry",
    host_form=re.compile(r"[a-z0-9-]+\.azurecr\.(io|cn|us|de)"),
    look=look,
    made_up=made_up,
    nodes_bring=True,
    pull_401_twice=True,  # random 401s for good tokens are on record
    traits=Traits(
        rows=(
            Says(row="acr firewall", meaning=Meaning.UNKNOWN, reason=Reason.ADDRESS_REFUSED, statuses=frozenset({403}),
                 text=words(r"client with ip .{1,80} is not allowed")),
        ),
    ),
    secret_shapes=(re.compile(r"[A-Za-z0-9+/]{42}\+ACR[A-Za-z0-9]{6}"),),
    renew=URL(_PORTAL),
    causes=MappingProxyType({
        Reason.REFUSED: "Azure refuses this pair: a service principal's secret ends after two years at most, a token's or the admin's password may have been "
        "made anew, or the username does not belong to it.",
        Reason.SHORT_LIVED: "A refresh token of Azure lives three hours: a stored one is dead.",
        Reason.ADDRESS_REFUSED: "The registry's firewall does not serve our address; the nodes' may be another.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make a new secret of the service principal, or a new password of the registry's token, at {_PORTAL} and store it. The username is the "
        "principal's client GUID, or the token's name",
        Reason.SHORT_LIVED: f"A token that lives three hours cannot be stored: store a registry token with its password, or a service principal ({_PORTAL})",
        Reason.NO_PULL_PERMISSION: "Give the service principal the role AcrPull, or the token a scope map with content/read for this repository",
        Reason.ADDRESS_REFUSED: "Nothing to renew: the operator asks for this address in the registry's firewall (https://aka.ms/acr/firewall), or tells that the "
        "nodes have another",
    }),
)  # fmt: skip
