"""`/v1/registries`: where credentials are for, how many are well, and what is left of a registry's patience."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from validator.api.base.caller import Caller
from validator.api.base.house import House
from validator.api.base.route import Call, Route
from validator.api.base.shapes import Registries
from validator.config import EVERY_HOST
from validator.credential import Host
from validator.ledger.tokens import Scope
from validator.probe.reach import provider_of, settings_of


async def listed(call: Call) -> web.Response:
    """All that the caller may know of."""
    return web.json_response({"registries": await registries(call.house, call.known)})


async def registries(house: House, caller: Caller) -> list[dict[str, Any]]:
    """By name. Who is bound to one user sees the registries of that user's credentials, and no figure that others are in."""
    states = (await house.overviews.of(caller.only)).states
    everything = caller.only is None
    named = {str(host) for host in house.settings.registries if host != EVERY_HOST} if everything else set()
    found: list[dict[str, Any]] = []
    for host in sorted(states.keys() | named):
        provider = provider_of(house.settings, Host(host), None)
        windows = sorted(provider.pace.refused.items()) if everything else []
        counts = states.get(host, Counter())
        found.append({
            "registry": host, "provider": provider.key, "title": provider.title, "disabled": settings_of(house.settings, Host(host)).disabled,
            "credentials": counts.total(), "states": dict(sorted(counts.items())),
            "refused": [{"window_s": window, "refused": await _refused(house, host, window), "most": most} for window, most in windows],
        })  # fmt: skip
    return found


async def _refused(house: House, host: str, window_s: int) -> int:
    return await house.ledger.budgets.count(host, house.now() - timedelta(seconds=window_s))


ROUTES: Final = (
    Route(
        method="GET", path="/v1/registries", answer=listed, summary="Registries with stored credentials, and those of the settings.",
        scopes=frozenset({Scope.READ}), says=Registries,
    ),
)  # fmt: skip
