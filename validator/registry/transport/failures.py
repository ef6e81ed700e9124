"""What an exception says of the network: one table. Facts: registries/README.md 4.2.10, and the tests with real servers."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import aiohttp

from validator.evidence import Failure
from validator.registry.base import NameNotFound, NameServerFailed, RefusedAddress

_NO_SUCH_NAME: Final = frozenset(getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name))

_CERTIFICATE_FAULTS: Final[Mapping[int, Failure]] = MappingProxyType(  # OpenSSL x509_vfy.h, X509_V_ERR_*; others: tls_failed
    {
        2: Failure.TLS_UNTRUSTED,  # unable to get the issuer's certificate
        9: Failure.TLS_EXPIRED,  # not yet valid
        10: Failure.TLS_EXPIRED,
        18: Failure.TLS_UNTRUSTED,  # self-signed
        19: Failure.TLS_UNTRUSTED,  # self-signed in the chain
        20: Failure.TLS_UNTRUSTED,  # issuer not found here
        21: Failure.TLS_UNTRUSTED,  # leaf cannot be verified
        27: Failure.TLS_UNTRUSTED,  # not trusted
        62: Failure.TLS_NAME,  # host name
        64: Failure.TLS_NAME,  # IP address
    }
)

_FAILURES: Final[tuple[tuple[type[BaseException], Failure], ...]] = (  # most special first
    (RefusedAddress, Failure.UNSAFE_ADDRESS),
    (NameNotFound, Failure.DNS_NXDOMAIN),
    (NameServerFailed, Failure.DNS_FAILURE),
    (aiohttp.ClientConnectorDNSError, Failure.DNS_FAILURE),
    (aiohttp.ClientHttpProxyError, Failure.PROXY_ERROR),
    (aiohttp.ClientProxyConnectionError, Failure.PROXY_ERROR),
    (aiohttp.ClientSSLError, Failure.TLS_FAILED),
    (ssl.SSLError, Failure.TLS_FAILED),
    (aiohttp.ConnectionTimeoutError, Failure.CONNECT_FAILED),
    (TimeoutError, Failure.TIMEOUT),
    (aiohttp.ClientPayloadError, Failure.PROTOCOL),
    (aiohttp.ClientResponseError, Failure.PROTOCOL),  # garbage, too many headers: aiohttp's own 400
    (aiohttp.InvalidURL, Failure.UNSAFE_ADDRESS),  # a host that aiohttp will not dial: odd IPv4 spellings
    (aiohttp.ClientConnectionError, Failure.CONNECT_FAILED),  # refused, unreachable, reset, closed without an answer
    (ConnectionError, Failure.CONNECT_FAILED),
)


def failure_of(error: BaseException) -> Failure | None:
    """What `error` says of the network; None if it is not the network's but a bug of ours.

    A timeout is `timeout` here; only the sender knows whether it was still connecting. Certificates: by OpenSSL's
    verify code.
    """
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(cause.verify_code, Failure.TLS_FAILED)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(error.verify_code, Failure.TLS_FAILED)
    if isinstance(cause, TimeoutError) and isinstance(error, aiohttp.ClientConnectorError):
        return Failure.CONNECT_FAILED  # ETIMEDOUT: the kernel gave up before we did
    for seen in (cause, error):
        if isinstance(seen, socket.gaierror):
            return Failure.DNS_NXDOMAIN if seen.errno in _NO_SUCH_NAME else Failure.DNS_FAILURE
        if isinstance(seen, (RefusedAddress, NameNotFound, NameServerFailed)):
            return failure_of_class(seen)
    return failure_of_class(error)


def failure_of_class(error: BaseException) -> Failure | None:
    """By the class of `error` alone."""
    return next((failure for kind, failure in _FAILURES if isinstance(error, kind)), None)
