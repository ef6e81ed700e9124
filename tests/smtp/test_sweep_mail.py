"""Nights whose notices go to a real mail server: who is told, who cannot be, and what a night without the server does."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import pytest

from tests.cases.rows import case
from tests.emulated.night import a_night, holds, said
from tests.smtp.sink import free_port, open_sink
from validator.ledger.notices import NoticeState
from validator.notifiers.base import Alert


@pytest.fixture
def nights(tmp_path):
    return lambda **settings: a_night(tmp_path, **settings)


def by_mail(url: str, **more: Any) -> dict[str, Any]:
    return {"urls": [url], "reminder_days": 0, **more}


def part(mail: EmailMessage, kind: str) -> str:
    found: Any = mail.get_body((kind,))
    return str(found.get_content())


@case("SWEEP-16")
async def test_a_user_without_address_keeps_a_status_and_is_listed_for_the_operator(row, nights):
    async with open_sink() as sink, nights(notices=by_mail(sink.url())) as night:
        await night.keep("ada", "key", "s1", 401)
        await night.keep("bob@example.org", "key", "s2", 401, username="bob")
        found = await night.sweep()
        assert found["key"].standing.state == "dead"
        assert {status.state for status in await night.opened.ledger.statuses.all("ada")} == {"dead"}
        assert night.shown["notices"] == {"sent": 1, "maybe_sent": 0, "failed": 0, "undeliverable": 1}
        assert (sink.to, night.told.alerts) == (["bob@example.org"], [Alert.UNDELIVERABLE])
        [lost] = await night.opened.ledger.notices.all(NoticeState.UNDELIVERABLE)
        assert (lost.user, lost.detail) == ("ada", "its address is not one mail address")
        await night.sweep(after_h=24)
        assert (night.told.alerts, len(sink.taken)) == ([], 1), "told once"
    assert row.note.startswith("status stored")


@case("SWEEP-17")
async def test_a_night_without_the_server_is_told_with_the_next_in_one_message(row, nights):
    port = free_port()
    url = f"mailto://127.0.0.1:{port}?from=validator@example.org&to={{address}}"
    async with nights(notices=by_mail(url, address="{user}@example.org")) as night:
        await night.keep("ada", "one", "s1", 401)
        assert said((await night.sweep())["one"]) == "invalid (refused)"
        assert night.shown["notices"] == {"sent": 0, "maybe_sent": 0, "failed": 1, "undeliverable": 0}
        await night.keep("ada", "two", "s2", 401, registry="reg.test/two", username="other")
        async with open_sink(port=port) as sink:
            holds(row, (await night.sweep(after_h=24))["two"], "dead", "never_worked")
            assert night.shown["notices"]["sent"] == 1
            await night.sweep(after_h=24)
            [mail] = sink.mails
        text = part(mail, "plain")
        assert (sink.to, '"one"' in text, '"two"' in text) == (["ada@example.org"], True, True)
    assert "digest merged" in row.note


async def test_what_a_registry_and_a_user_write_is_text_in_a_mail(nights):
    async with open_sink() as sink, nights(notices=by_mail(sink.url(), address="ada@example.org")) as night:
        await night.keep("<b>ada</b>", "key", "CANARY secret", 401, username="<i>jane</i>")
        await night.sweep()
        [mail] = sink.mails
        html, text = part(mail, "html"), part(mail, "plain")
        assert ("<b>ada" in html, "<i>jane" in html, "&lt;b&gt;ada&lt;/b&gt;" in html) == (False, False, True)
        assert "username=<i>jane</i>" in text
        assert "CANARY" not in str(sink.taken[0].content)
