"""`POST /v1/check`: does a secret that the caller sends work? No stuffing proxy and no port scanner.

A refused login is spent of a quarter of the registry's failure budget (`Inquiry.given`); five of a caller in ten minutes, or five
hosts where no registry was, and the caller waits. Addresses that are not asked all get one answer, at one time.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field, SecretStr

from validator.api.base.body import Body, read_body
from validator.api.base.house import House
from validator.api.base.judging import CHECK_S, fruitless, platform_of, refused
from validator.api.base.problem import Kind, Problem
from validator.api.base.route import Call, Route
from validator.api.base.shapes import CheckAnswer
from validator.credential import Credential, RegistryScope, UnreadableRegistry, canonical_host, parse_scope
from validator.ledger.tokens import Scope
from validator.logs import hiding
from validator.probe import Inquiry, Probed
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.shown import check_json, invalid_image_json, unasked_json, unreadable_json
from validator.verdict import Outcome, Reason

NOT_ASKED: Final = frozenset({Reason.UNSAFE_ADDRESS, Reason.DNS_NXDOMAIN, Reason.DNS_FAILURE, Reason.HOST_UNKNOWN})
"""What tells a private name from one that does not exist, and one private address from another: all of these are one answer."""

NOT_ASKED_S: Final = 1.0
"""That answer comes at a multiple of this after the request: how long a name took to be looked up is not told."""

_CAUSE: Final = "There is no public address of this name that the service asks; nothing was sent."
_ADVICE: Final = "Check the registry's spelling; if it is right, the operator lists it in the settings (allow_private)"


class CheckBody(Body):
    """One username and secret, and an image if its pull is to be judged, too."""

    registry: Annotated[str, Field(min_length=1, max_length=512, description="Host, or host/path, as for docker login")]
    username: Annotated[str, Field(max_length=256)]
    auth: Annotated[SecretStr, Field(max_length=64 * 1024, description="The secret; it is not kept")]
    image: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    platform: Annotated[str, Field(min_length=1, max_length=64, description="Of the node, such as linux/amd64")] | None = None


async def check(call: Call) -> web.Response:
    """The verdict about one secret; nothing of it is kept but what every probe teaches the ledger."""
    house, said = call.house, call.house.settings.api
    body = await read_body(call.request, CheckBody, most=said.body_kib * 1024, within_s=said.body_s)
    with hiding(body.auth, body.username):
        async with house.refusals.turn(call.known.key) as turn:
            started = house.monotonic()
            try:
                scope = parse_scope(body.registry)
            except UnreadableRegistry as error:
                return web.json_response(unreadable_json(str(error), body.username, house.now()))
            inquiry, broken = _inquiry(body, scope)
            probed = await _ask(house, inquiry)
            at = house.now()
            if probed is None:
                return web.json_response(unasked_json(Outcome.UNKNOWN, Reason.DEADLINE, str(scope), body.username, at))
            turn.refused, turn.fruitless = refused(probed), fruitless(probed)
    house.metrics.verdict(scope.host, probed.verdict.outcome, probed.verdict.reason)
    if probed.verdict.reason in NOT_ASKED:
        return web.json_response(await _not_asked(house, scope, body.username, started))
    return web.json_response(_shown(probed, scope, at, inquiry.image, broken))


def _inquiry(body: CheckBody, scope: RegistryScope) -> tuple[Inquiry, dict[str, Any] | None]:
    """The question, and what is said of an image that is none. Raises 400 for an image of another registry."""
    platform = platform_of(body.platform) if body.platform is not None else None
    image, broken = None, None
    if body.image is not None:
        try:
            image = parse_reference(body.image)
        except InvalidReference as error:
            broken = invalid_image_json(body.image, str(error))
        else:
            if not scope.covers(_folded(image.domain), image.repository):
                raise Problem(Kind.BAD_REQUEST, "The image does not lie in the registry, or not in its path.")
    credential = Credential(user="", name="", scope=scope, username=body.username, secret=body.auth, written=body.registry)
    return Inquiry(host=scope.host, credential=credential, image=image, platform=platform, given=True), broken


async def _ask(house: House, inquiry: Inquiry) -> Probed | None:
    """The answer; None: not in time."""
    try:
        async with asyncio.timeout(CHECK_S):
            return await house.strangers.ask(inquiry)
    except TimeoutError:
        return None


async def _not_asked(house: House, scope: RegistryScope, username: str, started: float) -> dict[str, Any]:
    spent = house.monotonic() - started
    await house.probe.sleep(NOT_ASKED_S - spent % NOT_ASKED_S)
    return unasked_json(
        Outcome.UNKNOWN, Reason.UNSAFE_ADDRESS, str(scope), username, house.now(), cause=_CAUSE, advice=_ADVICE
    )  # fmt: skip


def _shown(probed: Probed, scope: RegistryScope, at: datetime, image: Reference | None, broken: dict[str, Any] | None) -> dict[str, Any]:
    shown = check_json(probed, str(scope), at, str(image) if image is not None else None)
    if broken is not None:
        shown["image"] = broken
    return shown


def _folded(domain: str) -> str:
    try:
        return canonical_host(domain)
    except UnreadableRegistry:
        return domain


ROUTES: Final = (
    Route(
        method="POST", path="/v1/check", answer=check, summary="Does this username and secret work, and may it pull this image?",
        scopes=frozenset({Scope.CHECK}), takes=CheckBody, says=CheckAnswer,
        example={"registry": "nvcr.io", "username": "$oauthtoken", "auth": "THE-SECRET", "image": "nvcr.io/acme/app:1"},
    ),
)  # fmt: skip
