"""What a registry echoes and a user stores is in no message, no list of them, no log and no file in clear."""

from __future__ import annotations

import json

from tests.cases.running import Cli, cli
from tests.cases.scripted import Scripted, tok
from tests.security.test_canary_cli import CANARY, USERNAME, assert_sealed, echo, found_in
from tests.smtp.sink import open_sink

__all__ = ["cli"]


async def test_a_message_shows_no_secret_whatever_the_registry_echoes(cli: Cli) -> None:
    cli.pace = {"repeat_after_s": 0.01, "confirm_after_s": 0.1, "refused": {60: 1000}}
    async with open_sink() as sink, Scripted({"L+": echo(), "L0": tok()}) as registry:
        cli.more = {"notices": {"urls": [sink.url()], "operator": [sink.url(to="ops@example.org")], "address": "{user}@example.org"}}
        cli.registries = registry.settings()
        for user, username in (("ada", USERNAME), ("bob", CANARY)):  # the second has put the secret in both places
            words = [
                "credential",
                "set",
                "key",
                "--no-check",
                "--user",
                user,
                "--payload",
                f"registry={registry.host}",
                f"username={username}",
                "auth=-",
            ]
            assert (await cli.run(*words, stdin=CANARY)).code == 0
        shown: list[str] = []
        for words in (
            ["sweep", "--format", "json", "--log-level", "debug"], ["notices", "list", "--all", "--format", "json"], ["notices", "list", "--all"],
            ["notices", "preview"], ["notices", "send", "--log-level", "debug"], ["user", "list"],
        ):  # fmt: skip
            result = await cli.run(*words)
            shown += [result.out, result.err]
        assert json.loads(shown[0])["notices"]["sent"] == 2
        shown += [str(mail) for mail in sink.mails]
        assert [found for text in shown for found in found_in(text)] == []
        assert sorted(sink.to) == ["ada@example.org", "bob@example.org"]
    assert_sealed(cli.home)
