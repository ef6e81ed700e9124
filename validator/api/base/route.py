"""A route is a row: how it is asked, who may, what it takes and says. The router, the gate and the OpenAPI document read the same rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp import web
from pydantic import BaseModel

from validator.api.base.caller import Caller
from validator.api.base.house import House
from validator.api.base.problem import Kind
from validator.ledger.tokens import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request on its way to its answer. `caller` is None where the route is open and nobody said who they are."""

    house: House
    request: web.Request
    caller: Caller | None = None

    @property
    def known(self) -> Caller:
        """The caller of a route that wants one."""
        assert self.caller is not None
        return self.caller


Answer: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`scopes`: any one of them is enough; none: the route is open, or (`own_gate`) judges its callers itself.

    `takes` and `says` are the models of body and answer; `kinds` the problems beside those that every route may have.
    `text`: the media type of an answer that is not JSON. `parameters`: what each part in braces is.
    """

    method: str
    path: str
    answer: Answer
    summary: str
    scopes: frozenset[Scope] = frozenset()
    own_gate: bool = False
    takes: type[BaseModel] | None = None
    says: type[BaseModel] | None = None
    status: int = 200
    kinds: tuple[Kind, ...] = ()
    text: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None
    listed: bool = True
    """False: not in the OpenAPI document; for people with a browser."""
