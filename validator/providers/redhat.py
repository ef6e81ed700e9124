"""Red Hat, `registry.redhat.io`. Facts: registries/others.md 12.

It says the same words to nobody and to a wrong pair, so the step tells. Its login server may lie in another domain.
"""

from __future__ import annotations

from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.providers.base import Provider, Shape, foreign, random_text
from validator.verdict import Reason

_PAGE: Final = "https://access.redhat.com/terms-based-registry/"


def look(username: str, secret: str) -> Shape:
    """A service account has a bar in its name; a person's password stands before a single sign-on that locks."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(secret, "redhat"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if "|" in username:
        return Shape(kind="service account")
    return Shape(kind="person", hints=("username_form", "use_a_token"), no_repeat=True)


def made_up(random: Random) -> tuple[str, str]:
    """A service account that nobody has."""
    name = f"{random_text(random, 8, '123456789')}|validator-control-{random_text(random, 12).lower()}"
    return name, f"{random_text(random, 20)}.{random_text(random, 340)}.{random_text(random, 340)}"


REDHAT: Final = Provider(
    key="redhat",
    title="Red Hat's registry",
    hosts=frozenset({Host("registry.redhat.io"), Host("registry.connect.redhat.com")}),
    realm_hosts=frozenset({"registry.redhat.io", "sso.redhat.com"}),
    look=look,
    made_up=made_up,
    renew=URL(_PAGE),
    causes=MappingProxyType({Reason.REFUSED: "Red Hat refuses this pair: the service account's token was made anew, or the account was deleted."}),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make or regenerate a registry service account at {_PAGE} and store its whole name (number|name) with its token; a person's password is "
        "better not stored. A login for quay.io is another one",
        Reason.NO_CREDENTIAL: f"Make a registry service account at {_PAGE} and store its whole name (number|name) with its token",
    }),
)  # fmt: skip
