"""Odd but lawful answers, byte by byte: what a strict reader trips over and an honest server may send."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.cases.network import World
from tests.cases.servers import IMAGE, REALM, bare, manifest, refused, reply, shown
from validator.emulator.hostile import Script

VALID, REFUSED = "valid (login_accepted)", "invalid (refused)"
BEARER: Final = "bearer-of-the-subject-1"
JSON: Final = json.dumps({"token": BEARER, "expires_in": 300}).encode()
DEMAND: Final = f'Bearer realm="{REALM}",service="reg.test"'
ERROR: Final = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'


def raw(head: str, body: bytes = b"", *, keep: bool = False) -> Script:
    """An answer as it stands: `head` without the empty line."""
    return Script((head.encode() + b"\r\n\r\n" + body,), keep)


def sized(body: bytes, first: str = "HTTP/1.1 200 OK", *fields: str) -> Script:
    return raw("\r\n".join([first, *fields, f"Content-Length: {len(body)}"]), body, keep=True)


def chunks(*pieces: bytes, extension: str = "", trailer: str = "", name: str = "chunked") -> bytes:
    """A body in chunks, with the fields that say so before it."""
    framed = b"".join(f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return f"Transfer-Encoding: {name}\r\n\r\n".encode() + framed + b"0\r\n" + trailer.encode() + b"\r\n"


def chunked(first: str, *pieces: bytes, **more: str) -> Script:
    return Script((first.encode() + b"\r\n" + chunks(*pieces, **more),), keep=True)


OK: Final = "HTTP/1.1 200 OK"
YES: Final[dict[str, Script]] = {
    "HTTP/1.0 with its length": raw(f"HTTP/1.0 200 OK\r\nContent-Length: {len(JSON)}", JSON),
    "HTTP/1.0 to the end": raw("HTTP/1.0 200 OK\r\nContent-Type: application/json", JSON),
    "HTTP/1.0 kept alive": raw(f"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: {len(JSON)}", JSON, keep=True),
    "to the end": raw("HTTP/1.1 200 OK\r\nConnection: close", JSON),
    "one chunk": chunked(OK, JSON),
    "byte by byte": chunked(OK, *(bytes([byte]) for byte in JSON)),
    "chunks with an extension": chunked(OK, JSON[:9], JSON[9:], extension=";name=value"),
    "chunks with a trailer": chunked(OK, JSON, trailer="X-Sum: 1\r\n"),
    "Chunked": chunked(OK, JSON, name="Chunked"),
    "early hints": Script((b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n", *sized(JSON).steps), keep=True),
    "continue": Script((b"HTTP/1.1 100 Continue\r\n\r\n", *sized(JSON).steps), keep=True),
    "no reason": sized(JSON, "HTTP/1.1 200 "),
    "no reason and no blank": sized(JSON, "HTTP/1.1 200"),
    "another reason": sized(JSON, "HTTP/1.1 200 Alles in Ordnung"),
    "shouted names": sized(JSON, OK, "CONTENT-TYPE:application/json", "DATE:now"),
    "blanks around a value": sized(JSON, OK, "Content-Type:   application/json;  charset=UTF-8  "),
    "no type": sized(JSON),
    "another type": sized(JSON, OK, "Content-Type: text/html; charset=iso-8859-1"),
    "two types": sized(JSON, OK, "Content-Type: application/json", "Content-Type: text/plain"),
    "identity": sized(JSON, OK, "Content-Encoding: identity"),
    "many fields": sized(JSON, OK, *(f"X-Field-{number}: {'x' * 40}" for number in range(150))),
    "a long field": sized(JSON, OK, f"Content-Security-Policy: {'x' * 9000}"),
    "Latin-1 in a field": Script((b"HTTP/1.1 200 OK\r\nServer: caf\xe9\r\n" + f"Content-Length: {len(JSON)}\r\n\r\n".encode() + JSON,), keep=True),
    "a byte order mark": sized(b"\xef\xbb\xbf" + JSON),
    "white space around": sized(b"\r\n\t " + JSON + b"\n\n"),
    "unknown fields": sized(
        json.dumps(
            {"scope": "", "refresh_token": None, "x": {"y": [1, {"z": None}]}, "token": BEARER, "token_type": "Bearer", "not-before-policy": 0}
        ).encode()
    ),
    "an empty access_token": sized(json.dumps({"access_token": "", "token": BEARER}).encode()),
    "no access_token": sized(json.dumps({"access_token": None, "token": BEARER}).encode()),
    "escapes": sized(b'{"token":"bearer\\u002dof\\u002dthe\\u002dsubject\\u002d1"}'),
    "a life in words": sized(json.dumps({"token": BEARER, "expires_in": "soon", "issued_at": {}}).encode()),
    "a life of 300.5": sized(json.dumps({"token": BEARER, "expires_in": 300.5}).encode()),
}


@pytest.mark.parametrize("script", YES.values(), ids=YES)
async def test_an_odd_yes_is_a_yes(script: Script, world: World) -> None:
    await world.serve({"L+": script, "T+": script})
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (pull_proven)", "pullable (pull_ok)")


REFUSALS: Final[dict[str, Script]] = {
    "HTTP/1.0": raw("HTTP/1.0 401 Unauthorized\r\nContent-Type: application/json", ERROR),
    "chunks": chunked("HTTP/1.1 401 Unauthorized", ERROR[:20], ERROR[20:]),
    "an empty chunked body": chunked("HTTP/1.1 401 Unauthorized"),
    "no length, no body": raw("HTTP/1.1 401 Unauthorized\r\nConnection: close"),
    "no reason": sized(ERROR, "HTTP/1.1 401"),
    "typed as a page": sized(ERROR, "HTTP/1.1 401 Unauthorized", "Content-Type: text/html"),
    "blanks": sized(b" \r\n", "HTTP/1.1 401 Unauthorized"),
    "a mark": sized(b"\xef\xbb\xbf" + ERROR, "HTTP/1.1 401 Unauthorized"),
    "twice": sized(ERROR + b"\n" + ERROR, "HTTP/1.1 401 Unauthorized"),
    "details": sized(b'{"details":"bad credentials"}', "HTTP/1.1 401 Unauthorized"),
    "detail": sized(b'{"detail":"Incorrect authentication credentials."}', "HTTP/1.1 401 Unauthorized"),
    "message": sized(b'{"message":"unauthorized","status":401}', "HTTP/1.1 401 Unauthorized"),
    "OAuth": sized(b'{"error":"invalid_client","error_description":"bad"}', "HTTP/1.1 401 Unauthorized"),
    "OAuth without words": sized(b'{"error":"unauthorized"}', "HTTP/1.1 401 Unauthorized"),
    "its challenge again": sized(ERROR, "HTTP/1.1 401 Unauthorized", f"WWW-Authenticate: {DEMAND}"),
    "a Basic challenge": sized(b"", "HTTP/1.1 401 Unauthorized", 'WWW-Authenticate: Basic realm="x"'),
    "errors as a text": sized(b'{"errors":"unauthorized"}', "HTTP/1.1 401 Unauthorized"),
    "no errors": sized(b'{"errors":[]}', "HTTP/1.1 401 Unauthorized"),
    "a text and a Basic challenge": sized(
        b"Auth failed.\n", "HTTP/1.1 401 Unauthorized", "Content-Type: text/plain", 'WWW-Authenticate: Basic realm="x"'
    ),
    "null": sized(b'{"errors":null}', "HTTP/1.1 401 Unauthorized"),
}


@pytest.mark.parametrize("script", REFUSALS.values(), ids=REFUSALS)
async def test_an_odd_no_is_a_no(script: Script, world: World) -> None:
    site = await world.serve({"L+": script})
    assert (await world.check()).credential == REFUSED
    assert site.steps.count("L+") == 2


DOUBTS: Final[dict[str, tuple[Script, str]]] = {
    "401, a text": (sized(b"Auth failed.", "HTTP/1.1 401 Unauthorized", "Content-Type: text/plain"), "unknown (ambiguous_refusal)"),
    "401, a list": (sized(b"[]", "HTTP/1.1 401 Unauthorized"), "unknown (ambiguous_refusal)"),
    "401, a page": (sized(b"<html>no</html>", "HTTP/1.1 401 Unauthorized"), "unknown (waf_block)"),
    "401, an account that is locked": (refused(message="Too many failed attempts: your account is temporarily locked"), "unknown (account_locked)"),
    "401, for now": (refused(message="Too many failed attempts"), "unknown (throttled)"),
    "401, it is ill": (refused(code="UNAVAILABLE"), "unknown (server_error)"),
    "403, empty": (sized(b"", "HTTP/1.1 403 Forbidden"), "unknown (ambiguous_refusal)"),
    "200, a text": (sized(b"OK"), "unknown (protocol)"),
    "200, empty": (sized(b""), "unknown (protocol)"),
    "200, no body and no length": (raw("HTTP/1.1 200 OK\r\nConnection: close"), "unknown (protocol)"),
    "201": (sized(JSON, "HTTP/1.1 201 Created"), "unknown (protocol)"),
    "203": (sized(JSON, "HTTP/1.1 203 Non-Authoritative Information"), "unknown (protocol)"),
    "204": (raw("HTTP/1.1 204 No Content", keep=True), "unknown (protocol)"),
    "304": (raw("HTTP/1.1 304 Not Modified", keep=True), "unknown (protocol)"),
    "300": (sized(b"", "HTTP/1.1 300 Multiple Choices"), "unknown (protocol)"),
    "599": (sized(b"", "HTTP/1.1 599 Network"), "unknown (server_error)"),
    "299": (sized(JSON, "HTTP/1.1 299 Odd"), "unknown (protocol)"),
    "451": (sized(b"", "HTTP/1.1 451 Unavailable For Legal Reasons"), "unknown (protocol)"),
    "402": (sized(b"", "HTTP/1.1 402 Payment Required"), "unknown (protocol)"),
}


@pytest.mark.parametrize(("script", "wanted"), DOUBTS.values(), ids=DOUBTS)
async def test_what_is_neither_is_neither(script: Script, wanted: str, world: World) -> None:
    site = await world.serve({"L+": script})
    assert (await world.check()).credential == wanted
    assert site.steps.count("L+") == 1


UNAUTHORIZED: Final = "HTTP/1.1 401 Unauthorized"
PINGS: Final[dict[str, Script]] = {
    "HTTP/1.0": raw(f"HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: {DEMAND}"),
    "lower case": sized(b"", UNAUTHORIZED, f"www-authenticate: {DEMAND}"),
    "chunks": Script((f"{UNAUTHORIZED}\r\nWWW-Authenticate: {DEMAND}\r\n".encode() + chunks(b"{}"),), keep=True),
    "a page": sized(b"<html><h1>401 Authorization Required</h1></html>", UNAUTHORIZED, f"WWW-Authenticate: {DEMAND}", "Content-Type: text/html"),
    "three fields": sized(b"", UNAUTHORIZED, "WWW-Authenticate: Negotiate", 'WWW-Authenticate: Basic realm="x"', f"WWW-Authenticate: {DEMAND}"),
    "one field": sized(b"", UNAUTHORIZED, f'WWW-Authenticate: Negotiate, NTLM TlRMTVNTUAAB, Digest realm="d", nonce="n", {DEMAND}'),
    "no quotes": sized(b"", UNAUTHORIZED, f"WWW-Authenticate: Bearer realm={REALM}, service=reg.test, scope=registry:catalog:*"),
    "blanks and tabs": sized(b"", UNAUTHORIZED, f'WWW-Authenticate: \tBEARER\tRealm = "{REALM}"\t,\t service =  "reg.test"'),
    "no commas": sized(b"", UNAUTHORIZED, f'WWW-Authenticate: Bearer realm="{REALM}" service="reg.test"'),
    "a comma at the end": sized(b"", UNAUTHORIZED, f"WWW-Authenticate: {DEMAND},"),
    "an empty scope": sized(b"", UNAUTHORIZED, f'WWW-Authenticate: {DEMAND},scope=""'),
    "an error in it": sized(b"", UNAUTHORIZED, f'WWW-Authenticate: {DEMAND},error="invalid_token",error_description="no token"'),
    "unknown parameters": sized(b"", UNAUTHORIZED, f'WWW-Authenticate: Bearer charset="UTF-8", as_uri="https://as.test/", realm="{REALM}", x=1'),
    "to the end": raw(f"{UNAUTHORIZED}\r\nConnection: close\r\nWWW-Authenticate: {DEMAND}", ERROR),
    "a port that is the usual one": sized(b"", UNAUTHORIZED, 'WWW-Authenticate: Bearer realm="https://auth.reg.test:443/token"'),
    "a query": sized(b"", UNAUTHORIZED, f'WWW-Authenticate: Bearer realm="{REALM}?account=&tenant=a%20b",service="reg.test"'),
    "shouted": sized(b"", UNAUTHORIZED, 'WWW-Authenticate: Bearer realm="HTTPS://AUTH.REG.TEST/token",service="reg.test"'),
}


@pytest.mark.parametrize("script", PINGS.values(), ids=PINGS)
async def test_an_odd_challenge_is_a_challenge(script: Script, world: World) -> None:
    site = await world.serve({"P": script})
    assert (await world.check()).credential == VALID
    assert site.steps == ["P", "L+", "L!"]


HEADS: Final[dict[str, dict[str, Any]]] = {
    "a type with a charset": {"kind": "application/vnd.oci.image.manifest.v1+json; charset=utf-8"},
    "a shouted type": {"kind": "APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON"},
}


@pytest.mark.parametrize("more", HEADS.values(), ids=HEADS)
async def test_an_odd_manifest_is_a_manifest(more: dict[str, Any], world: World) -> None:
    await world.serve({"H+": shown(manifest(), head=True, **more)})
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (pull_proven)", "pullable (pull_ok)")


HEADLESS: Final[dict[str, Script]] = {
    "HTTP/1.0": raw("HTTP/1.0 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json"),
    "no length": raw("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json", keep=True),
    "said to be in chunks": raw(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nTransfer-Encoding: chunked", keep=True
    ),
}


@pytest.mark.parametrize("script", HEADLESS.values(), ids=HEADLESS)
async def test_a_head_has_no_body_whatever_it_says(script: Script, world: World) -> None:
    await world.serve({"H+": script, "H0": bare(refused())})
    result = await world.check("--image", IMAGE)
    assert (result.credential, result.image) == ("valid (pull_proven)", "pullable (pull_ok)")


async def test_a_token_endpoint_may_lie_at_the_registrys_root(world: World) -> None:
    """A realm that ends in /v2/ is a token endpoint all the same."""
    site = await world.serve({"P": sized(b"", UNAUTHORIZED, 'WWW-Authenticate: Bearer realm="https://auth.reg.test/v2/"')})
    site.script("P+", sized(JSON))
    site.script("P!", refused())
    assert (await world.check()).credential == VALID
    site.script("P+", reply(200, {}))
    assert (await world.check()).credential == "unknown (protocol)"
