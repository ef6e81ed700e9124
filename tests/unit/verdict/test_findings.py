"""How answers are folded into facts: whose answer counts, which of several, how old it may be. registries/README.md 6.2."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from yarl import URL

from tests.unit.verdict.saying import (
    AGREES,
    BLIND,
    CANARY,
    ELSEWHERE,
    HERE,
    KNOWS,
    MADE_UP,
    ME,
    N_401,
    N_T,
    NOBODY,
    OK_H,
    PLAIN,
    PUBLIC,
    ev,
    failed,
    ping,
    said,
    told,
)
from validator.evidence import Asker, Demand, Exchange, Failure, Grant, Known, Opinion
from validator.providers import provider_named
from validator.verdict import Meaning, Reason, Says, Traits, find
from validator.verdict.findings import is_fresh, pull_reading, refusals_of, secret_reading

SECRET: Final[list[tuple[list[Exchange], Traits, str]]] = [
    ([], PLAIN, ""), ([said("L", 200)], PLAIN, "accepted"), ([said("T", 200)], PLAIN, "accepted"), ([said("L", 401), said("T", 200)], PLAIN, "refused"), ([said("L", 401), said("T", 200)], BLIND, "accepted"), ([said("T", 200), said("L", 401)], BLIND, "refused"),
    ([said("L", 401), said("T", 200), said("T", 401, party=MADE_UP)], PLAIN, "accepted"), ([said("L", 401), said("T", 200), said("T", 200, party=MADE_UP)], PLAIN, "refused"), ([said("L", 200), said("T", 401)], PLAIN, "accepted"), ([said("L", 401), said("T", 401)], PLAIN, "refused"),
    ([said("L", 403), said("T", 200)], BLIND, "denied"), ([said("T", 403), said("L", 200)], PLAIN, "accepted"), ([said("L", 401), said("L", 200)], PLAIN, "accepted"), ([said("L", 200), said("L", 401)], PLAIN, "refused"),
    ([said("L", 401, authorized=False)], PLAIN, ""), ([said("T", 200, authorized=False)], PLAIN, ""), ([failed("L", Failure.TIMEOUT)], PLAIN, "unknown"), ([failed("T", Failure.TIMEOUT)], PLAIN, "unknown"), ([said("L", 401, party=NOBODY)], PLAIN, ""),
    ([said("L", 401), failed("L", Failure.BUDGET_SPENT)], PLAIN, "refused"), ([said("T", 401), failed("T", Failure.BUDGET_SPENT)], PLAIN, "refused"), ([failed("L", Failure.BUDGET_SPENT)], PLAIN, "unknown"), ([said("L", 401), failed("L", Failure.TIMEOUT)], PLAIN, "unknown"),
    ([said("L", 401), failed("T", Failure.BUDGET_SPENT)], PLAIN, "refused"), ([said("L", 302, next_url=URL("https://reg.test/x"))], PLAIN, ""), ([said("L", 401), said("T", 503)], PLAIN, "refused"), ([said("L", 401, at=5.0), said("T", 200, at=4.0)], BLIND, "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("exchanges", "traits", "meaning"), SECRET, ids=[f"{at} {row[2]}" for at, row in enumerate(SECRET)])
def test_what_was_said_last_of_the_secret(exchanges: list[Exchange], traits: Traits, meaning: str) -> None:
    reading = secret_reading(ev(*exchanges), traits)
    assert (str(reading.meaning) if reading.row else "") == meaning


AGES: Final = [(None, 0), (0.0, 0), (2.9, 0), (3.0, 1), (700.0, 1), (86_400.0, 1), (86_401.0, 0)]


@pytest.mark.parametrize(("age", "count"), AGES)
def test_an_earlier_refusal_counts_for_a_day_and_not_before_three_seconds(age: float | None, count: int) -> None:
    known = Known(refused_age_s=age)
    assert refusals_of(ev(known=known), PLAIN) == count
    assert refusals_of(ev(said("L", 401), known=known), PLAIN) == count + 1
    assert refusals_of(ev(said("L", 200), known=known), PLAIN) == 0


def test_what_takes_refusals_back() -> None:
    admits = Traits(rows=(Says(row="x", meaning=Meaning.ADMITTED, reason=Reason.HIDDEN_OR_DENIED, statuses=frozenset({418})),))
    assert refusals_of(ev(said("L", 401), said("T", 418)), admits) == 0, "it says that it took the secret"
    assert refusals_of(ev(said("L", 401), said("T", 401)), PLAIN) == 2
    assert refusals_of(ev(said("L", 401), said("L", 401, authorized=False), said("L", 401, party=MADE_UP)), PLAIN) == 1
    assert [refusals_of(ev(said("L", 401), said("T", 200)), traits) for traits in (PLAIN, BLIND)] == [1, 0], "Harbor hands anyone a scoped token"
    assert refusals_of(ev(said("L", 401), said("L", 200), said("L", 401)), PLAIN) == 1
    assert refusals_of(ev(said("L", 401), said("L", 503), said("L", 403)), PLAIN) == 1


OLD: Final = Known(challenge=HERE, challenge_age_s=7200.0)
FRESH: Final[list[tuple[list[Exchange], Known, bool]]] = [
    ([], OLD, True), ([said("L", 401)], OLD, False), ([said("L", 401)], replace(OLD, challenge_age_s=60.0), True), ([said("L", 401)], replace(OLD, challenge_age_s=60.1), False), ([ping(0.0), said("L", 401, at=60.0)], Known(), True),
    ([ping(0.0), said("L", 401, at=60.1)], Known(), False), ([ping(0.0), said("L", 401, at=99.0), ping(99.5)], Known(), True), ([ping(0.0), said("L", 401, at=99.0), ping(99.5, ELSEWHERE)], Known(), False), ([said("L", 401), ping(1.0)], OLD, True),
    ([said("L", 401), ping(1.0, ELSEWHERE)], OLD, False), ([said("L", 401), ping(1.0, None)], OLD, False), ([said("L", 401), ping(1.0), ping(2.0, ELSEWHERE)], OLD, False), ([said("L", 401), ping(1.0, ELSEWHERE), ping(2.0)], OLD, True),
    ([said("L", 401), ping(1.0)], OLD, True), ([replace(ping(0.0), authorized=True), said("L", 401, at=1.0)], OLD, False), ([replace(ping(0.0), party=ME), said("L", 401, at=1.0)], OLD, False), ([ping(0.0), said("L", 401, at=1.0), said("T", 401, at=99.0)], Known(), False),
    ([said("L", 200, at=0.0), said("L", 401, at=55.0)], replace(OLD, challenge_age_s=5.0), True), ([said("L", 200, at=0.0), said("L", 401, at=56.0)], replace(OLD, challenge_age_s=5.0), False),
    ([ping(0.0), ping(50.0), said("L", 401, at=99.0)], Known(), True), ([replace(said("H", 401, party=NOBODY, at=50.0), demand=HERE), said("L", 401, at=99.0)], OLD, True),
]  # fmt: skip


@pytest.mark.parametrize(("exchanges", "known", "fresh"), FRESH, ids=[f"{at}" for at in range(len(FRESH))])
def test_a_refusal_counts_under_a_young_challenge_or_one_that_is_confirmed(exchanges: list[Exchange], known: Known, fresh: bool) -> None:
    """6.2 g: a minute, or a cold ping after it that names the same place."""
    assert is_fresh(ev(*exchanges, known=known)) is fresh


PULL: Final[list[tuple[list[Exchange], dict[str, Any], str]]] = [
    ([], {}, ""), ([said("H", 200, **OK_H)], {}, "readable"), ([said("H", 403)], {}, "denied"), ([said("H", 405), said("G", 200, **OK_H)], {}, "readable"), ([said("H", 405)], {}, ""), ([said("H", 200, **OK_H), said("G", 503)], {}, "readable"),
    ([said("H", 200, **OK_H), said("G", 200, kind="artifact")], {}, "unsupported"), ([said("H", 200, **OK_H), said("G", 404)], {}, "tag_missing"), ([said("H", 404), said("G", 503)], {}, "tag_missing"), ([said("H", 403), said("G", 503)], {}, "denied"),
    ([said("H", 404), said("G", 200, **OK_H)], {}, "readable"), ([said("H", 403), said("G", 404)], {}, "tag_missing"), ([said("H", 401, "", "invalid_token"), said("H", 200, **OK_H)], {}, "readable"), ([said("H", 503)], {}, "unknown"),
    ([said("H", 200, party=NOBODY, **OK_H)], {}, ""), ([said("H", 200, party=NOBODY, **OK_H)], {"anonymous": True}, "readable"), ([said("H", 200, party=NOBODY, **OK_H)], {"fault": "empty_secret"}, "readable"), ([said("H", 200, **OK_H)], {"anonymous": True}, ""),
    ([said("T", 200, grant=Grant(pulls=False))], {}, "denied"), ([said("T", 200, grant=Grant(pulls=True))], {}, ""), ([said("T", 200, grant=Grant())], {}, ""), ([said("T", 403)], {}, "denied"), ([said("T", 401)], {}, "refused"),
    ([said("T", 200, grant=Grant(pulls=False)), said("H", 200, **OK_H)], {}, "readable"), ([said("H", 200, repository="other/app", **OK_H)], {}, ""), ([said("H", 200, repository="team/app", **OK_H)], {}, "readable"),
]  # fmt: skip


@pytest.mark.parametrize(("exchanges", "subject", "meaning"), PULL, ids=[f"{at} {row[2]}" for at, row in enumerate(PULL)])
def test_what_was_said_of_the_image(exchanges: list[Exchange], subject: dict[str, Any], meaning: str) -> None:
    reading = pull_reading(ev(*exchanges, **subject), PLAIN)
    assert (str(reading.meaning) if reading.row else "") == meaning


DAY: Final = 86_400.0
ENDS: Final = datetime(2026, 11, 1, tzinfo=UTC)
ABSENT: Final[list[tuple[float | None, dict[str, Any], bool]]] = [
    (None, {}, False),
    (DAY / 2 - 1, {}, False),
    (DAY / 2, {}, True),
    (DAY, {"ever_valid": True}, False),
    (DAY, {"was_registry": True}, False),
]
FACTS: Final[list[tuple[str, object, list[Exchange], dict[str, Any]]]] = [
    ("ping_twice", False, [said("P", 404, party=NOBODY)], {}), ("ping_twice", True, [said("P", 404, party=NOBODY), said("P", 404, party=NOBODY)], {}), ("ping_twice", False, [said("P", 404, party=NOBODY), said("P", 200, "html", party=NOBODY)], {}),
    ("ping_twice", False, [said("P", 302, party=NOBODY, next_url=URL("https://reg.test/")), said("P", 404, party=NOBODY)], {}), ("way_meaning", Meaning.ON, [said("P", 302, party=NOBODY, next_url=URL("https://reg.test/"))], {}), ("way_meaning", None, [], {}),
    ("way_reason", Reason.SERVER_ERROR, [said("P", 503, party=NOBODY)], {}), ("open_registry", True, [said("P", 200, party=NOBODY)], {}), ("open_registry", False, [ping()], {}), ("open_registry", False, [], {}),
    ("elsewhere_well", True, [said("X", 200, party=NOBODY)], {}), ("elsewhere_well", True, [replace(said("X", 401, party=NOBODY), demand=HERE)], {}), ("elsewhere_well", False, [said("X", 404, party=NOBODY)], {}), ("elsewhere_well", False, [], {}),
    *[("no_such_host_for_days", many, [], {"known": Known(nxdomain_age_s=age, **more)}) for age, more, many in ABSENT],
    ("has_demand_fault", True, [ping(demand=replace(HERE, fault=Failure.UNSAFE_REALM))], {}), ("demand_fault", Reason.UNSAFE_REALM, [ping(demand=replace(HERE, fault=Failure.UNSAFE_REALM))], {}), ("has_demand_fault", False, [ping()], {}), ("demand_fault", None, [], {}),
    ("decided", True, [said("L", 401)], {"asker": Asker.SWEEP}), ("decided", False, [said("L", 401)], {}), ("decided", True, [said("L", 401), said("L", 401)], {}), ("decided", True, [said("L", 401)], {"no_repeat": True}),
    ("decided", True, [said("L", 401, text="token has expired")], {}), ("in_words", True, [said("L", 401, text="token has expired")], {}), ("in_words", True, [said("L", 401, text="token was revoked")], {}), ("in_words", True, [said("L", 401, text="user is disabled")], {}),
    ("in_words", False, [said("L", 401)], {}), ("refused_twice", False, [said("L", 401)], {}), ("refused_twice", True, [said("L", 401), said("T", 401)], {}),
    ("past_end", True, [said("L", 401, at=ENDS.timestamp())], {"expires_at": ENDS}), ("past_end", False, [said("L", 401, at=ENDS.timestamp() - 1)], {"expires_at": ENDS}), ("past_end", False, [], {"expires_at": ENDS}), ("past_end", False, [said("L", 401)], {}),
    ("past_end", False, [said("L", 401, at=ENDS.timestamp(), party=MADE_UP)], {"expires_at": ENDS}), ("decided", True, [said("L", 401, at=ENDS.timestamp())], {"expires_at": ENDS}),
    ("ill", True, [], {"known": Known(ill=True)}), ("ill", False, [said("L", 401, party=MADE_UP)], {}), *[("ill", True, [said("L", 401, party=MADE_UP, text=text)], {}) for text in ("token has expired", "token was revoked", "user is disabled")],
    ("ill", True, [said("T", 401, party=MADE_UP, text="token has expired")], {}), ("ill", True, [said("L", 401, party=CANARY)], {}), ("ill", False, [said("L", 200, party=CANARY)], {}), ("ill", False, [said("L", 401, text="token has expired")], {}),
    ("throttled", True, [], {"known": Known(throttled=True)}), ("throttled", True, [said("L", 429)], {}), ("throttled", True, [said("T", 429), said("L", 401)], {}), ("throttled", False, [said("L", 429, party=MADE_UP)], {}), ("throttled", False, [said("L", 503)], {}),
    ("throttled", False, [failed("L", Failure.ADDRESS_BANNED)], {}), ("kind_dies_soon", True, [], {"short_lived": True}), ("kind_dies_soon", False, [], {}), ("denied_before", True, [], {"known": Known(denied_age_s=0.0)}), ("denied_before", False, [], {}),
    ("claims_nobody", True, [said("L", 200, grant=Grant(anonymous=True))], {}), ("claims_nobody", False, [said("L", 200, grant=Grant(anonymous=False))], {}), ("claims_nobody", False, [said("L", 200, grant=Grant())], {}), ("claims_nobody", False, [], {}),
    ("claims_nobody", True, [said("L", 200, grant=Grant(anonymous=False)), said("T", 200, grant=Grant(anonymous=True))], {}), ("claims_nobody", False, [said("L", 200, grant=Grant(anonymous=True), party=MADE_UP)], {}),
    ("unguarded", True, [said("P", 200, party=NOBODY), said("H", 200, party=NOBODY, **OK_H)], {}), ("unguarded", False, [said("P", 200, party=NOBODY), said("H", 200, party=NOBODY, authorized=True, **OK_H)], {}), ("unguarded", False, [ping(), said("H", 200, party=NOBODY, **OK_H)], {}),
    ("unguarded", True, [said("P", 200, party=NOBODY), said("G", 200, party=NOBODY, **OK_H)], {}), ("unguarded", False, [said("P", 200, party=NOBODY), said("H", 404, party=NOBODY)], {}), ("unguarded", False, [said("H", 200, party=NOBODY, **OK_H)], {}),
    ("pull_ill", True, [said("H", 403), said("H", 403, party=CANARY)], {}), ("pull_ill", False, [said("H", 403), said("H", 200, party=CANARY, **OK_H)], {}), ("pull_ill", False, [said("H", 200, **OK_H), said("H", 403, party=CANARY)], {}), ("pull_ill", False, [said("H", 403)], {}),
    ("proves_nothing", True, [], {}), ("proves_nothing", False, [said("H", 200, **OK_H)], {}), ("proves_nothing", True, [said("H", 404)], {}), ("control_refused", False, [], {}), ("control_refused", True, [said("L", 200), said("L", 401, party=MADE_UP)], {}),
    ("control_refused", True, [said("L", 200), said("L", 403, party=MADE_UP)], {}), ("control_refused", False, [said("L", 200), said("L", 200, party=MADE_UP)], {}), ("image", True, [], {}), ("image", False, [], {"repository": ""}), ("sweep", False, [], {}), ("sweep", True, [], {"asker": Asker.SWEEP}),
    ("nobody", True, [], {"anonymous": True}), ("own", True, [], {"own": True}), ("fault", "x", [], {"fault": "x"}), ("was_registry", True, [], {"known": Known(was_registry=True)}), ("secret", None, [], {}), ("pull", None, [], {}), ("detail", None, [], {}),
    ("opinion", Opinion.KNOWS, [told(KNOWS)], {}), ("opinion", None, [], {}), ("opinion_why", "revoked", [told(replace(AGREES, why="revoked"))], {}), ("opinion_why", "", [], {}),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "value", "exchanges", "more"), FACTS, ids=[f"{at} {row[0]}" for at, row in enumerate(FACTS)])
def test_a_fact_comes_true_in_one_way(fact: str, value: object, exchanges: list[Exchange], more: dict[str, Any]) -> None:
    assert getattr(find(ev(*exchanges, **more), PLAIN), fact) == value


def test_facts_that_a_vendors_page_makes() -> None:
    def fact(name: str, traits: Traits, *exchanges: Exchange, **more: Any) -> object:
        return getattr(find(ev(*exchanges, **more), traits), name)

    usual = Traits(anonymous_usual=frozenset({Meaning.ACCEPTED}))
    assert [
        fact("ill", usual, *made)
        for made in (
            (),
            (said("L", 200, party=NOBODY),),
            (said("L", 401, party=NOBODY),),
            (said("L", 401, party=NOBODY), said("L", 200, party=NOBODY)),
        )
    ] == [False, False, True, False]
    assert fact("ill", PLAIN, said("L", 401, party=NOBODY)) is False
    for key, status in (("gitlab", 403), ("dockerhub", 429)):
        provider = provider_named(key)
        assert provider is not None
        assert fact("throttled", provider.traits, said("L", status, "text", text="too many failed login attempts")) is True, "a ban, a lock"
    assert fact("decided", Traits(repeat=False), said("L", 401)) is True
    never = Traits(kinds_that_never_pull=frozenset({"x"}), kinds_that_die_soon=frozenset({"y"}))
    assert [fact("kind_never_pulls", never, kind=kind) for kind in ("x", "y", "")] == [True, False, False]
    assert [fact("kind_never_pulls", never, told(replace(KNOWS, kind=kind))) for kind in ("x", "y", "")] == [True, False, False]
    assert [fact("kind_dies_soon", never, kind=kind) for kind in ("x", "y", "")] == [False, True, False]
    assert [fact("explained", Traits(known_yet_refused=reason)) for reason in (None, Reason.SERVICE_MISSING)] == [False, True]
    assert fact("pull_ill", PUBLIC, said("H", 401), N_T, N_401) is True
    assert fact("pull_ill", PLAIN, said("H", 401), N_T, N_401) is False


def test_an_identity_token_is_fresh_only_where_it_is_known_what_is_said_of_it() -> None:
    from validator.credential import SecretKind

    for kind in SecretKind:
        token = kind is SecretKind.IDENTITY_TOKEN
        made = ev(ping(demand=Demand(scheme="basic")), said("L", 401, at=1.0), sent_as=kind)
        assert find(made, PLAIN).fresh is True
        assert find(replace(made), Traits(tokens_doubted=True)).fresh is not token
        assert find(made, PLAIN).unusable is token
        assert find(ev(ping(), sent_as=kind), PLAIN).unusable is False
