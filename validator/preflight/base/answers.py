"""What one process remembers of its answers: for how long, and what speaks against them. No I/O; clocks are arguments.

The key of an answer holds the secret's fingerprint: a renewed credential has none. registries/README.md 6.3 and 6.4, 6.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from validator.config import Preflight as Settings
from validator.credential import Host
from validator.evidence import Step
from validator.probe import Probed
from validator.protocol.manifest import ManifestKind, Platform
from validator.protocol.reference import Reference
from validator.providers import Provider
from validator.verdict import ImageOutcome, ImageVerdict, Outcome, Reason, Verdict

MOST_ANSWERS: Final = 10_000
"""Kept at once; the least recently used goes first. Each is about two kilobytes."""

MOST_PLATFORMS: Final = 8
"""Of one image."""

REFUSAL_S: Final = 600.0
"""No refusal is served longer, whatever the settings: the user may just have renewed the key at the registry (6.4, 6)."""

UNKNOWN_S: Final = 2.0
"""A registry that could not be asked is not asked again at once by each of many who want it."""

THROTTLED_S: Final = 60.0
"""A registry that asks to come later and does not say when."""

STALE_S: Final = 3600.0
"""So old may a proof be that answers for a registry which is down."""

DOWN: Final = frozenset({Reason.DNS_FAILURE, Reason.CONNECT_FAILED, Reason.TIMEOUT, Reason.SERVER_ERROR, Reason.DEADLINE})
_OTHER_PLATFORM: Final = frozenset({Reason.PLATFORM_MISSING, Reason.PLATFORM_MISMATCH})


@dataclass(frozen=True, slots=True)
class Question:
    """What two requests must share to share an answer: the secret and what it is stored for, and the image.

    `scope` is the credential's path; `fingerprint` is "" for nobody.
    """

    host: Host
    scope: str
    fingerprint: str
    image: Reference

    @property
    def secret(self) -> tuple[str, str]:
        """Whose login it is, for all images."""
        return self.host, self.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a question came to. `at` is the wall clock's instant, `since` the monotonic clock's; `platform` the one asked for.

    `offered` are the platforms that the image surely has, and no others; None where they are not all known; `single` if it is no index.
    `shared`: another image's answer, which is about the secret or the registry and so holds for this one too. `stale`: an old proof.
    """

    verdict: Verdict
    image: ImageVerdict
    provider: Provider
    at: datetime
    since: float
    platform: Platform | None = None
    offered: tuple[Platform, ...] | None = None
    single: bool = False
    shared: bool = False
    stale: bool = False

    def on(self, platform: Platform | None) -> ImageVerdict | None:
        """What the same answer means on another platform; None if that must be asked."""
        if platform == self.platform or self.image.outcome not in (ImageOutcome.PULLABLE, ImageOutcome.WRONG_PLATFORM):
            return self.image
        if self.image.reason is Reason.UNSUPPORTED_MANIFEST:
            return self.image
        if platform is None:
            return None if self.image.reason in _OTHER_PLATFORM else self.image
        if self.offered is None:
            # it was asked for one and told of none: there is nothing to learn of another
            return self.image if self.platform is not None and self.image.reason not in _OTHER_PLATFORM else None
        if any(one.rank_on(platform) is not None for one in self.offered):
            return None if self.image.reason in _OTHER_PLATFORM else self.image
        reason = Reason.PLATFORM_MISMATCH if self.single else Reason.PLATFORM_MISSING
        return replace(self.image, outcome=ImageOutcome.WRONG_PLATFORM, reason=reason)


def answer_of(probed: Probed, since: float, at: datetime) -> Answer:
    """What is kept of a probe: its verdicts, and the platforms that it read; no evidence, no secret. Pure."""
    image = probed.verdict.image or ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.PROTOCOL)
    if image.outcome is ImageOutcome.UNKNOWN and image.retry_after_s is None:
        told = [e.retry_after_s for e in probed.evidence.exchanges if e.retry_after_s is not None]
        wait = max((0.0, *told)) or (THROTTLED_S if image.reason is Reason.THROTTLED else None)
        image = replace(image, retry_after_s=wait)
    seen = [e.manifest for e in probed.evidence.of(Step.PULL, Step.MANIFEST, Step.CONFIG) if e.manifest is not None]
    indexes = [one.facts for one in seen if one.facts is not None and one.facts.kind is ManifestKind.INDEX]
    offered: tuple[Platform, ...] | None = next(((one.platform,) for one in reversed(seen) if one.platform is not None), None)
    if indexes:
        every = tuple(dict.fromkeys(platform for facts in indexes for platform in facts.platforms or ()))
        offered = None if any(facts.without_platform for facts in indexes) else every
    return Answer(
        verdict=probed.verdict, image=image, provider=probed.provider, at=at, since=since, platform=probed.inquiry.platform,
        offered=offered, single=not indexes,
    )  # fmt: skip


def keeps_s(answer: Answer, fresh: Settings) -> float:
    """For how many seconds an answer counts as fresh, by its kind. Pure."""
    match answer.image.outcome:
        case ImageOutcome.PULLABLE:
            return fresh.fresh_valid_s
        case ImageOutcome.UNKNOWN:
            return min(answer.image.retry_after_s or UNKNOWN_S, fresh.fresh_refused_s)
        case _ if answer.image.reason is Reason.CREDENTIAL_REFUSED:
            return min(fresh.fresh_dead_s, REFUSAL_S)
        case _:
            return min(fresh.fresh_refused_s, REFUSAL_S)


@dataclass(slots=True)
class _Kept:
    """The last answer for one platform, and the last that was a proof."""

    last: Answer
    proof: Answer | None = None


@dataclass(slots=True)
class Answers:
    """The memory. `now` is the wall clock, `monotonic` measures: what is old by either of them is old."""

    fresh: Settings
    most: int = MOST_ANSWERS
    turns: int = 0
    """How often a secret that pulled was refused, or one that was refused pulled: what was told before may be wrong since."""
    _kept: OrderedDict[Question, dict[Platform | None, _Kept]] = field(default_factory=OrderedDict)
    _secrets: OrderedDict[tuple[str, str], Answer] = field(default_factory=OrderedDict)
    """The last answer about each secret that says something of it, whatever the image."""

    def get(self, question: Question, platform: Platform | None, monotonic: float, now: datetime) -> Answer | None:
        """The fresh answer, judged for `platform`; None if it must be asked."""
        kept = self._kept.get(question)
        if kept is None:
            return self._refusal(question, monotonic, now)
        self._kept.move_to_end(question)
        own = kept.get(platform)
        for one in (own, *kept.values()) if own is not None else kept.values():
            if _is_fresh(one.last, keeps_s(one.last, self.fresh), monotonic, now) and not self._contradicted(question, one.last):
                found = _on(one.last, platform)
                if found is not None:
                    return found
        return self._refusal(question, monotonic, now)

    def stale(self, question: Question, platform: Platform | None, monotonic: float, now: datetime) -> Answer | None:
        """A proof that is not fresh any more and may speak for a registry that is down; None if there is none."""
        for one in self._kept.get(question, {}).values():
            if one.proof is not None and _is_fresh(one.proof, STALE_S, monotonic, now) and not self._contradicted(question, one.proof):
                found = _on(one.proof, platform)
                if found is not None and found.image.outcome is ImageOutcome.PULLABLE:
                    return replace(found, stale=True)
        return None

    def put(self, question: Question, answer: Answer) -> None:
        """Remember it; a proof is not forgotten for an answer that says nothing."""
        kept = self._kept.setdefault(question, {})
        self._kept.move_to_end(question)
        proof: Answer | None = answer
        if answer.image.outcome is not ImageOutcome.PULLABLE:
            last = kept.get(answer.platform)
            proof = last.proof if last is not None and answer.image.outcome is ImageOutcome.UNKNOWN else None
        kept[answer.platform] = _Kept(answer, proof)
        while len(kept) > MOST_PLATFORMS:
            del kept[next(iter(kept))]
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)
        if question.fingerprint and (is_refusal(answer) or answer.image.reason is Reason.PULL_OK):
            before = self._secrets.get(question.secret)
            self.turns += before is not None and is_refusal(before) is not is_refusal(answer)
            self._secrets[question.secret] = answer
            self._secrets.move_to_end(question.secret)
            while len(self._secrets) > self.most:
                self._secrets.popitem(last=False)

    def _refusal(self, question: Question, monotonic: float, now: datetime) -> Answer | None:
        """The secret's own refusal, met with another image."""
        last = self._secrets.get(question.secret) if question.fingerprint else None
        if last is None or not is_refusal(last) or not _is_fresh(last, keeps_s(last, self.fresh), monotonic, now):
            return None
        return for_another(last)

    def _contradicted(self, question: Question, answer: Answer) -> bool:
        """True if the secret was refused since it pulled, or pulled since it was refused."""
        last = self._secrets.get(question.secret) if question.fingerprint else None
        if last is None or last.since <= answer.since:
            return False
        return is_refusal(last) != is_refusal(answer) and (is_refusal(answer) or answer.image.reason is Reason.PULL_OK)


def is_refusal(answer: Answer) -> bool:
    """True if the registry's no is about the secret, and so holds for every image of it. Pure."""
    return answer.image.reason is Reason.CREDENTIAL_REFUSED and answer.verdict.outcome in (Outcome.INVALID, Outcome.MISCONFIGURED)


def for_another(answer: Answer) -> Answer:
    """A refusal, or a registry that cannot be asked, as it holds for another image. Pure."""
    image = replace(answer.image, hints=(), digest=None, platforms=None)
    return replace(answer, image=image, platform=None, offered=None, shared=True)


def _on(answer: Answer, platform: Platform | None) -> Answer | None:
    image = answer.on(platform)
    if image is None or image is answer.image:
        return answer if image is not None else None
    return replace(answer, image=image, platform=platform)


def _is_fresh(answer: Answer, keeps: float, monotonic: float, now: datetime) -> bool:
    return 0 <= monotonic - answer.since < keeps and 0 <= (now - answer.at).total_seconds() < keeps
