"""No command shows a secret of a docker config, of a program that keeps one, or of a file that is none; and none is kept in clear."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import Scripted, err
from tests.security.test_canary_cli import CANARY, USERNAME, assert_sealed, echo, found_in

__all__ = ["cli"]

AUTH = base64.b64encode(f"{USERNAME}:{CANARY}".encode()).decode()
PAIR = json.dumps({"Username": USERNAME, "Secret": CANARY})
TOKEN = json.dumps({"Username": "<token>", "Secret": CANARY})

ENTRIES: dict[str, dict[str, Any]] = {
    "auth": {"HOST": {"auth": AUTH}},
    "a pair": {"HOST": {"username": USERNAME, "password": CANARY}},
    "an identity token": {"HOST": {"identitytoken": CANARY}},
    "a registry token": {"HOST": {"registrytoken": CANARY}},
    "a key with a userinfo": {f"http://{USERNAME}:{CANARY.replace('/', '')}@HOST?x={CANARY}": {"auth": AUTH}},
    "auth without a colon": {"HOST": {"auth": base64.b64encode(CANARY.encode()).decode()}},
    "auth that is not base64": {"HOST": {"auth": CANARY}},
    "an entry that is no object": {"HOST": CANARY},
    "auths that are none": CANARY,  # type: ignore[dict-item]  # what people paste
}
PROGRAMS: dict[str, str] = {
    "keeps a pair": f"cat <<'END'\n{PAIR}\nEND",
    "keeps a token": f"cat <<'END'\n{TOKEN}\nEND",
    "fails and says it": f"echo '{CANARY}'; echo '{CANARY}' >&2; exit 1",
    "answers no JSON": f"echo '{CANARY}'",
    "answers half": f'echo \'{{"Username": "{CANARY}"}}\'',
}


@pytest.fixture(autouse=True)
def home(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(cli.home / "data"))
    monkeypatch.setenv("PATH", f"{cli.home / 'bin'}:/bin:/usr/bin")
    monkeypatch.setenv("VALIDATOR_USER", "ada")
    (cli.home / "bin").mkdir()
    cli.pace = {"repeat_after_s": 0.01, "confirm_after_s": 0.05, "per_second": 100, "burst": 100}
    cli.more = {"store": f"dockerconfig:{cli.home / 'config.json'}", "key_file": None}
    return cli.home


async def shows_nothing(cli: Cli, host: str) -> None:
    image = f"{host}/team/app"
    for words in (["sweep", "--no-wait"], ["credential", "show", host], ["preflight", image], ["preflight", image, "--format", "json"]):
        result = await cli.run(*words, "--log-level", "debug")
        assert result.code in (0, 1, 2, 3)
        assert found_in(result.out + result.err) == [], words
        assert "CANARY" not in result.out + result.err, words
    assert_sealed(cli.home / "data")


@pytest.mark.parametrize("auths", ENTRIES.values(), ids=ENTRIES.keys())
async def test_an_entry_shows_no_secret(auths: Any, cli: Cli) -> None:
    async with Scripted({"L!": echo(), "l!": echo(), "H!": err("DENIED", 403)}) as registry:
        cli.registries = registry.settings()
        (cli.home / "config.json").write_text(json.dumps({"auths": auths}).replace("HOST", registry.host))
        await shows_nothing(cli, registry.host)


@pytest.mark.parametrize("script", PROGRAMS.values(), ids=PROGRAMS.keys())
async def test_a_program_shows_no_secret(script: str, cli: Cli) -> None:
    async with Scripted({"L!": echo(), "l!": echo()}) as registry:
        cli.registries = registry.settings()
        (cli.home / "config.json").write_text(json.dumps({"auths": {registry.host: {}}, "credsStore": "x"}))
        path = cli.home / "bin" / "docker-credential-x"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        await shows_nothing(cli, registry.host)


@pytest.mark.parametrize(
    "text", [CANARY, f'{{"auths": {{"{CANARY}', f"kind: Secret\ndata: {{{CANARY}", f'["{CANARY}"]', f"kind: Secret\ntype: {CANARY}"]
)
async def test_a_file_that_is_none_shows_nothing_of_it(text: str, cli: Cli) -> None:
    (cli.home / "config.json").write_text(text)
    result = await cli.run("sweep", "--log-level", "debug")
    said = [line for line in result.err.splitlines() if line.startswith("validator: ")]  # beside what is logged
    assert (result.code, result.out, len(said)) == (2, "", 1)
    assert "CANARY" not in result.err
