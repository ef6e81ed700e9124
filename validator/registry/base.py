"""What is sent to a registry and what comes back: values, the ways to fail, and the `Transport` that its users ask for.

A registry's behaviour is never an exception beyond the probe: `Transport.send` gives an `Answer` or raises a
`NetworkFault`, which names a `Failure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from pydantic import SecretStr
from yarl import URL

from validator.evidence import Failure

FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """The operator's proxy: `url` is http or https without userinfo, `authorization` a whole Basic field."""

    url: URL
    authorization: SecretStr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How one host is reached, as the settings allow it: a request whose URL names another host or port is a bug.

    `private_ok`: the operator lists this host as private. `ca_file`: trusted beside the system's CAs, for this host
    only. Through a `proxy` the proxy dials: then the target is judged by its name alone (registries/README.md 4.2.3).
    """

    host: str
    port: int
    private_ok: bool = False
    ca_file: Path | None = None
    proxy: ProxyRoute | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, sent once. Secrets are in `secret_headers` and `form` (already urlencoded) and nowhere else.

    `body_cap` is bytes as they arrive. `total_s` of the whole exchange, None: the network's; `first_byte_s` of the wait
    for the answer's head, None: as long as the whole (a login: registries sleep after a refusal).
    """

    method: str
    url: URL
    route: Route
    body_cap: int
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, SecretStr] = field(default_factory=dict)
    form: SecretStr | None = None
    total_s: float | None = None
    first_byte_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. Header names are lower case, in the order of the wire, their text without lone surrogates.

    `encoding` is how the body is still coded ("gzip"), None for identity: nothing is ever decoded here.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    encoding: str | None
    ms: float

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of the field `name`, in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key == wanted)


class NetworkFault(Exception):
    """No whole answer, and why. `status` if one was seen before the fault, `ms` since the request began.

    `front` is what was read of a body that is too large, `headers` what stood before it, as an `Answer` has them.
    `written` is False only if surely not a byte of the request left: a login that may have left is one more refusal.
    Holds neither URL nor header of the request; it has no cause, for aiohttp's exceptions show the request's headers.
    """

    def __init__(
        self, failure: Failure, *, status: int | None = None, ms: float = 0.0, written: bool | None = None, front: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(failure.value)
        self.failure = failure
        self.status = status
        self.ms = ms
        self.written = written
        self.front = front
        self.headers = headers


class Transport(Protocol):
    """Sends one request."""

    async def send(self, request: Request) -> Answer:
        """The answer to `request`, which leaves at most once; no redirect is followed. Raises `NetworkFault`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What holds for every request. `ca_file` is trusted beside the system's CAs, for all hosts.

    `connect_s` covers the name, the dial and TLS; `total_s` the whole exchange (registries/README.md 4.2.7).
    `route_ca_files`: those that routes will name; they are read at the start, where a fault of theirs is told best. `strict`: as
    Python from 3.13 on is about certificates of authorities that nobody named.
    """

    connect_s: float = 5.0
    total_s: float = 15.0
    ca_file: Path | None = None
    route_ca_files: tuple[Path, ...] = ()
    strict: bool = False
    connections: int = 200
    connections_per_host: int = 16


class RefusedAddress(OSError):
    """A dial was stopped before its first packet: the address is not public and the host not listed as private."""


class NameNotFound(OSError):
    """The name does not exist, or has no address."""


class NameServerFailed(OSError):
    """The name servers did not answer, or not with an answer."""


class ConnectionLost(aiohttp.ClientConnectionError):
    """The connection died under the request. Not one of the two classes after which aiohttp sends a GET or HEAD again."""


class ConnectionStale(aiohttp.ClientConnectionError):
    """Something came over a kept connection that nobody had asked for: nothing was written, and another is to be taken."""
