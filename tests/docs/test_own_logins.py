"""The commands of `docs/how-to/own-logins.md`, as they stand there."""

from __future__ import annotations

import base64
import json
import shlex

import pytest
import yaml

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Scripted
from tests.docs.pages import commands
from tests.docs.programs import REGISTRY, example

__all__ = ["cli"]

CONFIG = {"auths": {REGISTRY: {"auth": base64.b64encode(f"{USERNAME}:{SECRET}".encode()).decode()}}}


async def test_the_commands_do_what_the_page_says(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOME", str(cli.home)), ("XDG_DATA_HOME", str(cli.home / "data")), ("VALIDATOR_USER", "ada")):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(cli.home)
    (cli.home / ".docker").mkdir()
    (cli.home / ".docker" / "config.json").write_text(json.dumps(CONFIG))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson"}
    data = {".dockerconfigjson": base64.b64encode(json.dumps(CONFIG).encode()).decode()}
    (cli.home / "pull-secret.yaml").write_text(yaml.safe_dump({**secret, "data": data}))
    pod = {"containers": [{"name": "app", "image": f"{REGISTRY}/team/app:1"}], "restartPolicy": "Never"}
    (cli.home / "job.yaml").write_text(
        yaml.safe_dump({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": pod}}})
    )
    cli.more = {"store": None, "key_file": None}
    async with Scripted({}) as registry:
        cli.registries = example(registry)
        said = {command: await cli.run(*shlex.split(command)[1:]) for command in commands("own-logins.md")}
        assert {command: result.code for command, result in said.items()} == dict.fromkeys(said, 0)
        sweep, status, docker, kubelet = (result.out for result in said.values())
        assert "valid (login_accepted)" in sweep
        assert "alive" in status
        assert docker.startswith(f"ready\n{REGISTRY}/team/app:1: pullable (pull_ok) via {REGISTRY}")
        assert kubelet.startswith(f"ready\njob.yaml:9 (app): {REGISTRY}/team/app:1: pullable (pull_ok) via {REGISTRY}")
