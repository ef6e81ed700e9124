"""Manifests and platforms: cases.md IMG-10 to IMG-21, IMG-29; README 2.6."""

from __future__ import annotations

import json

import pytest

from validator.protocol.manifest import (
    ACCEPT,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA1,
    DOCKER_SCHEMA1_SIGNED,
    OCI_INDEX,
    OCI_MANIFEST,
    Child,
    ManifestFacts,
    ManifestKind,
    Platform,
    candidates,
    kind_of,
    parse_config_platform,
    parse_manifest,
    parse_platform,
    select,
)


def digest(n: int) -> str:
    return f"sha256:{n:064x}"


def entry(n: int, platform: str | None = None, **more: object) -> dict[str, object]:
    found: dict[str, object] = {"mediaType": OCI_MANIFEST, "digest": digest(n), "size": 7}
    if platform is not None:
        system, architecture, *variant = platform.split("/")
        found["platform"] = {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
    return found | more


def index(*entries: dict[str, object], **more: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)} | more).encode()


def read(body: bytes, content_type: str | None = OCI_INDEX) -> ManifestFacts:
    facts = parse_manifest(body, content_type)
    assert facts is not None
    return facts


KINDS: dict[str, tuple[str | None, ManifestKind | None]] = {
    "OCI index": (OCI_INDEX, ManifestKind.INDEX),
    "docker list": (DOCKER_LIST, ManifestKind.INDEX),
    "OCI manifest": (OCI_MANIFEST, ManifestKind.IMAGE),
    "docker manifest": (DOCKER_MANIFEST, ManifestKind.IMAGE),
    "IMG-20 signed": (DOCKER_SCHEMA1_SIGNED, ManifestKind.SCHEMA1),
    "IMG-20": (DOCKER_SCHEMA1, ManifestKind.SCHEMA1),
    "parameters, case": (" Application/vnd.OCI.image.index.v1+JSON ; charset=utf-8", ManifestKind.INDEX),
    "vendor's own": ("application/vnd.acme.thing+json", ManifestKind.OTHER),
    "OCI artifact": ("application/vnd.oci.artifact.manifest.v1+json", ManifestKind.ARTIFACT),
    "IMG-26 html": ("text/html", None),
    "json": ("application/json", None),
    "none": (None, None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("content_type", "expected"), KINDS.values(), ids=KINDS.keys())
def test_a_content_type_names_a_kind(content_type: str | None, expected: ManifestKind | None) -> None:
    assert kind_of(content_type) is expected


def test_all_four_live_types_are_asked_for_and_no_other() -> None:
    assert sorted(ACCEPT.split(", ")) == sorted([OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST])


ATTESTED = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
# entries, wanted, number of the child that is chosen (None: no match), platforms
CHOICES: dict[str, tuple[list[dict[str, object]], str, int | None, list[str] | None]] = {
    "IMG-10": (
        [entry(1, "linux/amd64"), entry(2, "linux/arm64"), entry(3, "unknown/unknown"), entry(4, "unknown/unknown", **ATTESTED)],
        "linux/amd64",
        1,
        ["linux/amd64", "linux/arm64"],
    ),
    "IMG-11": ([entry(1, "linux/arm64")], "linux/amd64", None, ["linux/arm64"]),
    "IMG-12": ([entry(1, "linux/386")], "linux/amd64", 1, ["linux/386"]),
    "IMG-13": ([entry(1, "linux/amd64/v3")], "linux/amd64", None, ["linux/amd64/v3"]),
    "IMG-14 v1": ([entry(1, "linux/amd64/v1")], "linux/amd64", 1, ["linux/amd64"]),
    "IMG-14 x86_64": ([entry(1, "linux/x86_64")], "linux/amd64", 1, ["linux/amd64"]),
    "IMG-15 arm/v7": ([entry(1, "linux/arm/v7")], "linux/arm64", 1, ["linux/arm/v7"]),
    "IMG-15 arm64/v8": ([entry(1, "linux/arm64/v8")], "linux/arm64", 1, ["linux/arm64"]),
    "IMG-16": ([entry(1, "linux/arm64"), entry(2)], "linux/amd64", 2, None),
    "IMG-16 last, though first": ([entry(1), entry(2, "linux/amd64")], "linux/amd64", 2, None),
    "IMG-17 unknown": ([entry(1, "unknown/unknown"), entry(2, "unknown/unknown")], "linux/amd64", None, []),
    "IMG-17 empty": ([], "linux/amd64", None, []),
    "attested with a platform": ([entry(1, "linux/amd64", **ATTESTED)], "linux/amd64", None, []),
    "best first, not first": ([entry(1, "linux/386"), entry(2, "linux/amd64")], "linux/amd64", 2, ["linux/386", "linux/amd64"]),
    "first of two alike": ([entry(1, "linux/amd64"), entry(2, "linux/amd64")], "linux/amd64", 1, ["linux/amd64"]),
    "os left out": ([entry(1) | {"platform": {"architecture": "amd64"}}], "linux/amd64", 1, ["amd64"]),
    "another os": ([entry(1, "windows/amd64")], "linux/amd64", None, ["windows/amd64"]),
    "bad digest": ([entry(1, "linux/amd64", digest="sha256:../../x")], "linux/amd64", None, []),
    "platform that is none": ([entry(1, platform="x/y") | {"platform": "linux/amd64"}], "linux/amd64", 1, None),
    "IMG-29 nested": ([entry(1, "linux/arm64"), entry(2, mediaType=OCI_INDEX)], "linux/amd64", 2, None),
}


@pytest.mark.parametrize(("entries", "wanted", "chosen", "platforms"), CHOICES.values(), ids=CHOICES.keys())
def test_an_index_is_chosen_from_as_containerd_does(
    entries: list[dict[str, object]], wanted: str, chosen: int | None, platforms: list[str] | None
) -> None:
    facts = read(index(*entries))
    child = select(facts, parse_platform(wanted))
    assert (child and child.digest) == (None if chosen is None else digest(chosen))
    assert (None if facts.platforms is None else [str(each) for each in facts.platforms]) == platforms


# node, images that it runs in the order of its liking, images that it does not run: README 2.6
NODES: dict[str, tuple[list[str], list[str]]] = {
    "linux/amd64": (["linux/amd64", "linux/386"], ["linux/amd64/v2", "linux/amd64/v3", "linux/arm64", "windows/amd64"]),
    "linux/amd64/v3": (["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"], ["linux/amd64/v4"]),
    "linux/arm64": (
        ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"],
        ["linux/arm64/v9", "linux/arm64/v8.1", "linux/amd64"],
    ),
    "linux/arm64/v8.2": (["linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64", "linux/arm/v8"], ["linux/arm64/v8.3"]),
    "linux/arm64/v9": (
        ["linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8.1", "linux/arm64", "linux/arm/v8", "linux/arm/v7"],
        ["linux/arm64/v9.1", "linux/arm64/v8.6"],
    ),
    "linux/arm64/v9.1": (
        ["linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64"],
        ["linux/arm64/v9.2", "linux/arm64/v8.7"],
    ),
    "linux/arm/v7": (["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"], ["linux/arm/v8", "linux/arm64"]),
    "linux/arm": (["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"], ["linux/arm/v8"]),
    "linux/arm/v6": (["linux/arm/v6", "linux/arm/v5"], ["linux/arm/v7"]),
    "linux/ppc64le": (["linux/ppc64le"], ["linux/ppc64", "linux/amd64"]),
    "linux/386": (["linux/386"], ["linux/amd64"]),
}


@pytest.mark.parametrize(("node", "runs", "runs_not"), [(n, *rows) for n, rows in NODES.items()], ids=NODES.keys())
def test_a_node_likes_its_platforms_in_this_order(node: str, runs: list[str], runs_not: list[str]) -> None:
    wanted = parse_platform(node)
    texts = [*reversed(runs), *runs_not]
    children = [Child(text, parse_platform(text), OCI_MANIFEST) for text in texts]
    assert [child.digest for child in candidates(children, wanted)] == runs
    assert [text for text in texts if parse_platform(text).runs_on(wanted)] == list(reversed(runs))


WINDOWS: dict[str, tuple[str, str, bool]] = {
    "same build": ("10.0.20348.169", "10.0.20348.2", True),
    "other build": ("10.0.17763.1", "10.0.20348.2", False),
    "image says nothing": ("", "10.0.20348.2", True),
    "node says nothing": ("10.0.17763.1", "", True),
}


@pytest.mark.parametrize(("image", "node", "expected"), WINDOWS.values(), ids=WINDOWS.keys())
def test_windows_compares_its_release(image: str, node: str, expected: bool) -> None:
    offered = Platform(os="windows", architecture="amd64", os_version=image)
    assert offered.runs_on(Platform(os="windows", architecture="amd64", os_version=node)) is expected


def test_an_unknown_platform_matches_nothing() -> None:
    unknown = Platform(os="unknown", architecture="unknown")
    assert not unknown.runs_on(unknown)


def image(config: object, **more: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": config, "layers": []} | more).encode()


CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(9)}
SINGLES: dict[str, tuple[bytes, str | None, ManifestFacts | None]] = {
    "OCI image": (image(CONFIG), OCI_MANIFEST, ManifestFacts(kind=ManifestKind.IMAGE, config_digest=digest(9))),
    "docker image": (
        image({"mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest(9)}, mediaType=DOCKER_MANIFEST),
        DOCKER_MANIFEST,
        ManifestFacts(kind=ManifestKind.IMAGE, config_digest=digest(9)),
    ),
    "image with a bad config digest": (image(CONFIG | {"digest": "sha256:x"}), OCI_MANIFEST, ManifestFacts(kind=ManifestKind.IMAGE)),
    "IMG-21 helm": (
        image({"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(9)}),
        OCI_MANIFEST,
        ManifestFacts(kind=ManifestKind.ARTIFACT, config_digest=digest(9)),
    ),
    "IMG-21 artifactType, empty config": (
        image({"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(9)}, artifactType="application/x"),
        OCI_MANIFEST,
        ManifestFacts(kind=ManifestKind.ARTIFACT, config_digest=digest(9)),
    ),
    "artifactType on a true image": (
        image(CONFIG, artifactType="x/y"),
        OCI_MANIFEST,
        ManifestFacts(kind=ManifestKind.IMAGE, config_digest=digest(9)),
    ),
    "IMG-20 schema 1": (b'{"schemaVersion": 1, "architecture": "amd64"}', DOCKER_SCHEMA1_SIGNED, ManifestFacts(kind=ManifestKind.SCHEMA1)),
    "schema 1 as text/plain": (b'{"schemaVersion": 1}', "text/plain", ManifestFacts(kind=ManifestKind.SCHEMA1)),
    "schema 1 under a live type": (b'{"schemaVersion": 1}', DOCKER_MANIFEST, ManifestFacts(kind=ManifestKind.SCHEMA1)),
    "type by the body's field": (
        image(CONFIG, mediaType=OCI_MANIFEST),
        "application/json",
        ManifestFacts(kind=ManifestKind.IMAGE, config_digest=digest(9)),
    ),
    "type by its members": (image(CONFIG), None, ManifestFacts(kind=ManifestKind.IMAGE, config_digest=digest(9))),
    "index by its members": (b'{"schemaVersion": 2, "manifests": null}', None, ManifestFacts(kind=ManifestKind.INDEX, platforms=())),
    "vendor's own": (b"{}", "application/vnd.acme+json", ManifestFacts(kind=ManifestKind.OTHER)),
    "index under an image's header": (index(entry(1, "linux/amd64")), OCI_MANIFEST, None),
    "image under an index's header": (image(CONFIG), OCI_INDEX, None),
    "both at once": (index(entry(1), config=CONFIG), OCI_INDEX, None),
    "both at once, layers": (index(entry(1), layers=[]), OCI_INDEX, None),
    "manifests a number": (b'{"schemaVersion": 2, "manifests": 7}', OCI_INDEX, None),
    "image without config": (b'{"schemaVersion": 2, "layers": []}', OCI_MANIFEST, None),
    "neither": (b'{"schemaVersion": 2}', None, None),
    "list": (b"[]", OCI_INDEX, None),
    "html": (b"<html>", OCI_INDEX, None),
    "SEC-28": (b'{"manifests":' + b"[" * 100_000, OCI_INDEX, None),
}


@pytest.mark.parametrize(("body", "content_type", "expected"), SINGLES.values(), ids=SINGLES.keys())
def test_a_manifest_is_read_or_refused(body: bytes, content_type: str | None, expected: ManifestFacts | None) -> None:
    assert parse_manifest(body, content_type) == expected


def test_attestations_are_counted_and_nested_indexes_are_known() -> None:
    facts = read(index(entry(1, "linux/amd64"), entry(2, "unknown/unknown"), entry(3, None, **ATTESTED), entry(4, mediaType=DOCKER_LIST)))
    assert (facts.attestations, facts.without_platform) == (2, True)
    assert [child.nested for child in facts.children] == [False, True]


CONFIGS: dict[str, tuple[bytes, str | None]] = {
    "IMG-18": (b'{"architecture": "arm64", "os": "linux", "variant": "v8"}', "linux/arm64"),
    "no os": (b'{"architecture": "amd64"}', "amd64"),
    "no architecture": (b'{"os": "linux"}', None),
    "odd": (b'{"architecture": 7, "os": "linux"}', None),
    "list": (b"[]", None),
    "no JSON": (b"x", None),
    "controls": (b'{"architecture": "amd64\\u001b[31m", "os": "linux"}', None),
}


@pytest.mark.parametrize(("body", "expected"), CONFIGS.values(), ids=CONFIGS.keys())
def test_a_config_names_its_platform(body: bytes, expected: str | None) -> None:
    found = parse_config_platform(body)
    assert (found and str(found)) == expected


PLATFORMS: dict[str, tuple[str, str]] = {
    "as it is": ("linux/amd64", "linux/amd64"),
    "case and blanks": (" Linux/AMD64\n", "linux/amd64"),
    "x86_64": ("linux/x86_64", "linux/amd64"),
    "x86-64": ("linux/x86-64", "linux/amd64"),
    "aarch64": ("linux/aarch64", "linux/arm64"),
    "arm64/v8": ("linux/arm64/v8", "linux/arm64"),
    "arm64/8": ("linux/arm64/8", "linux/arm64"),
    "arm64/v8.0": ("linux/arm64/v8.0", "linux/arm64"),
    "arm64/v9.0": ("linux/arm64/v9.0", "linux/arm64/v9"),
    "arm": ("linux/arm", "linux/arm/v7"),
    "arm/6": ("linux/arm/6", "linux/arm/v6"),
    "armhf": ("linux/armhf", "linux/arm/v7"),
    "armel": ("linux/armel", "linux/arm/v6"),
    "i386": ("linux/i386", "linux/386"),
    "amd64/v1": ("linux/amd64/v1", "linux/amd64"),
    "amd64/V2": ("linux/amd64/V2", "linux/amd64/v2"),
    "macos": ("macos/arm64", "darwin/arm64"),
    "architecture alone": ("arm64", "linux/arm64"),
    "windows": ("windows(10.0.20348.1)/amd64", "windows/amd64"),
}


@pytest.mark.parametrize(("text", "expected"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_a_platforms_names_fold(text: str, expected: str) -> None:
    assert str(parse_platform(text)) == expected


def test_a_windows_release_is_kept() -> None:
    assert parse_platform("windows(10.0.20348.1)/amd64").os_version == "10.0.20348.1"


BAD_PLATFORMS = {
    "empty": "",
    "slash": "/",
    "four": "a/b/c/d",
    "blank": "linux/am d64",
    "typo": "linux/amd46",
    "os": "linus/amd64",
    "escape": "linux/\x1b",
    "os alone": "linux",
}


@pytest.mark.parametrize("text", BAD_PLATFORMS.values(), ids=BAD_PLATFORMS.keys())
def test_a_platform_that_matches_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_platform(text)
