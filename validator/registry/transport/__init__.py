"""The one HTTP session of the process: one request is one request on the wire, to a checked address, read to a cap.

Three gates guard a secret (registries/README.md 4.2): who may have it is decided before a request is made, no redirect
is followed, and every address is checked where it is dialled (`addresses`).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection

from validator import __version__
from validator.errors import Bug
from validator.evidence import Failure
from validator.registry.base import FORM, Answer, ConnectionLost, ConnectionStale, Network, NetworkFault, ProxyRoute, Request
from validator.registry.transport.addresses import (
    DIAL,
    Dial,
    GuardedResolver,
    SocketFactory,
    SystemResolver,
    new_socket,
    socket_gate,
    unsafe_host,
)
from validator.registry.transport.answers import MAX_FIELD, MAX_FIELDS, body_of, encoding_of, fields
from validator.registry.transport.failures import failure_of
from validator.registry.transport.tls import trust

__all__ = ["AiohttpTransport", "failure_of", "trust"]

USER_AGENT: Final = f"validator/{__version__} (+container registry credential check)"
KEEP_ALIVE_S: Final = 15
NO_TIMERS: Final = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)  # one timer of ours does it all

_UNSENDABLE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


async def send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp sends a GET or HEAD again, by itself, when its connection dies: a refused login would count twice."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise ConnectionLost("the connection was lost before the answer") from None


class MarkedRequest(aiohttp.ClientRequest):
    """Says when a connection is there and the request is about to be written: from then on it may have left.

    A tunnel's CONNECT is none of these. aiohttp's trace hooks could tell the same at 10 us a request, a tenth of it.
    aiohttp would take what came over a kept connection meanwhile for the answer, and each answer for that to the next request.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        dial = DIAL.get()
        if conn.protocol is not None and conn.protocol.should_close and (dial is None or not dial.dialling):
            raise ConnectionStale("something came unasked before the request")
        if dial is not None:
            dial.connected = True
            if dial.dialling or dial.first_byte_s is not None:
                dial.wait(dial.first_byte_s)
        return await super().send(conn)


class AiohttpTransport:
    """Implements `Transport` over one session, open while the context lasts. Raises `ConfigError` on entry for a bad ca_file.

    `resolver` and `socket_factory` are asked behind the gates; the resolver stays its maker's to close.
    """

    def __init__(
        self, network: Network | None = None, *, resolver: AbstractResolver | None = None, socket_factory: SocketFactory = new_socket
    ) -> None:
        self._network = network or Network()
        self._resolver = resolver
        self._socket_factory = socket_factory
        self._contexts: dict[tuple[Path | None, bool], ssl.SSLContext] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        network = self._network
        for ca_file in (None, *network.route_ca_files):
            await self._context(ca_file, private_ok=False)
        connector = aiohttp.TCPConnector(
            limit=network.connections,
            limit_per_host=network.connections_per_host,
            keepalive_timeout=KEEP_ALIVE_S,
            use_dns_cache=False,  # it resolves in another request's context; and each dial is to be checked
            resolver=GuardedResolver(self._resolver or SystemResolver()),
            socket_factory=socket_gate(self._socket_factory),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),  # one user's session cookie must not answer for the next user's key
            trust_env=False,  # or a .netrc or a proxy of the environment has its say
            auto_decompress=False,
            raise_for_status=False,
            timeout=NO_TIMERS,
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
            middlewares=(send_once,),
            request_class=MarkedRequest,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def _context(self, ca_file: Path | None, *, private_ok: bool) -> ssl.SSLContext:
        """The TLS context of a route, built once. Also the pool's key: a connection made with leave is kept for those with leave."""
        key = (ca_file, private_ok)
        if (context := self._contexts.get(key)) is None:
            files = tuple(path for path in (self._network.ca_file, ca_file) if path is not None)
            context = self._contexts.setdefault(key, await asyncio.to_thread(trust, files, strict=self._network.strict))
        return context

    async def send(self, request: Request) -> Answer:
        """See `Transport`. An exception that is neither the network's nor a cancellation is a bug."""
        session, url, route = self._session, request.url, request.route
        if session is None:
            raise Bug("the transport is used outside its context")
        _own_route(request)
        private_ok, proxied = route.private_ok, route.proxy is not None
        if url.raw_user or url.raw_password or unsafe_host(url.raw_host or "", private_ok, proxied):
            raise NetworkFault(Failure.UNSAFE_ADDRESS, written=False)
        context = self._contexts.get((route.ca_file, private_ok)) or await self._context(route.ca_file, private_ok=private_ok)
        started = asyncio.get_running_loop().time()
        end = started + (self._network.total_s if request.total_s is None else request.total_s)
        timer = asyncio.timeout_at(end)
        dial = Dial(private_ok or proxied, timer, end, self._network.connect_s, request.first_byte_s)
        before = DIAL.set(dial)
        try:
            async with timer:
                return await _exchange(session, request, context, dial, started)
        except (aiohttp.ClientError, OSError) as error:
            failure = _judged(error, dial, request)
            if failure is None:
                raise
            status = error.status if isinstance(error, aiohttp.ClientHttpProxyError) else dial.status
        finally:
            DIAL.reset(before)
        # Outside of `except`: aiohttp's exceptions hold the request's headers, so the fault must not remember them.
        raise NetworkFault(failure, status=status, ms=_since(started), written=dial.connected)


def _since(started: float) -> float:
    return (asyncio.get_running_loop().time() - started) * 1000


def _own_route(request: Request) -> None:
    """Raises `Bug` if the route was made for another host than the URL's: its leave would be the wrong one."""
    url, route = request.url, request.route
    if (url.raw_host, url.port) == (route.host, route.port):
        return
    wanted = route.host.strip("[]").rstrip(".").lower()
    if url.port != route.port or wanted not in ((url.raw_host or "").rstrip(".").lower(), (url.host or "").rstrip(".").lower()):
        raise Bug(f"a request to {url.host}:{url.port} was given the route of {route.host}:{route.port}")


def _headers(request: Request) -> dict[str, str]:
    """All that is sent; the secrets are opened here. Raises `Bug`, which names the field alone, for what no field can hold."""
    headers = dict(request.headers)
    for name, secret in request.secret_headers.items():
        headers[name] = secret.get_secret_value()
    proxy = request.route.proxy
    if proxy is not None and request.url.scheme == "http":  # else they go with the CONNECT, not with the request
        headers |= _proxy_headers(proxy)
    if request.form is not None:
        headers.setdefault("Content-Type", FORM)
    for name, value in headers.items():
        if _UNSENDABLE.search(value):
            raise Bug(f"the field {name} holds a control character: it must be refused before a request is made")
    return headers


def _proxy_headers(proxy: ProxyRoute) -> dict[str, str]:
    return {} if proxy.authorization is None else {"Proxy-Authorization": proxy.authorization.get_secret_value()}


async def _answered(session: aiohttp.ClientSession, request: Request, context: ssl.SSLContext) -> aiohttp.ClientResponse:
    """The head of the answer. A stale connection is closed by aiohttp, so that the next try gets another; a new one is never stale."""
    proxy, headers = request.route.proxy, _headers(request)
    while True:
        with suppress(ConnectionStale):
            return await session.request(
                request.method,
                request.url,
                headers=headers,
                data=None if request.form is None else request.form.get_secret_value().encode(),
                allow_redirects=False,
                ssl=context,
                proxy=None if proxy is None else proxy.url,
                proxy_headers=None if proxy is None or request.url.scheme == "http" else _proxy_headers(proxy),
            )


async def _exchange(session: aiohttp.ClientSession, request: Request, context: ssl.SSLContext, dial: Dial, started: float) -> Answer:
    response = await _answered(session, request, context)
    try:
        dial.status = response.status
        if dial.first_byte_s is not None and not response.content.is_eof():
            dial.wait(None)
        headers = fields(response.raw_headers)
        if headers is None:
            raise NetworkFault(Failure.PROTOCOL, status=response.status, ms=_since(started), written=True)
        body, whole = (b"", True) if request.method == "HEAD" else await body_of(response, request.body_cap)
        encoding = encoding_of(headers)
        if not whole:
            failure = Failure.BODY_TOO_LARGE if encoding is None else Failure.PROTOCOL  # against our wish, and a bomb perhaps
            raise NetworkFault(failure, status=response.status, ms=_since(started), written=True, front=body, headers=headers)
    except BaseException:
        if response.connection is not None and response.connection.transport is not None:
            response.connection.transport.abort()  # not drained, not kept, and no last word of TLS waited for
        response.close()
        raise
    response.release()
    return Answer(status=response.status, headers=headers, body=body, encoding=encoding, ms=_since(started))


def _judged(error: BaseException, dial: Dial, request: Request) -> Failure | None:
    """`failure_of`, with what only the sender knows: how far it had come, by which way."""
    failure = failure_of(error)
    if dial.connected:
        return failure
    proxied = request.route.proxy is not None
    if isinstance(error, TimeoutError) and failure is Failure.TIMEOUT:
        if not dial.dialling:
            return failure  # no connection became free
        if dial.resolving:
            return Failure.PROXY_ERROR if proxied else Failure.DNS_FAILURE
        return Failure.CONNECT_FAILED
    if failure is not None and proxied:
        own = isinstance(error, aiohttp.ClientConnectorError) and (error.host, error.port) == (request.url.raw_host, request.url.port)
        if not own or isinstance(error, aiohttp.ClientProxyConnectionError):
            return Failure.PROXY_ERROR  # it was not reached, or did not make the way
    if failure is Failure.CONNECT_FAILED:
        if dial.refused:
            return Failure.UNSAFE_ADDRESS  # with several addresses aiohttp tells of one of them
        cause = getattr(error, "os_error", None)
        if request.url.scheme == "https" and isinstance(cause, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
            return Failure.TLS_FAILED  # a dial ends otherwise: this was the handshake
    return failure
