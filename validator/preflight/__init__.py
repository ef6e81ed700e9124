"""Will a cluster pull these images with what one user has stored? The kubelet's truth, image by image.

Every credential whose key matches an image is tried, in the kubelet's order; the first that pulls ends it, and none matching
means an anonymous pull. registries/README.md 3.3 and 6.4. No HTTP server and no command line here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType

from validator.config import AuthsKey
from validator.credential import DOCKER_HUB, Credential, Host
from validator.evidence import Asker
from validator.preflight.base import (
    PULLED,
    Foretelling,
    Foretold,
    Held,
    Place,
    Tried,
    Wanted,
    combine,
    matching,
    pull_host,
    without_key,
)
from validator.preflight.shown import foretelling_json
from validator.probe import Inquiry, Probe, Probed
from validator.protocol.manifest import Platform
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.providers import Provider, provider_for
from validator.stores.base import BrokenPullSecret, UnreadableRow
from validator.verdict import Hint, ImageOutcome, ImageVerdict, Outcome, Reason, Verdict

__all__ = ["Foretelling", "Foretold", "Held", "Place", "Preflight", "Tried", "Wanted", "combine", "foretelling_json", "matching", "without_key"]


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

    groups: Mapping[int, tuple[Reference, ...]]
    held: tuple[Held, ...]
    ends: float
    gates: dict[str, _Gate] = field(default_factory=dict)


@dataclass(slots=True)
class Preflight:
    """Foretells images by probes; deadlines are measured by the running loop's clock.

    One of these serves a whole process: open it with `async with`, which ends what still runs in the background when it closes.
    """

    probe: Probe
    written_as: AuthsKey = AuthsKey.AUTO
    now: Callable[[], datetime] = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.probe.now

    async def __aenter__(self) -> Preflight:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return

    async def foretell(self, wanted: Sequence[Wanted], held: Sequence[Held], *, deadline_s: float) -> Foretelling:
        """Every image side by side, one and the same asked once; what has no answer by the deadline is `unknown (deadline)`.

        `held` is all that one user has stored, and nobody else's. Raises StoreLost and our own bugs; no registry's behaviour.
        """
        broken = [one for one in held if isinstance(one, BrokenPullSecret)]
        if broken:
            return Foretelling(tuple(self._broken(one, broken) for one in wanted))
        parsed = [_parsed(one) for one in wanted]
        groups: dict[int, dict[Reference, None]] = {}
        for one, reference in zip(wanted, parsed, strict=True):
            if isinstance(reference, Reference):
                groups.setdefault(one.group, {})[reference] = None
        ends = asyncio.get_running_loop().time() + deadline_s
        request = _Request(groups={group: tuple(found) for group, found in groups.items()}, held=tuple(held), ends=ends)
        questions = dict.fromkeys(
            (one.group, reference, one.platforms) for one, reference in zip(wanted, parsed, strict=True) if isinstance(reference, Reference)
        )
        async with asyncio.TaskGroup() as tasks:
            asked = {question: tasks.create_task(self._by_the_end(request, *question)) for question in questions}
        return Foretelling(tuple(
            replace(asked[(one.group, reference, one.platforms)].result(), wanted=one)
            if isinstance(reference, Reference) else self._unread(one, reference)
            for one, reference in zip(wanted, parsed, strict=True)
        ))  # fmt: skip

    async def _by_the_end(self, request: _Request, group: int, image: Reference, platforms: tuple[Platform, ...]) -> Foretold:
        limit = asyncio.timeout_at(request.ends)
        try:
            async with limit:
                return await self._foretold(request, group, image, platforms)
        except TimeoutError:
            if not limit.expired():
                raise
        late = ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.DEADLINE)
        return Foretold(wanted=Wanted(image=str(image)), verdict=late, provider=provider_for(pull_host(image)), checked_at=self.now())

    async def _foretold(self, request: _Request, group: int, image: Reference, platforms: tuple[Platform, ...]) -> Foretold:
        told = [await self._on(request, group, image, platform) for platform in platforms or (None,)]
        return next((one for one in told if one.verdict.outcome is not ImageOutcome.PULLABLE), told[0])

    async def _on(self, request: _Request, group: int, image: Reference, platform: Platform | None) -> Foretold:
        host = pull_host(image)
        candidates = matching(request.held, image, request.groups[group], self.written_as)
        provider, tried, via = provider_for(host), [], None
        for one in candidates:
            made, provider = await self._try(request, host, one, image, platform, provider)
            tried.append(made)
            if made.image.reason in PULLED:
                break
        if tried:
            told, via = combine(tried)
            if told.reason is Reason.CREDENTIAL_REFUSED and all(one is request.gates[one.name].refused for one in tried):
                told = await self._seen_public(host, image, platform, told)
        else:
            probed = await self._ask(host, None, image, platform)
            told, provider = without_key(_of_image(probed), host), probed.provider
        if self._unused(request.held, host, image, candidates):
            told = replace(told, hints=(*told.hints, Hint.DOCKER_HUB_KEY_UNUSED))
        return Foretold(
            wanted=Wanted(image=str(image)), verdict=told, via=via, tried=tuple(tried), provider=provider, checked_at=self.now(),
            why=_named(tried, told),
        )  # fmt: skip

    async def _try(
        self, request: _Request, host: Host, one: Credential | UnreadableRow, image: Reference, platform: Platform | None, provider: Provider
    ) -> tuple[Tried, Provider]:  # fmt: skip
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
                    probed = await self._ask(host, one, image, platform)
                    made = Tried(one.name, probed.verdict, _of_image(probed))
                    if made.image.reason is Reason.CREDENTIAL_REFUSED:
                        gate.refused = replace(made, image=replace(made.image, hints=()))
                    gate.open = gate.refused is None
                    return made, probed.provider
        probed = await self._ask(host, one, image, platform)
        return Tried(one.name, probed.verdict, _of_image(probed)), probed.provider

    async def _seen_public(self, host: Host, image: Reference, platform: Platform | None, told: ImageVerdict) -> ImageVerdict:
        """The same, with the hint that anybody could pull the image if it was not for the dead key."""
        alone = _of_image(await self._ask(host, None, image, platform))
        return replace(told, hints=(*told.hints, Hint.PUBLIC_IMAGE)) if alone.reason is Reason.PUBLIC else told

    def _unused(self, held: Sequence[Held], host: Host, image: Reference, candidates: Sequence[Held]) -> bool:
        """True if a Docker Hub credential covers the image and is written under a name that no node looks up."""
        if candidates or host != DOCKER_HUB:
            return False
        return any(one.scope.covers(host, image.repository) for one in held if not isinstance(one, BrokenPullSecret))

    async def _ask(self, host: Host, credential: Credential | None, image: Reference, platform: Platform | None) -> Probed:
        return await self.probe.ask(Inquiry(host=host, credential=credential, image=image, platform=platform, asker=Asker.PREFLIGHT))

    def _unread(self, wanted: Wanted, why: str) -> Foretold:
        """What needs no asking: the name is none, or still holds a template."""
        verdict = ImageVerdict(outcome=ImageOutcome.NOT_FOUND, reason=Reason.INVALID_REFERENCE)
        if wanted.unrendered is not None or _is_template(wanted.image):
            verdict = ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.UNRENDERED)
            why = f"the variable {wanted.unrendered} has no value" if wanted.unrendered not in (None, "?") else ""
        return Foretold(wanted=wanted, verdict=verdict, provider=provider_for(DOCKER_HUB), checked_at=self.now(), why=why)

    def _broken(self, wanted: Wanted, broken: Sequence[BrokenPullSecret]) -> Foretold:
        verdict = ImageVerdict(outcome=ImageOutcome.DENIED, reason=Reason.PULL_SECRET_BROKEN)
        why = "; ".join(f"{one.name}: {one.why}" for one in broken)
        return Foretold(wanted=wanted, verdict=verdict, provider=provider_for(DOCKER_HUB), checked_at=self.now(), why=why)


def _of_image(probed: Probed) -> ImageVerdict:
    return probed.verdict.image or ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.PROTOCOL)


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _parsed(wanted: Wanted) -> Reference | str:
    """The reference, or why there is none; "" for a template."""
    if wanted.unrendered is not None or _is_template(wanted.image):
        return ""
    try:
        return parse_reference(wanted.image)
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
