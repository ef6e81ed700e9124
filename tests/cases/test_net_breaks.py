"""Connections that break: at each step, fresh and kept. NET-29, NET-30.

Whatever breaks wherever: the secret left at most once for each step that carries it, the verdict is `unknown` with the break's own
reason until a login was accepted, and after that the login's verdict stands.
"""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests.cases.network import Net, World
from tests.cases.rows import Row, case
from tests.cases.servers import BEARERS, IMAGE, Site, demanding, refused, token
from validator.emulator.hostile import Script, scripts
from validator.registry.base import Answer, Network, Request
from validator.registry.transport import AiohttpTransport

OWN: Final = "https://reg.test/token"
BREAKS: Final[dict[str, Script]] = {"close": scripts.drop(), "reset": scripts.reset()}


@pytest.mark.parametrize("script", BREAKS.values(), ids=BREAKS.keys())
@case("NET-29")
async def test_a_login_that_breaks_is_not_sent_again(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    row.holds(await world.check())
    assert len(site.secrets) == 1
    assert site.steps == ["P", "L+"]


class Patient(AiohttpTransport):
    """Sends a login only when every connection of before is closed on our side."""

    def __init__(self, network: Network, net: Net) -> None:
        super().__init__(network, resolver=net, socket_factory=net.open_socket)
        self._net = net

    async def send(self, request: Request) -> Answer:
        # the closing is the event loop's own doing, in another thread: no event tells it
        while request.url.path == "/token" and any(opened.fileno() != -1 for opened in self._net.sockets):
            await asyncio.sleep(0.01)
        return await super().send(request)


@case("NET-30")
async def test_a_kept_connection_that_was_closed_is_not_used(row: Row, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    closing = Script(demanding(OWN).steps)
    site = await world.serve({"P": closing, "L+": Script(token(BEARERS["+"]).steps), "L!": Script(refused().steps)}, realm=OWN)
    monkeypatch.setattr("validator.app.transport_for", lambda network: Patient(network, world.net))
    row.holds(await world.check(), at=0)
    assert [(asked.step, asked.connection) for asked in site.asked_of] == [("P", 1), ("L+", 2), ("L!", 3)]
    assert len(site.secrets) == 1


@pytest.mark.parametrize("script", BREAKS.values(), ids=BREAKS.keys())
@case("NET-30")
async def test_a_kept_connection_that_breaks_under_a_login_ends_it(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script}, realm=OWN)
    row.holds(await world.check(), at=1)
    assert [(asked.step, asked.connection) for asked in site.asked_of] == [("P", 1), ("L+", 1)]


NOT_HTTP: Final[dict[str, tuple[Script, str]]] = {
    "close": (scripts.drop(), "connect_failed"),
    "reset": (scripts.reset(), "connect_failed"),
    "half a head": (scripts.half_head(), "connect_failed"),
    "garbage": (scripts.garbage(), "protocol"),
    "no head": (scripts.http_09(), "protocol"),
    "NUL in a field": (scripts.nul_in_field(), "protocol"),
    "10 000 fields": (scripts.many_fields(), "protocol"),
    "two lengths": (scripts.two_lengths(), "protocol"),
    "a cut body": (scripts.cut_body(200, b"{}"), "protocol"),
    "reset in a body": (Script((scripts.head(200, {"Content-Length": "50"}), b"{", scripts.Reset())), "protocol"),
    "reset in a body without length": (Script((scripts.head(200, {"Content-Type": "application/json"}), b"{}", scripts.Reset())), "protocol"),
    "cut chunks": (scripts.chunks_without_end(), "protocol"),
    "HTTP/2 preface": (Script((b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",)), "protocol"),
    "switching protocols": (Script((b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",)), "protocol"),
}
SPLIT_STATUS: Final = {"half a head": {"connect_failed", "protocol"}}
"""A head that ends in its middle is a connection that broke and an answer that breaks the protocol; the notes choose neither."""


def allowed(name: str) -> set[str]:
    return SPLIT_STATUS.get(name, {NOT_HTTP[name][1]})


def reasons(*words: str) -> set[str]:
    return {f"unknown ({word})" for word in words}


def at_most_once(site: Site) -> None:
    """No step carried the secret twice."""
    steps = [asked.step for asked in site.secrets]
    assert len(steps) == len(set(steps)), f"the secret left twice: {steps}"


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_a_ping_that_breaks_lets_no_secret_out(name: str, world: World) -> None:
    site = await world.serve({"P": NOT_HTTP[name][0]})
    assert (await world.check()).credential in reasons(*allowed(name))
    assert set(site.steps) == {"P"}


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_a_login_that_breaks_is_unknown(name: str, world: World) -> None:
    site = await world.serve({"L+": NOT_HTTP[name][0]})
    assert (await world.check()).credential in reasons(*allowed(name))
    assert site.steps == ["P", "L+"]


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_a_scoped_login_that_breaks_leaves_the_image_unknown(name: str, world: World) -> None:
    site = await world.serve({"T+": NOT_HTTP[name][0]})
    result = await world.check("--image", IMAGE)
    assert result.credential == "valid (login_accepted)"
    assert result.image in reasons(*allowed(name))
    assert site.steps[:3] == ["P", "L+", "T+"]
    assert not site.at("H+")
    at_most_once(site)


@pytest.mark.parametrize("name", ["close", "reset", "half a head", "garbage", "no head", "NUL in a field", "10 000 fields", "two lengths"])
async def test_a_pull_that_breaks_leaves_the_image_unknown(name: str, world: World) -> None:
    site = await world.serve({"H+": NOT_HTTP[name][0]})
    result = await world.check("--image", IMAGE)
    assert result.credential == "valid (login_accepted)"
    assert result.image in reasons(*allowed(name))
    assert len(site.at("H+")) == 1
    at_most_once(site)


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_a_control_that_breaks_proves_nothing(name: str, world: World) -> None:
    """The secret was accepted; without a control that is no proof, and never a death."""
    site = await world.serve({"L!": NOT_HTTP[name][0]})
    assert (await world.check()).credential == "unprovable (control_missing)"
    at_most_once(site)


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_a_repeat_that_breaks_kills_nobody(name: str, world: World) -> None:
    """Refused once; the one repeat breaks: that is one refusal, and one is not enough where somebody waits."""
    site = await world.serve({"L+": [refused(), NOT_HTTP[name][0]]})
    assert (await world.check()).credential in reasons(*allowed(name), "ambiguous_refusal")
    assert [asked.step for asked in site.secrets] == ["L+", "L+"]


async def test_a_head_with_a_body_in_its_packet_is_no_answer_of_the_registry(world: World) -> None:
    """The HTTP library takes the body for a second answer; dependencies.md says what that is."""
    site = await world.serve({"H+": scripts.head_with_body(b'{"errors":[]}')})
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (login_accepted)", "unknown (protocol)")
    at_most_once(site)
