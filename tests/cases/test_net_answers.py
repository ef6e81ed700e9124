"""What comes back on the way: slow, cut, in a bad state, throttled, walled off. NET-10 … NET-12, NET-14 … NET-21, NET-32."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import BEARERS, IMAGE, Site, bare, page, refused, reply, token
from validator.config import Settings
from validator.emulator.hostile import Pause, Script, scripts

WHOLE: Final = json.dumps({"token": BEARERS["+"]}).encode()
PENDING: Final = {"NET-31": "the deadline is pre-flight's"}


def after_s(shown: Mapping[str, Any]) -> float:
    """Seconds from the answer to `retry_at`."""
    moments = (datetime.fromisoformat(shown[name]) for name in ("retry_at", "checked_at"))
    return (next(moments) - next(moments)).total_seconds()


def sent_once(site: Site) -> None:
    """The secret left once, for the token endpoint, and nothing followed."""
    assert [asked.step for asked in site.secrets] == ["L+"]


SLOW: Final[dict[str, Script]] = {
    "headers, then silence": scripts.headers_then_silence(),
    "a byte now and then": scripts.drip(WHOLE, every_s=0.15),
    "a head that does not end": scripts.slow_headers(every_s=0.15),
    "silence": scripts.silence(),
    "too late": scripts.late(3.0, token(BEARERS["+"])),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
@case("NET-10")
async def test_a_slow_answer_ends_at_the_whole_time(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    shown = row.holds(await world.check(total_s=1)).shown
    assert 900 <= shown["evidence"][-1]["ms"] < 2500
    assert Settings().timeouts.total_s == 15
    sent_once(site)


async def test_a_login_may_take_all_the_time_and_a_ping_not_two_thirds_of_it(world: World) -> None:
    """Registries sleep after a refusal; nobody sleeps over a ping (README 4.2.7: first byte 10 s of 15)."""
    site = await world.serve({"L+": scripts.late(0.8, token(BEARERS["+"]))})
    assert (await world.check(total_s=2)).credential == "valid (login_accepted)"
    site.script("P", scripts.silence())
    world.forget()
    assert (await world.check(total_s=1)).credential == "unknown (timeout)"


CHUNKED: Final = scripts.head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
CUT: Final[dict[str, Script]] = {
    "shorter than its length": scripts.cut_body(200, WHOLE),
    "whole by luck": scripts.cut_body(200, WHOLE, missing=1),
    "chunks without an end": scripts.chunks_without_end(WHOLE),
    "a chunk of no size": scripts.bad_chunking(WHOLE),
    "a chunk of no size, later": Script((CHUNKED, Pause(0.05), b"zz\r\n" + WHOLE + b"\r\n0\r\n\r\n"), keep=True),
    "a chunk of less than no size": Script((CHUNKED, Pause(0.05), b"-5\r\n" + WHOLE + b"\r\n0\r\n\r\n"), keep=True),
    "a chunk longer than it says": Script((CHUNKED, b"3\r\n" + WHOLE + b"\r\n0\r\n\r\n"), keep=True),
    "a length beside chunks": Script((scripts.head(200, {"Transfer-Encoding": "chunked", "Content-Length": "5"}), b"5\r\nhello\r\n0\r\n\r\n")),
}


@pytest.mark.parametrize("script", CUT.values(), ids=CUT.keys())
@case("NET-11")
async def test_a_cut_yes_is_no_yes(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    shown = row.holds(await world.check()).shown
    assert shown["evidence"][-1]["ms"] < 2000
    sent_once(site)


@pytest.mark.parametrize("body", [b'{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}', b'{"errors":[{"code":"UNAUTHORI'])
@case("NET-12")
async def test_a_cut_no_is_no_death(row: Row, body: bytes, world: World) -> None:
    site = await world.serve({"L+": scripts.cut_body(401, body, fields={"WWW-Authenticate": 'Bearer realm="https://auth.reg.test/token"'})})
    row.holds(await world.check())
    sent_once(site)


ILL: Final[dict[str, Script]] = {
    "500": refused(500, "UNKNOWN"), "502 html": page(502), "504": reply(504), "503 that says refused": refused(503, "UNAUTHORIZED"),
    "408": reply(408), "425": reply(425), "520 of a proxy": page(520),
}  # fmt: skip


@pytest.mark.parametrize("script", ILL.values(), ids=ILL.keys())
@case("NET-14")
async def test_an_ill_server_refuses_nobody(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    row.holds(await world.check())
    sent_once(site)


@case("NET-15")
async def test_an_ill_server_says_when_to_come_back(row: Row, world: World) -> None:
    await world.serve({"L+": reply(503, b"", {"Retry-After": "120"})})
    assert abs(after_s(row.holds(await world.check()).shown) - 120) <= 1


@case("NET-16")
async def test_a_throttle_says_when_to_come_back(row: Row, world: World) -> None:
    site = await world.serve({"L+": reply(429, b"", {"Retry-After": "30"})})
    assert abs(after_s(row.holds(await world.check()).shown) - 30) <= 1
    sent_once(site)
    world.forget()
    site.script("L+", reply(429, b"", {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)}))
    assert abs(after_s(row.holds(await world.check()).shown) - 3600) <= 5


@pytest.mark.parametrize("status", [429, 503])
async def test_when_to_come_back_stands_before_a_page_of_any_length(status: int, world: World) -> None:
    site = await world.serve({"L+": page(status, "<html>" + "later " * 20_000, **{"Retry-After": "120"})})
    result = await world.check()
    assert (result.credential, site.steps) == ("unknown (body_too_large)", ["P", "L+"])
    assert abs(after_s(result.shown) - 120) <= 2


PAST: Final = "Tue, 15 Nov 1994 08:12:31 GMT"


@pytest.mark.parametrize("told", ["-5", "soon", PAST, None, "", "1e9", "0x10", "12 14", "٣"])
@case("NET-17")
async def test_a_throttle_without_sense_has_the_default_delay(row: Row, told: str | None, world: World) -> None:
    await world.serve({"L+": reply(429, b"", {} if told is None else {"Retry-After": told})})
    assert abs(after_s(row.holds(await world.check()).shown) - 60) <= 1


@pytest.mark.parametrize("told", ["999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
@case("NET-18")
async def test_no_throttle_lasts_longer_than_a_day(row: Row, told: str, world: World) -> None:
    await world.serve({"L+": reply(429, b"", {"Retry-After": told})})
    assert abs(after_s(row.holds(await world.check()).shown) - 86_400) <= 1


CODES: Final[dict[str, Script]] = {
    "401": refused(401, "TOOMANYREQUESTS"), "403": refused(403, "TOOMANYREQUESTS"), "lower case": refused(401, "toomanyrequests"),
    "second of two": reply(401, {"errors": [{"code": "UNAUTHORIZED"}, {"code": "TOOMANYREQUESTS"}]}),
    "400": refused(400, "TOOMANYREQUESTS"),
}  # fmt: skip


@pytest.mark.parametrize("script", CODES.values(), ids=CODES.keys())
@case("NET-19")
async def test_the_code_beats_the_status(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    row.holds(await world.check())
    sent_once(site)


WALLS: Final[dict[str, Script]] = {
    "html": page(403), "html as text": reply(403, "<!DOCTYPE html><p>Access Denied</p>", {"Content-Type": "text/plain"}),
    "html as JSON": reply(403, " \n<html>blocked</html>"),
}  # fmt: skip


@pytest.mark.parametrize("script", WALLS.values(), ids=WALLS.keys())
@case("NET-20")
async def test_a_wall_is_no_denial(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    row.holds(await world.check())
    sent_once(site)


@case("NET-21")
async def test_a_wall_may_say_401_or_200(row: Row, world: World) -> None:
    for at, script in enumerate((page(401), page(200))):
        site = await world.serve({"L+": script})
        row.holds(await world.check(), at=at)
        sent_once(site)


ENCODED: Final[dict[str, Script]] = {
    "gzip": reply(200, gzip.compress(WHOLE), {"Content-Encoding": "gzip"}),
    "named, not done": reply(200, WHOLE, {"Content-Encoding": "br"}),
    "two": reply(200, WHOLE, {"Content-Encoding": "identity, gzip"}),
    "transfer": Script((scripts.head(200, {"Transfer-Encoding": "gzip, chunked"}), b"5\r\nhello\r\n0\r\n\r\n")),
    "a no, encoded": reply(401, gzip.compress(b'{"errors":[{"code":"UNAUTHORIZED"}]}'), {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("script", ENCODED.values(), ids=ENCODED.keys())
@case("NET-32")
async def test_an_encoding_that_nobody_wished_is_not_read(row: Row, script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    row.holds(await world.check())
    sent_once(site)
    assert site.at("L+")[0].value("accept-encoding") == "identity"


FITTING: Final[dict[str, Script]] = {
    "early hints": Script((b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", *token(BEARERS["+"]).steps), keep=True),
    "continue": Script((b"HTTP/1.1 100 Continue\r\n\r\n", *token(BEARERS["+"]).steps), keep=True),
    "until the end": Script((scripts.head(200, {"Content-Type": "application/json"}), WHOLE)),
    "in chunks": Script((scripts.head(200, {"Transfer-Encoding": "chunked"}), b"%x\r\n%s\r\n0\r\n\r\n" % (len(WHOLE), WHOLE)), keep=True),
    "identity": reply(200, WHOLE, {"Content-Encoding": "identity"}),
    "a byte at a time": scripts.drip(WHOLE, every_s=0),
    "text": reply(200, WHOLE, {"Content-Type": "text/plain"}),
}


@pytest.mark.parametrize("script", FITTING.values(), ids=FITTING.keys())
async def test_an_odd_way_to_say_yes_is_a_yes(script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    assert (await world.check()).credential == "valid (login_accepted)"
    sent_once(site)


FAULTS_OF_AN_IMAGE: Final[dict[str, tuple[Script, str]]] = {
    "throttled": (reply(429), "throttled"), "ill": (bare(page(503)), "server_error"), "late": (scripts.silence(), "timeout"),
    "a page": (bare(page(200)), "protocol"), "a wall": (bare(page(403)), "waf_block"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "reason"), FAULTS_OF_AN_IMAGE.values(), ids=FAULTS_OF_AN_IMAGE.keys())
async def test_what_befalls_the_image_does_not_befall_the_key(script: Script, reason: str, world: World) -> None:
    site = await world.serve({"H+": script})
    result = await world.check("--image", IMAGE, total_s=1)
    assert result.credential == "valid (login_accepted)"
    assert result.image == f"unknown ({reason})"
    assert len(site.at("H+")) == 1
