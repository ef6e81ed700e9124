"""The sweep of this process: one at a time, in the background, stopped with it. What sweeps came to is in the ledger."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

import structlog

from validator.api.base.problem import Kind, Problem
from validator.credential import Host
from validator.errors import ValidatorError
from validator.sweep import Sweep


@dataclass(slots=True)
class Sweeping:
    """`make` is a sweep of this name over the service's store. Open it with `async with`: leaving stops the sweep that runs."""

    make: Callable[[str], Sweep]
    now: Callable[[], datetime]
    marked: Callable[[bool], None] = lambda running: None
    failed: set[str] = field(default_factory=set)
    """Sweeps that ended by an error here, and not by a word."""
    _job: Sweep | None = None
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    async def __aenter__(self) -> Sweeping:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        await self._tasks.__aexit__(None, None, None)  # what ended the block goes on as it is, not as a group of one

    def stop(self) -> None:
        """End the one that runs, within a moment, with what is done."""
        if self._job is not None:
            self._job.stop()

    async def by_schedule(self) -> bool:
        """One of everything, to its end; False if another runs here, or it could not begin."""
        try:
            await self.start(user=None, registry=None, wait=True)
        except Problem:
            return False
        await self._idle.wait()
        return True

    async def start(self, *, user: str | None, registry: Host | None, wait: bool) -> str:
        """Begin one, or go on with one that was cut off; its name in the ledger. Raises 409 while another runs, 503 if it cannot begin."""
        if self._job is not None:
            raise Problem(Kind.CONFLICT, "A sweep is under way here; start the next one when it has ended.")
        begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._idle.clear()
        job = self._job = self.make(f"{self.now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}")
        job.begun = begun.set_result
        self._tasks.create_task(self._run(job, begun, user, registry, wait=wait))
        name = await asyncio.shield(begun)
        if not name:
            raise Problem(Kind.NOT_READY, "The sweep could not begin; the service's log tells why.")
        return name

    async def _run(self, job: Sweep, begun: asyncio.Future[str], user: str | None, registry: Host | None, *, wait: bool) -> None:
        """An edge: what goes wrong is logged and shown as a state, and ends neither the service nor the sweeps after it."""
        self.marked(True)
        log = structlog.get_logger()
        try:
            await job.run(user=user, registry=registry, wait=wait)
        except Exception as error:
            name = begun.result() if begun.done() else job.name
            self.failed.add(name)
            if isinstance(error, ValidatorError):
                log.error("sweep_stopped", sweep_id=name, why=str(error))
            else:
                log.error("fault_caught", sweep_id=name, fault=type(error).__name__)
        finally:
            self._job = None
            self._idle.set()
            self.marked(False)
            if not begun.done():
                begun.set_result("")
