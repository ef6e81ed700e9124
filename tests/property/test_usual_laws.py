"""A conversation that is like another in all but what is put aside ends like it: what a probe takes over of the last one is true."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from yarl import URL

from validator.credential import SecretKind
from validator.evidence import Asker, Control, Demand, Evidence, Exchange, Grant, Known, Party, Step, Subject
from validator.probe.usual import ASIDE, key_of
from validator.protocol.errcode import BodyShape
from validator.providers import PROVIDERS
from validator.providers.plan import Plan
from validator.providers.questions import next_ask
from validator.verdict import decide

KINDS = sorted({kind for p in PROVIDERS for kind in (*p.traits.kinds_that_never_pull, *p.traits.kinds_that_die_soon, *p.traits.kinds_of_no_person)})
DEMANDS = [
    Demand(scheme="bearer", realm=URL("https://reg.test/token"), service="reg.test"), Demand(scheme="bearer", realm=URL("https://auth.test/")),
    Demand(scheme="basic"), None,
]  # fmt: skip
controls = st.dictionaries(st.sampled_from([Step.LOGIN, Step.SCOPED, Step.PULL]), st.sampled_from(Control))
names, moments = st.sampled_from(["jane", "JANE", "oauth2accesstoken", "$oauthtoken", ""]), st.floats(0, 2e9)
subjects = st.builds(
    Subject, host=st.just("reg.test"), username=names, kind=st.sampled_from(["", *KINDS]), hints=st.sampled_from([(), ("whitespace",), ("username_form",)]),
    short_lived=st.booleans(), ip_restricted=st.booleans(), no_repeat=st.booleans(), introspect=st.booleans(), leave_dead=st.booleans(),
    sent_as=st.sampled_from(SecretKind), asker=st.just(Asker.SWEEP), given=st.booleans(), fault=st.sampled_from(["", "", "", "short_lived"]),
)  # fmt: skip
knowns = st.builds(
    Known, durable=st.booleans(), challenge=st.sampled_from(DEMANDS), challenge_age_s=st.sampled_from([0.0, 59.0, 60.0, 61.0, 9e4]), controls=controls,
    controls_for=st.sampled_from(DEMANDS), opinion_control=st.sampled_from(Control), ever_valid=st.booleans(), asked_before=st.booleans(),
    was_registry=st.booleans(), nxdomain_age_s=st.sampled_from([None, 9e4]), ill=st.booleans(), banned_left_s=st.sampled_from([0.0, 60.0]),
    scope_accepts_anyone=st.booleans(),
)  # fmt: skip
logins = st.builds(
    Exchange, step=st.just(Step.LOGIN), party=st.just(Party.SUBJECT), method=st.sampled_from(["GET", "POST"]), url=st.just(""), at=moments,
    status=st.just(200), authorized=st.booleans(), shape=st.sampled_from(BodyShape), code=st.sampled_from(["", "DENIED", "TOOMANYREQUESTS"]),
    text=st.sampled_from(["", "account locked", "denied"]), grant=st.builds(Grant, anonymous=st.sampled_from([None, True, False])),
    registry_sign=st.booleans(), retry_after_s=st.sampled_from([None, 5.0]), basic=st.sampled_from(["", "asked", "unasked"]),
)  # fmt: skip
plans = st.sampled_from([Plan(provider=p, registry=URL("https://reg.test/"), api=api) for p in PROVIDERS for api in (None, URL("https://api.test/"))])


@given(
    plan=plans,
    subject=subjects,
    known=knowns,
    login=logins,
    other=st.tuples(names, moments, st.floats(0, 1e5), st.sampled_from(["", "https://reg.test/v2/"])),
)
def test_what_is_put_aside_changes_nothing(plan: Plan, subject: Subject, known: Known, login: Exchange, other: tuple[str, float, float, str]) -> None:
    username, at, ms, url = other
    one = Evidence(subject, known, (login,))
    two = Evidence(
        replace(subject, username=username), replace(known, challenge_age_s=known.challenge_age_s), (replace(login, at=at, ms=ms, url=url),)
    )
    key = key_of(one)
    assume(key is not None)
    assert key_of(two) == key
    traits, own = plan.provider.traits, plan.provider.table
    assert decide(one, traits, own) == decide(two, traits, own)
    assert (next_ask(plan, one) is None) == (next_ask(plan, two) is None)


@given(known=knowns, login=logins, subject=subjects, ages=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), plan=plans)
def test_the_age_of_a_challenge_matters_only_as_fresh_or_not(
    known: Known, login: Exchange, subject: Subject, ages: tuple[float, float], plan: Plan
) -> None:  # fmt: skip
    one, two = (Evidence(subject, replace(known, challenge_age_s=age), (login,)) for age in ages)
    assume(key_of(one) is not None and key_of(one) == key_of(two))
    assert decide(one, plan.provider.traits, plan.provider.table) == decide(two, plan.provider.traits, plan.provider.table)
    assert (next_ask(plan, one) is None) == (next_ask(plan, two) is None)


def test_every_other_field_is_a_part_of_the_key() -> None:
    """Also one that comes to be: it is taken by itself, and only what stands in ASIDE is not."""
    base = Evidence(
        Subject(host="reg.test", asker=Asker.SWEEP), Known(), (Exchange(step=Step.LOGIN, party=Party.SUBJECT, method="GET", url="", status=200, grant=Grant()),)
    )  # fmt: skip
    whole: Any = key_of(base)
    assert whole is not None
    assert [len(part) for part in (whole[0], whole[1], whole[4])] == [len(fields(kind)) - len(ASIDE[kind]) for kind in (Subject, Known, Exchange)]
    assert key_of(replace(base, known=replace(base.known, ever_valid=True))) != whole
    assert key_of(replace(base, known=replace(base.known, controls={Step.LOGIN: Control.REFUSED}))) != whole
    assert key_of(replace(base, subject=replace(base.subject, kind="nvapi"))) != whole


def test_what_is_not_usual_has_no_key() -> None:
    login = Exchange(step=Step.LOGIN, party=Party.SUBJECT, method="GET", url="", status=200, grant=Grant())
    subject = Subject(host="reg.test", asker=Asker.SWEEP)
    others = {
        "refused": Evidence(subject, Known(), (replace(login, status=401, grant=None),)),
        "no token": Evidence(subject, Known(), (replace(login, grant=None),)),
        "two": Evidence(subject, Known(), (login, login)),
        "a control": Evidence(subject, Known(), (replace(login, party=Party.CONTROL),)),
        "an image": Evidence(replace(subject, repository="a/b"), Known(), (login,)),
        "somebody waits": Evidence(replace(subject, asker=Asker.CHECK), Known(), (login,)),
        "refused before": Evidence(subject, Known(refused_age_s=5.0), (login,)),
        "denied before": Evidence(subject, Known(denied_age_s=5.0), (login,)),
    }
    assert [name for name, evidence in others.items() if key_of(evidence) is not None] == []
