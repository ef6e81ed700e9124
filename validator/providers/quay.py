"""Quay.io, and Red Hat Quay anywhere by its challenge. Facts: registries/others.md 1."""

from __future__ import annotations

import re
from random import Random
from types import MappingProxyType
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Demand, Step
from validator.providers.base import Provider, Shape, foreign, jwt_end, random_text
from validator.verdict import Meaning, Reason, Says, Traits, words

_LOGINS: Final = frozenset({Step.LOGIN, Step.SCOPED})
_TOKENS: Final = frozenset({"$app", "$oauthtoken", "$token"})
_PAGE: Final = "https://quay.io/organization/<organization>?tab=robots (your own Quay: the same page there)"


def look(username: str, secret: str) -> Shape:
    """A robot, a token, or else a person, whom each wrong password keeps out for longer. The form decides nothing."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    if foreign(secret, "quay"):
        return Shape(fault=Reason.FOREIGN_TOKEN)
    if "+" in username:
        ends, short = jwt_end(secret.strip())  # a federated robot's, an hour at most
        return Shape(kind="robot", expires_at=ends, short_lived=short)
    if username in _TOKENS:
        return Shape(kind="token")
    return Shape(kind="person", hints=("use_a_token",), leave_dead=True)


def made_up(random: Random) -> tuple[str, str]:
    """A robot that nobody has: robots have no counter of failed logins."""
    name = random_text(random, 12).lower()
    return f"validator_control_{name}+{name}", random_text(random, 64, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def recognise(demand: Demand) -> bool:
    """A realm `/v2/auth` whose service is its own host."""
    realm = demand.realm
    return realm is not None and realm.path == "/v2/auth" and demand.service in (realm.host, f"{realm.host}:{realm.port}")


QUAY: Final = Provider(
    key="quay",
    title="Quay",
    hosts=frozenset({Host("quay.io")}),
    recognise=recognise,
    look=look,
    made_up=made_up,
    traits=Traits(
        rows=(
            Says(row="quay back-off", meaning=Meaning.UNKNOWN, reason=Reason.ACCOUNT_LOCKED, steps=_LOGINS, statuses=frozenset({429}),
                 text=words(r"too many login attempts")),
            Says(row="quay disabled namespace", meaning=Meaning.BARRED, reason=Reason.POLICY_DENIED,
                 steps=frozenset({Step.SCOPED, Step.PULL, Step.MANIFEST}), statuses=frozenset({405}), codes=frozenset({"DENIED"})),
        ),
        denied=Reason.HIDDEN_OR_DENIED,  # no right, no such repository, no such namespace: a token of no access each time
        wait_s=MappingProxyType({Reason.ACCOUNT_LOCKED: 60.0}),
    ),
    secret_shapes=(re.compile(r"(?<![0-9A-Z])[0-9A-Z]{64}(?![0-9A-Z])"),),
    renew=URL("https://quay.io/organization/"),
    causes=MappingProxyType({
        Reason.REFUSED: "Quay refuses this pair: no such robot or person, or another secret.",
        Reason.OWNER_DISABLED: "Quay says that the robot's owner, or robots altogether, are switched off.",
        Reason.ACCOUNT_LOCKED: "Quay lets this person wait after wrong passwords; the right one gets the same answer.",
        Reason.POLICY_DENIED: "The namespace of this image is switched off.",
        Reason.SHORT_LIVED: "A federated robot's token lives an hour at most: a stored one is dead.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: f"Make a new robot secret at {_PAGE} and store it with the robot's whole name (owner+robot). A person's password may need to "
        "be an encrypted one, or $app with an application token",
        Reason.OWNER_DISABLED: "A new secret does not help: ask who runs the Quay to enable the robot's owner",
        Reason.ACCOUNT_LOCKED: "Nothing to renew: the wait ends by itself; store a robot's secret, which is never locked",
        Reason.NO_PULL_PERMISSION: f"Give the robot read permission on the repository ({_PAGE})",
        Reason.POLICY_DENIED: "Ask the image's owner: no credential pulls from a namespace that is switched off",
        Reason.SHORT_LIVED: f"Store the robot's own secret instead ({_PAGE})",
        Reason.NO_CREDENTIAL: f"Make a robot at {_PAGE}, give it read permission and store it; or check the image's name",
    }),
)  # fmt: skip
