"""Which registry a text means, what a scope covers, and what a kubelet would use: README 3.3, 4.1; KUBE and OSMO rows without a wire."""

from __future__ import annotations

import pytest

from validator.credential import (
    DOCKER_HUB,
    DOCKER_HUB_NAMES,
    Host,
    RegistryScope,
    SecretKind,
    UnreadableRegistry,
    canonical_host,
    is_readable,
    kubelet_order,
    never_matches,
    osmo_scope,
    parse_scope,
)

HOSTS = {
    "reg.test": "reg.test", "REG.Test": "reg.test", "reg.test.": "reg.test", "reg.test:443": "reg.test", "reg.test.:443": "reg.test", "reg.test:5000": "reg.test:5000", "reg.test:0443": "reg.test", "reg.test:05000": "reg.test:5000",
    "localhost": "localhost", "localhost:5000": "localhost:5000", "127.0.0.1:80": "127.0.0.1:80", "[2001:DB8::1]": "[2001:db8::1]", "[::1]:5000": "[::1]:5000", "[::1]:443": "[::1]", "a_b.test": "a_b.test", "a-b.test": "a-b.test",
    "docker.io": "docker.io", "index.docker.io": "docker.io", "registry-1.docker.io": "docker.io", "registry.hub.docker.com": "docker.io", "Docker.IO:443": "docker.io", "docker.io:5000": "docker.io:5000", "hub.docker.com": "hub.docker.com",
    "reg.test:1": "reg.test:1", "reg.test:65535": "reg.test:65535", "a" * 63 + ".test": "a" * 63 + ".test", "xn--bcher-kva.test": "xn--bcher-kva.test",
}  # fmt: skip
NAMELESS, PORT = "it names no host", "its port is not a number from 1 to 65535"
NO_HOSTS = {
    "": NAMELESS, ".": NAMELESS, "..": NAMELESS, "a..b": NAMELESS, "-a.test": NAMELESS, "a-.test": NAMELESS, "a b": NAMELESS, "a" * 64 + ".test": NAMELESS, ".".join(["a" * 60] * 5): NAMELESS, "xn--.test": NAMELESS, "xn--a.test": NAMELESS,
    "[::1": NAMELESS, "[::1]x": NAMELESS, "[1]": NAMELESS, "[::1::]:5000": NAMELESS, "[1.2.3.4]": NAMELESS, "[fe80::1%eth0]": NAMELESS, "[]": NAMELESS, "[x]": NAMELESS, "ä.test": NAMELESS, "_a.test": NAMELESS, "[::1]5000": NAMELESS,
    "a.test:": PORT, "[::1]:": PORT, "a.test:0": PORT, "a.test:65536": PORT, "a.test:x": PORT, "a.test:-1": PORT, "a.test:٣": PORT, "a.test:1:2": PORT, "[::1]:0": PORT, "a.test: 1": PORT,
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTS)
def test_a_host_has_one_canonical_name(text: str) -> None:
    assert canonical_host(text) == HOSTS[text]
    assert canonical_host(HOSTS[text]) == HOSTS[text]


@pytest.mark.parametrize("text", NO_HOSTS)
def test_what_is_no_host_is_told_why(text: str) -> None:
    with pytest.raises(UnreadableRegistry, match=NO_HOSTS[text]):
        canonical_host(text)


def test_the_longest_name_is_253_characters() -> None:
    longest = ".".join(["a" * 62] * 4) + ".b"
    assert len(longest) == 253
    assert canonical_host(longest) == longest
    with pytest.raises(UnreadableRegistry):
        canonical_host(longest + "b")


def test_docker_hub_has_four_names() -> None:
    assert {canonical_host(name) for name in DOCKER_HUB_NAMES} == {DOCKER_HUB}
    assert len(DOCKER_HUB_NAMES) == 4
    assert [kind.value for kind in SecretKind] == ["password", "identity_token", "registry_token"]


@pytest.mark.parametrize(
    ("name", "readable"), [("xn--bcher-kva.test", True), ("XN--A.test", False), ("a.xn--", False), ("reg.test", True), ("", True), ("a b", True)]
)
def test_punycode_that_is_none_is_no_name(name: str, readable: bool) -> None:
    assert is_readable(name) is readable


SCOPES = {
    "": ("docker.io", ""), "nvcr.io": ("nvcr.io", ""), "nvcr.io/org/team": ("nvcr.io", "org/team"), " nvcr.io/org/ ": ("nvcr.io", "org"), "https://index.docker.io/v1/": ("docker.io", ""), "https://index.docker.io/v2/": ("docker.io", ""),
    "http://reg.test:5000": ("reg.test:5000", ""), "HTTPS://Reg.test/Team": ("reg.test", "Team"), "reg.test/v1": ("reg.test", ""), "reg.test/v1/x": ("reg.test", "v1/x"), "reg.test//x": ("reg.test", "x"), "reg.test/a.b_c-d/*": ("reg.test", "a.b_c-d/*"),
    "localhost:5000/a": ("localhost:5000", "a"), "reg.test/v3": ("reg.test", "v3"), "reg.test/": ("reg.test", ""), "reg.test/a..b": ("reg.test", "a..b"),
}  # fmt: skip
NO_SCOPES = {
    " ": NAMELESS, "https://": NAMELESS, "ftp://reg.test": "its scheme is neither", "oci://reg.test": "its scheme is neither", "://reg.test": "its scheme is neither", "u:p@reg.test": "it holds a username or a digest", "reg.test/a@sha256:0": "it holds a username or a digest",
    "reg.test?x": "a character that no", "reg.test/a#b": "a character that no", "reg.test\\a": "a character that no", "reg.test/a b": "a character that no", "reg.test/a\x7fb": "a character that no", "reg.test/a\x00": "a character that no",
    "reg.test/a//b": "its path is not one", "reg.test/../b": "its path is not one", "reg.test/a/..": "its path is not one", "reg.test/-a": "its path is not one", "reg.test/ä": "its path is not one", "reg.test/a:b": "its path is not one", "reg.test:0/a": PORT,
}  # fmt: skip


@pytest.mark.parametrize("text", SCOPES)
def test_a_text_means_a_scope(text: str) -> None:
    scope = parse_scope(text)
    assert (scope.host, scope.path) == SCOPES[text]
    assert parse_scope(str(scope)) == scope
    assert str(scope) == (f"{scope.host}/{scope.path}" if scope.path else scope.host)


@pytest.mark.parametrize("text", NO_SCOPES)
def test_a_text_that_means_none_is_told_why_and_not_repeated(text: str) -> None:
    with pytest.raises(UnreadableRegistry, match=NO_SCOPES[text]) as told:
        parse_scope(text)
    assert "u:p" not in str(told.value)


COVERS = {
    ("", "a/b"): True, ("a", "a"): True, ("a", "a/b"): True, ("a", "ab"): False, ("a/b", "a"): False, ("a/b", "a/b/c"): True, ("a/b", "a/bc"): False,
}  # fmt: skip


@pytest.mark.parametrize(("path", "repository"), COVERS)
def test_a_scope_covers_whole_segments_of_its_own_host(path: str, repository: str) -> None:
    scope = RegistryScope(Host("reg.test"), path)
    assert scope.covers("reg.test", repository) is COVERS[path, repository]
    assert not scope.covers("other.test", repository)


OSMO = {
    "": "registry-1.docker.io", "docker.io": "registry-1.docker.io", "docker.io/acme": "registry-1.docker.io/acme", "https://docker.io/": "registry-1.docker.io", "nvcr.io/": "nvcr.io", "https://nvcr.io/org/": "nvcr.io/org",
    "http://reg.test:443/a": "reg.test/a", "Reg.Test": "Reg.Test", "reg.test:5000": "reg.test:5000", " nvcr.io ": "nvcr.io", "ftp://x": "ftp://x", "nvcr.io/a~": "nvcr.io/a~", "nvcr.io/a//": "nvcr.io/a", "docker.io/a:443": "registry-1.docker.io/a:443", "index.docker.io": "index.docker.io",
}  # fmt: skip


@pytest.mark.parametrize("text", OSMO)
def test_the_key_that_osmo_writes(text: str) -> None:
    """osmo.md 3.1: case and other ports stay; a scheme that is none of the two is a host to it."""
    assert osmo_scope(text) == OSMO[text]


KEYS = {
    "https://reg.test": True, "http://reg.test/v1/": True, "https://reg.test/v2/": True, "reg.test/v1/team": True, "reg.test/v1": False, "reg.test/v2/other": False, "ftp://reg.test": False, "*.test": True, "r*.t?st": True, "[r]eg.test": True,
    "reg.test/team": True, "reg.test/te": True, "reg.test/team/app": True, "reg.test/team/apple": False, "reg.*/team": True, "*": False, "*.*": True, "reg.test:5000": False, "reg.test/v1/v2/": False, "reg.test/": True, "reg.test/v3/": False,
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_a_pull_secret_is_read_as_the_kubelet_reads_it(key: str) -> None:
    """README 3.3: globs by labels, a path as a string's beginning, `/v1/` and `/v2/` cut."""
    assert bool(kubelet_order([(key, "held")], "reg.test/team/app")) is KEYS[key]


def test_docker_hubs_own_key_counts_if_nothing_else_does() -> None:
    entries = [("https://index.docker.io/v1/", "old"), ("docker.io/acme", "acme"), ("*.io", "star"), ("index.docker.io", "older")]
    assert kubelet_order(entries, "docker.io/acme/x") == ("acme", "star")
    assert kubelet_order(entries[:2], "docker.io/library/x") == ("old",)
    assert kubelet_order([entries[0], entries[3]], "docker.io/library/x") == ("old", "older")
    assert kubelet_order([entries[0]], "index.docker.io/library/x") == ("old",)
    assert kubelet_order([entries[0]], "reg.test/x") == ()
    assert kubelet_order([], "docker.io/x") == ()
    assert kubelet_order([("reg.test", 1), ("reg.test/a", 2), ("reg.test", 3)], "reg.test/a/b") == (2, 1, 3)


NEVER = {
    ("reg.test", "reg.test", ""): False, ("reg.test:443", "reg.test", ""): True, ("https://index.docker.io/v1/", "docker.io", ""): False, ("registry-1.docker.io", "docker.io", ""): True, ("docker.io", "docker.io", "acme"): False,
    ("https://index.docker.io/v1", "docker.io", ""): True, ("reg.test/team", "reg.test", "team"): False, ("reg.test/team/", "reg.test", "team"): False, ("REG.test", "reg.test", ""): True, ("reg.test/library", "reg.test", ""): False,
}  # fmt: skip


@pytest.mark.parametrize(("written", "host", "path"), NEVER)
def test_a_key_that_no_image_matches_is_known(written: str, host: str, path: str) -> None:
    assert never_matches(written, RegistryScope(Host(host), path)) is NEVER[written, host, path]
