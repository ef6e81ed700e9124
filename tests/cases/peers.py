"""What another public checker says of the same pair at the same server: `skopeo login`, or the Python client of ORAS.

`CASES_PEERS=skopeo` (or `oras`) asks it before each check of a run that is about peers alone: what a test counts at its server, or lets it
say once, is not to be trusted then. Each gets a home of its own. A yes claims that the pair is good, a no that it is refused; anything
else (a page, a timeout, "not found") claims nothing. Names of the made-up network are reached by a proxy that leads as it does, and
nowhere else; the proxy stands in the way of everything, so that no realm or redirect leads one of them off this machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

ASKED: Final = os.environ.get("CASES_PEERS", "")
YES, NO, CANNOT_TELL = "yes", "no", "cannot tell"
TIME_S: Final = 8.0
REFUSED: Final = ("invalid username/password", "invalid status code from registry 403", "authentication required", "access to the resource is denied")
NOWHERE: Final = "http://127.0.0.1:9"

ORAS: Final = """
import json, os, sys, time
import oras.provider
time.sleep = lambda seconds: None
for line in sys.stdin:
    told = json.loads(line)
    os.environ.update(told["environment"])
    scheme, host = told["scheme"], told["host"]
    registry = oras.provider.Registry(hostname=host, insecure=scheme == "http", tls_verify=scheme == "https")
    registry.auth.set_basic_auth(told["username"], told["secret"])
    try:
        status = registry.do_request(f"{scheme}://{host}/v2/").status_code
    except ValueError as error:
        status = 401 if "Cannot respond to request for authentication" in str(error) else 0
    except Exception:
        status = 0
    print("SAID " + {200: "yes", 401: "no", 403: "no"}.get(status, "cannot tell"), flush=True)
"""
"""Its own flow of a ping with a pair: challenge, token, ping with the token. (Its `login` asks a Docker daemon, or nobody.)

Where no token came, whatever the token server said, it calls the pair wanting, after five tries; it waits for nothing between them here.
One process answers question after question, for its imports take a second.
"""


class Led(Protocol):
    """A made-up network: names with their answers, and where their addresses' ports really are."""

    @property
    def names(self) -> Mapping[str, Sequence[Any]]:
        """A name's answers, the last for ever."""
        ...

    @property
    def places(self) -> Mapping[tuple[str, int], int | OSError]:
        """(address, port) -> a port on loopback, or the error of the dial."""
        ...


@dataclass(frozen=True)
class Way:
    """Where a registry is for another program: plain http at `place`, or https behind the made-up network `net`."""

    place: str
    net: Led | None = None
    authority: Path | None = None


async def asked(way: Way | None, username: str, secret: str) -> None:
    """Ask the peer of this run; not where it cannot get there, or was never meant to be given such a pair. `taken` tells."""
    _last.clear()
    if way is None or not secret.strip() or not username or any(c in username + secret for c in "\0\r\n"):
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        async with _proxy(way.net) as proxy:
            run = _skopeo if ASKED == "skopeo" else _oras
            _last[ASKED] = await run(way, username, secret, home, _environment(home, way, proxy))


_last: dict[str, str] = {}


def taken() -> dict[str, str]:
    """What was said last, once: by the peer's name."""
    found = dict(_last)
    _last.clear()
    return found


async def _skopeo(way: Way, username: str, secret: str, home: Path, environment: dict[str, str]) -> str:
    (home / "registries.conf").write_text("")
    program = shutil.which("skopeo")
    assert program is not None, "skopeo is not installed"
    line = [program, "login", f"--tls-verify={'false' if way.net is None else 'true'}", "--authfile", str(home / "auth.json"), "--username", username]
    code, _, words = await _run([*line, "--password-stdin", way.place], secret, home, environment)
    return YES if code == 0 else NO if any(word in words for word in REFUSED) else CANNOT_TELL


_answering: list[subprocess.Popen[str]] = []


def _process() -> subprocess.Popen[str]:
    if not _answering:
        line, pipe = [sys.executable, "-c", ORAS], subprocess.PIPE
        _answering.append(subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True))
    return _answering[0]


async def _oras(way: Way, username: str, secret: str, home: Path, environment: dict[str, str]) -> str:
    told = {"scheme": "http" if way.net is None else "https", "host": way.place, "username": username, "secret": secret, "environment": environment}
    answering = _process()
    assert answering.stdin is not None
    assert answering.stdout is not None
    answering.stdin.write(json.dumps(told) + "\n")
    answering.stdin.flush()
    late = threading.Timer(TIME_S, answering.kill)
    late.start()
    try:
        while (line := await asyncio.to_thread(answering.stdout.readline)) and not line.startswith("SAID "):
            pass
    finally:
        late.cancel()
    if not line:
        ended()
    return line.strip().removeprefix("SAID ") or CANNOT_TELL


def ended() -> None:
    """No peer runs on."""
    while _answering:
        answering = _answering.pop()
        answering.kill()
        answering.communicate()


def _environment(home: Path, way: Way, proxy: str) -> dict[str, str]:
    authority = str(way.authority or home / "no-authority.pem")
    proxies = {name: proxy for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())}
    return {
        **proxies, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "SSL_CERT_FILE": authority, "SSL_CERT_DIR": str(home),
        "REQUESTS_CA_BUNDLE": authority if way.authority else "", "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "XDG_CONFIG_HOME": str(home),
        "DOCKER_CONFIG": str(home), "CONTAINERS_REGISTRIES_CONF": str(home / "registries.conf"), "DOCKER_HOST": "unix:///nowhere",
        "PATH": os.environ.get("PATH", ""),
    }  # fmt: skip


async def _run(line: list[str], secret: str, home: Path, environment: dict[str, str]) -> tuple[int | None, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*line, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, cwd=home)
    try:
        out, errors = await asyncio.wait_for(process.communicate(secret.encode()), TIME_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, "", ""
    return process.returncode, out.decode(errors="replace"), errors.decode(errors="replace")


@asynccontextmanager
async def _proxy(net: Led | None) -> AsyncIterator[str]:
    """A proxy that makes a tunnel to a name of `net` where that one leads to loopback, and says 502 to all else."""
    if net is None:
        yield NOWHERE
        return
    names, places = net.names, net.places
    ends: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[0].split(" ")
            host, _, port = target.rpartition(":")
            answers = names.get(host, [[]])
            addresses = answers[-1] if isinstance(answers[-1], list | tuple) and method == "CONNECT" else []
            led = [place for address in addresses if isinstance(place := places.get((address, int(port))), int)]
            if not led:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                writer.close()
                return
            there, back = await asyncio.open_connection("127.0.0.1", led[-1])  # a dead one comes first
            ends.append(back)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for end in ends:
            end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.close()
