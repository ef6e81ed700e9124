"""A conversation that is like another in all but what is put aside ends like it: what a probe takes over of the last one is true."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from yarl import URL

from validator.credential import SecretKind
from validator.evidence import Asker, Control, Demand, Evidence, Exchange, Grant, Known, Party, Step, Subject
from validator.probe.usual import ASIDE, Usual, begin_of, end_of
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
    Exchange, step=st.just(Step.LOGIN), party=st.just(Party.SUBJECT), method=st.sampled_from(["GET", "POST"]), url=st.sampled_from(["", "https://reg.test/v2/"]), at=moments,
    ms=st.floats(0, 1e5), status=st.just(200), authorized=st.booleans(), shape=st.sampled_from(BodyShape), code=st.sampled_from(["", "DENIED", "TOOMANYREQUESTS"]),
    text=st.sampled_from(["", "account locked", "denied"]), 
    grant=st.none() | st.builds(Grant, pulls=st.sampled_from([None, False]), anonymous=st.sampled_from([None, True, False]), life_s=st.floats(0, 3600)),
    registry_sign=st.booleans(), retry_after_s=st.sampled_from([None, 5.0]), basic=st.sampled_from(["", "demanded", "unasked"]),
)  # fmt: skip
plans = st.sampled_from([Plan(provider=p, registry=URL("https://reg.test/"), api=api) for p in PROVIDERS for api in (None, URL("https://api.test/"))])


def key_of(evidence: Evidence) -> tuple[Any, Any] | None:
    begin, end = begin_of(evidence), end_of(evidence)
    return None if begin is None or end is None else (begin, end)


def but_aside(one: Any, other: Any) -> Any:
    """`one` with what is put aside taken from `other`; a challenge's age and the controls stand in the key in another form."""
    return replace(one, **{name: getattr(other, name) for name in ASIDE[type(one)] - {"controls", "challenge_age_s", "grant"}})


@given(plan=plans, subject=subjects, known=knowns, other=subjects, age_s=st.sampled_from([0.0, 59.0, 61.0, 9e4]))
def test_those_that_begin_alike_ask_the_same_first(plan: Plan, subject: Subject, known: Known, other: Subject, age_s: float) -> None:
    one, two = Evidence(subject, known), Evidence(but_aside(subject, other), replace(known, challenge_age_s=age_s))
    assume(begin_of(one) is not None and begin_of(one) == begin_of(two))
    assert next_ask(plan, one) == next_ask(plan, two)
    usual = Usual()
    alike = usual.begun(plan, one)
    assert alike is not None
    assert alike is usual.begun(plan, two)
    assert alike.first == next_ask(plan, two)


@given(plan=plans, subject=subjects, known=knowns, login=logins, others=st.tuples(subjects, logins))
def test_what_is_put_aside_changes_nothing(plan: Plan, subject: Subject, known: Known, login: Exchange, others: tuple[Subject, Exchange]) -> None:
    other = but_aside(login, others[1])
    if login.grant is not None and others[1].grant is not None:
        other = replace(other, grant=but_aside(login.grant, others[1].grant))
    one, two = Evidence(subject, known, (login,)), Evidence(but_aside(subject, others[0]), known, (other,))
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
    begin, (exchange, granted) = whole
    parts = {Subject: begin[0], Known: begin[1], Exchange: exchange, Grant: granted if isinstance(granted, tuple) else (granted,)}
    assert {kind: len(part) for kind, part in parts.items()} == {kind: len(fields(kind)) - len(ASIDE[kind]) for kind in ASIDE}
    assert key_of(replace(base, known=replace(base.known, ever_valid=True))) != whole
    assert key_of(replace(base, known=replace(base.known, controls={Step.LOGIN: Control.REFUSED}))) != whole
    assert key_of(replace(base, subject=replace(base.subject, kind="nvapi"))) != whole
    assert key_of(replace(base, exchanges=(replace(base.exchanges[0], grant=Grant(anonymous=True)),))) != whole


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
