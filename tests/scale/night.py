"""One night of the simulation: the real sweep, probe, pace, budgets and ledger over the registries of `world.py`, on any loop's clock.

Replaced are the clocks, `sleep`, asyncio-throttle's `acquire` (behind the ledger's slots it only checks them once more), the
transport, and the store, whose secrets are made up as they are read.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import or_

from tests.scale.clock import VirtualLoop, wall
from tests.scale.platform import SELDOM_S, Platform, platform
from tests.scale.world import HOSTS, SITES
from validator.credential import Host
from validator.ledger.base.sweeping import SWEEP_ROWS
from validator.ledger.reports import LEFT_OVER
from validator.probe import reach as reaching
from validator.providers import Provider, provider_for
from validator.registry import pace as pacing
from validator.sweep import Report
from validator.sweep import lane as laning
from validator.sweep.base import book as booking
from validator.verdict import Outcome

PAGE: Final = 50
"""A page of the plan for each secret would be the rest of it."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What one registry's lane came to. `makespan_s`: from its first request to its end; windows are as the pace has them."""

    host: str
    credentials: int
    requests: Mapping[str, int]
    logins: int
    refused: int
    makespan_s: float
    in_a_night: int
    most_refused: Mapping[int, tuple[int, int]]
    """By window in seconds: refused logins at most, and how many there may be."""
    per_second: float
    unjudged: Mapping[str | None, int]
    """Of whom nothing new could be said tonight, by reason."""

    @property
    def within(self) -> bool:
        """True if no window had more than it may."""
        return all(had <= may for had, may in self.most_refused.values())


@dataclass(frozen=True, slots=True)
class Simulated:
    """A whole night; `took_s` is real time."""

    credentials: int
    factor: int
    dead_every: int
    lanes: tuple[Lane, ...]
    states: Mapping[str, int]
    told: int
    took_s: float


class _Free:
    async def acquire(self) -> None:
        return


def quicker(provider: Provider, factor: int) -> Provider:
    """The same so many times as quick: rates are higher, waits and windows shorter."""
    if factor == 1:
        return provider
    pace, about = provider.pace, provider.introspection

    def shorter(windows: Mapping[int, int]) -> Mapping[int, int]:
        assert all(seconds % factor == 0 for seconds in windows), f"windows are whole seconds, also {factor} times as short"
        return MappingProxyType({seconds // factor: number for seconds, number in windows.items()})

    return replace(
        provider,
        pace=replace(
            pace, per_second=pace.per_second * factor, refused=shorter(pace.refused), refused_per_username=shorter(pace.refused_per_username),
            confirm_after_s=pace.confirm_after_s / factor, repeat_after_s=pace.repeat_after_s / factor,
            challenge_fresh_s=pace.challenge_fresh_s / factor, control_fresh_s=pace.control_fresh_s / factor,
        ),
        token_pace=None if provider.token_pace is None else (provider.token_pace[0] * factor, provider.token_pace[1]),
        introspection=None if about is None else replace(about, per_second=about.per_second * factor, refused=shorter(dict(about.refused))),
    )  # fmt: skip


@contextmanager
def replaced(factor: int, *, virtual: bool) -> Iterator[None]:
    """Providers `factor` times as quick; on a virtual clock no second throttle."""
    made: dict[str, Provider] = {}

    def quick(*given: Any) -> Provider:
        one = provider_for(*given)
        return made.setdefault(one.key, quicker(one, factor))

    with patch.object(reaching, "provider_for", quick):
        if not virtual:
            yield
            return
        free = patch.object(pacing, "throttler", lambda per_second, burst: _Free())
        if factor > 1:  # to be held against real time: nothing but the clock is another
            with free:
                yield
            return
        seldom = patch.multiple(booking, EVERY_S=SELDOM_S, RENEW_S=SELDOM_S)
        with free, seldom, patch.object(laning, "LEAST_AHEAD", PAGE):
            yield


async def night(
    number: int, *, factor: int, dead_every: int, seed: int, told: Callable[[str], None], hosts: Collection[str] = HOSTS
) -> Simulated:  # fmt: skip
    """Sweep once, on the clock of the running loop."""
    began = time.monotonic()
    async with platform(number, factor=factor, dead_every=dead_every, seed=seed, hosts=hosts) as one:
        told(f"{number} made up in {time.monotonic() - began:.0f} s")
        first = asyncio.get_running_loop().time()
        report = await one.sweep(_now_and_then(told))
        lanes = tuple([await _lane(one, report, site.host, first, factor) for site in SITES if site.host in hosts])
        states = Counter((await one.states()).values())
        return Simulated(number, factor, dead_every, lanes, dict(states), len(one.channel.told), time.monotonic() - began)


async def _lane(one: Platform, report: Report, host: str, first: float, factor: int) -> Lane:
    pace, counted = one.probe.ways.provider(Host(host), None).pace, one.world.counted[host]
    lane = next(lane for lane in report.lanes if lane.registry == host)
    assert lane.finished_at is not None
    unknown = SWEEP_ROWS.c.verdict.in_((Outcome.UNKNOWN.value, Outcome.UNPROVABLE.value))
    rows = one.opened.ledger.reports.rows(report.sweep, or_(unknown, LEFT_OVER), SWEEP_ROWS.c.host == host)
    return Lane(
        host=host, credentials=lane.credentials, requests=dict(counted.requests), logins=len(counted.logins), refused=len(counted.refused),
        makespan_s=(lane.finished_at - report.started_at).total_seconds() - ((counted.first_at or first) - first),
        in_a_night=counted.until(first + 8 * 3600 / factor), per_second=pace.per_second, unjudged=dict(Counter([row.reason async for row in rows])),
        most_refused={window: (counted.most_refused(window), may) for window, may in pace.refused.items()},
    )  # fmt: skip


def _now_and_then(told: Callable[[str], None]) -> Callable[[Any], None]:
    last = [0.0]

    def hear(lane: Any) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            told(f"{wall():%d %H:%M} of the night: {lane.registry} {lane.done} of {lane.credentials}")

    return hear


def simulated(
    number: int, *, factor: int = 1, dead_every: int = 100, seed: int = 1, told: Callable[[str], None] = lambda text: None,
    hosts: Collection[str] = HOSTS,
) -> Simulated:  # fmt: skip
    """A night on the virtual clock; of `hosts` alone."""
    with replaced(factor, virtual=True), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(night(number, factor=factor, dead_every=dead_every, seed=seed, told=told, hosts=hosts))


def together(apart: Sequence[Simulated]) -> Simulated:
    """One night of those whose registries were simulated apart: no lane knows of another."""
    states = sum((Counter(one.states) for one in apart), Counter[str]())
    return replace(
        apart[0], lanes=tuple(lane for one in apart for lane in one.lanes), states=dict(states), told=sum(one.told for one in apart),
        took_s=sum(one.took_s for one in apart),
    )  # fmt: skip


def real(number: int, *, factor: int, dead_every: int = 100, seed: int = 1, told: Callable[[str], None] = lambda text: None) -> Simulated:
    """The same in real time, `factor` times as quick."""
    with replaced(factor, virtual=False), asyncio.Runner() as runner:
        return runner.run(night(number, factor=factor, dead_every=dead_every, seed=seed, told=told))


def of_host(lanes: Sequence[Lane], host: str) -> Lane:
    """One of them."""
    return next(lane for lane in lanes if lane.host == host)
