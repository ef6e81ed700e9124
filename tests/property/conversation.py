"""A whole conversation without a network, a loop or a ledger: the plan's asks, the client's own requests and its own reading.

Only the wire is made up: `answering` gets each request as the transport would, and gives the answer. What the product makes of it
(asks, headers, exchanges, verdict) is the product's, step by step as the probe does it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from typing import Any, Final

from pydantic import SecretStr
from yarl import URL

from validator.config import Settings
from validator.credential import Credential, Host, SecretKind, parse_scope
from validator.evidence import Asker, Control, Demand, Evidence, Exchange, Failure, Known, ManifestSeen, Opinion, OpinionSeen, Party, Step, Subject
from validator.logs import hide_too, hiding
from validator.probe.base import Inquiry, Probed
from validator.probe.reach import plan_of, provider_of, reach_of
from validator.protocol.manifest import Platform
from validator.providers import Provider, made_up_pair, made_up_token, shape_of
from validator.providers.plan import Ask
from validator.providers.questions import next_ask
from validator.registry.base import Answer, NetworkFault, Request
from validator.registry.client import Pair, RegistryClient
from validator.registry.proxy import ProxyRules
from validator.verdict import Verdict, decide

MOST: Final = 60
"""More asks than any law allows: a plan that never ends is seen, not waited for."""
STARTED: Final = 1_795_000_000.0
AMD64: Final = Platform(os="linux", architecture="amd64")


@dataclass(frozen=True, kw_only=True)
class Talk:
    """What one conversation is about. `recall` names what the ledger knew, see `KNOWN`."""

    host: str
    username: str
    secret: str
    repository: str = ""
    reference: str = "1"
    platform: bool = False
    asker: Asker = Asker.CHECK
    own: bool = False
    recall: str = "cold"
    ip_restricted: bool = False
    anonymous: bool = False
    kind: SecretKind = SecretKind.PASSWORD


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One ask, the request that left for it, the answer to it, and the exchange that was made of them."""

    ask: Ask
    request: Request | None
    answer: Answer | Failure | None
    exchange: Exchange
    at: float

    @property
    def status(self) -> int | None:
        """The answer's status; None where none came."""
        return self.answer.status if isinstance(self.answer, Answer) else None

    @property
    def authorization(self) -> str:
        """The Authorization that left, "" if none."""
        if self.request is None:
            return ""
        return next((value.get_secret_value() for name, value in self.request.secret_headers.items() if name.lower() == "authorization"), "")

    def carries(self, pair: Pair) -> bool:
        """True if this request carried the pair by Basic."""
        return self.authorization == "Basic " + base64.b64encode(f"{pair.username}:{pair.secret.get_secret_value()}".encode()).decode()


@dataclass(frozen=True, kw_only=True)
class Held:
    """A conversation that was held, and what was concluded."""

    talk: Talk
    turns: tuple[Turn, ...]
    evidence: Evidence
    verdict: Verdict
    provider: Provider
    pairs: dict[Party, Pair]
    probed: Probed
    bearers: frozenset[str] = frozenset()

    @property
    def asks(self) -> list[str]:
        """The asks in short: `ping`, `login +`, `scoped_login 0`, `pull + (wait 3)`."""
        sign = {Party.SUBJECT: " +", Party.ANONYMOUS: " 0", Party.CONTROL: " !", Party.CANARY: " c"}
        return [
            t.ask.step.value
            + ("" if t.ask.step is Step.PING else sign[t.ask.party])
            + (" GET" if t.ask.step is Step.PULL and t.ask.method != "HEAD" else "")
            for t in self.turns
        ]


def realm_of(host: str) -> Demand:
    """The challenge that the vendor's host really makes."""
    if host.endswith("amazonaws.com"):
        return Demand(scheme="basic", label=f"https://{host}/")
    realm, service = {
        "nvcr.io": ("https://nvcr.io/proxy_auth", ""),
        "docker.io": ("https://auth.docker.io/token", "registry.docker.io"),
        "ghcr.io": ("https://ghcr.io/token", "ghcr.io"),
        "registry.gitlab.com": ("https://gitlab.com/jwt/auth", "container_registry"),
        "gitlab.reg.test": ("https://gitlab.reg.test/jwt/auth", "container_registry"),
        "quay.io": ("https://quay.io/v2/auth", "quay.io"),
        "harbor.reg.test": ("https://harbor.reg.test/service/token", "harbor-registry"),
        "europe-docker.pkg.dev": ("https://europe-docker.pkg.dev/v2/token", "europe-docker.pkg.dev"),
        "rg.fr-par.scw.cloud": ("https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens", "registry"),
    }.get(host, ("https://auth.reg.test/token", "reg.test"))
    return Demand(scheme="bearer", realm=URL(realm), service=service)


def _controls(*, login: Control | None = None, scoped: Control | None = None) -> Any:
    return MappingProxyType({step: said for step, said in ((Step.LOGIN, login), (Step.SCOPED, scoped)) if said is not None})


def known(name: str, host: str) -> Known:
    """What the ledger knew, by name."""
    cold = Known(durable=True)
    demand = realm_of(host)
    warm = replace(
        cold, challenge=demand, challenge_age_s=20.0, controls=_controls(login=Control.REFUSED), controls_for=demand, ever_valid=True,
        asked_before=True, was_registry=True,
    )  # fmt: skip
    match name:
        case "warm":
            return warm
        case "old":
            return replace(warm, challenge_age_s=7200.0)
        case "refused":
            return replace(warm, refused_age_s=700.0)
        case "denied":
            return replace(warm, denied_age_s=1300.0)
        case "ill":
            return replace(warm, ill=True)
        case "throttled":
            return replace(warm, throttled=True)
        case "anyone":
            return replace(warm, controls=_controls(login=Control.ACCEPTED, scoped=Control.ACCEPTED), scope_accepts_anyone=True)
        case "private":
            return replace(warm, anonymous=Control.REFUSED)
        case "public":
            return replace(warm, anonymous=Control.ACCEPTED)
        case "scoped":
            return replace(warm, controls=_controls(login=Control.ACCEPTED, scoped=Control.REFUSED))
        case "basic":
            basic = Demand(scheme="basic")
            return replace(warm, challenge=basic, controls_for=basic)
        case "elsewhere":
            return replace(cold, elsewhere=URL("https://other.test/v2/"), was_registry=True, nxdomain_age_s=90_000.0)
        case "opinion":
            return replace(
                warm, opinion=OpinionSeen(opinion=Opinion.KNOWS, scopes=("read:packages", "read_registry")), opinion_control=Control.REFUSED
            )
        case _:
            return cold


RECALLS: Final = (
    "cold",
    "warm",
    "old",
    "refused",
    "denied",
    "ill",
    "throttled",
    "anyone",
    "private",
    "public",
    "scoped",
    "basic",
    "elsewhere",
    "opinion",
)
"""Names that `known` knows."""


def done(coroutine: Coroutine[Any, Any, Exchange]) -> Exchange:
    """The value of a coroutine that waits for nothing: no loop is needed."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        value: Exchange = stopped.value
        return value
    coroutine.close()
    raise AssertionError("it waited for something")


@dataclass
class Wire:
    """The transport's place: keeps the last request and asks `answering` for the answer."""

    answering: Callable[[Request], Answer | Failure]
    request: Request | None = None
    answer: Answer | Failure | None = None

    async def send(self, request: Request) -> Answer:
        """The made-up answer; a failure as the transport tells it."""
        self.request, self.answer = request, self.answering(request)
        if isinstance(self.answer, Failure):
            raise NetworkFault(self.answer, ms=1.0)
        return self.answer


@dataclass
class Conversation:
    """Holds one. `answering(turns, ask, request)` is the world; the clock counts 0.1 s an exchange, and the waits."""

    talk: Talk
    answering: Callable[[list[Turn], Ask, Request], Answer | Failure]
    seed: int = 7
    settings: Settings = field(default_factory=lambda: PLAIN)
    now: float = STARTED

    def hold(self) -> Held:
        """The whole conversation, and the verdict."""
        host, talk = Host(self.talk.host), self.talk
        demand = known(talk.recall, talk.host).challenge
        provider = provider_of(self.settings, host, demand)
        credential = None
        if not talk.anonymous:
            credential = Credential(
                user="u", name="n", scope=parse_scope(talk.host), username=talk.username, secret=SecretStr(talk.secret), kind=talk.kind
            )
        pairs = self._pairs(provider)
        evidence = Evidence(self._subject(provider, credential), known(talk.recall, talk.host))
        with ExitStack() as hidden:
            for pair in pairs.values():
                hidden.enter_context(hiding(pair.secret, pair.username))
            provider, evidence, turns, client = self._converse(provider, credential, pairs, evidence)
        verdict = decide(evidence, provider.traits, provider.table)
        inquiry = Inquiry(host=host, credential=credential, asker=talk.asker)
        return Held(
            talk=talk, turns=tuple(turns), evidence=evidence, verdict=verdict, provider=provider, pairs=pairs,
            probed=Probed(inquiry=inquiry, verdict=verdict, evidence=evidence, provider=provider),
            bearers=frozenset(kept.get_secret_value() for kept in client.bearers.kept.values()),
        )  # fmt: skip

    def _converse(
        self, provider: Provider, credential: Credential | None, pairs: dict[Party, Pair], evidence: Evidence
    ) -> tuple[Provider, Evidence, list[Turn], RegistryClient]:
        turns: list[Turn] = []
        host = Host(self.talk.host)
        reach = reach_of(self.settings, host, provider, ProxyRules())

        def answering(request: Request) -> Answer | Failure:
            return self.answering(turns, asked[0], request)

        wire = Wire(answering)
        asked: list[Ask] = []
        client = RegistryClient(wire, reach, pairs, lambda: self.now, _platforms)
        while len(turns) < MOST:
            demand, _ = evidence.challenged()
            better = provider_of(self.settings, host, demand)
            if better.key != provider.key:
                provider, reach = better, reach_of(self.settings, host, better, ProxyRules())
                client = replace(client, reach=reach)
                pairs |= self._pairs(provider)
                hide_too(pairs[Party.CONTROL].secret, pairs[Party.CONTROL].username)
                evidence = replace(evidence, subject=self._subject(provider, credential))
            ask = next_ask(plan_of(self.settings, host, reach, demand), evidence)
            if ask is None:
                break
            self.now += ask.wait_s
            asked[:], wire.request, wire.answer = [ask], None, None
            at = self.now
            exchange = done(client.send(ask))
            turns.append(Turn(ask=ask, request=wire.request, answer=wire.answer, exchange=exchange, at=at))
            evidence = evidence.plus(exchange)
            self.now += 0.1
        return provider, evidence, turns, client

    def _pairs(self, provider: Provider) -> dict[Party, Pair]:
        username, secret = made_up_pair(provider, Random(self.seed))
        if self.talk.kind is not SecretKind.PASSWORD:
            username, secret = self.talk.username, made_up_token(Random(self.seed))
        pairs = {Party.CONTROL: Pair(username, secret)}
        if not self.talk.anonymous:
            pairs[Party.SUBJECT] = Pair(self.talk.username or provider.default_username, SecretStr(self.talk.secret))
        return pairs

    def _subject(self, provider: Provider, credential: Credential | None) -> Subject:
        talk = self.talk
        subject = Subject(
            host=talk.host, anonymous=talk.anonymous, repository=talk.repository, reference=talk.reference if talk.repository else "",
            platform=AMD64 if talk.platform else None, asker=talk.asker, ip_restricted=talk.ip_restricted,
        )  # fmt: skip
        if credential is None:
            return subject
        shape = shape_of(provider, credential, datetime.fromtimestamp(self.now, UTC))
        return replace(
            subject, username=credential.username, kind=shape.kind, fault=shape.fault, hints=shape.hints, expires_at=shape.expires_at,
            short_lived=shape.short_lived, own=talk.own, no_repeat=shape.no_repeat, introspect=shape.introspect, sent_as=credential.kind,
        )  # fmt: skip


PLAIN: Final[Settings] = Settings()
"""The defaults: every vendor by name, everything else by the generic rules."""


async def _platforms(digest: str) -> ManifestSeen | None:
    return None
