"""The commands and settings of `docs/how-to/preflight.md`, as they stand there."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Scripted, index, on
from tests.docs.pages import block, commands
from tests.docs.programs import REGISTRY, example
from validator.config import Preflight

__all__ = ["cli"]

JOB = f"version: 2\nworkflow:\n  name: job\n  tasks:\n  - {{name: train, image: '{REGISTRY}/team/app:1'}}\n"


async def test_the_commands_do_what_the_page_says(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cli.home)
    (cli.home / "job.yaml").write_text(JOB)
    both = index(on("amd64"), on("arm64"))
    async with Scripted({"H+": both, "G+": both}) as registry:
        cli.registries = example(registry)
        words = ["credential", "set", "mine", "--no-check", "--user", "ada", "--payload", f"registry={REGISTRY}", f"username={USERNAME}", "auth=-"]
        assert (await cli.run(*words, stdin=SECRET)).code == 0
        arguments, file, shown = [await cli.run(*shlex.split(command)[1:]) for command in commands("preflight.md")]
        assert arguments.out == f"ready\n{REGISTRY}/team/app:1: pullable (pull_ok) via mine\n"
        assert file.out == f"ready\njob.yaml:5 (train): {REGISTRY}/team/app:1: pullable (pull_ok) via mine\n"
        assert [(one["task"], one["line"]) for one in json.loads(shown.out)["images"]] == [("train", 5)]
        assert {result.code for result in (arguments, file, shown)} == {0}


def test_the_settings_are_such() -> None:
    said = yaml.safe_load(block("preflight.md", "mixed:"))["preflight"]
    assert Preflight(**said).platforms == {"gpu": ("linux/amd64",), "mixed": ("linux/amd64", "linux/arm64")}
