"""Around every request: its id, its log line, its count; and whatever goes wrong becomes a problem body."""

from __future__ import annotations

import re
import secrets
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import structlog
from aiohttp import web

from validator.api.base.house import House
from validator.api.base.problem import KINDS, Kind, Problem
from validator.errors import StoreError, StoreLost

REQUEST_ID: Final = web.RequestKey("request_id", str)
CALLER: Final = web.RequestKey("caller", str)

_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "validator",
}
_OF_AIOHTTP: Final = {
    404: (Kind.NOT_FOUND, "There is no such route."),
    405: (Kind.METHOD_NOT_ALLOWED, "The route has other methods; see Allow."),
    413: (Kind.BODY_TOO_LARGE, "The body is too large."),
    417: (Kind.EXPECTATION_FAILED, "Only 100-continue is met."),
}
"""What aiohttp itself raises before a route is found; anything else of its kind is a request that cannot be used."""

Next: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def watching(house: House) -> Any:
    """The middleware; no query, no body and no name of a user or a header enters the log."""

    @web.middleware
    async def watch(request: web.Request, handler: Next) -> web.StreamResponse:
        sent = request.headers.get("X-Request-Id", "")
        request_id = sent if _ID.fullmatch(sent) else secrets.token_hex(8)
        request[REQUEST_ID] = request_id
        started = house.monotonic()
        status = 499  # the caller went away
        with structlog.contextvars.bound_contextvars(request_id=request_id), house.metrics.in_flight.track_inprogress():
            try:
                response = await _answered(request, handler, request_id)
                status = response.status
                return response
            finally:
                seconds = house.monotonic() - started
                house.metrics.request(status, seconds)
                structlog.get_logger().info(
                    "request_answered", method=_method(request), route=_route(request), status=status, ms=round(seconds * 1000),
                    caller=request.get(CALLER),
                )  # fmt: skip

    return watch


async def prepared(request: web.Request, response: web.StreamResponse) -> None:
    """The fields of every answer, also of one that is sent piece by piece."""
    for name, value in {**HEADERS, "X-Request-Id": request.get(REQUEST_ID, "")}.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = HEADERS["Server"]  # aiohttp's own tells its version and Python's


async def _answered(request: web.Request, next_: Next, request_id: str) -> web.StreamResponse:
    """An edge: what no route meant to raise is our own fault, told by its type and place and never by its text."""
    try:
        return await next_(request)
    except Problem as problem:
        return problem.answer(request_id)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kind, detail = _OF_AIOHTTP.get(error.status, (Kind.BAD_REQUEST, "The request cannot be used."))
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return Problem(kind, detail, headers=allow).answer(request_id)
    except (StoreError, StoreLost) as error:
        structlog.get_logger().error("fault_caught", fault=type(error).__name__, why=str(error))
        return Problem(Kind.NOT_READY, "The store does not answer.", headers={"Retry-After": "5"}).answer(request_id)
    except Exception as error:
        structlog.get_logger().error("fault_caught", fault=_innermost(error), place=place_of(error))
        return Problem(Kind.OUR_FAULT, "This should not have happened; the service's log tells more under this request_id.").answer(request_id)


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


def place_of(error: BaseException) -> list[str]:
    """The way to a fault: files and lines, no values."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]


def _route(request: web.Request) -> str:
    """The route's pattern; a path that is none of ours may hold anything, a secret too."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _method(request: web.Request) -> str:
    return request.method if request.method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"


def status_of(kind: Kind) -> int:
    """The HTTP status of a problem."""
    return KINDS[kind][0]
