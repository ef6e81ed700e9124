"""Harbor, known by its challenge. Facts: registries/others.md 2.

Its token endpoint hands anybody a token as soon as a scope is asked, so only the login without scope proves the pair: the
generic rules ask that first, and a control at each step.
"""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from validator.evidence import Demand
from validator.protocol.token import TokenClaims
from validator.providers.base import Provider, Shape, random_text
from validator.verdict import Reason, Traits

_ROBOT: Final = re.compile(r"robot[$@_+-].+")


def look(username: str, secret: str) -> Shape:
    """A robot, or a person behind whom a directory may count refusals; `robot` alone has lost what a shell took for a variable."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if username == "robot":
        return Shape(kind="robot", hints=("username_form",))
    if _ROBOT.fullmatch(username):
        return Shape(kind="robot")
    return Shape(kind="person", hints=("use_a_token",), no_repeat=True)


def made_up(random: Random) -> tuple[str, str]:
    """A robot that nobody has: nobody's name is locked, no directory is asked."""
    return f"robot$validator-control-{random_text(random, 12).lower()}", random_text(random, 32)


def nobody(claims: TokenClaims) -> bool | None:
    """The token of a pair that was not accepted has an empty subject."""
    return None if claims.sub is None else claims.sub == ""


def recognise(demand: Demand) -> bool:
    """Harbor's service name; the path of the realm may be a proxy's."""
    return demand.realm is not None and demand.service == "harbor-registry"


HARBOR: Final = Provider(
    key="harbor",
    title="this Harbor",
    recognise=recognise,
    look=look,
    made_up=made_up,
    nobody_claims=nobody,
    traits=Traits(denied=Reason.HIDDEN_OR_DENIED),  # an unknown project is refused like a forbidden one
    causes=MappingProxyType({
        Reason.REFUSED: "Harbor refuses this pair: the robot has ended (30 days by default) or was switched off, the secret is another one, or the "
        "person's CLI secret has to be woken.",
        Reason.POLICY_DENIED: "A policy of the project forbids pulling this image: it is vulnerable, or not signed.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: "Refresh the robot's secret on the project's Robot Accounts page in Harbor's portal and store it; store the robot's whole name, with "
        "what stands after the $, in single quotes. A person signs in to the portal once (that wakes a CLI secret), and stores the CLI secret of the user profile",
        Reason.POLICY_DENIED: "The credential is fine: ask the project's administrator about the image's vulnerabilities or signature",
        Reason.NO_PULL_PERMISSION: "Give the robot the permission to pull in this project",
        Reason.INSECURE_SCHEME: "Tell who runs the Harbor: its external URL says http, so logins would travel in the clear",
    }),
)  # fmt: skip
