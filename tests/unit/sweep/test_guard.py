"""The mass-death guard: what a lane's history makes likely, and what it does not."""

from __future__ import annotations

from itertools import pairwise
from math import comb, exp, fsum, lgamma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validator.sweep.base.guard import CLUMPS, Night, at_least, dispersion, judge, spread

CALM = [Night(1000, 0)] * 28
EVERY_WEEK = [Night(1000, 5 if night % 7 == 0 else 0) for night in range(28)]
LARGE = [Night(25_000, 2 + night % 2) for night in range(28)]

CASES = {
    "half of sixty, no history": (Night(60, 30), [], True),
    "half of sixty, calm": (Night(60, 30), [Night(60, 0)] * 28, True),
    "all of five": (Night(5, 5), [], True),
    "all of four: fewer than the least": (Night(4, 4), [], False),
    "a quarter of twenty": (Night(20, 5), [], False),
    "five of a thousand, no history": (Night(1000, 5), [], False),
    "five of a thousand, as every week": (Night(1000, 5), EVERY_WEEK, False),
    "ten of a thousand, where five fall every week": (Night(1000, 10), EVERY_WEEK, False),
    "ten of a thousand, after a month without any": (Night(1000, 10), CALM, True),
    "five of a thousand, after a month without any": (Night(1000, 5), CALM, False),
    "four in a hundred, no history": (Night(5000, 200), [], False),
    "six in a hundred, no history": (Night(5000, 300), [], True),
    "a hundred times the usual": (Night(25_000, 250), LARGE, True),
    "seven times the usual": (Night(25_000, 18), LARGE, False),
    "few of very many, no history": (Night(70_000, 70), [], False),
    "few of a million, after much worse": (Night(1_000_000, 5), [Night(1_000_000, 30_000)] * 28, False),
    "more than is likely of a million": (Night(1_000_000, 50_000), [], True),
    "nobody was asked": (Night(0, 0), CALM, False),
}


@pytest.mark.parametrize(("night", "history", "mass"), CASES.values(), ids=CASES.keys())
def test_a_night_is_held_against_its_lanes_history(night, history, mass):
    assert judge(night, history, least=5).mass is mass


def test_the_evidence_says_how_unlikely_it_was_and_what_was_usual():
    judged = judge(Night(1000, 40), EVERY_WEEK, least=5)
    assert (judged.asked, judged.fell, judged.mass) == (1000, 40, True)
    assert judged.usual == pytest.approx(0.75, abs=0.1)
    assert judged.chance < 0.001


def test_only_the_last_weeks_are_its_history():
    assert judge(Night(1000, 30), [*[Night(1000, 30)] * 100, *CALM], least=5).mass


@given(st.integers(1, 60), st.floats(0.001, 0.5), st.floats(1.0, 500.0))
def test_the_law_is_one(asked, mean, weight):
    tail = [at_least(fell, asked, mean, weight) for fell in range(asked + 2)]
    assert tail[0] == 1.0
    assert tail[-1] == 0.0
    assert all(more >= fewer - 1e-9 for more, fewer in pairwise(tail))
    assert sum(tail[1:]) == pytest.approx(asked * mean, rel=1e-6), "its mean"


@pytest.mark.parametrize(("fell", "asked", "mean", "weight"), [
    (70, 70_000, 0.03, 22_000.0), (1_980, 66_000, 0.03, 22_000.0), (2_100, 66_000, 0.03, 22_000.0), (40, 1_000, 0.003, 400.0), (3, 9, 0.4, 2.0)
])  # fmt: skip
def test_the_law_of_many_is_the_sum_of_its_terms(fell, asked, mean, weight):
    alpha, beta = mean * weight, (1 - mean) * weight

    def term(x):
        logs = lgamma(asked + 1) - lgamma(x + 1) - lgamma(asked - x + 1) + lgamma(x + alpha) + lgamma(asked - x + beta)
        return exp(logs - lgamma(asked + weight) - lgamma(alpha) - lgamma(beta) + lgamma(weight))

    assert at_least(fell, asked, mean, weight) == pytest.approx(fsum(term(x) for x in range(fell, asked + 1)), rel=1e-4)


@given(st.integers(1, 10**6), st.floats(0, 1), st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 1)), min_size=1, max_size=28))
def test_no_more_deaths_than_the_lanes_own_rate_are_never_mass_death(asked, share, nights):
    history = [Night(number, int(number * lost)) for number, lost in nights]
    usual = asked * sum(night.fell for night in history) / sum(night.asked for night in history)
    assert not judge(Night(asked, int(min(usual, asked / 2) * share)), history, least=5).mass


def test_with_a_great_weight_it_is_the_binomial_law():
    exact = sum(comb(50, k) * 0.1**k * 0.9 ** (50 - k) for k in range(8, 51))
    assert at_least(8, 50, 0.1, 1e9) == pytest.approx(exact, rel=1e-5)


@given(st.integers(2, 10**6), st.integers(0, 10**6), st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), max_size=40))
def test_no_numbers_make_it_raise_and_more_deaths_are_never_likelier(asked, fell, nights):
    history = [Night(number, int(number * share)) for number, share in nights]
    fell = min(fell, asked)
    one, more = judge(Night(asked, fell), history, least=5), judge(Night(asked, min(asked, fell + 1)), history, least=5)
    assert 0.0 <= one.chance <= 1.0
    assert more.chance <= one.chance + 1e-9


@given(
    st.integers(5, 500), st.floats(1.0, 1000.0), st.integers(1, 10_000),
    st.lists(st.tuples(st.sampled_from((5, 60, 1000, 25_000)), st.floats(0, 0.2)), max_size=28),
)  # fmt: skip
def test_as_many_deaths_among_more_are_never_less_likely(fell, share, more, nights):
    history = [Night(number, int(number * lost)) for number, lost in nights]
    asked = int(fell * share)
    one, other = judge(Night(asked, fell), history, least=5), judge(Night(asked + more, fell), history, least=5)
    assert other.chance >= one.chance * (1 - 1e-6)


def test_what_varied_more_before_may_vary_more_again():
    assert dispersion(CALM, 0.0001) == CLUMPS
    assert dispersion(EVERY_WEEK, 0.00075) > CLUMPS
    assert spread(5, CLUMPS) == 100.0
    assert spread(100_000, CLUMPS) > 10_000
