"""A worker: its queue's jobs, the word that it lives, and what is to be told, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from validator.errors import StoreError, StoreLost, ValidatorError
from validator.lanes.base import Job, Work
from validator.lanes.dispatch import begin_due, begin_now, current, wanted
from validator.lanes.queue import FAULTS, Queue
from validator.lanes.share import Ended, LaneShare
from validator.lanes.whole import close, prepare
from validator.ledger.base.processes import AT_WORK, WORKERS
from validator.postgres import Server
from validator.telling import Alert

Made = TypeVar("Made")
BEAT_S: Final = 5.0
"""So often it is shown that there is a worker, and that the sweep is led."""


@dataclass(slots=True)
class Worker:
    """One of them. `lanes`: how many it may have at once; most of them wait. `alive` is called every few seconds while it lives."""

    work: Work
    server: Server
    lanes: int
    alive: Callable[[], object] = lambda: None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _shares: set[LaneShare] = field(default_factory=set)
    _queue: Queue = field(init=False)

    def __post_init__(self) -> None:
        self._queue = Queue(self.server, self.lanes, self._do, self._dispatch)

    async def run(self) -> None:
        """Work until `stop` is set, then give back what is under way. Raises StoreError, ConfigError."""
        async with self._queue.open():
            await self._working()

    async def run_once(self) -> str | None:
        """Begin the sweep, or join the one that is under way, and work until it is over, or `stop` is set; its name, None if one has just ended."""
        async with self._queue.open():
            name = await begin_now(self.work)
            if name is not None:
                async with asyncio.TaskGroup() as tasks:
                    watching = tasks.create_task(self._until_over(name))
                    await self._working()
                    watching.cancel()
        return name

    async def _working(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(one) for one in (self._beat(), self._interrupt_at_stop(), self._telling())]
            await self._queue.run(self.stop, self._interrupt)
            for other in others:
                other.cancel()

    async def _until_over(self, name: str) -> None:
        while True:
            sweep = await _ridden_out(lambda: self.work.ledger.sweeps.get(name))
            if sweep is not None and (sweep.finished_at is not None or sweep.owner != WORKERS):
                self.stop.set()
                return
            await asyncio.sleep(1.0)

    async def _interrupt_at_stop(self) -> None:
        await self.stop.wait()
        self._interrupt()
        self.work.teller.stop.set()

    def _interrupt(self) -> None:
        for share in tuple(self._shares):
            share.stop()

    async def _telling(self) -> None:
        """What waits for its channel or its hour is sent as it becomes due."""
        await self.work.teller.keep_on()

    async def _beat(self) -> None:
        """Show that there is a worker and that it leads the sweep; have somebody look after the jobs of those that are silent."""
        first = True
        while True:
            self.alive()
            await _ridden_out(self._beat_once)
            if first or await _ridden_out(self._queue.any_stalled):
                await _ridden_out(self._queue.ask_to_dispatch)
            first = False
            await asyncio.sleep(BEAT_S)

    async def _beat_once(self) -> None:
        now, ledger = self.work.probe.now(), self.work.ledger
        if self.work.schedule is not None:  # else the nightly sweep is somebody else's to begin
            await ledger.lanes.join(AT_WORK, WORKERS, now=now)
        sweep = await current(self.work)
        if sweep is not None:
            await ledger.sweeps.beat(sweep, now=now)

    async def _dispatch(self) -> None:
        await _ridden_out(self._dispatched)

    async def _dispatched(self) -> None:
        await self._queue.end_stalled()
        await begin_due(self.work)
        sweep = await current(self.work)
        if sweep is not None:
            await self._queue.defer(await wanted(self.work.ledger, sweep))
        await self._queue.trim()

    async def _do(self, job: Job) -> None:
        """One job of the queue's; what follows it is made at once, and not in a minute."""
        sweep = await current(self.work)
        if sweep is None or sweep.id != job.sweep or self.stop.is_set():
            return
        try:
            goes_on = await (self._swept(LaneShare(self.work, sweep, job)) if job.host else self._whole(job))
        except Exception as error:  # an edge: the queue would keep it to itself
            why = _own(error)
            said = {"why": str(why)} if why is not None else {"fault": type(error).__name__, "place": _place(error)}
            structlog.get_logger().error("job_failed", sweep_id=job.sweep, registry=job.host, **said)
            if why is not None or not job.host:
                return  # it is tried again in a minute
            goes_on = await _ridden_out(lambda: self._failed(job)) or False
        if goes_on:
            await _ridden_out(self._defer_next)

    async def _swept(self, share: LaneShare) -> bool:
        self._shares.add(share)
        try:
            ended = await share.run()
        finally:
            self._shares.discard(share)
        return ended in (Ended.THROUGH, Ended.GIVEN_BACK, Ended.FAILED)

    async def _failed(self, job: Job) -> bool:
        """A fault of ours that the lane itself did not catch: it is told, and what is left of the lane is left over."""
        text = "a fault of our own ended this registry's lane; please report it."
        await self.work.teller.alert(Alert.FAULT, job.host, text)
        await self.work.ledger.sweeps.fail_lane(job.sweep, job.host, now=self.work.probe.now())
        return True

    async def _whole(self, job: Job) -> bool:
        """The plan or the end, whichever it is now."""
        sweep = await current(self.work)
        if sweep is None:
            return False
        if sweep.planned_at is None:
            return await prepare(self.work, sweep, self.stop) or self.stop.is_set()
        if await wanted(self.work.ledger, sweep) != [Job(sweep.id)]:
            return True
        await close(self.work, sweep, self.stop)
        return False

    async def _defer_next(self) -> None:
        sweep = await current(self.work)
        if sweep is not None:
            await self._queue.defer(await wanted(self.work.ledger, sweep))


def _place(error: BaseException) -> str:
    """Where it was raised: never its text."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_name}, line {frame.tb_lineno}" if frame is not None else ""


def _own(error: BaseException) -> ValidatorError | None:
    """Our own error in it, whose text is for people."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := _own(one)) is not None), None)
    return error if isinstance(error, ValidatorError) else None


async def _ridden_out(work: Callable[[], Awaitable[Made]]) -> Made | None:
    """What `work` makes; None, and a word in the log, where the database does not let it: it is tried again in its turn."""
    try:
        return await work()
    except (StoreError, StoreLost) as error:
        structlog.get_logger().warning("queue_lost", fault=type(error).__name__, why=str(error))
        return None
    except FAULTS as error:
        structlog.get_logger().warning("queue_lost", fault=type(error).__name__)
        return None
