"""Manifests: their media types, what an index offers, and whether a platform finds an image in it.

Pure; what reads a registry's bytes is total. OCI image-spec, distribution-spec; platform rules as containerd has them,
registries/README.md 2.6.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from validator.protocol.base import NOT_JSON, Platform, parse_json, valid_digest

__all__ = [
    "ACCEPT", "Child", "ManifestFacts", "ManifestKind", "Platform",
    "candidates", "digest_of", "kind_of", "parse_config_platform", "parse_manifest", "parse_platform", "select", "valid_digest",
]  # fmt: skip

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
OCI_ARTIFACT: Final = "application/vnd.oci.artifact.manifest.v1+json"

ACCEPT: Final = ", ".join((DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX))
"""Without `*/*`: then schema 1 only comes where nothing else exists."""

IMAGE_CONFIGS: Final = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
        "application/octet-stream",  # what docker 1.10 pushed
        "",
    }
)
ATTESTATION: Final = "vnd.docker.reference.type"


class ManifestKind(StrEnum):
    """What a manifest describes."""

    INDEX = "index"
    IMAGE = "image"
    SCHEMA1 = "schema1"
    ARTIFACT = "artifact"
    OTHER = "other"


_KINDS: Final = {
    OCI_INDEX: ManifestKind.INDEX,
    DOCKER_LIST: ManifestKind.INDEX,
    OCI_MANIFEST: ManifestKind.IMAGE,
    DOCKER_MANIFEST: ManifestKind.IMAGE,
    DOCKER_SCHEMA1: ManifestKind.SCHEMA1,
    DOCKER_SCHEMA1_SIGNED: ManifestKind.SCHEMA1,
    OCI_ARTIFACT: ManifestKind.ARTIFACT,
}


@dataclass(frozen=True, slots=True)
class Child:
    """One entry of an index that could be pulled; `platform` is None where the index names none."""

    digest: str
    platform: Platform | None
    media_type: str

    @property
    def nested(self) -> bool:
        """True for an index in the index, whose own children are known only after another GET."""
        return kind_of(self.media_type) is ManifestKind.INDEX


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFacts:
    """What a manifest says of platforms.

    `platforms` is None where they are not known from it: a single image (its config knows), an entry without platform
    (`without_platform`; a nested index without one too). `children` are an index's entries without the `attestations`
    (counted: unknown/unknown, or annotated so), in its order. `config_digest`: a single image's, where it is a valid one.
    """

    kind: ManifestKind
    platforms: tuple[Platform, ...] | None = None
    children: tuple[Child, ...] = ()
    config_digest: str | None = None
    without_platform: bool = False
    attestations: int = 0


def kind_of(content_type: str | None) -> ManifestKind | None:
    """The kind that a `Content-Type` names, its parameters left aside; None where it is no manifest's type."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in _KINDS:
        return _KINDS[media_type]
    return ManifestKind.OTHER if media_type.startswith("application/vnd.") else None


def parse_manifest(body: bytes, content_type: str | None) -> ManifestFacts | None:
    """The facts of the manifest `body`; None if it is none, or contradicts itself or its `Content-Type`.

    A body that is both an index and an image is refused, as one whose `mediaType` is of another kind than the header's
    (CVE-2021-41190). Where neither names a type the members decide.
    """
    manifest = parse_json(body)
    if not isinstance(manifest, dict):
        return None
    if manifest.get("schemaVersion") == 1:
        return ManifestFacts(kind=ManifestKind.SCHEMA1)
    is_index, is_image = "manifests" in manifest, "config" in manifest or "layers" in manifest
    if is_index and is_image:
        return None
    kinds = {kind for kind in (kind_of(content_type), kind_of(_string(manifest.get("mediaType")))) if kind is not None}
    kind = next(iter(kinds)) if len(kinds) == 1 else _kind_of_members(is_index, is_image)
    if len(kinds) > 1 or kind is None:
        return None
    match kind:
        case ManifestKind.INDEX:
            return _index(manifest.get("manifests")) if is_index else None
        case ManifestKind.IMAGE:
            return _image(manifest.get("config")) if is_image else None
        case ManifestKind.SCHEMA1 | ManifestKind.ARTIFACT | ManifestKind.OTHER:
            return ManifestFacts(kind=kind)


def _kind_of_members(is_index: bool, is_image: bool) -> ManifestKind | None:
    if is_index:
        return ManifestKind.INDEX
    return ManifestKind.IMAGE if is_image else None


def _index(manifests: object) -> ManifestFacts | None:
    """An index's facts; `manifests: null` is Go's empty list. Entries without a valid digest are left out."""
    if not isinstance(manifests, list | None):
        return None
    entries = [entry for entry in manifests or [] if isinstance(entry, dict)]
    children, attestations = [], 0
    for entry in entries:
        platform = _platform(entry.get("platform"))
        annotations = entry.get("annotations")
        if (isinstance(annotations, dict) and ATTESTATION in annotations) or (platform is not None and platform.architecture == "unknown"):
            attestations += 1
        elif valid_digest(digest := _string(entry.get("digest"))):
            children.append(Child(digest, platform, _string(entry.get("mediaType"))))
    known = tuple(dict.fromkeys(child.platform for child in children if child.platform is not None))
    without = any(child.platform is None for child in children)
    return ManifestFacts(
        kind=ManifestKind.INDEX,
        platforms=None if without else known,
        children=tuple(children),
        without_platform=without,
        attestations=attestations,
    )


def _image(config: object) -> ManifestFacts | None:
    """A single image's facts, or an artifact's: the config's media type decides, as it does for containerd."""
    if not isinstance(config, dict):
        return None
    media_type = _string(config.get("mediaType")).partition(";")[0].strip().lower()
    digest = _string(config.get("digest"))
    return ManifestFacts(
        kind=ManifestKind.IMAGE if media_type in IMAGE_CONFIGS else ManifestKind.ARTIFACT,
        config_digest=digest if valid_digest(digest) else None,
    )


def digest_of(body: bytes, named: str | None = None) -> str:
    """The digest that `body` has, by the algorithm of the valid one that it was sent under: what is kept by it holds for every registry."""
    algorithm = named.partition(":")[0] if named is not None else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def parse_config_platform(body: bytes) -> Platform | None:
    """The platform that an image's config blob names, or None."""
    config = parse_json(body)
    return None if config is NOT_JSON else _platform(config)


def _platform(value: object) -> Platform | None:
    if not isinstance(value, dict):
        return None
    architecture = _string(value.get("architecture"))
    if not architecture:
        return None
    return Platform(
        os=_string(value.get("os")),
        architecture=architecture,
        variant=_string(value.get("variant")),
        os_version=_string(value.get("os.version")),
    )


def _string(value: object) -> str:
    """`value` if it is a string that an identifier may be, else ""."""
    return value if isinstance(value, str) and len(value) <= 256 and value.isprintable() else ""


def candidates(children: Sequence[Child], node: Platform) -> tuple[Child, ...]:
    """The children that `node` would try, best first; those without a platform last, in the index's order."""
    ranked = [(child.platform.rank_on(node), child) for child in children if child.platform is not None]
    fitting = sorted(((rank, child) for rank, child in ranked if rank is not None), key=lambda pair: pair[0])
    return (*(child for _, child in fitting), *(child for child in children if child.platform is None))


def select(facts: ManifestFacts, wanted: Platform) -> Child | None:
    """The child of an index that a node `wanted` pulls; None: "no match for platform in manifest".

    A child without a platform is the last resort; whether it fits, only its config (a nested one: its children) can tell.
    """
    return next(iter(candidates(facts.children, wanted)), None)


_PART: Final = re.compile(r"[A-Za-z0-9_.-]+")
_RELEASE: Final = re.compile(r"([A-Za-z0-9_-]+)\(([0-9.]+)\)")
_SYSTEMS: Final = frozenset(
    {
        "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd", "plan9",
        "solaris", "wasip1", "wasi", "windows",
    }
)  # fmt: skip
_MACHINES: Final = frozenset(
    {
        "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
        "s390x", "wasm",
    }
)  # fmt: skip


def parse_platform(text: str) -> Platform:
    """The platform that an operator writes: `linux/amd64`, `linux/arm/v7`, `windows(10.0.20348)/amd64`, `arm64` (linux).

    Raises ValueError with one sentence. Names fold as in `Platform`; unknown ones are refused, for they would match nothing.
    """
    parts = text.strip().split("/")
    release = ""
    if len(parts) > 1 and (found := _RELEASE.fullmatch(parts[0])):
        parts[0], release = found[1], found[2]
    if len(parts) == 1:
        parts = ["linux", *parts]
    if len(parts) > 3 or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("a platform is os/architecture or os/architecture/variant: write linux/amd64 or linux/arm64")
    platform = Platform(os=parts[0], architecture=parts[1], variant=parts[2] if len(parts) == 3 else "", os_version=release)
    if platform.os not in _SYSTEMS:
        raise ValueError("the platform's operating system is unknown: write linux or windows, as in linux/amd64")
    if platform.architecture not in _MACHINES:
        raise ValueError(f"the platform's architecture is unknown: write one of {', '.join(sorted(_MACHINES))}")
    return platform
