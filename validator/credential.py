"""A stored credential, the scope that it is for, and which credentials a kubelet would use for an image.

Pure: no I/O, no clock. Docker Hub's many names are one scope; a kubelet's key matching is
kubernetes `pkg/credentialprovider/keyring.go` as told in registries/README.md 3.3.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NewType, TypeVar

from pydantic import SecretStr
from yarl import URL

Host = NewType("Host", str)
"""A registry's canonical name: lower case, without `:443`, `docker.io` for all of Docker Hub."""

DOCKER_HUB: Final = Host("docker.io")
DOCKER_HUB_NAMES: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
OSMOS_OWN: Final = "(osmo)"
"""Whose credential it is that OSMO pulls its own images with, in every pod: no user's id. The operator looks after it."""
BACKEND_IMAGES: Final = "backend_images"
"""The name of that credential: OSMO's setting that it stands in."""

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_IPV6: Final = re.compile(r"\[[0-9a-f:.]+\]")
_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/*-]*")


class UnreadableRegistry(ValueError):
    """A registry text that names no host; the message says why and repeats nothing of a userinfo."""


@dataclass(frozen=True, slots=True)
class RegistryScope:
    """What a credential is for: a canonical host (`host` or `host:port`) and a path, "" for the whole registry."""

    host: Host
    path: str = ""

    def __str__(self) -> str:
        return f"{self.host}/{self.path}" if self.path else self.host

    def covers(self, host: str, repository: str) -> bool:
        """True if `repository` of `host` lies in this scope, by whole path segments."""
        if host != self.host:
            return False
        return not self.path or repository == self.path or repository.startswith(f"{self.path}/")


class SecretKind(StrEnum):
    """How a secret is sent; only the store knows which it is, and a password never goes the way of a token."""

    PASSWORD = "password"
    IDENTITY_TOKEN = "identity_token"
    """An OAuth refresh token: it goes by POST to the realm (registries/README.md 3.1)."""
    REGISTRY_TOKEN = "registry_token"
    """A bearer token of a registry's own: it lives for minutes, and there is nothing to log in with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One stored credential of one user.

    `written` is the registry as the user wrote it (an `auths` key may need it); `row` is the SHA-256 of the stored
    row's ciphertext, hex, "" where nothing is stored: a verdict is written under it, so that one which comes late
    lands on the old secret's status. `flaws` are what the store had to see through (a reason or hint code each).
    """

    user: str
    name: str
    scope: RegistryScope
    username: str
    secret: SecretStr
    written: str = ""
    row: str = ""
    flaws: tuple[str, ...] = field(default=())
    kind: SecretKind = SecretKind.PASSWORD


def canonical_host(text: str) -> Host:
    """The canonical form of `host[:port]`; raises UnreadableRegistry if it is none.

    Lower case, one trailing dot and `:443` dropped, every alias of Docker Hub folded to `docker.io`.
    """
    name, port = _split_port(text.lower())
    name = name.removesuffix(".")
    if not (_is_ipv6(name) or (name and len(name) <= 253 and all(_LABEL.fullmatch(part) for part in name.split(".")))):
        raise UnreadableRegistry("it names no host")
    if not is_readable(name):
        raise UnreadableRegistry("it names no host")
    if port and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise UnreadableRegistry("its port is not a number from 1 to 65535")
    port = str(int(port)) if port else ""
    if name in DOCKER_HUB_NAMES and port in ("", "443"):
        return DOCKER_HUB
    return Host(name if port in ("", "443") else f"{name}:{port}")


def _is_ipv6(name: str) -> bool:
    """True for an IPv6 address in brackets, without a zone."""
    if not _IPV6.fullmatch(name):
        return False
    try:
        IPv6Address(name[1:-1])
    except ValueError:
        return False
    return True


def is_readable(name: str) -> bool:
    """False for a host with a label that begins as punycode does and is none: no such name can be registered, and reading it raises."""
    if "xn--" not in name.lower():
        return True
    try:
        return bool(URL.build(scheme="https", host=name).host)
    except ValueError:
        return False


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        name, bracket, rest = text.partition("]")
        if rest and not rest.startswith(":"):
            raise UnreadableRegistry("it names no host")
        if rest == ":":
            raise UnreadableRegistry("its port is not a number from 1 to 65535")
        return name + bracket, rest.removeprefix(":")
    name, colon, port = text.partition(":")
    if colon and not port:
        raise UnreadableRegistry("its port is not a number from 1 to 65535")
    return name, port


def parse_scope(text: str) -> RegistryScope:
    """The scope that people mean by `text`: `nvcr.io/org/team`, `https://index.docker.io/v1/`, `localhost:5000`, "".

    The empty text is Docker Hub, as for `docker login`. Raises UnreadableRegistry (a sentence without the text: it
    may hold a password) for a userinfo, a query, no host, a bad port.
    """
    rest = text.strip()
    scheme, mark, after = rest.partition("://")
    if mark:
        if scheme.lower() not in ("http", "https"):
            raise UnreadableRegistry("its scheme is neither https nor http")
        rest = after
        if not rest:
            raise UnreadableRegistry("it names no host")
    if not rest:
        if text:
            raise UnreadableRegistry("it names no host")
        return RegistryScope(DOCKER_HUB)
    if "@" in rest:
        raise UnreadableRegistry("it holds a username or a digest; give the registry's host and path alone")
    if any(mark in rest for mark in "?#\\") or any(ord(c) < 33 or ord(c) == 127 for c in rest):
        raise UnreadableRegistry("it holds a character that no registry's name has")
    name, _, path = rest.partition("/")
    host = canonical_host(name)
    path = path.strip("/")
    if path in ("v1", "v2"):
        path = ""
    if path and (not _PATH.fullmatch(path) or "//" in path or ".." in path.split("/")):
        raise UnreadableRegistry("its path is not one that a repository can have")
    return RegistryScope(host, path)


def osmo_scope(text: str) -> str:
    """The registry of a credential as OSMO itself writes it: the key of its pull secrets (osmo.md 3.1). Case stays as it is."""
    rest = text.strip().rstrip("/")
    rest = rest.partition("://")[2] if rest.startswith(("http://", "https://")) else rest
    host, slash, path = rest.partition("/")
    host = host.removesuffix(":443")
    return ("registry-1.docker.io" if host in ("", "docker.io") else host) + slash + path


Held = TypeVar("Held")


def kubelet_order(entries: Iterable[tuple[str, Held]], image: str) -> tuple[Held, ...]:
    """What a kubelet would try for `image`, in its order; empty = it pulls anonymously.

    `entries` are (key of `auths`, what it holds) in the order of the pod's secrets; `image` is a normalised reference
    without tag and digest (`docker.io/library/nginx`). Keys sort descending as strings; Docker Hub's
    `index.docker.io` counts only if nothing else matched. registries/README.md 3.3, 1-6.
    """
    keys = [(_kubelet_key(text), held) for text, held in entries]
    hits = sorted((key for key in {key for key, _ in keys} if _kubelet_matches(key, image)), reverse=True)
    if not hits and image.partition("/")[0] == DOCKER_HUB:
        hits = ["index.docker.io"]
    return tuple(held for hit in hits for key, held in keys if key == hit)


@lru_cache(maxsize=1024)
def never_matches(written: str, scope: RegistryScope) -> bool:
    """True if a kubelet that finds `written` as a key uses it for none of the images of `scope`, as they are commonly written.

    Such a key is no fault of the secret: it may be judged, and helps nobody. registries/dockerhub.md 1.
    """
    path = scope.path or "library"
    return not any(hit == written for hit in kubelet_order(((written, written),), f"{scope.host}/{path}/image"))


def _kubelet_key(text: str) -> str:
    """The key as the kubelet stores it: scheme cut, then `/v1/` or `/v2/` cut only with its trailing slash."""
    rest = text.partition("://")[2] if text.startswith(("http://", "https://")) else text
    host, slash, path = rest.partition("/")
    path = slash + path
    for prefix in ("/v1/", "/v2/"):
        if path.startswith(prefix):
            path = path[len(prefix) - 1 :]
            break
    return host + path if path not in ("", "/") else host


def _kubelet_matches(key: str, image: str) -> bool:
    key_host, _, key_path = key.partition("/")
    image_host, _, image_path = image.partition("/")
    key_name, _, key_port = key_host.partition(":")
    image_name, _, image_port = image_host.partition(":")
    globs, labels = key_name.split("."), image_name.split(".")
    if key_port != image_port or len(globs) != len(labels):
        return False
    if not all(fnmatch.fnmatchcase(label, glob) for glob, label in zip(globs, labels, strict=True)):
        return False
    return image_path.startswith(key_path)
