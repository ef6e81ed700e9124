"""Chats by apprise, and machines' webhooks: what is sure and what is not, texts that stay texts, and nothing of a URL in a log."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from pydantic import SecretStr

from tests.smtp.sink import free_port
from validator.logs import configure_logging
from validator.notifiers.base import Handed, Letter, is_carried
from validator.notifiers.chat import Chat, outcome_of
from validator.notifiers.urls import filled
from validator.notifiers.webhook import Webhook

LETTER = Letter(
    id="cd" * 16, user="ada", address="ada@example.org", subject="Two & <three>", text="Hello <!channel> & *ada*\n    auth=- '$oauthtoken'\n@everyone",
    html=None, short="", at=datetime(2026, 11, 23, 2, 0, tzinfo=UTC), facts={"sweep": "one", "events": []},
)  # fmt: skip


@dataclass
class Service:
    """Somebody's HTTP service; answers `status`, after `hold` where that is set."""

    status: int = 200
    location: str = ""
    hold: asyncio.Event | None = None
    seen: list[tuple[str, Any, bytes]] = field(default_factory=list)
    server: BaseTestServer | None = None

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.path, request.headers.copy(), await request.read()))
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(status=self.status, text="ok", headers={"Location": self.location} if self.location else {})

    @property
    def place(self) -> str:
        assert self.server is not None
        return f"127.0.0.1:{self.server.port}"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    async with TestServer(app, host="127.0.0.1") as made.server:
        yield made
        if made.hold is not None:
            made.hold.set()


def chat(service: Service, path: str = "hook", more: str = "") -> Chat:
    return Chat("json", SecretStr(f"json://{service.place}/{path}?cto=2{more}"))


async def test_a_letter_is_posted_once_as_it_is(service):
    assert (await chat(service).send(LETTER)).handed is Handed.TAKEN
    [(_, _, body)] = service.seen
    said = json.loads(body)
    assert (said["title"], said["message"]) == (LETTER.subject, LETTER.text.replace("@everyone", "@\u200beveryone"))


SERVICES = {
    "400": (400, Handed.NOT_TAKEN), "401": (401, Handed.NOT_TAKEN), "429": (429, Handed.NOT_TAKEN), "503": (503, Handed.NOT_TAKEN),
    "500: it may have gone on": (500, Handed.UNCLEAR), "504: it may have gone on": (504, Handed.UNCLEAR), "302": (302, Handed.UNCLEAR),
}  # fmt: skip


@pytest.mark.parametrize(("status", "handed"), SERVICES.values(), ids=SERVICES.keys())
async def test_a_service_that_says_no_has_not_taken_it_where_that_is_sure(service, status, handed):
    service.status, service.location = status, "/elsewhere"
    assert (await chat(service).send(LETTER)).handed is handed
    assert [path for path, _, _ in service.seen] == ["/hook"], "no redirect is followed"


async def test_where_nobody_listens_nothing_is_taken():
    outcome = await Chat("json", SecretStr(f"json://127.0.0.1:{free_port()}/CANARY")).send(LETTER)
    assert (outcome.handed, outcome.down, outcome.detail) == (Handed.NOT_TAKEN, True, "no connection to the service")


async def test_a_service_that_hangs_may_have_taken_it(service):
    service.hold = asyncio.Event()
    outcome = await chat(service, more="&rto=0.2").send(LETTER)
    assert (outcome.handed, len(service.seen)) == (Handed.UNCLEAR, 1)


def test_with_several_targets_no_failure_is_sure():
    assert outcome_of("FAILURE", "error=401", targets=2).handed is Handed.UNCLEAR
    assert outcome_of("TIMEOUT", "", targets=1).handed is Handed.UNCLEAR


async def test_what_slack_gets_is_text_and_calls_nobody(service, monkeypatch):
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{service.place}/services")
    monkeypatch.setattr(NotifySlack, "request_rate_per_sec", 0)
    url = SecretStr("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/@{user}")
    assert (await Chat("slack", url).send(LETTER)).handed is Handed.TAKEN
    said = json.loads(service.seen[0][2])
    text = json.dumps(said)
    assert ("<!channel>" in text, "&lt;!channel&gt; &amp; *ada*" in text, said["channel"]) == (False, True, "@ada")


async def test_a_text_that_is_too_long_for_a_service_is_cut_and_says_so(service, monkeypatch):
    from apprise.plugins.custom_json import NotifyJSON

    monkeypatch.setattr(NotifyJSON, "body_maxlen", 1000)
    assert (await chat(service).send(replace(LETTER, text="a line of thirty characters...\n" * 100))).handed is Handed.TAKEN
    said = json.loads(service.seen[0][2])["message"]
    assert (len(said) <= 800, said.splitlines()[-1]) == (True, "… and more; `validator status` shows all.")


NAMES = {
    "ada": True, "ada@example.org": True, "jürgen": True, "a.b-c_d+e~f": True, "": False, ".": False, "..": False, "a/b": False, "a,b": False,
    "a b": False, "a#general": False, "a?to=b": False, "a%2fb": False, "a\n": False, "a\u202eb": False, "a;b": False, "a:b": False,
}  # fmt: skip


@pytest.mark.parametrize(("name", "carried"), NAMES.items(), ids=map(repr, NAMES))
def test_a_name_goes_into_a_url_only_if_nothing_in_it_can_part_it(name, carried):
    assert is_carried(name) is carried


def test_a_value_in_a_url_ends_no_part_of_it():
    url = filled(SecretStr("json://h/{user}?to={address}&x=1"), "a/b?c#d&e", "x,y &z=@example.org")
    assert url.get_secret_value() == "json://h/a%2Fb%3Fc%23d%26e?to=x%2Cy%20%26z%3D%40example.org&x=1"


def test_who_cannot_be_written_in_a_url_is_not_reached_by_it():
    by_name, by_address, room = (Chat("x", SecretStr(f"json://h/{place}")) for place in ("{user}", "{address}", "room"))
    assert by_name.unreachable("a/b", None) == "its name cannot be written in this URL"
    assert (by_address.unreachable("ada", None), by_address.unreachable("ada", "a@b,c@d")) == (
        "no address is known", "its address cannot be written in this URL",
    )  # fmt: skip
    assert room.unreachable("a/b", None) is None


@pytest.mark.parametrize("url", ["json://u:CANARY@{place}/x?+X-Token=CANARY", "json://127.0.0.1:1/CANARY", "nonsense://CANARY", "slack://CANARY"])
async def test_nothing_of_a_url_is_ever_logged(service, url, caplog):
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    configure_logging("debug", stream=stream)
    try:
        outcome = await Chat("json", SecretStr(url.format(place=service.place))).send(LETTER)
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    assert "CANARY" not in stream.getvalue() + caplog.text + repr(outcome)


async def test_a_machine_gets_the_facts_signed_by_the_operators_key(service, tmp_path):
    (tmp_path / "key").write_text("a key of ours\n")
    hook = Webhook(f"http://{service.place}/hook", tmp_path / "key")
    assert (await hook.send(LETTER)).handed is Handed.TAKEN
    [(_, headers, body)] = service.seen
    assert json.loads(body) == {"id": LETTER.id, "sweep": "one", "events": []}
    at = str(int(LETTER.at.timestamp()))
    wanted = hmac.new(b"a key of ours", at.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert (headers["X-Validator-Id"], headers["X-Validator-Timestamp"]) == (LETTER.id, at)
    assert headers["X-Validator-Signature"] == f"v1={wanted}"
    assert not {"Cookie", "Authorization"} & set(headers)


async def test_a_machine_that_did_not_take_it_gets_it_again_and_no_other_place_does(service, tmp_path):
    service.status, service.location = 307, "/elsewhere"
    hook = Webhook(f"http://{service.place}/hook", None)
    assert ((await hook.send(LETTER)).handed, len(service.seen)) == (Handed.NOT_TAKEN, 1)
    assert (await Webhook(f"http://127.0.0.1:{free_port()}/", None).send(LETTER)).handed is Handed.NOT_TAKEN
    for path, text in ((tmp_path / "none", None), (tmp_path / "empty", " \n")):
        if text is not None:
            path.write_text(text)
        outcome = await Webhook(f"http://{service.place}/hook", Path(path)).send(replace(LETTER))
        assert (outcome.handed, outcome.detail, len(service.seen)) == (Handed.NOT_TAKEN, "notices.webhook.secret_file has no key", 1)
