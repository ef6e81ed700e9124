"""The mass-death guard: are tonight's deaths in a lane more than its own history makes likely? Pure.

What is counted: distinct secrets that were valid once. `asked` are those that a sweep heard a word of, `fell` those of them
that were refused, or lacked something, for the first time. One key of fifty users is one death, a key that never worked none.

The test. Deaths come in clumps (a user renews all his keys, a team leaves, an issue date comes round), so a plain binomial
or Poisson tail is far too sure of itself: five deaths every Monday among 1000 secrets are 0.7 a night on the mean, and a
Poisson law would call each Monday an outage. So tonight's number is held against a beta-binomial law: `asked` draws with a
chance that is itself drawn anew each night. Its mean is the lane's own rate, at the upper end of what its history allows
(mean and two standard deviations of a beta posterior, from a prior of one death in PRIOR_WEIGHT; a lane without a history
is thus given the benefit of about 3 %). Its spread is `dispersion`, how much more than a binomial's the nights of the
history varied, at least CLUMPS. If so many deaths or more have a chance under UNLIKELY, it is mass death. Below
`sweep.quarantine_min` deaths it never is: a share alone says nothing of a lane of two.

| asked | fell | history                               | held for |
|-------|------|---------------------------------------|----------|
|    60 |   30 | none, or calm                         | mass death: no clump explains the half of a lane |
|     5 |    5 | none                                  | mass death: all that there are, at once |
|  1000 |    5 | none; or five every week              | what happens |
|  1000 |   10 | a month without any                   | mass death: two or three times the largest clump of one user |
|  1000 |   10 | five every week                       | what happens |
|  5000 |  200 | none                                  | what happens (4 %), to be believed after the second refusal |
| 25000 |  250 | a month at 2 or 3 a night             | mass death: a hundred times the usual |
| 70000 |   70 | none                                  | what happens, and far less than was feared |

The price of a wrong alarm is a night's delay and one message to the operator; that of a missed one is a false word to
many. Nights that were held for mass death do not count in the history, or one outage would excuse the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, sqrt
from typing import Final

NIGHTS: Final = 28
"""So many sweeps of a lane make its history: four weeks, so that what happens once a month is in it."""
PRIOR_WEIGHT: Final = 100.0
"""A lane without a history is thought to have lost one of so many."""
CLUMPS: Final = 4.0
"""The variance of a night's deaths over the binomial one, at least: clumps of about four secrets."""
PRIOR_NIGHTS: Final = 7.0
"""So many nights of that are mixed into what the history shows of its own clumps."""
LEAST_SPREAD: Final = 100.0
"""The chance of one night is drawn no more freely than as from so many secrets, unless the history was wilder."""
UNLIKELY: Final = 0.001
"""Once in three years of nights, if the law holds."""


@dataclass(frozen=True, slots=True)
class Night:
    """One sweep of a lane: formerly valid secrets that were heard of, and those of them that fell."""

    asked: int
    fell: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What the guard made of a night: the chance of so many deaths or more, and how many a night were usual."""

    asked: int
    fell: int
    usual: float
    chance: float
    mass: bool


def judge(night: Night, history: Sequence[Night], *, least: int) -> Judged:
    """Whether `night` is mass death, by the last NIGHTS of `history` (in any order); `least` deaths at the least."""
    nights = [one for one in history if one.asked > 0][-NIGHTS:]
    seen, lost = sum(one.asked for one in nights), sum(one.fell for one in nights)
    mean = (1.0 + lost) / (PRIOR_WEIGHT + seen)
    likely = min(0.5, mean + 2.0 * sqrt(mean * (1.0 - mean) / (PRIOR_WEIGHT + seen + 1.0)))
    usual = mean * night.asked
    if night.fell < least or night.asked == 0:
        return Judged(night.asked, night.fell, usual, 1.0, False)
    chance = at_least(night.fell, night.asked, likely, spread(night.asked, dispersion(nights, mean)))
    return Judged(night.asked, night.fell, usual, chance, chance < UNLIKELY)


def dispersion(nights: Sequence[Night], mean: float) -> float:
    """How much more than by a binomial law these nights varied about `mean`, at least CLUMPS."""
    terms = [(one.fell - one.asked * mean) ** 2 / (one.asked * mean * (1.0 - mean)) for one in nights]
    return max(CLUMPS, (PRIOR_NIGHTS * CLUMPS + sum(terms)) / (PRIOR_NIGHTS + len(terms)))


def spread(asked: int, dispersed: float) -> float:
    """The beta law's weight (alpha + beta) that makes a night of `asked` vary so much more than by a binomial law."""
    return max(LEAST_SPREAD * CLUMPS / dispersed, (asked - 1) / (dispersed - 1.0) - 1.0)


def at_least(fell: int, asked: int, mean: float, weight: float) -> float:
    """P(X >= fell) for a beta-binomial X of `asked` draws: a sum of its terms, away from the mean until they no longer count.

    Below the mean the terms of the other side are summed: the first of this one may be too small for a float, and all others
    are made from it.
    """
    alpha, beta = mean * weight, (1.0 - mean) * weight
    if fell <= 0:
        return 1.0
    if fell > asked:
        return 0.0
    if fell > mean * asked:
        return min(1.0, _tail(fell, asked, alpha, beta))
    return max(0.0, 1.0 - _tail(asked - fell + 1, asked, beta, alpha))


def _tail(first: int, asked: int, alpha: float, beta: float) -> float:
    """The terms from `first` on, which is above the mean of alpha / (alpha + beta)."""
    term = exp(_log_choose(asked, first) + _log_beta(first + alpha, asked - first + beta) - _log_beta(alpha, beta))
    total, before = 0.0, inf
    for x in range(first, asked + 1):
        total += term
        if term <= total * 1e-12 and term < before:
            break
        before = term
        if x < asked:
            term *= (asked - x) / (x + 1) * (x + alpha) / (asked - x - 1 + beta)
    return total


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
