"""Any Registry v2 server that no other provider names: the rules of registries/README.md 7, nothing added."""

from __future__ import annotations

from random import Random
from typing import Final

from validator.providers.base import Pace, Provider, Shape, random_text
from validator.verdict import Reason

_ANY: Final = Shape()


def look(username: str, secret: str) -> Shape:
    """Only what no registry can accept: a pair without a username. Another vendor's form may be right here."""
    return Shape(fault=Reason.EMPTY_USERNAME) if not username else _ANY


def made_up(random: Random) -> tuple[str, str]:
    """A pair that nobody has."""
    return f"validator-control-{random_text(random, 12).lower()}", random_text(random, 40)


GENERIC: Final = Provider(key="generic", title="this registry", look=look, made_up=made_up, pace=Pace())
