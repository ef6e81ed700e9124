"""A request's body becomes a value: JSON alone, within size, time and depth, every name declared."""

from __future__ import annotations

import asyncio
from typing import Any, Final, TypeVar, get_args

from aiohttp import ClientPayloadError, web
from aiohttp.web_protocol import RequestPayloadError
from pydantic import BaseModel, ConfigDict, ValidationError

from validator.api.base.problem import Kind, Problem, unusable
from validator.protocol.base import NOT_JSON, parse_json

MAX_DEPTH: Final = 32

Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """Base of what callers send: no unknown key, no input in an error's text, no number for a text."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)


async def read_body(request: web.Request, model: type[Model], *, most: int, within_s: float) -> Model:
    """The body as `model`. Raises 400, 408, 413, 415; none repeats anything of it."""
    raw = await read_json(request, most=most, within_s=within_s)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise unusable(error, _declared(model)) from None


async def read_json(request: web.Request, *, most: int, within_s: float, depth: int = MAX_DEPTH) -> bytes:
    """The body's bytes, which are one JSON document."""
    if request.content_type != "application/json":
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "Send JSON, with Content-Type: application/json.")
    raw = await read_bytes(request, most, within_s)
    if parse_json(raw, depth=depth) is NOT_JSON:
        raise Problem(Kind.BAD_REQUEST, f"The body is not JSON as it is read here: UTF-8, no name twice, at most {depth} levels.")
    return raw


async def read_bytes(request: web.Request, most: int, within_s: float) -> bytes:
    """Counted as it comes, after unpacking: a small gzip of much is too large."""
    too_large = Problem(Kind.BODY_TOO_LARGE, f"A body here has at most {most} bytes.", headers={"Connection": "close"})
    if (request.content_length or 0) > most:
        raise too_large
    raw = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > most:
                    raise too_large
    except TimeoutError:
        raise Problem(Kind.REQUEST_TIMEOUT, f"The body did not come within {within_s:g} s.", headers={"Connection": "close"}) from None
    except (RequestPayloadError, ClientPayloadError, web.HTTPException):
        raise Problem(Kind.BAD_REQUEST, "The body ended early, or is not packed as its field says.", headers={"Connection": "close"}) from None
    return bytes(raw)


def _declared(model: type[BaseModel]) -> frozenset[str]:
    """Every name that `model` declares, however deep."""
    found: set[str] = set()
    waiting: list[Any] = [model]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            found |= one.model_fields.keys()
            waiting += [field.annotation for field in one.model_fields.values()]
        else:
            waiting += get_args(one)
    return frozenset(found)
