"""When a schedule is due: a cron expression in a time zone. Pure.

A change of summer time is taken as Debian's cron takes it: what is due at a set time that a night leaves out is due as
soon as the clock has jumped, and what such a night has twice is due once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`expression` has five fields; both are judged where the settings are read. It is due `late` after what they say."""

    expression: str
    zone: str = "UTC"
    late: timedelta = timedelta(0)

    def next_at(self, after: datetime) -> datetime:
        """The first instant after `after` (aware) at which it is due, in UTC."""
        times = CronSim(self.expression, self._local(after - self.late))
        return next(due for due in map(self._due, times) if due > after)  # in the second of two equal hours it reads the first again

    def last_at(self, at: datetime) -> datetime:
        """The last instant up to `at` (aware) at which it was due, in UTC."""
        times = CronSim(self.expression, self._local(at - self.late + _SECOND), reverse=True)
        back = next(due for due in map(self._due, times) if due <= at)
        while (following := self.next_at(back)) <= at:  # backwards, a night that has an hour twice is read otherwise
            back = following
        return back

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(UTC if self.zone == "UTC" else ZoneInfo(self.zone))

    def _due(self, at: datetime) -> datetime:
        return at.astimezone(UTC) + self.late
