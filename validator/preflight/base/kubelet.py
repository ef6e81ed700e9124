"""What a kubelet does with several keys: which it tries for an image, in which order, and what comes of it. Pure.

registries/README.md 3.3 and 6.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

from validator.config import AuthsKey
from validator.credential import DOCKER_HUB, OSMOS_OWN, Host, RegistryScope, UnreadableRegistry, canonical_host, kubelet_order, osmo_scope
from validator.preflight.base.values import Held, Stored, Tried
from validator.protocol.reference import Reference
from validator.providers import provider_for
from validator.stores.base import BrokenPullSecret
from validator.verdict import Hint, ImageOutcome, ImageVerdict, Outcome, Reason

PULLED: Final = frozenset({Reason.PULL_OK, Reason.PUBLIC, Reason.PLATFORM_MISSING, Reason.PLATFORM_MISMATCH, Reason.UNSUPPORTED_MANIFEST})
"""The registry handed the manifest out: a kubelet tries no further key."""


def combine(tried: Sequence[Tried]) -> tuple[ImageVerdict, str | None]:
    """What a kubelet that tries these in order meets, and which credential pulls. `tried` is not empty.

    The first that gets the manifest ends it; nothing else counts a refusal as final while any answer is unknown
    (registries/README.md 6.4, 3-5).
    """
    for at, one in enumerate(tried):
        if one.image.reason in PULLED:
            dead_first = any(before.verdict.outcome is Outcome.INVALID for before in tried[:at])
            hints = (*one.image.hints, Hint.DEAD_KEY_FIRST) if dead_first else one.image.hints
            return replace(one.image, hints=tuple(dict.fromkeys(hints))), None if one.image.reason is Reason.PUBLIC else one.name
    unknown = next((one for one in tried if one.image.outcome is ImageOutcome.UNKNOWN), None)
    if unknown is not None:
        return unknown.image, None
    other = next((one for one in tried if one.image.reason is not Reason.CREDENTIAL_REFUSED), None)
    chosen = other if other is not None else tried[0]
    hints = tuple(dict.fromkeys(hint for one in tried for hint in one.image.hints))
    return replace(chosen.image, hints=hints), None


def without_key(image: ImageVerdict, host: str) -> ImageVerdict:
    """What an anonymous answer means where no stored key matches: the nodes of some clouds pull all the same."""
    if image.reason is Reason.NO_CREDENTIAL and provider_for(Host(host)).nodes_bring:
        return replace(image, outcome=ImageOutcome.UNKNOWN, reason=Reason.NODE_CREDENTIALS_POSSIBLE)
    return image


def auths_of(credential: Stored, written_as: AuthsKey) -> str:
    """The key of `auths` under which the platform writes a credential into the pull secret."""
    scope = credential.scope
    match written_as:
        case AuthsKey.AS_WRITTEN:
            return credential.written or str(scope)
        case AuthsKey.OSMO:
            return osmo_scope(credential.written or str(scope))
        case AuthsKey.DOCKER | AuthsKey.AUTO:
            return "https://index.docker.io/v1/" if scope.host == DOCKER_HUB and not scope.path else str(scope)


@dataclass(slots=True)
class Keyring:
    """The keys of one pull secret, sorted by their host: a user may have many, and a request many images."""

    by_host: dict[str, list[tuple[int, str, Stored]]]
    globs: list[tuple[int, str, Stored]]

    @classmethod
    def of(cls, held: Sequence[Held], group: Sequence[Reference], written_as: AuthsKey) -> Keyring:
        """The pull secret that a `group` of images gets from what is `held`.

        OSMO writes only the scopes that cover an image of the group, by whole path segments, the longest first, and into every pod, after
        them, its own (osmo.md 3.2).
        """
        keys = [one for one in held if not isinstance(one, BrokenPullSecret)]
        if written_as is AuthsKey.OSMO:
            users = [one for one in keys if one.user != OSMOS_OWN and any(_osmo_covers(auths_of(one, written_as), other) for other in group)]
            users.sort(key=lambda one: len(auths_of(one, written_as)), reverse=True)
            keys = users + [one for one in keys if one.user == OSMOS_OWN]
        ring = cls({}, [])
        for at, one in enumerate(keys):
            text = auths_of(one, written_as)
            host = text.partition("://")[2] if text.startswith(("http://", "https://")) else text
            host = host.partition("/")[0]
            (ring.globs if any(mark in host for mark in "*?[") else ring.by_host.setdefault(host, [])).append((at, text, one))
        return ring

    def matching(self, image: Reference) -> tuple[Stored, ...]:
        """The credentials that a kubelet tries for `image`, in its order."""
        hosts = (image.domain, "index.docker.io") if image.domain == DOCKER_HUB else (image.domain,)
        found = sorted((entry for host in hosts for entry in self.by_host.get(host, ())), key=itemgetter(0))
        if self.globs:
            found = sorted((*found, *self.globs), key=itemgetter(0))
        return kubelet_order([(text, one) for _, text, one in found], image.name) if found else ()


def _osmo_covers(key: str, image: Reference) -> bool:
    """True if OSMO writes `key` for this image: by its own names, to the letter."""
    host, _, path = key.partition("/")
    image_host = pull_host(image)
    return RegistryScope(Host(host), path).covers("registry-1.docker.io" if image_host == DOCKER_HUB else image_host, image.repository)


def matching(held: Sequence[Held], image: Reference, group: Sequence[Reference], written_as: AuthsKey) -> tuple[Stored, ...]:
    """The credentials that a kubelet tries for `image` of a `group` that shares one pull secret, in its order."""
    return Keyring.of(held, group, written_as).matching(image)


def pull_host(reference: Reference) -> Host:
    """The registry that an image is pulled from, canonical where it can be."""
    try:
        return canonical_host(reference.domain)
    except UnreadableRegistry:
        return Host(reference.domain)
