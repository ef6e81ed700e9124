"""Questions about the image, and the controls that a yes needs. registries/README.md 6.1-6.4."""

from __future__ import annotations

from typing import Final

from yarl import URL

from validator.evidence import Asker, Control, Party, Step
from validator.providers.plan import Ask, Auth, Seen, login, manifest, opinion, platforms
from validator.verdict import Meaning
from validator.verdict.findings import NO_PULL, REFUSALS

FRESH_TOKEN_S: Final = 2.0


def scoped_login(seen: Seen) -> Ask | bool | None:
    """The token for the image's repository: the subject's, or an anonymous one where no credential is sent."""
    if not seen.image or seen.scheme != "bearer":
        return None
    made = seen.made(Step.SCOPED, party=seen.puller)
    if made:
        return login(seen, Party.SUBJECT, Step.SCOPED) if len(made) == 1 and _in_passing(seen) else None
    # where nobody gets a 403 without scope and a token for what is public, the scoped login may say another thing (GitLab)
    doubted = seen.facts.secret is Meaning.DENIED and seen.plan.provider.doubts_403
    if seen.nobody or seen.facts.secret is Meaning.ACCEPTED or doubted:
        return login(seen, seen.puller, Step.SCOPED)
    # a registry that hands anyone a scoped token may let the pod pull though the secret is dead (Harbor)
    refused = seen.facts.secret in REFUSALS and not seen.plan.provider.traits.scope_blind
    refused = refused and not (seen.waiting and seen.spent)
    return login(seen, Party.SUBJECT, Step.SCOPED) if refused and seen.evidence.known.scope_accepts_anyone else None


def _in_passing(seen: Seen) -> bool:
    """True if a scoped login was refused in words about the secret, and the login without scope accepted it right after.

    A single no said in passing is on record (ngc.md 3, ghcr.md 10), and it was no word of the image: the same is asked
    once more. Said again it is the image's.
    """
    logins = seen.made(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)
    refused = [e.step for e in logins if seen.meaning(e) in REFUSALS]
    accepted = bool(logins) and logins[-1].step is Step.LOGIN and seen.meaning(logins[-1]) is Meaning.ACCEPTED
    return seen.plan.provider.repeat_at_login and accepted and Step.SCOPED in refused and not seen.spent


def pull(seen: Seen) -> Ask | bool | None:
    """HEAD of the manifest; once more with a fresh token when the first was stale; GET where a HEAD cannot tell."""
    if not seen.image or not _may_pull(seen, seen.puller):
        return None
    heads = seen.made(Step.PULL, party=seen.puller)
    scoped = seen.made(Step.SCOPED, party=seen.puller)
    heads = tuple(e for e in heads if e.authorized or e.led or seen.scheme != "bearer")
    if not heads:
        return manifest(seen, seen.puller)
    said, gets = seen.meaning(heads[-1]), seen.made(Step.MANIFEST, party=seen.puller)
    passing = said is Meaning.DENIED and heads[-1].status == 401 and seen.plan.provider.pull_401_twice
    if (said is Meaning.STALE or passing) and len(heads) == 1 and seen.scheme == "bearer":
        place = seen.evidence.exchanges.index
        if place(scoped[-1]) > place(heads[-1]):
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


def good_opinion(seen: Seen) -> Ask | bool | None:
    """What the vendor tells of a good key (scopes, end), now and then; never where somebody waits for an image alone.

    Of one that lacked scopes it is asked each time: they are added to a token that keeps its text.
    """
    about = seen.plan.provider.introspection
    wanted = about is not None and about.of_good_keys and seen.facts.secret is Meaning.ACCEPTED
    known = seen.evidence.known.opinion is not None and not seen.facts.scopes_lack
    if not wanted or known or seen.evidence.subject.asker is Asker.PREFLIGHT:
        return None
    return opinion(seen, Party.SUBJECT)


def detail(seen: Seen) -> Ask | bool | None:
    """Why a living token may not read a package, where the vendor's API tells it."""
    provider, facts = seen.plan.provider, seen.facts
    if provider.detail_path is None or seen.plan.api is None or seen.evidence.of(Step.DETAIL) or not seen.evidence.subject.introspect:
        return None
    if facts.secret is not Meaning.ACCEPTED or facts.pull is not Meaning.DENIED or facts.scopes_lack is not False:
        return None
    url = URL(str(seen.plan.api).rstrip("/") + provider.detail_path(seen.evidence.subject.repository), encoded=True)
    return Ask(step=Step.DETAIL, party=Party.SUBJECT, method="GET", url=url, auth=Auth.OPINION)


def anonymous(seen: Seen) -> Ask | bool | None:
    """The anonymous control of the repository: is a 200 due to the secret; is the image public that a dead key blocks."""
    facts = seen.facts
    if not seen.image or seen.nobody or not seen.scheme or facts.anonymous is not Control.UNCLEAR:
        return None
    preflight = seen.evidence.subject.asker is Asker.PREFLIGHT
    proof = facts.pull is Meaning.READABLE and not preflight and facts.secret in (Meaning.ACCEPTED, Meaning.DENIED)
    blocked = facts.secret in REFUSALS or (seen.plan.provider.traits.foreign_key_blocks and facts.pull in (Meaning.DENIED, *REFUSALS))
    ill = seen.plan.provider.traits.token_for_public_only and facts.pull in NO_PULL and _said_401(seen)
    if not (proof or blocked or ill):
        return None
    if seen.scheme != "bearer":
        return None if seen.made(Step.PULL, party=Party.ANONYMOUS) else manifest(seen, Party.ANONYMOUS)
    scoped = seen.made(Step.SCOPED, party=Party.ANONYMOUS)
    if not scoped:
        return login(seen, Party.ANONYMOUS, Step.SCOPED)
    said = seen.meaning(scoped[-1])
    heads = [e for e in seen.made(Step.PULL, party=Party.ANONYMOUS) if e.authorized or e.led]
    if said is Meaning.ACCEPTED and not heads:
        return manifest(seen, Party.ANONYMOUS)
    if seen.plan.provider.traits.anonymous_401_twice and said in REFUSALS and len(scoped) == 1:
        return login(seen, Party.ANONYMOUS, Step.SCOPED, wait_s=FRESH_TOKEN_S)
    if seen.plan.provider.traits.anonymous_401_twice and said in REFUSALS and not seen.made(Step.LOGIN, party=Party.ANONYMOUS):
        return login(seen, Party.ANONYMOUS)
    return None


def _said_401(seen: Seen) -> bool:
    heads = seen.made(Step.PULL, party=Party.SUBJECT)
    return bool(heads) and heads[-1].status == 401


def control(seen: Seen) -> Ask | bool | None:
    """The negative control at the step where the secret was accepted; deeper ones only when that one was accepted too."""
    facts = seen.facts
    if facts.secret is not Meaning.ACCEPTED or seen.evidence.subject.asker is Asker.PREFLIGHT:
        return None
    judged = Step.LOGIN if seen.evidence.of(Step.LOGIN, party=Party.SUBJECT) or seen.plan.provider.traits.scope_blind else Step.SCOPED
    if seen.control(judged) is Control.UNCLEAR and not seen.made(judged, party=Party.CONTROL):
        return login(seen, Party.CONTROL, judged)
    about = seen.plan.provider.introspection
    if seen.control(judged) is Control.ACCEPTED and about is not None and about.control and facts.opinion_control is Control.UNCLEAR:
        asked = opinion(seen, Party.CONTROL)
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


def platform(seen: Seen) -> Ask | bool | None:
    """The platforms: only when one is asked, an index by one GET, a single image's config where no pulls are metered."""
    return platforms(seen, seen.puller) if seen.image else None
