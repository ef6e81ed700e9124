"""What the general words for a reason do not say of one image: which credential, which platform, which key. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from validator.config import AuthsKey
from validator.credential import OSMOS_OWN, Host
from validator.preflight.base.kubelet import auths_of
from validator.preflight.base.values import Held, Stored
from validator.protocol.manifest import Platform
from validator.protocol.reference import Reference
from validator.stores.base import BrokenPullSecret
from validator.verdict import Hint, ImageOutcome, ImageVerdict, Reason

_HUB_KEY: Final = "https://index.docker.io/v1/"
_RIGHT_KEY: Final = "the image's own host as it is written there, and the beginning of its path"
_AND_OSMOS: Final = ", and tell OSMO's operator that OSMO's own is refused, too"
_MAYBE_PRIVATE: Final = frozenset({Reason.HIDDEN_OR_DENIED, Reason.REPOSITORY_NOT_FOUND})


def why_not(names: Sequence[str], verdict: ImageVerdict, platforms: Sequence[Platform]) -> str:
    """The credentials that block the image, or the platform that it lacks; "" where the general words say it all."""
    users = [name for name in names if name != OSMOS_OWN]
    osmos = len(users) < len(names)
    match verdict.reason:
        case Reason.PLATFORM_MISSING | Reason.PLATFORM_MISMATCH:
            wanted = ", ".join(map(str, platforms))
            return f"{wanted} is wanted; it has {', '.join(verdict.platforms)}" if verdict.platforms else f"{wanted} is wanted"
        case Reason.CREDENTIAL_REFUSED:
            public = "; the image itself is public" if Hint.PUBLIC_IMAGE in verdict.hints else ""
            harm = "Until then every pull of it fails twice at the registry, which may lock the account or ban the node"
            if not users:
                told = "Tell OSMO's operator that OSMO's own credential is refused, or store one of yours for this registry, which is tried too"
            else:
                told = f"delete or renew the credential {', '.join(users)}{_AND_OSMOS if osmos else ''}"
            return f"{told}{public}. {harm}"
        case reason if osmos and not users and (verdict.outcome is ImageOutcome.DENIED or reason in _MAYBE_PRIVATE):
            return "Check the image's name, or store a credential of yours for this registry: none but OSMO's own matches"
        case _:
            return ""


def unused_keys(held: Sequence[Held], host: Host, image: Reference) -> list[Stored]:
    """The user's credentials that are stored for an image of `host`; they are unused if a node looks none of their keys up."""
    mine = [one for one in held if not isinstance(one, BrokenPullSecret) and one.user != OSMOS_OWN]
    return [one for one in mine if one.scope.covers(host, image.repository)]


def why_unused(unused: Sequence[Stored], verdict: ImageVerdict, written_as: AuthsKey, hint: Hint) -> str:
    """That these credentials would be the image's, and which key would be looked up; "" where it is pulled all the same."""
    if verdict.outcome is ImageOutcome.PULLABLE:
        return ""
    texts = ", ".join(f"{one.name} (its key there is {auths_of(one, written_as)})" for one in unused)
    right = _HUB_KEY if hint is Hint.DOCKER_HUB_KEY_UNUSED else _RIGHT_KEY
    return f"no node uses the stored {texts}: the key in the pull secret must be {right}"
