"""A store that cannot be written, a disk that is full, a clock that jumps, a key that is lost: what still works, and what is said."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.cases.running import Cli
from tests.cases.scripted import SECRET, USERNAME, Say, Scripted, tok
from tests.unwritable import kept_in, reachable, unwritable
from validator.ledger import engine

SET = ("credential", "set", "key", "--user", "ada", "--no-check", "--payload", f"username={USERNAME}", "auth=-")


async def stored(cli: Cli, registry: Scripted) -> None:
    assert (await cli.run(*SET, f"registry={registry.host}", stdin=SECRET)).code == 0


async def test_from_a_store_that_may_only_be_read_check_and_preflight_answer() -> None:
    with reachable() as home:
        async with Scripted({}) as registry:
            cli, folder = Cli(home, registries=registry.settings(), more=kept_in(home / "held")), home / "held"
            await stored(cli, registry)
            image = f"{registry.host}/team/app:1"
            asked = [
                ("preflight", image, "--user", "ada", "--format", "json"),
                ("check", registry.host, "--username", USERNAME, "--secret-stdin", "--format", "json"),
            ]
            for words in asked:
                assert (await cli.run(*words, stdin=SECRET)).code == 0  # and whatever is imported is imported
            before = {path.name: path.read_bytes() for path in folder.iterdir()}
            cli.configured().unlink()
            with unwritable(folder):
                preflight, check = [await cli.run(*words, stdin=SECRET) for words in asked]
                sweep = await cli.run("sweep")
            assert (preflight.code, preflight.shown["outcome"], preflight.shown["images"][0]["via"]) == (0, "ready", "key")
            assert (check.code, check.credential) == (0, "valid (login_accepted)")
            assert ["nothing is kept" in one.err for one in (preflight, check)] == [True, True]
            assert (sweep.code, sweep.out, "may not be written" in sweep.err) == (2, "", True)
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


async def test_a_disk_that_is_full_is_one_sentence_and_nothing_half_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await stored(cli, registry)
        real = engine._thread

        def full(path: Path, mode: str) -> Any:
            made = real(path, mode)
            if mode == "w":
                event.listen(made.engine, "connect", lambda driver, _: driver.execute("PRAGMA max_page_count = 1"))
            return made

        monkeypatch.setattr(engine, "_thread", full)
        lines = "".join(f'{{"user": "u{n}", "name": "n", "registry": "r{n}.test", "username": "u", "auth": "{"x" * 2000}"}}\n' for n in range(200))
        result = await cli.run("credential", "import", "-", "--no-check", stdin=lines)
        assert (result.code, result.out) == (4, "")
        assert result.err.splitlines()[-1].endswith("is full; make room and start again")
        monkeypatch.undo()
        with closing(sqlite3.connect(cli.home / "validator.db")) as connection:
            assert connection.execute("SELECT user FROM credentials").fetchall() == [("ada",)]
        assert (await cli.run("check", registry.host, "--username", USERNAME, "--secret-stdin", stdin=SECRET)).code == 0


JUMPS = {"a day back": timedelta(days=-1), "a year ahead": timedelta(days=365)}
QUICK = {"repeat_after_s": 0.05, "per_second": 1000, "burst": 1000}


@pytest.mark.parametrize("by", JUMPS.values(), ids=JUMPS.keys())
async def test_a_clock_that_jumps_makes_no_false_word_and_no_endless_wait(by: timedelta, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Scripted({}) as registry:
        cli.registries, cli.pace = registry.settings(), QUICK
        await stored(cli, registry)
        image = f"{registry.host}/team/app:1"

        async def told(secret: str) -> tuple[str, str, str]:
            check = await cli.check(registry.host, USERNAME, secret)
            preflight = await cli.run("preflight", image, "--user", "ada", "--format", "json")
            swept = await cli.run("sweep", "--no-wait", "--format", "json")
            return check.credential, preflight.shown["outcome"], swept.shown["credentials"][0]["verdict"]

        assert await told(SECRET) == ("valid (login_accepted)", "ready", "valid")
        monkeypatch.setattr("validator.app.datetime", moved(by))
        assert await told(SECRET) == ("valid (login_accepted)", "ready", "valid")
        wrong = await cli.check(registry.host, "somebody", "wrong")
        assert wrong.credential == "invalid (refused)"
        monkeypatch.setattr("validator.app.datetime", moved(timedelta(0)))
        assert (await cli.check(registry.host, USERNAME, SECRET)).credential == "valid (login_accepted)"


async def test_a_year_that_the_clock_ran_ahead_leaves_no_ban_and_no_spent_budget(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause, an illness and a spent budget of the year to come are over when their own time is, by the clock as it is set now."""
    slow = Say(429, b"", headers=(("Retry-After", "3600"),))
    async with Scripted({"L+": [tok(), slow, Say(503), tok()]}) as registry:
        cli.registries, cli.pace = registry.settings(), QUICK | {"refused": {60: 4}}
        await stored(cli, registry)

        async def asked(by: timedelta) -> tuple[str, str]:
            """What a check and a sweep say at this time."""
            monkeypatch.setattr("validator.app.datetime", moved(by))
            swept = await cli.run("sweep", "--no-wait", "--format", "json")
            return (await cli.check(registry.host, USERNAME, SECRET)).credential, swept.shown["credentials"][0]["verdict"]

        monkeypatch.setattr("validator.app.datetime", moved(timedelta(days=365)))
        assert [(await cli.check(registry.host, USERNAME, SECRET)).shown["reason"] for _ in range(3)] == [
            "login_accepted",
            "throttled",
            "server_error",
        ]
        wrong = [(await cli.check(registry.host, f"user{n}", "wrong")).shown["reason"] for n in range(6)]
        assert "budget_spent" in wrong, wrong
        await asked(timedelta(0))  # from here on its traces are a minute's
        assert await asked(timedelta(minutes=2)) == ("valid (login_accepted)", "valid")


def moved(by: timedelta) -> Any:
    """The wall clock of the program, set to another time."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # a plain one, not of this class
            return datetime.now(tz) + by

    return Moved


LOST: dict[str, tuple[Callable[[Path], object], str]] = {
    "lost": (lambda key: key.unlink(), "is missing, and"),
    "another's": (lambda key: shutil.copy(key.with_name("other.key"), key), "does not open"),
    "open to others": (lambda key: key.chmod(0o644), "chmod 600"),
    "cut short": (lambda key: key.write_text(key.read_text()[:40]), "is neither YAML nor JSON"),
}
COMMANDS = (
    ("status",), ("sweep",), ("preflight", "reg.test/a:1"), ("credential", "list"), ("key", "rotate"),
    (*SET, "registry=other.test"), ("migrate",), ("token", "list"),
)  # fmt: skip


@pytest.mark.parametrize(("lose", "words"), LOST.values(), ids=LOST.keys())
async def test_a_key_that_is_lost_is_one_sentence_from_every_command_and_nothing_is_replaced(
    lose: Callable[[Path], object], words: str, cli: Cli, tmp_path: Path
) -> None:
    async with Scripted({}) as registry:
        await stored(cli, registry)
    other = tmp_path / "other"
    other.mkdir()
    assert (await Cli(other).run(*SET, "registry=reg.test", stdin="x")).code == 0
    key = cli.home / "master.key"
    shutil.copy(other / "master.key", cli.home / "other.key")
    lose(key)
    before = {path.name: (path.read_bytes(), path.stat().st_mode) for path in cli.home.glob("*.key")}
    with closing(sqlite3.connect(cli.home / "validator.db")) as connection:
        rows = list(connection.iterdump())
    for command in COMMANDS:
        result = await cli.run(*command, stdin="secret")
        assert (result.code, result.out, result.err.count("\n"), words in result.err) == (2, "", 1, True), (command, result.err)
    assert {path.name: (path.read_bytes(), path.stat().st_mode) for path in cli.home.glob("*.key")} == before
    with closing(sqlite3.connect(cli.home / "validator.db")) as connection:
        assert list(connection.iterdump()) == rows
