"""Images with real bytes and real digests: an index or a single manifest, configs, and what to serve by `Accept`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
ACCEPT_ALL: Final = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))

_INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes with their media type; the digest is that of the bytes."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        """A 200 with type, length, digest and `Etag`; for a HEAD the same without the body. `headers` win over these."""
        fields = {
            "Content-Type": self.media_type,
            "Docker-Content-Digest": self.digest,
            "Docker-Distribution-Api-Version": "registry/2.0",
            "Etag": f'"{self.digest}"',
        }
        return web.Response(body=self.body, headers={**fields, **(headers or {})})

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """How a manifest or index points at it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image: `top` is what its tags point to, `manifests` and `blobs` (configs) hold all by digest."""

    top: Document
    manifests: Mapping[str, Document]
    blobs: Mapping[str, Document]
    platforms: tuple[str, ...]

    @property
    def digest(self) -> str:
        return self.top.digest

    def choose(self, reference: str, accept: Iterable[str]) -> Document | None:
        """What a request for `reference` gets; None: 404.

        `reference` is a digest, or any tag (the caller knows the tags). `accept` are the values of the request's `Accept`
        fields. A tag whose index is not accepted gives the linux/amd64 child where that is accepted, as distribution does.
        """
        accepted = {part.split(";")[0].strip() for field in accept for part in field.split(",")} - {""}
        document = self.manifests.get(reference) if reference.startswith("sha256:") else self.top
        if document is None or not accepted or "*/*" in accepted or document.media_type in accepted:
            return document
        if document.media_type in _INDEXES and not reference.startswith("sha256:"):
            children = json.loads(document.body)["manifests"]
            for child in children:
                platform = child.get("platform", {})
                if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64") and child["mediaType"] in accepted:
                    return self.manifests[child["digest"]]
        return None


def make_image(
    platforms: Sequence[str] = ("linux/amd64", "linux/arm64"),
    *,
    index: bool | None = None,
    docker: bool = False,
    attested: bool = False,
    seed: str = "app",
) -> Image:
    """An image for `platforms` (`os/architecture[/variant]`).

    `index` False makes a single manifest of the first platform; by default it is single when there is one platform.
    `docker` takes Docker's media types instead of OCI's; `attested` adds an `unknown/unknown` entry as BuildKit does;
    another `seed` gives other digests.
    """
    children, blobs = [], {}
    for platform in platforms:
        config = _config(platform, docker, seed)
        blobs[config.digest] = config
        children.append(_manifest(config, docker, seed + platform))
    if not (len(children) != 1 if index is None else index):
        return Image(top=children[0], manifests=_by_digest(children[:1]), blobs=MappingProxyType(blobs), platforms=tuple(platforms[:1]))
    entries = [child.descriptor(platform=_platform(name)) for child, name in zip(children, platforms, strict=True)]
    if attested:
        config = Document(OCI_CONFIG, json.dumps({"architecture": "unknown", "os": "unknown", "config": {}}).encode())
        statement = _manifest(config, docker, seed + "attestation")
        blobs[config.digest] = config
        children.append(statement)
        note = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": children[0].digest}
        entries.append(statement.descriptor(platform={"os": "unknown", "architecture": "unknown"}, annotations=note))
    top = _index(entries, docker)
    return Image(top=top, manifests=_by_digest([top, *children]), blobs=MappingProxyType(blobs), platforms=tuple(platforms))


def find_document(tags: Mapping[str, Image], part: str, reference: str, accept: Iterable[str]) -> Document | None:
    """What a repository with these `tags` serves at `/v2/NAME/{part}/{reference}`; `part` is "manifests" or "blobs"."""
    if part == "blobs":
        return next((image.blobs[reference] for image in tags.values() if reference in image.blobs), None)
    if not reference.startswith("sha256:"):
        return tags[reference].choose(reference, accept) if reference in tags else None
    accepted = tuple(accept)
    chosen = (image.choose(reference, accepted) for image in tags.values())
    return next((document for document in chosen if document is not None), None)


def nested_index(image: Image) -> Image:
    """An index whose only entry is the index `image`."""
    top = _index([image.top.descriptor()], image.top.media_type == DOCKER_LIST)
    return Image(top=top, manifests=_by_digest([top, *image.manifests.values()]), blobs=image.blobs, platforms=image.platforms)


def _platform(name: str) -> dict[str, str]:
    os, _, rest = name.partition("/")
    architecture, _, variant = rest.partition("/")
    return {"os": os, "architecture": architecture, **({"variant": variant} if variant else {})}


def _config(platform: str, docker: bool, seed: str) -> Document:
    layer = f"sha256:{hashlib.sha256(f'layer of {seed} {platform}'.encode()).hexdigest()}"
    content = {**_platform(platform), "config": {"Labels": {"seed": seed}}, "rootfs": {"type": "layers", "diff_ids": [layer]}}
    return Document(DOCKER_CONFIG if docker else OCI_CONFIG, json.dumps(content).encode())


def _manifest(config: Document, docker: bool, seed: str) -> Document:
    layer = f"layer of {seed}".encode()
    layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip" if docker else "application/vnd.oci.image.layer.v1.tar+gzip"
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    layers = [Document(layer_type, layer).descriptor()]
    content = {"schemaVersion": 2, "mediaType": media_type, "config": config.descriptor(), "layers": layers}
    return Document(media_type, json.dumps(content).encode())


def _index(entries: list[dict[str, Any]], docker: bool) -> Document:
    media_type = DOCKER_LIST if docker else OCI_INDEX
    return Document(media_type, json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode())


def _by_digest(documents: Iterable[Document]) -> Mapping[str, Document]:
    return MappingProxyType({document.digest: document for document in documents})
