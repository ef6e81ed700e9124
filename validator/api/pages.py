"""`/`: the dashboard, for people with a browser. It only shows: nothing is started, stored or asked from here.

A browser signs in with a token, once, by a form; it then holds a cookie that no script reads and no other site can make it send
(HttpOnly, SameSite=Strict), which says which token it was, until when, and that we wrote it. The token itself is not in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qs

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import SecretStr
from yarl import URL

from validator import __version__
from validator.api.base.body import read_bytes
from validator.api.base.caller import Caller, bearer_of
from validator.api.base.house import House
from validator.api.base.problem import KINDS, Kind, Problem
from validator.api.base.route import Call, Route
from validator.api.base.watch import CALLER
from validator.api.registries import registries
from validator.api.sweeps import visible
from validator.ledger.tokens import Scope, Token
from validator.logs import hiding

SESSION_S: Final = 8 * 3600
COOKIE: Final = "validator_session"
MOST: Final = 8192
"""Bytes of the sign-in form."""

_READERS: Final = (Scope.READ,)


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("validator.api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the policy that lets it and nothing else in."""
    text = resources.files("validator.api").joinpath("static/style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    return text, policy


async def home(call: Call) -> web.Response:
    """What the visitor may see; the form for a token where nobody is known."""
    try:
        caller = await _visitor(call)
    except Problem as problem:
        return _form(problem.kind, problem.detail)
    if caller is None:
        return _form(Kind.UNAUTHORIZED, "")
    call.request[CALLER] = caller.key
    call.house.rate.take(caller.key)
    if not caller.may(*_READERS):
        return _form(Kind.FORBIDDEN, "This token does not allow to read; sign in with one of the scope read or admin.")
    return _page("home.html", 200, **await _seen(call, caller))


async def signed(call: Call) -> web.Response:
    """The form's answer: a cookie, or (`leave`) none any more. Only a page of ours may send it."""
    request = call.request
    origin = _own_origin(request)
    fields = parse_qs((await read_bytes(request, MOST, call.house.settings.api.body_s)).decode("utf-8", "replace"), max_num_fields=8)
    if "leave" in fields:
        answer = web.Response(status=303, headers={"Location": "/"})
        for name in (COOKIE, f"__Host-{COOKIE}"):
            answer.del_cookie(name, path="/", secure=name != COOKIE)
        return answer
    text = SecretStr(fields.get("token", [""])[0].strip())
    with hiding(text):
        try:
            token = await call.house.gate.find(text, request.remote)
        except Problem as problem:
            return _form(problem.kind, problem.detail, problem.headers)
    if token is None:
        return _form(Kind.UNAUTHORIZED, "This is no token of this service, or it was revoked.")
    secure = request.secure or origin.scheme == "https"
    answer = web.Response(status=303, headers={"Location": "/"})
    answer.set_cookie(
        f"__Host-{COOKIE}" if secure else COOKIE, _session(call.house, token), max_age=SESSION_S, path="/", secure=secure, httponly=True,
        samesite="Strict",
    )  # fmt: skip
    return answer


def _own_origin(request: web.Request) -> URL:
    """The page's origin, which must be ours; raises 403."""
    sent = request.headers.get("Origin", "")
    try:
        origin = URL(sent)
        own = bool(origin.host) and origin.authority == URL(f"{origin.scheme}://{request.host}").authority
    except ValueError:
        origin, own = URL(), False
    if own or request.headers.get("Sec-Fetch-Site") == "same-origin":
        return origin
    raise Problem(Kind.FORBIDDEN, "This form is sent from the dashboard itself, or not at all.")


def _session(house: House, token: Token) -> str:
    body = f"{token.id}.{int(house.now().timestamp()) + SESSION_S}"
    return f"{body}.{house.fingerprinter.mark(body)}"


async def _visitor(call: Call) -> Caller | None:
    """By cookie, else as every other route; None: nobody who said so. Raises Problem."""
    house, request = call.house, call.request
    for name in (f"__Host-{COOKIE}", COOKIE):
        body, _, mark = request.cookies.get(name, "").rpartition(".")
        id_, _, until = body.partition(".")
        if not hmac.compare_digest(mark.encode("utf-8", "replace"), house.fingerprinter.mark(body).encode()):
            continue
        token = await house.ledger.tokens.by_id(id_)
        if token is not None and until.isdigit() and int(until) > house.now().timestamp():
            return bearer_of(token)
    try:
        return await house.gate.caller(request)
    except Problem as problem:
        if problem.kind is Kind.UNAUTHORIZED and "Authorization" not in request.headers:
            return None
        raise


async def _seen(call: Call, caller: Caller) -> dict[str, Any]:
    asked = call.request.query.get("user", "")[:256]
    user = caller.only or (asked if asked.isprintable() else "") or None
    seen = await call.house.overviews.of(user)
    return {
        "user": user, "may_choose": caller.only is None, "overview": seen, "registries": await registries(call.house, caller),
        "sweeps": await visible(call.house, caller, 20), "signed_in": any(COOKIE in name for name in call.request.cookies),
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }  # fmt: skip


def _form(kind: Kind, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    page = _page("sign_in.html", KINDS[kind][0], detail=detail)
    page.headers.update(headers or {})
    if kind is Kind.UNAUTHORIZED:
        page.headers["WWW-Authenticate"] = 'Bearer realm="validator"'
    return page


def _page(name: str, status: int, **values: Any) -> web.Response:
    style, policy = _style()
    text = _environment().get_template(name).render(style=style, version=__version__, **values)
    # No referrer at all would make a browser send `Origin: null` with our own form.
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=headers)


ROUTES: Final = (
    Route(method="GET", path="/", answer=home, summary="The dashboard.", listed=False),
    Route(method="POST", path="/", answer=signed, summary="Sign in to the dashboard, or out.", listed=False),
)
