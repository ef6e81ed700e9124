"""The network guard of conftest.py bites, and lets loopback through."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

OUTSIDE = {
    "IPv4": (socket.AF_INET, ("192.0.2.1", 9)),
    "private": (socket.AF_INET, ("10.0.0.1", 9)),
    "any": (socket.AF_INET, ("0.0.0.0", 9)),
    "IPv6": (socket.AF_INET6, ("2001:db8::1", 9, 0, 0)),
    "IPv4 in IPv6": (socket.AF_INET6, ("::ffff:192.0.2.1", 9, 0, 0)),
    "a name": (socket.AF_INET, ("example.invalid", 9)),
}


@pytest.mark.parametrize("way", ["connect", "connect_ex", "sendto"])
@pytest.mark.parametrize(("family", "address"), OUTSIDE.values(), ids=OUTSIDE.keys())
def test_an_address_outside_is_never_dialled(dialled, way, family, address):
    kind = socket.SOCK_DGRAM if way == "sendto" else socket.SOCK_STREAM
    with socket.socket(family, kind) as sock, pytest.raises(AssertionError, match="not on this machine"):
        sock.sendto(b"x", address) if way == "sendto" else getattr(sock, way)(address)
    assert dialled == [f"{address[0]}:9"]
    dialled.clear()


async def test_a_program_that_swallows_the_error_is_found_all_the_same(dialled):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(AssertionError):
            await session.get("http://192.0.2.1:9/")
    assert dialled == ["192.0.2.1:9"]
    dialled.clear()


async def test_no_name_is_looked_up_outside():
    with pytest.raises(socket.gaierror):
        await asyncio.get_running_loop().getaddrinfo("registry.example", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "0x7f.0.0.2"])
async def test_loopback_is_open(host):
    server = await asyncio.start_server(lambda _, writer: writer.close(), ["127.0.0.1", "127.0.0.2"], 0)
    async with server:
        port = next(sock.getsockname()[1] for sock in server.sockets if sock.getsockname()[0] == ("127.0.0.2" if host[-1] == "2" else "127.0.0.1"))
        reader, writer = await asyncio.open_connection(host, port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
