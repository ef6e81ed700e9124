"""`validator demo`: the real job against registry servers on this machine, in half a minute; then everything is stopped.

The commands that a person would type are run as they are, each in a process of its own; what they say is compared with what
the emulated registries (and Debian's docker-registry, where it is installed) know to be so.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from validator.cli.base.running import fail, leave, put, run

if TYPE_CHECKING:
    from validator.emulator.base import Truth

PACE: Final = {
    "repeat_after_s": 0.2, "confirm_after_s": 2, "per_second": 50, "burst": 50, "refused": {60: 40}, "refused_per_username": {60: 20},
}  # fmt: skip
"""The waits and windows of a real sweep are minutes; here they are scaled so that the demo takes seconds."""
REAL_USER, REAL_SECRET = "rita", "a password of rita's"


@dataclass(frozen=True, slots=True)
class Kept:
    """One credential of the demo: whose, under which name, and the repository that it is for. `truth` is the registry's own."""

    user: str
    name: str
    registry: str
    username: str
    secret: str
    repository: str
    truth: Truth


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the last table."""

    what: str
    truth: str
    expected: str
    found: str

    @property
    def agrees(self) -> bool:
        """True if what was found is what is so."""
        return self.expected == self.found


def works(truth: Truth) -> str:
    """What the registry's truth means for a credential: does it pull what it is for?"""
    return "works" if truth.accepted and truth.pulls is not False else "does not work"


def demo(osmo: Annotated[bool, typer.Option("--osmo", help="With a database of OSMO's shape (not in this version).")] = False) -> None:
    """See it work: registries on this machine, eight credentials, some dead; nothing leaves the machine."""
    from validator.errors import UsageError

    if osmo:
        fail(UsageError("demo --osmo comes with the OSMO store, which this version has not; run `validator demo`."))
    leave(run(story))


async def story() -> int:
    """The whole demo; 0 if every verdict agrees with the truth, else 1."""
    folder = Path(tempfile.mkdtemp(prefix="validator-demo-"))
    try:
        async with AsyncExitStack() as stack:
            return await _told(stack, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _told(stack: AsyncExitStack, folder: Path) -> int:
    put("1. Registries are started on this machine: NGC, Docker Hub, GitHub and GitLab as they answer on the wire (emulated).")
    kept, hosts = await _world(stack, folder)
    settings = folder / "validator.yaml"
    hosts = {host: {**said, "pace": PACE} for host, said in hosts.items()}
    document = {"sweep": {"wait_s": 20}, "store": f"sqlite:///{folder}/validator.db", "key_file": str(folder / "master.key"), "registries": hosts}
    settings.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    program = Program(settings)

    put("\n2. A good and a dead NGC key are checked:")
    for one in kept[:2]:
        await program.show("check", one.registry, "--username", one.username, "--secret-stdin", stdin=one.secret)
    put("\n3. Eight credentials are stored, as their users would (the dead ones unchecked: they died later):")
    for one in kept:
        unchecked = ["--no-check"] if works(one.truth) != "works" else []
        payload = ["--payload", f"registry={one.registry}", f"username={one.username}", "auth=-"]
        words = ["credential", "set", one.name, "--user", one.user, "--type", "REGISTRY", *payload, *unchecked]
        await program.run(*words, stdin=one.secret, tell=True)
    put("\n4. Before a workflow is submitted: will the cluster pull its images, with what each user stored?")
    compared = await _preflights(program, kept)
    put("\n5. The nightly sweep: each credential once, the refused ones again after their wait; users with something to do are told:")
    await program.show("sweep")
    put("\n6. What is known now:")
    await program.show("status")
    found = {(row["user"], row["name"]): row for row in json.loads((await program.run("status", "--format", "json")).out)["credentials"]}
    for one in kept:
        row = found[(one.user, one.name)]
        said = "works" if row["state"] == "alive" else "does not work" if row["state"] in ("dead", "impaired") else row["state"]
        compared.append(Compared(f"{one.user}'s {one.name} ({one.registry})", one.truth.why, works(one.truth), said))
    put("\n7. Expected (what the registries know) and found (what validator said):")
    put(_table(compared))
    put(f"\n{sum(line.agrees for line in compared)} of {len(compared)} agree. Everything that was started is stopped.")
    return ended(compared)


async def _preflights(program: Program, kept: Sequence[Kept]) -> list[Compared]:
    """One pre-flight a user, of the images that the credentials are for, and of a public image for the one with the dead NGC key."""
    compared: list[Compared] = []
    for user in dict.fromkeys(one.user for one in kept):
        mine = {
            f"{one.registry}/{one.repository}:{'latest' if one.registry != 'registry.gitlab.com' else '1'}": one for one in kept if one.user == user
        }
        shown = await program.run("preflight", *mine, "--user", user, "--format", "json", tell=True)
        for told in json.loads(shown.out)["images"]:
            one = mine[told["image"]]
            put(f"   {told['image']}: {told['outcome']} ({told['reason']}){' via ' + told['via'] if told['via'] else ''}")
            expected = "pullable" if one.truth.pulls else "not pullable"
            found = "pullable" if told["outcome"] == "pullable" else "not pullable" if told["outcome"] == "denied" else str(told["outcome"])
            compared.append(Compared(f"{user} pulls {told['image']}", one.truth.why, expected, found))
    return compared


def ended(compared: Sequence[Compared]) -> int:
    """The demo's exit code: 0 only if something was compared and all of it agrees."""
    return 0 if compared and all(line.agrees for line in compared) else 1


def _tag(one: Kept) -> str:
    return "1" if one.registry == "registry.gitlab.com" else "latest"


def _table(lines: Sequence[Compared]) -> str:
    from validator.cli.base.rows import columns

    head = ["what", "the registry's word", "expected", "found", ""]
    return columns([head, *([line.what, line.truth, line.expected, line.found, "" if line.agrees else "DIFFERS"] for line in lines)])


async def _world(stack: AsyncExitStack, folder: Path) -> tuple[list[Kept], dict[str, Any]]:
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
        kept.append(Kept(user, name, emulated.host, pair.username, pair.secret, repository, truth))
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
    process = await asyncio.create_subprocess_exec(program, "serve", str(folder / "registry.yml"), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            break
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


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


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Program:
    """This program, run as a person would: a command in a process of its own, with the demo's settings."""

    settings: Path

    async def run(self, *words: str, stdin: str = "", tell: bool = False) -> Ran:
        """Run one command; `tell` prints it first."""
        if tell:
            put("   $ validator " + " ".join(_quoted(word) for word in words))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "validator", "--config", str(self.settings), *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "CI": ""},
        )  # fmt: skip
        try:
            out, error = await process.communicate(stdin.encode())
        except BaseException:
            if process.returncode is None:
                process.terminate()
            raise
        return Ran(process.returncode or 0, out.decode(), error.decode())

    async def show(self, *words: str, stdin: str = "") -> Ran:
        """Run one command and print what it says."""
        ran = await self.run(*words, stdin=stdin, tell=True)
        for line in (ran.out + ran.err).splitlines():
            put(f"   {line}")
        return ran


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
