"""`validator worker` where it cannot work: one sentence, and exit code 2 before anything is asked."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from tests.cases.running import Cli, cli

__all__ = ["cli"]

NOWHERE: Final = "osmo+postgresql://u:S3cret@/x?host=/nonexistent"


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("sqlite:///x.db", "workers share their work through a Postgres: name the store osmo+postgresql://"),
        ("dockerconfig:/none", "workers share their work through a Postgres: name the store osmo+postgresql://"),
        (NOWHERE, "master.key is missing, and a worker makes none"),
    ],
)
async def test_what_is_missing_is_one_sentence(cli: Cli, store: str, said: str) -> None:
    cli.more = {"store": store}
    found = await cli.run("worker")
    assert (found.code, found.out, found.err.count("\n"), said in found.err) == (2, "", 1, True), found.err
    assert "S3cret" not in found.err


async def test_osmos_key_or_a_server_that_is_not_there_is_one_sentence(cli: Cli) -> None:
    (cli.home / "master.key").touch(mode=0o600)
    cli.more = {"store": NOWHERE, "osmo": {"mek_file": str(cli.home / "mek.yaml")}}
    without = await cli.run("worker")
    (cli.home / "mek.yaml").write_text("currentMek: a\nmeks: {}\n")
    nowhere = await cli.run("worker")
    for found, said in ((without, "mek.yaml"), (nowhere, "")):
        assert (found.code, found.out, found.err.count("\n"), said in found.err) == (2, "", 1, True), found.err
        assert "S3cret" not in found.err


async def test_a_file_for_a_probe_that_cannot_be_written_is_one_sentence(cli: Cli) -> None:
    from validator.cli.worker import _touch
    from validator.errors import UsageError

    with pytest.raises(UsageError, match="of --alive cannot be written"):
        _touch(cli.home / "none" / "alive")


async def test_without_the_queues_library_the_extra_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "procrastinate.schema", None)
    cli.more = {"store": NOWHERE}
    found = await cli.run("worker")
    assert (found.code, found.err) == (2, "validator: workers need the program's extra `postgres`: install validator[postgres]\n")


def test_the_queue_is_imported_by_workers_alone() -> None:
    program = "import sys, validator.cli, validator.app, validator.serving; print([n for n in sys.modules if n.startswith('procrastinate')])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "[]\n"
