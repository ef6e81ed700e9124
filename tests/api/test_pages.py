"""The dashboard: a browser signs in with a token, holds a cookie that nothing else reads, and sees what the token may see."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from tests.api.conftest import Answered, Open, Service
from validator.api.pages import COOKIE, SESSION_S

EVIL = "<script>alert(1)</script>"


async def sign_in(service: Service, token: str, **headers: str) -> Answered:
    own = {"Origin": f"{service.url}".rstrip("/"), "Content-Type": "application/x-www-form-urlencoded"}
    return await service.ask("POST", "/", f"token={token}".encode(), headers={**own, **headers})


def cookie_of(answer: Answered) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


async def test_a_browser_signs_in_and_out(service: Service) -> None:
    await service.keep("ann", "key", "nvcr.io/ann")
    first = await service.get("/")
    assert (first.status, first.headers["Content-Type"], "Sign in" in first.text) == (401, "text/html; charset=utf-8", True)
    token = await service.token("read", user="ann")
    answer = await sign_in(service, token)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    attributes = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(re.split(r"; ?", attributes))
    assert token.rpartition("_")[2] not in attributes, "the token is not in the cookie"
    page = await service.get("/", headers={"Cookie": cookie_of(answer)})
    assert (page.status, "nvcr.io" in page.text, "Sign out" in page.text) == (200, True, True)
    left = await service.ask("POST", "/", b"leave=1", headers={"Origin": f"{service.url}".rstrip("/"), "Cookie": cookie_of(answer)})
    assert (left.status, "Max-Age=0" in left.headers["Set-Cookie"]) == (303, True)


async def test_over_https_the_cookie_is_for_https_alone(service: Service) -> None:
    answer = await sign_in(service, await service.token("read"), Origin=f"https://{service.url.authority}")
    assert answer.headers["Set-Cookie"].startswith(f"__Host-{COOKIE}=")
    assert "Secure" in answer.headers["Set-Cookie"]


FOREIGN = {
    "no origin": {"Origin": ""},
    "another origin": {"Origin": "https://evil.test"},
    "a null origin": {"Origin": "null"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "no URL": {"Origin": "http://[x"},
    "another site by its own word": {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
async def test_no_other_page_signs_a_browser_in_or_out(headers: dict[str, str], service: Service) -> None:
    answer = await sign_in(service, await service.token("read"), **headers)
    assert (answer.status, answer.kind, "Set-Cookie" in answer.headers) == (403, "forbidden", False)


async def test_the_cookie_opens_the_page_alone_and_not_for_ever(service: Service) -> None:
    cookie = cookie_of(await sign_in(service, await service.token("read")))
    assert (await service.get("/v1/sweeps", headers={"Cookie": cookie})).status == 401, "no route that a foreign page could use"
    name, _, value = cookie.partition("=")
    id_, until, mark = value.split(".")
    forged = [f"{id_}.{int(until) + 99999}.{mark}", f"{id_}.{until}.{'0' * 64}", f"{id_}.{until}", "", "a.b.c.d", f"{id_}.{until}.{mark}x", "é"]
    for wrong in forged:
        assert (await service.get("/", headers={"Cookie": f"{name}={wrong}"})).status == 401
    real = service.house.probe.now
    service.house.probe.now = lambda: real() + timedelta(seconds=SESSION_S + 1)
    assert (await service.get("/", headers={"Cookie": cookie})).status == 401
    service.house.probe.now = real
    await service.house.ledger.tokens.revoke("token-0")
    assert (await service.get("/", headers={"Cookie": cookie})).status == 401, "revoked"


async def test_a_wrong_token_is_told_without_it(service: Service) -> None:
    answer = await sign_in(service, "CANARY-9f3c")
    assert (answer.status, "no token of this service" in answer.text, "CANARY" in answer.text) == (401, True, False)
    assert (await sign_in(service, "")).status == 401


async def test_a_token_that_may_not_read_sees_nothing(service: Service) -> None:
    token = await service.token("check")
    assert (await service.get("/", token)).status == 403
    assert (await service.get("/", headers={"Cookie": cookie_of(await sign_in(service, token))})).status == 403


async def test_many_wrong_tokens_wait_here_too(service: Service) -> None:
    assert [(await sign_in(service, f"wrong-{number}")).status for number in range(32)][-1] == 429


async def test_what_users_and_registries_wrote_is_text(service: Service) -> None:
    await service.keep(EVIL, "key", "nvcr.io")
    token = await service.token("read")
    for path, shown in (("/", "&lt;script&gt;alert(1)"), (f"/?user={quote(EVIL)}", "&lt;script&gt;"), ("/?user=%3Cb%3E", "&lt;b&gt;")):
        page = await service.get(path, token)
        assert (page.status, shown in page.text) == (200, True)
        assert "<script" not in page.text
        assert "<b>" not in page.text


async def test_a_browser_runs_nothing_and_loads_nothing(service: Service) -> None:
    for page in (await service.get("/"), await service.get("/", await service.token("read"))):
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "script-src" not in policy
        style = page.text.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy
        assert not re.search(r"<script|\son\w+=|style=|https?://|javascript:", page.text)
        assert page.headers["X-Frame-Options"] == "DENY"


async def test_all_users_are_shown_what_ails_first_and_by_choice_one(service: Service) -> None:
    for number in range(3):
        await service.keep(f"user{number}", "key", "nvcr.io")
    token = await service.token("read")
    page = (await service.get("/", token)).text
    assert [f"user{number}" in page for number in range(3)] == [True] * 3
    page = (await service.get("/?user=user1", token)).text
    assert ("user1" in page, "user2" in page) == (True, False)


class Outline(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "label":
            self.labels.add(dict(attrs).get("for") or "")
        if tag == "input":
            self.inputs.append(dict(attrs))


@pytest.mark.parametrize("signed", [False, True])
async def test_a_page_can_be_used_without_eyes_or_mouse(signed: bool, service: Service) -> None:
    page = Outline()
    page.feed((await service.get("/", await service.token("read") if signed else None)).text)
    tags = [tag for tag, _ in page.found]
    assert ("html", {"lang": "en"}) in page.found
    assert (tags.count("h1"), tags.count("main"), tags.count("title")) == (1, 1, 1)
    assert all(one["id"] in page.labels for one in page.inputs if one.get("type") != "hidden")
    assert tags.count("caption") == tags.count("table")
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.found if tag == "th")
    assert "skip" in [attrs.get("class") for tag, attrs in page.found if tag == "a"]


async def test_the_page_shows_an_opening_that_counts(opening: Open) -> None:
    async with opening(api={"burst": 2, "per_second": 0.01}) as service:
        token = await service.token("read")
        assert [(await service.get("/", token)).status for _ in range(3)] == [200, 200, 429]
