"""No command, format, log level, error or crash shows a secret, and no file of the store holds one in clear.

The planted secrets are looked for as they are, in base64, as `user:secret` in base64, and URL-quoted.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

import pytest
import yaml

from tests.cases.running import Cli, cli
from tests.cases.scripted import Say, Scripted, err, tok

__all__ = ["cli"]

USERNAME: Final = "jane"
CANARY: Final = "CANARY/s3cret+of jane§"
LEAK: Final = "a planted leak"


def forms(secret: str = CANARY, username: str = USERNAME) -> list[str]:
    """Every form in which a secret may leak."""
    raw = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]]
    coded = [base64.b64encode(text.encode()).decode().rstrip("=") for text in (secret, f"{username}:{secret}")]
    return [*raw, *coded, *(text.replace("+", "-").replace("/", "_") for text in coded)]


def found_in(text: str) -> list[str]:
    """The forms of the secret that `text` shows."""
    return [form for form in forms() if form in text]


def echo(*, status: int = 401) -> Say:
    """A registry that repeats the pair that it was given, in every way that it can."""
    basic = base64.b64encode(f"{USERNAME}:{CANARY}".encode()).decode()
    return err("UNAUTHORIZED", status, f"no {CANARY} for you; you sent Basic {basic}; {quote(CANARY, safe='')}")


SCRIPTS: Final = {
    "accepted": {},
    "refused, echoed": {"L+": echo()},
    "denied, echoed": {"L+": echo(status=403)},
    "ill, echoed": {"L+": echo(status=500)},
    "a token that is the secret": {"L+": Say(body={"token": base64.b64encode(CANARY.encode()).decode()}), "H+": echo(status=403)},
    "not JSON": {"L+": Say(200, CANARY.encode(), kind="text/html")},
    "no answer": {"L+": Say(200, b"", delay_s=1.5)},
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_check_shows_no_secret(script: dict[str, Say], cli: Cli) -> None:
    cli.more = {"timeouts": {"total_s": 1}}
    async with Scripted(dict(script)) as registry:
        cli.registries = registry.settings()
        for more in (["--format", "json"], ["--explain"]):
            image = ["--image", f"{registry.host}/team/app:1"]
            words = ["check", registry.host, "--username", USERNAME, "--secret-stdin", "--log-level", "debug", *image, *more]
            result = await cli.run(*words, stdin=CANARY)
            assert found_in(result.out + result.err) == []
    assert_sealed(cli.home)


def workflow(image: str, key: str) -> str:
    """A workflow that hands `key` to its task."""
    return f"version: 2\nworkflow:\n  tasks:\n  - name: a\n    image: {image}\n    environment:\n      KEY: {key}\n"


def assert_sealed(home: Path) -> None:
    """No file of the store holds the secret in clear."""
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for path in files:
        raw = path.read_bytes()
        assert [form for form in forms() if form.encode() in raw] == [], path.name


def test_a_secret_in_a_file_of_the_store_is_seen(tmp_path: Path) -> None:
    (tmp_path / "validator.db").write_bytes(b"\0\1")
    assert_sealed(tmp_path)
    for form in forms():
        (tmp_path / "validator.db-wal").write_bytes(b"\0" + form.encode() + b"\1")
        with pytest.raises(AssertionError):
            assert_sealed(tmp_path)


async def test_the_logs_of_the_database_hold_no_secret_while_it_is_open(cli: Cli) -> None:
    words = ["credential", "set", "one", "--no-check", "--payload", "registry=reg.test", f"username={USERNAME}", "auth=-"]
    assert (await cli.run(*words, stdin=CANARY)).code == 0
    with closing(sqlite3.connect(cli.home / "validator.db")) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM credentials").fetchone() == (1,)
        assert (await cli.run(*words, stdin=CANARY)).code == 0
        assert (await cli.run("credential", "delete", "one")).code == 0
        assert {path.name for path in cli.home.iterdir()} >= {"validator.db", "validator.db-wal", "validator.db-shm"}
        assert_sealed(cli.home)


async def test_stored_credentials_show_no_secret(cli: Cli, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    async with Scripted({"L!": err("UNAUTHORIZED")}) as registry:
        # the scripted registry knows one secret; another is refused, and told so
        cli.registries = registry.settings()
        pair = {"registry": registry.host, "username": USERNAME, "auth": CANARY}
        runs = [
            (["credential", "set", "one", "--payload", f"registry={registry.host}", f"username={USERNAME}", "auth=-", "--force"], CANARY),
            (["credential", "set", "one", "--payload", f"registry={registry.host}", f"username={USERNAME}", f"auth={CANARY}", "--force"], ""),
            (["credential", "set", "one", "--payload", f"registry={registry.host}", f"username={USERNAME}", f"token={CANARY}"], ""),
            (["credential", "set", "one", "--payload", f"{CANARY}=x"], ""),
            (["credential", "set", "one", CANARY], ""),
            (["credential", "set", CANARY, "--payload", f"registry={registry.host}", f"username={USERNAME}", "auth=-"], CANARY),
            (["credential", "set", "one", "--payload", f"registry=https://{USERNAME}:{CANARY}@reg.test", "username=u", "auth=-"], CANARY),
            (["credential", "show", CANARY], ""),
            (["credential", "show", "one", CANARY], ""),
            (["credential", "delete", CANARY], ""),
            (["check", registry.host, CANARY, "--username", USERNAME], ""),
            (["check", f"https://{USERNAME}:{CANARY}@{registry.host}", "--username", USERNAME, "--secret-stdin"], CANARY),
            (["credential", "list"], ""),
            (["credential", "list", "--format", "json"], ""),
            (["credential", "show", "one"], ""),
            (["credential", "import", "-", "--no-check"], json.dumps({"user": "u", "name": "n", **pair}) + "\n"),
            (["credential", "import", "-", "--no-check"], json.dumps({"user": "u", "name": "n", "token": CANARY, **pair}) + "\n"),
            (["credential", "import", "-"], f'{{"user": "u", "auth": "{CANARY}"'),
            (["credential", "import", "-"], json.dumps({"user": "u", "name": "n", **pair}) + "\n"),
            (["preflight", f"{registry.host}/team/app:1", "--format", "json"], ""),
            (["preflight", f"{registry.host}/team/app:1", "--user", "u"], ""),
            (["preflight", f"{registry.host}/team/app:1", "--user", "u", "--format", "junit"], ""),
            (["preflight", f"{registry.host}/team/app:1", "--user", "u", "--format", "sarif"], ""),
            (["preflight", "--workflow", "-", "--set", f"key={CANARY}"], workflow(f"{registry.host}/team/app:1", "{{ key }}")),
            (["preflight", "--workflow", "-", "--set-string", f"key={CANARY}"], workflow(f"{registry.host}/team/app:1", "{{ key | nothing }}")),
            (["preflight", "--workflow", "-"], workflow(f"{registry.host}/team/app:1", CANARY)),
            (["preflight", "--workflow", "-"], workflow(f"{registry.host}/team/app:1", f"{CANARY}: [")),
            (["credential", "delete", "one"], ""),
        ]
        for words, stdin in runs:
            result = await cli.run(*words, "--log-level", "debug", stdin=stdin)
            assert found_in(result.out + result.err) == [], words[:3]
    assert not lines.exists()
    assert_sealed(cli.home)


CRASH: Final = """
import sys
from validator.registry import client
def broken(self, *arguments, **named):
    secret = [pair.secret.get_secret_value() for pair in self.pairs.values()]
    raise RuntimeError("broken with " + repr(secret) + repr(arguments))
client.RegistryClient._read = broken
{leak}
from validator.cli import main
sys.argv[0] = "validator"
main()
"""


@pytest.mark.parametrize("leak", ["", f"print({LEAK!r})"], ids=["crash", "a planted leak is seen"])
async def test_a_crash_with_the_secret_in_hand_shows_none(leak: str, cli: Cli) -> None:
    async with Scripted({"L+": tok()}) as registry:
        cli.registries = registry.settings()
        planted = leak.replace(LEAK, CANARY)
        words = ["--config", str(cli.configured()), "--log-level", "debug", "check", registry.host, "--username", USERNAME, "--secret-stdin"]
        import asyncio

        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CRASH.format(leak=planted), *words,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "CI": "", "PYTHONUTF8": "1"},
        )  # fmt: skip
        out, error = await process.communicate(CANARY.encode())
    said = out.decode() + error.decode()
    assert process.returncode == 4
    assert "RuntimeError" in said
    assert "Traceback" not in said
    assert (found_in(said) == []) == (leak == "")


async def test_a_child_is_given_no_secret_in_its_arguments(cli: Cli) -> None:
    """`--secret-stdin` and `auth=-` keep it out of what `ps` shows; there is no option that takes it."""
    import inspect

    from validator.cli.check import check

    assert not any("secret" in name and name not in ("secret_stdin", "secret_file") for name in inspect.signature(check).parameters)
    assert yaml.safe_load(cli.configured().read_text())["store"].startswith("sqlite:////")
