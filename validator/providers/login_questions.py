"""Questions about the secret: the challenge, the login, and what a refusal needs before it counts. registries/README.md 6.2."""

from __future__ import annotations

from typing import Final

from yarl import URL

from validator.evidence import Asker, Control, Opinion, Party, Step
from validator.providers.plan import Ask, Auth, Seen, login, manifest, opinion, ping, platforms
from validator.verdict import Meaning, Reason
from validator.verdict.findings import REFUSALS, is_fresh

PING_AGAIN_S: Final = 2.0


def follow(seen: Seen) -> Ask | bool | None:
    """A redirect that may be followed; what was led too often has none (registries/README.md 3.2)."""
    if not seen.evidence.exchanges:
        return None
    last = seen.evidence.exchanges[-1]
    if last.next_url is None:
        return None
    hops = 0
    for exchange in reversed(seen.evidence.exchanges):
        if exchange.next_url is None or exchange.step is not last.step or exchange.party is not last.party:
            break
        hops += 1
    secret = last.step in (Step.LOGIN, Step.SCOPED)
    here = URL(last.url)
    same = (here.scheme, here.host, here.port) == (last.next_url.scheme, last.next_url.host, last.next_url.port)
    auth = Auth.NONE
    if last.authorized and same:
        auth = Auth.PAIR if secret or seen.scheme == "basic" else Auth.BEARER
    return Ask(
        step=last.step, party=last.party, method=last.method, url=last.next_url, auth=auth, repository=last.repository,
        hops=hops, led=last.authorized or last.led, basic=last.basic,
    )  # fmt: skip


def shape(seen: Seen) -> Ask | bool | None:
    """What cannot work as stored is not sent, nor to whom nobody may be sent; an empty secret pulls anonymously."""
    fault = seen.evidence.subject.fault
    return False if fault and not (fault == Reason.EMPTY_SECRET.value and seen.image) else None


def demand(seen: Seen) -> Ask | bool | None:
    """The challenge: the ledger's, or a cold ping; asked again where no registry seems to be, and elsewhere to compare."""
    pings = seen.made(Step.PING, party=Party.ANONYMOUS)
    if not pings:
        # a kept challenge is judged by the rules of now: a realm that may not have the secret any more is asked for anew
        return ping(seen) if seen.demand is None or seen.demand.fault is not None else None
    said = seen.meaning(pings[-1])
    if said in (Meaning.NO_REGISTRY, Meaning.PAGE) and len(pings) == 1:
        return ping(seen, PING_AGAIN_S)
    nowhere = seen.facts.way_reason is Reason.DNS_NXDOMAIN and seen.facts.no_such_host_for_days
    if (said is Meaning.PAGE or nowhere) and seen.evidence.known.elsewhere is not None and not seen.evidence.of(Step.ELSEWHERE):
        return Ask(step=Step.ELSEWHERE, party=Party.ANONYMOUS, method="GET", url=seen.evidence.known.elsewhere)
    if said in (Meaning.NO_REGISTRY, Meaning.PAGE, Meaning.UNKNOWN) and not seen.evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT):
        return False
    return False if seen.demand is not None and seen.demand.fault is not None else None


def open_registry(seen: Seen) -> Ask | bool | None:
    """A ping that asks for no login: the manifest may, or the registry looks at Basic when it is there (others.md G3)."""
    if seen.demand is not None or not seen.facts.open_registry:
        return None
    if seen.image and not seen.made(Step.PULL, party=Party.ANONYMOUS):
        return manifest(seen, Party.ANONYMOUS, token=False)
    if seen.nobody:
        return None
    if seen.control(Step.LOGIN) is Control.UNCLEAR and not seen.made(Step.LOGIN, party=Party.CONTROL):
        return login(seen, Party.CONTROL)
    return None if seen.scheme else platforms(seen, Party.ANONYMOUS) or False


def first_opinion(seen: Seen) -> Ask | bool | None:
    """Introspection before the login, for a secret that was last refused, where the vendor counts no refusal there."""
    about = seen.plan.provider.introspection
    if about is None or not about.first_when_refused or seen.evidence.known.refused_age_s is None:
        return None
    return opinion(seen, Party.SUBJECT)


def first_login(seen: Seen) -> Ask | bool | None:
    """The secret is judged: by the login without scope, or the scoped one where that is as good, or what a kubelet sends."""
    if seen.nobody or not seen.scheme or seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT):
        return None
    return login(seen, Party.SUBJECT, _first_step(seen))


def _first_step(seen: Seen) -> Step:
    if not seen.image or seen.scheme == "basic":
        return Step.LOGIN
    traits, asker = seen.plan.provider.traits, seen.evidence.subject.asker
    proven = seen.evidence.known.controls.get(Step.SCOPED) in (Control.REFUSED, Control.DENIED)
    if asker is Asker.SWEEP and seen.plan.provider.repeat_at_login and opinion(seen, Party.SUBJECT) is None:
        return Step.LOGIN  # a scoped no would leave the secret unjudged, and a sweep has no second refusal to spend on it
    return Step.SCOPED if traits.scope_blind or seen.plan.provider.scope_first or asker is Asker.PREFLIGHT or proven else Step.LOGIN


def changed_challenge(seen: Seen) -> Ask | bool | None:
    """A no under an old challenge: a cold ping; if it names another place, one new login there (6.2 g)."""
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


def second_opinion(seen: Seen) -> Ask | bool | None:
    """Before `invalid` is said, the vendor's introspection, which costs no failed login.

    Where the secret is judged whatever the scope, a scoped 403 is about the repository: only the login without scope is doubted.
    """
    provider = seen.plan.provider
    denied = seen.facts.secret is Meaning.DENIED and provider.opinion_on_denied
    if denied and provider.traits.scope_blind:
        denied = bool(seen.made(Step.LOGIN, party=Party.SUBJECT))
    refused = seen.facts.secret in REFUSALS or denied
    return opinion(seen, Party.SUBJECT) if refused and seen.facts.fresh else None


def health(seen: Seen) -> Ask | bool | None:
    """After a refusal, one anonymous token request where the vendor always answers one: is it ill, or the key? (6.2 d)"""
    provider = seen.plan.provider
    if seen.facts.secret not in REFUSALS or not seen.waiting or seen.scheme != "bearer" or not provider.traits.anonymous_usual:
        return None
    realm = seen.demand.realm if seen.demand is not None else None
    away = realm is None or (realm.host, realm.port) != (seen.plan.registry.host, seen.plan.registry.port)
    if (provider.health_at_own_realm and away) or seen.made(Step.LOGIN, party=Party.ANONYMOUS):
        return None
    return login(seen, Party.ANONYMOUS)


def control_of_words(seen: Seen) -> Ask | bool | None:
    """A control before words are believed that were said to all by mistake, or a 403 that says nothing by itself."""
    provider, facts = seen.plan.provider, seen.facts
    if seen.made(Step.LOGIN, party=Party.CONTROL):
        return None
    said_to_all = provider.recheck_words and facts.secret is Meaning.BROKEN
    told = facts.opinion is Opinion.KNOWS and (facts.scopes_lack or facts.kind_never_pulls)
    doubted = provider.doubts_403 and facts.secret is Meaning.DENIED and facts.control is Control.UNCLEAR and not told
    return login(seen, Party.CONTROL) if said_to_all or doubted else None


def repeat(seen: Seen) -> Ask | bool | None:
    """The one repeat of a refused login where somebody waits, three seconds later (6.2)."""
    facts, provider = seen.facts, seen.plan.provider
    if (
        facts.secret not in REFUSALS
        or not seen.waiting
        or facts.ill
        or facts.throttled
        or not facts.fresh
        or facts.decided
        or facts.opinion is Opinion.AGREES
    ):
        return None
    logins = seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    scoped = [e for e in logins if e.step is Step.SCOPED]
    if logins and seen.meaning(logins[-1]) is Meaning.UNKNOWN:
        return None  # throttled, or no readable answer: it is not pressed
    if not all(seen.meaning(e) in REFUSALS for e in logins[-1:]) and scoped and scoped[-1] is logins[-1]:
        # the repeat was accepted with scope: it speaks only if its control is refused (Harbor hands anyone a token)
        if seen.control(Step.SCOPED) is Control.UNCLEAR and not seen.made(Step.SCOPED, party=Party.CONTROL):
            return login(seen, Party.CONTROL, Step.SCOPED)
        return login(seen, Party.SUBJECT, wait_s=provider.pace.repeat_after_s) if len(logins) < 3 and not seen.spent else None
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


def login_after_scoped(seen: Seen) -> Ask | bool | None:
    """A scoped login that was denied leaves the secret unjudged: the login without scope judges it (NGC, GHCR)."""
    logins = seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    if not logins or seen.scheme != "bearer" or any(e.step is Step.LOGIN for e in logins) or seen.spent:
        return None
    said, provider = seen.meaning(logins[-1]), seen.plan.provider
    unjudged = said in (Meaning.BARRED, Meaning.REPOSITORY_MISSING) or (said is Meaning.DENIED and not provider.scope_first)
    if unjudged or (said in REFUSALS and provider.repeat_at_login and not seen.waiting):
        return login(seen, Party.SUBJECT)
    return None
