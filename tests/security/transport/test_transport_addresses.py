"""No socket to an address that is not public, unless the host is listed: literals, names, mixed answers, rebinding, kept connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.security.transport.wire import OK, Dials, Names, Open, Serve, answering, asking, outcome
from validator.evidence import Failure
from validator.registry.base import Answer, Network, NetworkFault

PUBLIC = "93.184.216.34"

ODD = ["2130706434", "0x7f.0.0.2", "0x7f.1", "127.2", "0177.0.0.2", "017700000002", "0x7f000002", "127.0.0.2.", "127.0.0.02"]
LITERALS = [
    "127.0.0.2", "10.0.0.5", "100.100.100.200", "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.0.192", "168.63.129.16",
    "[::]", "[::1]", "[::ffff:127.0.0.2]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:2]", "[2002:7f00:2::1]", "[fec0::1]", "[fe80::1]",
    "[::127.0.0.2]",
]  # fmt: skip
PRIVATE_ANSWERS = {
    "private": ["10.0.0.5"],
    "loopback": ["127.0.0.1"],
    "carrier": ["100.100.100.200"],
    "unspecified": ["0.0.0.0"],
    "sixth family": ["fd00::1"],
    "mapped": ["::ffff:127.0.0.1"],
    "mixed": [PUBLIC, "127.0.0.1"],
    "mixed, private first": ["::1", PUBLIC],
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ODD + LITERALS)
async def test_a_literal_that_is_not_public_opens_no_socket(opened: Open, dials: Dials, host: str, scheme: str):
    transport = await opened(names=Names({}), dials=dials)

    fault = await outcome(transport, asking(f"{scheme}://{host}:4444/", private_ok=False, secret="Basic eA=="))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written, dials.addresses) == (Failure.UNSAFE_ADDRESS, False, [])


@pytest.mark.parametrize("host", ODD)
async def test_an_odd_spelling_is_refused_even_where_private_addresses_are_allowed(opened: Open, dials: Dials, host: str):
    transport = await opened(names=Names({}), dials=dials)

    fault = await outcome(transport, asking(f"http://{host}:4444/"))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, dials.addresses) == (Failure.UNSAFE_ADDRESS, [])


@pytest.mark.parametrize("answer", PRIVATE_ANSWERS.values(), ids=PRIVATE_ANSWERS.keys())
async def test_one_private_address_condemns_the_whole_name(opened: Open, dials: Dials, serve: Serve, answer: list[str]):
    wire = await serve(answering(OK))
    transport = await opened(names=Names({"evil.test": [answer]}), dials=dials)

    fault = await outcome(transport, asking(f"http://evil.test:{wire.port}/", private_ok=False, secret="Basic eA=="))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written) == (Failure.UNSAFE_ADDRESS, False)
    assert (dials.addresses, wire.connections) == ([], 0)


async def test_a_public_address_is_dialled(opened: Open, dials: Dials):
    transport = await opened(names=Names({"reg.test": [[PUBLIC]]}), dials=dials)

    for url in ("http://reg.test/", f"http://{PUBLIC}/"):
        fault = await outcome(transport, asking(url, private_ok=False))
        assert isinstance(fault, NetworkFault)
        assert fault.failure is Failure.CONNECT_FAILED

    assert dials.addresses == [PUBLIC, PUBLIC]


async def test_the_address_that_is_dialled_is_the_one_that_was_checked(opened: Open, dials: Dials, serve: Serve):
    wire = await serve(answering(OK))
    names = Names({"evil.test": [[PUBLIC], ["127.0.0.1"]]})
    transport = await opened(names=names, dials=dials)
    request = asking(f"http://evil.test:{wire.port}/", private_ok=False, secret="Basic eA==")

    faults = [await outcome(transport, request) for _ in range(2)]

    assert [fault.failure for fault in faults if isinstance(fault, NetworkFault)] == [Failure.CONNECT_FAILED, Failure.UNSAFE_ADDRESS]
    assert (dials.addresses, names.asked, wire.connections) == ([PUBLIC], ["evil.test", "evil.test"], 0)


async def test_a_resolver_that_lies_in_its_rows_meets_the_gate_of_the_socket(opened: Open, dials: Dials, monkeypatch: pytest.MonkeyPatch):
    """The socket's gate holds alone: here the resolver's is taken away."""
    monkeypatch.setattr("validator.registry.transport.GuardedResolver", lambda inner: inner)
    names = Names({"evil.test": [["127.0.0.1", "::1", "10.0.0.1"]], "mixed.test": [["127.0.0.1", PUBLIC, "::1"]]})
    transport = await opened(names=names, dials=dials)

    faults = [await outcome(transport, asking(f"http://{name}:4444/", private_ok=False)) for name in ("evil.test", "mixed.test")]

    assert [fault.failure for fault in faults if isinstance(fault, NetworkFault)] == [Failure.UNSAFE_ADDRESS] * 2
    assert set(dials.addresses) == {PUBLIC}


async def test_leave_for_one_host_is_no_leave_for_another(opened: Open, dials: Dials, serve: Serve):
    wire = await serve(answering(OK))
    transport = await opened(names=Names({"mine.test": [["127.0.0.1"]], "theirs.test": [["127.0.0.1"]]}), dials=dials)

    mine = await outcome(transport, asking(f"http://mine.test:{wire.port}/"))
    theirs = await outcome(transport, asking(f"http://theirs.test:{wire.port}/", private_ok=False))

    assert isinstance(mine, Answer)
    assert isinstance(theirs, NetworkFault)
    assert (theirs.failure, wire.connections) == (Failure.UNSAFE_ADDRESS, 1)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_kept_connection_serves_only_requests_with_the_same_leave(
    opened: Open, dials: Dials, serve: Serve, tls: ssl.SSLContext, ca_file: Path, scheme: str
):
    wire = await serve(answering(OK), tls=tls if scheme == "https" else None)
    transport = await opened(names=Names({"reg.test": [["127.0.0.1"]]}), dials=dials)
    url = f"{scheme}://reg.test:{wire.port}/"

    listed = await outcome(transport, asking(url, ca_file=ca_file))
    unlisted = await outcome(transport, asking(url, ca_file=ca_file, private_ok=False))

    assert isinstance(listed, Answer)
    assert isinstance(unlisted, NetworkFault)
    assert (unlisted.failure, len(wire.requests)) == (Failure.UNSAFE_ADDRESS, 1)


async def test_requests_at_one_time_keep_their_own_leave(opened: Open, dials: Dials, serve: Serve):
    wire = await serve(answering(OK))
    transport = await opened(names=Names({"reg.test": [["127.0.0.1"]]}), dials=dials)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(transport, asking(f"http://reg.test:{wire.port}/", private_ok=n % 2 == 0))) for n in range(20)]

    assert [isinstance(task.result(), Answer) for task in tasks] == [n % 2 == 0 for n in range(20)]
    assert len(wire.requests) == 10


async def test_userinfo_in_a_url_is_never_sent(opened: Open, dials: Dials, serve: Serve):
    wire = await serve(answering(OK))
    transport = await opened(dials=dials)
    request = asking(f"http://127.0.0.1:{wire.port}/")

    for url in (f"http://user:pass@127.0.0.1:{wire.port}/", f"http://user@127.0.0.1:{wire.port}/"):
        fault = await outcome(transport, type(request)(method="GET", url=URL(url), route=request.route, body_cap=10))
        assert isinstance(fault, NetworkFault)
        assert fault.failure is Failure.UNSAFE_ADDRESS
    assert wire.connections == 0


LOOKUPS = {
    "no such name": ([socket.gaierror(socket.EAI_NONAME, "x")], Failure.DNS_NXDOMAIN, 1),
    "no address": ([socket.gaierror(socket.EAI_NODATA, "x")], Failure.DNS_NXDOMAIN, 1),
    "an empty answer": ([[]], Failure.DNS_NXDOMAIN, 1),
    "name servers fail": ([socket.gaierror(socket.EAI_AGAIN, "x")], Failure.DNS_FAILURE, 2),
    "for ever": ([socket.gaierror(socket.EAI_FAIL, "x")], Failure.DNS_FAILURE, 2),
    "fail, then no such name": ([socket.gaierror(socket.EAI_AGAIN, "x"), socket.gaierror(socket.EAI_NONAME, "x")], Failure.DNS_NXDOMAIN, 2),
}


@pytest.mark.parametrize(("answers", "failure", "asked"), LOOKUPS.values(), ids=LOOKUPS.keys())
async def test_a_name_that_is_not_found_is_told_from_name_servers_that_fail(opened: Open, answers, failure: Failure, asked: int):
    names = Names({"reg.test": answers})
    transport = await opened(names=names)

    fault = await outcome(transport, asking("https://reg.test/v2/", private_ok=False))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written, len(names.asked)) == (failure, False, asked)


async def test_an_exception_that_is_not_the_networks_goes_through_as_a_bug(opened: Open):
    class Broken(Names):
        async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
            raise aiohttp.ClientError("new in some release")

    transport = await opened(names=Broken({}))

    with pytest.raises(aiohttp.ClientError, match="new in some release"):
        await transport.send(asking("https://reg.test/v2/"))


async def test_a_lost_look_up_is_tried_once_more(opened: Open, serve: Serve):
    wire = await serve(answering(OK))
    transport = await opened(names=Names({"reg.test": [socket.gaierror(socket.EAI_AGAIN, "x"), ["127.0.0.1"]]}))

    assert isinstance(await outcome(transport, asking(f"http://reg.test:{wire.port}/")), Answer)


async def test_a_look_up_that_hangs_is_the_name_servers_failure(opened: Open):
    class Hanging(Names):
        async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
            await asyncio.Event().wait()

    transport = await opened(Network(connect_s=0.2), names=Hanging({}))

    fault = await outcome(transport, asking("https://reg.test/v2/"))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, fault.written) == (Failure.DNS_FAILURE, False)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test"])
async def test_a_host_that_can_be_no_name_is_not_found(opened: Open, host: str):
    class Encoding(Names):
        async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
            raise AssertionError(host.encode("idna"))  # as `getaddrinfo` does first: a UnicodeError

    transport = await opened(names=Encoding({}))

    fault = await outcome(transport, asking(f"https://{host}/v2/", private_ok=False))

    assert isinstance(fault, NetworkFault)
    assert fault.failure is Failure.DNS_NXDOMAIN


async def test_a_name_with_addresses_of_a_family_that_we_lack_is_a_failed_connection(opened: Open, monkeypatch: pytest.MonkeyPatch, dials: Dials):
    def system(host, port, family=0, type=0, proto=0, flags=0):  # its real names
        if flags & socket.AI_ADDRCONFIG:
            raise socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
        return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("2606:2800:220::1", port, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", system)
    transport = await opened(dials=dials)

    fault = await outcome(transport, asking("https://six.test/v2/", private_ok=False))

    assert isinstance(fault, NetworkFault)
    assert (fault.failure, dials.addresses) == (Failure.CONNECT_FAILED, ["2606:2800:220::1"])


async def test_the_systems_resolver_finds_this_machine(opened: Open, serve: Serve):
    wire = await serve(answering(OK))

    assert isinstance(await outcome(await opened(), asking(f"http://localhost:{wire.port}/")), Answer)
