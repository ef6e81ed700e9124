"""`docker-registry` with htpasswd behind TLS of a private authority (registries/others.md 9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.registry_real.conftest import PASSWORD, Checker
from tests.registry_real.servers import DockerRegistry

pytestmark = pytest.mark.xdist_group("registry_real")


def leave(registry: DockerRegistry) -> tuple[str, ...]:
    assert registry.certificate is not None
    return ("--allow-private", registry.host, "--ca-file", f"{registry.host}={registry.certificate.authority}")


PAIRS = {
    "good": ("alice", PASSWORD, (0, "valid", "login_accepted", "login")),
    "bad secret": ("alice", "wrong-horse-staple", (1, "invalid", "refused", None)),
    "unknown user": ("mallory", PASSWORD, (1, "invalid", "refused", None)),
    "white space around a good secret": ("alice", f" {PASSWORD}", (1, "invalid", "refused", None)),
    "a good secret with the line end of echo": ("alice", f"{PASSWORD}\n", (0, "valid", "login_accepted", "login")),
}


@pytest.mark.parametrize(("username", "secret", "expected"), PAIRS.values(), ids=PAIRS.keys())
def test_a_login_by_itself(check: Checker, basic_registry: DockerRegistry, username: str, secret: str, expected: object) -> None:
    assert check(basic_registry.host, username, secret, *leave(basic_registry)).verdict == expected


def test_white_space_is_named_as_the_cause(check: Checker, basic_registry: DockerRegistry) -> None:
    assert "whitespace" in check(basic_registry.host, "alice", f" {PASSWORD}", *leave(basic_registry)).shown["hints"]


IMAGES = {
    "private": ("team/private:1", None, (0, "pullable", "pull_ok")),
    "its platform": ("team/private:1", "linux/arm64", (0, "pullable", "pull_ok")),
    "another platform": ("team/private:1", "linux/s390x", (1, "wrong_platform", "platform_missing")),
    "a single image": ("team/private:single", "linux/amd64", (0, "pullable", "pull_ok")),
    "a single image of another platform": ("team/private:single", "linux/arm64", (1, "wrong_platform", "platform_mismatch")),
    "a missing tag": ("team/private:2", None, (1, "not_found", "tag_not_found")),
}


@pytest.mark.parametrize(("image", "platform", "expected"), IMAGES.values(), ids=IMAGES.keys())
def test_an_image(check: Checker, basic_registry: DockerRegistry, image: str, platform: str | None, expected: object) -> None:
    options = ("--image", f"{basic_registry.host}/{image}", *(("--platform", platform) if platform else ()))
    done = check(basic_registry.host, "alice", PASSWORD, *leave(basic_registry), *options)
    assert (done.image, done.shown["verdict"]) == (expected, "valid")


def test_a_pull_of_what_nobody_else_may_read_is_the_stronger_proof(check: Checker, basic_registry: DockerRegistry) -> None:
    done = check(basic_registry.host, "alice", PASSWORD, *leave(basic_registry), "--image", f"{basic_registry.host}/team/private:1")
    assert done.verdict == (0, "valid", "pull_proven", "pull")
    assert done.shown["image"]["digest"].startswith("sha256:")


def test_a_missing_repository_is_not_found_and_the_key_stays_valid(check: Checker, basic_registry: DockerRegistry) -> None:
    done = check(basic_registry.host, "alice", PASSWORD, *leave(basic_registry), "--image", f"{basic_registry.host}/team/nothing:1")
    assert (done.code, done.shown["verdict"], done.shown["image"]["outcome"]) == (1, "valid", "not_found")


def test_a_dead_key_is_denied_its_image(check: Checker, basic_registry: DockerRegistry) -> None:
    done = check(basic_registry.host, "alice", "wrong-horse-staple", *leave(basic_registry), "--image", f"{basic_registry.host}/team/private:1")
    assert (done.verdict, done.image) == ((1, "invalid", "refused", None), (1, "denied", "credential_refused"))


def test_an_authority_that_nobody_named_is_no_fault_of_the_key(check: Checker, basic_registry: DockerRegistry) -> None:
    done = check(basic_registry.host, "alice", PASSWORD, "--allow-private", basic_registry.host)
    assert done.verdict == (3, "unknown", "tls_untrusted", None)


def test_it_is_valid_as_soon_as_the_authority_is_named_for_every_host(check: Checker, basic_registry: DockerRegistry) -> None:
    assert basic_registry.certificate is not None
    done = check(
        basic_registry.host, "alice", PASSWORD, "--allow-private", basic_registry.host, "--ca-file", str(basic_registry.certificate.authority)
    )
    assert done.verdict == (0, "valid", "login_accepted", "login")


@pytest.mark.parametrize(("fault", "reason"), [("expired", "tls_expired"), ("named", "tls_name")])
def test_a_certificate_that_does_not_fit(check: Checker, mislaid_registry: Callable[[str], DockerRegistry], fault: str, reason: str) -> None:
    registry = mislaid_registry(fault)
    assert check(registry.host, "alice", PASSWORD, *leave(registry)).verdict == (3, "unknown", reason, None)


def test_http_at_its_tls_port_says_nothing_of_the_key(check: Checker, basic_registry: DockerRegistry) -> None:
    done = check(basic_registry.host, "alice", PASSWORD, "--plain-http", basic_registry.host, "--allow-private", basic_registry.host)
    assert done.verdict == (1, "misconfigured", "not_a_registry", None)  # 400 twice: "Client sent an HTTP request to an HTTPS server."
    assert not any(step["step"].startswith("login") for step in done.shown["evidence"])


def test_the_settings_file_does_what_the_options_do(check: Checker, basic_registry: DockerRegistry) -> None:
    assert basic_registry.certificate is not None
    settings = {basic_registry.host: {"allow_private": True, "ca_file": str(basic_registry.certificate.authority)}}
    assert check(basic_registry.host, "alice", PASSWORD, registries=settings).verdict == (0, "valid", "login_accepted", "login")


def test_a_second_check_asks_only_for_what_may_have_changed(check: Checker, basic_registry: DockerRegistry) -> None:
    """The challenge and the control are of the first one (registries/README.md 6.3): one request is left."""
    check(basic_registry.host, "alice", PASSWORD, *leave(basic_registry))
    before = basic_registry.log.count("http.request.method")
    done = check(basic_registry.host, "alice", PASSWORD, *leave(basic_registry))
    assert (done.verdict, len(done.shown["evidence"])) == ((0, "valid", "login_accepted", "login"), 1)
    assert before <= basic_registry.log.count("http.request.method") <= before + 2
