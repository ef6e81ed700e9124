"""Asks the probe itself with the command line's settings: as a sweep, as a pre-flight, or about an image alone. Time passes in the ledger."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from tests.cases import peers, record
from tests.cases.running import Cli
from validator.app import open_app
from validator.config import load_settings
from validator.credential import Credential, parse_scope
from validator.emulator.base import Call, Listener
from validator.evidence import Asker
from validator.probe import Inquiry, Probe, Probed
from validator.protocol.reference import parse_reference
from validator.verdict import Verdict


@asynccontextmanager
async def probing(cli: Cli, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> AsyncIterator[Probe]:
    """The probe over the store of `cli`; `sleep` is how it spends time."""
    settings = load_settings(cli.configured(), {}, user_dir=cli.home, system_file=Path("/nowhere")).settings
    cli.rest()
    async with open_app(settings, environ={}) as app:
        yield replace(app.probe, sleep=sleep)


def inquiry(registry: str, username: str, secret: str, image: str | None = None, *, asker: Asker = Asker.SWEEP, proof: bool = False) -> Inquiry:
    """A question about one pair; without username and secret about the image alone."""
    scope = parse_scope(registry)
    credential = Credential(user="jane", name="it", scope=scope, username=username, secret=SecretStr(secret), written=registry)
    return Inquiry(
        host=scope.host, credential=credential if username or secret else None, image=parse_reference(image) if image else None,
        asker=asker, proof=proof,
    )  # fmt: skip


async def asked(
    cli: Cli, registry: str, username: str, secret: str, image: str | None = None, *, asker: Asker = Asker.SWEEP, proof: bool = False
) -> Probed:
    """One question, asked and answered; other checkers are asked first, where a run is about them."""
    if peers.ASKED:
        await peers.asked(cli.way(registry), username, secret)
    async with probing(cli) as probe:
        return await probe.ask(inquiry(registry, username, secret, image, asker=asker, proof=proof))


def said(verdict: Verdict) -> str:
    """`verdict (reason)`."""
    record.reached(verdict.reason.value)
    return f"{verdict.outcome.value} ({verdict.reason.value})"


def said_of_image(verdict: Verdict) -> str:
    """`outcome (reason)` of the image."""
    assert verdict.image is not None
    record.reached(verdict.image.reason.value)
    return f"{verdict.image.outcome.value} ({verdict.image.reason.value})"


INSTANTS = {
    "facts": ("asked_at", "accepted_at", "refused_at", "denied_at", "introspected_at"),
    "budget": ("at",),
    "challenges": ("at",),
    "controls": ("at",),
    "anonymous_controls": ("at",),
    "signs": ("at",),
}


def pass_time(cli: Cli, minutes: int, *tables: str) -> None:
    """Let so many minutes pass over what the ledger keeps (in `tables`; none named: in all)."""
    with sqlite3.connect(cli.home / "validator.db") as database:
        for table in tables or INSTANTS:
            for column in INSTANTS[table]:
                database.execute(f"UPDATE {table} SET {column} = datetime({column}, '-{minutes} minutes')")
        for column in ("next_slot_at", "held_until", "paused_until", "banned_until", "slowed_at"):  # a lane that is closed opens
            database.execute(f"UPDATE slots SET {column} = {column} - {minutes * 60}")
    database.close()


def instead(listener: Listener, wanted: Callable[[Call], bool], response: Callable[[], web.Response], times: int = 10**6) -> None:
    """Let the listener answer what is `wanted` with `response` from now on, so many times."""
    answer, left = listener.answer, [times]

    async def other(call: Call) -> web.StreamResponse:
        if left[0] > 0 and wanted(call):
            left[0] -= 1
            return response()
        return await answer(call)

    listener.answer = other
