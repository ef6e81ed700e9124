"""The sweeps of this process: one at a time, in the background, stopped with it; what they came to is kept for a while."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final

import structlog

from validator.api.base.problem import Kind, Problem
from validator.credential import Host
from validator.errors import ValidatorError
from validator.shown import instant
from validator.sweep import Sweep
from validator.sweep.shown import report_json

REMEMBERED: Final = 50


@dataclass(slots=True, kw_only=True)
class Started:
    """One sweep: what it was asked for, and how far it is. `shown` is the contract's object, None until it has ended."""

    name: str
    user: str | None
    registry: Host | None
    started_at: datetime
    state: str = "running"
    shown: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The contract's object, with its state."""
        nothing: dict[str, Any] = {
            "sweep": self.name, "started_at": instant(self.started_at), "finished_at": None, "totals": {}, "registries": [], "credentials": [],
            "left_over": [], "notices": {"sent": 0, "maybe_sent": 0, "failed": 0, "undeliverable": 0},
        }  # fmt: skip
        return {**nothing, **(self.shown or {}), "state": self.state}


@dataclass(slots=True)
class Sweeping:
    """`make` is a sweep of this name over the service's store. Open it with `async with`: leaving stops the sweep that runs."""

    make: Callable[[str], Sweep]
    now: Callable[[], datetime]
    marked: Callable[[bool], None] = lambda running: None
    past: OrderedDict[str, Started] = field(default_factory=OrderedDict)
    _job: Sweep | None = None
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

    def start(self, *, user: str | None, registry: Host | None, wait: bool) -> Started:
        """Begin one; raises 409 while another runs."""
        if self._job is not None:
            raise Problem(Kind.CONFLICT, "A sweep is under way here; start the next one when it has ended.")
        at = self.now()
        name = f"{at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        self._job = self.make(name)
        started = self.past[name] = Started(name=name, user=user, registry=registry, started_at=at)
        while len(self.past) > REMEMBERED:
            self.past.popitem(last=False)
        self._tasks.create_task(self._run(self._job, started, wait=wait))
        return started

    async def _run(self, job: Sweep, started: Started, *, wait: bool) -> None:
        """An edge: what goes wrong is logged and shown as a state, and ends neither the service nor the sweeps after it."""
        self.marked(True)
        log = structlog.get_logger()
        log.info("sweep_started", sweep_id=started.name)
        try:
            report = await job.run(user=started.user, registry=started.registry, wait=wait)
            started.shown = await report_json(job.ledger, report)
            started.state = "stopped" if report.stopped else "finished"
            log.info("sweep_finished", sweep_id=started.name, state=started.state, totals=started.shown["totals"])
        except ValidatorError as error:
            started.state = "failed"
            log.error("sweep_stopped", sweep_id=started.name, why=str(error))
        except Exception as error:
            started.state = "failed"
            log.error("fault_caught", sweep_id=started.name, fault=type(error).__name__)
        finally:
            self._job = None
            self.marked(False)
