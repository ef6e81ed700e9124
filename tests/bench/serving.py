"""`validator serve` for the benchmarks: a process of its own, with a store and a ledger that have never asked anything."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from typer.testing import CliRunner

from tests.bench.preflighting import DEADLINE_S, READY, Site
from tests.bench.registries import USERNAME
from validator.cli import app

USER: Final = "bench"
STARTS_S: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class OverHttp:
    """One running service, asked over connections that stay open."""

    url: str
    token: str
    session: aiohttp.ClientSession
    process: Process

    async def ask(self, images: Sequence[str], deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """`POST /v1/preflight`."""
        said: dict[str, Any] = json.loads(await self._sent(_body(images, deadline_s)))
        return said

    def again(self, images: Sequence[str]) -> Callable[[], Awaitable[bool]]:
        body, ready = _body(images, DEADLINE_S), READY.encode()

        async def send() -> bool:
            return (await self._sent(body)).startswith(ready)

        return send

    async def _sent(self, body: bytes) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        async with self.session.post(f"{self.url}/v1/preflight", data=body, headers=headers) as answer:
            answer.raise_for_status()
            return await answer.read()

    def cpu_ms(self) -> float:
        """What the service has worked so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS

    def open_files(self) -> int:
        """How many files and sockets the service holds."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def _body(images: Sequence[str], deadline_s: float) -> bytes:
    return json.dumps({"user": USER, "images": list(images), "deadline_ms": round(deadline_s * 1000)}).encode()


@asynccontextmanager
async def over_http(of: Site) -> AsyncIterator[OverHttp]:
    """A service of its own, its code loaded by one question to the registry that is left over."""
    with tempfile.TemporaryDirectory(prefix="validator-bench-") as name:
        folder, port = Path(name), _free_port()
        config = folder / "validator.yaml"
        registry = {"plain_http": True, "allow_private": True, "pace": dict(of.pace)}
        settings = {
            "store": f"sqlite:///{folder / 'bench.db'}", "key_file": str(folder / "bench.key"), "api": {"port": port, "per_second": 10_000, "burst": 10_000},
            "registries": {host: {**registry, "realm_hosts": [host]} for host in of.hosts},
        }  # fmt: skip
        config.write_text(yaml.safe_dump(settings))
        pairs = zip(of.hosts, of.secrets, strict=True)
        rows = [
            {"user": USER, "name": f"key-{at}", "registry": host, "username": USERNAME, "auth": secret} for at, (host, secret) in enumerate(pairs)
        ]
        await _told(config, "credential", "import", "-", "--no-check", stdin="\n".join(map(json.dumps, rows)))
        made = await _told(config, "token", "create", "bench", "--scope", "preflight", "--for", USER, "--format", "json")
        process = await _started(config)
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                asked = OverHttp(f"http://127.0.0.1:{port}", json.loads(made)["token"], session, process)
                await _ready(asked)
                await asked.ask([f"{of.hosts[-1]}/warm/up:1"])
                yield asked
        finally:
            await _ended(process)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


async def _told(config: Path, *words: str, stdin: str = "") -> str:
    """What a command says."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["--config", str(config), *words], input=stdin, env={"CI": ""})
    assert result.exit_code == 0, words
    return result.stdout


async def _started(config: Path) -> Process:
    program = (sys.executable, "-m", "validator", "--config", str(config), "--log-level", "error", "serve")
    return await asyncio.create_subprocess_exec(*program, stdin=DEVNULL, stdout=DEVNULL, env={**os.environ, "CI": ""})


async def _ready(asked: OverHttp) -> None:
    ends = time.monotonic() + STARTS_S
    while True:
        try:
            async with asked.session.get(f"{asked.url}/readyz") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        assert time.monotonic() < ends, "the service does not start"
        assert asked.process.returncode is None, "the service ended"
        await asyncio.sleep(0.05)


async def _ended(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()
            await process.wait()
