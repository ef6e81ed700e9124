"""What a docker config says, as a kubelet reads it and as docker does: keys, pairs, tokens, the programs that hold secrets. Pure.

Both read JSON by Go's rules: a field's name in any case, the last of two, null for nothing. A kubelet: kubernetes
`pkg/credentialprovider/config.go` (registries/README.md 3.3); docker: docker/cli `cli/config/configfile/file.go`.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pydantic import SecretStr

from validator.protocol.base import beyond_limits, shown_text

NOTHING: Final = SecretStr("")
_USERINFO: Final = re.compile(r"^((?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?)[^/]*@")
_NEWLINES: Final = str.maketrans("", "", "\r\n")


class NoConfig(ValueError):
    """A text that is no docker config; the message is a clause that says why, without a value of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key of `auths`, without a userinfo or query in it: a kubelet drops those, and they may hold a password.

    `username` and `password` are those of `auth` where it is given. `fault` is why a kubelet cannot read the entry, and
    `docker_fault` why docker cannot; either gives up on the whole file then.
    """

    key: str
    username: str = ""
    password: SecretStr = NOTHING
    identity_token: SecretStr = NOTHING
    registry_token: SecretStr = NOTHING
    fault: str = ""
    docker_fault: str = ""

    @property
    def is_empty(self) -> bool:
        """True if no secret is in it: a program may hold one."""
        return not any(len(secret) for secret in (self.password, self.identity_token, self.registry_token))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file's or pull secret's entries. `fault`: a kubelet cannot read it, whatever its entries say."""

    name: str
    entries: tuple[Entry, ...] = ()
    fault: str = ""

    @property
    def broken(self) -> str:
        """Why a kubelet gives up on it; "" if it does not."""
        faults = (f"the entry {shown_text(entry.key)}: {entry.fault}" for entry in self.entries if entry.fault)
        return self.fault or next(faults, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole file. `store_program` and `programs` (by key) name docker's credential helpers; a Kubernetes file has none."""

    sources: tuple[Source, ...]
    store_program: str = ""
    programs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    kubernetes: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object as Go's decoder meets it: its pairs in order, doubles and all."""

    pairs: tuple[tuple[str, Any], ...]

    def all(self, name: str) -> Iterator[Any]:
        """Every value under `name`, in any case."""
        return (value for key, value in self.pairs if key.lower() == name)

    def get(self, name: str) -> Any:
        """The last of them; None if there is none."""
        return next(reversed(list(self.all(name))), None)


def read_json(raw: bytes) -> Any:
    """The JSON document `raw`, objects as `Fields`; raises NoConfig."""
    if beyond_limits(raw):
        raise NoConfig("it is nested too deep, or holds a number too long")
    try:
        return json.loads(raw.decode("utf-8", "replace"), object_pairs_hook=lambda pairs: Fields(tuple(pairs)), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NoConfig("it is not JSON") from None  # the decoder's words quote the line


def _no_number(text: str) -> float:
    raise ValueError(text)


def source_of(name: str, document: Any) -> Source:
    """The entries of a `config.json`, an `auth.json` or a `.dockerconfigjson`."""
    if not isinstance(document, Fields):
        return Source(name=name, fault="it is no JSON object")
    found: dict[str, Any] = {}
    for value in document.all("auths"):
        if value is None:
            found = {}
        elif isinstance(value, Fields):
            found |= dict(value.pairs)
        else:
            return Source(name=name, fault="its `auths` is no object")
    for value in document.all("httpheaders"):
        if value is not None and not (isinstance(value, Fields) and all(isinstance(text, str | None) for _, text in value.pairs)):
            return Source(name=name, fault="its `HttpHeaders` is no object of texts", entries=_entries(found))
    return Source(name=name, entries=_entries(found))


def old_source_of(name: str, document: Any) -> Source:
    """The entries of the old form, `~/.dockercfg`: the whole object is what `auths` is in the new one."""
    if not isinstance(document, Fields):
        return Source(name=name, fault="it is no JSON object")
    return Source(name=name, entries=_entries(dict(document.pairs)))


def _entries(found: Mapping[str, Any]) -> tuple[Entry, ...]:
    return tuple(_entry(as_written(key), value) for key, value in found.items())


def as_written(key: str) -> str:
    """A key without what may be a password: its userinfo, query and fragment."""
    return re.split(r"[?#]", _USERINFO.sub(r"\1", key), maxsplit=1)[0]


def _entry(key: str, value: Any) -> Entry:
    if value is None:
        return Entry(key=key)
    if not isinstance(value, Fields):
        why = "it is no object"
        return Entry(key=key, fault=why, docker_fault=why)
    odd = [name for name in ("auth", "username", "password", "email") if not isinstance(value.get(name), str | None)]
    if odd:
        why = f"its `{odd[0]}` is no text"
        return Entry(key=key, fault=why, docker_fault=why)
    identity, registry, auth = value.get("identitytoken"), value.get("registrytoken"), value.get("auth")
    # a kubelet looks at no token, so that a strange one breaks nothing for it
    docker_fault = "" if isinstance(identity, str | None) and isinstance(registry, str | None) else "one of its tokens is no text"
    username, password, fault = value.get("username") or "", SecretStr(value.get("password") or ""), ""
    if auth:
        (username, password), fault = _decoded(auth)
        docker_fault = docker_fault or fault or ("" if username and _is_padded(auth) else "docker takes no `auth` like it")
    return Entry(
        key=key, username=username, password=password, fault=fault, docker_fault=docker_fault,
        identity_token=SecretStr(identity) if isinstance(identity, str) else NOTHING,
        registry_token=SecretStr(registry) if isinstance(registry, str) else NOTHING,
    )  # fmt: skip


def _is_padded(text: str) -> bool:
    return len(text.translate(_NEWLINES)) % 4 == 0


def _decoded(text: str) -> tuple[tuple[str, SecretStr], str]:
    """The pair of an `auth` field, and why it has none: base64 with or without padding, line ends anywhere, cut at the first colon."""
    plain = text.translate(_NEWLINES)
    try:
        raw = binascii.a2b_base64(plain if plain.endswith("=") else plain + "=" * (-len(plain) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return ("", NOTHING), "its `auth` is not base64"
    username, colon, password = raw.decode("utf-8", "surrogateescape").partition(":")
    if not colon:
        return ("", NOTHING), "its `auth` holds no colon between username and password"
    return (username, SecretStr(password)), ""
