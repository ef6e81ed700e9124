"""The hostile server does on the wire what its scripts say, and its record proves what came."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from typing import Any

import aiohttp
import pytest
import trustme

from validator.emulator.hostile import Hostile, Proxy, full_backlog
from validator.emulator.hostile.scripts import (
    bad_chunking,
    big_body,
    chunks_without_end,
    cut_body,
    deep_json,
    drip,
    drop,
    endless_body,
    garbage,
    gzip_bomb,
    gzip_members,
    half_head,
    head_with_body,
    headers_then_silence,
    http_09,
    late,
    long_challenge,
    long_number,
    many_challenges,
    many_fields,
    nul_in_field,
    reply,
    reset,
    silence,
    slow_headers,
    two_lengths,
)

REQUEST = b"GET /v2/?service=x&scope=y HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YTpi\r\nX-Odd: 1\r\n\r\n"


async def raw(server: Hostile, sent: bytes = REQUEST, most: int = 4_000_000) -> bytes:
    """All that comes until the server closes, at most `most` bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(sent)
        got = b""
        async with asyncio.timeout(5):
            while len(got) < most and (piece := await reader.read(65536)):
                got += piece
        return got
    finally:
        writer.close()


WHOLE: dict[str, tuple[Any, bytes]] = {
    "drop": (drop(), b""),
    "half a head": (half_head(), b"HTTP/1.1 200 OK\r\nContent-Type: applic"),
    "no head at all": (http_09(b"hello"), b"hello"),
    "garbage": (garbage(), bytes(range(256)) * 4),
    "cut body": (
        cut_body(401, b"{}", missing=3),
        b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{}",
    ),
    "bad chunk": (
        bad_chunking(b"{}"),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ),
    "chunks without end": (
        chunks_without_end(b"{}"),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ),
    "two lengths": (two_lengths(b"{}"), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\n{}"),
    "NUL in a field": (
        nul_in_field(200, b"{}"),
        b"HTTP/1.1 200 OK\r\nX-Odd: a\x00b\x07c\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    ),
    "dripped whole": (drip(b"ab", every_s=0.001), b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\nab"),
    "late": (late(0.001, drop()), b""),
    "slow fields": (slow_headers(every_s=0.0001, count=2), b"HTTP/1.1 200 OK\r\nX-Slow-0: 1\r\nX-Slow-1: 1\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize(("script", "expected"), WHOLE.values(), ids=WHOLE.keys())
async def test_a_script_sends_exactly_its_bytes_and_closes(script: Any, expected: bytes) -> None:
    async with Hostile({"/v2/": script}) as server:
        assert await raw(server) == expected


async def test_a_request_for_head_gets_a_body_where_the_script_says_so() -> None:
    async with Hostile({"/v2/": head_with_body(b"{}")}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HEAD /v2/ HTTP/1.1\r\nHost: h\r\n\r\n")
        got = await reader.readuntil(b"{}")
        writer.close()
    assert got.endswith(b"Content-Length: 2\r\n\r\n{}")


SIZES: dict[str, tuple[Any, int]] = {
    "10 000 fields": (many_fields(), 10_000 * len("X-Field-0: 0\r\n")),
    "1 MB challenge": (long_challenge(), 1_000_000),
    "10 000 challenges": (many_challenges(), 10_000 * len('Scheme0 realm="r0", ')),
    "deep JSON": (deep_json(), 200_000),
    "long number": (long_number(1), 1024 * 1024),
    "many gzip members": (gzip_members(), 100_000 * 20),
}


@pytest.mark.parametrize(("script", "least"), SIZES.values(), ids=SIZES.keys())
async def test_a_big_answer_is_as_big_as_it_says(script: Any, least: int) -> None:
    async with Hostile({"/v2/": script}) as server:
        assert len(await raw(server)) > least


async def test_a_bomb_is_small_on_the_wire_and_large_unpacked() -> None:
    async with Hostile({"/v2/": gzip_bomb(20)}) as server:
        got = (await raw(server)).partition(b"\r\n\r\n")[2]
    assert len(got) < 40_000
    assert len(zlib.decompress(got, 31)) == 20 * 1024 * 1024


async def test_an_endless_body_lasts_until_the_client_goes_and_stops_with_the_server() -> None:
    async with Hostile({"/v2/": endless_body()}) as server:
        assert len(await raw(server, most=3_000_000)) >= 3_000_000
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        await reader.read(10)
        async with asyncio.timeout(3):
            await server.stop()
        writer.close()
    assert not server._tasks
    assert not server._writers


@pytest.mark.parametrize("script", [silence(), headers_then_silence(), drip(b"abc", every_s=60), slow_headers(every_s=60)], ids=str)
async def test_a_server_that_waits_stops_at_once(script: Any) -> None:
    async with Hostile({"/v2/": script}) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        async with asyncio.timeout(3):
            await server.arrived(1)
            await server.stop()
        writer.close()
    assert not server._tasks


async def test_a_reset_is_one() -> None:
    async with Hostile({"/v2/": reset()}) as server:
        with pytest.raises(ConnectionResetError):
            await raw(server)


async def test_scripts_play_in_order_and_the_last_stays() -> None:
    answers: dict[str, Any] = {"GET /v2/": (reply(503), reply(401), reply(200, {"token": "x"})), "/v2/": reply(405)}
    async with Hostile(answers) as server, aiohttp.ClientSession() as session:
        statuses = [(await session.get(server.url("/v2/"))).status for _ in range(4)]
        statuses.append((await session.head(server.url("/v2/"))).status)
        statuses.append((await session.get(server.url("/elsewhere"))).status)
        assert statuses == [503, 401, 200, 200, 405, 404]
        assert server.connections == 1


async def test_the_record_tells_names_and_never_a_secret() -> None:
    async with Hostile({"/v2/": drop()}, secrets={"good": "b"}) as server:
        await raw(server)
        await raw(server, b"GET /v2/ HTTP/1.1\r\nAuthorization: Bearer zzz\r\n\r\n")
        await raw(server, b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n")
        shown = [
            (seen.method, seen.path, seen.query, seen.fields, seen.authorization, seen.username, seen.secret_name, seen.connection)
            for seen in server.requests
        ]
        assert shown == [
            ("GET", "/v2/", ("service", "scope"), ("host", "authorization", "x-odd"), "basic", "a", "good", 1),
            ("GET", "/v2/", (), ("authorization",), "bearer", None, "unknown", 2),
            ("GET", "/v2/", (), ("host",), "none", None, None, 3),
        ]
        assert server.count(secret_name="good") == 1
        assert server.asked == 3
        assert "zzz" not in repr(server.requests)


async def test_a_client_that_sends_again_is_seen_twice() -> None:
    async with Hostile({"/v2/": drop()}, secrets={"good": "b"}) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get(server.url("/v2/"), headers={"Authorization": "Basic YTpi"})
        assert server.count(secret_name="good") == 2


@pytest.mark.parametrize("how", ["close", "reset", "silence"])
async def test_a_connection_can_end_before_anything_is_read(how: Any) -> None:
    async with Hostile({"/v2/": reply(200)}) as server:
        server.at_connect = how
        if how == "silence":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await raw(server)
        else:
            with contextlib.suppress(ConnectionError):
                assert await raw(server) == b""
        assert server.asked == 0
        assert server.connections == 1


async def test_a_large_body_is_whole_and_the_connection_goes_on() -> None:
    async with Hostile({"/v2/": big_body(5)}) as server, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(server.url("/v2/")) as answer:
                assert len(await answer.read()) == 5 * 1024 * 1024
        assert server.connections == 1


async def test_it_speaks_tls_and_keeps_its_port_over_a_restart() -> None:
    authority = trustme.CA()
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusting)
    server = Hostile({"/v2/": reply(200, keep=False)})
    await server.start(ssl=served)
    port = server.port
    async with aiohttp.ClientSession() as session:
        assert server.url("/v2/") == f"https://127.0.0.1:{port}/v2/"
        assert (await session.get(server.url("/v2/"), ssl=trusting)).status == 200
        await server.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(server.url("/v2/"), ssl=trusting)
        await server.start()
        assert (server.port, server.url()) == (port, f"http://127.0.0.1:{port}")
        assert (await session.get(server.url("/v2/"))).status == 200
        await server.stop()


async def test_a_full_backlog_swallows_connections() -> None:
    async with full_backlog() as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.open_connection("127.0.0.1", port)


async def test_a_working_proxy_forwards_without_its_own_login() -> None:
    async with Hostile({"/v2/": reply(200, {"ok": 1})}, secrets={"good": "b"}) as server, Proxy(login=("p", "s")) as proxy:
        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": "Basic YTpi", "Proxy-Authorization": "Basic cDpz"}
            async with session.get(server.url("/v2/?scope=q"), proxy=proxy.url, headers=headers) as answer:
                assert await answer.json() == {"ok": 1}
            async with session.post(server.url("/v2/"), proxy=proxy.url, data=b"body", headers=headers) as answer:
                assert await answer.json() == {"ok": 1}
            async with session.get(server.url("/v2/"), proxy=proxy.url) as answer:
                assert (answer.status, answer.headers["Proxy-Authenticate"]) == (407, 'Basic realm="proxy"')
        assert "proxy-authorization" not in server.requests[0].fields
        assert server.requests[0].secret_name == "good"
        assert server.asked == 2
        shown = [(seen.method, seen.target, seen.proxy_username, seen.authorization, seen.status) for seen in proxy.requests]
        url = server.url("/v2/")
        assert shown == [("GET", url, "p", True, 200), ("POST", url, "p", True, 200), ("GET", url, None, False, 407)]


async def connect(proxy: Proxy, target: str) -> tuple[bytes, bytes]:
    """The proxy's status line, then what comes through the tunnel for a GET."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        line = await reader.readline()
        if b" 200 " not in line:
            return line, b""
        await reader.readuntil(b"\r\n")
        writer.write(b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n")
        return line, await reader.read()
    finally:
        writer.close()


async def test_a_working_proxy_tunnels_to_its_routes_alone() -> None:
    async with Hostile({"/v2/": reply(200, b"inside", keep=False)}) as server, Proxy(routes={"reg.test:443": ("127.0.0.1", 0)}) as proxy:
        proxy.routes["reg.test:443"] = ("127.0.0.1", server.port)
        line, inside = await connect(proxy, "reg.test:443")
        assert line.startswith(b"HTTP/1.1 200 ")
        assert inside.endswith(b"inside")
        assert (await connect(proxy, "example.test:443"))[0].startswith(b"HTTP/1.1 403 ")


REFUSALS = [("407", b"HTTP/1.1 407"), ("connect_403", b"HTTP/1.1 403"), ("connect_502", b"HTTP/1.1 502"), ("drops", b"")]


@pytest.mark.parametrize(("mode", "line"), REFUSALS)
async def test_a_proxy_refuses_as_its_mode_says(mode: Any, line: bytes) -> None:
    async with Hostile({"/v2/": reply(200)}) as server, Proxy(mode=mode) as proxy:
        got, _ = await connect(proxy, server.authority)
        assert got.startswith(line)
        assert bool(got) == bool(line)
        assert server.connections == 0


async def test_a_proxy_stops_with_a_tunnel_open() -> None:
    async with Hostile({"/v2/": silence()}) as server, Proxy() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"CONNECT {server.authority} HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(3):
            await proxy.stop()
        writer.close()
    assert not proxy._tasks
