"""The gates of every dial: what a name or literal alone forbids, what a name may resolve to, which address a socket may have.

aiohttp asks no resolver for an IP literal, so the last gate is the socket factory, which sees every dial; the resolver's
gate refuses a name whole when one of its addresses is private (registries/README.md 4.2.2, 4.2.10).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from validator.protocol.realm import is_public, odd_address
from validator.registry.base import NameNotFound, NameServerFailed, RefusedAddress

_NOT_IN_OUR_FAMILIES: Final = frozenset(getattr(socket, name) for name in ("EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name))
_NO_SUCH_NAME: Final = _NOT_IN_OUR_FAMILIES | {socket.EAI_NONAME}

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
SocketFactory = Callable[[AddressInfo], socket.socket]


@dataclass(slots=True)
class Dial:
    """How far one request has come, and what its dials may do; the gates find it by `DIAL`."""

    open: bool
    """Any address may be dialled: the host is listed as private, or the operator's proxy is what we dial."""
    timer: asyncio.Timeout
    end: float
    connect_s: float
    first_byte_s: float | None
    dialling: bool = False
    resolving: bool = False
    refused: bool = False
    connected: bool = False
    status: int | None = None

    def begin(self) -> None:
        """The way to the host begins, after any wait for a free connection: name, dial and TLS have `connect_s` together."""
        if not self.dialling:
            self.dialling = True
            self.wait(self.connect_s)

    def wait(self, seconds: float | None) -> None:
        """Let the request wait so long from now, None or longer: until its end."""
        if not self.timer.expired():
            self.timer.reschedule(self.end if seconds is None else min(self.end, asyncio.get_running_loop().time() + seconds))


DIAL: ContextVar[Dial | None] = ContextVar("DIAL", default=None)


class SystemResolver(aiohttp.ThreadedResolver):
    """The system's resolver. A name that has addresses only of a family which we lack gives them: its dial must fail, not its name."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        try:
            return await super().resolve(host, port, family)
        except socket.gaierror as error:
            if error.errno not in _NOT_IN_OUR_FAMILIES:
                raise
        rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=numeric)
            for kind, _, proto, _, address in rows
        ]


class GuardedResolver(AbstractResolver):
    """Asks `inner`; one private address condemns the whole answer (rebinding mixes them). Raises only our `OSError`s.

    No answer is kept: each dial uses the answer that was checked for it.
    """

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        dial = DIAL.get()
        if dial is not None:
            dial.begin()
            dial.resolving = True
        rows = await self._addresses(host, port, family)
        if dial is not None:
            dial.resolving = False
        if (dial is None or not dial.open) and not all(is_public(row["host"]) for row in rows):
            raise RefusedAddress(f"{host} has an address that is not public")
        return rows

    async def _addresses(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        for _ in range(2):  # name servers lose packets: one retry
            try:
                rows = await self._inner.resolve(host, port, family)
            except UnicodeError:
                raise NameNotFound(f"{host} cannot be a name") from None
            except OSError as error:
                if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME:
                    raise NameNotFound(f"{host} does not exist") from error
                continue
            if not rows:
                raise NameNotFound(f"{host} has no address")
            return rows
        raise NameServerFailed(f"no name server could tell the address of {host}")

    async def close(self) -> None:
        await self._inner.close()


def socket_gate(inner: SocketFactory) -> SocketFactory:
    """Sockets of `inner` for public addresses, and for others where the request in hand may; without one, never."""

    def open_socket(info: AddressInfo) -> socket.socket:
        dial = DIAL.get()
        address = str(info[4][0])
        if dial is None or not (dial.open or is_public(address)):
            if dial is not None:
                dial.refused = True
            raise RefusedAddress(f"{address} is not a public address")
        dial.begin()
        return inner(info)

    return open_socket


def new_socket(info: AddressInfo) -> socket.socket:
    """A plain socket for `info`."""
    return socket.socket(info[0], info[1], info[2])


@lru_cache(maxsize=4096)
def unsafe_host(host: str, private_ok: bool, proxied: bool) -> bool:
    """True if the name or literal alone forbids a request: odd spellings always, private literals unless listed.

    What a proxy would resolve we cannot check: names that mean its own network are refused too.
    """
    if odd_address(host):
        return True
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".").lower()
        return proxied and not private_ok and ("." not in name or name.endswith(".localhost"))
    return not private_ok and not is_public(host)
