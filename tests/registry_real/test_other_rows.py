"""Rows of others.md section 24 that a real `docker-registry` shows, in each of its authentication modes (registries/others.md 9)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.rows import Row, case
from tests.registry_real.conftest import PASSWORD, Checked, Checker, basic, basic_auth
from tests.registry_real.images import Pusher
from tests.registry_real.servers import ISSUER, SERVICE, DockerRegistry, TokenServer, free_port

pytestmark = pytest.mark.xdist_group("registry_real")

PAIRS = [("alice", PASSWORD), ("nobody", "wrong-horse-staple")]


def agrees(row: Row, done: Checked) -> None:
    """What the row says of the credential, and of the image if it does."""
    row.agrees("credential", f"{done.shown['verdict']} ({done.shown['reason']})")
    if row.allowed("image") is not None:
        row.agrees("image", f"{done.shown['image']['outcome']} ({done.shown['image']['reason']})")


def leave(registry: DockerRegistry, *more: str) -> tuple[str, ...]:
    return ("--plain-http", registry.host, "--allow-private", registry.host, *more)


@case("OTHER-32")
@pytest.mark.parametrize("pair", PAIRS)
def test_no_logins(row: Row, pair: tuple[str, str], check: Checker, open_registry: DockerRegistry) -> None:
    agrees(row, check(open_registry.host, *pair, *leave(open_registry), "--image", f"{open_registry.host}/public/app:1"))


@case("OTHER-33")
@pytest.mark.parametrize("pair", [("alice", "wrong-horse-staple"), ("nobody", PASSWORD)])
def test_htpasswd(row: Row, pair: tuple[str, str], check: Checker, basic_registry: DockerRegistry) -> None:
    assert basic_registry.certificate is not None
    way = ("--allow-private", basic_registry.host, "--ca-file", f"{basic_registry.host}={basic_registry.certificate.authority}")
    agrees(row, check(basic_registry.host, *pair, *way))


@pytest.fixture
def started(program: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], DockerRegistry]]:
    """Starts a registry with this part `auth` of its settings, plain http; all end with the test."""
    running: list[DockerRegistry] = []

    def start(auth: dict[str, Any]) -> DockerRegistry:
        folder = tmp_path / f"registry-{len(running)}"
        folder.mkdir()
        registry = DockerRegistry(program("docker-registry"), folder, auth)
        registry.start()
        running.append(registry)
        return registry

    yield start
    for registry in running:
        registry.stop()


@case("OTHER-48")
def test_a_password_file_that_cannot_be_read(
    row: Row, check: Checker, started: Callable[..., DockerRegistry], htpasswd: Path, tmp_path: Path
) -> None:
    """Version 2.8 still asks nobody for a login, and says 400 to each pair: it says of none that it is dead."""
    own = tmp_path / "htpasswd"
    shutil.copy(htpasswd, own)
    registry = started(basic_auth(own))
    assert check(registry.host, "alice", PASSWORD, *leave(registry)).verdict == (0, "valid", "login_accepted", "login")
    own.unlink()
    for username, secret in PAIRS:
        done = check(registry.host, username, secret, *leave(registry))
        statuses = [one["status"] for one in done.shown["evidence"] if one["step"] == "login"]
        assert (done.shown["verdict"], set(statuses)) == ("unknown", {400})
    assert row.allowed("credential") == frozenset({"unknown (registry_ill)"})  # where the ping itself gets the 400: test_other_plain


FRONT = """{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ auth_basic "Restricted"; auth_basic_user_file {folder}/users; proxy_pass {to}; proxy_set_header Authorization ""; }}
    }}
}}
"""


@pytest.fixture
def front(program: Callable[[str], str], open_registry: DockerRegistry, tmp_path: Path) -> Iterator[str]:
    """nginx with `auth_basic` before a registry without logins; `HOST:PORT` of the front."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    line = subprocess.run([program("htpasswd"), "-nbm", "alice", PASSWORD], capture_output=True, text=True, check=True, timeout=20)
    (folder / "users").write_text(line.stdout)
    for _ in range(3):
        port = free_port()
        (folder / "nginx.conf").write_text(
            FRONT.format(user="user root;\n" if os.geteuid() == 0 else "", folder=folder, port=port, to=open_registry.base)
        )
        with (folder / "log").open("wb") as log:
            running = subprocess.Popen([program("nginx"), "-p", folder, "-c", folder / "nginx.conf"], stdout=log, stderr=log)
        if answers(port, running):
            break
    else:
        raise AssertionError((folder / "log").read_text())
    yield f"127.0.0.1:{port}"
    running.terminate()
    running.wait(10)


def answers(port: int, running: subprocess.Popen[bytes]) -> bool:
    """Wait until something listens there, or the program has ended."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            pass
        try:
            running.wait(0.02)
            return False
        except subprocess.TimeoutExpired:
            continue
    return False


@case("OTHER-34")
def test_nginx_before_a_registry(row: Row, check: Checker, front: str) -> None:
    way = ("--plain-http", front, "--allow-private", front)
    dead = check(front, "alice", "wrong-horse-staple", *way)
    agrees(row, dead)
    assert [one["status"] for one in dead.shown["evidence"]] == [401, 401, 401]  # the ping, the login, its repeat: HTML each time


def test_nginx_lets_a_good_pair_through(check: Checker, front: str) -> None:
    good = check(front, "alice", PASSWORD, "--plain-http", front, "--allow-private", front, "--image", f"{front}/public/app:1")
    assert (good.shown["verdict"], good.shown["reason"], good.shown["image"]["outcome"]) == ("valid", "pull_proven", "pullable")


def test_silly_takes_any_authorization(check: Checker, started: Callable[..., DockerRegistry], tokens: TokenServer) -> None:
    """Its mode for developers looks at no token at all; the token server alone judges."""
    registry = started({"silly": {"realm": tokens.realm, "service": SERVICE}})
    Pusher(registry.base, None, basic("any", "body")).fill()
    way = leave(registry, "--realm-host", tokens.host, "--ca-file", str(tokens.certificate.authority))
    image = ("--image", f"{registry.host}/public/app:1")
    good = check(registry.host, "alice", PASSWORD, *way, *image)
    assert (good.shown["verdict"], good.shown["image"]["outcome"]) == ("valid", "pullable")
    assert check(registry.host, "alice", "wrong-horse-staple", *way).verdict == (1, "invalid", "refused", None)


def test_silly_behind_a_token_server_for_all(check: Checker, started: Callable[..., DockerRegistry], tokens: TokenServer) -> None:
    tokens.open_to_all = True
    registry = started({"silly": {"realm": tokens.realm, "service": SERVICE}})
    way = leave(registry, "--realm-host", tokens.host, "--ca-file", str(tokens.certificate.authority))
    for username, secret in PAIRS:
        assert check(registry.host, username, secret, *way).verdict == (3, "unprovable", "accepts_anyone", None)


def test_autoredirect_names_its_own_host(check: Checker, started: Callable[..., DockerRegistry], tokens: TokenServer, tmp_path: Path) -> None:
    """The realm is `https://HOST/auth/token` of the host that was asked; where nothing serves it, nothing is said of the pair."""
    tokens.write_bundle(tmp_path / "bundle.pem")
    auth = {"realm": tokens.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(tmp_path / "bundle.pem"), "autoredirect": True}
    registry = started({"token": auth})
    done = check(registry.host, "alice", PASSWORD, *leave(registry))
    asked = [one["url"] for one in done.shown["evidence"] if one["step"] == "login"]
    assert (done.shown["verdict"], asked) == ("unknown", [f"https://{registry.host}/auth/token"])
    assert tokens.asked == []
