"""`python -m validator.emulator` as a developer runs it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.emulated.conftest import Ask
from validator.emulator import EMULATED

COMMAND = (sys.executable, "-m", "validator.emulator")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_it_prints_settings_serves_and_ends_cleanly(tmp_path: Path, ask: Ask, number: signal.Signals) -> None:
    file = tmp_path / "emulated.yaml"
    running = await asyncio.create_subprocess_exec(
        *COMMAND, "--config-file", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert running.stdout is not None
        printed = b"".join([await running.stdout.readline() for _ in range(2 + len(EMULATED))]).decode()
        settings = yaml.safe_load(printed)["registries"]
        pings = [(await ask(f"{registry['endpoint']}/v2/")).status for registry in settings.values()]
        running.send_signal(number)
        rest, told = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
    assert (running.returncode, rest) == (0, b"")
    assert (list(settings), pings) == ([kind.host for kind in EMULATED], [401] * len(EMULATED))
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (printed, 0o600)
    rows = [re.split(r" {2,}", line) for line in told.decode().splitlines()]
    planted = [(kind.host, one.name, one.username, one.state, one.secret) for kind in EMULATED for one in kind().planted()]
    assert rows == [["REGISTRY", "NAME", "USERNAME", "STATE", "SECRET"], *map(list, planted)]
    assert not any(secret in printed for *_, secret in planted)


def free_base() -> int:
    """The first of ports that are free, below those that the system hands out."""
    for base in range(20000 + os.getpid() % 100 * 100, 32000, 100):
        with ExitStack() as held:
            try:
                for port in range(base, base + 10 * len(EMULATED)):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")


async def test_a_port_base_is_taken_as_given(ask: Ask) -> None:
    base = free_base()
    running = await asyncio.create_subprocess_exec(
        *COMMAND, "--port-base", str(base), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert running.stdout is not None
        printed = b"".join([await running.stdout.readline() for _ in range(2 + len(EMULATED))])
        endpoints = [registry["endpoint"] for registry in yaml.safe_load(printed)["registries"].values()]
    finally:
        running.terminate()
        await running.communicate()
    assert endpoints == [f"http://127.0.0.1:{base + 10 * place}" for place in range(len(EMULATED))]


def test_a_taken_port_is_told_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        base = taken.getsockname()[1]
        ended = subprocess.run([*COMMAND, "--port-base", str(base)], capture_output=True, text=True, timeout=10, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "--port-base" in ended.stderr


@pytest.mark.parametrize("base", ["70000", "-1", "x"])
def test_a_port_base_out_of_range_is_refused(base: str) -> None:
    ended = subprocess.run([*COMMAND, f"--port-base={base}"], capture_output=True, text=True, timeout=10, check=False)
    assert (ended.returncode, "--port-base" in ended.stderr) == (2, True)


def test_importing_the_package_imports_no_server() -> None:
    text = "import sys, validator.emulator; print('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout == "False\n"
