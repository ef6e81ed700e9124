"""Standard streams that are closed, full or no longer read: a sentence or silence, and never another exit code than the result's."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from validator.logs import configure_logging

SECRET = "s3cret-that-nobody-may-see"
BLOCKED = ("preflight", "A B", "--ephemeral")
"""An image that is none: nothing is asked, exit code 1."""


def by_shell(how: str, words: tuple[str, ...], home: Path) -> subprocess.CompletedProcess[str]:
    """`validator` with its streams as the shell's `how` makes them (`"$@"` is the command)."""
    return subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {how}", "sh", sys.executable, "-m", "validator", *words], input="", capture_output=True, text=True,
        check=False, env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home), "CI": ""},
    )  # fmt: skip


def is_one_sentence(text: str) -> bool:
    """True for one line of ours that tells of no fault of the program."""
    return len(text.splitlines()) == 1 and text.startswith("validator: ") and "fault of our own" not in text


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ('"$@" <&-', ("check", "reg.test", "-u", "u", "--secret-stdin")),
        ('"$@" <&-', ("credential", "import", "-")),
        ('"$@" <&-', ("preflight", "--workflow", "-")),
        ('"$@" 0>/dev/null', ("credential", "set", "x", "--payload", "registry=reg.test", "username=u", "auth=-")),
    ],
    ids=["check", "import", "preflight", "only to write"],
)
def test_a_standard_input_that_gives_nothing_is_the_callers_to_mend(how, words, tmp_path):
    done = by_shell(how, words, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert is_one_sentence(done.stderr), done.stderr
    assert "standard input" in done.stderr


def test_without_a_standard_input_nobody_is_asked_for_a_secret(tmp_path):
    done = by_shell('"$@" <&-', ("check", "reg.test", "-u", "u"), tmp_path)
    assert (done.returncode, is_one_sentence(done.stderr)) == (2, True), done.stderr


@pytest.mark.parametrize("how", ['"$@" | true', '"$@" >&-', '"$@" 2>&-'])
def test_what_nobody_reads_changes_no_exit_code(how, tmp_path):
    """`validator preflight IMAGE | grep -q x && submit` would else submit what is blocked."""
    done = by_shell(how.replace('"$@"', '{ sleep 0.2; "$@"; }') if "true" in how else how, BLOCKED, tmp_path)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk_under_the_result_is_told(tmp_path):
    done = by_shell('"$@" > /dev/full', BLOCKED, tmp_path)
    assert done.returncode == 4
    assert is_one_sentence(done.stderr), done.stderr
    assert "standard output" in done.stderr


@pytest.mark.parametrize("how", ['"$@" 2>/dev/full', '{ sleep 0.2; "$@"; } 2> >(true)'])
def test_a_sweep_goes_on_when_its_progress_is_not_read(how, tmp_path):
    (tmp_path / "one").write_text('{"user": "u", "name": "n", "registry": "reg.invalid", "username": "u", "auth": "x"}\n')
    assert by_shell('"$@"', ("credential", "import", "--no-check", str(tmp_path / "one")), tmp_path).returncode == 0
    done = by_shell(how, ("sweep", "--no-wait", "--format", "json"), tmp_path)
    assert (done.returncode, '"name": "n"' in done.stdout) == (0, True), done


class Torn(io.StringIO):
    """A stream whose disk is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_ends_nothing(capsys):
    import logging

    import structlog

    try:
        configure_logging("info", stream=Torn())
        structlog.get_logger().info("server_started", url="http://127.0.0.1:1", version="0")
        logging.getLogger("a.library").warning("a sentence")
    finally:
        configure_logging("warning")
    assert capsys.readouterr().err == ""


WAITS = """
import os, sys
from validator.cli.base.running import read_input, run

class Waiting:
    class buffer:
        def read(most):
            print("waits", flush=True)
            return os.read(0, 1)

async def main():
    return read_input()

sys.stdin = Waiting
run(main)
"""


def test_one_ctrl_c_ends_what_waits_for_standard_input():
    """`credential set NAME … auth=-` at a terminal; a loop's own handler would wait for the text to end first."""
    with subprocess.Popen([sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"waits\n"
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        finally:
            process.kill()
        assert b"Exit: 130" in process.stderr.read()
