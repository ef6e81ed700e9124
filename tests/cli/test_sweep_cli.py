"""`validator sweep` and `validator status` as commands: options, what they print and how they end."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sqlite3
import sys
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Say, Scripted, err, tok
from validator.emulator import DockerHub

__all__ = ["cli"]

QUICK = {"repeat_after_s": 0.01, "confirm_after_s": 0.2}
ROW = ["user", "name", "registry", "verdict", "reason", "level", "state", "transition", "checked_at"]


async def keep(cli: Cli, user: str, name: str, registry: str, secret: str = SECRET, username: str = USERNAME) -> None:
    """Store without asking."""
    words = ["credential", "set", name, "--no-check", "--user", user, "--payload", f"registry={registry}", f"username={username}", "auth=-"]
    assert (await cli.run(*words, stdin=secret)).code == 0


async def started(cli: Cli, *words: str, **options: Any) -> asyncio.subprocess.Process:
    """The command in a process of its own, as a terminal or a CronJob starts it."""
    environment = {**os.environ, "CI": "", "HOME": str(cli.home)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "validator", "--config", str(cli.configured()), *words, env=environment, stdout=asyncio.subprocess.PIPE, **options
    )  # fmt: skip


async def test_every_key_of_a_sweep_is_the_contracts(cli):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        result = await cli.run("sweep", "--format", "json")
    shown = result.shown
    assert list(shown) == ["sweep", "started_at", "finished_at", "totals", "registries", "credentials", "left_over", "notices"]
    assert [list(lane) for lane in shown["registries"]] == [["registry", "credentials", "probes", "requests", "refused_logins", "quarantined"]]
    assert [list(row) for row in shown["credentials"]] == [ROW]
    assert list(shown["notices"]) == ["sent", "maybe_sent", "failed", "undeliverable"]
    assert shown["started_at"].endswith("Z")
    assert shown["started_at"] <= shown["finished_at"]
    assert f"{registry.host}: 1 of 1 done" in result.err, "a plain line a lane where there is no terminal"
    assert SECRET not in result.out + result.err


async def test_status_has_a_row_for_every_stored_credential(cli):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "asked", registry.host)
        await cli.run("sweep")
        await keep(cli, "bob", "new", registry.host, "another")
        asked, new = (await cli.run("status", "--format", "json")).shown["credentials"]
        assert (list(asked), list(new)) == ([*ROW, "last_attempt", "expires_at"],) * 2
        assert (asked["state"], asked["verdict"], asked["level"]) == ("alive", "valid", "login")
        assert list(asked["last_attempt"]) == ["verdict", "reason", "at"]
        nothing = {key: value for key, value in new.items() if value is None}
        assert (new["state"], new["transition"], set(nothing)) == (
            "never_checked", "none", {"verdict", "reason", "level", "checked_at", "last_attempt", "expires_at"},
        )  # fmt: skip
        assert [row["user"] for row in (await cli.run("status", "--user", "bob", "--format", "json")).shown["credentials"]] == ["bob"]
        assert "never_checked" in (await cli.run("status")).out


async def test_the_table_names_every_credential_and_says_what_was_left(cli):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        result = await cli.run("sweep")
        assert result.code == 0
        assert [word for word in ("ada", "good", registry.host, "valid (login_accepted)", "alive", "notices: 0") if word not in result.out] == []


async def test_what_is_found_ends_well_unless_fail_is_said(cli):
    cli.pace = dict(QUICK)
    async with Scripted({"L+": err("UNAUTHORIZED"), "L0": tok()}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "dead", registry.host)
        result = await cli.run("sweep", "--format", "json")
        assert (result.code, result.shown["credentials"][0]["transition"], result.shown["notices"]["sent"]) == (0, "never_worked", 1)
        assert "notice to ada" in result.err
        assert "has never worked" in result.err
        assert (await cli.run("sweep", "--fail", "--format", "json")).code == 1


async def test_an_unreadable_row_is_left_over_and_the_rest_goes_on(cli):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "broken", registry.host)
        await keep(cli, "bob", "good", registry.host)
        with sqlite3.connect(cli.home / "validator.db") as database:
            database.execute("UPDATE credentials SET secret = 'x.y.z' WHERE name = 'broken'")
        database.close()
        result = await cli.run("sweep", "--format", "json")
    broken, good = result.shown["credentials"]
    assert (result.code, broken["verdict"], broken["reason"], good["verdict"]) == (3, "unknown", "unreadable", "valid")
    assert result.shown["left_over"] == [{"user": "ada", "name": "broken", "reason": "unreadable"}]
    assert "master key" in result.err


async def test_a_plan_is_printed_and_nothing_sent(cli):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        shown = (await cli.run("sweep", "--dry-run", "--format", "json")).shown
        assert shown == {"registries": [{"registry": registry.host, "credentials": 1, "requests": 3, "seconds": 0.0}]}
        assert f"{registry.host}: 1 credentials, 3 requests" in (await cli.run("sweep", "--dry-run")).out
        assert registry.seen == []
        await cli.run("sweep")
        assert len(registry.seen) == 3


async def test_the_result_goes_to_a_file(cli, tmp_path):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        result = await cli.run("sweep", "--format", "json", "--output", str(tmp_path / "night.json"))
        assert (result.code, result.out) == (0, "")
        assert json.loads((tmp_path / "night.json").read_text())["totals"] == {"valid": 1}
        assert [path.name for path in tmp_path.iterdir() if "night" in path.name] == ["night.json"]
        registry.seen.clear()
        refused = await cli.run("sweep", "--output", str(tmp_path / "no folder" / "night.json"))
        assert (refused.code, registry.seen) == (2, []), "told before anything is asked"
        assert "--output" in refused.err


async def test_options_for_hosts_hold_without_any_setting(cli):
    async with Scripted({}) as registry:
        cli.registries = {}
        await keep(cli, "ada", "good", registry.host)
        assert (await cli.run("sweep", "--format", "json")).shown["totals"] == {"unknown": 1}
        assert registry.seen == []
        words = ["--plain-http", "127.0.0.1", "--allow-private", "127.0.0.1", "--realm-host", f"127.0.0.1:{registry.realm_port}"]
        assert (await cli.run("sweep", "--format", "json", *words)).shown["totals"] == {"valid": 1}


WRONG = {
    "a registry that is none": (["--registry", "a b"], "--registry wants a host"),
    "a registry as a browser has it": (["--registry", "https://nvcr.io/"], "leave https:// and the path out"),
    "a scope in place of a registry": (["--release", "nvcr.io/acme"], "--release wants a host, or host:port; leave https:// and the path out"),
    "an authority that is not there": (["--ca-file", "nothing.pem"], "--ca-file"),
    "a host with a scheme": (["--plain-http", "http://a"], "--plain-http"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_option_is_one_sentence_and_nothing_is_asked(cli, words, told):
    result = await cli.run("sweep", *words)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert len(result.err.splitlines()) == 1


async def test_a_canary_without_its_file_is_told_before_anything_is_asked(cli, tmp_path):
    async with Scripted({}) as registry:
        cli.registries = registry.settings(canary={"username": "bird", "secret_file": str(tmp_path / "gone")})
        await keep(cli, "ada", "good", registry.host)
        result = await cli.run("sweep")
        assert (result.code, registry.seen) == (2, [])
        assert "canary.secret_file" in result.err


@pytest.mark.parametrize(("secret", "code"), [("an old password", 2), ("dckr_pat_" + "a" * 27, 0)])
async def test_docker_hubs_canary_is_an_access_token(secret, code, cli, tmp_path):
    """Its tokens have been refused to all for hours while passwords worked: a password would have sung on (2024-09-27)."""
    (tmp_path / "canary").write_text(secret)
    async with DockerHub() as hub:
        cli.registries = hub.settings()
        cli.registries["docker.io"]["canary"] = {"username": "bird", "secret_file": str(tmp_path / "canary")}
        pair = next(one for one in hub.planted() if one.name == "good")
        await keep(cli, "ada", "good", "docker.io", username=pair.username, secret=pair.secret)
        result = await cli.run("sweep", "--no-wait")
        assert result.code == code
        assert ("access token" in result.err, hub.count() > 0) == (code == 2, code == 0)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_within_seconds_with_what_is_done(cli, sent):
    async with Scripted({"L+": Say(body={}, token="token", delay_s=30)}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "slow", registry.host)
        running = await started(cli, "sweep", "--format", "json", stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(40):
            while not registry.count("L+"):
                await asyncio.sleep(0.02)
        running.send_signal(sent)
        async with asyncio.timeout(10):
            out, _ = await running.communicate()
    shown = json.loads(out)
    assert running.returncode == 3
    assert shown["left_over"] == [{"user": "ada", "name": "slow", "reason": "deadline"}]
    assert [(row["name"], row["state"]) for row in shown["credentials"]] == [("slow", "never_checked")]


async def test_on_a_terminal_there_is_a_bar(cli):
    async with Scripted({"L+": Say(body={}, token="token", delay_s=0.3)}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        ours, theirs = pty.openpty()
        running = await started(cli, "sweep", "--format", "json", stderr=theirs)
        os.close(theirs)
        async with asyncio.timeout(40):
            out, _ = await running.communicate()
        seen = read_all(ours)
    assert (running.returncode, json.loads(out)["totals"]) == (0, {"valid": 1})
    assert registry.host.encode() in seen
    assert "━".encode() in seen


def read_all(descriptor: int) -> bytes:
    """Everything that was written to a terminal whose other end is closed."""
    seen = b""
    try:
        while piece := os.read(descriptor, 65536):
            seen += piece
    except OSError:
        pass  # Linux tells the end so
    finally:
        os.close(descriptor)
    return seen


async def test_a_stored_name_writes_nothing_into_the_terminal(cli):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        with sqlite3.connect(cli.home / "validator.db") as database:
            database.execute("UPDATE credentials SET name = 'evil' || char(27) || '[31m'")
        database.close()
        assert "\x1b" not in (await cli.run("sweep")).out


async def test_a_sweep_is_written_for_build_systems(cli):
    cli.pace = dict(QUICK)
    async with Scripted({"L+": err("UNAUTHORIZED"), "L0": tok()}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "dead", registry.host)
        result = await cli.run("sweep", "--format", "junit")
        root = ElementTree.fromstring(result.out)
        assert (result.code, root.get("tests"), root.get("failures"), root.get("skipped")) == (0, "1", "1", "0")
        [case] = root.iter("testcase")
        assert (case.get("classname"), case.get("name")) == (registry.host, "ada/dead")
        sarif = json.loads((await cli.run("sweep", "--format", "sarif")).out)
        [found] = sarif["runs"][0]["results"]
        assert (found["ruleId"], found["level"]) == ("refused", "error")
        assert SECRET not in result.out + json.dumps(sarif)


async def test_a_lane_that_is_not_in_quarantine_cannot_be_released(cli):
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        result = await cli.run("sweep", "--release", registry.host)
        assert (result.code, result.out, registry.seen) == (2, "", [])
        assert "not in quarantine" in result.err
        assert (await cli.run("sweep", "--release", registry.host, "--user", "ada")).code == 2


async def test_what_is_killed_goes_on_with_the_next_command(cli):
    async with Scripted({"L+": Say(body={}, token="token", delay_s=30)}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "one", registry.host)
        running = await started(cli, "sweep", stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(40):
            while not registry.count("L+"):
                await asyncio.sleep(0.02)
        running.kill()
        await running.wait()
        del registry.script["L+"]
        result = await cli.run("sweep", "--format", "json")
    assert (result.code, result.shown["totals"]) == (0, {"valid": 1})
    assert "went on with the sweep of" in result.err, "at once: the process that held it is seen to have ended"


async def test_a_large_sweep_shows_what_somebody_has_to_look_at(cli, monkeypatch):
    monkeypatch.setattr("validator.cli.base.written.ALL", 1)
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        await keep(cli, "ada", "good", registry.host)
        await keep(cli, "bob", "blank", registry.host, "another")
        with sqlite3.connect(cli.home / "validator.db") as database:
            database.execute("UPDATE credentials SET secret = 'x.y.z' WHERE name = 'blank'")
        database.close()
        out = (await cli.run("sweep")).out
    assert "blank" in out
    assert "good" not in out
    assert "2 credentials; what is not listed is as it was" in out
