"""What to ask next: the conversation as questions in their order, each a pure function of what has been seen.

`next_ask` walks `QUESTIONS`; the first that has something to ask wins. Nothing is asked twice but what registries/README.md
allows: the ping of a host that looks like no registry, one login after a changed challenge, the one repeat of a refused login.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from yarl import URL

from validator.evidence import Asker, Control, Demand, Evidence, Exchange, Opinion, Party, Step
from validator.protocol.manifest import ManifestKind
from validator.protocol.scope import pull_scope
from validator.providers.base import Provider
from validator.verdict import Findings, Meaning, Reason, find, read
from validator.verdict.findings import REFUSALS, control_at, is_fresh

PING_AGAIN_S: Final = 2.0
FRESH_TOKEN_S: Final = 2.0
MAX_HOPS: Final = 3
MAX_DEPTH: Final = 2


class Auth(StrEnum):
    """What a request carries of its party."""

    NONE = "none"
    PAIR = "pair"
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

    @property
    def demand(self) -> Demand | None:
        """The challenge in force."""
        return self.evidence.challenged()[0]

    @property
    def scheme(self) -> str:
        """"bearer", "basic", or "" while nothing demands a login; an open registry whose control was refused looks at Basic."""
        if self.demand is not None:
            return self.demand.scheme
        if self.facts.open_registry and self.control(Step.LOGIN) in (Control.REFUSED, Control.DENIED):
            return "basic"
        return ""

    @property
    def nobody(self) -> bool:
        """True when nothing is sent: no credential, or an empty secret, which pulls anonymously."""
        return self.evidence.subject.anonymous or self.evidence.subject.fault == Reason.EMPTY_SECRET.value

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

    def control(self, step: Step) -> Control:
        """What the control at `step` came to."""
        return control_at(self.evidence, self.plan.provider.traits, step)

    def made(self, *steps: Step, party: Party) -> tuple[Exchange, ...]:
        """Exchanges at `steps` by `party`, followed redirects left out."""
        return tuple(e for e in self.evidence.of(*steps, party=party) if e.next_url is None)

    def meaning(self, exchange: Exchange) -> Meaning:
        """What one exchange says."""
        return read(exchange, self.plan.provider.traits.rows).meaning


Question = Callable[[Seen], "Ask | None | bool"]
"""Something to ask; None = nothing, go on to the next question; False = nothing more at all."""


def next_ask(plan: Plan, evidence: Evidence) -> Ask | None:
    """The next request of this conversation, or None when it is over. Pure and total."""
    seen = Seen(plan, evidence)
    for question in QUESTIONS:
        answer = question(seen)
        if isinstance(answer, Ask):
            return answer
        if answer is False:
            return None
    return None


# -- requests


def ping(seen: Seen, wait_s: float = 0.0) -> Ask:
    """`GET /v2/` without Authorization."""
    return Ask(step=Step.PING, party=Party.ANONYMOUS, method="GET", url=seen.plan.registry / "v2/", wait_s=wait_s)


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
        return Ask(step=Step.LOGIN, party=party, method="GET", url=seen.plan.registry / "v2/", auth=auth, wait_s=wait_s)
    scope = pull_scope(subject.repository) if step is Step.SCOPED else seen.plan.provider.login_scope
    repository = subject.repository if step is Step.SCOPED else ""
    return Ask(step=step, party=party, method="GET", url=token_url(seen.demand, scope), auth=auth, repository=repository, wait_s=wait_s)


def manifest(seen: Seen, party: Party, *, get: bool = False, digest: str = "", token: bool = True) -> Ask:
    """HEAD (or GET) of the subject's manifest, or of the child `digest`."""
    subject = seen.evidence.subject
    url = URL(f"{seen.plan.registry}v2/{subject.repository}/manifests/{digest or subject.reference}", encoded=True)
    auth = Auth.BEARER if seen.scheme == "bearer" and token else Auth.PAIR if seen.scheme == "basic" and party is not Party.ANONYMOUS else Auth.NONE
    step, method = (Step.MANIFEST, "GET") if get else (Step.PULL, "HEAD")
    return Ask(step=step, party=party, method=method, url=url, auth=auth, repository=subject.repository)


# -- questions, in their order


def follow(seen: Seen) -> Ask | None | bool:
    """A redirect that may be followed: three hops, one with a secret (registries/README.md 3.2)."""
    if not seen.evidence.exchanges:
        return None
    last = seen.evidence.exchanges[-1]
    if last.next_url is None:
        return None
    hops = 0
    for exchange in reversed(seen.evidence.exchanges):
        if exchange.next_url is None or exchange.step is not last.step:
            break
        hops += 1
    secret = last.step in (Step.LOGIN, Step.SCOPED)
    if hops > (1 if secret else MAX_HOPS):
        return False
    here = URL(last.url)
    same = (here.scheme, here.host, here.port) == (last.next_url.scheme, last.next_url.host, last.next_url.port)
    auth = Auth.NONE
    if last.authorized and same:
        auth = Auth.PAIR if secret or seen.scheme == "basic" else Auth.BEARER
    return Ask(step=last.step, party=last.party, method=last.method, url=last.next_url, auth=auth, repository=last.repository)


def shape(seen: Seen) -> Ask | None | bool:
    """What cannot work as stored is not sent; an empty secret pulls anonymously."""
    return False if seen.evidence.subject.fault and not (seen.nobody and seen.image) else None


def demand(seen: Seen) -> Ask | None | bool:
    """The challenge: the ledger's, or a cold ping; asked again where no registry seems to be, and elsewhere to compare."""
    pings = seen.made(Step.PING, party=Party.ANONYMOUS)
    if not pings:
        return ping(seen) if seen.demand is None else None
    said = seen.meaning(pings[-1])
    if said in (Meaning.NO_REGISTRY, Meaning.PAGE) and len(pings) == 1:
        return ping(seen, PING_AGAIN_S)
    nowhere = seen.facts.way_reason is Reason.DNS_NXDOMAIN and seen.facts.no_such_host_for_days
    if (said is Meaning.PAGE or nowhere) and seen.evidence.known.elsewhere is not None and not seen.evidence.of(Step.ELSEWHERE):
        return Ask(step=Step.ELSEWHERE, party=Party.ANONYMOUS, method="GET", url=seen.evidence.known.elsewhere)
    if said in (Meaning.NO_REGISTRY, Meaning.PAGE, Meaning.UNKNOWN) and not seen.evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT):
        return False
    return False if seen.demand is not None and seen.demand.fault is not None else None


def open_registry(seen: Seen) -> Ask | None | bool:
    """A ping that asks for no login: the manifest may, or the registry looks at Basic when it is there (others.md G3)."""
    if not seen.facts.open_registry or seen.demand is not None:
        return None
    if seen.image and not seen.made(Step.PULL, party=Party.ANONYMOUS):
        return manifest(seen, Party.ANONYMOUS, token=False)
    if seen.nobody:
        return None
    if seen.control(Step.LOGIN) is Control.UNCLEAR and not seen.made(Step.LOGIN, party=Party.CONTROL):
        return login(seen, Party.CONTROL)
    return None if seen.scheme else _platform(seen, Party.ANONYMOUS) or False


def first_opinion(seen: Seen) -> Ask | None | bool:
    """Introspection before the login, for a secret that was last refused, where the vendor counts no refusal there."""
    about = seen.plan.provider.introspection
    if about is None or not about.first_when_refused or seen.evidence.known.refused_age_s is None:
        return None
    return _opinion(seen, Party.SUBJECT)


def first_login(seen: Seen) -> Ask | None | bool:
    """The secret is judged: by the login without scope, or the scoped one where that is as good, or what a kubelet sends."""
    if seen.nobody or not seen.scheme or seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT):
        return None
    return login(seen, Party.SUBJECT, _first_step(seen))


def _first_step(seen: Seen) -> Step:
    if not seen.image or seen.scheme == "basic":
        return Step.LOGIN
    traits, asker = seen.plan.provider.traits, seen.evidence.subject.asker
    proven = seen.evidence.known.controls.get(Step.SCOPED) in (Control.REFUSED, Control.DENIED)
    return Step.SCOPED if traits.scope_blind or asker is Asker.PREFLIGHT or proven else Step.LOGIN


def changed_challenge(seen: Seen) -> Ask | None | bool:
    """A no under an old challenge: a cold ping; if it names another place, one new login there (GEN-41's and 6.2 g's rule)."""
    logins = seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    if not logins or logins[-1].status is None or logins[-1].status < 400 or logins[-1].status in (429, *range(500, 600)):
        return None
    pings = seen.made(Step.PING, party=Party.ANONYMOUS)
    place = seen.evidence.exchanges.index
    if pings and place(pings[-1]) > place(logins[-1]):
        before = [e.demand for e in pings if place(e) < place(logins[-1])]
        used = before[-1] if before else seen.evidence.known.challenge
        now = pings[-1].demand
        if now is None or now.fault is not None or used is None or now.same_place(used) or len(logins) > 1:
            return None
        return login(seen, Party.SUBJECT, logins[-1].step)
    return None if is_fresh(seen.evidence) else ping(seen)


def second_opinion(seen: Seen) -> Ask | None | bool:
    """Before `invalid` is said, the vendor's introspection, which costs no failed login."""
    refused = seen.facts.secret in REFUSALS or (seen.facts.secret is Meaning.DENIED and seen.plan.provider.opinion_on_denied)
    return _opinion(seen, Party.SUBJECT) if refused and seen.facts.fresh else None


def _opinion(seen: Seen, party: Party) -> Ask | None:
    about, api = seen.plan.provider.introspection, seen.plan.api
    if about is None or api is None or not seen.evidence.subject.introspect or seen.evidence.of(Step.OPINION, party=party):
        return None
    url = URL(str(api).rstrip("/") + about.path, encoded=True)
    return Ask(step=Step.OPINION, party=party, method=about.method, url=url, auth=Auth.OPINION)


def health(seen: Seen) -> Ask | None | bool:
    """After a refusal, one anonymous token request where the vendor always answers one: is it ill, or the key? (6.2 d)"""
    provider = seen.plan.provider
    if seen.facts.secret not in REFUSALS or not seen.waiting or seen.scheme != "bearer" or not provider.traits.anonymous_usual:
        return None
    realm = seen.demand.realm if seen.demand is not None else None
    away = realm is None or (realm.host, realm.port) != (seen.plan.registry.host, seen.plan.registry.port)
    if (provider.health_at_own_realm and away) or seen.made(Step.LOGIN, party=Party.ANONYMOUS):
        return None
    return login(seen, Party.ANONYMOUS)


def control_of_words(seen: Seen) -> Ask | None | bool:
    """A control before words are believed that were said to all by mistake, or a 403 that says nothing by itself."""
    provider, facts = seen.plan.provider, seen.facts
    if seen.made(Step.LOGIN, party=Party.CONTROL):
        return None
    said_to_all = provider.recheck_words and facts.secret is Meaning.BROKEN
    doubted = provider.doubts_403 and facts.secret is Meaning.DENIED and facts.control is Control.UNCLEAR
    return login(seen, Party.CONTROL) if said_to_all or doubted else None


def repeat(seen: Seen) -> Ask | None | bool:
    """The one repeat of a refused login where somebody waits, three seconds later (6.2)."""
    facts, provider = seen.facts, seen.plan.provider
    if facts.secret not in REFUSALS or not seen.waiting or facts.ill or not facts.fresh or facts.decided or facts.opinion is Opinion.AGREES:
        return None
    logins = seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    scoped = [e for e in logins if e.step is Step.SCOPED]
    if not all(seen.meaning(e) in REFUSALS for e in logins[-1:]) and scoped and scoped[-1] is logins[-1]:
        # the repeat was accepted with scope: it speaks only if its control is refused (Harbor hands anyone a token)
        if seen.control(Step.SCOPED) is Control.UNCLEAR and not seen.made(Step.SCOPED, party=Party.CONTROL):
            return login(seen, Party.CONTROL, Step.SCOPED)
        return login(seen, Party.SUBJECT, wait_s=provider.pace.repeat_after_s) if len(logins) < 3 else None
    if len(logins) > (1 if not _changed(seen) else 2):
        return None
    step = Step.LOGIN
    if seen.image and seen.scheme == "bearer" and not provider.repeat_at_login:
        step = Step.SCOPED
    return login(seen, Party.SUBJECT, step, wait_s=provider.pace.repeat_after_s)


def _changed(seen: Seen) -> bool:
    pings = seen.made(Step.PING, party=Party.ANONYMOUS)
    used = seen.evidence.known.challenge
    return bool(pings) and used is not None and pings[-1].demand is not None and not pings[-1].demand.same_place(used)


def login_after_scoped(seen: Seen) -> Ask | None | bool:
    """A scoped login that was denied leaves the secret unjudged: the login without scope judges it (NGC, GHCR)."""
    logins = seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    if not logins or seen.scheme != "bearer" or any(e.step is Step.LOGIN for e in logins):
        return None
    said = seen.meaning(logins[-1])
    if said in (Meaning.DENIED, Meaning.BARRED) or (said in REFUSALS and seen.plan.provider.repeat_at_login and not seen.waiting):
        return login(seen, Party.SUBJECT)
    return None


def scoped_login(seen: Seen) -> Ask | None | bool:
    """The token for the image's repository: the subject's, or an anonymous one where no credential is sent."""
    if not seen.image or seen.scheme != "bearer" or seen.made(Step.SCOPED, party=seen.puller):
        return None
    if seen.nobody or seen.facts.secret is Meaning.ACCEPTED:
        return login(seen, seen.puller, Step.SCOPED)
    # a registry that hands anyone a scoped token may let the pod pull though the secret is dead (Harbor)
    refused = seen.facts.secret in REFUSALS and not seen.plan.provider.traits.scope_blind
    return login(seen, Party.SUBJECT, Step.SCOPED) if refused and seen.evidence.known.scope_accepts_anyone else None


def pull(seen: Seen) -> Ask | None | bool:
    """HEAD of the manifest; once more with a fresh token when the first was stale; GET where a HEAD cannot tell."""
    if not seen.image or not _may_pull(seen, seen.puller):
        return None
    heads = seen.made(Step.PULL, party=seen.puller)
    scoped = seen.made(Step.SCOPED, party=seen.puller)
    heads = tuple(e for e in heads if e.authorized or seen.scheme != "bearer")
    if not heads:
        return manifest(seen, seen.puller)
    said, gets = seen.meaning(heads[-1]), seen.made(Step.MANIFEST, party=seen.puller)
    if said is Meaning.STALE and len(heads) == 1:
        place = seen.evidence.exchanges.index
        if scoped and place(scoped[-1]) > place(heads[-1]):
            return manifest(seen, seen.puller)
        return login(seen, seen.puller, Step.SCOPED, wait_s=0.0 if heads[-1].reused else FRESH_TOKEN_S)
    provider = seen.plan.provider
    tells = (said is Meaning.TAG_MISSING and not provider.metered) or (heads[-1].status == 403 and provider.get_on_403)
    if not gets and (said is Meaning.NO_HEAD or tells):
        return manifest(seen, seen.puller, get=True)
    return None


def _may_pull(seen: Seen, party: Party) -> bool:
    if seen.scheme == "bearer":
        scoped = seen.made(Step.SCOPED, party=party)
        return bool(scoped) and seen.meaning(scoped[-1]) is Meaning.ACCEPTED
    if party is Party.ANONYMOUS:
        return True
    return seen.scheme == "basic" and seen.facts.secret is Meaning.ACCEPTED


def good_opinion(seen: Seen) -> Ask | None | bool:
    """What the vendor tells of a good key (scopes, end), now and then; never where somebody waits for an image alone."""
    about = seen.plan.provider.introspection
    wanted = about is not None and about.of_good_keys and seen.facts.secret is Meaning.ACCEPTED
    if not wanted or seen.evidence.known.opinion is not None or seen.evidence.subject.asker is Asker.PREFLIGHT:
        return None
    return _opinion(seen, Party.SUBJECT)


def detail(seen: Seen) -> Ask | None | bool:
    """Why a living token may not read a package, where the vendor's API tells it."""
    provider, facts = seen.plan.provider, seen.facts
    if provider.detail_path is None or seen.plan.api is None or seen.evidence.of(Step.DETAIL) or not seen.evidence.subject.introspect:
        return None
    if facts.secret is not Meaning.ACCEPTED or facts.pull is not Meaning.DENIED or facts.scopes_lack is not False:
        return None
    url = URL(str(seen.plan.api).rstrip("/") + provider.detail_path(seen.evidence.subject.repository), encoded=True)
    return Ask(step=Step.DETAIL, party=Party.SUBJECT, method="GET", url=url, auth=Auth.OPINION)


def anonymous(seen: Seen) -> Ask | None | bool:
    """The anonymous control of the repository: is a 200 due to the secret; is the image public that a dead key blocks."""
    facts = seen.facts
    if not seen.image or seen.nobody or not seen.scheme or facts.anonymous is not Control.UNCLEAR or seen.facts.open_registry:
        return None
    preflight = seen.evidence.subject.asker is Asker.PREFLIGHT
    proof = facts.pull is Meaning.READABLE and not preflight and facts.secret is Meaning.ACCEPTED
    blocked = facts.secret in REFUSALS or (seen.plan.provider.traits.foreign_key_blocks and facts.pull in (Meaning.DENIED, *REFUSALS))
    pulls_though_refused = facts.secret in REFUSALS and facts.pull is Meaning.READABLE
    if not (proof or blocked or pulls_though_refused):
        return None
    if seen.scheme != "bearer":
        return None if seen.made(Step.PULL, party=Party.ANONYMOUS) else manifest(seen, Party.ANONYMOUS)
    scoped = seen.made(Step.SCOPED, party=Party.ANONYMOUS)
    if not scoped:
        return login(seen, Party.ANONYMOUS, Step.SCOPED)
    said = seen.meaning(scoped[-1])
    heads = [e for e in seen.made(Step.PULL, party=Party.ANONYMOUS) if e.authorized]
    if said is Meaning.ACCEPTED and not heads:
        return manifest(seen, Party.ANONYMOUS)
    if seen.plan.provider.traits.anonymous_401_twice and said in REFUSALS and len(scoped) == 1:
        return login(seen, Party.ANONYMOUS, Step.SCOPED, wait_s=FRESH_TOKEN_S)
    if seen.plan.provider.traits.anonymous_401_twice and said in REFUSALS and not seen.made(Step.LOGIN, party=Party.ANONYMOUS):
        return login(seen, Party.ANONYMOUS)
    return None


def control(seen: Seen) -> Ask | None | bool:
    """The negative control at the step where the secret was accepted; deeper ones only when that one was accepted too."""
    facts = seen.facts
    if facts.secret is not Meaning.ACCEPTED or seen.evidence.subject.asker is Asker.PREFLIGHT:
        return None
    judged = Step.LOGIN if seen.evidence.of(Step.LOGIN, party=Party.SUBJECT) or seen.plan.provider.traits.scope_blind else Step.SCOPED
    if seen.control(judged) is Control.UNCLEAR and not seen.made(judged, party=Party.CONTROL):
        return login(seen, Party.CONTROL, judged)
    about = seen.plan.provider.introspection
    if seen.control(judged) is Control.ACCEPTED and about is not None and about.control and facts.opinion_control is Control.UNCLEAR:
        asked = _opinion(seen, Party.CONTROL)
        if asked is not None:
            return asked
    deeper = seen.control(judged) is Control.ACCEPTED and facts.pull is Meaning.READABLE and facts.anonymous is Control.REFUSED
    if not deeper:
        return None
    if seen.scheme == "bearer":
        if seen.control(Step.SCOPED) is Control.UNCLEAR and not seen.made(Step.SCOPED, party=Party.CONTROL):
            return login(seen, Party.CONTROL, Step.SCOPED)
        if seen.control(Step.SCOPED) is not Control.ACCEPTED:
            return None
        if not seen.made(Step.SCOPED, party=Party.CONTROL):
            return login(seen, Party.CONTROL, Step.SCOPED) if seen.control(Step.PULL) is Control.UNCLEAR else None
    return None if seen.made(Step.PULL, party=Party.CONTROL) or seen.control(Step.PULL) is not Control.UNCLEAR else manifest(seen, Party.CONTROL)


def platform(seen: Seen) -> Ask | None | bool:
    """The platforms: only when one is asked, an index by one GET, a single image's config where no pulls are metered."""
    return _platform(seen, seen.puller) if seen.image else None


def _platform(seen: Seen, party: Party) -> Ask | None:
    if seen.evidence.subject.platform is None:
        return None
    shown = [e for e in seen.evidence.of(Step.PULL, Step.MANIFEST, party=party) if e.manifest is not None and e.status == 200]
    if not shown or any(e.failure is not None for e in seen.evidence.of(Step.MANIFEST, Step.CONFIG, party=party)):
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


QUESTIONS: Final[tuple[Question, ...]] = (
    follow, shape, demand, open_registry, first_opinion, first_login, changed_challenge, second_opinion, health, control_of_words, repeat,
    login_after_scoped, scoped_login, pull, good_opinion, detail, anonymous, control, platform,
)  # fmt: skip
"""The conversation, in order."""
