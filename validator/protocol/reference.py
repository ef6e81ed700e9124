"""An image's reference: `[domain/]path[:tag][@digest]`, normalised as the kubelet and containerd normalise it.

Pure. Grammar: distribution/reference regexp.go and normalize.go, as told in registries/README.md 2.7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from validator.credential import is_readable
from validator.protocol.base import valid_digest

DEFAULT_DOMAIN: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
MAX_PATH: Final = 255
MAX_DOMAIN: Final = 253

_LEGACY_DOMAIN: Final = "index.docker.io"
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_COMPONENT: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*+")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_IDENTIFIER: Final = re.compile(r"[a-f0-9]{64}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class InvalidReference(ValueError):
    """A text that is no image reference; the message is one sentence: what is wrong and what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A normalised reference: `docker.io`, `library/nginx`, `latest`, None.

    `domain` keeps the case and the port as they were written: the kubelet folds neither. With a digest the tag is
    None: the digest alone counts, as in `ParseDockerRef`.
    """

    domain: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """`docker.io/library/nginx`: what a kubelet's key is matched against."""
        return f"{self.domain}/{self.repository}"

    @property
    def manifest(self) -> str:
        """The last part of the manifest's path: the digest if there is one, else the tag."""
        return self.digest or self.tag or DEFAULT_TAG

    def __str__(self) -> str:
        return f"{self.name}{'@' if self.digest else ':'}{self.manifest}"


def parse_reference(text: str) -> Reference:
    """The reference that `text` names; raises InvalidReference with a sentence that does not repeat the text."""
    if _SCHEME.match(text):
        raise InvalidReference("an image's name has no scheme: drop all up to and with the ://")
    if not text or any(c.isspace() for c in text):
        raise InvalidReference("the image's name is empty or holds white space: write it without")
    if _IDENTIFIER.fullmatch(text):
        raise InvalidReference("64 hex digits alone are an image's id, not its name: write repository@sha256:…")
    domain, rest = _split_domain(text)
    rest, at, digest = rest.partition("@")
    if at and not valid_digest(digest):
        raise InvalidReference("what follows the @ is no digest: sha256: and 64 lower-case hex digits (or sha512: and 128)")
    path, colon, tag = rest.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise InvalidReference("the tag is not 1 to 128 letters, digits, '_', '.', '-' (and begins with neither '.' nor '-')")
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    _check_domain(domain)
    _check_path(path)
    if at:
        return Reference(domain=domain, repository=path, tag=None, digest=digest)
    return Reference(domain=domain, repository=path, tag=tag or DEFAULT_TAG, digest=None)


def _split_domain(text: str) -> tuple[str, str]:
    """The domain and the rest: a first part is a domain if it holds '.', ':' or an upper-case letter, or is `localhost`."""
    first, slash, rest = text.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        return DEFAULT_DOMAIN, text
    return (DEFAULT_DOMAIN, rest) if first == _LEGACY_DOMAIN else (first, rest)


def _check_domain(domain: str) -> None:
    name, port = domain, None
    if domain.startswith("["):
        name, bracket, after = domain.partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise InvalidReference("the registry's IPv6 address is not closed by ']'")
        port = after[1:] if after else None
        _check_ipv6(name[1:])
    else:
        name, colon, number = domain.partition(":")
        port = number if colon else None
        if len(name) > MAX_DOMAIN or not all(_LABEL.fullmatch(label) for label in name.split(".")) or not is_readable(name):
            raise InvalidReference("the registry's name is no host: letters, digits, '-' and '.', an international one as punycode (xn--…)")
    if port is not None and not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535):
        raise InvalidReference("the registry's port is not a number from 1 to 65535")


def _check_ipv6(text: str) -> None:
    try:
        # A dotted or mapped IPv4 and a zone are outside the grammar, though IPv6Address would read them.
        if not ("." in text or "%" in text or IPv6Address(text).ipv4_mapped):
            return
    except AddressValueError:
        pass
    raise InvalidReference("the registry's IPv6 address is none (no zone, no IPv4 in it): write [2001:db8::1]:5000")


def _check_path(path: str) -> None:
    if path != path.lower():
        raise InvalidReference("the repository's name must be lower-case: write it so, however its owner is spelled")
    if len(path) > MAX_PATH:
        raise InvalidReference(f"the repository's name is longer than {MAX_PATH} characters")
    if not all(_COMPONENT.fullmatch(component) for component in path.split("/")):
        raise InvalidReference("the repository's name holds more than lower-case letters and digits, parted by '/', one '.', '_', '__' or any '-'")
