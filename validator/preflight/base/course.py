"""One image of one request: the keys that a kubelet tries, in its order, each answered from memory or by a conversation.

What is known is taken at once, without a task: a request that was answered before costs no waiting. registries/README.md 6.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from validator.credential import Host
from validator.preflight.base.answers import DOWN, Answer, Answers, Question
from validator.preflight.base.conversations import Conversation, Conversations, unknown
from validator.preflight.base.kubelet import PULLED
from validator.preflight.base.values import Stored
from validator.protocol.manifest import Platform
from validator.protocol.reference import Reference
from validator.providers import provider_for
from validator.stores.base import UnreadableRow
from validator.verdict import Hint, ImageOutcome, Reason

NOBODY: Final = ""


@dataclass(slots=True)
class Key:
    """One key that is tried, or nobody's. `fingerprint` is its secret's."""

    name: str
    credential: Stored | None
    fingerprint: str = ""
    answer: Answer | None = None
    conversation: Conversation | None = None
    found: dict[Platform | None, Answer] = field(default_factory=dict)
    joined: bool = False

    @property
    def asked(self) -> bool:
        """True if something was asked for it now and it rests on that."""
        return self.joined and not (self.answer is not None and self.answer.stale)


@dataclass(slots=True)
class Course:
    """How far one image is. `keys` are those that match it; without any it is asked for as nobody."""

    conversations: Conversations
    host: Host
    image: Reference
    platforms: tuple[Platform, ...]
    keys: Sequence[Key]
    alone: Key = field(default_factory=lambda: Key(NOBODY, None))
    is_late: bool = False
    """Something of it had no answer by the deadline."""

    def answered(self) -> list[Answer]:
        """What was answered of it."""
        return [key.answer for key in (*self.keys, self.alone) if key.answer is not None]

    def tried(self) -> list[Key]:
        """The keys that a kubelet comes to, up to the first that pulls."""
        tried = []
        for key in self.keys:
            tried.append(key)
            if key.answer is not None and key.answer.image.reason in PULLED:
                break
        return tried

    async def run(self) -> None:
        """Go on until all is known; whoever cancels it calls `settle`."""
        while (held := self.advance()) is not None:
            conversation, over = held
            if over:
                await asyncio.wait({conversation.task})
            else:
                await conversation.doubted.wait()

    def advance(self) -> tuple[Conversation, bool] | None:
        """Take what is known; what to wait for next, and whether to its end or until the key is doubted. None: all is known.

        A key that was refused once is asked with again after a while: the next one does not wait for that.
        """
        if not self.keys:
            return self._held(self.alone)
        doubted: list[tuple[Conversation, bool]] = []
        for key in self.keys:
            held = self._held(key)
            if held is not None:
                if not held[0].doubted.is_set():
                    return held
                doubted.append((held[0], True))
            elif key.answer is not None and key.answer.image.reason in PULLED:
                break
        if doubted:
            return doubted[0]
        return self._held(self.alone) if self._is_refused() else None

    def settle(self) -> None:
        """Hold nothing any more; what has no answer gets the one of a deadline."""
        for key in (*self.keys, self.alone):
            if key.conversation is not None:
                task, self.is_late = key.conversation.task, True
                told = task.done() and not task.cancelled() and task.exception() is None
                key.answer = task.result() if told else self.conversations.late(key.conversation)
                self.conversations.leave(key.conversation)
                key.conversation = None

    def _is_refused(self) -> bool:
        """True if only another image's refusals were met: whether this one is public was not asked then."""
        answers = [key.answer for key in self.keys if key.answer is not None]
        only = all(answer.image.reason is Reason.CREDENTIAL_REFUSED for answer in answers)
        return only and all(answer.shared for answer in answers) and not any(Hint.PUBLIC_IMAGE in answer.image.hints for answer in answers)

    def _held(self, key: Key) -> tuple[Conversation, bool] | None:
        """The conversation that `key` waits for; None when its answer is there."""
        if key.answer is not None:
            return None
        now, monotonic = self.conversations.probe.now(), self.conversations.probe.monotonic()
        if isinstance(key.credential, UnreadableRow):
            key.answer = unknown(Reason.UNREADABLE, provider_for(self.host), now, monotonic)
            return None
        scope = key.credential.scope.path if key.credential is not None else ""
        question = Question(self.host, scope, key.fingerprint, self.image)
        answers: Answers = self.conversations.answers
        for platform in self.platforms or (None,):
            answer = key.found.get(platform)
            if answer is None and key.conversation is not None:
                if not key.conversation.task.done():
                    return key.conversation, False
                conversation, key.conversation = key.conversation, None
                self.conversations.leave(conversation)
                answer = conversation.answer or self.conversations.late(conversation)
                if answer.image.outcome is ImageOutcome.UNKNOWN and answer.image.reason in DOWN:
                    answer = answers.stale(question, platform, monotonic, now) or answer
            elif answer is None:
                answer = answers.get(question, platform, monotonic, now)
            if answer is None:
                key.conversation = self.conversations.join(question, platform, key.credential)
                if key.conversation is not None:
                    key.joined = True
                    return key.conversation, False
                answer = unknown(Reason.BUDGET_SPENT, provider_for(self.host), now, monotonic, retry_after_s=1.0)
            key.found[platform] = answer
            if answer.image.outcome is not ImageOutcome.PULLABLE:
                key.answer = answer
                return None
        key.answer = key.found[next(iter(self.platforms), None)]
        return None
