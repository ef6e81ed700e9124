"""The queue: procrastinate over the ledger's Postgres. It only wakes who is to work; what counts is in the ledger.

At most one job of a lock is done at a time, and one waits; a third is refused, which is fine. No job is ever tried again by the
queue, and none is put off: a job that waits for its hour stops all others of its lock. A worker that was killed leaves its jobs
behind as being done; they are found by its silence, ended, and made anew by the dispatcher. dependencies.md 5.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, ProcrastinateException
from procrastinate.jobs import Job as Queued
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

from validator.errors import StoreError
from validator.lanes.base import WHOLE_LANE, Job
from validator.postgres import SCHEMA, Server, fault_of

QUEUE: Final = "validator"
POLL_S: Final = 1.0
"""Nothing tells of a lock that is free again."""
HEARTBEAT_S: Final = 10.0
STALLED_S: Final = 30.0
GRACE_S: Final = 8.0
"""So long a stop waits for lanes to write down what they heard; it takes them a moment."""
_LONGEST_PAUSE_S: Final = 10.0
_POLITE_S: Final = 0.03
_LAST: Final = 100
_KEPT_H: Final = 24 * 7
FAULTS: Final = (ProcrastinateException, psycopg.Error, OSError)
"""What a database that is away, or goes away, makes of a call."""
Done = Callable[[Job], Awaitable[None]]


class _Polite(JobManager):
    """Who has more lanes asks later for the next: so that they are spread over those who have none."""

    busy: set[int]

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Queued | None:
        """See `JobManager`."""
        if self.busy:
            await asyncio.sleep(_POLITE_S * len(self.busy))
        return await super().fetch_job(queues, worker_id)


@dataclass(slots=True)
class Queue:
    """One process's. `done` does a job; `dispatch` looks what is to be done, each minute in one of all processes."""

    server: Server
    lanes: int
    done: Done
    dispatch: Callable[[], Awaitable[None]]
    _app: App = field(init=False)
    _jobs: _Polite = field(init=False)
    _mine: set[int] = field(default_factory=set)
    """Jobs that this process does."""
    _left: deque[int] = field(default_factory=lambda: deque(maxlen=_LAST))
    """The last jobs that it has done, or left, in this run of the worker."""

    def __post_init__(self) -> None:
        logging.getLogger("procrastinate").setLevel(logging.CRITICAL + 1)  # tracebacks; what matters of them is logged here
        parameters = self.server.parameters(search_path=SCHEMA, TimeZone="UTC", statement_timeout="60s", idle_in_transaction_session_timeout="60s")
        self._app = App(connector=PsycopgConnector(kwargs=parameters, min_size=1, max_size=4, timeout=10.0, name="queue"))
        self._jobs = _Polite(self._app.connector)
        self._jobs.busy = self._mine
        self._app.job_manager = self._jobs
        self._register()

    def _register(self) -> None:
        app = self._app

        @app.periodic(cron="* * * * *", periodic_id="dispatch")
        @app.task(name="validator:dispatch", queue=QUEUE, queueing_lock="dispatch")
        async def dispatch(timestamp: int) -> None:
            await self.dispatch()

        @app.task(name="validator:job", queue=QUEUE, pass_context=True)
        async def do(context: JobContext, sweep: str, host: str = "", part: int = WHOLE_LANE) -> None:
            number = context.job.id
            assert number is not None
            self._mine.add(number)
            try:
                await self.done(Job(sweep, host, part))
            finally:
                self._mine.discard(number)
                self._left.append(number)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Raises StoreError where the database cannot be reached."""
        try:
            await self._app.open_async()
        except FAULTS as error:
            said = fault_of(error.__cause__ or error, self.server.name) or f"the database {self.server.name} cannot be reached; see to it"
            raise StoreError(str(said)) from None
        try:
            yield
        finally:
            await self._app.close_async()

    async def defer(self, jobs: Iterable[Job]) -> None:
        """Have these done by somebody; one that waits already is enough. Raises one of FAULTS."""
        for job in jobs:
            task = self._app.configure_task("validator:job", queue=QUEUE, lock=job.lock, queueing_lock=job.lock)
            with suppress(AlreadyEnqueued):
                await task.defer_async(sweep=job.sweep, host=job.host, part=job.part)

    async def ask_to_dispatch(self) -> None:
        """Have somebody look what is to be done, now."""
        with suppress(AlreadyEnqueued):
            await self._app.configure_task("validator:dispatch", queue=QUEUE, queueing_lock="dispatch").defer_async(timestamp=0)

    async def end_stalled(self) -> int:
        """End the jobs of workers that are silent, and our own of before that nobody does; how many that is."""
        stalled = {job.id: job for job in await self._jobs.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_S)}
        ended = 0
        for number, job in stalled.items():
            if number is not None and number not in self._mine:
                with suppress(ConnectorException):  # somebody else has ended it
                    await self._jobs.finish_job_by_id_async(job_id=number, status=Status.FAILED, delete_job=False)
                    structlog.get_logger().warning("job_stalled", job=number, lock=job.lock)
                    ended += 1
        return ended

    async def any_stalled(self) -> bool:
        """True if a job waits for `end_stalled`."""
        stalled = await self._jobs.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_S)
        return any(job.id not in self._mine for job in stalled)

    async def trim(self) -> None:
        """Forget the jobs that failed long ago."""
        await self._jobs.delete_old_jobs(nb_hours=_KEPT_H, queue=QUEUE, include_failed=True, include_cancelled=True, include_aborted=True)

    async def run(self, stop: asyncio.Event, interrupted: Callable[[], None]) -> None:
        """Do jobs until `stop` is set. A database that goes away is waited for; the jobs of this process are `interrupted` meanwhile."""
        pause_s = 0.5
        while not stop.is_set():
            began = asyncio.get_running_loop().time()
            fault = await self._run_once(stop)
            interrupted()
            if stop.is_set():
                return
            structlog.get_logger().warning("queue_lost", fault=fault)
            pause_s = 0.5 if asyncio.get_running_loop().time() - began > STALLED_S else min(_LONGEST_PAUSE_S, pause_s * 2)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await stop.wait()
            with suppress(*FAULTS):
                await self.ask_to_dispatch()  # what was cut off goes on

    async def _run_once(self, stop: asyncio.Event) -> str:
        """One run of procrastinate's worker; why it ended."""
        await self._give_up_left()
        worker: asyncio.Task[Any] = asyncio.create_task(self._app.run_worker_async(
            queues=[QUEUE], concurrency=self.lanes, fetch_job_polling_interval=POLL_S, shutdown_graceful_timeout=GRACE_S, delete_jobs="successful",
            install_signal_handlers=False, update_heartbeat_interval=HEARTBEAT_S, stalled_worker_timeout=STALLED_S,
        ))  # fmt: skip
        told = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({worker, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            worker.cancel()  # where it has not ended, it stops and waits for its jobs
            await asyncio.wait({worker})
        error = None if worker.cancelled() else worker.exception()
        if error is not None and not isinstance(error, FAULTS):
            raise error
        return type(error).__name__ if error is not None else ""

    async def _give_up_left(self) -> None:
        """What an earlier run could not write down as done would hold its lock until this process ends."""
        for number in tuple(self._left):
            with suppress(*FAULTS):
                await self._jobs.finish_job_by_id_async(job_id=number, status=Status.FAILED, delete_job=False)
        self._left.clear()
