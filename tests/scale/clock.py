"""An event loop whose time only jumps: to the next timer, when nothing is left to be done. Threads' work is waited for, in no time.

So a night of any length takes as long as its work, and all timers of the program, whatever made them, agree about the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

BEGIN: Final = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is the virtual one, in seconds; it begins at 1000."""

    def __init__(self) -> None:
        self._virtual = 1000.0
        self._in_threads = 0
        super().__init__()

    def time(self) -> float:
        """Now."""
        return self._virtual

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # typed by a TypeVarTuple
        """As ever; until it is done, no time passes."""
        self._in_threads += 1
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]  # BaseEventLoop's own
        if not ready and not self._in_threads and scheduled:
            self._virtual = max(self._virtual, scheduled[0]._when)
        super()._run_once()  # type: ignore[misc]


def wall() -> datetime:
    """The virtual wall clock of the running loop; of a real loop one that begins at the same instant."""
    return BEGIN + timedelta(seconds=asyncio.get_running_loop().time() - _first())


def _first() -> float:
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):
        return 1000.0
    first: float = loop.__dict__.setdefault("_first_time", loop.time())
    return first
