"""Mail to a real server: both parts, headers that nothing can be slipped into, and at each step the right word of what became of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from tests.smtp.sink import Sink, free_port, open_sink
from validator.notifiers.base import Handed, Letter, Outcome, is_one_address
from validator.notifiers.mail import Mail

LETTER = Letter(
    id="ab" * 16, user="ada", address="ada@example.org", subject="One thing", text=".begins with a dot\nGrüße\n", html="<p>Grüße &lt;b&gt;</p>",
    short="", at=datetime(2026, 11, 23, 2, 0, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with open_sink() as opened:
        yield opened


def mail(sink: Sink, url: str = "", *, to: str = "{address}") -> Mail:
    return Mail("mailto", SecretStr(url or sink.url(to=to)))


async def sent(channel: Mail, letter: Letter = LETTER) -> Outcome:
    try:
        return await channel.send(letter)
    finally:
        await channel.close()


async def test_a_letter_arrives_once_with_both_parts_and_a_name_that_stays(sink):
    assert await sent(mail(sink)) == Outcome(Handed.TAKEN)
    [one], [envelope] = sink.mails, sink.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("validator@example.org", ["ada@example.org"])
    headers = {name: str(one[name]) for name in ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted")}
    assert headers == {
        "From": "validator <validator@example.org>", "To": "ada@example.org", "Subject": "One thing", "Date": "Mon, 23 Nov 2026 02:00:00 +0000",
        "Message-ID": f"<{LETTER.id}@example.org>", "Auto-Submitted": "auto-generated",
    }  # fmt: skip
    assert one.get_content_type() == "multipart/alternative"
    text, html = one.iter_parts()
    assert (text.get_content_type(), text.get_content().replace("\r\n", "\n")) == ("text/plain", LETTER.text)
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", LETTER.html)


async def test_one_connection_serves_many_letters_and_one_that_was_ended_is_made_anew(sink):
    channel = mail(sink)
    for number in range(3):
        assert (await channel.send(replace(LETTER, id=str(number)))).handed is Handed.TAKEN
    assert sink.connections == 1
    sink.hang_up()
    assert (await sent(channel)).handed is Handed.TAKEN
    assert (sink.connections, len(sink.taken)) == (2, 4)


HOSTILE = {
    "a header in a subject": replace(LETTER, subject="x\r\nBcc: eve@evil.test"),
    "a second address": replace(LETTER, address="ada@example.org,eve@evil.test"),
    "a line end in an address": replace(LETTER, address="ada@example.org\r\nBcc: eve@evil.test"),
    "a name and an address": replace(LETTER, address="Eve <eve@evil.test>"),
    "an address in brackets": replace(LETTER, address="<eve@evil.test>"),
    "a parameter of the URL": replace(LETTER, address="ada@example.org&cc=eve@evil.test"),
    "no address": replace(LETTER, address="ada"),
}


@pytest.mark.parametrize("letter", HOSTILE.values(), ids=HOSTILE.keys())
async def test_nothing_is_slipped_into_a_header_or_an_envelope(sink, letter):
    outcome = await sent(mail(sink), letter)
    assert (outcome.handed, sink.taken, "eve" in outcome.detail) == (Handed.REFUSED, [], False)


ADDRESSES = {
    "ada@example.org": True, "a.d+a@mail.example.org": True, "ada@localhost": True, "o'brien@example.org": True, "jürgen@bücher.example": True,
    "ada": False, "": False, "@example.org": False, "ada@": False, "ada@@example.org": False, "ada@example.org,eve@x.org": False,
    "ada@example.org eve@x.org": False, "ada@example.org;eve@x.org": False, " ada@example.org": False, "ada@example.org\n": False,
    "ada\x00@example.org": False, "Ada <ada@example.org>": False, '"ada"@example.org': False, "ada(x)@example.org": False,
    "ada@exam\u202eple.org": False, "ada@-example.org": False, "ada@example..org": False, ".ada@example.org": False, "a..da@example.org": False,
    "ada%eve@example.org": False, "x" * 65 + "@example.org": False, "ada@" + "x" * 255: False, "ada@[127.0.0.1]": False,
}  # fmt: skip


@pytest.mark.parametrize(("text", "one"), ADDRESSES.items(), ids=map(repr, ADDRESSES))
def test_an_address_is_one_bare_address(text, one):
    assert is_one_address(text) is one


async def test_who_has_no_address_cannot_be_reached_by_a_url_that_wants_one(sink):
    channel = mail(sink)
    assert channel.unreachable("ada", "ada@example.org") is None
    assert channel.unreachable("ada", None) == "no address is known"
    assert channel.unreachable("ada", "ada") == "its address is not one mail address"
    assert mail(sink, to="team@example.org").unreachable("ada", None) is None


# what the relay says or does -> what became of the letter, and whether the relay is of no use to others now
RELAYS: dict[str, tuple[dict[str, list[str]], str, Handed, bool]] = {
    "greets with 421": ({}, "greeting", Handed.NOT_TAKEN, True),
    "refuses the sender": ({"mail": ["550 5.7.1 not you"]}, "", Handed.NOT_TAKEN, True),
    "ends at the sender": ({}, "mail", Handed.NOT_TAKEN, True),
    "knows no such box": ({"rcpt": ["550 5.1.1 no such user"]}, "", Handed.REFUSED, False),
    "knows no such box, in old words": ({"rcpt": ["550 no such user"]}, "", Handed.REFUSED, False),
    "wants it later": ({"rcpt": ["451 4.7.1 greylisted"]}, "", Handed.NOT_TAKEN, False),
    "does not relay": ({"rcpt": ["550 5.7.1 relaying denied"]}, "", Handed.NOT_TAKEN, False),
    "refuses DATA for now": ({"data": ["452 4.3.1 disk full"]}, "", Handed.NOT_TAKEN, False),
    "refuses the message": ({"data": ["554 5.6.0 not like that"]}, "", Handed.REFUSED, False),
    "ends before the message": ({}, "data", Handed.NOT_TAKEN, True),
    "ends after the message": ({}, "end", Handed.UNCLEAR, False),
}


@pytest.mark.parametrize(("answers", "drop", "handed", "down"), RELAYS.values(), ids=RELAYS.keys())
async def test_what_became_of_a_letter_is_known_at_each_step(sink, answers, drop, handed, down):
    sink.answers, sink.drop = {verb: list(said) for verb, said in answers.items()}, drop
    outcome = await sent(mail(sink))
    assert (outcome.handed, outcome.down) == (handed, down)
    assert len(sink.taken) == (drop == "end")
    sink.answers, sink.drop = {}, ""
    assert (await sent(mail(sink))).handed is Handed.TAKEN


async def test_where_nobody_listens_nothing_is_taken():
    outcome = await sent(Mail("mailto", SecretStr(f"mailto://127.0.0.1:{free_port()}?from=v@example.org&to={{address}}")))
    assert outcome == Outcome(Handed.NOT_TAKEN, "no connection to the relay (ConnectionRefusedError)", down=True)


async def test_three_refusals_of_a_kind_in_a_row_are_the_relays(sink):
    sink.answers = {"rcpt": ["550 5.7.1 relaying denied"] * 3}
    channel = mail(sink)
    assert [(await channel.send(LETTER)).down for _ in range(3)] == [False, False, True]
    await channel.close()


async def test_of_an_operators_recipients_those_that_can_get_it(sink):
    sink.answers = {"rcpt": ["550 5.1.1 gone"]}
    channel = mail(sink, to="old@example.org,new@example.org")
    assert await sent(channel, replace(LETTER, user="", address=None, html=None)) == Outcome(Handed.TAKEN, "1 of 2 recipients were refused")
    assert sink.to == ["new@example.org"]
    assert sink.mails[0].get_content_type() == "text/plain"


async def test_a_relay_that_hangs_is_let_go_and_nobody_knows(sink):
    sink.hold = asyncio.Event()
    channel = mail(sink)
    sending = asyncio.create_task(channel.send(LETTER))
    await sink.arrived.wait()
    await channel.close()
    assert (await sending).handed is Handed.UNCLEAR


async def test_an_address_beyond_ascii_goes_where_it_is_understood(sink):
    letter = replace(LETTER, address="jürgen@example.org")
    assert (await sent(mail(sink), letter)).handed is Handed.TAKEN
    assert sink.to == ["jürgen@example.org"]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return ca


def server_tls(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context


def with_login(sink: Sink) -> str:
    return f"mailtos://relay:CANARY%2Fpw@127.0.0.1:{sink.port}?from=validator@example.org&to={{address}}&mode=starttls"


async def test_a_login_is_made_behind_tls(authority):
    async with open_sink(tls=server_tls(authority), login=True) as sink:
        assert await sent(mail(sink, with_login(sink))) == Outcome(Handed.TAKEN)
        assert sink.logins == [(b"relay", b"CANARY/pw")]


async def test_a_relay_that_nobody_vouches_for_gets_neither_login_nor_letter(authority):
    async with open_sink(tls=server_tls(trustme.CA()), login=True) as sink:
        outcome = await sent(mail(sink, with_login(sink)))
        assert (outcome.handed, outcome.down, sink.logins, sink.taken) == (Handed.NOT_TAKEN, True, [], [])
        assert "CANARY" not in outcome.detail


async def test_a_url_that_names_nobody_or_cannot_be_read_takes_nothing(sink):
    for url in (sink.url(to="nobody"), "mailto://?from=x", "nonsense://CANARY"):
        outcome = await sent(Mail("mailto", SecretStr(url)))
        assert (outcome.handed, outcome.down, "CANARY" in outcome.detail) == (Handed.NOT_TAKEN, True, False)
