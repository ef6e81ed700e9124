"""`validator serve` and `validator token` as programs: what they print, how they end."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cases.running import Cli, cli

__all__ = ["cli"]


@contextmanager
def serving(cli: Cli, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program with its URL, as its own first log line tells it."""
    command = [sys.executable, "-m", "validator", "serve", "--config", str(cli.configured()), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if '"server_started"' in line:
                yield process, json.loads(line)["url"]
                break
        else:
            pytest.fail("it did not start")
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()
        if process.stdout is not None:
            process.stdout.close()


def test_it_serves_until_it_is_told_to_stop(cli: Cli) -> None:
    cli.more = {"api": {"port": 0}}
    with serving(cli) as (process, url):
        assert json.load(urllib.request.urlopen(f"{url}/healthz", timeout=10)) == {"status": "ok"}
        assert json.load(urllib.request.urlopen(f"{url}/readyz", timeout=10))["status"] == "ready"
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]
        assert [line["event"] for line in lines] == ["request_answered", "request_answered", "server_stopped"]


async def test_a_taken_port_is_one_sentence_and_exit_2(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cli.more = {"api": {"port": port}}
        result = await cli.run("serve")
        assert (result.code, result.out) == (2, "")
        assert result.err.splitlines()[-1] == f"validator: port {port} of 127.0.0.1 is taken; stop what listens there, or name another by api.port."


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"ports": 1}, "api.ports is no setting"),
    "a port that is none": ({"port": 99999}, "api.port cannot be used"),
    "no tokens for everybody": ({"tokens_required": False, "host": "0.0.0.0"}, "loopback"),
    "a header from anywhere": ({"trust_user_header": True}, "trusted_addresses"),
    "every address": ({"trust_user_header": True, "trusted_addresses": ["0.0.0.0/0"]}, "it is every address"),
    "half a certificate": ({"tls": {"cert_file": "/x"}}, "belong together"),
    "a certificate that is not there": ({"port": 0, "tls": {"cert_file": "/none/x", "key_file": "/none/y"}}, "cannot be used"),
    "a deadline beyond the webhook's": ({"admission": {"deadline_s": 60}}, "api.admission.deadline_s"),
}


@pytest.mark.parametrize(("api", "words"), BAD.values(), ids=BAD.keys())
async def test_bad_settings_are_one_sentence_and_exit_2(api: dict[str, Any], words: str, cli: Cli) -> None:
    cli.more = {"api": api}
    result = await cli.run("serve")
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1


async def test_a_token_is_printed_once_and_never_again(cli: Cli) -> None:
    made = await cli.run("token", "create", "ci", "--scope", "read", "--scope", "check", "--for", "ann")
    token = made.out.strip()
    assert (made.code, bool(re.fullmatch(r"vld_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", token))) == (0, True)
    assert token not in made.err
    listed = await cli.run("token", "list")
    assert "ci    check,read  ann" in listed.out
    assert token.rpartition("_")[2] not in listed.out
    shown = (await cli.run("token", "list", "--format", "json")).shown["tokens"]
    assert [(one["name"], one["scopes"], one["user"], list(one)) for one in shown] == [
        ("ci", ["check", "read"], "ann", ["name", "scopes", "user", "created_at"])
    ]
    assert (await cli.run("token", "revoke", "ci")).out == "ci: revoked\n"
    assert (await cli.run("token", "list", "--format", "json")).shown == {"tokens": []}
    as_json = (await cli.run("token", "create", "x", "--scope", "admin", "--for", "*", "--format", "json")).shown
    assert (as_json["user"], as_json["token"].startswith("vld_")) == ("*", True)


WRONG: dict[str, list[str]] = {
    "a scope that is none": ["create", "x", "--scope", "CANARY", "--for", "ann"],
    "no scope": ["create", "x", "--for", "ann"],
    "for nobody": ["create", "x", "--scope", "read", "--for", ""],
    "no user": ["create", "x", "--scope", "read"],
    "a name that is none": ["create", "a b", "--scope", "read", "--for", "ann"],
    "a word too many": ["create", "x", "CANARY", "--scope", "read", "--for", "ann"],
    "one that is not there": ["revoke", "none"],
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
async def test_a_token_that_cannot_be_is_exit_2(words: list[str], cli: Cli) -> None:
    result = await cli.run("token", *words)
    assert (result.code, "CANARY" in result.err + result.out) == (2, False)


def test_the_image_starts_the_service() -> None:
    assert Path(__file__).parents[2].joinpath("Dockerfile").read_text().rstrip().endswith('ENTRYPOINT ["validator"]\nCMD ["serve"]')
