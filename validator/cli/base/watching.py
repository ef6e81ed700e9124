"""Watches a sweep: a table that lives while a terminal shows it, a line now and then elsewhere; and the signals that end it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from validator.cli.base.running import say
from validator.sweep import LaneReport, Report, Sweep

LINE_S: Final = 60.0
"""So often a lane that goes on has a line of its own, where there is no terminal."""


@dataclass(slots=True)
class _Seen:
    """A lane since it was first seen in this run."""

    lane: LaneReport
    began: float
    done: int
    line_at: float
    told: str = ""

    def rate(self, now: float) -> float:
        """Credentials a second, since it began."""
        return (self.lane.done - self.done) / (now - self.began) if now > self.began else 0.0

    def left(self, now: float) -> str:
        """How long it will take, by its rate."""
        rate = self.rate(now)
        if self.lane.finished or rate <= 0.0:
            return ""
        return spoken_s((self.lane.credentials - self.lane.done) / rate)


@dataclass(slots=True)
class Watch:
    """What is known of each lane, as a table and as lines."""

    monotonic: Callable[[], float]
    lines: bool
    seen: dict[str, _Seen] = field(default_factory=dict)

    def told(self, lane: LaneReport) -> None:
        """A lane has come further."""
        now = self.monotonic()
        seen = self.seen.get(lane.registry)
        if seen is None:
            seen = self.seen[lane.registry] = _Seen(lane, now, lane.done, now)
        if not self.lines:
            return
        doing = _doing(lane)
        if (doing and doing != seen.told) or now - seen.line_at >= LINE_S:
            seen.line_at = now
            left = seen.left(now)
            about = f", {seen.rate(now):.1f} a second, about {left} left" if not doing and left else ""
            say(f"{lane.registry}: {lane.done} of {lane.credentials} done{about}{f', {doing}' if doing else ''}")
        seen.told = doing

    def table(self) -> Table:
        """Every lane, one a row."""
        now = self.monotonic()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head, justify in (("registry", "left"), ("", "left"), ("done", "right"), ("rate", "right"), ("left", "right"), ("suspects", "right")):
            table.add_column(head, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # one of rich's words
        table.add_column("", no_wrap=True)
        for host in sorted(self.seen):
            seen, lane = self.seen[host], self.seen[host].lane
            bar = ProgressBar(total=max(1, lane.credentials), completed=lane.done, width=20)
            rate = f"{seen.rate(now):.1f}/s"
            suspects = Text(str(lane.suspects), style="yellow" if lane.suspects else "")
            row = (Text(host), bar, f"{lane.done}/{lane.credentials}", rate, seen.left(now), suspects, Text(_doing(lane)))
            table.add_row(*row)
        return table


def _doing(lane: LaneReport) -> str:
    """What else is to be said of a lane; "" while it goes on."""
    if lane.quarantined:
        return "QUARANTINED"
    if lane.held_by_other:
        return "waits for another sweep"
    if lane.waiting_until is not None:
        return f"waits until {lane.waiting_until:%H:%M:%S} UTC"
    return "through" if lane.finished else ""


def spoken_s(seconds: float) -> str:
    """Seconds for people, two units at most."""
    whole = round(seconds)
    for unit, size, below, small in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


async def watched(job: Sweep, monotonic: Callable[[], float], **options: Any) -> Report:
    """Run it; SIGTERM and SIGINT end it with what is done."""
    loop = asyncio.get_running_loop()
    console = Console(stderr=True)
    watch = Watch(monotonic, lines=not console.is_terminal)
    job.told = watch.told
    signals = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    for one in signals:
        loop.add_signal_handler(one, job.stop)
    try:
        if not console.is_terminal:
            report = await job.run(**options)
        else:
            with Live(console=console, get_renderable=watch.table, refresh_per_second=4, redirect_stdout=False):
                report = await job.run(**options)
    finally:
        for one in signals:
            loop.remove_signal_handler(one)
    if report.resumed:
        say(f"went on with the sweep of {report.started_at:%Y-%m-%d %H:%M} UTC ({report.sweep})")
    return report
