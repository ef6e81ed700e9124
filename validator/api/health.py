"""Is the process there, can it answer, what has it counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from validator.api.base.problem import Kind, Problem
from validator.api.base.route import Call, Route
from validator.api.base.shapes import Health, Ready
from validator.errors import ValidatorError
from validator.ledger.tokens import Scope
from validator.metrics import CONTENT_TYPE

ASKED_S: Final = 5.0
"""How long store and ledger have for their answer."""


async def healthz(call: Call) -> web.Response:
    """The process runs and its loop turns; nothing else is asked."""
    return web.json_response({"status": "ok"})


async def readyz(call: Call) -> web.Response:
    """The ledger and the store are asked for something that costs them nothing; while it stops, it is not ready."""
    house = call.house
    if house.leaving:
        raise Problem(Kind.NOT_READY, "The service is stopping.", headers={"Retry-After": "5"})
    asked: tuple[tuple[str, Callable[[], Awaitable[object]]], ...] = (
        ("ledger", lambda: house.ledger.tokens.by_id("")),
        ("store", lambda: house.store.get("", "")),
    )
    for part, ask in asked:
        try:
            async with asyncio.timeout(ASKED_S):
                await ask()
        except (ValidatorError, TimeoutError) as error:
            structlog.get_logger().warning("fault_caught", part=part, why=str(error) or "no answer in time")
            raise Problem(Kind.NOT_READY, f"The {part} does not answer.", headers={"Retry-After": "5"}) from None
    return web.json_response({"status": "ready", "store": "ok", "ledger": "ok"})


async def metrics(call: Call) -> web.Response:
    """For Prometheus."""
    return web.Response(body=call.house.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


OPEN: Final = (
    Route(method="GET", path="/healthz", answer=healthz, summary="Is the process there?", says=Health),
    Route(method="GET", path="/readyz", answer=readyz, summary="Can it answer? Store and ledger are asked.", says=Ready, kinds=(Kind.NOT_READY,)),
)  # fmt: skip


def metrics_route(*, open_to_all: bool) -> Route:
    """By setting it needs no token."""
    scopes = frozenset() if open_to_all else frozenset({Scope.READ})
    return Route(method="GET", path="/metrics", answer=metrics, summary="Counts, for Prometheus.", scopes=scopes, text="text/plain")
