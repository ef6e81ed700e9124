"""`docker-registry` without a login, plain http: nothing there can prove a credential (registries/others.md 9)."""

from __future__ import annotations

import pytest

from tests.registry_real.conftest import Checker
from tests.registry_real.servers import DockerRegistry, free_port

pytestmark = pytest.mark.xdist_group("registry_real")


def leave(registry: DockerRegistry) -> tuple[str, ...]:
    return ("--plain-http", registry.host, "--allow-private", registry.host)


@pytest.mark.parametrize("pair", [("alice", "right-horse-staple"), ("nobody", "wrong-horse-staple")])
def test_a_registry_that_asks_nobody_proves_nothing(check: Checker, open_registry: DockerRegistry, pair: tuple[str, str]) -> None:
    assert check(open_registry.host, *pair, *leave(open_registry)).verdict == (3, "unprovable", "anonymous_registry", None)


def test_its_image_is_pullable_all_the_same(check: Checker, open_registry: DockerRegistry) -> None:
    done = check(open_registry.host, "alice", "right-horse-staple", *leave(open_registry), "--image", f"{open_registry.host}/public/app:1")
    assert (done.verdict, done.image) == ((3, "unprovable", "anonymous_registry", None), (3, "pullable", "pull_ok"))


def test_plain_http_is_for_hosts_that_are_named(check: Checker, open_registry: DockerRegistry) -> None:
    done = check(open_registry.host, "alice", "right-horse-staple", "--allow-private", open_registry.host)
    assert done.verdict == (3, "unknown", "tls_failed", None)


def test_a_loopback_address_is_for_hosts_that_are_named(check: Checker, open_registry: DockerRegistry) -> None:
    done = check(open_registry.host, "alice", "right-horse-staple", "--plain-http", open_registry.host)
    assert done.verdict == (3, "unknown", "unsafe_address", None)


def test_a_closed_port_says_nothing_of_the_secret(check: Checker) -> None:
    host = f"127.0.0.1:{free_port()}"
    assert check(host, "alice", "right-horse-staple", "--plain-http", host, "--allow-private", host).verdict == (3, "unknown", "connect_failed", None)
