"""The OpenAPI 3.1 document, from the rows of the routes and the models of bodies and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from validator import __version__
from validator.api.base.problem import KINDS, MEDIA_TYPE, Kind
from validator.api.base.route import Call, Route
from validator.api.base.shapes import ProblemShape

_REFERENCE: Final = "#/components/schemas/{model}"
_OF_ALL: Final = (Kind.BAD_REQUEST, Kind.OUR_FAULT, Kind.NOT_READY)
_OF_TOKENS: Final = (Kind.UNAUTHORIZED, Kind.FORBIDDEN, Kind.TOO_MANY_REQUESTS)
_OF_BODIES: Final = (Kind.REQUEST_TIMEOUT, Kind.BODY_TOO_LARGE, Kind.UNSUPPORTED_MEDIA_TYPE)
_REQUEST_ID: Final = {
    "name": "X-Request-Id", "in": "header", "required": False, "description": "Is given back, and stands in the logs; one is made where none fits",
    "schema": {"type": "string"},
}  # fmt: skip


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document of `routes`."""
    listed = [route for route in routes if route.listed]
    taken = {route.takes for route in listed if route.takes is not None}
    said = {route.says for route in listed if route.says is not None} | {ProblemShape}
    models: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in sorted(taken, key=lambda model: model.__name__)]
    models += [(model, "serialization") for model in sorted(said, key=lambda model: model.__name__)]
    references, schemas = models_json_schema(models, ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for route in listed:
        takes = references[(route.takes, "validation")] if route.takes is not None else None
        says = references[(route.says, "serialization")] if route.says is not None else None
        problem = references[(ProblemShape, "serialization")]
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, takes, says, problem)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "validator", "version": __version__, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Says whether stored container-registry credentials still work, and why not.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas.get("$defs", {}), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }  # fmt: skip


def problems_of(route: Route) -> tuple[Kind, ...]:
    """Every problem that the route may answer with."""
    kinds = {*_OF_ALL, *route.kinds}
    kinds |= set(_OF_TOKENS) if route.scopes or route.own_gate else set()
    kinds |= set(_OF_BODIES) if route.takes is not None else set()
    kinds |= {Kind.NOT_FOUND} if route.parameters else set()
    return tuple(sorted(kinds, key=lambda kind: KINDS[kind][0]))


def _operation(route: Route, takes: Any, says: Any, problem: Any) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "The answer"}
    if says is not None:
        good["content"] = {"application/json": {"schema": says}}
    elif route.text is not None:
        good["content"] = {route.text: {"schema": {"type": "string"}}}
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "parameters": [_REQUEST_ID, *({"name": name, "in": "path", "required": True, "description": what,
                                       "schema": {"type": "string", "minLength": 1, "maxLength": 256}} for name, what in route.parameters.items())],
        "responses": {str(route.status): good}
        | {str(KINDS[kind][0]): {"description": KINDS[kind][1], "content": {MEDIA_TYPE: {"schema": problem}}} for kind in problems_of(route)},
        "security": [{"token": []}] if route.scopes or route.own_gate else [],
    }  # fmt: skip
    if route.scopes:
        operation["x-scopes"] = sorted(route.scopes)
    if takes is not None:
        content: dict[str, Any] = {"schema": takes}
        if route.example is not None:
            content["example"] = dict(route.example)
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _name(route: Route) -> str:
    parts = [part.strip("{}") for part in route.path.split("/") if part and part != "v1"]
    return "_".join([route.method.lower(), *(part.replace(".", "_") for part in parts)])


def openapi_route(routes: Sequence[Route]) -> Route:
    """The route that gives the document of all others and of itself."""

    async def openapi(call: Call) -> web.Response:
        return web.json_response(shown)

    own = Route(method="GET", path="/openapi.json", answer=openapi, summary="This document.", text="application/json")
    shown = document([*routes, own])
    return own
