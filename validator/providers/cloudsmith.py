"""Cloudsmith, `docker.cloudsmith.io`. Facts: registries/others.md 17."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Step
from validator.providers.base import Provider, Shape, foreign
from validator.verdict import Meaning, Reason, Says, Traits

_PAGE: Final = "https://cloudsmith.io/user/settings/api/"


def look(username: str, secret: str) -> Shape:
    """An API key or an entitlement token; nothing of their form is known."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    return Shape(fault=Reason.FOREIGN_TOKEN if foreign(secret, "cloudsmith") else "")


CLOUDSMITH: Final = Provider(
    key="cloudsmith",
    title="Cloudsmith",
    hosts=frozenset({Host("docker.cloudsmith.io")}),
    look=look,
    repeat_at_login=True,
    traits=Traits(
        rows=(
            # it says 401 to a living token that lacks the right, too: with a scope that is no word about the secret
            Says(row="cloudsmith either", meaning=Meaning.DENIED, reason=Reason.AMBIGUOUS_REFUSAL, steps=frozenset({Step.SCOPED}), statuses=frozenset({401}),
                 codes=frozenset({"", "UNAUTHORIZED", "DENIED"})),
        ),
    ),
    renew=URL(_PAGE),
    advice=MappingProxyType({
        Reason.REFUSED: f"Copy the API key from {_PAGE}, or an entitlement token of the repository with the username token, and store it",
    }),
)  # fmt: skip
