"""`/v1/users/{user}/credentials`: what is known of a user's stored credentials, and asking about one anew. Never a secret.

Another user's are 404, as if they were not there.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from validator.api.base.house import House
from validator.api.base.judging import CHECK_S, refused
from validator.api.base.problem import absent
from validator.api.base.route import Call, Route
from validator.api.base.shapes import CheckAnswer, CredentialRow, Credentials
from validator.credential import Credential
from validator.ledger.statuses import StatusKey, StatusRow, row_of, standing_of
from validator.ledger.tokens import Scope
from validator.probe import Inquiry, Probed
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.sealing import Fingerprint
from validator.shown import check_json, shown_username, status_row, status_rows, unasked_json
from validator.status import advance
from validator.stores.base import UnreadableRow
from validator.verdict import Outcome, Reason

MOST: Final = 256
"""Characters: no user has a longer name."""

_USER: Final = {"user": "Whose credentials, percent-encoded"}
_NAME: Final = {**_USER, "name": "The credential's name"}


async def listed(call: Call) -> web.Response:
    """All of one user's."""
    user = _user(call)
    return web.json_response({"credentials": await status_rows(call.house.ledger, call.house.store, user)})


async def one(call: Call) -> web.Response:
    """One of them."""
    user = _user(call)
    stored = await call.house.store.get(user, call.request.match_info["name"])
    if stored is None:
        raise absent()
    row = stored.row if isinstance(stored, Credential) else ""
    kept = [one for one in await call.house.ledger.statuses.all(user) if (one.key.scope, one.key.row) == (stored.scope, row)]
    return web.json_response(status_row(stored, kept[-1] if kept else None))


async def check(call: Call) -> web.Response:
    """Ask its registry now. What comes of it is written down like any other answer: one refusal makes a suspect, never a dead one."""
    house, user, name = call.house, _user(call), call.request.match_info["name"]
    stored = await house.store.get(user, name)
    if stored is None:
        raise absent()
    if isinstance(stored, UnreadableRow):
        return web.json_response(unasked_json(Outcome.UNKNOWN, Reason.UNREADABLE, str(stored.scope), "", house.now()))
    image = await _proof(house, stored)
    inquiry = Inquiry(host=stored.scope.host, credential=stored, image=image, proof=image is not None)
    async with house.refusals.turn(call.known.key) as turn:
        try:
            async with asyncio.timeout(CHECK_S):
                probed = await house.probe.ask(inquiry)
        except TimeoutError:
            return web.json_response(unasked_json(Outcome.UNKNOWN, Reason.DEADLINE, str(stored.scope), shown_username(stored), house.now()))
        turn.refused = refused(probed)
    await _write(house, stored, probed)
    house.metrics.verdict(stored.scope.host, probed.verdict.outcome, probed.verdict.reason)
    return web.json_response(check_json(probed, str(stored.scope), house.now(), str(image) if image is not None else None))


def _user(call: Call) -> str:
    user = call.request.match_info["user"]
    if len(user) > MOST or not call.known.sees(user):
        raise absent()
    return user


async def _proof(house: House, stored: Credential) -> Reference | None:
    """The image that its owner named as a proof, if it lies in the credential's scope."""
    text = (await house.store.proofs(stored.user)).get((stored.user, stored.name))
    if text is None:
        return None
    try:
        return parse_reference(text)
    except InvalidReference:
        return None


async def _write(house: House, stored: Credential, probed: Probed) -> None:
    key = StatusKey(stored.user, stored.scope, Fingerprint(str(probed.fingerprint)), stored.row)
    said, at = house.settings, house.now()
    sent = any(exchange.authorized for exchange in probed.evidence.exchanges)

    def step(kept: StatusRow | None) -> StatusRow:
        moved = advance(
            standing_of(kept), probed.verdict, at=at, confirm_after_s=probed.provider.pace.confirm_after_s, healthy=False, sent=sent,
            expiry_days=said.notices.expiry_days, dead_again_days=said.sweep.dead_again_days,
        )  # fmt: skip
        return row_of(key, stored.name, moved.standing)

    await house.ledger.statuses.change(key, step)


ROUTES: Final = (
    Route(
        method="GET", path="/v1/users/{user}/credentials", answer=listed, summary="A user's stored credentials and what was last confirmed of them.",
        scopes=frozenset({Scope.READ}), says=Credentials, parameters=_USER,
    ),
    Route(
        method="GET", path="/v1/users/{user}/credentials/{name}", answer=one, summary="One of them.",
        scopes=frozenset({Scope.READ}), says=CredentialRow, parameters=_NAME,
    ),
    Route(
        method="POST", path="/v1/users/{user}/credentials/{name}/check", answer=check, summary="Ask its registry about one of them now.",
        scopes=frozenset({Scope.CHECK, Scope.PREFLIGHT}), says=CheckAnswer, parameters=_NAME,
    ),
)  # fmt: skip
