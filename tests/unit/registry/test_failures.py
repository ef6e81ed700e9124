"""Every exception of the network has its name; every other is a bug and has none."""

from __future__ import annotations

import asyncio
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from validator.evidence import Failure
from validator.registry.base import Answer, ConnectionLost, NameNotFound, NameServerFailed, RefusedAddress
from validator.registry.transport import failure_of

KEY = ConnectionKey("reg.test", 443, True, True, None, None, None)
INFO = aiohttp.RequestInfo(URL("https://reg.test/"), "GET", CIMultiDictProxy(CIMultiDict()), URL("https://reg.test/"))


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_code = code
    return error


def connector(cause: OSError) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(KEY, cause)


CASES: dict[str, tuple[BaseException, Failure | None]] = {
    "refused address": (connector(RefusedAddress("x")), Failure.UNSAFE_ADDRESS),
    "refused name": (aiohttp.ClientConnectorDNSError(KEY, RefusedAddress("x")), Failure.UNSAFE_ADDRESS),
    "no such name": (aiohttp.ClientConnectorDNSError(KEY, NameNotFound("x")), Failure.DNS_NXDOMAIN),
    "name servers": (aiohttp.ClientConnectorDNSError(KEY, NameServerFailed("x")), Failure.DNS_FAILURE),
    "look-up, other": (aiohttp.ClientConnectorDNSError(KEY, OSError(5, "x")), Failure.DNS_FAILURE),
    "raw no such name": (socket.gaierror(socket.EAI_NONAME, "x"), Failure.DNS_NXDOMAIN),
    "raw no data": (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NODATA, "x")), Failure.DNS_NXDOMAIN),
    "raw again": (socket.gaierror(socket.EAI_AGAIN, "x"), Failure.DNS_FAILURE),
    "port closed": (connector(ConnectionRefusedError(111, "x")), Failure.CONNECT_FAILED),
    "no route": (connector(OSError(113, "x")), Failure.CONNECT_FAILED),
    "the kernel gave up": (connector(TimeoutError(110, "x")), Failure.CONNECT_FAILED),
    "connect timeout": (aiohttp.ConnectionTimeoutError(), Failure.CONNECT_FAILED),
    "read timeout": (aiohttp.SocketTimeoutError(), Failure.TIMEOUT),
    "timeout": (TimeoutError(), Failure.TIMEOUT),
    "expired": (aiohttp.ClientConnectorCertificateError(KEY, certificate(10)), Failure.TLS_EXPIRED),
    "not yet valid": (aiohttp.ClientConnectorCertificateError(KEY, certificate(9)), Failure.TLS_EXPIRED),
    "host name": (aiohttp.ClientConnectorCertificateError(KEY, certificate(62)), Failure.TLS_NAME),
    "address": (aiohttp.ClientConnectorCertificateError(KEY, certificate(64)), Failure.TLS_NAME),
    "self-signed": (aiohttp.ClientConnectorCertificateError(KEY, certificate(18)), Failure.TLS_UNTRUSTED),
    "chain": (aiohttp.ClientConnectorCertificateError(KEY, certificate(19)), Failure.TLS_UNTRUSTED),
    "issuer": (aiohttp.ClientConnectorCertificateError(KEY, certificate(20)), Failure.TLS_UNTRUSTED),
    "leaf": (aiohttp.ClientConnectorCertificateError(KEY, certificate(21)), Failure.TLS_UNTRUSTED),
    "strict X.509": (aiohttp.ClientConnectorCertificateError(KEY, certificate(85)), Failure.TLS_FAILED),
    "raw certificate": (certificate(62), Failure.TLS_NAME),
    "no tls": (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), Failure.TLS_FAILED),
    "raw tls": (ssl.SSLError(1, "x"), Failure.TLS_FAILED),
    "proxy says no": (aiohttp.ClientHttpProxyError(INFO, (), status=407), Failure.PROXY_ERROR),
    "proxy closed": (aiohttp.ClientProxyConnectionError(KEY, ConnectionRefusedError(111, "x")), Failure.PROXY_ERROR),
    "garbage": (aiohttp.ClientResponseError(INFO, (), status=400), Failure.PROTOCOL),
    "body cut": (aiohttp.ClientPayloadError("x"), Failure.PROTOCOL),
    "odd host": (aiohttp.InvalidURL("x"), Failure.UNSAFE_ADDRESS),
    "reset": (aiohttp.ClientOSError(104, "x"), Failure.CONNECT_FAILED),
    "disconnected": (aiohttp.ServerDisconnectedError(), Failure.CONNECT_FAILED),
    "lost": (ConnectionLost("x"), Failure.CONNECT_FAILED),
    "raw reset": (ConnectionResetError(104, "x"), Failure.CONNECT_FAILED),
    "a bug": (KeyError("x"), None),
    "a value": (ValueError("x"), None),
    "a file": (FileNotFoundError(2, "x"), None),
    "cancelled": (asyncio.CancelledError(), None),
}


@pytest.mark.parametrize(("error", "failure"), CASES.values(), ids=CASES.keys())
def test_an_exception_of_the_network_has_its_name_and_a_bug_none(error: BaseException, failure: Failure | None):
    assert failure_of(error) is failure


def test_the_class_of_every_aiohttp_client_error_is_known_or_a_bug():
    """A class that a new release adds must be looked at: the direct children of ClientError are these."""
    known = {
        "ClientConnectionError", "ClientPayloadError", "ClientResponseError", "InvalidURL",
        "RedirectClientError", "NonHttpUrlClientError", "UploadAbortedError",  # we follow, ask and stream nothing of the kind
    }  # fmt: skip
    children = {each.__name__ for each in aiohttp.ClientError.__subclasses__() if each.__module__.startswith("aiohttp")}
    assert children <= known, children - known


def test_values_of_a_field_come_in_order_by_any_case_of_its_name():
    headers = (("a", "1"), ("b", "2"), ("a", "3"))
    answer = Answer(status=200, headers=headers, body=b"", encoding=None, ms=1.0)

    assert (answer.values("A"), answer.values("c")) == (("1", "3"), ())
