"""When this installation's nightly sweep is due, whoever begins it: a service or a worker."""

from __future__ import annotations

from datetime import timedelta

from validator.app import App
from validator.sweep.base.times import Schedule


def schedule_of(app: App) -> Schedule | None:
    """When the nightly sweep is due; None: something else begins it."""
    said = app.settings.sweep
    return None if said.schedule is None else Schedule(said.schedule, said.timezone, late_by(app))


def late_by(app: App) -> timedelta:
    """How much later than its schedule says this installation begins: always as much, by its own key."""
    part = int(str(app.opened.fingerprinter.name("schedule", ""))[:8], 16) / 2**32
    return timedelta(seconds=round(part * app.settings.sweep.jitter_s))
