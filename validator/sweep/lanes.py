"""The lanes of a sweep: made of what the ledger knows of each, and run side by side until all are through or somebody stops them.

A lane that is split is several, each with a part of its secrets (`ledger/sub_lanes.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar

from validator.credential import Credential, Host
from validator.errors import ValidatorError
from validator.evidence import Exchange
from validator.ledger.plans import WHOLE, Share
from validator.probe import Probe
from validator.probe.reach import settings_of
from validator.sweep.base import LaneReport
from validator.sweep.base.belief import Belief
from validator.sweep.base.book import Book, Superseded, Track
from validator.sweep.base.canary import CanaryWatch, canary_of
from validator.sweep.base.guard import NIGHTS, Night
from validator.sweep.base.opening import Opener
from validator.sweep.base.queue import Queue
from validator.sweep.lane import Lane
from validator.telling import Alert, Teller

_counting: ContextVar[LaneReport | None] = ContextVar("counting", default=None)


class _Stopped(Exception):
    """Ends the lanes from inside their task group."""


def counting(probe: Probe, *, wait: bool = True) -> Probe:
    """The same probe, whose exchanges are counted for the lane that makes them, and which waits as a sweep does, or not at all."""
    also = probe.on_exchange

    def count(host: str, exchange: Exchange) -> None:
        lane = _counting.get()
        if lane is not None:
            lane.count(exchange)
        if also is not None:
            also(host, exchange)

    return probe.beside(on_exchange=count, patience_s=probe.settings.sweep.wait_s if wait else 0.0)


async def canary_at(probe: Probe, host: Host) -> Credential | None:
    """The operator's canary there, if there is one. Raises ConfigError."""
    said = settings_of(probe.settings, host)
    return await asyncio.to_thread(canary_of, host, said.canary if not said.disabled else None)


async def lane_of(probe: Probe, book: Book, report: LaneReport, canary: Credential | None, *, wait: bool, share: Share = WHOLE) -> Lane:
    """The lane of one registry, or a part of it; `probe` is one that counts."""
    host, sweep = report.registry, book.sweep
    track = book.tracks[host] = Track(report, share)
    queue = Queue(probe, sweep.id, host, lambda: book.written, share=share)
    nights = [Night(night.asked, night.fell) for night in await probe.ledger.sweeps.nights(host, limit=NIGHTS)]
    watch = CanaryWatch(probe, host, sweep.started_at, canary)
    belief = Belief(probe, book, track, queue, watch, nights, sweep.filters.released)
    return Lane(probe, book, track, queue, Opener(probe, book, track, queue, sweep.started_at), belief, wait)


async def side_by_side(lanes: Sequence[Lane], book: Book, stopping: asyncio.Event, run: Callable[[Lane], Awaitable[object]]) -> None:
    """`run` for every lane that is not through, each in a task of its own, until all have ended or `stopping` is set."""

    async def watch() -> None:
        await stopping.wait()
        raise _Stopped

    async def one(lane: Lane) -> None:
        _counting.set(lane.report)
        await run(lane)

    try:
        async with asyncio.TaskGroup() as outer:
            others = [outer.create_task(watch()), outer.create_task(book.run())]
            async with asyncio.TaskGroup() as tasks:
                for lane in lanes:
                    if not lane.report.finished:
                        tasks.create_task(one(lane))
            for other in others:
                other.cancel()
    except* _Stopped:
        pass
    except* Superseded:
        for lane in lanes:
            lane.track.lost = True


async def guarded(lane: Lane, teller: Teller, run: Callable[[Lane], Awaitable[object]]) -> bool:
    """A fault of ours in one lane takes no other lane with it: it is told, and the lane's rest is left over. False then."""
    try:
        await run(lane)
    except ValidatorError:
        raise
    except Exception as error:
        if isinstance(error, Superseded) or (isinstance(error, BaseExceptionGroup) and error.subgroup(Superseded) is not None):
            lane.track.lost = True
            return True
        if isinstance(error, BaseExceptionGroup) and error.subgroup(ValidatorError) is not None:
            raise
        text = f"a fault of our own ({type(error).__name__}) ended this registry's lane; please report it."
        await teller.alert(Alert.FAULT, lane.report.registry, text)
        return False
    return True
