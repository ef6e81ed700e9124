"""Errors as RFC 9457 bodies: a closed list of kinds, whose types are stable; nothing of what a caller sent is repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:validator:problem:{}"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Kind(StrEnum):
    """What went wrong; each is the last part of a problem's `type`."""

    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    CONFLICT = "conflict"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    EXPECTATION_FAILED = "expectation_failed"
    TOO_MANY_REQUESTS = "too_many_requests"
    HEADERS_TOO_LARGE = "headers_too_large"
    OUR_FAULT = "our_fault"
    NOT_READY = "not_ready"


KINDS: Final[Mapping[Kind, tuple[int, str]]] = MappingProxyType({
    Kind.BAD_REQUEST: (400, "The request cannot be used"),
    Kind.UNAUTHORIZED: (401, "A token is needed"),
    Kind.FORBIDDEN: (403, "The token does not allow this"),
    Kind.NOT_FOUND: (404, "There is no such thing"),
    Kind.METHOD_NOT_ALLOWED: (405, "The route has no such method"),
    Kind.REQUEST_TIMEOUT: (408, "The body did not come in time"),
    Kind.CONFLICT: (409, "Something else is under way"),
    Kind.BODY_TOO_LARGE: (413, "The body is too large"),
    Kind.UNSUPPORTED_MEDIA_TYPE: (415, "The body is not JSON"),
    Kind.EXPECTATION_FAILED: (417, "The expectation is not one that is met"),
    Kind.TOO_MANY_REQUESTS: (429, "Too many requests"),
    Kind.HEADERS_TOO_LARGE: (431, "The header is too large"),
    Kind.OUR_FAULT: (500, "A fault of our own"),
    Kind.NOT_READY: (503, "The service cannot answer now"),
})  # fmt: skip
"""Status and title."""


class Problem(Exception):
    """Ends a request with this answer. `detail` is a sentence of ours; `more` are members of the body beside the standard's."""

    def __init__(self, kind: Kind, detail: str, *, headers: Mapping[str, str] = _NOTHING, more: Mapping[str, Any] = _NOTHING) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers)
        self.more = dict(more)

    def answer(self, request_id: str | None) -> web.Response:
        """The response."""
        status, title = KINDS[self.kind]
        body = {"type": TYPE.format(self.kind), "title": title, "status": status, "detail": self.detail, "request_id": request_id, **self.more}
        return web.Response(status=status, body=json.dumps(body).encode(), headers={"Content-Type": MEDIA_TYPE, **self.headers})


def absent() -> Problem:
    """One answer for what is not there and for what is another's."""
    return Problem(Kind.NOT_FOUND, "There is no such thing, or it is not yours to see.")


def unusable(error: ValidationError, declared: frozenset[str]) -> Problem:
    """What is wrong with a body: where, and by which rule; names that we did not declare are not repeated (people paste secrets there)."""
    found: Sequence[Any] = error.errors(include_input=False, include_context=False, include_url=False)
    errors = [{"where": [part for part in one["loc"] if isinstance(part, int) or part in declared], "rule": one["type"]} for one in found[:20]]
    detail = "The body is not what this route takes; `errors` says where."
    if found[0]["type"] == "value_error":  # a rule of ours about the whole: there is no place to name
        said = str(found[0]["msg"]).removeprefix("Value error, ")
        detail = f"{said[:1].upper()}{said[1:]}."
    return Problem(Kind.BAD_REQUEST, detail, more={"errors": errors})
