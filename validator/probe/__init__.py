"""One conversation about one credential: the plan decides, the loop sends, the evidence is judged.

The only place where a network's error becomes evidence, and where a login is reserved in the failure budget before it is
sent. registries/README.md 6.3 and 8; design section 6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from validator.config import Settings
from validator.credential import Host, SecretKind
from validator.evidence import Asker, Evidence, Exchange, Failure, Party, Step, Subject
from validator.ledger import Ledger
from validator.ledger.budgets import BudgetClass, Reservation, Spent
from validator.probe.base import Hiding, Inquiry, Pairs, Probed, made_up_of
from validator.probe.health import answered_as_usual, is_basic, opinion_due, recalled
from validator.probe.lanes import Lanes, in_turn, pausing
from validator.probe.lessons import Lessons
from validator.probe.places import Places, Shared, Together, may_have_counted, opinion_may_have_counted, unsent
from validator.probe.reach import Ways
from validator.probe.recall import Begun, Recall, budget_class
from validator.probe.usual import Alike, Told, Usual
from validator.protocol.realm import odd_address
from validator.providers import Provider, shape_of
from validator.providers.plan import Ask, Auth, Seen, login, ping
from validator.providers.questions import next_ask
from validator.registry.base import Transport
from validator.registry.client import Pair, RegistryClient
from validator.registry.pace import Lane
from validator.registry.proxy import ProxyRules
from validator.registry.reach import Reach
from validator.sealing import Fingerprint, Fingerprinter
from validator.verdict import Meaning, Outcome, Reason, Verdict, decide, read
from validator.verdict.reading import NO_ROW

__all__ = ["Inquiry", "Probe", "Probed"]

MOST_ASKS: Final = 40
"""No conversation is this long; a plan that goes on is a bug, and must not hammer a registry."""


@dataclass(slots=True)
class Probe:
    """Holds conversations. `now` is the wall clock (aware, UTC), `monotonic` and `sleep` measure and spend time.

    `patience_s`: so long a sweep's request waits for a registry that asked to be left alone; None: as long as that takes.
    """

    transport: Transport
    ledger: Ledger
    fingerprinter: Fingerprinter
    settings: Settings
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Random
    proxies: ProxyRules = field(default_factory=ProxyRules)
    on_exchange: Callable[[str, Exchange], None] | None = None
    patience_s: float | None = None
    ways: Ways = field(init=False)
    places: Places = field(init=False)
    _lanes: Lanes = field(init=False)
    _usual: Usual = field(init=False, default_factory=Usual)
    _together: dict[tuple[str, str], Together] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.ways = Ways(self.settings, self.proxies)
        self.places = Places(self.ledger, self.now, self.sleep, self._together)
        self._lanes = Lanes(self.ways, self.ledger, lambda: self.now().timestamp(), self.sleep, self.monotonic)

    def beside(self, **changes: Any) -> Probe:
        """The same with these fields changed, in the same lanes: what one has in flight, the other waits for."""
        made = replace(self, **changes)
        made._lanes = self._lanes
        return made

    def expect(self, host: Host, fingerprints: Iterable[Fingerprint]) -> None:
        """These secrets are about to be asked, in about this order: what is known of them is read many at once."""
        self.ledger.view.expect(host, fingerprints)

    async def ask(self, inquiry: Inquiry) -> Probed:
        """The verdict about `inquiry`, with its evidence; what it taught is in the ledger. Raises StoreLost and our own bugs."""
        begun = await self._begin(inquiry)
        fingerprint, pairs, host = begun.fingerprint, self._pairs(inquiry, begun.provider), inquiry.host
        with Hiding(pairs.values()):
            told = await self._converse(inquiry, begun, pairs)
        provider, evidence, verdict = told.provider, told.evidence, told.verdict
        if verdict is not None and fingerprint is not None:
            await self.ledger.keep(
                self.ledger.facts.acceptance(host, fingerprint, proven=True, now=datetime.fromtimestamp(evidence.exchanges[0].at, UTC))
            )
        else:
            verdict = decide(evidence, provider.traits, provider.table)
            valid = verdict.outcome is Outcome.VALID
            taught = await Lessons(self.ledger, host).remember(evidence, provider, fingerprint, self.now(), proven=valid)
            if told.alike is not None and valid and len(taught) == 1:
                told.alike.keep(told.plan, evidence, verdict)
        return Probed(inquiry=inquiry, verdict=verdict, evidence=evidence, provider=provider, fingerprint=fingerprint or "")

    async def recalled(self, inquiry: Inquiry, within_s: float) -> tuple[Verdict, datetime] | None:
        """What the ledger alone says: the verdict and instant of an acceptance at most `within_s` old; None unless that was `valid`."""
        begun = await self._begin(inquiry)
        facts = await self.ledger.view.facts(inquiry.host, begun.fingerprint) if begun.fingerprint is not None else None
        demand = begun.evidence.known.challenge or begun.evidence.known.controls_for
        if opinion_due(begun, self.ways.plan(inquiry.host, begun.reach, demand)):
            return None  # an accepted login alone is not enough where the vendor tells more of a key
        return recalled(begun, facts, self.now(), within_s)

    async def well(self, host: Host, repository: str = "") -> bool:
        """Whether `host` answers somebody without a secret as it usually does: a weak sign of health (registries/README.md 6.2)."""
        begun, evidence = await self.as_nobody(host, repository)
        return await answered_as_usual(self.ledger, host, begun.provider, begun.reach, evidence, self.now())

    async def as_nobody(self, host: Host, repository: str = "", *, anew: bool = False) -> tuple[Begun, Evidence]:
        """What `host` answers somebody without a secret; `anew`: also to a ping, where its challenge is known.

        A token request (for `repository` if one is given); on a Basic registry a ping that demands what it is known to demand.
        """
        inquiry = Inquiry(host=host, asker=Asker.SWEEP)
        begun = await self._begin(inquiry)
        provider, known = begun.provider, begun.evidence.known
        evidence = Evidence(replace(begun.evidence.subject, repository=repository), replace(known, challenge=None) if anew else known)
        client = self._client(begun, self._pairs(inquiry, provider))
        plan = self.ways.plan(host, begun.reach, None)
        for _ in range(2):
            seen = Seen(plan, evidence)
            told = seen.demand is not None and seen.demand.fault is None and not is_basic(evidence)
            ask = login(seen, Party.ANONYMOUS, Step.SCOPED if repository else Step.LOGIN) if told else ping(seen)
            exchange = await self._exchange(ask, client, evidence, provider, None)
            if self.on_exchange is not None:
                self.on_exchange(host, exchange)
            evidence = evidence.plus(exchange)
            demand, _ = evidence.challenged()
            if ask.step is not Step.PING or is_basic(evidence) or demand is None or demand.fault is not None:
                break
        return begun, evidence

    async def _begin(self, inquiry: Inquiry) -> Begun:
        now, host, ways = self.now(), inquiry.host, self.ways
        recall = Recall(self.ledger.view, host, await self.ledger.view.host(host), self.ledger.durable)
        kept = ways.kept(host, recall.seen.challenge)
        provider = ways.provider(host, kept)
        reach = ways.reach(host, provider)
        credential = inquiry.credential
        fingerprint = self.fingerprinter.of(host, credential.username, credential.secret) if credential is not None else None
        subject = await self._subject(inquiry, provider, reach, fingerprint)
        known = await recall.known(
            provider=provider, demand=kept, fingerprint=fingerprint, repository=subject.repository, now=now,
            elsewhere=ways.elsewhere(host, recall.seen.other), token=subject.sent_as is SecretKind.IDENTITY_TOKEN,
        )  # fmt: skip
        if inquiry.canary:
            known = replace(known, ever_valid=True, refused_age_s=None)
        return Begun(provider=provider, reach=reach, evidence=Evidence(subject, known), fingerprint=fingerprint, recall=recall)

    async def _converse(self, inquiry: Inquiry, begun: Begun, pairs: Pairs) -> Told:
        provider, reach, evidence, fingerprint = begun.provider, begun.reach, begun.evidence, begun.fingerprint
        client = self._client(begun, pairs)
        alike: Alike | None = None
        for _ in range(MOST_ASKS):
            demand, _ = evidence.challenged()
            better = self.ways.provider(inquiry.host, demand)
            if better.key != provider.key:
                provider = better
                reach = self.ways.reach(inquiry.host, provider)
                client = replace(client, reach=reach)
                if inquiry.credential is not None:
                    pairs = client.pairs = self._pairs(inquiry, provider)
                    evidence = replace(evidence, subject=await self._subject(inquiry, provider, reach, fingerprint))
            plan = self.ways.plan(inquiry.host, reach, demand)
            if not evidence.exchanges:
                alike = self._usual.begun(plan, evidence)
            elif alike is not None and (verdict := alike.verdict(plan, evidence)) is not None:
                return Told(plan, evidence, alike, verdict)
            ask = next_ask(plan, evidence) if alike is None or evidence.exchanges else alike.first
            if ask is None:
                return Told(plan, evidence, alike)
            if ask.wait_s:
                await self.sleep(ask.wait_s)
            exchange = await self._exchange(ask, client, evidence, provider, fingerprint)
            if self.on_exchange is not None:
                self.on_exchange(inquiry.host, exchange)
            evidence = evidence.plus(exchange)
            if exchange.step is Step.PING:
                await Lessons(self.ledger, inquiry.host).heard(evidence, provider, self.now())
            if inquiry.watch is not None:
                inquiry.watch(evidence, provider)
        return Told(self.ways.plan(inquiry.host, reach, None), evidence)

    async def _exchange(
        self, ask: Ask, client: RegistryClient, evidence: Evidence, provider: Provider, fingerprint: Fingerprint | None
    ) -> Exchange:  # fmt: skip
        """Send one ask in its lane's turn, its login reserved in the budget; or say why it was not sent."""
        subject = evidence.subject
        lane = self._lanes.of(client.reach.way_to(ask.url).url, provider, subject.host, ask)
        if ask.step is Step.ELSEWHERE:
            other = Host(evidence.known.elsewhere_host)
            client = replace(client, reach=self.ways.reach(other, self.ways.provider(other, None)))
        login = ask.auth in (Auth.PAIR, Auth.REFRESH) and ask.step in (Step.LOGIN, Step.SCOPED)

        def paused(left_s: float) -> Exchange:
            return unsent(ask, client, Failure.PAUSED, self.now(), left_s)

        if not login:

            async def sent_once() -> Exchange:
                opinion, read_once = ask.step is Step.OPINION, self._lanes.manifests
                sent = await (self._introspected(ask, client, provider) if opinion else read_once.sent(ask, client, evidence))
                return await pausing(lane, sent, provider, read(sent, provider.traits.rows))

            return await in_turn(lane, subject.asker, self.patience_s, sent_once, paused)
        pair = client.pairs[ask.party]
        name = str(self.fingerprinter.name(subject.host, pair.username))
        mark = str(fingerprint) if ask.party is Party.SUBJECT and fingerprint is not None else name
        turn = mark if pair.username == provider.fixed_username else name
        async with lane.name(turn, mark, provider.pace.repeat_after_s):
            banned = max(evidence.known.banned_left_s, lane.banned_left_s)
            place = Failure.ADDRESS_BANNED if banned else await self._place(ask, evidence, provider, Fingerprint(name), mark, lane)
            if not isinstance(place, Reservation | Shared):
                return unsent(ask, client, place, self.now(), banned)

            said = NO_ROW

            async def send() -> Exchange:
                return await in_turn(lane, subject.asker, self.patience_s, lambda: client.send(ask), paused)

            def counted(sent: Exchange) -> bool:
                nonlocal said
                said = read(sent, provider.traits.rows)
                return may_have_counted(sent, said.meaning)

            exchange = await self.places.sent(place, send, counted)
            if said.meaning in (Meaning.ACCEPTED, Meaning.ADMITTED):
                lane.judged(turn, mark, True)
            elif exchange.status in (401, 403):
                lane.judged(turn, mark, False)
        return await pausing(lane, exchange, provider, said)

    async def _introspected(self, ask: Ask, client: RegistryClient, provider: Provider) -> Exchange:
        """One question to the vendor's introspection, within its own limit of bad secrets (registries/ghcr.md 5)."""
        place = await self.places.of_introspection(ask, provider)
        if isinstance(place, Spent):
            return replace(unsent(ask, client, place, self.now()), retry_after_s=None)
        return await self.places.sent(place, lambda: client.send(ask), opinion_may_have_counted)

    async def _place(
        self, ask: Ask, evidence: Evidence, provider: Provider, name: Fingerprint, mark: str, lane: Lane
    ) -> Reservation | Shared | Spent | Failure:  # fmt: skip
        """A place for a login: one for all that a secret which was accepted a short while ago has in flight (registries/README.md 8)."""
        if not lane.trusts(mark):
            return await self._reserve(ask, evidence, provider, name)
        return await self.places.shared((evidence.subject.host, mark), lambda: self._reserve(ask, evidence, provider, name))

    async def _reserve(self, ask: Ask, evidence: Evidence, provider: Provider, name: Fingerprint) -> Reservation | Spent | Failure:
        known = evidence.known
        asked_before = known.asked_before or any(e.authorized for e in evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT))
        kind = BudgetClass.CONTROL if ask.party is Party.CONTROL else BudgetClass.CANARY if ask.party is Party.CANARY else budget_class(known)
        kind = BudgetClass.GIVEN if evidence.subject.given and ask.party is Party.SUBJECT else kind
        beyond = not asked_before and evidence.subject.asker is not Asker.SWEEP  # a night with many new keys of one name would lock it
        return await self.places.of_login(ask, evidence.subject.host, provider, name, kind, asked_before=not beyond)

    async def _subject(self, inquiry: Inquiry, provider: Provider, reach: Reach, fingerprint: Fingerprint | None) -> Subject:
        credential, image = inquiry.credential, inquiry.image
        repository = image.repository if image is not None else ""
        said = self.ways.said(inquiry.host)
        reference = image.manifest if image is not None else ""
        fault = Reason.DISABLED_BY_OPERATOR if said.disabled else Reason.UNSAFE_ADDRESS if odd_address(reach.registry.raw_host or "") else ""
        if credential is None or fault:
            return Subject(
                host=inquiry.host, anonymous=credential is None, repository=repository, reference=reference, platform=inquiry.platform,
                asker=inquiry.asker, ip_restricted=said.ip_restricted, given=inquiry.given, fault=str(fault),
            )  # fmt: skip
        shape = shape_of(provider, credential, self.now())
        own = inquiry.proof or (bool(credential.scope.path) and repository == credential.scope.path)
        own = own or (provider.own_namespace and repository.partition("/")[0] == credential.username)
        if repository and not own and fingerprint is not None:
            own = repository in await self.ledger.view.repositories(fingerprint)
        return Subject(
            host=inquiry.host, repository=repository, reference=reference, platform=inquiry.platform, asker=inquiry.asker,
            ip_restricted=said.ip_restricted, given=inquiry.given, username=credential.username, kind=shape.kind, fault=shape.fault,
            hints=shape.hints, expires_at=shape.expires_at, short_lived=shape.short_lived, own=own, no_repeat=shape.no_repeat,
            introspect=shape.introspect, leave_dead=shape.leave_dead, sent_as=credential.kind,
        )  # fmt: skip

    def _pairs(self, inquiry: Inquiry, provider: Provider) -> Pairs:
        said = self.ways.said(inquiry.host)
        canary = said.canary.username if said.canary is not None else ""
        pairs = Pairs(lambda: made_up_of(inquiry, provider, self.random, canary=canary))
        if inquiry.credential is not None:
            pairs[Party.SUBJECT] = Pair(inquiry.credential.username or provider.default_username, inquiry.credential.secret)
        return pairs

    def _client(self, begun: Begun, pairs: Pairs) -> RegistryClient:
        subject = begun.evidence.subject
        unasked = subject.platform is None and subject.asker is Asker.PREFLIGHT
        return RegistryClient(self.transport, begun.reach, pairs, lambda: self.now().timestamp(), None if unasked else begun.recall.platforms_of)
