"""Token answers and what a JWT says of itself: cases.md GEN-10 to GEN-13, SEC-15, SEC-28."""

from __future__ import annotations

import base64
import json

import pytest

from validator.protocol.token import Access, TokenClaims, bearer_life_s, parse_claims, parse_token_answer, read_jwt_payload

NOW = 1_800_000_000.0


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def jwt(payload: object, header: object = None) -> str:
    return f"{part(header or {'alg': 'RS256', 'typ': 'JWT'})}.{part(payload)}.c2ln"


ANSWERS: dict[str, tuple[bytes, str | None]] = {
    "token": (b'{"token": "x"}', "x"),
    "GEN-10 only access_token": (b'{"access_token": "x"}', "x"),
    "GEN-11 they differ": (b'{"token": "old", "access_token": "new"}', "new"),
    "empty access_token beside a token": (b'{"token": "x", "access_token": "", "expires_in": 1800}', "x"),
    "null access_token": (b'{"token": "x", "access_token": null}', "x"),
    "unknown fields": (b'{"token": "x", "refresh_token": "y", "issued_at": "garbage", "z": [1]}', "x"),
    "byte order mark": (b'\xef\xbb\xbf{"token": "x"}', "x"),
    "GEN-12 {}": (b"{}", None),
    "GEN-12 empty": (b'{"token": ""}', None),
    "GEN-12 number": (b'{"token": 7}', None),
    "GEN-12 list": (b"[]", None),
    "GEN-12 empty body": (b"", None),
    "access_token odd beside a token": (b'{"token": "x", "access_token": 7}', None),
    "true": (b'{"token": true}', None),
    "blank": (b'{"token": " "}', None),
    "blank within": (b'{"token": "a b"}', None),
    "html": (b"<html>", None),
    "SEC-15 CR LF": (rb'{"token": "a\r\nX-Evil: 1"}', None),
    "SEC-15 line end": (rb'{"token": "a\n"}', None),
    "SEC-15 NUL": (rb'{"token": "a\u0000"}', None),
    "SEC-15 20 KiB": (b'{"token": "' + b"a" * 20_480 + b'"}', None),
    "16 KiB": (b'{"token": "' + b"a" * 16_384 + b'"}', "a" * 16_384),
    "non-ASCII": ('{"token": "é"}'.encode(), None),
    "SEC-28 token twice": (b'{"token": "a", "token": "b"}', None),
    "SEC-28 lone surrogate": (rb'{"token": "\ud800"}', None),
}


@pytest.mark.parametrize(("body", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
def test_a_token_is_taken_only_if_it_may_travel_in_a_header(body: bytes, expected: str | None) -> None:
    answer = parse_token_answer(body)
    assert (answer and answer.bearer.get_secret_value()) == expected


def test_an_answer_shows_no_token() -> None:
    assert "canary" not in repr(parse_token_answer(b'{"token": "canary"}'))


LIVES: dict[str, tuple[dict[str, object], float]] = {
    "default": ({}, 60),
    "GEN-13 number": ({"expires_in": 300}, 300),
    "GEN-13 zero": ({"expires_in": 0}, 0),
    "GEN-13 negative": ({"expires_in": -1}, 0),
    "GEN-13 string": ({"expires_in": "300"}, 300),
    "GEN-13 1e18": ({"expires_in": 1e18}, 3600),
    "float": ({"expires_in": 90.5}, 90.5),
    "string of a float": ({"expires_in": " 90.5 "}, 90.5),
    "900 digits": ({"expires_in": int("9" * 900)}, 3600),
    "garbage": ({"expires_in": "soon"}, 60),
    "a word for no number": ({"expires_in": "nan"}, 60),
    "true": ({"expires_in": True}, 60),
    "null": ({"expires_in": None}, 60),
    "list": ({"expires_in": [300]}, 60),
    "exp sooner": ({"token": jwt({"exp": NOW + 20}), "expires_in": 300}, 20),
    "exp later": ({"token": jwt({"exp": NOW + 900}), "expires_in": 300}, 300),
    "exp later than the default": ({"token": jwt({"exp": NOW + 900})}, 60),
    "exp past": ({"token": jwt({"exp": NOW - 5}), "expires_in": 300}, 0),
    "exp odd": ({"token": jwt({"exp": "later"}), "expires_in": 300}, 300),
    "exp of 900 digits": ({"token": jwt({"exp": int("9" * 900)}), "expires_in": 300}, 300),
}


@pytest.mark.parametrize(("fields", "expected"), LIVES.values(), ids=LIVES.keys())
def test_a_tokens_life_is_believed_from_0_to_3600_s(fields: dict[str, object], expected: float) -> None:
    answer = parse_token_answer(json.dumps({"token": "opaque"} | fields).encode())
    assert answer is not None
    assert bearer_life_s(answer, NOW) == expected


PULL = Access("repository", "org/app", frozenset({"pull"}))
CLAIMS: dict[str, tuple[dict[str, object], TokenClaims]] = {
    "all": (
        {
            "access": [{"type": "repository", "name": "org/app", "actions": ["pull"], "metadata": None}],
            "sub": "u",
            "auth_type": "pat",
            "exp": 5,
            "iat": 4.7,
            "nbf": "x",
        },
        TokenClaims(access=(PULL,), sub="u", auth_type="pat", exp=5, iat=4),
    ),
    "GEN-27 access empty": ({"access": []}, TokenClaims(access=())),
    "Quay, no actions": (
        {"access": [{"type": "repository", "name": "a", "actions": []}]},
        TokenClaims(access=(Access("repository", "a", frozenset()),)),
    ),
    "Go's null actions": (
        {"access": [{"type": "repository", "name": "a", "actions": None}]},
        TokenClaims(access=(Access("repository", "a", frozenset()),)),
    ),
    "access absent": ({}, TokenClaims()),
    "access null": ({"access": None}, TokenClaims()),
    "access a string": ({"access": "pull"}, TokenClaims()),
    "access with an odd one": ({"access": [{"type": "repository", "name": "a", "actions": ["pull"]}, "x"]}, TokenClaims()),
    "access nameless": ({"access": [{"type": "repository", "actions": ["pull"]}]}, TokenClaims()),
    "access typeless": ({"access": [{"name": "a", "actions": ["pull"]}]}, TokenClaims()),
    "access of a number": ({"access": [{"type": 7, "name": "a", "actions": ["pull"]}]}, TokenClaims()),
    "actions a string": ({"access": [{"type": "repository", "name": "a", "actions": "pull"}]}, TokenClaims()),
    "actions of numbers": ({"access": [{"type": "repository", "name": "a", "actions": [1]}]}, TokenClaims()),
    "odd ones": ({"sub": 7, "auth_type": ["x"], "exp": "9", "iat": True}, TokenClaims()),
    "controls": ({"sub": "a\x1b[31m", "auth_type": ""}, TokenClaims()),
    "long sub": ({"sub": "a" * 2000}, TokenClaims()),
    "far": ({"exp": 1e300, "iat": -(10**900)}, TokenClaims()),
    "Docker Hub's nobody": ({"sub": ""}, TokenClaims(sub="")),
    "Quay's nobody": ({"sub": "(anonymous)"}, TokenClaims(sub="(anonymous)")),
}


@pytest.mark.parametrize(("payload", "expected"), CLAIMS.values(), ids=CLAIMS.keys())
def test_claims_are_read_and_odd_ones_are_none(payload: dict[str, object], expected: TokenClaims) -> None:
    assert parse_claims(jwt(payload)) == expected


NOT_JWT: dict[str, str] = {
    "opaque": "abc",
    "empty": "",
    "two dots": "..",
    "alg none": jwt({"sub": "u"}, {"alg": "none"}),
    "alg None": jwt({"sub": "u"}, {"alg": "NonE"}),
    "alg empty": jwt({"sub": "u"}, {"alg": ""}),
    "alg absent": jwt({"sub": "u"}, {"typ": "JWT"}),
    "alg a number": jwt({"sub": "u"}, {"alg": 1}),
    "no signature": jwt({"sub": "u"}).rpartition(".")[0] + ".",
    "five parts (JWE)": jwt({"sub": "u"}) + ".a.b",
    "garbage base64": f"{part({'alg': 'RS256'})}.§§§.c2ln",
    "impossible length": f"{part({'alg': 'RS256'})}.abcde.c2ln",
    "standard alphabet": f"{part({'alg': 'RS256'})}.{part({'a': 1})}+/.c2ln",
    "header a list": f"{part([1])}.{part({'sub': 'u'})}.c2ln",
    "header no JSON": f"aGk.{part({'sub': 'u'})}.c2ln",
    "padding too long": f"{part({'alg': 'RS256'})}.{part({'sub': 'u'})}=.c2ln",
    "payload a list": jwt([1]),
    "payload no JSON": f"{part({'alg': 'RS256'})}.aGk.c2ln",
    "claims of 1 MB": jwt({"sub": "u" * 1_000_000}),
    "deep": f"{part({'alg': 'RS256'})}.{base64.urlsafe_b64encode(b'[' * 9000).decode()}.c2ln",
}


@pytest.mark.parametrize("token", NOT_JWT.values(), ids=NOT_JWT.keys())
def test_what_is_no_signed_jwt_has_no_claims(token: str) -> None:
    assert parse_claims(token) is None
    assert read_jwt_payload(token) is None


def test_a_padded_payload_is_read_too() -> None:
    head, _, sign = jwt({}).split(".")
    body = base64.urlsafe_b64encode(b'{"sub": "u"}').decode()
    assert parse_claims(f"{head}.{body}.{sign}") == TokenClaims(sub="u")
    for name in ("uv", "uvw"):
        padded = base64.urlsafe_b64encode(json.dumps({"sub": name}).encode()).decode()
        assert parse_claims(f"{head}.{padded}.{sign}") == TokenClaims(sub=name)


def test_the_bounds_of_a_claim() -> None:
    assert parse_claims(jwt({"exp": 10**15, "iat": -(10**15)})) == TokenClaims(exp=10**15, iat=-(10**15))
    assert parse_claims(jwt({"exp": 10**15 + 1, "iat": -(10**15) - 1})) == TokenClaims()
    assert parse_claims(jwt({"sub": "a" * 1024, "auth_type": "a" * 1025})) == TokenClaims(sub="a" * 1024)
    answer = parse_token_answer(b'{"token": "x", "expires_in": "12345678901234567890.5"}')
    assert answer is not None
    assert (answer.expires_in_s, bearer_life_s(answer, NOW)) == (1e15, 3600)
