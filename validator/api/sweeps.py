"""`/v1/sweeps`: start one, see how far it is. Who is bound to one user starts it for that user, and sees that user's rows alone."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from validator.api.base.body import Body, read_body
from validator.api.base.caller import Caller
from validator.api.base.house import House
from validator.api.base.problem import Kind, Problem, absent
from validator.api.base.route import Call, Route
from validator.api.base.shapes import SweepAnswer, Sweeps
from validator.api.base.sweeping import Started
from validator.credential import Host, UnreadableRegistry, canonical_host
from validator.ledger.tokens import Scope


class SweepBody(Body):
    """Filters; none: every stored credential."""

    user: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$", description="Only this user's")] | None = None
    registry: Annotated[str, Field(min_length=1, max_length=300, description="Only this registry's: host or host:port")] | None = None
    wait: Annotated[bool, Field(description="False: confirmations and a spent budget are left to the next sweep")] = True


async def listed(call: Call) -> web.Response:
    """The newest first."""
    return web.json_response({"sweeps": visible(call.house, call.known)})


def visible(house: House, caller: Caller) -> list[dict[str, Any]]:
    """A line for each sweep that the caller may know of, the newest first."""
    found = [seen_by(caller, one) for one in reversed(house.sweeping.past.values()) if _theirs(caller, one)]
    return [{key: one[key] for key in ("sweep", "state", "started_at", "finished_at", "totals")} for one in found]


async def one(call: Call) -> web.Response:
    """One of them."""
    started = call.house.sweeping.past.get(call.request.match_info["sweep"])
    if started is None or not _theirs(call.known, started):
        raise absent()
    return web.json_response(seen_by(call.known, started))


async def start(call: Call) -> web.Response:
    """Begin one in the background; it is stopped, with what is done, when the service stops."""
    house, said = call.house, call.house.settings.api
    body = await read_body(call.request, SweepBody, most=said.body_kib * 1024, within_s=said.body_s)
    if body.user is not None and not call.known.sees(body.user):
        raise absent()
    started = house.sweeping.start(user=body.user or call.known.only, registry=_registry(body.registry), wait=body.wait)
    return web.json_response(seen_by(call.known, started), status=202, headers={"Location": f"/v1/sweeps/{started.name}"})


def _registry(text: str | None) -> Host | None:
    try:
        return canonical_host(text) if text is not None else None
    except UnreadableRegistry:
        raise Problem(Kind.BAD_REQUEST, "The registry is no host, or host:port.") from None


def _theirs(caller: Caller, started: Started) -> bool:
    """A sweep for everybody is everybody's, as far as their own rows go."""
    return started.user is None or caller.sees(started.user)


def seen_by(caller: Caller, started: Started) -> dict[str, Any]:
    """The sweep as its caller may see it: of others' credentials not even how many there are."""
    shown = started.as_json()
    only = caller.only
    if only is None:
        return shown
    mine = [row for row in shown["credentials"] if row["user"] == only]
    return {
        **shown,
        "totals": dict(sorted(Counter(row["verdict"] for row in mine if row["verdict"] is not None).items())),
        "registries": [],
        "credentials": mine,
        "left_over": [left for left in shown["left_over"] if left["user"] == only],
        "notices": {"sent": 0, "maybe_sent": 0, "failed": 0, "undeliverable": 0},
    }


ROUTES: Final = (
    Route(
        method="GET", path="/v1/sweeps", answer=listed, summary="The sweeps of this process, the newest first.",
        scopes=frozenset({Scope.READ}), says=Sweeps,
    ),
    Route(
        method="POST", path="/v1/sweeps", answer=start, summary="Start a sweep; one at a time.", scopes=frozenset({Scope.ADMIN}),
        takes=SweepBody, says=SweepAnswer, status=202, kinds=(Kind.NOT_FOUND, Kind.CONFLICT), example={"registry": "nvcr.io"},
    ),
    Route(
        method="GET", path="/v1/sweeps/{sweep}", answer=one, summary="One sweep.", scopes=frozenset({Scope.READ}), says=SweepAnswer,
        parameters={"sweep": "Its name"},
    ),
)  # fmt: skip
