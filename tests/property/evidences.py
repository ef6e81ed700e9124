"""Evidence as nobody's server would make it: every field of its exchanges at random. What is concluded of it keeps the two promises all the same.

The conversations of `fuzz.py` show what servers can bring about; here a plan and a table meet what only a fault of ours could.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from yarl import URL

from tests.property.conversation import RECALLS, known, realm_of
from tests.replay.codec import encoded
from tests.unit.verdict.reasons import WITH
from validator.evidence import Asker, Control, Demand, Evidence, Exchange, Failure, Grant, ManifestSeen, Opinion, OpinionSeen, Party, Step, Subject
from validator.protocol.errcode import CODES, OAUTH_CODES, BodyShape
from validator.providers import PROVIDERS, Provider
from validator.providers.plan import Plan
from validator.providers.questions import next_ask
from validator.verdict import ImageOutcome, Outcome, Verdict, decide

STATUSES: Final = (200, 200, 200, 401, 401, 403, 404, 400, 402, 405, 412, 429, 451, 500, 503, 302, 201, 407, 511, 418)
TEXTS: Final = (
    "", "", "no", "token has expired", "the key was revoked", "the account is disabled", "denied", "unauthenticated request", "authorization token has expired", "insufficient scopes", "use personal access token",
    "too many failed login attempts", "is not authorized to perform: ecr:x", "export control", "not authorized",
)  # fmt: skip
WHY: Final = {Step.OPINION: ("", "", "expired", "revoked"), Step.DETAIL: ("", "sso_required", "policy_denied", "address_refused")}
"""What the readers of the vendors' answers say, and nothing else."""
FAILURES: Final = ([each for each in Failure if each is not Failure.NOT_MADE], list(Failure))
"""Only a control is ever not made."""
CODE: Final = ("", "", "UNAUTHORIZED", "DENIED", *CODES, *sorted(OAUTH_CODES))


def evidence_of(random: Random) -> tuple[Plan, Evidence]:
    """A plan and up to a dozen exchanges of it, in any order."""
    provider = random.choice(PROVIDERS)
    host = next(iter(sorted(provider.hosts)), "reg.test")
    subject = Subject(
        host=host, username="jane", repository=random.choice(("", "team/app")), reference="1", asker=random.choice(list(Asker)), own=random.random() < 0.3, introspect=random.random() < 0.5,
        no_repeat=random.random() < 0.2, short_lived=random.random() < 0.1, anonymous=random.random() < 0.1, ip_restricted=random.random() < 0.1,
        kind=random.choice(("", *sorted(provider.traits.kinds_that_never_pull | provider.traits.kinds_that_die_soon))),
    )  # fmt: skip
    at, made = 1_795_000_000.0, []
    for _ in range(random.randint(0, 12)):
        at += random.choice((0.1, 0.1, 3.0, 100.0))
        made.append(_exchange(random, host, at))
    plan = Plan(provider=provider, registry=URL(f"https://{host}/"), api=URL("https://api.test") if random.random() < 0.5 else None)
    return plan, Evidence(subject, known(random.choice(RECALLS), host), tuple(made))


def _exchange(random: Random, host: str, at: float) -> Exchange:
    party, step = random.choice(list(Party)), random.choice((*Step, Step.LOGIN, Step.SCOPED, Step.PULL))
    if random.random() < 0.1:
        return Exchange(
            step=step,
            party=party,
            method="GET",
            url=f"https://{host}/",
            at=at,
            failure=random.choice(FAILURES[party is Party.CONTROL and step in (Step.LOGIN, Step.SCOPED, Step.PULL)]),
            authorized=random.random() < 0.5,
        )
    fields: dict[str, Any] = {
        "status": random.choice(STATUSES), "shape": random.choice(list(BodyShape)), "code": random.choice(CODE), "text": random.choice(TEXTS), "authorized": random.random() < 0.7, "led": random.random() < 0.1,
        "basic": random.choice(("", "", "", "demanded", "unasked")) if step is Step.LOGIN else "", "registry_sign": random.random() < 0.3, "retry_after_s": random.choice((None, None, 5.0)), "reused": random.random() < 0.2,
        "demand": random.choice((None, realm_of(host), Demand(scheme="basic"), Demand(scheme="other"), Demand(scheme="bearer", fault=Failure.UNSAFE_REALM))), "pulls_left": random.choice((None, 0, 5)),
        "next_url": URL(f"https://{host}/x") if random.random() < 0.05 else None, "method": random.choice(("GET", "HEAD", "POST")),
    }  # fmt: skip
    if step in (Step.LOGIN, Step.SCOPED) and fields["status"] == 200:
        fields["grant"] = random.choice((None, Grant(), Grant(pulls=False), Grant(anonymous=True), Grant(pulls=True, anonymous=False)))
    if step in (Step.PULL, Step.MANIFEST):
        fields["manifest"] = ManifestSeen(kind=random.choice(("image", "index", "none", "schema1", "artifact", "other")))
    if step in (Step.OPINION, Step.DETAIL):
        fields["opinion"] = OpinionSeen(
            opinion=random.choice(list(Opinion)),
            scopes=random.choice((None, (), ("read:packages",), ("api",))),
            why=random.choice(WHY[step]),
        )
    return Exchange(step=step, party=party, url=f"https://{host}/", at=at, **fields)


def packed(plan: Plan, evidence: Evidence) -> str:
    """Both as JSON."""
    parts = {"subject": evidence.subject, "known": evidence.known, "exchanges": evidence.exchanges}
    where = {"provider": plan.provider.key, "registry": str(plan.registry), "api": str(plan.api) if plan.api is not None else None}
    return json.dumps({**where, **{name: encoded(each) for name, each in parts.items()}})


def faults_of(plan: Plan, evidence: Evidence) -> list[str]:
    """What is wrong with what is concluded, or asked next."""
    try:
        next_ask(plan, evidence)
        verdict = decide(evidence, plan.provider.traits, plan.provider.table)
    except Exception as error:  # it is total
        return [f"evidence: {type(error).__name__}: {error}"]
    return [f"evidence: {fault}" for fault in _broken(plan.provider, evidence, verdict)]


def _broken(provider: Provider, evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    said = [e for e in evidence.exchanges if e.party is Party.SUBJECT and e.authorized and e.failure is None and e.next_url is None]
    logins = [e for e in said if e.step in (Step.LOGIN, Step.SCOPED)]
    if verdict.outcome not in WITH[verdict.reason]:
        yield f"{verdict.outcome} ({verdict.reason}) is no pair"
    if (
        verdict.image is not None
        and verdict.image.outcome not in WITH[verdict.image.reason]
        and not (verdict.image.outcome == "unknown" and "unknown" in WITH[verdict.image.reason])
    ):
        yield f"image {verdict.image.outcome} ({verdict.image.reason}) is no pair"
    if verdict.outcome is Outcome.VALID:
        if not any(e.status == 200 or e.status in (401, 403) for e in logins):
            yield "valid, and no login was answered"
        kept = evidence.known.controls.values()
        controls = [e for e in evidence.exchanges if e.party is Party.CONTROL and e.status is not None]
        if (
            not any(each in (Control.REFUSED, Control.DENIED) for each in kept)
            and not any((e.status or 0) >= 400 for e in controls)
            and evidence.known.opinion_control is not Control.REFUSED
        ):
            yield "valid, and no control was refused"
    if (
        verdict.outcome is Outcome.INVALID
        and not any((e.status or 0) in (400, 401, 403) for e in logins)
        and not (provider.traits.scope_blind and logins)
    ):
        yield "invalid, and no login was refused"
    if verdict.outcome is Outcome.INVALID and (evidence.known.ill or evidence.known.throttled):
        yield "invalid of an ill registry, or after a throttle"
    if (
        verdict.image is not None
        and verdict.image.outcome is ImageOutcome.PULLABLE
        and not any(e.status == 200 and e.step in (Step.PULL, Step.MANIFEST) for e in evidence.exchanges)
    ):
        yield "pullable, and nothing was read"
    if (verdict.outcome is Outcome.VALID) is not (verdict.level is not None):
        yield "a level without a valid, or none with it"
    if verdict.retry_after_s is not None and (verdict.outcome is not Outcome.UNKNOWN or verdict.retry_after_s < 0):
        yield "a wait of a verdict that is known"
