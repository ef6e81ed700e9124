"""`/v1/sweeps`: start one, see how far it is. Who is bound to one user starts it for that user, and sees that user's rows alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from validator.api.base.body import Body, read_body
from validator.api.base.caller import Caller
from validator.api.base.house import House
from validator.api.base.problem import Kind, Problem, absent
from validator.api.base.route import Call, Route
from validator.api.base.shapes import SweepAnswer, Sweeps, SweepStarted
from validator.credential import Host, UnreadableRegistry, canonical_host
from validator.ledger.base.sweeping import SWEEP_ROWS
from validator.ledger.sweeps import SweepRow
from validator.ledger.tokens import Scope
from validator.shown import instant
from validator.sweep.shown import kept_report, left_json, pieces, row_json

NEWEST: Final = 100
"""Sweeps of a list."""
_NO_NOTICES: Final = {"sent": 0, "maybe_sent": 0, "failed": 0, "undeliverable": 0}


class SweepBody(Body):
    """Filters; none: every stored credential."""

    user: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$", description="Only this user's")] | None = None
    registry: Annotated[str, Field(min_length=1, max_length=300, description="Only this registry's: host or host:port")] | None = None
    wait: Annotated[bool, Field(description="False: confirmations and a spent budget are left to the next sweep")] = True


async def listed(call: Call) -> web.Response:
    """The newest first, of this service, the command line and the schedule alike."""
    return web.json_response({"sweeps": await visible(call.house, call.known, NEWEST)})


async def visible(house: House, caller: Caller, limit: int) -> list[dict[str, Any]]:
    """A line for each sweep that the caller may know of."""
    found = [one for one in await house.ledger.sweeps.newest(NEWEST) if _theirs(caller, one)][:limit]
    return [{**_line(house, one), "totals": await _totals(house, caller, one)} for one in found]


async def one(call: Call) -> web.StreamResponse:
    """One of them, row by row: no size of it fills the memory. Of all but the newest the rows are gone."""
    house, caller = call.house, call.known
    sweep = await house.ledger.sweeps.get(call.request.match_info["sweep"])
    if sweep is None or not _theirs(caller, sweep):
        raise absent()
    if caller.only is not None:
        return web.json_response(await _own_part(house, sweep, caller.only))
    answer = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await answer.prepare(call.request)
    async for text in _whole(house, sweep):
        await answer.write(text.encode())
    await answer.write_eof()
    return answer


async def start(call: Call) -> web.Response:
    """Begin one in the background; it is stopped, with what is done, when the service stops."""
    house, said = call.house, call.house.settings.api
    body = await read_body(call.request, SweepBody, most=said.body_kib * 1024, within_s=said.body_s)
    if body.user is not None and not call.known.sees(body.user):
        raise absent()
    name = await house.sweeping.start(user=body.user or call.known.only, registry=_registry(body.registry), wait=body.wait)
    return web.json_response({"sweep": name}, status=202, headers={"Location": f"/v1/sweeps/{name}"})


def _registry(text: str | None) -> Host | None:
    try:
        return canonical_host(text) if text is not None else None
    except UnreadableRegistry:
        raise Problem(Kind.BAD_REQUEST, "The registry is no host, or host:port.") from None


def _theirs(caller: Caller, sweep: SweepRow) -> bool:
    """A sweep for everybody is everybody's, as far as their own rows go."""
    return sweep.filters.user is None or caller.sees(sweep.filters.user)


def _line(house: House, sweep: SweepRow) -> dict[str, Any]:
    return {
        "sweep": sweep.id, "state": _state(house, sweep), "started_at": instant(sweep.started_at), "finished_at": instant(sweep.finished_at),
    }  # fmt: skip


def _state(house: House, sweep: SweepRow) -> str:
    """`stopped`: by a signal, or its process is gone; the next one with its filters goes on with it."""
    if sweep.finished_at is not None:
        return "finished"
    if sweep.id in house.sweeping.failed:
        return "failed"
    return "running" if sweep.is_led(house.now()) else "stopped"


async def _totals(house: House, caller: Caller, sweep: SweepRow) -> Mapping[str, int]:
    if caller.only is None:
        return (await house.ledger.reports.summary(sweep.id)).totals
    rows = house.ledger.reports.rows(sweep.id, SWEEP_ROWS.c.user == caller.only)
    return dict(Counter([row.verdict async for row in rows if row.verdict is not None]))


async def _whole(house: House, sweep: SweepRow) -> AsyncIterator[str]:
    report = await kept_report(house.ledger, sweep.id)
    if report is None:
        return
    first = True
    async for text in pieces(house.ledger, report):
        yield f'{{"state": {json.dumps(_state(house, sweep))}, {text[1:]}' if first else text
        first = False


async def _own_part(house: House, sweep: SweepRow, user: str) -> dict[str, Any]:
    """What one user may see of a sweep: of others' credentials not even how many there are."""
    report = await kept_report(house.ledger, sweep.id)
    rows = [row async for row in house.ledger.reports.rows(sweep.id, SWEEP_ROWS.c.user == user)]
    left = [row for row in rows if row.left_over is not None]
    return {
        **_line(house, sweep),
        "totals": dict(Counter(row.verdict for row in rows if row.verdict is not None)),
        "registries": [],
        "credentials": [row_json(row) for row in rows],
        "left_over": [left_json(row, report) for row in left] if report is not None else [],
        "notices": dict(_NO_NOTICES),
    }


ROUTES: Final = (
    Route(
        method="GET", path="/v1/sweeps", answer=listed, summary="The sweeps, the newest first.", scopes=frozenset({Scope.READ}), says=Sweeps,
    ),
    Route(
        method="POST", path="/v1/sweeps", answer=start, summary="Start a sweep, or go on with one that was cut off; one at a time.",
        scopes=frozenset({Scope.ADMIN}), takes=SweepBody, says=SweepStarted, status=202, kinds=(Kind.NOT_FOUND, Kind.CONFLICT),
        example={"registry": "nvcr.io"},
    ),
    Route(
        method="GET", path="/v1/sweeps/{sweep}", answer=one, summary="One sweep.", scopes=frozenset({Scope.READ}), says=SweepAnswer,
        parameters={"sweep": "Its name"},
    ),
)  # fmt: skip
