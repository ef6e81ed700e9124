"""Registries for the benchmarks of a pre-flight, in a process of their own: with a delay, a switch to hang, and counts.

`python -m tests.bench.registries NUMBER DELAY_MS` prints one line of JSON, {"control", "registries": [{"host", "secret"}]}, and runs until its
stdin ends. Each registry waits DELAY_MS before it reads a request and DELAY_MS before it answers. It speaks the token protocol
over plain http, by a hand-written loop: the server is not to be what is measured. The control port adds no delay:
`/counts`, `/reset`, `/hang?N`, `/well`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

USERNAME = "bench"
MANIFEST = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[],"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":2}}'  # fmt: skip


@dataclass
class Registry:
    """One registry: every repository is private, one secret reads them all. `pings` and `steps` by repository are what came."""

    secret: str
    delay_s: float
    port: int = 0
    hanging: bool = False
    pings: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    at_once: int = 0
    most: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def depth(self) -> int:
        """The requests of the deepest conversation: those that name its repository, and the ping that told it where to ask."""
        return max(self.steps.values(), default=0) + min(self.pings, 1)

    def reset(self) -> None:
        self.pings, self.most = 0, 0
        self.steps.clear()

    async def serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.at_once += 1
                self.most = max(self.most, self.at_once)
                try:
                    await asyncio.sleep(self.delay_s)
                    answer = self._answer(head.decode("latin-1"))
                    await asyncio.sleep(self.delay_s)
                finally:
                    self.at_once -= 1
                while self.hanging:
                    await asyncio.sleep(0.05)
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections -= 1
            writer.close()

    def _answer(self, head: str) -> bytes:
        line, *fields = head.split("\r\n")
        method, target, _ = line.split(" ", 2)
        sent = next((one.partition(":")[2].strip() for one in fields if one.lower().startswith("authorization:")), "")
        url = urlsplit(target)
        if url.path == "/token":
            scope = parse_qs(url.query).get("scope", [""])[0]
            self.steps[scope.split(":")[1] if scope else "(login)"] += 1
            pair = base64.b64encode(f"{USERNAME}:{self.secret}".encode()).decode()
            if sent != f"Basic {pair}":
                return _reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}')
            return _reply(200, json.dumps({"token": f"token-{self.secret}", "expires_in": 300}).encode())
        if url.path.rstrip("/") == "/v2":
            self.pings += 1
            return _reply(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', self._challenge())
        repository = url.path.removeprefix("/v2/").rpartition("/manifests/")[0]
        self.steps[repository] += 1
        if sent != f"Bearer token-{self.secret}":
            return _reply(401, b"", self._challenge())
        body = MANIFEST % hashlib.sha256(repository.encode()).hexdigest().encode()
        digest = hashlib.sha256(body).hexdigest()
        kind = "Content-Type: application/vnd.oci.image.manifest.v1+json"
        return _reply(200, body, kind, f"Docker-Content-Digest: sha256:{digest}", head=method == "HEAD")

    def _challenge(self) -> str:
        return f'WWW-Authenticate: Bearer realm="http://{self.host}/token",service="bench"'


def _reply(status: int, body: bytes, *fields: str, head: bool = False) -> bytes:
    kind = () if any(one.startswith("Content-Type") for one in fields) else ("Content-Type: application/json",)
    lines = (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Docker-Distribution-Api-Version: registry/2.0", *kind, *fields, "", "")
    return "\r\n".join(lines).encode() + (b"" if head else body)


@dataclass
class Control:
    """What the benchmark asks the registries themselves."""

    registries: list[Registry]

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        target = urlsplit(head.split(" ", 2)[1])
        match target.path:
            case "/reset":
                for one in self.registries:
                    one.reset()
            case "/hang":
                self.registries[int(target.query)].hanging = True
            case "/well":
                for one in self.registries:
                    one.hanging = False
            case _:
                pass
        counts = {
            "depth": max(one.depth for one in self.registries),
            "requests": sum(one.pings + sum(one.steps.values()) for one in self.registries),
            "pings": sum(one.pings for one in self.registries),
            "steps": sum((one.steps for one in self.registries), Counter[str]()),
            "connections": sum(one.connections for one in self.registries),
            "most_at_once": max(one.most for one in self.registries),
        }
        writer.write(_reply(200, json.dumps(counts).encode(), "Connection: close"))
        await writer.drain()
        writer.close()


async def main(number: int, delay_s: float) -> None:
    """Start, print, and wait for the end of stdin."""
    registries = [Registry(secret=f"secret-of-{at}", delay_s=delay_s) for at in range(number)]
    for one in registries:
        await one.serve()
    control = await asyncio.start_server(Control(registries).connected, "127.0.0.1", 0)
    said = {"control": control.sockets[0].getsockname()[1], "registries": [{"host": one.host, "secret": one.secret} for one in registries]}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
