"""Tiny images with real layers, and their way into a registry by its push API."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import ssl
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_TYPES: Final = {
    OCI_MANIFEST: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"),
    DOCKER_MANIFEST: ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
}


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Pusher:
    """Pushes to one registry; `headers` are sent with every request."""

    base: str
    context: ssl.SSLContext | None
    headers: Mapping[str, str]

    def send(self, method: str, path: str, body: bytes = b"", media_type: str = "application/octet-stream") -> http.client.HTTPResponse:
        """One request, whose answer must be a 2xx."""
        parts = urlsplit(self.base)
        if parts.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(parts.netloc, timeout=10, context=self.context)
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        try:
            connection.request(method, path, body or None, {**self.headers, "Content-Type": media_type, "Content-Length": str(len(body))})
            answer = connection.getresponse()
            text = answer.read()
            assert 200 <= answer.status < 300, (method, path, answer.status, text)
            return answer
        finally:
            connection.close()

    def blob(self, repository: str, body: bytes) -> None:
        place = urlsplit(self.send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"])
        self.send("PUT", f"{place.path}?{place.query}&digest={digest(body)}", body)

    def manifest(self, repository: str, reference: str, content: dict[str, Any]) -> dict[str, Any]:
        """Put it, and return what points at it."""
        body = json.dumps(content).encode()
        self.send("PUT", f"/v2/{repository}/manifests/{reference}", body, content["mediaType"])
        return {"mediaType": content["mediaType"], "digest": digest(body), "size": len(body)}

    def single(self, repository: str, reference: str | None, architecture: str, kind: str = OCI_MANIFEST) -> dict[str, Any]:
        """A manifest with one layer, under a tag or (None) under its digest alone."""
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            file = tarfile.TarInfo("architecture")
            file.size = len(architecture)
            archive.addfile(file, io.BytesIO(architecture.encode()))
        layer = gzip.compress(tar.getvalue(), mtime=0)
        rootfs = {"type": "layers", "diff_ids": [digest(tar.getvalue())]}
        config = json.dumps({"os": "linux", "architecture": architecture, "config": {}, "rootfs": rootfs}).encode()
        described = []
        for media_type, body in zip(_TYPES[kind], (config, layer), strict=True):
            self.blob(repository, body)
            described.append({"mediaType": media_type, "digest": digest(body), "size": len(body)})
        content = {"schemaVersion": 2, "mediaType": kind, "config": described[0], "layers": described[1:]}
        return self.manifest(repository, reference or digest(json.dumps(content).encode()), content)

    def index(self, repository: str, tag: str, architectures: tuple[str, ...]) -> dict[str, Any]:
        """An index of one manifest an architecture."""
        entries = [{**self.single(repository, None, one), "platform": {"os": "linux", "architecture": one}} for one in architectures]
        return self.manifest(repository, tag, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})

    def fill(self) -> None:
        """`team/private` and `public/app`: `1` an index of two platforms, `single` an amd64 image of docker's form."""
        for repository in ("team/private", "public/app"):
            self.index(repository, "1", ("amd64", "arm64"))
            self.single(repository, "single", "amd64", DOCKER_MANIFEST)
