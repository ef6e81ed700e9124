"""The registries of the demo: four emulated vendors in this process and, where it is installed, Debian's docker-registry."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from validator.cli.base.running import put
from validator.cli.demo.base import Kept, stop
from validator.errors import UsageError

REAL_USER: Final = "rita"
REAL_SECRET: Final = "a password of rita's"
READY_TRIES: Final = 400
"""Times 50 ms: how long docker-registry may take to answer."""


async def world(stack: AsyncExitStack, folder: Path) -> tuple[list[Kept], dict[str, Any]]:
    """Everything that is started: the credentials with their truths, and the settings' registries."""
    from validator.emulator import DockerHub, Ghcr, Gitlab, Ngc

    ngc, hub = await stack.enter_async_context(Ngc()), await stack.enter_async_context(DockerHub())
    github, gitlab = await stack.enter_async_context(Ghcr()), await stack.enter_async_context(Gitlab())
    chosen = [
        ("ada", "ngc", ngc, "good", "acme/research/trainer"),
        ("bob", "ngc-old", ngc, "regenerated", "acme/research/trainer"),
        ("ada", "hub", hub, "good", "ada/private"),
        ("bob", "hub-old", hub, "expired", "ada/private"),
        ("ada", "github", github, "good", "octo/app"),
        ("bob", "github-narrow", github, "scopeless", "octo/app"),
        ("ada", "gitlab", gitlab, "good", "group/private"),
    ]  # fmt: skip
    real = await _real_registry(stack, folder)
    if real is None:
        chosen.append(("bob", "gitlab-old", gitlab, "revoked", "group/private"))
    kept = []
    for user, name, emulated, key, repository in chosen:
        pair = next(planted for planted in emulated.planted() if planted.name == key)
        truth = emulated.truth(pair.username, pair.secret, repository)
        tag = "1" if emulated is gitlab else "latest"
        kept.append(Kept(user, name, emulated.host, pair.username, pair.secret, repository, truth, tag))
    hosts: dict[str, Any] = {**ngc.settings(), **hub.settings(), **github.settings(), **gitlab.settings()}
    if real is not None:
        kept.append(real)
        hosts[real.registry] = {"plain_http": True, "allow_private": True}
    return kept, hosts


async def _real_registry(stack: AsyncExitStack, folder: Path) -> Kept | None:
    """Debian's docker-registry with password authentication, where it is installed."""
    from validator.emulator.base import Truth

    program, passwords = shutil.which("docker-registry"), shutil.which("htpasswd")
    if program is None or passwords is None:
        put("   (Debian's docker-registry and htpasswd are not installed here; the demo goes on without a real registry.)")
        return None
    making = await asyncio.create_subprocess_exec(
        passwords, "-Bni", REAL_USER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )  # fmt: skip
    line, _ = await making.communicate(REAL_SECRET.encode())
    (folder / "htpasswd").write_bytes(line)
    port = await stack.enter_async_context(_serving(program, folder))
    put(f"   A real one too: Debian's docker-registry with a password file, on port {port}.")
    await _push(port)
    return Kept(
        "ada",
        "local",
        f"127.0.0.1:{port}",
        REAL_USER,
        REAL_SECRET,
        "team/app",
        Truth(accepted=True, why="in its password file", pulls=True, public=False),
    )


@asynccontextmanager
async def _serving(program: str, folder: Path) -> AsyncIterator[int]:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "demo", "path": str(folder / "htpasswd")}},
    }
    (folder / "registry.yml").write_text(json.dumps(configuration), encoding="utf-8")
    quiet = asyncio.subprocess.DEVNULL
    # an environment of its own: every REGISTRY_… variable would change its settings
    environment = {"HOME": str(folder), "PATH": os.environ.get("PATH", "")}
    process = await asyncio.create_subprocess_exec(
        program, "serve", str(folder / "registry.yml"), stdin=quiet, stdout=quiet, stderr=quiet, env=environment
    )  # fmt: skip
    try:
        await _answering(process, port)
        yield port
    finally:
        await stop(process)


async def _answering(process: asyncio.subprocess.Process, port: int) -> None:
    """Wait until it takes connections. Raises UsageError if it ends before, or never does."""
    for _ in range(READY_TRIES):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.returncode is not None:
                break
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise UsageError("docker-registry does not start on this machine; run the demo once more.")


async def _push(port: int) -> None:
    """A tiny image, by the registry's own interface: two blobs and a manifest."""
    import base64

    pair = base64.b64encode(f"{REAL_USER}:{REAL_SECRET}".encode()).decode()
    await asyncio.to_thread(_upload, f"http://127.0.0.1:{port}/v2/team/app", {"Authorization": f"Basic {pair}"})


def _upload(base: str, headers: dict[str, str]) -> None:
    import hashlib
    import urllib.request

    def send(method: str, url: str, body: bytes, kind: str) -> str:
        request = urllib.request.Request(url, data=body, method=method, headers={**headers, "Content-Type": kind})  # noqa: S310  our own loopback URL
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(answer.headers.get("Location", ""))

    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}, "config": {}}).encode()
    layer = b"demo"
    blobs = []
    for body in (config, layer):
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        place = send("POST", f"{base}/blobs/uploads/", b"", "application/octet-stream")
        joined = place if place.startswith("http") else base.partition("/v2/")[0] + place
        send("PUT", f"{joined}{'&' if '?' in joined else '?'}digest={digest}", body, "application/octet-stream")
        blobs.append({"digest": digest, "size": len(body)})
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **blobs[0]},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **blobs[1]}],
    }
    send("PUT", f"{base}/manifests/latest", json.dumps(manifest).encode(), kind)
