"""JSON of strangers, text to be shown, digests: what every grammar leans on."""

from __future__ import annotations

import pytest

from validator.protocol.base import NOT_JSON, clean_text, parse_json, shown_text, valid_digest

READ: dict[str, tuple[bytes, object]] = {
    "object": (b'{"a": [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
    "blanks around": (b" \r\n\t{} \n", {}),
    "byte order mark": (b"\xef\xbb\xbf{}", {}),
    "null is a value": (b"null", None),
    "escapes": (rb'"\u00e9 \"[[[["', 'é "[[[['),
    "surrogate pair": (rb'"\ud83d\ude00"', "\U0001f600"),
    "brackets in a string are no depth": (b'"' + b"[" * 100 + b'"', "[" * 100),
    "depth 32": (b"[" * 32 + b"]" * 32, None),
    "1000 digits": (b"9" * 1000, int("9" * 1000)),
}
REFUSED: dict[str, bytes] = {
    "empty": b"",
    "blanks": b" \n",
    "text": b"Not Found",
    "two documents": b"{} {}",
    "rest after it": b"{}x",
    "cut": b'{"token": "abc',
    "bad UTF-8": b'"\xff"',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "NaN": b'{"a": NaN}',
    "Infinity": b"-Infinity",
    "beyond a double": b"1e999",
    "SEC-28 depth 33": b"[" * 33 + b"]" * 33,
    "SEC-28 100 000 deep": b'{"a":' * 100_000,
    "SEC-28 deep, closed": b"[" * 100_000 + b"]" * 100_000,
    "SEC-28 1001 digits": b"9" * 1001,
    "SEC-28 10 MB number": b"1" * 10_000_000,
    "SEC-28 10 MB fraction": b"0." + b"1" * 10_000_000,
    "SEC-28 lone surrogate": rb'{"token": "\ud800"}',
    "SEC-28 lone surrogate in a name": rb'{"\uDC00": 1}',
    "SEC-28 duplicate keys": b'{"token": "a", "token": "b"}',
    "SEC-28 duplicate keys within": b'{"x": [{"a": 1, "a": 1}]}',
    "control character in a string": b'"a\x1b"',
    "string left open with escapes": b'["' + b"[]" * 40 + rb"\"" * 200_000,
}


@pytest.mark.parametrize(("body", "expected"), READ.values(), ids=READ.keys())
def test_a_json_document_is_read(body: bytes, expected: object) -> None:
    value = parse_json(body)
    assert value is not NOT_JSON
    if expected is not None:
        assert value == expected


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.timeout(5)
def test_what_is_no_single_sane_document_is_not_json(body: bytes) -> None:
    assert parse_json(body) is NOT_JSON


def test_depth_is_the_callers_to_lower() -> None:
    assert parse_json(b"[[1]]", depth=2) == [[1]]
    assert parse_json(b"[[1]]", depth=1) is NOT_JSON


def test_the_first_of_two_documents_is_read_only_when_asked() -> None:
    assert parse_json(b'{"a":1}\n{"b":2}', leading=True) == {"a": 1}
    assert parse_json(b'{"a":1} trailing words', leading=True) is NOT_JSON
    assert parse_json(b'401 {"a":1}', leading=True) is NOT_JSON


SHOWN: dict[str, tuple[str, str]] = {
    "plain": ("access denied", "access denied"),
    "blanks": ("  a \r\n\t b\u00a0c\u2028d ", "a b c d"),
    "SEC-16 colours": ("\x1b[31mred\x1b[0m", "red"),
    "SEC-16 8-bit CSI": ("\x9b31mred", "red"),
    "SEC-16 title": ("\x1b]0;evil\x07text", "text"),
    "SEC-16 link": ("\x1b]8;;https://evil.test\x1b\\here\x1b]8;;\x1b\\", "here"),
    "SEC-16 title left open": ("text\x1b]0;evil", "text"),
    "SEC-16 charset, reset": ("\x1b(Ba\x1bcb", "ab"),
    "NUL, DEL, BEL": ("a\x00b\x7fc\x07", "abc"),
    "bidi": ("user\u202etxt.exe\u2066\u200b", "usertxt.exe"),
    "lone surrogate": ("a\udce9b", "ab"),
    "letters stay": ("jürgen § 日本", "jürgen § 日本"),
    "markup is the page's to escape": ("<script>", "<script>"),
}


@pytest.mark.parametrize(("text", "expected"), SHOWN.values(), ids=SHOWN.keys())
def test_shown_text_is_one_clean_line(text: str, expected: str) -> None:
    assert shown_text(text) == expected


def test_shown_text_is_cut_with_a_mark() -> None:
    assert shown_text("x" * 200) == "x" * 200
    assert shown_text("x" * 1_000_000) == "x" * 199 + "…"
    assert shown_text("abcdef", limit=3) == "ab…"
    assert clean_text("x" * 300) == "x" * 300


DIGESTS: dict[str, tuple[str, bool]] = {
    "sha256": ("sha256:" + "0a" * 32, True),
    "sha512": ("sha512:" + "0a" * 64, True),
    "63 hex": ("sha256:" + "a" * 63, False),
    "65 hex": ("sha256:" + "a" * 65, False),
    "upper case": ("sha256:" + "A" * 64, False),
    "other algorithm": ("sha257:" + "a" * 64, False),
    "md5": ("md5:" + "a" * 32, False),
    "sha512 too short": ("sha512:" + "a" * 64, False),
    "line end": ("sha256:" + "a" * 64 + "\n", False),
    "path": ("sha256:../../" + "a" * 58, False),
    "empty": ("", False),
}


@pytest.mark.parametrize(("text", "expected"), DIGESTS.values(), ids=DIGESTS.keys())
def test_only_whole_digests_are_valid(text: str, expected: bool) -> None:
    assert valid_digest(text) is expected
