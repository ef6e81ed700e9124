"""Which hosts go through the operator's proxy, from the settings alone: no variable of the environment is read."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from yarl import URL

from validator.errors import ConfigError
from validator.registry.base import ProxyRoute

_UNSENDABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """The proxy, None for none, and the hosts that are reached without it."""

    proxy: ProxyRoute | None = None
    no_proxy: tuple[str, ...] = ()

    def route_for(self, host: str, port: int) -> ProxyRoute | None:
        """The proxy for `host`; None: it is dialled directly."""
        return None if self.proxy is None or any(_matches(rule, host, port) for rule in self.no_proxy) else self.proxy


def proxy_rules(url: URL | None, auth_file: Path | None, no_proxy: tuple[str, ...]) -> ProxyRules:
    """The rules of `network.proxy`, `.proxy_auth_file` (one line `user:password`, UTF-8) and `.no_proxy`.

    A rule of `no_proxy` is a host, a domain (with or without a leading dot: its hosts too), an address, a network
    (`10.0.0.0/8`) or `*`; with `:port` it holds for that port only. Reads the file. Raises `ConfigError`.
    """
    if url is None:
        return ProxyRules()
    if url.raw_user is not None or url.raw_password is not None:
        raise ConfigError("network.proxy holds a user or password: put them in the file named by network.proxy_auth_file")
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise ConfigError("network.proxy is no proxy's URL: write http://HOST:PORT or https://HOST:PORT")
    origin = url.origin()
    return ProxyRules(ProxyRoute(origin, None if auth_file is None else _authorization(auth_file)), no_proxy)


def _authorization(path: Path) -> SecretStr:
    try:
        pair = SecretStr(path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r"))
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise ConfigError(f"network.proxy_auth_file {path} cannot be read ({reason}): correct the path or its permissions") from None
    except UnicodeDecodeError:
        raise ConfigError(f"network.proxy_auth_file {path} is not UTF-8 text: write one line user:password") from None
    if ":" not in pair.get_secret_value() or _UNSENDABLE.search(pair.get_secret_value()):
        raise ConfigError(f"network.proxy_auth_file {path} does not hold one line user:password")
    return SecretStr("Basic " + base64.b64encode(pair.get_secret_value().encode()).decode())


def _matches(rule: str, host: str, port: int) -> bool:
    wanted, name = rule.strip().lower(), host.strip("[]").rstrip(".").lower()
    if wanted == "*":
        return True
    address = _address(name)
    if "/" in wanted:
        return address is not None and _within(address, wanted)
    head, colon, tail = wanted.rpartition(":")
    if colon and tail.isascii() and tail.isdigit() and (":" not in head or head.endswith("]")):
        if int(tail) != port:
            return False
        wanted = head
    wanted = wanted.strip("[]").strip(".")
    if address is not None:
        return _address(wanted) == address
    return bool(wanted) and (name == wanted or name.endswith(f".{wanted}"))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _within(address: IPv4Address | IPv6Address, network: str) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
