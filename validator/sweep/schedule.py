"""The nightly sweep of a service: by a cron expression in its zone, once however many services there are, a missed one once.

The ledger says which instant was taken last, so a wall clock that jumps back takes none twice; the wait is looked at anew
every minute, so one that jumps ahead is noticed. No HTTP server here: whoever owns the loop says how a sweep is run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import structlog

from validator.errors import ValidatorError
from validator.ledger import Ledger
from validator.ledger.base.processes import AT_WORK
from validator.ledger.sweeps import GOES_ON_FOR, Filters
from validator.sweep.base.times import Schedule

LOOK_S: Final = 60.0
"""So often the clock is looked at: one that jumped ahead is noticed then."""
_NAME: Final = "sweep"


class Due(StrEnum):
    """What is to be done now."""

    NOTHING = "nothing"
    BEGIN = "begin"
    """It is due, or was missed."""
    GO_ON = "go_on"
    """One of before was cut off."""


@dataclass(slots=True)
class Nightly:
    """`run` makes one sweep of everything and returns when it has ended; False if it could not begin now.

    Where there are workers, the nightly sweep is theirs (`by_workers`).
    """

    ledger: Ledger
    schedule: Schedule
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    run: Callable[[], Awaitable[bool]]
    look_s: float = LOOK_S
    by_workers: bool = False

    async def forever(self) -> None:
        """Run what is due, when it is due, until cancelled. A ledger that cannot be read is tried again."""
        while True:
            try:
                due = await self.due()
                if due is not Due.NOTHING and await self.run():
                    continue
            except ValidatorError as error:
                structlog.get_logger().error("sweep_stopped", sweep_id="", why=str(error))
            left = (self.schedule.next_at(self.now()) - self.now()).total_seconds()
            await self.sleep(max(0.1, min(self.look_s, left)))

    async def due(self) -> Due:
        """What is due now; taken, so that nobody else begins it. One at a time: while one is led, nothing is."""
        now = self.now()
        if not self.by_workers and await self.ledger.lanes.is_held(AT_WORK, now=now):
            return Due.NOTHING
        open_ = [sweep for sweep in await self.ledger.sweeps.open() if sweep.filters == Filters()]
        if any(sweep.is_led(now) for sweep in open_):
            return Due.NOTHING
        last = self.schedule.last_at(now)
        taken = await self.ledger.schedules.taken(_NAME)
        if taken is not None and taken > self.schedule.next_at(now):
            await self.ledger.schedules.set_back(_NAME, last)  # a clock that ran ahead had taken it
        if await self.ledger.schedules.take(_NAME, last):
            return Due.BEGIN
        if any(taken is not None and sweep.started_at >= taken and now - sweep.started_at < GOES_ON_FOR for sweep in open_):
            return Due.GO_ON
        return Due.NOTHING
