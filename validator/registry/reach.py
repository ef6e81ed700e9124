"""Where one registry's secret may go, and how its hosts are dialled. registries/README.md 4.2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from yarl import URL

from validator.credential import Host
from validator.evidence import Demand, Failure
from validator.logs import mask_shapes
from validator.protocol.realm import judge_realm
from validator.providers import Provider
from validator.registry.base import ProxyRoute, Route

WAYS: Final = 512
"""So many URLs are remembered with the way to them; a registry may name any number of them."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a URL is asked for: where it is dialled, by which route, and how that is shown (no userinfo, query or fragment).

    `allowed` is False for plain http where the operator lists none; `masked` is `shown` without what looks like a secret.
    """

    url: URL
    route: Route
    allowed: bool
    shown: str
    masked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where the secret of one registry may go and how its hosts are dialled, by its provider and the settings.

    `listed`: hosts (`host` for any port, or `host:port`) that may have the secret beside the registry itself; `own`:
    those of them that the permissions `private_ok`, `plain_http` and `ca_file` cover; `moved`: where a host is dialled
    in place of itself (`endpoint`).
    """

    host: Host
    registry: URL
    provider: Provider
    listed: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    plain_http: bool = False
    private_ok: bool = False
    exact: bool = False
    ca_file: Path | None = None
    proxy_for: Callable[[str, int], ProxyRoute | None] = lambda host, port: None
    moved: Mapping[str, URL] = field(default_factory=dict)
    _ways: dict[URL, Way] = field(default_factory=dict, init=False, repr=False, compare=False)

    def way_to(self, url: URL) -> Way:
        """How `url` is asked for; the same lane asks for the same few again and again."""
        found = self._ways.get(url)
        if found is None:
            to = self.dialled(url)
            shown = str(to.with_query(None).with_fragment(None).with_user(None))
            allowed = to.scheme != "http" or (self.plain_http and self.covers(to))
            if len(self._ways) >= WAYS:
                self._ways.clear()
            found = self._ways[url] = Way(to, self.route_to(to), allowed, shown, mask_shapes(shown))
        return found

    def covers(self, url: URL) -> bool:
        """True if the operator's permissions for this registry hold for `url`'s host and port."""
        here = (url.scheme, url.raw_host, url.port) == (self.registry.scheme, self.registry.raw_host, self.registry.port)
        return here or bool({(url.raw_host or "").lower(), f"{(url.raw_host or '').lower()}:{url.port}"} & self.own)

    def dialled(self, url: URL) -> URL:
        """`url` as it is dialled: the operator's `endpoint` in place of its host."""
        name = (url.raw_host or "").lower()
        to = self.moved.get(f"{name}:{url.port}") or (self.moved.get(name) if url.port in (80, 443) else None)
        return url.with_scheme(to.scheme).with_host(to.host or "").with_port(to.port) if to is not None else url

    def route_to(self, url: URL) -> Route:
        """The route to `url`, with no permission of this registry where they do not cover it."""
        covered = self.covers(url)
        return Route(
            host=url.raw_host or "",
            port=url.port or 443,
            private_ok=self.private_ok and covered,
            ca_file=self.ca_file if covered else None,
            proxy=self.proxy_for(url.raw_host or "", url.port or 443),
        )


def bearer_demand(reach: Reach, realm: URL, service: str, scope: str, error: str = "") -> Demand:
    """A Bearer challenge with its realm judged by the rules of `reach`: they may have changed since it was kept."""
    fault = judge_realm(
        realm, registry=reach.registry, listed=reach.listed, plain_http=reach.plain_http, exact=reach.exact,
        home_too=not reach.provider.realm_elsewhere,
    )  # fmt: skip
    return Demand(scheme="bearer", realm=realm, service=service, scope=scope, error=error, fault=None if fault is None else Failure(fault.value))


_ODD: Final = re.compile(r"[\x00-\x20\x7f\\]")


def redirect_target(location: str, here: URL) -> URL | None:
    """Where a `Location` seen at `here` leads, its host in lower case; None if it is nothing that could be asked."""
    if not location or len(location) > 8192 or _ODD.search(location):
        return None
    try:
        target = here.join(URL(location, encoded=True))
        if target.raw_host is not None and target.raw_host.isascii():
            target = target.with_host(target.raw_host.lower())
        usable = target.scheme in ("http", "https") and bool(target.host) and target.raw_user is None and target.raw_password is None
        return target.with_fragment(None) if usable and target.port else None
    except ValueError:  # also of a host in letters or punycode that no name can have
        return None
