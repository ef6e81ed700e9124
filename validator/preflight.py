"""Will a cluster pull these images with what one user has stored? The kubelet's truth, image by image.

Every credential whose key matches an image is tried, in the kubelet's order; the first that pulls ends it, and none matching
means an anonymous pull. registries/README.md 3.3 and 6.4. No HTTP server and no command line here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from validator.config import AuthsKey
from validator.credential import DOCKER_HUB, Credential, Host, UnreadableRegistry, canonical_host, kubelet_order
from validator.evidence import Asker
from validator.probe import Inquiry, Probe, Probed
from validator.protocol.manifest import Platform
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.providers import Provider, provider_for
from validator.stores.base import UnreadableRow
from validator.verdict import Hint, ImageOutcome, ImageVerdict, Outcome, Reason, Verdict

_PULLED: Final = frozenset({Reason.PULL_OK, Reason.PUBLIC, Reason.PLATFORM_MISSING, Reason.PLATFORM_MISMATCH, Reason.UNSUPPORTED_MANIFEST})
"""The registry handed the manifest out: a kubelet tries no further key."""

_NODES_BRING: Final = re.compile(
    r"[0-9]{12}\.dkr\.ecr[a-z0-9.-]*\.amazonaws\.com(\.cn)?"
    r"|([a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev|[a-z0-9-]+\.azurecr\.io"
)
"""Hosts whose clouds give their nodes credentials of their own (registries/others.md G12)."""

Held = Credential | UnreadableRow


@dataclass(frozen=True, slots=True)
class Tried:
    """What one matching credential came to at an image."""

    name: str
    verdict: Verdict
    image: ImageVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What will happen to one image. `via` is the credential that pulls it; `tried` all that were asked, in order."""

    image: str
    verdict: ImageVerdict
    via: str | None = None
    tried: tuple[Tried, ...] = ()
    provider: Provider
    checked_at: datetime
    why: str = ""
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Foretelling:
    """All images of one request."""

    images: tuple[Foretold, ...]

    @property
    def outcome(self) -> str:
        """`blocked` if any image is, else `unknown` if any is, else `ready`."""
        outcomes = {foretold.verdict.outcome for foretold in self.images}
        if outcomes & {ImageOutcome.DENIED, ImageOutcome.NOT_FOUND, ImageOutcome.WRONG_PLATFORM}:
            return "blocked"
        return "unknown" if ImageOutcome.UNKNOWN in outcomes else "ready"


def combine(tried: Sequence[Tried]) -> tuple[ImageVerdict, str | None]:
    """What a kubelet that tries these in order meets, and which credential pulls. `tried` is not empty. Pure.

    The first that gets the manifest ends it; nothing else counts a refusal as final while any answer is unknown
    (registries/README.md 6.4, 3-5).
    """
    for at, one in enumerate(tried):
        if one.image.reason in _PULLED:
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
    """What an anonymous answer means where no stored key matches: the nodes of some clouds pull all the same. Pure."""
    if image.reason is Reason.NO_CREDENTIAL and _NODES_BRING.fullmatch(host):
        return replace(image, outcome=ImageOutcome.UNKNOWN, reason=Reason.NODE_CREDENTIALS_POSSIBLE)
    return image


def auths_of(credential: Held, written_as: AuthsKey) -> str:
    """The key of `auths` under which the platform writes a credential into the pull secret."""
    scope = credential.scope
    match written_as:
        case AuthsKey.AS_WRITTEN:
            return (credential.written if isinstance(credential, Credential) else "") or str(scope)
        case AuthsKey.OSMO:
            return f"registry-1.{scope}" if scope.host == DOCKER_HUB else str(scope)
        case AuthsKey.DOCKER | AuthsKey.AUTO:
            return "https://index.docker.io/v1/" if scope.host == DOCKER_HUB and not scope.path else str(scope)


def matching(held: Sequence[Held], image: Reference, group: Sequence[Reference], written_as: AuthsKey) -> tuple[Held, ...]:
    """The credentials that a kubelet tries for `image` of a `group` that shares one pull secret, in its order. Pure.

    OSMO writes only the scopes that cover an image of the group, by whole path segments, the longest first (osmo.md 3.2).
    """
    if written_as is AuthsKey.OSMO:
        written = [one for one in held if any(one.scope.covers(_host(other), other.repository) for other in group)]
        held = sorted(written, key=lambda one: len(str(one.scope)), reverse=True)
    return kubelet_order([(auths_of(one, written_as), one) for one in held], image.name)


def _host(reference: Reference) -> str:
    try:
        return canonical_host(reference.domain)
    except UnreadableRegistry:
        return reference.domain


@dataclass(slots=True)
class _Gate:
    """Lets one image alone ask with a credential, and the others after its answer; `refused` holds that if it is a no for all.

    Else a dead key would be refused twice for each image, and spend the budget that others need.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    open: bool = False
    refused: Tried | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What all images of one pre-flight share; `ends` is the loop's time of the deadline."""

    group: tuple[Reference, ...]
    held: tuple[Held, ...]
    platform: Platform | None
    ends: float
    gates: dict[str, _Gate] = field(default_factory=dict)


@dataclass(slots=True)
class Preflight:
    """Foretells images by probes; deadlines are measured by the running loop's clock."""

    probe: Probe
    written_as: AuthsKey = AuthsKey.AUTO
    now: Callable[[], datetime] = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.probe.now

    async def foretell(self, images: Sequence[str], held: Sequence[Held], *, platform: Platform | None, deadline_s: float) -> Foretelling:
        """Every image side by side, one and the same asked once; what has no answer by the deadline is `unknown (deadline)`."""
        parsed = {text: _parsed(text) for text in images}
        group = tuple(dict.fromkeys(one for one in parsed.values() if isinstance(one, Reference)))
        ends = asyncio.get_running_loop().time() + deadline_s
        request = _Request(group=group, held=tuple(held), platform=platform, ends=ends)
        async with asyncio.TaskGroup() as tasks:
            asked = {reference: tasks.create_task(self._by_the_end(request, reference)) for reference in group}
        return Foretelling(tuple(
            self._invalid(text, one) if isinstance(one := parsed[text], str) else replace(asked[one].result(), image=text) for text in images
        ))  # fmt: skip

    async def _by_the_end(self, request: _Request, image: Reference) -> Foretold:
        limit = asyncio.timeout_at(request.ends)
        try:
            async with limit:
                return await self._foretold(request, image)
        except TimeoutError:
            if not limit.expired():
                raise
        late = ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.DEADLINE)
        return Foretold(image=str(image), verdict=late, provider=provider_for(Host(_host(image))), checked_at=self.now())

    async def _foretold(self, request: _Request, image: Reference) -> Foretold:
        host = Host(_host(image))
        candidates = matching(request.held, image, request.group, self.written_as)
        provider, tried, via = provider_for(host), [], None
        for one in candidates:
            made, provider = await self._try(request, host, one, image, provider)
            tried.append(made)
            if made.image.reason in _PULLED:
                break
        if tried:
            told, via = combine(tried)
            if told.reason is Reason.CREDENTIAL_REFUSED and all(one is request.gates[one.name].refused for one in tried):
                told = await self._seen_public(request, host, image, told)
        else:
            probed = await self._ask(request, host, None, image)
            told, provider = without_key(_of_image(probed), host), probed.provider
        if self._unused(request.held, host, image, candidates):
            told = replace(told, hints=(*told.hints, Hint.DOCKER_HUB_KEY_UNUSED))
        return Foretold(
            image=str(image), verdict=told, via=via, tried=tuple(tried), provider=provider, checked_at=self.now(), why=_named(tried, told)
        )  # fmt: skip

    async def _try(self, request: _Request, host: Host, one: Held, image: Reference, provider: Provider) -> tuple[Tried, Provider]:
        """What one credential comes to at `image`, and whose rules held."""
        if isinstance(one, UnreadableRow):
            verdict = Verdict(outcome=Outcome.UNKNOWN, reason=Reason.UNREADABLE)
            return Tried(one.name, verdict, ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.UNREADABLE)), provider
        gate = request.gates.setdefault(one.name, _Gate())
        if not gate.open:
            async with gate.lock:
                if gate.refused is not None:
                    return gate.refused, provider
                if not gate.open:
                    probed = await self._ask(request, host, one, image)
                    made = Tried(one.name, probed.verdict, _of_image(probed))
                    if made.image.reason is Reason.CREDENTIAL_REFUSED:
                        gate.refused = replace(made, image=replace(made.image, hints=()))
                    gate.open = gate.refused is None
                    return made, probed.provider
        probed = await self._ask(request, host, one, image)
        return Tried(one.name, probed.verdict, _of_image(probed)), probed.provider

    async def _seen_public(self, request: _Request, host: Host, image: Reference, told: ImageVerdict) -> ImageVerdict:
        """The same, with the hint that anybody could pull the image if it was not for the dead key."""
        alone = _of_image(await self._ask(request, host, None, image))
        return replace(told, hints=(*told.hints, Hint.PUBLIC_IMAGE)) if alone.reason is Reason.PUBLIC else told

    def _unused(self, held: Sequence[Held], host: Host, image: Reference, candidates: Sequence[Held]) -> bool:
        """True if a Docker Hub credential covers the image and is written under a name that no node looks up."""
        if candidates or host != DOCKER_HUB:
            return False
        return any(one.scope.covers(host, image.repository) for one in held)

    async def _ask(self, request: _Request, host: Host, credential: Credential | None, image: Reference) -> Probed:
        return await self.probe.ask(Inquiry(host=host, credential=credential, image=image, platform=request.platform, asker=Asker.PREFLIGHT))

    def _invalid(self, text: str, why: str) -> Foretold:
        bad = ImageVerdict(outcome=ImageOutcome.NOT_FOUND, reason=Reason.INVALID_REFERENCE)
        return Foretold(image=text, verdict=bad, provider=provider_for(DOCKER_HUB), checked_at=self.now(), why=why)


def _of_image(probed: Probed) -> ImageVerdict:
    return probed.verdict.image or ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.PROTOCOL)


def _parsed(text: str) -> Reference | str:
    try:
        return parse_reference(text)
    except InvalidReference as error:
        return str(error)


def _named(tried: Sequence[Tried], verdict: ImageVerdict) -> str:
    """Advice that names the credential which blocks the image; "" where the general one says it."""
    if verdict.reason is not Reason.CREDENTIAL_REFUSED:
        return ""
    names = ", ".join(one.name for one in tried)
    public = "; the image itself is public" if Hint.PUBLIC_IMAGE in verdict.hints else ""
    harm = "Until then every pull of it fails twice at the registry, which may lock the account or ban the node"
    return f"delete or renew the credential {names}{public}. {harm}"
