"""JFrog Artifactory: `*.jfrog.io`, and anywhere by its challenge. Facts: registries/others.md 7.

A few wrong logins suspend an account for a minute, some more lock it until an administrator opens it: at most one refused
login of a name at a time, never more than three.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from validator.evidence import Demand, Step
from validator.protocol.errcode import BodyShape
from validator.providers.base import NEVER_AGAIN, Pace, Provider, Shape, jwt_end
from validator.verdict import Meaning, Reason, Says, Traits

_LOGINS: Final = frozenset({Step.LOGIN, Step.SCOPED})
_REALM: Final = re.compile(r"(?:/artifactory)?/api/docker/.{1,200}/token|/artifactory/.{1,200}/token")


def look(username: str, secret: str) -> Shape:
    """A token by its form, the end of one that says it; anything else is a password. No refused login is repeated."""
    if not username:
        return Shape(fault=Reason.EMPTY_USERNAME)
    text = secret.strip()
    ends, short = jwt_end(text)
    if ends is not None or text.startswith(("eyJ", "cmVmdGtu", "AKCp")):
        return Shape(kind="token", expires_at=ends, short_lived=short, no_repeat=True)
    return Shape(kind="password", hints=("use_a_token",), no_repeat=True)


def recognise(demand: Demand) -> bool:
    """The path of its token endpoint; older ones by the label of their Basic challenge."""
    if demand.scheme == "basic":
        return demand.label == "Artifactory Realm"
    return demand.realm is not None and _REALM.fullmatch(demand.realm.path) is not None


ARTIFACTORY: Final = Provider(
    key="artifactory",
    title="this Artifactory",
    host_form=re.compile(r"[a-z0-9-]+\.jfrog\.io"),
    recognise=recognise,
    look=look,
    traits=Traits(
        rows=(
            Says(row="artifactory suspended", meaning=Meaning.UNKNOWN, reason=Reason.ACCOUNT_LOCKED, steps=_LOGINS, statuses=frozenset({403}),
                 shapes=frozenset(BodyShape) - {BodyShape.HTML}),
        ),
        repeat=False,
        wait_s=MappingProxyType({Reason.ACCOUNT_LOCKED: 120.0}),
    ),
    pace=Pace(refused_per_username=MappingProxyType({120: 1, 86_400: 2})),
    dead_again_days=(7, NEVER_AGAIN),
    secret_shapes=(re.compile(r"AKCp[A-Za-z0-9]{69}"), re.compile(r"cmVmdGtu[A-Za-z0-9]{56}")),
    causes=MappingProxyType({
        Reason.REFUSED: "Artifactory refuses this pair: the token was revoked or belongs to another username, the password changed, or API keys were switched off.",
        Reason.EXPIRED: "The access token's own end is over, and Artifactory refuses it.",
        Reason.ACCOUNT_LOCKED: "Artifactory has suspended this account's logins after failed ones, or locked it; the right secret gets the same answer.",
        Reason.SHORT_LIVED: "This access token was made for hours: a stored one is dead soon.",
    }),
    advice=MappingProxyType({
        Reason.REFUSED: "Make an identity token on the user profile's page of the platform (https://<host>/ui/user_profile) and store it with its own username",
        Reason.EXPIRED: "Make a new identity token on the user profile's page of the platform (https://<host>/ui/user_profile) and store it",
        Reason.ACCOUNT_LOCKED: "Nothing to renew: a suspension ends by itself within minutes; an administrator opens a locked account. Find what keeps trying a wrong "
        "password for this name",
        Reason.UNSAFE_REALM: "If the platform's own host (ORG.jfrog.io for ORG-REPO.jfrog.io) is the login server, the operator lists it: --realm-host HOST",
        Reason.SHORT_LIVED: "Store an identity token without an end, or one that lives for months (https://<host>/ui/user_profile)",
    }),
)  # fmt: skip
