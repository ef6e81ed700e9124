"""`docker-registry` with bearer tokens of another server, TLS of a private authority (registries/others.md 9)."""

from __future__ import annotations

import pytest

from tests.registry_real.conftest import PASSWORD, Checker
from tests.registry_real.servers import DockerRegistry, TokenServer

pytestmark = pytest.mark.xdist_group("registry_real")


def leave(registry: DockerRegistry, tokens: TokenServer) -> tuple[str, ...]:
    authority = str(tokens.certificate.authority)
    return ("--allow-private", registry.host, "--realm-host", tokens.host, "--ca-file", f"{registry.host}={authority}")


PAIRS = {
    "good": ("alice", PASSWORD, (0, "valid", "login_accepted", "login")),
    "another good one": ("bob", "bob's own", (0, "valid", "login_accepted", "login")),
    "UTF-8": ("mallory\u00e9", "pässwörd", (0, "valid", "login_accepted", "login")),
    "bad secret": ("alice", "wrong-horse-staple", (1, "invalid", "refused", None)),
    "unknown user": ("nobody", PASSWORD, (1, "invalid", "refused", None)),
}


@pytest.mark.parametrize("anonymous", ["token", "refused"])
@pytest.mark.parametrize(("username", "secret", "expected"), PAIRS.values(), ids=PAIRS.keys())
def test_a_login_by_itself(
    check: Checker, token_registry: DockerRegistry, tokens: TokenServer, username: str, secret: str, expected: object, anonymous: str
) -> None:
    tokens.anonymous = anonymous  # type: ignore[assignment]  # of the two words above
    assert check(token_registry.host, username, secret, *leave(token_registry, tokens)).verdict == expected


IMAGES = {
    "private": ("alice", PASSWORD, "team/private:1", (0, "valid", "pull_proven"), (0, "pullable", "pull_ok")),
    "public": ("alice", PASSWORD, "public/app:1", (0, "valid", "login_accepted"), (0, "pullable", "pull_ok")),
    "not hers": ("bob", "bob's own", "team/private:1", (1, "valid", "login_accepted"), (1, "denied", "no_pull_permission")),
    "a missing tag": ("alice", PASSWORD, "team/private:2", (1, "valid", "login_accepted"), (1, "not_found", "tag_not_found")),
    "private, by a dead key": ("alice", "wrong-horse-staple", "team/private:1", (1, "invalid", "refused"), (1, "denied", "credential_refused")),
    "public, by a dead key": ("alice", "wrong-horse-staple", "public/app:1", (1, "invalid", "refused"), (1, "denied", "credential_refused")),
}


@pytest.mark.parametrize(("username", "secret", "image", "verdict", "outcome"), IMAGES.values(), ids=IMAGES.keys())
def test_an_image(
    check: Checker, token_registry: DockerRegistry, tokens: TokenServer, username: str, secret: str, image: str, verdict: object, outcome: object
) -> None:
    options = (*leave(token_registry, tokens), "--image", f"{token_registry.host}/{image}")
    done = check(token_registry.host, username, secret, *options)
    assert (done.verdict[:3], done.image) == (verdict, outcome)


def test_a_dead_key_before_a_public_image_says_that_it_is_public(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    options = (*leave(token_registry, tokens), "--image", f"{token_registry.host}/public/app:1")
    assert "public_image" in check(token_registry.host, "alice", "wrong-horse-staple", *options).shown["image"]["hints"]


PLATFORMS = {
    "there": ("linux/arm64", (0, "pullable", "pull_ok")),
    "missing": ("linux/ppc64le", (1, "wrong_platform", "platform_missing")),
}


@pytest.mark.parametrize(("platform", "expected"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_a_platform(check: Checker, token_registry: DockerRegistry, tokens: TokenServer, platform: str, expected: object) -> None:
    options = ("--image", f"{token_registry.host}/team/private:1", "--platform", platform)
    done = check(token_registry.host, "alice", PASSWORD, *leave(token_registry, tokens), *options)
    assert (done.image, done.shown["image"]["platforms"]) == (expected, ["linux/amd64", "linux/arm64"])


def test_a_stored_path_that_the_key_may_not_pull_is_the_keys_own_fault(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    options = (*leave(token_registry, tokens), "--image", f"{token_registry.host}/team/private:1")
    done = check(f"{token_registry.host}/team/private", "bob", "bob's own", *options)
    assert (done.verdict, done.image) == ((1, "insufficient", "no_pull_permission", None), (1, "denied", "no_pull_permission"))


def test_a_login_server_elsewhere_gets_no_secret_unasked(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    authority = str(tokens.certificate.authority)
    done = check(token_registry.host, "alice", PASSWORD, "--allow-private", token_registry.host, "--ca-file", authority)
    assert (done.verdict, tokens.asked) == ((3, "unknown", "unsafe_realm", None), [])


def test_the_made_up_secret_is_of_a_made_up_user(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    check(token_registry.host, "alice", PASSWORD, *leave(token_registry, tokens))
    pairs = {(asked.username, asked.secret) for asked in tokens.asked if asked.username is not None}
    assert ("alice", PASSWORD) in pairs
    assert [username for username, secret in pairs if username == "alice" and secret != PASSWORD] == []
    assert len(pairs) == 2


def test_a_dead_key_costs_its_account_two_refused_logins_at_most(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    check(token_registry.host, "alice", "wrong-horse-staple", *leave(token_registry, tokens))
    assert sum(asked.username == "alice" for asked in tokens.asked) == 2


def test_a_login_server_that_serves_anybody_proves_nothing(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    tokens.open_to_all = True
    done = check(token_registry.host, "alice", "wrong-horse-staple", *leave(token_registry, tokens))
    assert done.verdict == (3, "unprovable", "accepts_anyone", None)


def test_even_there_a_private_image_proves_the_key(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    tokens.open_to_all = True
    options = (*leave(token_registry, tokens), "--image", f"{token_registry.host}/team/private:1")
    done = check(token_registry.host, "alice", PASSWORD, *options)
    assert (done.verdict, done.image) == ((0, "valid", "pull_proven", "pull"), (0, "pullable", "pull_ok"))


@pytest.mark.parametrize(("image", "secret"), [("team/private:1", PASSWORD), ("public/app:1", PASSWORD)])
def test_a_clock_that_is_ahead_is_no_fault_of_the_key(
    check: Checker, token_registry: DockerRegistry, tokens: TokenServer, image: str, secret: str
) -> None:
    """The registry takes no token from before its time, beyond 60 s of leeway (registries/README.md 2.4)."""
    tokens.ahead_s = 600
    options = (*leave(token_registry, tokens), "--image", f"{token_registry.host}/{image}")
    done = check(token_registry.host, "alice", secret, *options)
    assert (done.verdict, done.image) == ((3, "unknown", "token_rejected", None), (3, "unknown", "token_rejected"))


def test_a_clock_within_the_leeway_is_good(check: Checker, token_registry: DockerRegistry, tokens: TokenServer) -> None:
    tokens.ahead_s = 20
    options = (*leave(token_registry, tokens), "--image", f"{token_registry.host}/team/private:1")
    assert check(token_registry.host, "alice", PASSWORD, *options).verdict == (0, "valid", "pull_proven", "pull")
