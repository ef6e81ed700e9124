"""`validator worker`: one of the processes that sweep together, until SIGTERM or SIGINT; then it gives back what is under way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from validator.cli.base.options import GLOBALS, LogLevel, read_settings
from validator.cli.base.running import guarded, leave, long_run, run, say
from validator.cli.base.signals import until_told


def worker(
    once: Annotated[bool, typer.Option("--once", help="Begin the sweep now, or join the one under way; end when it is over.")] = False,
    lanes: Annotated[int, typer.Option("--lanes", min=1, max=500, help="Registries to have at once at most.", metavar="N")] = 20,
    alive: Annotated[Path | None, typer.Option("--alive", help="Touch this every few seconds, for a probe.", metavar="FILE")] = None,
) -> None:
    """Sweep together with other workers, on any machine: by the schedule, on the Postgres that the ledger is in."""
    level = GLOBALS.log_level if GLOBALS.log_level_given else LogLevel.INFO
    long_run()
    leave(run(lambda: _worker(once=once, lanes=lanes, alive=alive), level=level, json_lines=True))


async def _worker(*, once: bool, lanes: int, alive: Path | None) -> int:
    import structlog

    from validator import __version__
    from validator.errors import Exit
    from validator.lanes.schema import installed
    from validator.ledger.base.processes import this_process

    settings = read_settings()
    installed()  # a sentence, where the queue's library is missing, before anything imports it
    from validator.working import open_worker

    log = structlog.get_logger().bind(worker=this_process())
    async with open_worker(settings, lanes=lanes) as (one, ledger):
        if settings.sweep.schedule is None and not once:
            say("validator: no sweep is begun by this worker (sweep.schedule is null): something else begins one, as `validator worker --once`.")
        log.info("worker_started", version=__version__, lanes=lanes)
        if alive is not None:
            guarded(lambda: _touch(alive))
            one.alive = lambda: _touch(alive)
        async with asyncio.TaskGroup() as tasks:
            told = tasks.create_task(_stop_when_told(one.stop))
            name = None
            if once:
                name = await one.run_once()
            else:
                await one.run()
            told.cancel()
        log.info("worker_stopped")
        if not once or name is None:
            return Exit.GOOD
        sweep = await ledger.sweeps.get(name)
        over = sweep is not None and sweep.finished_at is not None
        return Exit.GOOD if over and not (await ledger.reports.summary(name)).left_over else Exit.CANNOT_TELL


def _touch(file: Path) -> None:
    from validator.errors import UsageError

    try:
        file.touch()
    except OSError as error:
        raise UsageError(f"the file {file} of --alive cannot be written: {error.strerror}; name another one.") from None


async def _stop_when_told(stop: asyncio.Event) -> None:
    await until_told()
    stop.set()
