"""`POST /v1/admission`: a validating webhook of Kubernetes (AdmissionReview v1). It warns; it denies only where the settings say so.

Whose credentials the pods use is the operator's word alone: a namespace's user in the settings, or a label that counts only when
the platform's own service account sends the object. Else anonymous pulls are proven, and a warning says so. What cannot be told
in time, or goes wrong here, lets the object pass: this must never stop a cluster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from validator.api.base.body import read_json
from validator.api.base.caller import Caller
from validator.api.base.house import House
from validator.api.base.problem import Kind, Problem
from validator.api.base.route import Call, Route
from validator.config import Admission
from validator.errors import ConfigError
from validator.ledger.tokens import EVERYBODY, Scope
from validator.preflight import Foretelling, Foretold, Place, Wanted
from validator.preflight.shown import words_of
from validator.protocol.base import shown_text
from validator.protocol.manifest import Platform, parse_platform
from validator.verdict import ImageOutcome
from validator.workload.base import Named, Source, parse_documents
from validator.workload.kubernetes import read_kubernetes

MOST: Final = 8 << 20
"""Bytes of a review: an object and its former self, of 1.5 MiB each in the cluster's store, and what surrounds them."""
DEPTH: Final = 64
WARNING: Final = 256
"""Characters: API servers cut longer ones. All together they carry 4,096."""
WARNINGS: Final = 12
MARGIN_S: Final = 1.0
"""What is left of the webhook's own timeout for the way back."""

_VERSION: Final = "admission.k8s.io/v1"
_BLOCKED: Final = frozenset({ImageOutcome.DENIED, ImageOutcome.NOT_FOUND, ImageOutcome.WRONG_PLATFORM})


class UserInfo(BaseModel):
    """Who sends the object, as the API server authenticated them."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    username: str = ""


class ReviewRequest(BaseModel):
    """What is read of a request; the rest is not looked at."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    uid: str = Field(min_length=1, max_length=256)
    operation: str = ""
    namespace: str = ""
    userInfo: UserInfo = UserInfo()
    object: dict[str, Any] | None = None
    oldObject: dict[str, Any] | None = None


class AdmissionReview(BaseModel):
    """`admission.k8s.io/v1`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    apiVersion: Literal["admission.k8s.io/v1"]
    kind: Literal["AdmissionReview"]
    request: ReviewRequest


class ReviewStatus(BaseModel):
    """Why it is denied."""

    code: int
    message: str
    reason: str


class ReviewResponse(BaseModel):
    """The answer about one object."""

    uid: str
    allowed: bool
    warnings: list[str] = []
    status: ReviewStatus | None = None


class AdmissionReviewed(BaseModel):
    """`admission.k8s.io/v1`, with its response."""

    apiVersion: Literal["admission.k8s.io/v1"]
    kind: Literal["AdmissionReview"]
    response: ReviewResponse


@dataclass(frozen=True, slots=True)
class _Told:
    """What is said of one object."""

    warnings: tuple[str, ...] = ()
    denied: str = ""


async def admission(call: Call) -> web.Response:
    """Every review that can be read gets an answer; only `deny` and a certain "blocked" make it a no."""
    house = call.house
    caller = house.gate.admits(call.request) or await house.gate.caller(call.request)
    if not caller.may(Scope.PREFLIGHT):
        raise Problem(Kind.FORBIDDEN, "This wants the scope preflight.")
    house.rate.take(caller.key)
    review = await _review(call)
    request = review.request
    try:
        told = await _judged(house, caller, request, _deadline(call))
    except ConfigError as error:
        told = _Told((f"validator: not judged: {error}",))
    except Exception as error:  # an edge: a fault of ours stops no cluster
        structlog.get_logger().error("fault_caught", fault=type(error).__name__)
        told = _Told(("validator: not judged: the service has a fault of its own",))
    response: dict[str, Any] = {"uid": request.uid, "allowed": not told.denied}
    if told.denied:
        response["status"] = {"code": 403, "message": told.denied, "reason": "Forbidden"}
    if told.warnings:
        response["warnings"] = [shown_text(warning, WARNING) for warning in told.warnings]
    return web.json_response({"apiVersion": _VERSION, "kind": "AdmissionReview", "response": response})


async def _review(call: Call) -> AdmissionReview:
    raw = await read_json(call.request, most=MOST, within_s=call.house.settings.api.body_s, depth=DEPTH)
    try:
        return AdmissionReview.model_validate_json(raw)
    except ValueError:
        raise Problem(Kind.BAD_REQUEST, f"The body is no AdmissionReview of {_VERSION}.") from None


def _deadline(call: Call) -> float:
    """The setting, or less where the API server says that it waits less (`?timeout=5s`)."""
    text = call.request.query.get("timeout", "").removesuffix("s")
    told = float(text) if text.isascii() and text.isdigit() and len(text) < 4 else 30.0
    return min(call.house.settings.api.admission.deadline_s, max(0.5, told - MARGIN_S))


async def _judged(house: House, caller: Caller, request: ReviewRequest, deadline_s: float) -> _Told:
    if request.object is None or request.operation not in ("CREATE", "UPDATE"):
        return _Told()
    before = {one.image for one in _named(request.oldObject)} if request.operation == "UPDATE" and request.oldObject else set()
    named = [one for one in _named(request.object) if one.image not in before]
    most = house.settings.api.images
    if not named:
        return _Told()
    if len(named) > most:
        return _Told((f"validator: not judged: more than {most} images",))
    user, why = whose(house.settings.api.admission, request)
    if user is not None and not caller.sees(user):
        user, why = None, "whose pods these are is not this webhook's to know"
    wanted = [
        Wanted(image=one.image, group=one.group, platforms=_platforms(one.platform), place=Place(file="", line=None, task=one.task))
        for one in named
    ]  # fmt: skip
    told = await house.preflight.foretell(wanted, await house.held(user), deadline_s=deadline_s)
    for one in told.images:
        house.metrics.image("", one.verdict.outcome, one.verdict.reason)
    return _said(told, why, deny=house.settings.api.admission.deny, owner_known=user is not None)


def whose(said: Admission, request: ReviewRequest) -> tuple[str | None, str]:
    """The user whose credentials these pods use, and "" or why there is none. Pure.

    A label is believed only from a listed service account: anybody else could write another's name there.
    """
    label = said.user_label
    if label is not None and request.userInfo.username in said.service_accounts:
        for part in ("labels", "annotations"):
            named = _mapping(_mapping(request.object, "metadata"), part).get(label)
            if isinstance(named, str) and named.isprintable() and named not in ("", EVERYBODY):
                return named, ""
    user = said.users.get(request.namespace)
    if user is not None:
        return user, ""
    return None, "no user is known for these pods; only anonymous pulls were judged"


def _mapping(value: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    found = value.get(key) if value is not None else None
    return found if isinstance(found, Mapping) else {}


def _named(manifest: Mapping[str, Any] | None) -> tuple[Named, ...]:
    """The images of an object; an object is JSON, which YAML reads. Raises UnreadableWorkload."""
    text = json.dumps(manifest, ensure_ascii=False)
    return read_kubernetes(parse_documents(text, Source("the object"))).named


def _platforms(text: str | None) -> tuple[Platform, ...]:
    try:
        return (parse_platform(text),) if text is not None else ()
    except ValueError:
        return ()


def _said(told: Foretelling, why: str, *, deny: bool, owner_known: bool) -> _Told:
    """Words for each image that is not pullable. Without a known user nothing is certain: their key might pull it."""
    blocked = [one for one in told.images if one.verdict.outcome in _BLOCKED]
    unknown = [one for one in told.images if one.verdict.outcome is ImageOutcome.UNKNOWN]
    lines = [_line(one) for one in (*blocked, *unknown)]
    shown = lines[:WARNINGS] + ([f"validator: and {len(lines) - WARNINGS} more"] if len(lines) > WARNINGS else [])
    notes = (f"validator: {why}",) if why else ()
    if deny and blocked and owner_known:
        return _Told((*shown, *notes), shown_text("; ".join(_line(one) for one in blocked), 1000))
    return _Told((*shown, *notes))


def _line(one: Foretold) -> str:
    cause, advice = words_of(one)
    return f"validator: {shown_text(one.image, 120)}: {one.verdict.outcome} ({one.verdict.reason}): {cause} {advice}"


ROUTES: Final = (
    Route(
        method="POST", path="/v1/admission", answer=admission, summary="Kubernetes' validating webhook: warns of pods that cannot be pulled.",
        scopes=frozenset({Scope.PREFLIGHT}), own_gate=True, takes=AdmissionReview, says=AdmissionReviewed,
    ),
)  # fmt: skip
