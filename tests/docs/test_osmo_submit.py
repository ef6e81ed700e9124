"""`contrib/osmo-submit` before a stand-in for osmo: what is submitted, what is not, and what is said."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.cases.scripted import Scripted
from tests.docs.pages import ROOT, block
from tests.docs.programs import REGISTRY, Machine

SUBMIT: Final = str(ROOT / "contrib" / "osmo-submit")
SPEC: Final = f"workflow:\n  name: train\n  tasks:\n  - name: a\n    image: {REGISTRY}/team/app:1\n"
OSMO: Final = f"""
printf '%s|' "$@" >>osmo.log; echo >>osmo.log
case "$*" in
  *broken*) echo "Workflow validation failed" >&2; exit 3 ;;
  "workflow submit wf-1"*"--dry-run") echo "Please remove the --dry-run flag" >&2; exit 0 ;;
  *--dry-run) cat <<'END'
{SPEC}END
    exit 0 ;;
esac
echo "Workflow submit successful."
"""
"""It prints the expanded workflow for --dry-run, nothing for a workflow's ID, and fails for one called broken."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.program("osmo", OSMO)
    return made


def submitted(machine: Machine) -> list[str]:
    """What osmo was called with."""
    return (machine.home / "osmo.log").read_text().splitlines()


CODES: dict[str, tuple[str, int, bool, str]] = {
    "ready": ("exit 0", 0, True, ""),
    "blocked": (
        "echo it is denied; exit 1",
        1,
        False,
        "it is denied\nosmo-submit: not submitted, for the nodes could not pull what is named above.\n",
    ),
    "unknown": ("exit 3", 0, True, "osmo-submit: warning: it is not known whether every image can be pulled; submitting all the same.\n"),
    "settings that are wrong": ("exit 2", 0, True, "osmo-submit: warning: the images were not checked; submitting all the same.\n"),
    "a fault of its own": ("exit 4", 0, True, "osmo-submit: warning: the images were not checked; submitting all the same.\n"),
    "killed": ("kill -9 $$", 0, True, "osmo-submit: warning: the images were not checked; submitting all the same.\n"),
}


@pytest.mark.parametrize(("script", "code", "goes", "said"), CODES.values(), ids=CODES.keys())
async def test_what_follows_from_the_answer(script: str, code: int, goes: bool, said: str, machine: Machine) -> None:
    machine.program("validator", f'[ "$*" = "preflight --workflow -" ] || exit 9; cat >spec; {script}')
    words = shlex.split(block("osmo-submit.md", "osmo-submit train.yaml"))[1:]
    ended = await machine.run(SUBMIT, *words)
    assert (ended.code, ended.out) == (code, "Workflow submit successful.\n" if goes else "")
    assert ended.err.endswith(said)
    dry, real = "workflow|submit|train.yaml|--pool|gpu|--set|model=large|--dry-run|", "workflow|submit|train.yaml|--pool|gpu|--set|model=large|"
    assert submitted(machine) == ([dry, real] if goes else [dry])
    assert (machine.home / "spec").read_text() == SPEC


async def test_without_validator_it_warns_and_submits(machine: Machine) -> None:
    (machine.home / "bin" / "validator").unlink()
    ended = await machine.run(SUBMIT, "train.yaml")
    assert (ended.code, ended.out) == (0, "Workflow submit successful.\n")
    assert "warning: the images were not checked" in ended.err


async def test_a_workflow_that_osmo_refuses_is_not_asked_about(machine: Machine) -> None:
    machine.program("validator", "touch asked")
    ended = await machine.run(SUBMIT, "broken.yaml")
    assert (ended.code, ended.err, submitted(machine)) == (3, "Workflow validation failed\n", ["workflow|submit|broken.yaml|--dry-run|"])
    assert not (machine.home / "asked").exists()


async def test_a_workflows_id_is_submitted_as_it_is(machine: Machine) -> None:
    machine.program("validator", "touch asked; exit 1")
    ended = await machine.run(SUBMIT, "wf-1", "--pool", "gpu")
    assert (ended.code, ended.out) == (0, "Workflow submit successful.\n")
    assert not (machine.home / "asked").exists()


async def test_an_argument_reaches_osmo_as_it_was_given(machine: Machine) -> None:
    machine.program("validator", "exit 0")
    await machine.run(SUBMIT, "a b.yaml", "--set", "x=$(id) 'y'", "*")
    assert submitted(machine) == [f"workflow|submit|a b.yaml|--set|x=$(id) 'y'|*|{end}" for end in ("--dry-run|", "")]


async def test_with_validator_itself(machine: Machine) -> None:
    async with Scripted({}) as registry:
        machine.dials(registry)
        ended = await machine.run(SUBMIT, "train.yaml")
    assert ended.code == 1
    assert f"{REGISTRY}/team/app:1: denied (no_credential)" in ended.err
    assert submitted(machine) == ["workflow|submit|train.yaml|--dry-run|"]
