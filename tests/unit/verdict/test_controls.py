"""What the controls came to: made-up secrets, nobody's requests, the vendor's own word. registries/README.md 6.1, 6.2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from tests.unit.verdict.saying import (
    AGREES,
    BLIND,
    ELSEWHERE,
    HERE,
    KNOWS,
    MADE_UP,
    N_401,
    N_H,
    N_T,
    NOBODY,
    OK_H,
    PLAIN,
    PUBLIC,
    SILENT,
    ev,
    failed,
    ping,
    said,
    told,
)  # fmt: skip
from validator.evidence import Control, Demand, Exchange, Failure, Grant, Known, OpinionSeen, Step
from validator.verdict import Meaning, Traits
from validator.verdict.controls import anonymous_control, control_at, control_of_login, opinion_control_of, opinion_of, proof_control, scopes_lack
from validator.verdict.findings import pull_reading

NO, YES, FORBIDDEN, UNCLEAR = Control.REFUSED, Control.ACCEPTED, Control.DENIED, Control.UNCLEAR
STEPS: Final[list[tuple[str, Exchange, Control]]] = [
    ("L", said("L", 401, party=MADE_UP), NO), ("L", said("L", 200, party=MADE_UP), YES), ("L", said("L", 403, party=MADE_UP), FORBIDDEN), ("L", said("L", 503, party=MADE_UP), UNCLEAR), ("L", said("L", 429, party=MADE_UP), UNCLEAR),
    ("L", failed("L", Failure.TIMEOUT), UNCLEAR), ("T", said("T", 401, party=MADE_UP), NO), ("T", said("T", 200, party=MADE_UP), YES), ("T", said("T", 403, party=MADE_UP), FORBIDDEN),
    ("H", said("H", 401, party=MADE_UP), NO), ("H", said("H", 403, party=MADE_UP), NO), ("H", said("H", 200, party=MADE_UP, **OK_H), YES), ("H", said("H", 404, party=MADE_UP), YES), ("H", said("H", 404, "E", "NAME_UNKNOWN", MADE_UP), UNCLEAR),
    ("H", said("H", 401, "", "invalid_token", MADE_UP), NO), ("L", said("L", 401), UNCLEAR), ("L", said("T", 401, party=MADE_UP), UNCLEAR),
]  # fmt: skip
BY_LETTER: Final = {"L": Step.LOGIN, "T": Step.SCOPED, "H": Step.PULL}


@pytest.mark.parametrize(("step", "exchange", "control"), STEPS, ids=[f"{at}" for at in range(len(STEPS))])
def test_what_a_control_came_to(step: str, exchange: Exchange, control: Control) -> None:
    """Only the made-up secret's own answer at that step speaks, and the last of them."""
    exchange = replace(exchange, party=MADE_UP) if exchange.failure else exchange
    assert control_at(ev(exchange), PLAIN, BY_LETTER[step]) is control
    if exchange.party is MADE_UP and exchange.step is BY_LETTER[step]:
        assert control_at(ev(said(step, 200, party=MADE_UP), exchange), PLAIN, BY_LETTER[step]) is control


@pytest.mark.parametrize(("row", "control"), [("alive", NO), ("broken", NO), ("admitted", YES), ("unknown", UNCLEAR), ("denied", FORBIDDEN)])
def test_what_a_vendors_words_to_a_made_up_secret_came_to(row: str, control: Control) -> None:
    from validator.verdict import Says

    traits = Traits(rows=(Says(row="x", meaning=Meaning(row), statuses=frozenset({418})),))
    assert control_at(ev(said("L", 418, party=MADE_UP)), traits, Step.LOGIN) is control


def test_a_kept_control_holds_where_it_was_made() -> None:
    kept = Known(controls={Step.LOGIN: NO}, controls_for=HERE, challenge=HERE)
    assert control_at(ev(known=kept), PLAIN, Step.LOGIN) is NO
    assert control_at(ev(known=kept), PLAIN, Step.SCOPED) is UNCLEAR
    assert control_at(ev(ping(), known=kept), PLAIN, Step.LOGIN) is NO
    assert control_at(ev(ping(demand=ELSEWHERE), known=kept), PLAIN, Step.LOGIN) is UNCLEAR
    assert control_at(ev(ping(demand=ELSEWHERE), known=replace(kept, controls_for=None)), PLAIN, Step.LOGIN) is NO
    assert control_at(ev(known=replace(kept, challenge=None)), PLAIN, Step.LOGIN) is NO
    assert control_at(ev(said("L", 200, party=MADE_UP), known=kept), PLAIN, Step.LOGIN) is YES


def test_which_login_the_control_is_of() -> None:
    kept = Known(controls={Step.LOGIN: NO, Step.SCOPED: YES})
    assert control_of_login(ev(said("L", 200), known=kept), PLAIN) is NO
    assert control_of_login(ev(said("T", 200), known=kept), PLAIN) is YES
    assert control_of_login(ev(said("T", 200), known=kept), BLIND) is NO
    assert control_of_login(ev(said("L", 200, party=NOBODY), said("T", 200), known=kept), PLAIN) is YES


PROOF: Final[list[tuple[list[Exchange], dict[Step, Control], Traits, Control]]] = [
    ([said("L", 200)], {Step.LOGIN: NO}, PLAIN, NO), ([said("T", 200)], {Step.LOGIN: NO}, PLAIN, UNCLEAR), ([said("T", 200)], {Step.LOGIN: NO}, BLIND, NO), ([said("T", 200)], {Step.SCOPED: NO}, PLAIN, NO), ([said("T", 200)], {Step.PULL: NO}, PLAIN, NO),
    ([said("L", 200)], {Step.LOGIN: YES}, PLAIN, YES), ([said("L", 200)], {Step.LOGIN: YES, Step.PULL: NO}, PLAIN, NO), ([said("L", 200)], {Step.LOGIN: FORBIDDEN}, PLAIN, NO), ([], {}, PLAIN, UNCLEAR), ([], {Step.SCOPED: YES}, PLAIN, YES),
    ([], {Step.PULL: YES}, PLAIN, YES), ([], {Step.LOGIN: YES}, PLAIN, UNCLEAR),
]  # fmt: skip


@pytest.mark.parametrize(("exchanges", "controls", "traits", "control"), PROOF, ids=[f"{at}" for at in range(len(PROOF))])
def test_the_control_that_a_proof_rests_on(exchanges: list[Exchange], controls: dict[Step, Control], traits: Traits, control: Control) -> None:
    """Refused at any step that the secret passed, or deeper."""
    assert proof_control(ev(*exchanges, known=Known(controls=controls)), traits) is control


TWICE: Final = Traits(anonymous_401_twice=True)
ANONYMOUS: Final[list[tuple[list[Exchange], Traits, Control]]] = [
    ([], PLAIN, UNCLEAR), ([ping(), N_T, N_H], PLAIN, YES), ([ping(), N_T, N_401], PLAIN, NO), ([ping(), N_T, said("H", 403, party=NOBODY, authorized=True)], PLAIN, NO), ([ping(), N_T, said("H", 404, party=NOBODY, authorized=True)], PLAIN, NO),
    ([ping(), N_T, said("H", 404, "E", "NAME_UNKNOWN", NOBODY, authorized=True)], PLAIN, NO), ([ping(), N_T, said("H", 503, party=NOBODY, authorized=True)], PLAIN, UNCLEAR), ([ping(), N_T, said("H", 402, party=NOBODY, authorized=True)], PLAIN, NO),
    ([ping(), N_T, said("H", 451, party=NOBODY, authorized=True)], PLAIN, UNCLEAR), ([ping(), N_T, said("H", 200, party=NOBODY, authorized=True, kind="schema1")], PLAIN, YES),
    # a head that carried no token says nothing where one is wanted, but where it was let in
    ([ping(), said("H", 401, party=NOBODY)], PLAIN, UNCLEAR), ([said("H", 401, party=NOBODY)], PLAIN, NO), ([ping(), said("H", 200, party=NOBODY, **OK_H)], PLAIN, YES), ([ping(), said("H", 403, party=NOBODY, led=True)], PLAIN, UNCLEAR),
    ([ping(), said("H", 404, party=NOBODY, led=True)], PLAIN, NO), ([ping(), said("H", 404, party=NOBODY)], PLAIN, UNCLEAR), ([ping(demand=Demand(scheme="basic")), said("H", 401, party=NOBODY)], PLAIN, NO),
    # the token request
    ([ping(), said("T", 401, party=NOBODY)], PLAIN, NO), ([ping(), said("T", 403, party=NOBODY)], PLAIN, NO), ([ping(), said("T", 402, party=NOBODY)], PLAIN, NO), ([ping(), said("T", 451, party=NOBODY)], PLAIN, UNCLEAR), ([ping(), said("T", 503, party=NOBODY)], PLAIN, UNCLEAR),
    ([ping(), N_T], PLAIN, UNCLEAR), ([ping(), said("T", 200, party=NOBODY, grant=Grant(pulls=False))], PLAIN, NO), ([ping(), said("T", 200, party=NOBODY, grant=Grant(pulls=True))], PLAIN, UNCLEAR), ([ping(), said("T", 200, party=NOBODY, grant=Grant())], PLAIN, UNCLEAR),
    # spurious 401s count twice, at a realm that answers nobody
    ([ping(), said("T", 401, party=NOBODY)], TWICE, UNCLEAR), ([ping(), said("T", 401, party=NOBODY), said("T", 401, party=NOBODY)], TWICE, UNCLEAR), ([ping(), said("T", 401, party=NOBODY), said("T", 401, party=NOBODY), said("L", 200, party=NOBODY)], TWICE, NO),
    ([ping(), said("T", 401, party=NOBODY), said("L", 200, party=NOBODY)], TWICE, UNCLEAR), ([ping(), said("T", 401, party=NOBODY), said("T", 401, party=NOBODY), said("L", 401, party=NOBODY)], TWICE, UNCLEAR), ([ping(), said("T", 403, party=NOBODY)], TWICE, NO),
    ([ping(), said("L", 200, party=NOBODY), N_T, N_401], TWICE, UNCLEAR), ([ping(), said("L", 200, party=NOBODY), N_T, N_401, N_401], TWICE, NO), ([ping(), N_T, N_401, N_401], TWICE, UNCLEAR),
    ([ping(), said("L", 200, party=NOBODY), N_T, said("H", 403, party=NOBODY, authorized=True), N_401], TWICE, UNCLEAR),
    # an ill registry's no makes nothing private
    ([ping(), N_T, N_401], PUBLIC, UNCLEAR), ([ping(), N_T, N_401, said("H", 200, **OK_H)], PUBLIC, NO), ([ping(), said("T", 403, party=NOBODY), N_401], PUBLIC, NO), ([ping(), N_T, said("H", 403, party=NOBODY, authorized=True)], PUBLIC, NO), ([ping(), N_T, N_H], PUBLIC, YES),
    # other parties' answers are not nobody's
    ([ping(), said("T", 401), said("H", 401)], PLAIN, UNCLEAR), ([ping(), said("H", 200, party=MADE_UP, **OK_H)], PLAIN, UNCLEAR),
]  # fmt: skip


@pytest.mark.parametrize(("exchanges", "traits", "control"), ANONYMOUS, ids=[f"{at}" for at in range(len(ANONYMOUS))])
def test_whether_nobody_may_read_it(exchanges: list[Exchange], traits: Traits, control: Control) -> None:
    assert anonymous_control(ev(*exchanges), traits) is control


def test_what_is_known_of_nobody_holds_until_it_is_asked() -> None:
    known = Known(anonymous=NO, challenge=HERE)
    assert anonymous_control(ev(known=known), PLAIN) is NO
    assert anonymous_control(ev(said("H", 401, party=NOBODY), known=known), PLAIN) is NO, "under a Bearer a head without a token says nothing"
    assert anonymous_control(ev(said("H", 401, party=NOBODY), known=replace(known, anonymous=UNCLEAR)), PLAIN) is UNCLEAR
    assert anonymous_control(ev(N_T, N_H, known=known), PLAIN) is YES
    assert anonymous_control(ev(said("H", 401, party=NOBODY), known=replace(known, challenge=Demand(scheme="basic"))), PLAIN) is NO


def test_whose_word_on_the_secret_stands() -> None:
    kept = Known(opinion=KNOWS)
    assert opinion_of(ev()) is None
    assert opinion_of(ev(known=kept)) is KNOWS
    assert opinion_of(ev(told(AGREES), known=kept)) is AGREES
    assert opinion_of(ev(told(SILENT), known=kept)) is KNOWS
    assert opinion_of(ev(told(None), known=kept)) is KNOWS
    assert opinion_of(ev(told(None))) == SILENT
    for status in (401, 403):
        assert opinion_of(ev(said("L", status), told(SILENT), known=kept)) is SILENT, "it is not let in any more"
        assert opinion_of(ev(said("T", status), told(SILENT), known=kept)) is SILENT
        assert opinion_of(ev(said("L", status, authorized=False), told(SILENT), known=kept)) is KNOWS
        assert opinion_of(ev(said("L", status, party=MADE_UP), told(SILENT), known=kept)) is KNOWS
    assert opinion_of(ev(said("L", 503), told(SILENT), known=kept)) is KNOWS
    assert opinion_of(ev(told(AGREES, MADE_UP), known=kept)) is KNOWS


def test_whether_the_introspection_refuses_a_made_up_secret() -> None:
    assert [opinion_control_of(ev(told(each, MADE_UP))) for each in (AGREES, KNOWS, SILENT, None)] == [NO, YES, UNCLEAR, UNCLEAR]
    assert opinion_control_of(ev(known=Known(opinion_control=NO))) is NO
    assert opinion_control_of(ev(told(None, MADE_UP), known=Known(opinion_control=NO))) is UNCLEAR
    assert opinion_control_of(ev(told(AGREES))) is UNCLEAR


def test_scopes_that_pull_nothing() -> None:
    traits, read = Traits(scopes_that_pull=frozenset({"read"})), pull_reading(ev(said("H", 200, **OK_H)), PLAIN)
    nothing = pull_reading(ev(), PLAIN)

    def lack(opinion: OpinionSeen | None, traits: Traits = traits, **more: Any) -> bool | None:
        return scopes_lack(ev(*([told(opinion)] if opinion else []), **more), traits, nothing)

    assert [lack(replace(KNOWS, scopes=scopes)) for scopes in (("read",), ("write", "read"), ("write",), (), None)] == [
        False,
        False,
        True,
        True,
        None,
    ]
    assert lack(replace(AGREES, scopes=("write",))) is None
    assert lack(replace(KNOWS, scopes=("write",)), Traits()) is None
    assert lack(None) is None
    kept = Known(opinion=replace(KNOWS, scopes=("write",)))
    assert lack(None, known=kept) is True
    assert scopes_lack(ev(known=kept), traits, read) is None, "it reads: what was told days ago is disproved"
    assert scopes_lack(ev(told(replace(KNOWS, scopes=("write",)))), traits, read) is True
