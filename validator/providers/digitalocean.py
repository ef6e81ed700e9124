"""DigitalOcean, `registry.digitalocean.com`. Facts: registries/others.md 15.

The username may be anything, and is often the token again. A repository's scope is asked first: what its login server says
to none is not known.
"""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Step
from validator.providers.base import Provider, Shape, foreign, random_text
from validator.verdict import Meaning, Reason, Says, Traits

_TOKENS: Final = "https://cloud.digitalocean.com/account/api/tokens"


def look(username: str, secret: str) -> Shape:
    """An API token by its prefix; any other is one that a docker config was made with, which ends after 30 days by default."""
    if foreign(secret, "digitalocean"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    return Shape(kind="API token" if re.match(r"do[opr]_v1_", secret.strip()) else "docker config's token")


def made_up(random: Random) -> tuple[str, str]:
    """A token of the form, which nobody has."""
    return f"validator-control-{random_text(random, 12).lower()}", f"dop_v1_{random_text(random, 64, '0123456789abcdef')}"


DIGITALOCEAN: Final = Provider(
    key="digitalocean",
    title="DigitalOcean's registry",
    hosts=frozenset({Host("registry.digitalocean.com")}),
    realm_hosts=frozenset({"api.digitalocean.com"}),
    look=look,
    made_up=made_up,
    default_username="validator",
    scope_first=True,
    traits=Traits(
        rows=(
            Says(row="digitalocean no such registry", meaning=Meaning.REPOSITORY_MISSING, reason=Reason.REPOSITORY_NOT_FOUND,
                 steps=frozenset({Step.SCOPED}), statuses=frozenset({400})),
        ),
    ),
    secret_shapes=(re.compile(r"do[opr]_v1_[a-f0-9]{16,}"),),
    renew=URL(_TOKENS),
    causes=MappingProxyType({
        Reason.REFUSED: "DigitalOcean refuses this token: it was deleted, or has ended (one made for a docker config ends after 30 days by default).",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make an API token with read access at {_TOKENS} and store it as username and secret; a docker config's token only with a long life "
        "(doctl registry docker-config --expiry-seconds)",
        Reason.REPOSITORY_NOT_FOUND: "Check the registry's and the repository's name in the image; if they are right, the token is another team's",
    }),
)  # fmt: skip
