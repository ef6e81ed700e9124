"""Bad input gets one clear sentence, the documented exit code, no traceback and no echo of a secret."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cases.running import Cli, cli
from tests.cases.scripted import Scripted, html
from validator.cli import app
from validator.cli.base.options import hoisted

__all__ = ["cli"]

SECRET = "s3cret-that-nobody-may-see"


def one_sentence(text: str) -> bool:
    """True if what people read is one line of ours, without a traceback or the secret."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) == 1 and lines[0].startswith("validator: ") and lines[0].isprintable() and "Traceback" not in text and SECRET not in text


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["credential", "set", "x", "--payload", f"token={SECRET}"], ""),
        (["credential", "set", "x", "--payload", "registry=nvcr.io", "username=u"], ""),
        (["credential", "set", "x", "--payload", "registry=nvcr.io", "registry=nvcr.io", "username=u", "auth=-"], SECRET),
        (["credential", "set", "x", "--type", "DATA", "--payload", "registry=nvcr.io", "username=u", "auth=-"], SECRET),
        (["credential", "set", "9bad", "--payload", "registry=nvcr.io", "username=u", "auth=-"], SECRET),
        (["credential", "set", "", "--payload", "registry=nvcr.io", "username=u", "auth=-"], SECRET),
        (["credential", "set", "x", "--payload", f"registry=https://u:{SECRET}@nvcr.io", "username=u", "auth=-"], SECRET),
        (["credential", "set", "x", "--payload", "registry=nvcr.io", "username=u", "auth=@/no/such/file"], ""),
        (["credential", "set", "x", "--payload", "registry=nvcr.io", "username=u", "auth=-"], "  "),
        (["credential", "set", "x", "--payload", "registry=nvcr.io", "username=u", "auth=-"], f" {SECRET}"),
        (["credential", "show", "nobody"], ""),
        (["credential", "delete", "nobody"], ""),
        (["credential", "import", "/no/such/file"], ""),
        (["credential", "import", "-"], f'{{"user": "{SECRET}"'),
        (["credential", "import", "-"], f'["{SECRET}"]\n'),
        (["credential", "import", "-"], f'{{"user": "u", "name": "n", "{SECRET}": 1}}\n'),
        (["credential", "import", "-"], f'{{"user":"u","name":"n","registry":"r.test","username":"\\ud800","auth":"{SECRET}"}}\n'),
        (["credential", "import", "-"], f'{{"user":"u\\u0007","name":"n","registry":"r.test","username":"u","auth":"{SECRET}"}}\n'),
        (["credential", "import", "-"], f'{{"user":"u","name":"n","registry":"r.test","username":["{SECRET}"],"auth":"x"}}\n'),
        (["credential", "import", "-"], "{" * 100_000 + SECRET),
        (["credential", "set", "x", "--payload", "registry=nvcr.io", "username=u", "auth=-", "--proof", "ghcr.io/a/b"], SECRET),
        (["credential", "set", "x", "--payload", "registry=nvcr.io", "username=u", "auth=-", "--proof", "A B"], SECRET),
        (["credential", "show", "x", SECRET], ""),
        (["credential", "list", SECRET], ""),
        (["check", "reg.test", SECRET, "-u", "u"], ""),
        (["preflight"], ""),
        (["preflight", "nginx", "--deadline", "0"], ""),
        (["preflight", "nginx", "--deadline", "nan"], ""),
        (["preflight", "nginx", "--platform", "toaster"], ""),
        (["check", "reg.test", "-u", "u", "--secret-file", "/no/such/file"], ""),
        (["check", "reg.test", "-u", "u", "--secret-stdin", "--image", "other.test/app"], SECRET),
        (["check", "reg.test", "-u", "u", "--secret-stdin", "--platform", "linux"], SECRET),
        (["check", "reg.test", "-u", "u", "--secret-stdin", "--plain-http", "a b"], SECRET),
        (["check", "reg.test", "-u", "u", "--secret-stdin", "--ca-file", "/no/such/file"], SECRET),
        (["check", "reg.test", "-u", "u", "--secret-stdin", "--ca-file", "a" * 5000], SECRET),
        (["sweep", "--output", "a" * 5000], ""),
        (["preflight", "--workflow", "no\x1b]0;title\x07such\nfile\u202e"], ""),
        (["explain", "x", "--user", "a\x1b[31m\r\nb"], ""),
    ],
)
async def test_usage(words: list[str], stdin: str, cli: Cli) -> None:
    result = await cli.run(*words, stdin=stdin)
    assert result.code == 2
    assert one_sentence(result.err), result.err
    assert result.out == ""


@pytest.mark.parametrize(
    "text",
    ["registries: [", "nonsense: 1", "registries: {reg.test: {provider: nobody}}", "timeouts: {total_s: never}", "registries: {reg.test: {api: 7}}"],
)
def test_a_broken_settings_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    code, said = _here(["--config", str(path), "check", "reg.test", "-u", "u", "--secret-stdin"], tmp_path)
    assert code == 2
    assert one_sentence(said), said


def _here(words: list[str], home: Path) -> tuple[int, str]:
    """The same in this process, a second sooner: exit code and standard error."""
    done = CliRunner().invoke(app, hoisted(words), input=SECRET, env={"HOME": str(home), "XDG_DATA_HOME": str(home), "CI": ""})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.stderr


def _process(words: list[str], home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "validator", *words], input=SECRET, capture_output=True, text=True, check=False,
        env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home), "CI": "", **env},
    )  # fmt: skip


def test_a_missing_settings_file_and_an_unknown_variable(tmp_path: Path) -> None:
    words = ["check", "reg.test", "-u", "u", "--secret-stdin"]
    for more, env in ((["--config", "/no/such/file"], {}), ([], {"VALIDATOR_TIMEOUT": "1"})):
        done = _process([*words, *more], tmp_path, **env)
        assert done.returncode == 2
        assert one_sentence(done.stderr), done.stderr


def test_an_unreadable_store(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    for store in (f"sqlite:///{tmp_path}/broken.db", "redis://x"):
        code, said = _here(["credential", "list", "--store", store], tmp_path)
        assert code == 2
        assert one_sentence(said), said


async def test_an_unreadable_registry_is_a_verdict(cli: Cli) -> None:
    for text in (f"https://u:{SECRET}@reg.test", "reg.test:99999", "https://", "a b"):
        result = await cli.check(text, "u", "x")
        assert result.credential == "misconfigured (bad_registry_name)"
        assert result.code == 1
        assert SECRET not in result.out + result.err


async def test_a_closed_port_and_a_name_that_is_not_there(cli: Cli) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    cli.registries = {f"127.0.0.1:{port}": {"allow_private": True, "plain_http": True}}
    assert (await cli.check(f"127.0.0.1:{port}", "u", "x")).credential == "unknown (connect_failed)"
    result = await cli.check("no-such-registry.invalid", "u", "x")
    assert result.credential == "unknown (dns_nxdomain)"
    assert result.code == 3


async def test_a_web_site_is_no_registry(cli: Cli) -> None:
    async with Scripted({"P0": html()}) as site:
        cli.registries = site.settings()
        result = await cli.check(site.host, "u", "x")
        assert result.credential == "unknown (captive_portal)"
        async with Scripted({}) as registry:
            cli.registries |= registry.settings()
            await cli.check(registry.host, "u", "y")
            assert (await cli.check(site.host, "u", "x")).credential == "misconfigured (not_a_registry)"
        assert site.count("L+", "L!", "P+", "P!") == 0


def test_words_go_through_any_terminal(tmp_path: Path) -> None:
    words = ["check", "reg.test:70000", "-u", "jürgen", "--secret-stdin", "--explain"]
    for env in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}):
        done = _process(words, tmp_path, **env)
        assert done.returncode == 1
        assert "UnicodeEncodeError" not in done.stderr
        assert "\x1b[" not in done.stdout, "colour is for terminals"


def test_help_is_quick_because_it_imports_little() -> None:
    heavy = ["aiohttp", "sqlalchemy", "apprise", "procrastinate", "alembic", "pydantic"]
    code = "import sys; from validator.cli import main\nsys.argv = ['validator', '--help']\ntry:\n main()\nexcept SystemExit: pass\n"
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
