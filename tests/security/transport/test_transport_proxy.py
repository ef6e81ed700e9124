"""The operator's proxy: what goes through it, what it is told, and what its refusals are called."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr
from yarl import URL

from tests.security.transport.wire import OK, Connection, Dials, Names, Open, Script, Serve, answering, asking, outcome, server_context
from validator.evidence import Failure
from validator.registry.base import Answer, NetworkFault, ProxyRoute

AUTHORIZATION = "Basic cHJveHk6cGFzcw=="


def via(port: int, scheme: str = "http") -> ProxyRoute:
    return ProxyRoute(URL(f"{scheme}://127.0.0.1:{port}"), SecretStr(AUTHORIZATION))


def tunnelling(port: int) -> Script:
    """A proxy that makes every tunnel to `port` of this machine, whatever name is asked."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def script(connection: Connection) -> None:
        await connection.request()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pump(connection.reader, writer))
                group.create_task(pump(reader, connection.writer))
        except* OSError:
            pass
        finally:
            writer.close()

    return script


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_https_goes_through_a_tunnel_and_the_proxy_sees_no_secret(
    opened: Open, serve: Serve, tls: ssl.SSLContext, ca_file: Path, dials: Dials, scheme: str
):
    wire = await serve(answering(OK), tls=tls)
    proxy = await serve(tunnelling(wire.port), tls=tls if scheme == "https" else None)
    names = Names({})
    transport = await opened(names=names, dials=dials)
    request = asking("https://reg.test/v2/", private_ok=False, ca_file=ca_file, proxy=via(proxy.port, scheme), secret="Basic U0VDUkVU")

    answers = [await outcome(transport, request) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert proxy.requests == [proxy.requests[0]]
    assert proxy.requests[0].startswith(b"CONNECT reg.test:443 HTTP/1.1\r\n")
    assert f"Proxy-Authorization: {AUTHORIZATION}".encode() in proxy.requests[0]
    assert b"U0VDUkVU" not in proxy.requests[0]
    assert len(wire.requests) == 2
    assert all(b"Basic U0VDUkVU" in seen and b"proxy-authorization" not in seen.lower() for seen in wire.requests)
    assert (names.asked, dials.addresses) == ([], ["127.0.0.1"])


async def test_plain_http_is_asked_of_the_proxy_itself(opened: Open, serve: Serve):
    proxy = await serve(answering(OK))

    answer = await outcome(await opened(), asking("http://reg.test/v2/", private_ok=False, proxy=via(proxy.port)))

    assert isinstance(answer, Answer)
    assert proxy.requests[0].startswith(b"GET http://reg.test/v2/ HTTP/1.1\r\n")
    assert f"Proxy-Authorization: {AUTHORIZATION}".encode() in proxy.requests[0]


async def closing(connection: Connection) -> None:
    await connection.request()


async def resetting(connection: Connection) -> None:
    await connection.request()
    connection.reset()


REFUSALS = {
    "wants a login": (answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), 407),
    "forbids": (answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"), 403),
    "cannot reach": (answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), 502),
    "redirects": (answering(b"HTTP/1.1 302 Found\r\nLocation: https://portal.test/\r\nContent-Length: 0\r\n\r\n"), 302),
    "is no proxy": (answering(b"SSH-2.0-OpenSSH_9\r\n\r\n"), None),
    "hangs up": (closing, None),
    "resets": (resetting, None),
}


@pytest.mark.parametrize(("script", "status"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_proxy_that_makes_no_tunnel_is_the_proxys_error(opened: Open, serve: Serve, script: Script, status: int | None):
    proxy = await serve(script)

    fault = await outcome(await opened(), asking("https://reg.test/v2/", private_ok=False, proxy=via(proxy.port), secret="Basic eA=="))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.status, fault.written) == (Failure.PROXY_ERROR, status, False)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_the_proxys_error(opened: Open, serve: Serve, scheme: str):
    transport = await opened(names=Names({"proxy.test": [[]]}))

    for url in ("http://127.0.0.1:1", "http://proxy.test:3128"):
        fault = await outcome(transport, asking(f"{scheme}://reg.test/v2/", private_ok=False, proxy=ProxyRoute(URL(url))))
        assert isinstance(fault, NetworkFault)
        assert (fault.failure, fault.written) == (Failure.PROXY_ERROR, False)


async def test_a_proxy_whose_own_certificate_is_bad_is_the_proxys_error(opened: Open, serve: Serve, tls: ssl.SSLContext):
    proxy = await serve(answering(OK), tls=tls)

    fault = await outcome(await opened(), asking("https://reg.test/v2/", private_ok=False, proxy=via(proxy.port, "https")))

    assert isinstance(fault, NetworkFault)
    assert fault.failure is Failure.PROXY_ERROR


async def test_a_bad_certificate_behind_the_tunnel_is_the_registrys(opened: Open, serve: Serve, authority: trustme.CA, ca_file: Path):
    wire = await serve(answering(OK), tls=server_context(authority.issue_cert("other.test")))
    proxy = await serve(tunnelling(wire.port))
    transport = await opened()

    wrong_name = await outcome(transport, asking("https://reg.test/v2/", private_ok=False, ca_file=ca_file, proxy=via(proxy.port)))
    unknown = await outcome(transport, asking("https://reg.test/v2/", private_ok=False, proxy=via(proxy.port)))

    assert isinstance(wrong_name, NetworkFault)
    assert isinstance(unknown, NetworkFault)
    assert (wrong_name.failure, unknown.failure) == (Failure.TLS_NAME, Failure.TLS_UNTRUSTED)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.5", "127.0.0.2", "2130706434", "0x7f.2", "[::1]", "[::ffff:10.0.0.1]", "localhost", "a.localhost", "intranet", "localhost."],
)
async def test_a_proxy_is_not_asked_for_what_is_plainly_its_own_network(opened: Open, serve: Serve, host: str):
    proxy = await serve(answering(OK))

    fault = await outcome(await opened(), asking(f"http://{host}/v2/", private_ok=False, proxy=via(proxy.port)))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, proxy.connections) == (Failure.UNSAFE_ADDRESS, 0)


async def test_the_leave_to_dial_the_proxy_is_none_to_dial_the_same_host_itself(opened: Open, serve: Serve):
    proxy = await serve(answering(OK))
    transport = await opened(names=Names({"proxy.test": [["127.0.0.1"]]}))
    by_proxy = ProxyRoute(URL(f"http://proxy.test:{proxy.port}"))

    through = await outcome(transport, asking("http://reg.test/v2/", private_ok=False, proxy=by_proxy))
    direct = await outcome(transport, asking(f"http://proxy.test:{proxy.port}/v2/", private_ok=False))

    assert isinstance(through, Answer)
    assert isinstance(direct, NetworkFault)
    assert (direct.failure, len(proxy.requests)) == (Failure.UNSAFE_ADDRESS, 1)
