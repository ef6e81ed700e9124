"""A plan, what has been seen of it, and the requests that it can make: who is asked, never with which secret. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Final

from yarl import URL

from validator.credential import SecretKind
from validator.evidence import Asker, Control, Demand, Evidence, Exchange, Opinion, Party, Step
from validator.protocol.manifest import ManifestKind
from validator.protocol.scope import pull_scope
from validator.providers.base import Provider
from validator.verdict import Findings, Meaning, Reason, find, read
from validator.verdict.controls import control_at
from validator.verdict.findings import REFUSALS

MAX_DEPTH: Final = 2


class Auth(StrEnum):
    """What a request carries of its party."""

    NONE = "none"
    PAIR = "pair"
    REFRESH = "refresh"
    """The secret as an OAuth refresh token, in the form of a POST: only what the store says is one."""
    BEARER = "bearer"
    OPINION = "opinion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request to send: never a secret, only whose. `wait_s` is to pass first."""

    step: Step
    party: Party
    method: str
    url: URL
    auth: Auth = Auth.NONE
    repository: str = ""
    wait_s: float = 0.0
    hops: int = 0
    """How many redirects led here."""
    led: bool = False
    """The request that they began with carried an Authorization."""
    form: tuple[tuple[str, str], ...] = ()
    """What is sent beside a refresh token."""
    basic: str = ""
    """A login at the registry itself, the ping with the pair: "demanded" by it, or "unasked" at an open one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where one conversation is held: the provider, the dialled registry, and its introspection (None: not asked)."""

    provider: Provider
    registry: URL
    api: URL | None = None


@dataclass(frozen=True)
class Seen:
    """The plan, the evidence so far, and what it shows."""

    plan: Plan
    evidence: Evidence

    @cached_property
    def facts(self) -> Findings:
        """The findings so far."""
        return find(self.evidence, self.plan.provider.traits)

    @cached_property
    def demand(self) -> Demand | None:
        """The challenge in force."""
        return self.evidence.challenged()[0]

    @cached_property
    def scheme(self) -> str:
        """ "bearer", "basic", or "" while nothing demands a login; an open registry whose control was refused looks at Basic."""
        if self.demand is not None:
            return self.demand.scheme if self.demand.fault is None else ""
        if self.facts.open_registry and self.control(Step.LOGIN) in (Control.REFUSED, Control.DENIED):
            return "basic"
        return ""

    @property
    def nobody(self) -> bool:
        """True when nothing is sent: no credential, or an empty secret, which pulls anonymously."""
        return self.evidence.subject.anonymous or self.evidence.subject.fault == Reason.EMPTY_SECRET.value

    @property
    def is_token(self) -> bool:
        """True when the secret is an identity token: nothing can be done with it but to trade it in at a realm."""
        return self.evidence.subject.sent_as is SecretKind.IDENTITY_TOKEN

    @property
    def image(self) -> bool:
        """True when an image is asked about."""
        return bool(self.evidence.subject.repository)

    @property
    def waiting(self) -> bool:
        """True when somebody waits for the answer."""
        return self.evidence.subject.asker is not Asker.SWEEP

    @property
    def puller(self) -> Party:
        """Whose pull speaks of the image."""
        return Party.ANONYMOUS if self.nobody else Party.SUBJECT

    @property
    def spent(self) -> bool:
        """True when the stored pair was refused as often as one probe may cause: twice, in a sweep once.

        Once more in a sweep where the vendor itself knows the secret: then the refusal was hardly the secret's (6.3, 6.4).
        """
        logins = self.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
        refused = sum(e.authorized and (e.status == 401 or self.meaning(e) in REFUSALS) for e in logins)
        return refused >= (2 if self.waiting or self.facts.opinion is Opinion.KNOWS else 1)

    def control(self, step: Step) -> Control:
        """What the control at `step` came to."""
        return control_at(self.evidence, self.plan.provider.traits, step)

    def made(self, *steps: Step, party: Party) -> tuple[Exchange, ...]:
        """Exchanges at `steps` by `party`, followed redirects left out."""
        return tuple([e for e in self.evidence.exchanges if e.step in steps and e.party is party and e.next_url is None])

    def meaning(self, exchange: Exchange) -> Meaning:
        """What one exchange says."""
        return read(exchange, self.plan.provider.traits.rows).meaning


def ping(seen: Seen, wait_s: float = 0.0) -> Ask:
    """`GET /v2/` without Authorization."""
    return Ask(step=Step.PING, party=Party.ANONYMOUS, method="GET", url=seen.plan.registry / "v2/", wait_s=wait_s)


@lru_cache(maxsize=256)
def token_url(demand: Demand, scope: str) -> URL:
    """The realm with our service and scope in place of its own; nothing empty is sent (registries/README.md 2.3, 2.4)."""
    realm = demand.realm or URL()
    query = [(name, value) for name, value in realm.query.items() if name not in ("service", "scope")]
    if demand.service:
        query.append(("service", demand.service))
    elif "service" in realm.query:
        query.append(("service", realm.query["service"]))
    if scope:
        query.append(("scope", scope))
    return realm.with_query(query)


def login(seen: Seen, party: Party, step: Step = Step.LOGIN, wait_s: float = 0.0) -> Ask:
    """A token request with the party's pair, without scope or for the subject's repository; on a Basic registry the ping with the pair."""
    auth = Auth.NONE if party is Party.ANONYMOUS else Auth.PAIR
    subject = seen.evidence.subject
    if seen.scheme != "bearer" or seen.demand is None:
        basic = "demanded" if seen.demand is not None else "unasked"
        return Ask(step=Step.LOGIN, party=party, method="GET", url=seen.plan.registry / "v2/", auth=auth, wait_s=wait_s, basic=basic)
    scope = pull_scope(subject.repository) if step is Step.SCOPED else seen.plan.provider.login_scope
    repository = subject.repository if step is Step.SCOPED else ""
    if seen.is_token and party is not Party.ANONYMOUS:
        return _traded_in(seen.demand, scope, Ask(step=step, party=party, method="POST", url=URL(), repository=repository, wait_s=wait_s))
    return Ask(step=step, party=party, method="GET", url=token_url(seen.demand, scope), auth=auth, repository=repository, wait_s=wait_s)


CLIENT_ID: Final = "docker"
"""To whom docker had the identity token given: OAuth binds a refresh token to that client (RFC 6749, 6)."""


def _traded_in(demand: Demand, scope: str, ask: Ask) -> Ask:
    """The token request of an identity token: what a GET has in its query stands in the form (distribution's oauth.md)."""
    asked = token_url(demand, scope)
    form = [("grant_type", "refresh_token"), ("client_id", CLIENT_ID)]
    form += [(name, asked.query[name]) for name in ("service", "scope") if name in asked.query]
    return replace(ask, url=asked.without_query_params("service", "scope"), auth=Auth.REFRESH, form=tuple(form))


def manifest(seen: Seen, party: Party, *, get: bool = False, digest: str = "", token: bool = True) -> Ask:
    """HEAD (or GET) of the subject's manifest, or of the child `digest`."""
    subject = seen.evidence.subject
    url = URL(f"{seen.plan.registry}v2/{subject.repository}/manifests/{digest or subject.reference}", encoded=True)
    auth = Auth.BEARER if seen.scheme == "bearer" and token else Auth.PAIR if seen.scheme == "basic" and party is not Party.ANONYMOUS else Auth.NONE
    step, method = (Step.MANIFEST, "GET") if get else (Step.PULL, "HEAD")
    return Ask(step=step, party=party, method=method, url=url, auth=auth, repository=subject.repository)


def opinion(seen: Seen, party: Party) -> Ask | None:
    """The introspection of the party's secret, once a probe, where there is one and it may be asked."""
    about, api = seen.plan.provider.introspection, seen.plan.api
    if about is None or api is None or not seen.evidence.subject.introspect or seen.evidence.of(Step.OPINION, party=party):
        return None
    url = URL(str(api).rstrip("/") + about.path, encoded=True)
    return Ask(step=Step.OPINION, party=party, method=about.method, url=url, auth=Auth.OPINION)


def platforms(seen: Seen, party: Party) -> Ask | None:
    """What tells the platforms of the image: an index by one GET, a nested one by one more, a single image by its config."""
    if seen.evidence.subject.platform is None:
        return None
    shown = [e for e in seen.evidence.of(Step.PULL, Step.MANIFEST, party=party) if e.manifest is not None and e.status == 200]
    # what did not come the first time is not asked for again: the platforms stay unknown
    if not shown or any(
        e.status != 200 or e.manifest is None or e.manifest.kind == "none" for e in seen.made(Step.MANIFEST, Step.CONFIG, party=party)
    ):
        return None
    first, gets = shown[-1].manifest, [e for e in shown if e.manifest is not None and e.manifest.facts is not None]
    if first is None or any(e.manifest is not None and e.manifest.platform is not None for e in shown):
        return None
    if not gets:
        if first.kind == ManifestKind.IMAGE.value and seen.plan.provider.metered:
            return None
        return manifest(seen, party, get=True)
    facts = gets[-1].manifest.facts if gets[-1].manifest is not None else None
    if facts is None:
        return None
    if facts.kind is ManifestKind.IMAGE and facts.config_digest and not seen.evidence.of(Step.CONFIG, party=party):
        if len(gets) > 1:
            return None
        url = URL(f"{seen.plan.registry}v2/{seen.evidence.subject.repository}/blobs/{facts.config_digest}", encoded=True)
        auth = manifest(seen, party).auth
        return Ask(step=Step.CONFIG, party=party, method="GET", url=url, auth=auth, repository=seen.evidence.subject.repository)
    asked = {e.url.rpartition("/")[2] for e in seen.evidence.of(Step.MANIFEST, party=party)}
    inner = [child.digest for child in facts.children if "index" in child.media_type or "manifest.list" in child.media_type]
    waiting = [digest for digest in inner if digest not in asked]
    return manifest(seen, party, get=True, digest=waiting[0]) if waiting and len(gets) <= MAX_DEPTH else None
