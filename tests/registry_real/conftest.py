"""The real registries, filled once for all tests here, and `check` as a user runs it."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from typer.testing import CliRunner

from tests.registry_real.images import Pusher
from tests.registry_real.servers import ISSUER, SERVICE, Certificate, DockerRegistry, Loop, TokenServer
from validator.cli import app
from validator.cli.base.options import hoisted

PASSWORD = "correct horse: battery"
Issue = Callable[..., Certificate]


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check --format json` said."""

    code: int
    shown: dict[str, Any]

    @property
    def verdict(self) -> tuple[int, str, str, str | None]:
        return self.code, self.shown["verdict"], self.shown["reason"], self.shown["level"]

    @property
    def image(self) -> tuple[int, str, str]:
        return self.code, self.shown["image"]["outcome"], self.shown["image"]["reason"]


@dataclass(frozen=True, slots=True)
class Checker:
    """Runs `check` with a store, a key and settings of its own; `home` is empty at first."""

    home: Path

    def __call__(self, registry: str, username: str, secret: str, *options: str, registries: dict[str, Any] | None = None) -> Checked:
        config = self.home / "validator.yaml"
        settings = {
            "store": f"sqlite:///{self.home / 'validator.db'}",
            "key_file": str(self.home / "master.key"),
            "registries": {"*": {"pace": {"repeat_after_s": 0, "per_second": 100}}, **(registries or {})},
        }
        config.write_text(yaml.safe_dump(settings))
        line = ["check", registry, "--username", username, "--secret-stdin", "--format", "json", "--config", str(config), *options]
        done = CliRunner().invoke(app, hoisted(line), input=secret, env={"HOME": str(self.home), "XDG_DATA_HOME": str(self.home)})
        assert secret not in done.stdout + done.stderr
        assert done.stdout.count("\n") == 1, done.stderr
        return Checked(done.exit_code, json.loads(done.stdout))


@pytest.fixture
def check(tmp_path: Path) -> Checker:
    """A person who never ran the program before."""
    home = tmp_path / "home"
    home.mkdir()
    return Checker(home)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    running = Loop()
    yield running
    running.close()


@pytest.fixture(scope="session")
def issue(tmp_path_factory: pytest.TempPathFactory) -> Issue:
    """Makes a server's certificate by one private authority: `issue("127.0.0.1")`, `issue("other.test", until=…)`."""
    folder = tmp_path_factory.mktemp("authority")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    made = iter(range(100))

    def issued(name: str, until: datetime | None = None) -> Certificate:
        certificate = authority.issue_cert(name, not_after=until)
        number = next(made)
        chain, key = folder / f"{number}.pem", folder / f"{number}.key"
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(str(chain), append=True)
        certificate.private_key_pem.write_to_path(str(key))
        return Certificate(chain, key, folder / "ca.pem")

    return issued


@pytest.fixture(scope="session")
def htpasswd(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """alice's line, by bcrypt."""
    line = subprocess.run([program("htpasswd"), "-Bbn", "alice", PASSWORD], capture_output=True, text=True, check=True, timeout=20)
    path = tmp_path_factory.mktemp("htpasswd") / "htpasswd"
    path.write_text(line.stdout)
    return path


@pytest.fixture(scope="session")
def open_registry(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """No login, plain http."""
    registry = DockerRegistry(program("docker-registry"), tmp_path_factory.mktemp("open"))
    registry.start()
    try:
        Pusher(registry.base, None, {}).fill()
        yield registry
    finally:
        registry.stop()


def basic_auth(path: Path) -> dict[str, Any]:
    return {"htpasswd": {"realm": "the tests' registry", "path": str(path)}}


def basic(username: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{secret}".encode()).decode()}


@pytest.fixture(scope="session")
def basic_registry(program: Callable[[str], str], issue: Issue, htpasswd: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """htpasswd behind TLS of a private authority."""
    registry = DockerRegistry(program("docker-registry"), tmp_path_factory.mktemp("basic"), basic_auth(htpasswd), issue("127.0.0.1"))
    registry.start()
    try:
        assert registry.certificate is not None
        Pusher(registry.base, registry.certificate.client(), basic("alice", PASSWORD)).fill()
        yield registry
    finally:
        registry.stop()


@pytest.fixture(scope="session")
def mislaid_registry(
    program: Callable[[str], str], issue: Issue, htpasswd: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], DockerRegistry]]:
    """`mislaid_registry("expired")`, `("named")`: htpasswd behind a certificate that is over, or another host's."""
    certificates = {"expired": issue("127.0.0.1", until=datetime(2020, 1, 1, tzinfo=UTC)), "named": issue("registry.test")}
    running: dict[str, DockerRegistry] = {}

    def started(fault: str) -> DockerRegistry:
        if fault not in running:
            folder = tmp_path_factory.mktemp(fault)
            running[fault] = DockerRegistry(program("docker-registry"), folder, basic_auth(htpasswd), certificates[fault])
            running[fault].start()
        return running[fault]

    yield started
    for registry in running.values():
        registry.stop()


@pytest.fixture(scope="session")
def tokens_started(loop: Loop, issue: Issue) -> Iterator[TokenServer]:
    server = TokenServer(
        certificate=issue("127.0.0.1"),
        accounts={"alice": PASSWORD, "bob": "bob's own", "mallory\u00e9": "pässwörd"},
        grants={"alice": frozenset({"team/private", "team/nothing"})},
        public=frozenset({"public/app"}),
    )
    loop.call(server.start())
    try:
        yield server
    finally:
        loop.call(server.stop())


@pytest.fixture
def tokens(tokens_started: TokenServer) -> TokenServer:
    """The token server, its switches back and its record empty."""
    tokens_started.calm()
    return tokens_started


@pytest.fixture(scope="session")
def token_registry(
    program: Callable[[str], str], issue: Issue, tokens_started: TokenServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    """Bearer tokens of the token server, TLS of the same private authority."""
    folder = tmp_path_factory.mktemp("token")
    tokens_started.write_bundle(folder / "bundle.pem")
    auth = {"token": {"realm": tokens_started.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(folder / "bundle.pem")}}
    registry = DockerRegistry(program("docker-registry"), folder, auth, issue("127.0.0.1"))
    registry.start()
    try:
        assert registry.certificate is not None
        access = [{"type": "repository", "name": name, "actions": ["pull", "push"]} for name in ("team/private", "public/app")]
        Pusher(registry.base, registry.certificate.client(), {"Authorization": f"Bearer {tokens_started.sign('pusher', access)}"}).fill()
        yield registry
    finally:
        registry.stop()
