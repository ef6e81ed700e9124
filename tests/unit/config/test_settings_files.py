"""The files of `config/`: the commented default is the defaults and names every setting; each example loads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from validator.config import Canary, Loaded, Pace, RegistrySettings, Settings, load_settings

CONFIG = Path(__file__).parents[3] / "config"
EXAMPLES = sorted((CONFIG / "examples").glob("*.yaml"))


def load(path: Path, tmp_path: Path) -> Loaded:
    return load_settings(path, {}, user_dir=tmp_path, system_file=tmp_path / "none.yaml")


def uncommented(text: str) -> str:
    return re.sub(r"^(\s*)#(?=[^\s#])", r"\1", text, flags=re.MULTILINE)


def fields(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        path = (*above, name)
        below: object = {"registries": RegistrySettings, "canary": Canary, "pace": Pace}.get(name, field.annotation)
        if name == "registries":
            path = (*path, "registry.example.org:5000")
        if isinstance(below, type) and issubclass(below, BaseModel):
            yield from fields(below, path)
        else:
            yield path


def test_the_commented_default_is_the_defaults(tmp_path):
    loaded = load(CONFIG / "validator.yaml", tmp_path)
    assert loaded == Loaded(Settings(), CONFIG / "validator.yaml")


@pytest.mark.parametrize("path", list(fields(Settings)), ids=".".join)
def test_every_setting_stands_in_the_commented_default(path):
    value = yaml.safe_load(uncommented((CONFIG / "validator.yaml").read_text()))
    for part in path:
        assert part in value
        value = value[part]


def test_every_commented_setting_is_one(tmp_path):
    (tmp_path / "all.yaml").write_text(uncommented((CONFIG / "validator.yaml").read_text()))
    registry = load(tmp_path / "all.yaml", tmp_path).settings.registry("registry.example.org:5000")
    assert registry.model_fields_set == set(RegistrySettings.model_fields)


def test_each_example_loads(tmp_path):
    assert [load(path, tmp_path).source for path in EXAMPLES] == EXAMPLES
    assert {path.stem for path in EXAMPLES} >= {"embedded", "private-registry", "emulator"}


def test_yamllint_finds_nothing():
    from yamllint import config, linter  # type: ignore[import-untyped]  # it ships no types

    rules = config.YamlLintConfig(
        "{extends: default, rules: {line-length: {max: 160}, document-start: disable, comments: {min-spaces-from-content: 1}}}"
    )
    rules.rules["comments"]["require-starting-space"] = False
    rules.rules["comments-indentation"] = False
    rules.rules["braces"] = False
    files = [CONFIG / "validator.yaml", *EXAMPLES]
    assert [f"{path.name}: {problem}" for path in files for problem in linter.run(path.read_text(), rules)] == []
