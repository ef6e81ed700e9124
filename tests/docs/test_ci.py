"""The examples of `docs/how-to/ci.md`: valid by their vendors' schemas, and their commands run."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main as check  # type: ignore[import-untyped]  # it tells no types
from click.testing import CliRunner

from tests.cases.scripted import SECRET, USERNAME, Answers, Scripted, err
from tests.docs.pages import block
from tests.docs.programs import REGISTRY, Machine

IMAGE = f"{REGISTRY}/team/app:1"
WORKFLOW = f"workflow:\n  name: train\n  tasks:\n  - name: first\n    image: {IMAGE}\n"
DEAD: Answers = {"T+": err("UNAUTHORIZED"), "L+": err("UNAUTHORIZED")}
DOCKER = """
[ "$1 $2 $3 $5" = "login registry.example.org --username --password-stdin" ] || exit 64
mkdir -p "$HOME/.docker"
printf '{"auths": {"%s": {"auth": "%s"}}}' "$2" "$(printf '%s:%s' "$4" "$(cat)" | base64)" >"$HOME/.docker/config.json"
"""
"""`docker login HOST --username U --password-stdin`, as it is on a runner: no credential helper."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.program("python", 'echo "$*" >>installed')
    made.program("docker", DOCKER)
    made.write("workflows/train.yaml", WORKFLOW)
    return made


@pytest.mark.parametrize(("holds", "schema"), [("runs-on", "github-workflows"), ("reports:", "gitlab-ci")])
def test_an_example_is_valid_by_its_vendors_schema(holds: str, schema: str, tmp_path: Path) -> None:
    """The schemas are in check-jsonschema's wheel: nothing is fetched."""
    path = tmp_path / "example.yml"
    for text, good in ((block("ci.md", holds), True), (block("ci.md", holds).replace("runs-on", "runs").replace("reports:", "report:"), False)):
        path.write_text(text)
        done = CliRunner().invoke(check, ["--builtin-schema", f"vendor.{schema}", str(path)])
        assert (done.exit_code == 0) is good, done.output


def filled(environ: dict[str, str] | None, secrets: dict[str, str]) -> dict[str, str]:
    return {name: secrets.get(value.removeprefix("${{ secrets.").removesuffix(" }}"), value) for name, value in (environ or {}).items()}


async def run_github(machine: Machine, secrets: dict[str, str]) -> int:
    """The `run` steps of the job, one after the other, as a runner's shell does it; the first that fails ends it."""
    [job] = yaml.safe_load(block("ci.md", "runs-on"))["jobs"].values()
    for step in job["steps"]:
        if "run" in step:
            environ = filled(job["env"], secrets) | filled(step.get("env"), secrets)
            ended = await machine.run("bash", "-e", "-c", step["run"], CI="true", **environ)
            if ended.code:
                return ended.code
    return 0


async def test_the_github_job_fails_for_a_dead_login_and_tells_the_line(machine: Machine) -> None:
    async with Scripted(dict(DEAD)) as registry:
        machine.dials(registry, pace={"repeat_after_s": 0.05})
        assert await run_github(machine, {"REGISTRY_USERNAME": USERNAME, "REGISTRY_PASSWORD": SECRET}) == 1
        assert registry.count("T+") == 2, "with the job's login, and once more after a while"
    assert (machine.home / "installed").read_text() == "-m pip install validator @ git+https://git.example.org/tools/validator\n"
    sarif = json.loads((machine.home / "preflight.sarif").read_text())
    [result] = sarif["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (sarif["version"], place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("2.1.0", "workflows/train.yaml", 5)


async def test_the_gitlab_job_reads_the_clusters_pull_secret_and_passes(machine: Machine) -> None:
    [job] = yaml.safe_load(block("ci.md", "reports:")).values()
    auth = base64.b64encode(f"{USERNAME}:{SECRET}".encode()).decode()
    machine.write("secret", json.dumps({"auths": {REGISTRY: {"auth": auth}}}))
    async with Scripted({}) as registry:
        machine.dials(registry)
        lines = "\n".join([*job["before_script"], *job["script"]])
        ended = await machine.run("bash", "-e", "-c", lines, CI="true", PULL_SECRET=str(machine.home / "secret"), **job["variables"])
        assert (ended.code, registry.count("H+")) == (0, 1), ended.err
    report = ElementTree.parse(machine.home / job["artifacts"]["reports"]["junit"]).getroot()
    assert [len(list(report.iter(name))) for name in ("testcase", "failure")] == [1, 0]
    assert job["artifacts"]["when"] == "always"
