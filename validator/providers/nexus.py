"""Sonatype Nexus, known by its challenge. Facts: registries/others.md 10."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from validator.evidence import Demand
from validator.providers.base import Provider, Shape
from validator.verdict import Reason

_REALM: Final = re.compile(r"/repository/[^/]{1,200}/v2/token")


def look(username: str, secret: str) -> Shape:
    """A directory may stand behind, and a user token looks like any pair: no refused login is repeated."""
    return Shape(no_repeat=True) if username else Shape(fault=Reason.EMPTY_USERNAME)


def recognise(demand: Demand) -> bool:
    """The path of a repository's token endpoint, or a service that is a URL; a Basic one by its label."""
    if demand.scheme == "basic":
        return demand.label == "Sonatype Nexus Repository Manager"
    realm = demand.realm
    if realm is None or not realm.path.endswith("/v2/token"):
        return False
    return _REALM.fullmatch(realm.path) is not None or (demand.service.startswith(("http://", "https://")) and demand.service.endswith("/v2/token"))


_ADMIN: Final = "Tell who runs the Nexus: its base URL is wrong behind its proxy"

NEXUS: Final = Provider(
    key="nexus",
    title="this Nexus",
    recognise=recognise,
    look=look,
    causes=MappingProxyType({
        Reason.ACCEPTS_ANYONE: 'Nexus accepts made-up logins as well ("allow anonymous docker pull"), so its yes says nothing.',
    }),
    advice=MappingProxyType({
        Reason.REFUSED: "Make a user token (its two codes are username and secret) or use the account's password, and store it",
        Reason.ACCEPTS_ANYONE: "Name an image that anonymous may not read to prove the credential; for all others it does nothing",
        Reason.INSECURE_SCHEME: f"{_ADMIN}, and says http, so logins would travel in the clear",
        Reason.UNSAFE_REALM: f"{_ADMIN}, or list the login server by --realm-host if it is right",
    }),
)  # fmt: skip
