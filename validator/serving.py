"""The composition root of the service: settings become one `House`, which every route works with. Apart from `app`, for it imports a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from validator.api import House, Sweeping
from validator.app import App, auths_key, open_app, open_teller
from validator.config import EVERY_HOST, Settings
from validator.evidence import Exchange, Step
from validator.metrics import Metrics
from validator.nightly import schedule_of
from validator.preflight import Preflight
from validator.providers import PROVIDERS
from validator.sweep import Sweep
from validator.sweep.schedule import Nightly
from validator.telling import Teller


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Everything that the service needs, open; leaving the block stops a sweep that runs. Raises ConfigError and StoreError."""
    known = {str(host) for provider in PROVIDERS for host in provider.hosts} | {str(host) for host in settings.registries if host != EVERY_HOST}
    metrics = Metrics(known)

    def count(host: str, exchange: Exchange) -> None:
        if exchange.status is None and exchange.unsent:
            return
        refused = exchange.authorized and exchange.step in (Step.LOGIN, Step.SCOPED) and exchange.status in (401, 403)
        metrics.exchange(host, refused=refused)

    async with open_app(settings, on_exchange=count) as app, Preflight(app.probe, auths_key(settings)) as preflight:
        opened, teller = app.opened, await open_teller(app)
        async with (
            _sending(teller),
            Sweeping(lambda name: _sweep(app, teller, name), app.probe.now, metrics.sweeping.set) as sweeping,
            _by_schedule(app, sweeping),
        ):
            yield House(
                settings=app.settings, ledger=opened.ledger, store=opened.store, fingerprinter=opened.fingerprinter, probe=app.probe,
                preflight=preflight, metrics=metrics, sweeping=sweeping,
            )  # fmt: skip


@asynccontextmanager
async def _sending(teller: Teller) -> AsyncIterator[None]:
    """While this is open, what waits for its channel or its hour is sent as it becomes due."""
    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    sender = tasks.create_task(teller.keep_on())
    try:
        yield
    finally:
        teller.stop.set()
        sender.cancel()
        await tasks.__aexit__(None, None, None)  # what ended the block goes on as it is, not as a group of one


@asynccontextmanager
async def _by_schedule(app: App, sweeping: Sweeping) -> AsyncIterator[None]:
    """While this is open, the nightly sweep is run when it is due."""
    schedule = schedule_of(app)
    if schedule is None:
        yield
        return
    nightly = Nightly(app.opened.ledger, schedule, app.probe.now, app.probe.sleep, sweeping.by_schedule)
    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    waiting = tasks.create_task(nightly.forever())
    try:
        yield
    finally:
        waiting.cancel()
        await tasks.__aexit__(None, None, None)


def _sweep(app: App, teller: Teller, name: str) -> Sweep:
    return Sweep(app.probe, app.opened.ledger, app.opened.store, replace(teller, stop=asyncio.Event()), name)
