"""Error bodies as registries send them: README 2.5 and the vendors' pages."""

from __future__ import annotations

import json

import pytest

from validator.protocol.errcode import CODES, BodyShape, ErrorBody, read_error


def body(shape: BodyShape, code: str | None = None, text: str = "", *, codes: tuple[str, ...] | None = None, oauth: str | None = None) -> ErrorBody:
    return ErrorBody(shape=shape, code=code, codes=codes if codes is not None else ((code,) if code else ()), oauth=oauth, text=text)


E, O, J, H, T = BodyShape.ERRORS, BodyShape.OAUTH, BodyShape.JSON, BodyShape.HTML, BodyShape.TEXT  # noqa: E741

CASES: dict[str, tuple[bytes, str | None, ErrorBody]] = {
    "empty": (b"", "application/json", body(BodyShape.EMPTY)),
    "blanks": (b" \r\n", None, body(BodyShape.EMPTY)),
    "byte order mark alone": (b"\xef\xbb\xbf", None, body(BodyShape.EMPTY)),
    "distribution": (
        b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository"}]}]}',
        "application/json",
        body(E, "UNAUTHORIZED", "authentication required"),
    ),
    "detail a sentence": (
        b'{"errors":[{"code":"DENIED","message":"denied","detail":"by policy"}]}',
        None,
        body(E, "DENIED", "denied; by policy"),
    ),
    "HUB": (b'{"details":"incorrect username or password"}', "application/json", body(E, text="incorrect username or password")),
    "HUB 2024": (b'{"detail":"Incorrect authentication credentials"}', None, body(E, text="Incorrect authentication credentials")),
    "HUB limit": (
        b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}',
        None,
        body(E, "TOOMANYREQUESTS", "You have reached your pull rate limit."),
    ),
    "NGC details": (b'{"statusCode":401,"details":"BAD_CREDENTIAL"}', "text/plain", body(E, text="BAD_CREDENTIAL")),
    "NGC as text/plain, leading blanks": (
        b'\n  {"errors": [{"code": "DENIED", "message": "Access Denied"}]}',
        "text/plain",
        body(E, "DENIED", "Access Denied"),
    ),
    "NGC requestStatus": (
        b'{"requestStatus":{"statusCode":"UNAUTHORIZED","statusDescription":"Invalid API key.","requestId":"x"}}',
        None,
        body(E, "UNAUTHORIZED", "Invalid API key."),
    ),
    "GitLab message": (b'{"message":"401 Unauthorized"}', None, body(E, text="401 Unauthorized")),
    "GitLab status beside": (
        b'{"errors":[{"code":"DENIED","message":"access forbidden"}],"http_status":403}',
        None,
        body(E, "DENIED", "access forbidden"),
    ),
    "OAuth": (
        b'{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}',
        None,
        body(O, text="invalid_token; Token was revoked. You have to re-authorize from the user.", oauth="invalid_token"),
    ),
    "OAuth of one word only": (b'{"error":"insufficient_scope"}', None, body(O, text="insufficient_scope", oauth="insufficient_scope")),
    "Spring": (b'{"status":401,"error":"Unauthorized","path":"/t"}', None, body(O, text="Unauthorized", oauth="unauthorized")),
    "error unknown": (b'{"error":"nope"}', None, body(O, text="nope")),
    "Google": (b'{"error":{"code":401,"message":"Request had bad credentials"}}', None, body(O, text="Request had bad credentials")),
    "Artifactory": (b'{"errors":[{"status":401,"message":"Bad credentials"}]}', None, body(E, text="Bad credentials")),
    "Harbor": (
        b'{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"current image is vulnerable"}]}',
        None,
        body(E, "PROJECTPOLICYVIOLATION", "current image is vulnerable"),
    ),
    "lower case": (b'{"errors":[{"code":"toomanyrequests"}]}', None, body(E, "TOOMANYREQUESTS")),
    "order": (
        b'{"errors":[{"code":"MANIFEST_UNKNOWN"},{"code":"UNAUTHORIZED"},{"code":"DENIED"},{"code":"DENIED"}]}',
        None,
        body(E, "DENIED", codes=("MANIFEST_UNKNOWN", "UNAUTHORIZED", "DENIED")),
    ),
    "errors a string": (b'{"errors":"go away"}', None, body(E, text="go away")),
    "errors a number": (b'{"errors":7}', None, body(E)),
    "errors empty": (b'{"errors":[]}', None, body(E)),
    "errors null": (b'{"errors":null}', None, body(E)),
    "errors an object": (b'{"errors":{"code":"DENIED","message":"no"}}', None, body(E, "DENIED", "no")),
    "errors of strings": (b'{"errors":["a","b","a",null,3]}', None, body(E, text="a; b")),
    "code a number": (b'{"errors":[{"code":401,"message":"no"}]}', None, body(E, text="no")),
    "SEC-17 a secret as a code": (b'{"errors":[{"code":"HUNTER2","message":"no"}]}', None, body(E, text="no")),
    "SEC-17 a secret as OAuth's": (b'{"error":"hunter2"}', None, body(O, text="hunter2")),
    "two documents": (b'{"errors":[{"code":"DENIED"}]}\n{"errors":[]}', None, body(E, "DENIED")),
    "a document and words": (b'{"errors":[]} oops', None, body(T, text='{"errors":[]} oops')),
    "byte order mark": (b'\xef\xbb\xbf{"errors":[{"code":"DENIED"}]}', None, body(E, "DENIED")),
    "JSON as text/html": (b'{"errors":[{"code":"DENIED"}]}', "text/html", body(E, "DENIED")),
    "problem": (b'{"type":"about:blank","title":"Internal Server Error","status":500}', None, body(J, text="Internal Server Error")),
    "a token": (b'{"token":"x"}', None, body(J)),
    "{}": (b"{}", None, body(J)),
    "Quay's true": (b"true", None, body(J)),
    "a JSON string": (b'"unauthorized"', None, body(J, text="unauthorized")),
    "nginx": (
        b"<html>\r\n<head><title>401 Authorization Required</title></head><body><center><h1>401 Authorization Required</h1></center></body></html>",
        "text/html",
        body(H, text="401 Authorization Required 401 Authorization Required"),
    ),
    "NET-20": (
        b"<!DOCTYPE html><html><head><title>Just a moment...</title><style>a<b{}</style></head><body><!-- x > y --><script>var a='<b>';</script >"
        b"<p>Checking&nbsp;your&lt;browser</p></body>",
        "text/html; charset=UTF-8",
        body(H, text="Just a moment... Checking your<browser"),
    ),
    "markup without a type": (b" <p>hi", None, body(H, text="hi")),
    "storage's XML": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "application/xml", body(H, text="AccessDenied")),
    "HTML without a tag": (b"Forbidden", "text/html", body(H, text="Forbidden")),
    "script left open": (b"<p>a<script>b", "text/html", body(H, text="a")),
    "comment left open": (b"<p>a<!--b>", "text/html", body(H, text="a")),
    "tag left open": (b"a<b", "text/html", body(H, text="a")),
    "GitLab's ban": (b"Forbidden\n", "text/plain", body(T, text="Forbidden")),
    "HTML's type on nothing": (b"", "text/html", body(BodyShape.EMPTY)),
    "binary": (b"\xff\x00\x1b[31mx", None, body(T, text="\ufffdx")),
    "SEC-16 ANSI": (
        rb'{"errors":[{"code":"UNAUTHORIZED","message":"\u001b[31mno\u001b[0m <script>"}]}',
        None,
        body(E, "UNAUTHORIZED", "no <script>"),
    ),
    "SEC-28 deep": (b'{"errors":' * 5000, None, body(T, text="")),
    "SEC-28 duplicate keys": (b'{"errors":[],"errors":[]}', None, body(T, text='{"errors":[],"errors":[]}')),
}


@pytest.mark.parametrize(("raw", "content_type", "expected"), CASES.values(), ids=CASES.keys())
def test_an_error_body_is_read(raw: bytes, content_type: str | None, expected: ErrorBody) -> None:
    assert read_error(raw, content_type) == expected


@pytest.mark.parametrize("winner", range(len(CODES)), ids=CODES)
def test_the_first_known_code_by_the_order_wins(winner: int) -> None:
    errors = [{"code": code} for code in reversed(CODES[winner:])]
    assert read_error(json.dumps({"errors": errors}).encode(), None).code == CODES[winner]


def test_words_are_cut_between_words() -> None:
    secret = "hunter2" * 10
    text = read_error(json.dumps({"message": "word " * 90 + secret}).encode(), None).text
    assert len(text) < 500
    assert "hunter" not in text
    assert read_error(json.dumps({"message": "x" * 500}).encode(), None).text == "x" * 500
    assert read_error(json.dumps({"message": "x" * 501}).encode(), None).text == ""


def test_a_body_is_read_to_its_limit() -> None:
    assert read_error(b"<p>soon" + b" " * 70_000 + b"late", None).text == "soon"


HOSTILE = {
    "SEC-16 1 MB": json.dumps({"message": "x " * 500_000}).encode(),
    "scripts left open": b"<script" * 100_000,
    "styles within": b"<style></style" * 100_000,
    "comments left open": b"<!--" * 100_000,
    "tags left open": b"<" * 1_000_000,
    "escapes left open": b"\x1b]" * 500_000,
    "CSI left open": b"\x1b[0" * 300_000,
    "entities": b"<p>" + b"&" * 1_000_000,
    "quotes": b'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["' + b'\\"' * 500_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.timeout(5)
def test_hostile_bodies_end_soon_and_are_short(raw: bytes) -> None:
    assert len(read_error(raw, None).text) <= 500
