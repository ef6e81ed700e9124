"""Debian's docker-registry as a child process, and a token server beside it, on loopback."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

Made = TypeVar("Made")
READY_S: Final = 20.0
ISSUER: Final = "token server of the tests"
SERVICE: Final = "registry of the tests"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate with its chain, its key, and the authority's certificate, as PEM files."""

    chain: Path
    key: Path
    authority: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(slots=True)
class DockerRegistry:
    """`docker-registry serve` on 127.0.0.1; `auth` is that part of its settings."""

    program: str
    folder: Path
    auth: dict[str, Any] = field(default_factory=dict)
    certificate: Certificate | None = None
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.host}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it answers; once more on another port if that one was taken meanwhile."""
        for _ in range(3):
            self.port = free_port()
            self._launch()
            if self._answers():
                return
            self.stop()
        raise AssertionError(f"docker-registry does not start:\n{self.log[-2000:]}")

    def _launch(self) -> None:
        listen: dict[str, Any] = {"addr": self.host, "secret": "of the tests"}
        if self.certificate is not None:
            listen["tls"] = {"certificate": str(self.certificate.chain), "key": str(self.certificate.key)}
        storage = {"filesystem": {"rootdirectory": str(self.folder / "data")}}
        config: dict[str, Any] = {"version": 0.1, "log": {"level": "info"}, "storage": storage, "http": listen}
        if self.auth:
            config["auth"] = self.auth
        (self.folder / "config.yml").write_text(yaml.safe_dump(config))
        # an environment of its own: every REGISTRY_… variable would change its settings
        environment = {"HOME": str(self.folder), "PATH": os.environ.get("PATH", ""), "OTEL_TRACES_EXPORTER": "none"}
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self.program, "serve", str(self.folder / "config.yml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=self.folder,
            )  # fmt: skip

    def _answers(self) -> bool:
        """Ask until it answers; False if it ended, or the time is over. Between two questions its end is waited for."""
        assert self._process is not None
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            try:
                connection.request("GET", "/")  # a TLS server answers 400 to it, and is as ready
                connection.getresponse().read()
                return True
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            try:
                self._process.wait(0.02)
                return False
            except subprocess.TimeoutExpired:
                continue
        return False

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._process = None


class Loop:
    """An event loop in a thread: servers live there while a test is an ordinary function."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Made]) -> Made:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a token: whose, and for what."""

    username: str | None
    secret: str | None
    scope: tuple[str, ...]


@dataclass(slots=True)
class TokenServer:
    """Signs tokens (RS256) for the accounts it knows, for the repositories that each may pull.

    `anonymous`: "token" (one for what `public` lists, so mostly of no access) or "refused" (401). `open_to_all`: any pair
    is served as anonymous. `ahead_s`: its clock is so far ahead.
    """

    certificate: Certificate
    accounts: dict[str, str]
    grants: dict[str, frozenset[str]]
    public: frozenset[str]
    anonymous: Literal["token", "refused"] = "token"
    open_to_all: bool = False
    ahead_s: int = 0
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    _der: bytes = b""
    _runner: web.AppRunner | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def realm(self) -> str:
        return f"https://{self.host}/token"

    def calm(self) -> None:
        self.anonymous, self.open_to_all, self.ahead_s = "token", False, 0
        self.asked.clear()

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/token", self._token)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.certificate.server())
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def write_bundle(self, path: Path) -> None:
        """The certificate of the signing key, for `rootcertbundle`: one for all registries, a second would not chain to the first."""
        if not self._der:
            self._der = self._self_signed()
        path.write_bytes(ssl.DER_cert_to_PEM_cert(self._der).encode())

    def _self_signed(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(self._key, hashes.SHA256())
        )  # fmt: skip
        return certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, subject: str, access: list[dict[str, Any]]) -> str:
        """A token of distribution's form (docs/content/spec/auth/jwt.md), valid for five minutes."""
        now = int(time.time()) + self.ahead_s
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(self._der).decode()]}
        claims = {"iss": ISSUER, "sub": subject, "aud": SERVICE, "exp": now + 300, "nbf": now, "iat": now, "jti": os.urandom(8).hex()}
        signed = b".".join(_part(json.dumps(part).encode()) for part in (header, {**claims, "access": access}))
        return (signed + b"." + _part(self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))).decode()

    async def _token(self, request: web.Request) -> web.Response:
        username, secret = _basic(request.headers.get("Authorization", ""))
        scopes = tuple(request.query.getall("scope", []))
        self.asked.append(Asked(username, secret, scopes))
        known = username is not None and self.accounts.get(username) == secret
        if not known and not self.open_to_all and (username is not None or self.anonymous == "refused"):
            error = {"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}
            return web.json_response({"errors": [error]}, status=401)
        pulls = self.public | (self.grants.get(username or "", frozenset()) if known else frozenset())
        access = []
        for scope in " ".join(scopes).split():
            kind, name, actions = scope.split(":")
            if kind == "repository" and name in pulls and "pull" in actions.split(","):
                access.append({"type": kind, "name": name, "actions": ["pull"]})
        return web.json_response({"token": self.sign(username or "", access), "expires_in": 300})


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _basic(value: str) -> tuple[str | None, str | None]:
    if not value.startswith("Basic "):
        return None, None
    username, _, secret = base64.b64decode(value[6:]).decode().partition(":")
    return username, secret
