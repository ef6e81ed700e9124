"""The hook of `.pre-commit-hooks.yaml`, called as pre-commit calls it: entry, args, then the files that match."""

from __future__ import annotations

import base64
import json
import re
import shlex
from pathlib import Path

import yaml

from tests.cases.scripted import SECRET, USERNAME, Scripted, err, image
from tests.docs.pages import ROOT, block
from tests.docs.programs import REGISTRY, Machine

[HOOK] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def test_the_page_names_the_hook_and_its_arguments() -> None:
    [repository] = yaml.safe_load(block("pre-commit.md", "repos:"))["repos"]
    [used] = repository["hooks"]
    assert used["id"] == HOOK["id"]
    assert yaml.safe_load(block("pre-commit.md", "args:"))["args"] == HOOK["args"]
    assert re.search(used["files"], "workflows/train.yaml")
    assert re.search(HOOK["files"], "ml/workflows/train.yaml")
    assert not any(re.search(files, ".gitlab-ci.yml") for files in (used["files"], HOOK["files"]))


async def test_it_stops_a_commit_for_an_image_that_cannot_be_pulled(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    auth = base64.b64encode(f"{USERNAME}:{SECRET}".encode()).decode()
    machine.write(".docker/config.json", json.dumps({"auths": {REGISTRY: {"auth": auth}}}))
    for name in ("train", "eval"):
        machine.write(f"workflows/{name}.yaml", f"workflow:\n  name: {name}\n  tasks:\n  - name: a\n    image: {REGISTRY}/team/{name}:1\n")
    words = [*shlex.split(HOOK["entry"]), *HOOK["args"], "workflows/train.yaml", "workflows/eval.yaml"]
    async with Scripted({"H+": [image()[0], err("MANIFEST_UNKNOWN", 404)]}) as registry:
        machine.dials(registry, pace={"in_flight": 1})
        ended = await machine.run(*words)
        assert (ended.code, ended.out.splitlines()[0], registry.count("H+")) == (1, "blocked", 2)
    assert [f"{REGISTRY}/team/{name}:1: " in ended.out for name in ("train", "eval")] == [True, True]
    assert (ended.out.count("pullable (pull_ok)"), ended.out.count("not_found (tag_not_found)")) == (1, 1)
