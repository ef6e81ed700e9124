"""A real SMTP server on loopback that keeps what it takes, and can be told to answer badly, to hang or to go away."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Sink:
    """`taken` are whole messages with their envelopes. `answers` by verb ("mail", "rcpt", "data"): what is said instead of yes.

    `drop` names what the connection ends at: "greeting", "mail", "data" (before the message), "end" (after it was kept).
    """

    taken: list[Envelope] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    drop: str = ""
    hold: asyncio.Event | None = None
    """The answer to a whole message waits for it."""
    keeps_at_once: bool = False
    """A message is kept before that wait: its sender may be gone when the answer comes."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """A whole message was there."""
    connections: int = 0
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    port: int = 0
    _protocols: list[Any] = field(default_factory=list)

    def said(self, verb: str, yes: str) -> str:
        answers = self.answers.get(verb, [])
        return answers.pop(0) if answers else yes

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.drop == "mail":
            self._cut(server)
        answer = self.said("mail", "250 OK")
        if answer.startswith("2"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        answer = self.said("rcpt", "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.said("data", "250 OK")
        keeps = answer.startswith("2")
        if keeps and self.keeps_at_once:
            self.taken.append(envelope)
        self.arrived.set()
        if self.hold is not None:
            await self.hold.wait()
        if keeps and not self.keeps_at_once:
            self.taken.append(envelope)
        if self.drop == "end":
            self._cut(server)
        return answer

    def _cut(self, server: SMTP) -> None:
        transport: Any = server.transport
        transport.abort()

    @property
    def mails(self) -> list[EmailMessage]:
        """What it took, read."""
        return [message_from_bytes(one.content, policy=policy.default) for one in self.taken if isinstance(one.content, bytes)]

    @property
    def to(self) -> list[str]:
        """Whose each message was."""
        return [address for one in self.taken for address in one.rcpt_tos]

    def url(self, *, to: str = "{address}", more: str = "") -> str:
        """An operator's URL that leads here."""
        return f"mailto://127.0.0.1:{self.port}?from=validator@example.org&to={to}{more}"

    def hang_up(self) -> None:
        """End every connection, as a relay does with one that is idle."""
        for one in self._protocols:
            if one.transport is not None:
                one.transport.close()


class _Server(SMTP):
    """Drops a connection where the sink says so before a handler is asked."""

    def __init__(self, sink: Sink, **options: Any) -> None:
        super().__init__(sink, hostname="sink.test", enable_SMTPUTF8=True, ident="sink", **options)
        self._sink = sink

    def connection_made(self, transport: Any) -> None:
        self._sink.connections += 1
        self._sink._protocols.append(self)
        super().connection_made(transport)
        if self._sink.drop == "greeting":
            transport.abort()

    async def smtp_DATA(self, arg: str) -> None:
        if self._sink.drop == "data":
            self._sink._cut(self)
            return
        await super().smtp_DATA(arg)


@asynccontextmanager
async def open_sink(*, tls: ssl.SSLContext | None = None, login: bool = False, port: int = 0) -> AsyncIterator[Sink]:
    """A sink that listens until the block ends; with `tls` it offers STARTTLS, with `login` it demands one after that."""
    sink, loop = Sink(), asyncio.get_running_loop()

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        sink.logins.append((data.login, data.password))
        return AuthResult(success=True)

    options: dict[str, Any] = {"tls_context": tls, "require_starttls": tls is not None, "loop": loop}
    if login:
        options |= {"authenticator": authenticate, "auth_required": True}
    make: Callable[[], SMTP] = lambda: _Server(sink, **options)  # noqa: E731
    server = await loop.create_server(make, "127.0.0.1", port)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        if sink.hold is not None:
            sink.hold.set()
        server.close()
        for one in sink._protocols:
            if one.transport is not None:
                one.transport.abort()
            if one._handler_coroutine is not None:
                one._handler_coroutine.cancel()
        await server.wait_closed()


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
