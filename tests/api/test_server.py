"""The server around the routes: ids, headers, bounds of time and size, certificates that change, an end that answers, nothing left behind."""

from __future__ import annotations

import asyncio
import io
import json
import re
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientConnectorError, ClientSession, ServerDisconnectedError

from tests.api.conftest import Open, Service
from tests.cases.scripted import SECRET, USERNAME, Say, Scripted, err
from validator.api import server
from validator.errors import ConfigError
from validator.logs import configure_logging


@pytest.fixture
def log() -> io.StringIO:
    """The log's JSON lines from now on."""
    stream = io.StringIO()
    configure_logging("debug", stream=stream, json=True)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_request_has_its_id_back_and_in_the_log(service: Service, log: io.StringIO) -> None:
    answer = await service.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert answer.headers["X-Request-Id"] == "abc-1"
    problem = await service.get("/v1/sweeps", headers={"X-Request-Id": "abc-2"})
    assert problem.body["request_id"] == problem.headers["X-Request-Id"] == "abc-2"
    for bad in ("a b", "x" * 65, "<script>", ""):
        made = (await service.get("/healthz", headers={"X-Request-Id": bad})).headers["X-Request-Id"]
        assert re.fullmatch(r"[0-9a-f]{16}", made)
    assert [line["request_id"] for line in lines(log)[:2]] == ["abc-1", "abc-2"]


async def test_the_access_log_has_the_route_and_no_path_query_or_user(service: Service, log: io.StringIO) -> None:
    token = await service.token("read")
    await service.get("/v1/users/CANARY-ann/credentials?token=CANARY", token)
    await service.get("/CANARY?x=CANARY")
    first, second = lines(log)
    assert {key: first[key] for key in ("event", "method", "route", "status", "caller")} == {
        "event": "request_answered", "method": "GET", "route": "/v1/users/{user}/credentials", "status": 200, "caller": "token token-0",
    }  # fmt: skip
    assert second["route"] == "none"
    assert "CANARY" not in log.getvalue()
    assert token not in log.getvalue()


async def test_every_answer_says_how_it_may_be_used(service: Service) -> None:
    for answer in (await service.get("/healthz"), await service.get("/none"), await service.ask("PUT", "/v1/check")):
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"], answer.headers["Server"]) == (
            "no-store",
            "nosniff",
            "validator",
        )
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_another_method_is_405_with_those_that_are(service: Service) -> None:
    answer = await service.ask("DELETE", "/v1/sweeps")
    assert (answer.status, answer.kind, answer.headers["Allow"]) == (405, "method_not_allowed", "GET,HEAD,POST")
    assert (await service.ask("HEAD", "/healthz")).raw == b""


async def test_a_fault_of_ours_is_a_500_that_tells_nothing(service: Service, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(id_: str) -> None:
        raise RuntimeError("CANARY in the text of a fault")

    monkeypatch.setattr(service.house.ledger.tokens, "by_id", broken)
    answer = await service.get("/readyz")
    assert (answer.status, answer.kind, "CANARY" in answer.text) == (500, "our_fault", False)
    [fault] = [line for line in lines(log) if line["event"] == "fault_caught"]
    assert (fault["fault"], fault["request_id"], "CANARY" in log.getvalue()) == ("RuntimeError", answer.body["request_id"], False)
    assert "Traceback" not in log.getvalue()


async def test_ready_is_asked_of_the_parts(service: Service) -> None:
    assert (await service.get("/readyz")).body == {"status": "ready", "store": "ok", "ledger": "ok"}
    path = Path(service.house.ledger._database.path)

    async def gone(user: str, name: str) -> None:
        from validator.errors import StoreLost

        raise StoreLost(f"the database {path} cannot be opened any more")

    service.house.store.get = gone  # type: ignore[method-assign]
    answer = await service.get("/readyz")
    assert (answer.status, answer.kind, str(path) in answer.text) == (503, "not_ready", False)
    assert (await service.get("/healthz")).status == 200
    assert (await service.get("/v1/users/ann/credentials/x", await service.token("read"))).status == 503


async def raw(service: Service, sent: bytes) -> bytes:
    """What a socket gets for these bytes until the other side closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.url.port)
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


NO_REQUESTS = {
    "a bad field": (b"GET / HTTP/1.1\r\nHost: x\r\nAuthoriz ation: Bearer CANARY\r\n\r\n", b"400", b"bad_request"),
    "a bad method": (b"G@T /CANARY HTTP/1.1\r\nHost: x\r\n\r\n", b"400", b"bad_request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03CANARY" + b"\0" * 300, b"400", b"bad_request"),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"400", b"bad_request"),
    "a long field": (b"GET / HTTP/1.1\r\nHost: x\r\nX: CANARY" + b"a" * 9000 + b"\r\n\r\n", b"431", b"headers_too_large"),
    "a long path": (b"GET /CANARY" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431", b"headers_too_large"),
    "many fields": (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: CANARY\r\n" % n for n in range(150)) + b"\r\n", b"4", b"urn:validator:problem:"),
}


@pytest.mark.parametrize(("sent", "status", "kind"), NO_REQUESTS.values(), ids=NO_REQUESTS.keys())
async def test_what_is_no_request_is_answered_without_its_bytes(sent: bytes, status: bytes, kind: bytes, service: Service, log: io.StringIO) -> None:
    answer = await raw(service, sent)
    assert answer.split(b" ")[1].startswith(status)
    assert kind in answer
    assert b"application/problem+json" in answer
    assert b"CANARY" not in answer
    assert "CANARY" not in log.getvalue()


async def test_a_body_that_does_not_come_is_not_waited_for(opening: Open) -> None:
    async with opening(api={"body_s": 0.2}) as service:
        token = await service.token("preflight")
        head = f"POST /v1/preflight HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        answer = await raw(service, head.encode() + b'{"user')
        assert b"408" in answer.split(b"\r\n")[0]
        assert b"request_timeout" in answer


async def test_a_connection_that_says_nothing_is_closed(opening: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.2)
    async with opening() as service:
        assert await raw(service, b"") == b""
        assert await raw(service, b"GET / HTTP/1.1\r\nHost:") == b"", "half a header is nothing, too"


async def test_a_taken_port_is_one_sentence(service: Service, opening: Open) -> None:
    with pytest.raises(ConfigError, match=f"port {service.url.port} of 127.0.0.1 is taken"):
        async with opening(api={"port": service.url.port}):
            pass
    with pytest.raises(ConfigError, match="name an address of this machine"):
        async with opening(api={"host": "192.0.2.1"}):
            pass


async def test_a_stop_answers_what_is_in_flight_and_takes_nothing_more(opening: Open) -> None:
    async with Scripted({"L+": Say(200, delay_s=0.7), "L!": err("UNAUTHORIZED")}) as registry, ClientSession() as session:
        async with opening(registries=registry.settings()) as inner:
            service = Service(inner.house, inner.url, session)
            body = {"registry": registry.host, "username": USERNAME, "auth": SECRET}
            asked = asyncio.create_task(service.post("/v1/check", body, await service.token("check")))
            while not registry.count("L+"):
                await asyncio.sleep(0.01)
        assert (asked.done(), (await asked).status, inner.house.leaving) == (True, 200, True)
        with pytest.raises((ClientConnectorError, ServerDisconnectedError)):
            await service.get("/healthz")


async def test_a_stop_does_not_wait_for_ever(opening: Open) -> None:
    async with Scripted({"L+": Say(200, delay_s=3)}) as registry, ClientSession() as session:
        async with opening(registries=registry.settings(), api={"stop_s": 0.3}) as inner:
            service = Service(inner.house, inner.url, session)
            body = {"registry": registry.host, "username": USERNAME, "auth": SECRET}
            asked = asyncio.create_task(service.post("/v1/check", body, await service.token("check")))
            while not registry.count("L+"):
                await asyncio.sleep(0.01)
        with pytest.raises(ServerDisconnectedError):
            await asked


async def test_a_certificate_is_read_again_when_it_changes(opening: Open, tmp_path: Path, log: io.StringIO) -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def issue() -> int:
        made = authority.issue_cert("localhost")
        cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return int(ssl._ssl._test_decode_cert(str(cert))["serialNumber"], 16)  # type: ignore[attr-defined]

    async def served(port: int) -> int:
        _, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
        shown = writer.get_extra_info("peercert")["serialNumber"]
        writer.close()
        await writer.wait_closed()
        return int(shown, 16)

    first = issue()
    async with opening(api={"tls": {"cert_file": str(cert), "key_file": str(key)}}) as service:
        port = service.url.port or 0
        assert service.url.scheme == "https"
        assert await served(port) == first
        second = issue()
        assert second != first
        assert await served(port) == second
        whole = key.read_bytes()
        key.write_bytes(whole[:100])
        assert await served(port) == second, "half a file changes nothing"
        key.write_bytes(whole)
        third = issue()
        assert await served(port) == third
        cert.unlink()
        assert await served(port) == third
    assert [line["event"] for line in lines(log)].count("certificate_read") >= 2


@pytest.mark.parametrize("text", ["", "no certificate"])
async def test_a_certificate_of_no_use_is_one_sentence(text: str, opening: Open, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("cert_file", "key_file")}
    if text:
        for path in files.values():
            path.write_text(text)
    with pytest.raises(ConfigError, match=r"api\.tls: .* cannot be used"):
        async with opening(api={"tls": {name: str(path) for name, path in files.items()}}):
            pass


async def test_many_requests_leave_no_task_and_no_socket_behind(opening: Open) -> None:
    fast = {"pace": {"per_second": 1000, "burst": 1000, "in_flight": 50}}
    async with Scripted({}) as registry, opening(registries=registry.settings(**fast), api={"burst": 100_000, "per_second": 10_000}) as service:
        await service.keep("ann", "key", registry.host)
        token = await service.token()
        bodies = [("POST", "/v1/preflight", {"user": "ann", "images": ["NONE", f"{registry.host}/team/app"]}), ("GET", "/healthz", None),
                  ("GET", "/v1/users/ann/credentials", None), ("GET", "/none", None), ("POST", "/v1/preflight", {"images": 1}), ("GET", "/", None)]  # fmt: skip

        async def some(asker: Service, number: int) -> None:
            for method, path, body in bodies[: number % len(bodies) + 1]:
                await asker.ask(method, path, body, token=token)

        async def round_of(many: int) -> tuple[int, int]:
            """What is there when `many` callers have come and gone."""
            async with ClientSession() as session:
                asker = Service(service.house, service.url, session)
                await asyncio.gather(*(some(asker, number) for number in range(many)))
            return counted()

        before = after = await round_of(12)
        for _ in range(100):
            after = await round_of(6)
            if after[0] <= before[0] and after[1] <= before[1]:
                break
        assert [now <= then for now, then in zip(after, before, strict=True)] == [True, True], (before, after)


def counted() -> tuple[int, int]:
    """Tasks and open files of this process."""
    return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))
