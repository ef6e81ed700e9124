"""Listening: TLS whose certificate may change while it runs, connections that say nothing, and an end that answers what is in flight."""

from __future__ import annotations

import errno
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler
from yarl import URL

from validator.api.base.house import House
from validator.api.base.problem import Kind, Problem
from validator.api.base.watch import HEADERS, place_of
from validator.config import Tls
from validator.errors import ConfigError

IDLE_S: Final = 30.0
"""A connection that has not sent a whole header by then, first or next, is closed."""
MAX_HEADERS: Final = 100
MAX_FIELD: Final = 8190
_PROTOCOL: Final = ssl.TLSVersion.TLSv1_2


class Connection(RequestHandler):
    """aiohttp's, but what cannot be parsed is answered by a problem body that repeats nothing of it, and is not logged with its bytes."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:  # fmt: skip
        """The answer to what is no HTTP request of ours; it closes the connection."""
        log = structlog.get_logger()
        if status >= 500 and exc is not None:
            log.error("fault_caught", fault=type(exc).__name__, place=place_of(exc))
        else:
            log.debug("request_answered", status=status, fault=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        if status >= 500:
            problem = Problem(Kind.OUR_FAULT, "This should not have happened.")
        elif isinstance(exc, LineTooLong) or (message or "").startswith("Too many headers"):
            problem = Problem(Kind.HEADERS_TOO_LARGE, f"A line of the header has at most {MAX_FIELD} bytes, a header {MAX_HEADERS} fields.")
        else:
            problem = Problem(Kind.BAD_REQUEST, "This is not an HTTP request as it is read here.")
        response = problem.answer(None)
        response.headers.update(HEADERS)
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server  # aiohttp names its connections' class nowhere else
        return server


@dataclass(slots=True)
class Certificate:
    """A certificate and its key in files; looked at before each handshake, read again when one of them changed."""

    cert_file: Path
    key_file: Path
    _context: ssl.SSLContext | None = None
    _stamp: tuple[tuple[int, int, int], ...] = ()

    def context(self) -> ssl.SSLContext:
        """The context to listen with. Raises ConfigError if the files cannot be used."""
        try:
            made = self._made()
        except (OSError, ssl.SSLError) as error:
            why = error.strerror or "they are no certificate and key in PEM that belong together"
            raise ConfigError(f"api.tls: {self.cert_file} and {self.key_file} cannot be used ({why}); correct them.") from None
        made.sni_callback = self._greeted
        self._context = made
        return made

    def _made(self) -> ssl.SSLContext:
        stamp = self._seen()
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = _PROTOCOL
        made.load_cert_chain(self.cert_file, self.key_file, password=lambda: "")  # an encrypted key would else ask at the terminal
        self._stamp = stamp
        return made

    def _seen(self) -> tuple[tuple[int, int, int], ...]:
        return tuple((found.st_ino, found.st_mtime_ns, found.st_size) for found in (path.stat() for path in (self.cert_file, self.key_file)))

    def _greeted(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Half-written files are tried again at the next handshake; until then the old certificate serves."""
        try:
            if self._seen() != self._stamp:
                self._context = self._made()
                structlog.get_logger().info("certificate_read", file=str(self.cert_file))
        except (OSError, ssl.SSLError) as error:
            structlog.get_logger().warning("fault_caught", part="certificate", fault=type(error).__name__, file=str(self.cert_file))
        if self._context is not None:
            connection.context = self._context


def certificate_of(said: Tls) -> Certificate | None:
    """None: plain http."""
    return Certificate(Path(said.cert_file), Path(said.key_file)) if said.cert_file is not None and said.key_file is not None else None


@asynccontextmanager
async def listening(application: web.Application, house: House) -> AsyncIterator[URL]:
    """Serve until the block is left, then answer what is in flight for at most `stop_s`. Gives the URL; raises ConfigError."""
    said = house.settings.api
    certificate = certificate_of(said.tls)
    runner = _Runner(
        application, access_log=None, handler_cancellation=True, shutdown_timeout=said.stop_s, keepalive_timeout=IDLE_S, max_headers=MAX_HEADERS,
        max_field_size=MAX_FIELD, max_line_size=MAX_FIELD, lingering_time=1.0,
    )  # fmt: skip
    await runner.setup()
    try:
        site = web.TCPSite(runner, said.host, said.port, ssl_context=certificate.context() if certificate is not None else None)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(_sentence(error, said.host, said.port)) from None
        port = runner.addresses[0][1]
        host = f"[{said.host}]" if ":" in said.host and not said.host.startswith("[") else said.host
        yield URL(f"{'https' if certificate is not None else 'http'}://{host}:{port}")
    finally:
        house.leaving = True
        await runner.cleanup()


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken; stop what listens there, or name another by api.port."
    if error.errno == errno.EACCES:
        return f"port {port} may not be listened on by this user; name another by api.port."
    return f"{host} port {port} cannot be listened on; name an address of this machine by api.host."


__all__ = ["Certificate", "Connection", "certificate_of", "listening"]
