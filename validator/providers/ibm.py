"""IBM Cloud Container Registry, `icr.io` and its regions. Facts: registries/others.md 13."""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.providers.base import Provider, Shape, foreign, jwt_end, random_text
from validator.verdict import Reason

_KEYS: Final = "https://cloud.ibm.com/iam/apikeys"
_LONG_LIVED: Final = frozenset({"iamapikey", "cp"})


def look(username: str, secret: str) -> Shape:
    """An API key or entitlement by its username; `iambearer` stands before a token of an hour."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(secret, "ibm"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if username == "iambearer":
        return Shape(kind="IAM token", short_lived=True, expires_at=jwt_end(secret.strip())[0])
    return Shape(kind=username) if username in _LONG_LIVED else Shape(hints=("username_form",))


def made_up(random: Random) -> tuple[str, str]:
    """IBM fixes the username; an API key has 44 characters."""
    return "iamapikey", random_text(random, 44)


IBM: Final = Provider(
    key="ibm",
    title="IBM Cloud's registry",
    hosts=frozenset({Host("icr.io")}),
    host_form=re.compile(r"(?:[a-z0-9-]+\.){1,3}icr\.io"),
    look=look,
    made_up=made_up,
    renew=URL(_KEYS),
    causes=MappingProxyType({
        Reason.REFUSED: "IBM Cloud refuses this pair: the API key or entitlement was deleted, or the username is not iamapikey (or cp at cp.icr.io).",
        Reason.SHORT_LIVED: "An IAM token of IBM Cloud lives one hour: a stored one is dead.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make an API key at {_KEYS} and store it with the username iamapikey; for cp.icr.io store the entitlement key with the username cp",
        Reason.SHORT_LIVED: f"A token that lives one hour cannot be stored: make an API key at {_KEYS} and store it with the username iamapikey",
    }),
)  # fmt: skip
