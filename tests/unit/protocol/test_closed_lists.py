"""The lists that the standards close: codes, media types, systems and machines, months. Each word is held by what is read with it."""

from __future__ import annotations

import json

import pytest

from validator.protocol.base import Access, Platform, beyond_limits, parse_json, shown_text
from validator.protocol.challenge import parse_challenges
from validator.protocol.errcode import CODES, OAUTH_CODES, BodyShape, read_error
from validator.protocol.manifest import ACCEPT, IMAGE_CONFIGS, ManifestKind, kind_of, parse_config_platform, parse_manifest, parse_platform
from validator.protocol.realm import MAX_REALM
from validator.protocol.scope import parse_scope_text

# README 2.5: the order in which one is chosen
REGISTRY = [
    "TOOMANYREQUESTS",
    "DENIED",
    "UNAUTHORIZED",
    "NAME_UNKNOWN",
    "NAME_INVALID",
    "MANIFEST_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_UNVERIFIED",
    "TAG_INVALID",
    "DIGEST_INVALID",
    "BLOB_UNKNOWN",
    "SIZE_INVALID",
    "RANGE_INVALID",
    "UNSUPPORTED",
    "UNAVAILABLE",
    "UNKNOWN",
    "PROJECTPOLICYVIOLATION",
    "FORBIDDEN",
    "NOT_FOUND",
    "INVALID_REQUEST",
    "BAD_REQUEST",
    "PAYMENT_REQUIRED",
    "UNAVAILABLE_FOR_LEGAL_REASONS",
    "INTERNAL_ERROR",
    "SERVICE_UNAVAILABLE",
]
# RFC 6750 3.1, RFC 6749 5.2 and 4.1.2.1; the last is what distribution's token servers say
OAUTH = [
    "invalid_request",
    "invalid_token",
    "insufficient_scope",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    "unauthorized",
]


def test_the_codes_are_the_standards_in_their_order() -> None:
    assert list(CODES) == REGISTRY
    assert sorted(OAUTH_CODES) == sorted(OAUTH)


@pytest.mark.parametrize("code", OAUTH)
def test_an_oauth_code_is_kept_and_no_other_word(code: str) -> None:
    said = read_error(b'{"error": "%s"}' % code.upper().encode(), None)
    assert (said.shape, said.oauth) == (BodyShape.OAUTH, code)
    assert read_error(b'{"error": "x%s"}' % code.encode(), None).oauth is None


MEMBERS = {
    '{"errors": []}': "errors", '{"details": "x"}': "errors", '{"detail": "x"}': "errors", '{"message": "x"}': "errors", '{"requestStatus": {}}': "errors",
    '{"error": "x"}': "oauth", '{"error": "x", "errors": []}': "errors", '{"error": "x", "message": "y"}': "oauth", '{"msg": "x"}': "json", "[]": "json",
    '"x"': "json", "7": "json", "null": "json", "{}": "json",
}  # fmt: skip


@pytest.mark.parametrize("body", MEMBERS)
def test_a_body_has_the_shape_of_its_members(body: str) -> None:
    assert read_error(body.encode(), "text/plain").shape.value == MEMBERS[body]


@pytest.mark.parametrize("name", ["message", "details", "detail", "description", "error_description", "statusDescription", "title", "reason"])
def test_each_member_that_holds_words_is_read(name: str) -> None:
    assert read_error(b'{"errors": [{"%s": "so it is"}]}' % name.encode(), None).text == "so it is"
    assert read_error(b'{"errors": [{"x%s": "so it is"}]}' % name.encode(), None).text == ""


@pytest.mark.parametrize("name", ["code", "statusCode"])
def test_a_code_is_read_where_it_stands(name: str) -> None:
    assert read_error(b'{"errors": [{"%s": "denied"}]}' % name.encode(), None).code == "DENIED"
    assert read_error(b'{"requestStatus": {"%s": "UNAUTHORIZED"}}' % name.encode(), None).code == "UNAUTHORIZED"
    assert read_error(b'{"%s": "NAME_UNKNOWN"}' % name.encode(), None).code == "NAME_UNKNOWN"
    assert read_error(b'{"error": {"%s": "UNKNOWN"}}' % name.encode(), None).code == "UNKNOWN"


def test_a_page_is_one_by_its_first_sign_or_its_type() -> None:
    for kind in ("text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"):
        assert read_error(b"no", kind).shape is BodyShape.HTML
    assert read_error(b" <x>", None).shape is BodyShape.HTML
    assert read_error(b"no", "text/htm").shape is BodyShape.TEXT
    assert read_error(b" \n", "text/html").shape is BodyShape.EMPTY


OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker.distribution.manifest."
KINDS = {
    f"{OCI}index.v1+json": "index", f"{DOCKER}list.v2+json": "index", f"{OCI}manifest.v1+json": "image", f"{DOCKER}v2+json": "image",
    f"{DOCKER}v1+json": "schema1", f"{DOCKER}v1+prettyjws": "schema1", "application/vnd.oci.artifact.manifest.v1+json": "artifact",
    "application/vnd.x": "other", "application/json": None, "": None, "text/html": None,
}  # fmt: skip


@pytest.mark.parametrize("media_type", KINDS)
def test_a_media_type_is_of_its_kind(media_type: str) -> None:
    for text in (media_type, f" {media_type.upper()} ; charset=utf-8"):
        kind = kind_of(text)
        assert (kind.value if kind is not None else None) == KINDS[media_type]
    assert kind_of(None) is None


def test_what_is_asked_for_is_the_four_that_a_node_can_run() -> None:
    assert ACCEPT.split(", ") == [f"{DOCKER}v2+json", f"{DOCKER}list.v2+json", f"{OCI}manifest.v1+json", f"{OCI}index.v1+json"]


CONFIGS = {
    f"{OCI}config.v1+json": "image",
    "application/vnd.docker.container.image.v1+json": "image",
    "application/octet-stream": "image",
    "": "image",
}


@pytest.mark.parametrize(
    "media_type", [*CONFIGS, f"{OCI}config.v1+json; a=b", f"{OCI.upper()}CONFIG.v1+json", "application/vnd.cncf.helm.config.v1+json"]
)
def test_the_config_decides_whether_it_is_an_image(media_type: str) -> None:
    body = b'{"schemaVersion": 2, "config": {"mediaType": "%s"}, "layers": []}' % media_type.encode()
    facts = parse_manifest(body, f"{OCI}manifest.v1+json")
    assert facts is not None
    assert facts.kind is (ManifestKind.IMAGE if "helm" not in media_type else ManifestKind.ARTIFACT)
    assert frozenset(CONFIGS) == IMAGE_CONFIGS


def test_only_what_is_annotated_as_one_is_an_attestation() -> None:
    entry = '{"digest": "sha256:%s", "mediaType": "", "platform": {"os": "linux", "architecture": "%s"}, "annotations": {"%s": "x"}}'
    for architecture, note, attestations in (("amd64", "vnd.docker.reference.type", 1), ("amd64", "org.x", 0), ("unknown", "org.x", 1)):
        body = f'{{"schemaVersion": 2, "manifests": [{entry % ("1" * 64, architecture, note)}]}}'
        facts = parse_manifest(body.encode(), f"{OCI}index.v1+json")
        assert facts is not None
        assert (facts.attestations, len(facts.children)) == (attestations, 1 - attestations)


# Go's list of systems and machines (go/build/syslist), as image indexes name them
SYSTEMS = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "wasi",
    "windows",
]
MACHINES = ["386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_can_be_asked_for(system: str) -> None:
    assert parse_platform(f"{system}/amd64").os == system
    with pytest.raises(ValueError, match="operating system is unknown"):
        parse_platform(f"x{system}/amd64")


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_can_be_asked_for(machine: str) -> None:
    assert parse_platform(f"linux/{machine}").architecture == machine
    with pytest.raises(ValueError, match="architecture is unknown"):
        parse_platform(f"linux/x{machine}")


# containerd's database.go, and its vectors: as written, as it is folded, what runs on it (best first)
FOLDED = {
    "i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm/v7", "armel": "arm/v6", "amd64/v1": "amd64", "amd64/v3": "amd64/v3",
    "arm64/8": "arm64", "arm64/v8": "arm64", "arm64/v8.0": "arm64", "arm64/9": "arm64/v9", "arm64/9.0": "arm64/v9", "arm64/v9.0": "arm64/v9", "arm": "arm/v7",
    "arm/5": "arm/v5", "arm/6": "arm/v6", "arm/7": "arm/v7", "arm/8": "arm/v8", "X86_64": "amd64", "x86_64/v2": "amd64/v2", "i386/v1": "386",
}  # fmt: skip


@pytest.mark.parametrize("text", FOLDED)
def test_a_machines_other_names_are_one(text: str) -> None:
    architecture, _, variant = text.partition("/")
    assert str(Platform(os="Linux", architecture=architecture, variant=variant)) == f"linux/{FOLDED[text]}"
    assert Platform(os="macOS", architecture="amd64").os == "darwin"


RUNS = {
    "amd64": "amd64 386", "amd64/v2": "amd64/v2 amd64 386", "amd64/v4": "amd64/v4 amd64/v3 amd64/v2 amd64 386", "arm/v5": "arm/v5", "arm": "arm/v7 arm/v6 arm/v5",
    "arm/v8": "arm/v8 arm/v7 arm/v6 arm/v5", "arm/v9": "arm/v9 arm/v8 arm/v7 arm/v6 arm/v5", "arm64": "arm64 arm/v8 arm/v7 arm/v6 arm/v5", "arm64/v8.2": "arm64/v8.2 arm64/v8.1 arm64 arm/v8 arm/v7 arm/v6 arm/v5",
    "arm64/v9": "arm64/v9 arm64/v8.5 arm64/v8.4 arm64/v8.3 arm64/v8.2 arm64/v8.1 arm64 arm/v8 arm/v7 arm/v6 arm/v5",
    "arm64/v9.1": "arm64/v9.1 arm64/v9 arm64/v8.6 arm64/v8.5 arm64/v8.4 arm64/v8.3 arm64/v8.2 arm64/v8.1 arm64 arm/v8 arm/v7 arm/v6 arm/v5",
    "arm64/vx": "arm64/vx arm/v8 arm/v7 arm/v6 arm/v5", "s390x": "s390x", "riscv64": "riscv64", "386": "386",
}  # fmt: skip


def platform(text: str) -> Platform:
    architecture, _, variant = text.partition("/")
    return Platform(os="linux", architecture=architecture, variant=variant)


@pytest.mark.parametrize("node", RUNS)
def test_what_runs_on_a_node_in_containerds_order(node: str) -> None:
    everything = dict.fromkeys(text for texts in RUNS.values() for text in texts.split())
    ranked = sorted((rank, text) for text in everything if (rank := platform(text).rank_on(platform(node))) is not None)
    assert [text for _, text in ranked] == RUNS[node].split()
    assert [rank for rank, _ in ranked] == sorted({rank for rank, _ in ranked})
    assert platform(node).runs_on(platform(node))


def test_another_system_and_an_unknown_machine_never_run() -> None:
    node = platform("amd64")
    assert Platform(os="windows", architecture="amd64").rank_on(node) is None
    assert Platform(os="", architecture="amd64").rank_on(node) == 0
    assert Platform(os="linux", architecture="unknown").rank_on(platform("unknown")) is None


WINDOWS = {
    ("10.0.20348.1", "10.0.20348.9"): True, ("10.0.20348.1", "10.0.17763.1"): False, ("", "10.0.20348.1"): True, ("10.0.20348.1", ""): True,
    ("10.1.20348", "10.0.20348"): False, ("11.0.20348", "10.0.20348"): False,
}  # fmt: skip


@pytest.mark.parametrize(("image", "node"), WINDOWS)
def test_a_windows_image_runs_on_its_own_release(image: str, node: str) -> None:
    for system in ("windows", "linux"):
        runs = Platform(os=system, architecture="amd64", os_version=image).runs_on(Platform(os=system, architecture="amd64", os_version=node))
        assert runs is (WINDOWS[image, node] if system == "windows" else True)


def test_a_platform_is_two_or_three_parts() -> None:
    assert parse_platform("linux/arm/v6") == Platform(os="linux", architecture="arm", variant="v6")
    assert parse_platform(" windows(10.0.20348)/amd64 ") == Platform(os="windows", architecture="amd64", os_version="10.0.20348")
    for text in ("windows(10.0)", "a/b/c/d", "linux/", "/amd64", "linux/arm/v6/x", "linux/a b", ""):
        with pytest.raises(ValueError, match="a platform is os/architecture"):
            parse_platform(text)


def test_an_identifier_has_at_most_256_characters() -> None:
    for length, read in ((256, True), (257, False)):
        assert (parse_config_platform(b'{"architecture": "%s"}' % (b"a" * length)) is not None) is read


def test_a_release_of_windows_is_read_where_it_stands() -> None:
    body = b'{"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1", "variant": "v2"}'
    assert parse_config_platform(body) == Platform(os="windows", architecture="amd64", variant="v2", os_version="10.0.20348.1")
    assert parse_config_platform(b'{"os": "linux"}') is parse_config_platform(b"[]") is parse_config_platform(b"x") is None


@pytest.mark.parametrize("text", ["a" * 499 + " b c", "a" * 500 + " b", "a" * 250 + " " + "b" * 249 + " c"])
def test_words_are_cut_between_words(text: str) -> None:
    said = read_error(json.dumps({"message": text}).encode(), None).text
    assert (len(said) <= 500, text.startswith(said), text[len(said)]) == (True, True, " ")


def test_a_body_is_read_to_64_kib() -> None:
    whole = b'{"message": "' + b"x" * (64 * 1024 - 15) + b'"}'
    assert len(whole) == 64 * 1024
    assert read_error(whole, None).shape is BodyShape.ERRORS
    assert read_error(whole.replace(b"xx", b"xxx", 1), None).shape is BodyShape.TEXT
    fields = 'Bearer realm="https://a.test/t",x="%s"'
    for length, read in ((16 * 1024, True), (16 * 1024 + 1, False)):
        field = fields % ("y" * (length - len(fields) + 2))
        assert len(field) == length
        assert ("x" in parse_challenges([field])[0].parameters) is read


def test_a_hundred_challenges_of_64_fields_are_read() -> None:
    assert [len(parse_challenges([", ".join(["Basic"] * many)])) for many in (99, 100, 101)] == [99, 100, 100]
    assert [len(parse_challenges(["Basic"] * many)) for many in (64, 65)] == [64, 64]
    assert len(parse_challenges(["Basic, Basic"] * 64)) == 100


def test_the_bounds_of_what_strangers_send() -> None:
    """README 4.2.6: the last that is read, and the first that is not."""
    for depth, read in ((32, True), (33, False)):
        body = b"[" * depth + b"]" * depth
        assert isinstance(parse_json(body), list) is read
        assert beyond_limits(b"[" * depth) is not read
        siblings = b"[" * (depth - 1) + b"[],[]" + b"]" * (depth - 1)
        assert isinstance(parse_json(siblings), list) is read
        assert isinstance(parse_json(b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)), dict) is read
    for digits, read in ((1000, True), (1001, False)):
        assert isinstance(parse_json(b"1" * digits), int) is read
        assert beyond_limits(b"1" * digits) is not read
    assert parse_json(b"0." + b"1" * 998) == pytest.approx(0.1111, abs=1e-3)
    assert not isinstance(parse_json(b"0." + b"1" * 999), float)
    assert (MAX_REALM, len(shown_text("x" * 201)), shown_text("x" * 200)) == (2048, 200, "x" * 200)
    assert [shown_text("ab cd", limit) for limit in (5, 4, 3, 1, 0)] == ["ab cd", "ab…", "ab…", "…", "…"]
    inside, beyond = (
        "repository:a:pull " + "x" * (16 * 1024 - 18 - 18) + " repository:b:pull",
        "repository:a:pull " + "x" * (16 * 1024 - 18 - 17) + " repository:b:pull",
    )
    assert parse_scope_text(inside)[-1] == Access("repository", "b", frozenset({"pull"}))
    assert parse_scope_text(beyond)[-1] == Access("repository", "b", frozenset({"pul"}))
