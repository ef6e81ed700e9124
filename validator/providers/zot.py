"""zot, known by the label of its Basic challenge. Facts: registries/others.md 11.

It sleeps after each refusal, and asks a directory where one is set up; where that is down, a right password is refused too.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from validator.evidence import Demand
from validator.providers.base import Provider, Shape
from validator.verdict import Reason


def look(username: str, secret: str) -> Shape:
    """Its own API keys begin with `zak_`; a password may be tried against a directory that locks, so it is never repeated."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    return Shape(kind="API key") if secret.strip().startswith("zak_") else Shape(kind="password", no_repeat=True)


def recognise(demand: Demand) -> bool:
    """The label that it gives itself; others may take the same words, and lose only the repeat of a refused login by it."""
    return demand.scheme == "basic" and demand.label == "Authorization Required"


ZOT: Final = Provider(
    key="zot",
    title="this registry",
    recognise=recognise,
    look=look,
    secret_shapes=(re.compile(r"zak_[A-Za-z0-9_-]{16,}"),),
    advice=MappingProxyType({
        Reason.REFUSED: "Check the username and store the password again, or, where it is a zot, a new API key (zak_…) with its own username",
    }),
)  # fmt: skip
