"""The HTTP service: an aiohttp application over one `House`. Contract section 5."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from validator.api.admission import ROUTES as ADMISSION
from validator.api.base.house import House
from validator.api.base.problem import Kind, Problem
from validator.api.base.route import Call, Route
from validator.api.base.sweeping import Sweeping
from validator.api.base.watch import CALLER, prepared, watching
from validator.api.check import ROUTES as CHECK
from validator.api.credentials import ROUTES as CREDENTIALS
from validator.api.health import OPEN, metrics_route
from validator.api.openapi import document, openapi_route
from validator.api.pages import ROUTES as PAGES
from validator.api.preflight import ROUTES as PREFLIGHT
from validator.api.registries import ROUTES as REGISTRIES
from validator.api.server import listening
from validator.api.sweeps import ROUTES as SWEEPS

__all__ = ["House", "Route", "Sweeping", "application", "document", "listening", "routes_of"]


def routes_of(*, metrics_open: bool = False) -> tuple[Route, ...]:
    """Every route."""
    metrics = metrics_route(open_to_all=metrics_open)
    own = (*PREFLIGHT, *CHECK, *CREDENTIALS, *SWEEPS, *REGISTRIES, *ADMISSION, *OPEN, metrics, *PAGES)
    return (*own, openapi_route(own))


def application(house: House) -> web.Application:
    """The application; whoever runs it closes `house`."""
    made = web.Application(middlewares=[watching(house)])
    made.on_response_prepare.append(prepared)
    for route in routes_of(metrics_open=house.settings.api.metrics_open):
        made.router.add_route(route.method, route.path, _answering(house, route))
        if route.method == "GET":
            made.router.add_route("HEAD", route.path, _answering(house, route))
    return made


def _answering(house: House, route: Route) -> Any:
    """Who asks, whether they may, and how often; then the route's own answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        caller = None
        if route.scopes and not route.own_gate:
            caller = await house.gate.caller(request)
            request[CALLER] = caller.key
            house.rate.take(caller.key)
            if not caller.may(*route.scopes):
                raise Problem(Kind.FORBIDDEN, f"This wants the scope {' or '.join(sorted(route.scopes))}.")
        return await route.answer(Call(house=house, request=request, caller=caller))

    return answer
