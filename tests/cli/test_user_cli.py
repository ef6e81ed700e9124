"""`validator user` and `validator notices`: what is set, shown and refused; messages by a real mail server from the command line."""

from __future__ import annotations

import sys

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import Scripted, err, tok
from tests.smtp.sink import free_port, open_sink

__all__ = ["cli"]

QUICK = {"repeat_after_s": 0.01, "confirm_after_s": 0.1}


async def test_a_user_is_set_bit_by_bit_and_forgotten(cli: Cli) -> None:
    first = await cli.run("user", "set", "ada", "--address", "ada@example.org", "--format", "json")
    assert first.shown == {"user": "ada", "address": "ada@example.org", "channel": None, "mute": False}
    await cli.run("user", "set", "ada", "--mute", "--channel", "slack")
    listed = await cli.run("user", "list", "--format", "json")
    assert listed.shown == {"users": [{"user": "ada", "address": "ada@example.org", "channel": "slack", "mute": True}]}
    await cli.run("user", "set", "ada", "--unmute", "--address", "", "--channel", "")
    shown = await cli.run("user", "show", "ada")
    assert shown.out.splitlines() == [
        "user: ada", "address: by the setting notices.address", "channel: all of notices.urls", "mute: no",
    ]  # fmt: skip
    assert (await cli.run("user", "delete", "ada")).code == 0
    assert (await cli.run("user", "delete", "ada")).code == 2
    assert (await cli.run("user", "list")).out == "user  address  channel  mute\n"


WRONG = {
    "two addresses": ("ada", "--address", "a@x.org,b@x.org"),
    "a name and an address": ("ada", "--address", "Ada <a@x.org>"),
    "a line end": ("ada", "--address", "a@x.org\nBcc: b@x.org"),
    "no address": ("ada", "--address", "ada"),
    "a blank in a channel": ("ada", "--channel", "a b"),
    "nothing to set": ("ada",),
    "no name": ("", "--mute"),
    "a name that cannot be shown": ("a\x1b[2J", "--mute"),
    "a word too many": ("ada", "--mute", "x"),
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
async def test_what_cannot_be_set_is_said_in_one_sentence(words: tuple[str, ...], cli: Cli) -> None:
    result = await cli.run("user", "set", *words)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert (await cli.run("user", "list", "--format", "json")).shown == {"users": []}


async def test_a_death_is_shown_before_it_is_sent_kept_while_the_server_is_down_and_sent_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validator.telling._FIRST_S", 0.01)
    monkeypatch.setattr(sys.modules["validator.cli.sweep"], "PATIENCE_S", 0.0)
    port, cli.pace = free_port(), dict(QUICK)
    cli.more = {"notices": {"urls": [f"mailto://127.0.0.1:{port}?from=v@example.org&to={{address}}"], "address": "{user}@example.org"}}
    async with Scripted({"L+": err("UNAUTHORIZED"), "L0": tok()}) as registry:
        cli.registries = registry.settings()
        words = ["--no-check", "--user", "ada", "--payload", f"registry={registry.host}", "username=jane", "auth=-"]
        await cli.run("credential", "set", "key", *words, stdin="CANARY secret")
        result = await cli.run("sweep", "--format", "json")
        assert result.shown["notices"] == {"sent": 0, "maybe_sent": 0, "failed": 1, "undeliverable": 0}
    [waiting] = (await cli.run("notices", "list", "--format", "json")).shown["notices"]
    assert (waiting["user"], waiting["state"], waiting["credentials"]) == ("ada", "queued", ["key"])
    assert waiting["detail"] == "no connection to the relay (ConnectionRefusedError)"
    [previewed] = (await cli.run("notices", "preview", "--format", "json")).shown["notices"]
    assert (previewed["address"], "has never worked" in previewed["subject"]) == ("ada@example.org", True)
    text = (await cli.run("notices", "preview")).out
    assert text.startswith("To ada by mailto\nSubject: ")
    async with open_sink(port=port) as sink:
        assert (await cli.run("notices", "send", "--format", "json")).shown["notices"]["sent"] == 1
        assert (sink.to, (await cli.run("notices", "send")).code) == (["ada@example.org"], 0)
    listed = await cli.run("notices", "list", "--all")
    assert ("sent" in listed.out, (await cli.run("notices", "list")).out) == (True, "nothing waits\n")
    assert "CANARY" not in text + listed.out + result.out + result.err + str(sink.taken[0].content)


async def test_a_wrong_url_is_a_mistake_in_the_settings_and_nothing_is_asked(cli: Cli) -> None:
    cli.more = {"notices": {"urls": ["nonsense://u:CANARY@x"]}}
    result = await cli.run("sweep")
    assert (result.code, "notices.urls: URL 1 (nonsense:)" in result.err, "CANARY" in result.err) == (2, True, False)


async def test_only_what_may_have_been_sent_or_was_refused_is_sent_again(cli: Cli) -> None:
    result = await cli.run("notices", "again", "nothing", "mailto")
    assert (result.code, "see `validator notices list`" in result.err) == (2, True)
