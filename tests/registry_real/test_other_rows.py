"""Rows of others.md section 24 that a real `docker-registry` shows, in each of its authentication modes (registries/others.md 9)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.rows import Row, case
from tests.registry_real.conftest import PASSWORD, Checked, Checker, basic, basic_auth
from tests.registry_real.images import Pusher
from tests.registry_real.servers import ISSUER, SERVICE, DockerRegistry, TokenServer

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
