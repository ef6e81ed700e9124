"""`validator worker` where it cannot work: one sentence, and exit code 2 before anything is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def worker(home: Path, *words: str, before: str = "0", **environ: str) -> subprocess.CompletedProcess[str]:
    """The command in a home of its own, after the Python `before`."""
    program = f"import sys; {before}; from validator.cli import main; sys.argv = ['validator', 'worker', *sys.argv[1:]]; main()"
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "CI": "", **environ}
    return subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, timeout=60, env=environment)


WITHOUT_QUEUE = "sys.modules['procrastinate'] = None"
NOWHERE = "osmo+postgresql://u:S3cret@/x?host=/nonexistent"


@pytest.mark.parametrize(
    ("store", "before", "said"),
    [
        ("sqlite:///x.db", "0", "workers share their work through a Postgres: name the store osmo+postgresql://"),
        (NOWHERE, WITHOUT_QUEUE, "workers need the program's extra `postgres`: install validator[postgres]"),
        (NOWHERE, "0", "is missing, and a worker makes none"),
    ],
)
def test_what_is_missing_is_one_sentence(tmp_path: Path, store: str, before: str, said: str) -> None:
    found = worker(tmp_path, "--store", store, before=before)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1), found.stderr
    assert said in found.stderr
    assert "S3cret" not in found.stderr


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    key.write_text("x")
    key.chmod(0o600)
    mek = tmp_path / "mek.yaml"
    mek.write_text("currentMek: a\nmeks: {}\n")
    found = worker(tmp_path, "--store", NOWHERE, VALIDATOR_KEY_FILE=str(key), VALIDATOR_OSMO__MEK_FILE=str(mek))
    assert (found.returncode, found.stderr.count("\n")) == (2, 1), found.stderr
    assert "S3cret" not in found.stderr


def test_the_queue_is_imported_by_workers_alone() -> None:
    program = "import sys, validator.cli, validator.app, validator.serving; print([n for n in sys.modules if n.startswith('procrastinate')])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "[]\n"
