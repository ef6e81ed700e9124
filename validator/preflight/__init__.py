"""Will a cluster pull these images with what one user has stored? The kubelet's truth, image by image.

Every credential whose key matches an image is tried, in the kubelet's order; the first that pulls ends it, and none matching
means an anonymous pull. registries/README.md 3.3 and 6.4. No HTTP server and no command line here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from types import TracebackType
from typing import Final

from validator.config import AuthsKey
from validator.credential import DOCKER_HUB, Credential, Host
from validator.preflight.base import (
    Answers,
    Controls,
    Conversations,
    Course,
    Foretelling,
    Foretold,
    Held,
    Key,
    Keyring,
    Place,
    Repeats,
    Stored,
    Tried,
    Wanted,
    combine,
    matching,
    pull_host,
    told_name,
    unused_keys,
    why_not,
    why_unused,
    without_key,
)
from validator.preflight.shown import foretelling_json, foretelling_text_json
from validator.probe import Probe
from validator.protocol.manifest import Platform
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.providers import provider_for
from validator.stores.base import BrokenPullSecret, as_kubelet_splits
from validator.verdict import Hint, ImageOutcome, ImageVerdict, Reason

__all__ = [
    "Foretelling", "Foretold", "Held", "Place", "Preflight", "Tried", "Wanted",
    "combine", "foretelling_json", "foretelling_text_json", "matching", "without_key",
]  # fmt: skip

MAX_PARSED: Final = 512
"""Characters of an image's name whose reading is kept."""

_Asked = tuple[int, Reference, tuple[Platform, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What all images of one pre-flight share: the keys of each group, and each secret's fingerprint at a host."""

    held: Sequence[Held]
    rings: Mapping[int, Keyring]
    fingerprints: dict[tuple[Host, int], str] = field(default_factory=dict)


@dataclass(slots=True)
class Preflight:
    """Foretells images by probes; deadlines are measured by the running loop's clock.

    One of these serves a whole process: what one request asked answers the next, and what is late goes on. Open it with `async with`,
    which ends what still runs when it closes. `makes_controls`: a negative control that a registry lacks is made after an answer.
    """

    probe: Probe
    written_as: AuthsKey = AuthsKey.AUTO
    makes_controls: bool = True
    conversations: Conversations = field(init=False)
    controls: Controls = field(init=False)
    repeats: Repeats = field(init=False)

    def __post_init__(self) -> None:
        self.controls = Controls(self.probe)
        heard = self.controls.accepted if self.makes_controls else None
        answers = Answers(self.probe.settings.preflight)
        self.conversations = Conversations(self.probe, answers, heard)
        self.repeats = Repeats(answers, self.probe.fingerprinter)

    async def __aenter__(self) -> Preflight:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.controls.close()
        await self.conversations.close()

    async def foretell(self, wanted: Sequence[Wanted], held: Sequence[Held], *, deadline_s: float) -> Foretelling:
        """Every image side by side, one and the same asked once; what has no answer by the deadline is `unknown (deadline)`.

        `held` is all that one user has stored, and nobody else's. Raises StoreLost and our own bugs; no registry's behaviour.
        """
        ends = asyncio.get_running_loop().time() + deadline_s
        broken = [one for one in held if isinstance(one, BrokenPullSecret)]
        if broken:
            return Foretelling(tuple(self._broken(one, broken) for one in wanted))
        key = self.repeats.key(wanted, held)
        kept = self.repeats.get(key, self.probe.monotonic(), self.probe.now())
        if kept is not None:
            return kept
        parsed = [_parsed(one) for one in wanted]
        groups: dict[int, list[Reference]] = {}
        for one, reference in zip(wanted, parsed, strict=True):
            if isinstance(reference, Reference):
                groups.setdefault(one.group, []).append(reference)
        request = _Request(held=held, rings=self._rings(held, groups))
        courses: dict[_Asked, Course] = {}
        for one, reference in zip(wanted, parsed, strict=True):
            if isinstance(reference, Reference) and (one.group, reference, one.platforms) not in courses:
                courses[one.group, reference, one.platforms] = self._course(request, one, reference)
        await self._by(ends, list(courses.values()))
        self.controls.begin()
        told = {asked: self._told(request, course) for asked, course in courses.items()}
        whole = Foretelling(tuple(
            replace(told[one.group, reference, one.platforms], wanted=one) if isinstance(reference, Reference) else self._unread(one, reference)
            for one, reference in zip(wanted, parsed, strict=True)
        ))  # fmt: skip
        self.repeats.put(key, whole, list(courses.values()))
        return whole

    async def _by(self, ends: float, courses: Sequence[Course]) -> None:
        """Run them side by side, to their end or the deadline."""
        waiting = [course for course in courses if course.advance() is not None]
        if not waiting:
            return
        limit = asyncio.timeout_at(ends)
        try:
            async with limit, asyncio.TaskGroup() as tasks:
                for course in waiting:
                    tasks.create_task(course.run())
        except TimeoutError:
            if not limit.expired():
                raise
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            for course in waiting:
                course.settle()

    def _rings(self, held: Sequence[Held], groups: Mapping[int, Sequence[Reference]]) -> dict[int, Keyring]:
        """Each group's pull secret; where the group does not matter it is one for all."""
        if self.written_as is AuthsKey.OSMO:
            return {group: Keyring.of(held, references, self.written_as) for group, references in groups.items()}
        return dict.fromkeys(groups, Keyring.of(held, (), self.written_as))

    def _course(self, request: _Request, wanted: Wanted, image: Reference) -> Course:
        host = _pull_host(image)
        sent = [as_kubelet_splits(one) if isinstance(one, Credential) else one for one in request.rings[wanted.group].matching(image)]
        keys = [Key(told_name(one), one, self._fingerprint(request, host, one)) for one in sent]
        return Course(self.conversations, host, image, wanted.platforms, keys)

    def _fingerprint(self, request: _Request, host: Host, one: Stored) -> str:
        if not isinstance(one, Credential):
            return ""
        kept = request.fingerprints.get((host, id(one)))
        if kept is None:
            kept = request.fingerprints[host, id(one)] = str(self.probe.fingerprinter.of(host, one.username, one.secret))
        return kept

    def _told(self, request: _Request, course: Course) -> Foretold:
        keys = [key for key in course.tried() if key.answer is not None] or [course.alone]
        tried = tuple(Tried(key.name, key.answer.verdict, key.answer.image) for key in keys if key.answer is not None)
        told, via = combine(tried)
        why = ""
        if not course.keys:
            told, via = without_key(told, course.host), None
            if unused := unused_keys(request.held, course.host, course.image):
                hint = Hint.DOCKER_HUB_KEY_UNUSED if course.host == DOCKER_HUB else Hint.NEVER_MATCHES
                told, why = replace(told, hints=(*told.hints, hint)), why_unused(unused, told, self.written_as, hint)
        elif told.reason is Reason.CREDENTIAL_REFUSED and course.alone.answer is not None:
            public = course.alone.answer.image.reason is Reason.PUBLIC
            told = replace(told, hints=(*told.hints, Hint.PUBLIC_IMAGE)) if public else told
        why = why or why_not([one.name for one in tried], told, course.platforms)
        deciding = next((key.answer for key in keys if key.answer is not None and key.answer.image.reason is told.reason), keys[0].answer)
        assert deciding is not None, "a course that is over has an answer"
        at = min(key.answer.at for key in keys if key.answer is not None)
        retry_at = deciding.at + timedelta(seconds=told.retry_after_s) if told.retry_after_s is not None else None
        return Foretold(
            wanted=Wanted(image=str(course.image)), verdict=told, via=via, tried=tried if course.keys else (), provider=deciding.provider,
            checked_at=at, retry_at=retry_at, why=why, cached=not any(key.asked for key in keys),
            registry=str(course.host),
        )  # fmt: skip

    def _unread(self, wanted: Wanted, why: str) -> Foretold:
        """What needs no asking: the name is none, or still holds a template."""
        verdict = ImageVerdict(outcome=ImageOutcome.NOT_FOUND, reason=Reason.INVALID_REFERENCE)
        if _is_template(wanted):
            verdict = ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.UNRENDERED)
        return self._unasked(wanted, verdict, why)

    def _broken(self, wanted: Wanted, broken: Sequence[BrokenPullSecret]) -> Foretold:
        verdict = ImageVerdict(outcome=ImageOutcome.DENIED, reason=Reason.PULL_SECRET_BROKEN)
        return self._unasked(wanted, verdict, "; ".join(f"{one.name}: {one.why}" for one in broken))

    def _unasked(self, wanted: Wanted, verdict: ImageVerdict, why: str) -> Foretold:
        return Foretold(wanted=wanted, verdict=verdict, provider=provider_for(DOCKER_HUB), checked_at=self.now(), why=why, asked=False)

    def now(self) -> datetime:
        """The probe's wall clock."""
        return self.probe.now()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One of a group's errors: the other images met the same, or are of no use without it."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _is_template(wanted: Wanted) -> bool:
    return wanted.unrendered is not None or "{{" in wanted.image or "{%" in wanted.image


def _parsed(wanted: Wanted) -> Reference | str:
    """The reference, or why there is none."""
    if _is_template(wanted):
        return f"the variable {wanted.unrendered} has no value" if wanted.unrendered not in (None, "?") else ""
    return _reference(wanted.image) if len(wanted.image) <= MAX_PARSED else _reference.__wrapped__(wanted.image)


@lru_cache(maxsize=16_384)
def _reference(text: str) -> Reference | str:
    try:
        return parse_reference(text)
    except InvalidReference as error:
        return str(error)


@lru_cache(maxsize=16_384)
def _pull_host(image: Reference) -> Host:
    return pull_host(image)
