"""`validator preflight --workflow`: the images of files, each with its file, line and task, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cases.running import Cli, cli
from tests.cases.scripted import SECRET, USERNAME, Answers, Scripted, err, image, index, on

__all__ = ["cli"]

PUBLIC: Answers = {"H0": image()[0]}


def written(cli: Cli, text: str, name: str = "job.yaml") -> str:
    """The text as a file of the test's own."""
    path = cli.home / name
    path.write_text(text)
    return str(path)


def osmo(*tasks: tuple[str, str], platform: str = "") -> str:
    """A workflow of these tasks (name, image), one a line from line 4 on."""
    resources = f"  resources: {{default: {{platform: {platform}}}}}\n" if platform else ""
    lines = "".join(f"  - {{name: {name}, image: {shown!r}}}\n" for name, shown in tasks)
    return f"version: 2\nworkflow:\n  tasks:\n{lines}{resources}"


async def test_each_finding_names_file_line_and_task(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry, Scripted({}) as private:
        cli.registries = registry.settings() | private.settings()
        file = written(cli, osmo(("fetch", f"{registry.host}/team/app"), ("train", f"{private.host}/team/app:2")))
        shown = await cli.run("preflight", "--workflow", file, "--format", "json")
        told = [(one["file"], one["line"], one["task"], one["reason"]) for one in shown.shown["images"]]
        assert told == [(file, 4, "fetch", "public"), (file, 5, "train", "no_credential")]
        assert (shown.code, shown.err) == (1, "")
        text = (await cli.run("preflight", "--workflow", file)).out.splitlines()
        assert text[:3] == [
            "blocked",
            f"{file}:4 (fetch): {registry.host}/team/app: pullable (public)",
            f"{file}:5 (train): {private.host}/team/app:2: denied (no_credential)",
        ]
        suite = ElementTree.fromstring((await cli.run("preflight", "--workflow", file, "--format", "junit")).out)[0]
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
        assert [(case.get("classname"), case.get("file"), case.get("line")) for case in suite] == [
            (registry.host, file, "4"),
            (private.host, file, "5"),
        ]
        [result] = json.loads((await cli.run("preflight", "--workflow", file, "--format", "sarif")).out)["runs"][0]["results"]
        assert (result["ruleId"], result["locations"][0]["physicalLocation"]["region"]) == ("no_credential", {"startLine": 5})


async def test_standard_input_and_arguments_go_together(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry:
        cli.registries = registry.settings()
        text = osmo(("fetch", f"{registry.host}/team/app"))
        result = await cli.run("preflight", f"{registry.host}/team/two", "--workflow", "-", "--format", "json", stdin=text)
        assert [(one["image"], one["file"], one["line"]) for one in result.shown["images"]] == [
            (f"{registry.host}/team/two", None, None), (f"{registry.host}/team/app", "-", 4),
        ]  # fmt: skip
        assert "standard input:4 (fetch): " in (await cli.run("preflight", "--workflow", "-", stdin=text)).out


async def test_a_templates_values_are_given_and_what_has_none_is_unknown_by_its_name(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry:
        cli.registries = registry.settings()
        file = written(cli, osmo(("a", f"{registry.host}/team/{{{{repository}}}}"), ("b", f"{registry.host}/team/app:{{{{tag}}}}")))
        words = ["preflight", "--workflow", file, "--set", "repository=app", "--format", "json"]
        result = await cli.run(*words)
        assert [(one["outcome"], one["reason"], one["line"]) for one in result.shown["images"]] == [
            ("pullable", "public", 4), ("unknown", "unrendered", 5),
        ]  # fmt: skip
        assert "the variable tag has no value" in result.shown["images"][1]["cause"]
        assert (result.code, result.shown["outcome"]) == (3, "unknown")
        assert (await cli.run(*words, "--on-unknown", "allow")).code == 0
        assert (await cli.run(*words, "--on-unknown", "block")).code == 1
        result = await cli.run(*words, "--set-string", "tag=1.10")
        assert (result.code, result.shown["images"][1]["image"]) == (0, f"{registry.host}/team/app:1.10")
        suite = ElementTree.fromstring((await cli.run("preflight", "--workflow", file, "--set", "repository=app", "--format", "junit")).out)[0]
        assert [child.tag for child in suite[1]] == ["skipped"]


async def test_a_file_that_may_name_more_than_could_be_read_is_not_ready(cli: Cli) -> None:
    async with Scripted(dict(PUBLIC)) as registry:
        cli.registries = registry.settings()
        chart = f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: {registry.host}/team/app\n{{{{ include 'more' . }}}}\n"
        result = await cli.run("preflight", "--workflow", written(cli, chart), "--format", "json")
        assert [one["reason"] for one in result.shown["images"]] == ["public", "unrendered"]
        assert (result.code, result.shown["outcome"]) == (3, "unknown")


PLATFORMS: dict[str, tuple[str, list[str], list[tuple[str, str]]]] = {
    # the platform that the workflow names, more options, what is said of an image for amd64 and one for both
    "a name of the settings": ("gpu", [], [("pullable", "public"), ("pullable", "public")]),
    "a name for two kinds of nodes": ("mixed", [], [("wrong_platform", "platform_missing"), ("pullable", "public")]),
    "it goes before the option": ("gpu", ["--platform", "linux/arm64"], [("pullable", "public"), ("pullable", "public")]),
    "a name that is not set": ("other", [], [("pullable", "public"), ("pullable", "public")]),
    "the option where the file says nothing": ("", ["--platform", "linux/arm64"], [("wrong_platform", "platform_missing"), ("pullable", "public")]),
    "the option by a name": ("", ["--platform", "mixed"], [("wrong_platform", "platform_missing"), ("pullable", "public")]),
}


@pytest.mark.parametrize(("named", "more", "said"), PLATFORMS.values(), ids=PLATFORMS.keys())
async def test_the_platform_is_the_tasks_own(named: str, more: list[str], said: list[tuple[str, str]], cli: Cli) -> None:
    amd, both = index(on("amd64")), index(on("amd64"), on("arm64"))
    async with Scripted({"H0": amd, "G0": amd}) as one, Scripted({"H0": both, "G0": both}) as two:
        cli.registries = one.settings() | two.settings()
        cli.more = {"preflight": {"platforms": {"gpu": "linux/amd64", "mixed": ["linux/amd64", "linux/arm64"]}}}
        file = written(cli, osmo(("a", f"{one.host}/team/app"), ("b", f"{two.host}/team/app"), platform=named))
        result = await cli.run("preflight", "--workflow", file, "--format", "json", *more)
        assert [(told["outcome"], told["reason"]) for told in result.shown["images"]] == said


async def test_manifests_and_compose_files_are_read_too(cli: Cli) -> None:
    arm = index(on("arm64"))
    async with Scripted({"H0": arm, "G0": arm}) as registry:
        cli.registries = registry.settings()
        pod = (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
            f"      nodeSelector: {{kubernetes.io/arch: arm64}}\n      containers:\n      - {{name: web, image: '{registry.host}/team/app'}}\n"
        )
        compose = f"services:\n  db:\n    platform: linux/amd64\n    image: {registry.host}/team/${{NAME:-db}}\n"
        words = ["--workflow", written(cli, pod, "pod.yaml"), "--workflow", written(cli, compose, "compose.yaml"), "--format", "json"]
        told = (await cli.run("preflight", *words)).shown["images"]
        assert [(Path(one["file"]).name, one["line"], one["task"], one["reason"]) for one in told] == [
            ("pod.yaml", 9, "web", "public"), ("compose.yaml", 4, "db", "platform_missing"),
        ]  # fmt: skip


BAD: dict[str, tuple[str, str]] = {
    "no YAML": ("workflow: [", "line 2: this is not valid YAML"),
    "something else": ("hello: world\n", "no OSMO workflow, Kubernetes manifest or compose file"),
    "empty": ("", "empty"),
    "a broken template": ("workflow:\n  tasks:\n  - image: {{ a\n  {% if %}\n", "broken"),
    "an image that is no text": ("workflow:\n  tasks: [{name: a, image: [CANARY]}]\n", "line 2"),
    "tasks and groups": ("workflow: {tasks: [{image: a}], groups: []}\nother: CANARY\n", "line 2"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
async def test_a_bad_file_is_one_sentence_and_nothing_is_asked(text: str, words: str, cli: Cli) -> None:
    async with Scripted({}) as registry:
        cli.registries = registry.settings()
        result = await cli.run("preflight", f"{registry.host}/team/app", "--workflow", written(cli, text), "--format", "json")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert words in result.err
        assert "CANARY" not in result.err
        assert registry.seen == []


USAGE: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "name at least one image"),
    "no such file": (["--workflow", "/nowhere/job.yaml"], "cannot be read: No such file or directory"),
    "a folder": (["--workflow", "/"], "cannot be read: Is a directory"),
    "a name that no file has": (["--workflow", "a\0b"], "names no file"),
    "no equals sign": (["nginx", "--set", "a"], "NAME=VALUE"),
    "no name": (["nginx", "--set-string", "=a"], "NAME=VALUE"),
    "no platform": (["nginx", "--platform", "amd"], "--platform: "),
    "no such format": (["nginx", "--format", "xml"], "junit"),
}


@pytest.mark.parametrize(("arguments", "words"), USAGE.values(), ids=USAGE.keys())
async def test_what_cannot_be_done_is_said_at_once(arguments: list[str], words: str, cli: Cli) -> None:
    result = await cli.run("preflight", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err


async def test_groups_of_a_workflow_have_their_own_pull_secrets(cli: Cli) -> None:
    """OSMO writes a key only for a group with an image that it is for; in one group it then matches others by their beginning."""
    refused: Answers = {"T+": err("UNAUTHORIZED"), "L+": err("UNAUTHORIZED"), **PUBLIC}
    async with Scripted(refused) as registry:
        cli.registries = registry.settings()
        cli.more, cli.pace = {"preflight": {"auths_key": "osmo"}}, {"repeat_after_s": 0.05, "refused": {60: 100}}
        payload = ["--payload", f"registry={registry.host}/team", f"username={USERNAME}", "auth=-"]
        assert (await cli.run("credential", "set", "mine", "--no-check", *payload, stdin=SECRET)).code == 0
        team, other = f"{registry.host}/team/x", f"{registry.host}/team-two/app"
        alone = osmo(("a", team), ("b", other))
        together = f"workflow:\n  groups:\n  - name: g\n    tasks:\n    - {{name: a, image: '{team}'}}\n    - {{name: b, image: '{other}'}}\n"
        said = {}
        for name, text in (("alone", alone), ("together", together)):
            shown = (await cli.run("preflight", "--workflow", written(cli, text), "--format", "json")).shown
            said[name] = [one["reason"] for one in shown["images"]]
        assert said == {"alone": ["credential_refused", "public"], "together": ["credential_refused", "credential_refused"]}
