"""Questions under way: one and the same is asked once, whoever waits for it, and goes on when nobody waits any more.

A secret is first asked with alone, until the registry has accepted it: else a dead one would be refused once for each image.
registries/README.md 6.4.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from validator.credential import Credential
from validator.evidence import Asker, Evidence, Party, Step
from validator.preflight.base.answers import Answer, Answers, Question, answer_of, for_another, is_refusal
from validator.probe import Inquiry, Probe
from validator.probe.lessons import Lessons
from validator.protocol.manifest import Platform
from validator.providers import Provider, provider_for
from validator.sealing import Fingerprint
from validator.verdict import ImageOutcome, ImageVerdict, Meaning, Outcome, Reason, Verdict, decide, read
from validator.verdict.findings import REFUSALS

LINGER_S: Final = 60.0
"""So long a conversation goes on with nobody waiting: a registry's pace may make it wait, but not for ever."""

MOST_CONVERSATIONS: Final = 4096
"""Under way at once; beyond that nothing new is begun."""

OPEN_S: Final = 60.0
"""So long after it was accepted a secret is sent for many images at once. Ten minutes are allowed (registries/README.md 8), but if it
dies meanwhile each of them is refused."""

MOST_GATES: Final = 10_000

_EVERYWHERE: Final = frozenset(
    {
        Reason.DNS_NXDOMAIN, Reason.DNS_FAILURE, Reason.CONNECT_FAILED, Reason.TLS_UNTRUSTED, Reason.TLS_EXPIRED, Reason.TLS_NAME,
        Reason.TLS_FAILED, Reason.TIMEOUT, Reason.UNSAFE_ADDRESS, Reason.UNSAFE_REALM, Reason.INSECURE_SCHEME, Reason.DISABLED_BY_OPERATOR,
        Reason.ADDRESS_BANNED, Reason.ACCOUNT_LOCKED, Reason.BUDGET_SPENT, Reason.CAPTIVE_PORTAL,
    }
)  # fmt: skip
"""Why nothing could be told of one image, and cannot of the next."""

_LOG: Final = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Conversation:
    """One question under way. `doubted` is set when the secret was refused once and is asked with again, or when it is over.

    `behind` is the one that asks first with the same secret, while this one waits for it.
    """

    question: Question
    platform: Platform | None
    doubted: asyncio.Event = field(default_factory=asyncio.Event)
    evidence: Evidence | None = None
    provider: Provider | None = None
    behind: Conversation | None = None
    waiting: int = 0
    task: asyncio.Task[Answer] = field(init=False)
    linger: asyncio.TimerHandle | None = None

    @property
    def answer(self) -> Answer | None:
        """The answer if it is there. Raises what the probe raised: StoreLost, a bug of ours."""
        return self.task.result() if self.task.done() and not self.task.cancelled() else None


@dataclass(slots=True)
class _Round:
    """One leader's turn at a gate. `ended` when the secret is accepted or the leader has its answer, which `met` holds if it is all's."""

    leader: Conversation
    followers: list[Conversation] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    met: Answer | None = None


@dataclass(slots=True)
class _Gate:
    """Before one secret's questions (or nobody's) at one registry."""

    open_until: float = float("-inf")
    round: _Round | None = None

    def saw(self, conversation: Conversation, evidence: Evidence, provider: Provider, monotonic: float) -> None:
        """Keep how far a conversation is; it opens when its secret is accepted, and is shut again when that is refused."""
        conversation.evidence, conversation.provider = evidence, provider
        if once_refused(evidence, provider) is not None:
            self.open_until = float("-inf")
            led = self.round.followers if self.round is not None and self.round.leader is conversation else []
            for one in (conversation, *led):
                one.doubted.set()
        elif _let_in(evidence, provider):
            self.open_until = monotonic + OPEN_S
            if self.round is not None:
                self.round.ended.set()


@dataclass(slots=True)
class Conversations:
    """All of a process, over one probe. Whoever joins one leaves it again: `join` and `leave`.

    `on_accepted` is told of each secret that was accepted where no made-up one was refused yet.
    """

    probe: Probe
    answers: Answers
    on_accepted: Callable[[Credential, Question, Answer], None] | None = None
    running: dict[tuple[Question, Platform | None], Conversation] = field(default_factory=dict)
    _gates: OrderedDict[tuple[str, str], _Gate] = field(default_factory=OrderedDict)
    _tasks: set[asyncio.Task[Answer]] = field(default_factory=set)

    def join(self, question: Question, platform: Platform | None, credential: Credential | None) -> Conversation | None:
        """The conversation that answers this, begun now if there is none; None if there is no room for one more."""
        found = self.running.get((question, platform))
        if found is None:
            if len(self.running) >= MOST_CONVERSATIONS:
                return None
            found = self.running[question, platform] = Conversation(question, platform)
            found.task = asyncio.get_running_loop().create_task(self._held(found, credential))
            self._tasks.add(found.task)
            found.task.add_done_callback(lambda task: self._over(found, task))
        found.waiting += 1
        if found.linger is not None:
            found.linger.cancel()
            found.linger = None
        return found

    def leave(self, conversation: Conversation) -> None:
        """Wait no longer for it."""
        conversation.waiting -= 1
        if conversation.waiting == 0 and not conversation.task.done():
            conversation.linger = asyncio.get_running_loop().call_later(LINGER_S, self._expire, conversation)

    def _expire(self, conversation: Conversation) -> None:
        self._forget(conversation)
        conversation.task.cancel()

    async def close(self) -> None:
        """End all that is under way. What was sent is in the ledger's budgets all the same."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, conversation: Conversation) -> None:
        if self.running.get((conversation.question, conversation.platform)) is conversation:
            del self.running[conversation.question, conversation.platform]

    def _over(self, conversation: Conversation, task: asyncio.Task[Answer]) -> None:
        self._tasks.discard(task)
        self._forget(conversation)
        if conversation.linger is not None:
            conversation.linger.cancel()
            conversation.linger = None
        conversation.doubted.set()
        if not task.cancelled() and (error := task.exception()) is not None and conversation.waiting == 0:
            _LOG.error("fault_caught", where="preflight", kind=type(error).__name__)  # whoever asks next is told

    async def _held(self, conversation: Conversation, credential: Credential | None) -> Answer:
        """The answer: after its secret's first question, if that is under way."""
        gate = self._gate(conversation.question.secret)
        while self.probe.monotonic() >= gate.open_until:
            turn = gate.round
            if turn is None:
                return await self._first(gate, conversation, credential)
            turn.followers.append(conversation)
            conversation.behind = turn.leader
            if turn.leader.doubted.is_set():
                conversation.doubted.set()
            await turn.ended.wait()
            conversation.behind = None
            if turn.met is not None:
                return for_another(turn.met)
        return await self._asked(gate, conversation, credential)

    async def _first(self, gate: _Gate, conversation: Conversation, credential: Credential | None) -> Answer:
        turn = gate.round = _Round(conversation)
        try:
            answer = await self._asked(gate, conversation, credential)
            if is_refusal(answer) or (answer.image.outcome is ImageOutcome.UNKNOWN and answer.image.reason in _EVERYWHERE):
                turn.met = answer
            return answer
        finally:
            gate.round = None
            turn.ended.set()

    async def _asked(self, gate: _Gate, conversation: Conversation, credential: Credential | None) -> Answer:
        question, probe = conversation.question, self.probe
        inquiry = Inquiry(
            host=question.host, credential=credential, image=question.image, platform=conversation.platform, asker=Asker.PREFLIGHT,
            watch=lambda evidence, provider: gate.saw(conversation, evidence, provider, probe.monotonic()),
        )  # fmt: skip
        try:
            probed = await probe.ask(inquiry)
        except asyncio.CancelledError:
            await asyncio.shield(self._remember(conversation))
            raise
        answer = answer_of(probed, probe.monotonic(), probe.now())
        self.answers.put(question, answer)
        if credential is not None and self.on_accepted is not None and answer.verdict.reason is Reason.CONTROL_MISSING:
            self.on_accepted(credential, question, answer)
        return answer

    async def _remember(self, conversation: Conversation) -> None:
        """What a conversation that is cut off has learned: a command that ends between two refusals would else never have the first."""
        evidence, provider, question = conversation.evidence, conversation.provider, conversation.question
        if evidence is None or provider is None or not question.fingerprint or evidence.last(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT) is None:
            return
        lessons, fingerprint = Lessons(self.probe.ledger, question.host), Fingerprint(question.fingerprint)
        await lessons.remember(evidence, provider, fingerprint, self.probe.now(), proven=False)

    def _gate(self, secret: tuple[str, str]) -> _Gate:
        gate = self._gates.setdefault(secret, _Gate())
        self._gates.move_to_end(secret)
        while len(self._gates) > MOST_GATES:
            self._gates.popitem(last=False)
        return gate

    def late(self, conversation: Conversation) -> Answer:
        """What can be said of it at the deadline: that the secret was refused once, if it was; else nothing. Never a denial."""
        now, monotonic = self.probe.now(), self.probe.monotonic()
        seen = conversation.behind if conversation.behind is not None else conversation
        provider = seen.provider or provider_for(conversation.question.host)
        again = once_refused(seen.evidence, provider) if seen.evidence is not None else None
        if again is not None:
            return unknown(Reason.AMBIGUOUS_REFUSAL, provider, now, monotonic, retry_after_s=max(0.0, again - now.timestamp()))
        stale = self.answers.stale(conversation.question, conversation.platform, monotonic, now)
        return stale if stale is not None else unknown(Reason.DEADLINE, provider, now, monotonic)


def unknown(reason: Reason, provider: Provider, now: datetime, monotonic: float, *, retry_after_s: float | None = None) -> Answer:
    """The answer that nothing is known, of credential and image. Pure."""
    image = ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=reason, retry_after_s=retry_after_s)
    return Answer(verdict=Verdict(outcome=Outcome.UNKNOWN, reason=reason), image=image, provider=provider, at=now, since=monotonic)


def once_refused(evidence: Evidence, provider: Provider) -> float | None:
    """When the secret is asked with again (epoch seconds), if it was refused and one refusal does not decide; else None. Pure.

    registries/README.md 6.2, one repeat.
    """
    login = evidence.last(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    if login is None or read(login, provider.traits.rows).meaning not in REFUSALS:
        return None
    verdict = decide(evidence, provider.traits, provider.table)
    return login.at + provider.pace.repeat_after_s if verdict.reason is Reason.AMBIGUOUS_REFUSAL else None


def _let_in(evidence: Evidence, provider: Provider) -> bool:
    """True if the last exchange lets others ask side by side: the secret was accepted, or, for nobody, it is known what is demanded."""
    last = evidence.exchanges[-1]
    if evidence.subject.anonymous:
        return last.step is Step.PING and last.status is not None
    said = read(last, provider.traits.rows).meaning
    return last.party is Party.SUBJECT and last.authorized and said in (Meaning.ACCEPTED, Meaning.READABLE, Meaning.TAG_MISSING)
