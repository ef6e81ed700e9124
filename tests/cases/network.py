"""The network that leads to a scripted registry: names, public addresses, dials; and the command line that looks at it.

Nothing leaves this machine. Names resolve by a table, to addresses that the product takes for public ones; a socket for one of
them is led to a port on loopback, and to no other place. So every gate of the product is asked what it is asked in the world.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.cases.running import Cli, Result
from tests.cases.servers import REALM, SECRET, USERNAME, Site
from validator.emulator.hostile import Script, scripts
from validator.registry.base import Network
from validator.registry.transport import AiohttpTransport
from validator.registry.transport.addresses import AddressInfo


class _Led(socket.socket):
    """A socket that is led to loopback when it connects to an address of the made-up world."""

    net: Net

    def connect(self, address: Any) -> None:
        super().connect(self.net.led_to(self.family, address))


class Net(AbstractResolver):
    """Names, addresses and dials. `names`: name -> its answers, one for each look-up, the last for ever.

    `places`: (address, port) -> a port on loopback, or the error of the dial. An address that leads nowhere is refused before a
    packet, and is in `dialled` all the same.
    """

    def __init__(self) -> None:
        self.names: dict[str, list[Sequence[str] | OSError | Callable[[], Any]]] = {}
        self.places: dict[tuple[str, int], int | OSError] = {}
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self.sockets: list[socket.socket] = []
        self._public = 10

    def public(self, v6: bool = False) -> str:
        """A public address that nobody has yet."""
        self._public += 1
        return f"2606:2800:220:1::{self._public}" if v6 else f"93.184.216.{self._public}"

    def lead(self, name: str, port: int | OSError, *, address: str | None = None, outside: int = 443) -> str:
        """Let `name` resolve to `address` (a new public one), whose port `outside` is `port` on loopback."""
        address = address or self.public()
        self.names[name] = [[address]]
        self.places[address, outside] = port
        return address

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        answers = self.names.get(host, [socket.gaierror(socket.EAI_NONAME, "Name or service not known")])
        answer = answers[min(self.asked.count(host), len(answers) - 1)]
        self.asked.append(host)
        if isinstance(answer, OSError):
            raise answer
        if callable(answer):
            answer = await answer()
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""

    def open_socket(self, info: AddressInfo) -> socket.socket:
        """The transport's socket factory; says which addresses were dialled."""
        self.dialled.append((str(info[4][0]), int(info[4][1])))
        opened = _Led(info[0], info[1], info[2])
        opened.net = self
        self.sockets.append(opened)
        return opened

    def led_to(self, family: int, address: Any) -> Any:
        """Where a connect really goes; raises the dial's error."""
        place = self.places.get((address[0], address[1]))
        if isinstance(place, OSError):
            raise place
        if place is None and address[0] in ("127.0.0.1", "::1"):
            return address
        if place is None:
            raise ConnectionRefusedError(111, "Connection refused")
        return ("::ffff:127.0.0.1", place, 0, 0) if family == socket.AF_INET6 else ("127.0.0.1", place)

    def transport(self, network: Network) -> AiohttpTransport:
        """What `validator.app.transport_for` gives in these tests."""
        return AiohttpTransport(network, resolver=self, socket_factory=self.open_socket)


@dataclass
class World:
    """The network, what is served there, and the command line that looks at it."""

    net: Net
    home: Path
    authority: trustme.CA
    stack: AsyncExitStack
    cli: Cli = field(init=False)
    _turn: int = 0

    def __post_init__(self) -> None:
        self.ca_file = self.home / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)
        self.forget()

    def forget(self) -> Cli:
        """A command line that has never asked anything: its own home, its own ledger."""
        self._turn += 1
        home = self.home / str(self._turn)
        home.mkdir()
        kept = self.cli.registries if hasattr(self, "cli") else {"reg.test": {"provider": "generic"}}
        self.cli = Cli(home, registries=kept, more={"network": {"ca_file": str(self.ca_file)}}, net=self.net)
        return self.cli

    async def serve(
        self, scripted: Mapping[str, Script | Sequence[Script]] | None = None, *names: str, tls: ssl.SSLContext | None = None,
        realm: str = REALM, secret: str = SECRET, plain: bool = False, fresh: bool = True,
    ) -> Site:  # fmt: skip
        """A site under `names` (reg.test and auth.reg.test), on 443 with a good certificate, or in the clear with `plain`."""
        site = Site(scripted, realm=realm, secret=secret)
        await site.start(ssl=None if plain else tls or self.certified(*(names or ("reg.test", "auth.reg.test"))))
        self.stack.push_async_callback(site.stop)
        for name in names or ("reg.test", "auth.reg.test"):
            self.net.lead(name, site.port)
        if fresh:
            self.forget()
        self.net.asked.clear()
        self.net.dialled.clear()
        return site

    async def in_the_clear(self, *names: str) -> list[bytes]:
        """An http server behind 443 of `names`: it has its word at the first bytes. Gives what it read."""
        heard: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(65536))
            writer.write(scripts.head(400, {"Content-Length": "0"}))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        self.stack.callback(server.close)
        for name in names:
            self.net.lead(name, server.sockets[0].getsockname()[1])
        return heard

    def certified(self, *names: str, authority: trustme.CA | None = None, **dates: Any) -> ssl.SSLContext:
        """A server's TLS with a certificate for these names."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        (authority or self.authority).issue_cert(*names, **dates).configure_cert(context)
        return context

    async def check(
        self, *arguments: str, registry: str = "reg.test", username: str = USERNAME, secret: str = SECRET, **timeouts: float
    ) -> Result:  # fmt: skip
        """`validator check`; `connect_s` and `total_s` are the settings' timeouts."""
        if timeouts:
            self.cli.more = {**self.cli.more, "timeouts": timeouts}
        return await self.cli.check(registry, username, secret, *arguments)
