"""Who is trusted: the system's CAs and the operator's files, by host; and what each broken certificate is called."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.security.transport.wire import OK, Connection, Names, Open, Script, Serve, answering, asking, outcome, server_context
from validator.errors import ConfigError
from validator.evidence import Failure
from validator.registry.base import Answer, Network, NetworkFault
from validator.registry.transport import AiohttpTransport, trust

NOW = datetime.now(UTC)


async def test_an_unknown_ca_is_untrusted_and_with_its_file_is_trusted(opened: Open, serve: Serve, tls: ssl.SSLContext, ca_file: Path):
    wire = await serve(answering(OK), tls=tls)
    transport = await opened()
    url = f"https://127.0.0.1:{wire.port}/v2/"

    before = await outcome(transport, asking(url, secret="Basic eA=="))
    with_file = await outcome(transport, asking(url, ca_file=ca_file))
    after = await outcome(transport, asking(url, secret="Basic eA=="))

    assert isinstance(with_file, Answer)
    assert isinstance(before, NetworkFault)
    assert isinstance(after, NetworkFault)
    assert (before.failure, before.written) == (after.failure, after.written) == (Failure.TLS_UNTRUSTED, False)
    assert len(wire.requests) == 1


async def test_the_networks_ca_file_holds_for_every_host(opened: Open, serve: Serve, tls: ssl.SSLContext, ca_file: Path):
    wire = await serve(answering(OK), tls=tls)
    transport = await opened(Network(ca_file=ca_file), names=Names({"reg.test": [["127.0.0.1"]]}))

    for host in ("127.0.0.1", "reg.test"):
        assert isinstance(await outcome(transport, asking(f"https://{host}:{wire.port}/v2/")), Answer)


BROKEN = {
    "expired": (None, NOW - timedelta(days=9), NOW - timedelta(days=1), Failure.TLS_EXPIRED),
    "not yet valid": (None, NOW + timedelta(days=1), NOW + timedelta(days=9), Failure.TLS_EXPIRED),
    "another name": ("other.test", None, None, Failure.TLS_NAME),
    "another address": ("127.0.0.9", None, None, Failure.TLS_NAME),
}


@pytest.mark.parametrize(("name", "since", "until", "failure"), BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("asked", ["127.0.0.1", "reg.test"])
async def test_a_broken_certificate_is_named(
    opened: Open,
    serve: Serve,
    authority: trustme.CA,
    ca_file: Path,
    name: str | None,
    since: datetime | None,
    until: datetime | None,
    failure: Failure,
    asked: str,
):
    wire = await serve(answering(OK), tls=server_context(authority.issue_cert(name or asked, not_before=since, not_after=until)))
    transport = await opened(names=Names({"reg.test": [["127.0.0.1"]]}))

    fault = await outcome(transport, asking(f"https://{asked}:{wire.port}/v2/", ca_file=ca_file, secret="Basic eA=="))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written, wire.requests) == (failure, False, [])


async def test_a_certificate_of_itself_is_untrusted_and_as_ca_file_is_trusted(opened: Open, serve: Serve, tmp_path: Path):
    """A home-made CA that a container runtime accepts: an intermediate alone is named by the operator."""
    root = trustme.CA()
    middle = root.create_child_ca()
    wire = await serve(answering(OK), tls=server_context(middle.issue_cert("127.0.0.1")))
    path = tmp_path / "middle.pem"
    middle.cert_pem.write_to_path(path)
    transport = await opened()
    url = f"https://127.0.0.1:{wire.port}/v2/"

    without = await outcome(transport, asking(url))

    assert isinstance(without, NetworkFault)
    assert without.failure is Failure.TLS_UNTRUSTED
    assert isinstance(await outcome(transport, asking(url, ca_file=path)), Answer)


async def plain(connection: Connection) -> None:
    await connection.reader.read(1)
    await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def cut(connection: Connection) -> None:
    await connection.reader.read(1)


async def cut_hard(connection: Connection) -> None:
    await connection.reader.read(1)
    connection.reset()


@pytest.mark.parametrize("script", [plain, cut, cut_hard], ids=["plain http", "handshake cut", "handshake reset"])
async def test_a_port_that_cannot_tls_is_never_tried_without(transport: AiohttpTransport, serve: Serve, script: Script):
    wire = await serve(script)

    fault = await outcome(transport, asking(f"https://127.0.0.1:{wire.port}/v2/", secret="Basic eA=="))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written, wire.connections) == (Failure.TLS_FAILED, False, 1)


async def test_tls_older_than_1_2_is_refused(opened: Open, serve: Serve, authority: trustme.CA, ca_file: Path):
    old = server_context(authority.issue_cert("127.0.0.1"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    wire = await serve(answering(OK), tls=old)

    fault = await outcome(await opened(), asking(f"https://127.0.0.1:{wire.port}/v2/", ca_file=ca_file))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, wire.requests) == (Failure.TLS_FAILED, [])


async def test_a_connection_that_one_ca_file_vouched_for_serves_no_route_without_it(opened: Open, serve: Serve, tls: ssl.SSLContext, ca_file: Path):
    wire = await serve(answering(OK), tls=tls)
    transport = await opened()
    url = f"https://127.0.0.1:{wire.port}/v2/"

    for _ in range(2):
        assert isinstance(await outcome(transport, asking(url, ca_file=ca_file)), Answer)
    assert isinstance(await outcome(transport, asking(url)), NetworkFault)
    assert len(wire.requests) == 2


async def test_a_bad_ca_file_is_told_when_the_transport_opens(tmp_path: Path):
    with pytest.raises(ConfigError, match="missing"):
        async with AiohttpTransport(Network(route_ca_files=(tmp_path / "missing.pem",))):
            pass


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n"])
def test_a_ca_file_without_a_certificate_is_the_operators_fault(tmp_path: Path, text: str):
    path = tmp_path / "ca.pem"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"ca_file .*ca\.pem holds no certificate"):
        trust((path,))


def test_a_ca_file_that_is_a_folder_is_the_operators_fault(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        trust((tmp_path,))


def test_only_an_operators_ca_is_freed_of_strict_x509(ca_file: Path, monkeypatch: pytest.MonkeyPatch):
    """From Python 3.13 on the default is strict: here it is made so."""
    made = ssl.create_default_context

    def strict() -> ssl.SSLContext:
        context = made()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)

    assert trust(()).verify_flags & ssl.VERIFY_X509_STRICT
    assert not trust((ca_file,)).verify_flags & ssl.VERIFY_X509_STRICT
    for context in (trust(()), trust((ca_file,))):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
