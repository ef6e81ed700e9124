"""`POST /v1/preflight`: will a cluster pull these images with what one user has stored?"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

from aiohttp import web
from pydantic import Field, model_validator

from validator.api.base.body import Body, read_body
from validator.api.base.house import House
from validator.api.base.problem import Kind, Problem, absent
from validator.api.base.route import Call, Route
from validator.api.base.shapes import PreflightAnswer
from validator.errors import UsageError
from validator.ledger.tokens import Scope
from validator.preflight import Foretelling, Wanted, foretelling_text_json
from validator.preflight.wanted import given_platforms, wanted_in
from validator.workload import MAX_BYTES, UnreadableWorkload, read_workload

LONGEST_MS: Final = 60_000
User = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$", description="Whose credentials")]
PlatformText = Annotated[str, Field(min_length=1, max_length=64, description="Of the nodes, such as linux/amd64, or a name of the settings")]

WorkflowText = Annotated[str, Field(min_length=1, max_length=MAX_BYTES, description="OSMO workflow, Kubernetes manifest or compose file")]


class PreflightBody(Body):
    """Images by name, or a workflow that names them; one of the two."""

    user: User
    images: Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(min_length=1)] | None = None
    workflow: Annotated[str, Field(min_length=1, max_length=MAX_BYTES, description="OSMO workflow, Kubernetes manifest or compose file")] | None = (
        None
    )
    platform: PlatformText | None = None
    deadline_ms: (
        Annotated[int, Field(ge=1, le=LONGEST_MS, description="What is not known by then is told as unknown, with the reason deadline")] | None
    ) = None

    @model_validator(mode="after")
    def _one_of_two(self) -> PreflightBody:
        if (self.images is None) == (self.workflow is None):
            raise ValueError("give images or workflow, one of the two")
        return self


async def preflight(call: Call) -> web.Response:
    """What a kubelet will do, image by image."""
    house, said = call.house, call.house.settings
    body = await read_body(call.request, PreflightBody, most=said.api.body_kib * 1024, within_s=said.api.body_s)
    if not call.known.sees(body.user):
        raise absent()
    started = house.monotonic()
    wanted = await _wanted(house, body)
    few_enough(wanted, said.api.images)
    deadline_s = body.deadline_ms / 1000 if body.deadline_ms is not None else min(said.preflight.deadline_s, LONGEST_MS / 1000)
    told = await house.preflight.foretell(wanted, await house.held(body.user), deadline_s=deadline_s)
    took_s = counted(house, told, started)
    return web.Response(text=foretelling_text_json(told, took_s * 1000), content_type="application/json")


def counted(house: House, told: Foretelling, started: float) -> float:
    """How long it took, in seconds; that and what was foretold is counted."""
    took_s = house.monotonic() - started
    house.metrics.preflight(took_s)
    for (registry, outcome, reason), times in Counter((one.registry, one.verdict.outcome, one.verdict.reason) for one in told.images).items():
        house.metrics.image(registry, outcome, reason, times)
    return took_s


def few_enough(wanted: Sequence[Wanted], most: int) -> None:
    """Raises 400 for more images than one pre-flight may have."""
    if len(wanted) > most:
        raise Problem(Kind.BAD_REQUEST, f"These are more than {most} images; ask about fewer at a time.")


async def _wanted(house: House, body: PreflightBody) -> tuple[Wanted, ...]:
    names = house.settings.preflight.platforms
    try:
        default = given_platforms(body.platform, names)
    except UsageError:
        raise Problem(Kind.BAD_REQUEST, "The platform is none; write one such as linux/amd64, or a name of the settings.") from None
    if body.workflow is None:
        return tuple(Wanted(image=image, platforms=default) for image in body.images or ())
    try:
        raw = body.workflow.encode()
        async with house.reading:
            workload = await asyncio.to_thread(partial(read_workload, raw, "workflow"))
    except UnreadableWorkload as error:
        raise Problem(Kind.BAD_REQUEST, str(error)) from None
    return wanted_in(workload, names, default)


ROUTES: Final = (
    Route(
        method="POST", path="/v1/preflight", answer=preflight, summary="Will a cluster pull these images with what this user has stored?",
        scopes=frozenset({Scope.PREFLIGHT}), takes=PreflightBody, says=PreflightAnswer, kinds=(Kind.NOT_FOUND,),
        example={"user": "ann", "images": ["nvcr.io/nvidia/cuda:12.4.1-base-ubuntu22.04"], "platform": "linux/amd64"},
    ),
)  # fmt: skip
