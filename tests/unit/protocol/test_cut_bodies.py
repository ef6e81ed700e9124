"""The front of a body that is longer than we read: what it still tells, and that no secret is cut in two."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validator.protocol.base import NOT_JSON, beyond_limits, closed_json, parse_json
from validator.protocol.errcode import BodyShape, read_error

CUTS = {
    "in a text": (b'{"errors":[{"code":"DENIED","message":"no and n', "DENIED"),
    "in an escape": (b'{"errors":[{"code":"DENIED","message":"no \\', "DENIED"),
    "in a coded character": (b'{"errors":[{"code":"DENIED","message":"no \\u00e', "DENIED"),
    "behind a backslash that is one": (b'{"errors":[{"code":"DENIED","message":"no \\\\', "DENIED"),
    "in a character": (b'{"errors":[{"code":"DENIED","message":"caf\xc3', "DENIED"),
    "behind a value": (b'{"errors":[{"code":"DENIED"},', "DENIED"),
    "before the code": (b'{"errors":[{"message":"no and n', None),
}


@pytest.mark.parametrize(("front", "code"), CUTS.values(), ids=CUTS.keys())
def test_the_front_of_an_error_is_read(front: bytes, code: str | None) -> None:
    said = read_error(front, None, cut=True)
    assert (said.shape, said.code) == (BodyShape.ERRORS, code)


@pytest.mark.parametrize(
    "front", [b"", b"x" * 100, b"<html>" + b"a" * 100, b'"text', b'{"errors"', b'{"errors":', b'{"errors":tru', b"]]]]", b"\xff" * 50]
)
def test_what_is_no_error_stays_none(front: bytes) -> None:
    assert read_error(front, None, cut=True).shape not in (BodyShape.ERRORS, BodyShape.OAUTH)


CUT = {
    b'{"a": "x': b'{"a": "x"}', b'{"a": "x\xc3': b'{"a": "x"}', b'{"a": "x\xe2\x82': b'{"a": "x"}', b'{"a": "x\xc3\xa9': b'{"a": "x"}', b'{"a": "x\xc3\xa9\xc3': b'{"a": "x\xc3\xa9"}', b'{"a": "xy\\u00': b'{"a": "xy"}', b'{"a": "x\\\\u00': b'{"a": "x\\\\u00"}',
    b'{"a": [1, 2,': b'{"a": [1, 2]}', b'{"a": [{"b": "c"}': b'{"a": [{"b": "c"}]}', b'[1] ': b"[1]", b'{"a": "b", ': b'{"a": "b"}', b'["a]{': b'["a]{"]', b'{"a": "\\"': b'{"a": "\\""}',
}  # fmt: skip


@pytest.mark.parametrize("front", CUT)
def test_a_front_is_closed_where_it_was_cut(front: bytes) -> None:
    """In a character, in an escape, behind a comma: what is not whole goes whole."""
    assert closed_json(front) == CUT[front]


@given(
    st.recursive(
        st.text(max_size=8) | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    st.data(),
)
def test_closing_is_total_and_leaves_whole_documents(value: object, data: st.DataObject) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    assert parse_json(closed_json(body)) == parse_json(body)
    front = body[: data.draw(st.integers(0, len(body)))]
    closed_json(front)
    beyond_limits(front)


@given(st.binary(max_size=200))
def test_no_front_makes_it_raise(front: bytes) -> None:
    closed_json(front)
    beyond_limits(front)
    read_error(front, None, cut=True)


LIMITS = {
    "deep": (b"[" * 33, True), "as deep as may be": (b"[" * 32, False),
    "a long number": (b'{"a":' + b"7" * 1001, True),
    "digits in a text": (b'{"a":"' + b"7" * 2000, False),
    "brackets in a text": (b'{"a":"' + b"[" * 2000, False), "no JSON": (b"x" * 65536, False), "blanks": (b" " * 65536, False),
}  # fmt: skip


@pytest.mark.parametrize(("front", "beyond"), LIMITS.values(), ids=LIMITS.keys())
def test_a_front_may_break_the_limits_already(front: bytes, beyond: bool) -> None:
    assert beyond_limits(front) is beyond
    if beyond:
        assert parse_json(front) is NOT_JSON


@pytest.mark.parametrize("unit", [b'"', b'\\"', b"\\", b"[", b'["', b"{}", b"9", b'"a",', b"\\u"])
def test_reading_a_front_takes_linear_time(unit: bytes) -> None:
    front = (b'{"errors":[{"message":"' + unit * 65536)[:65536]
    started = time.process_time()
    closed_json(front)
    beyond_limits(front)
    read_error(front, None, cut=True)
    assert time.process_time() - started < 3


def test_a_secret_is_masked_before_the_words_are_cut() -> None:
    """A secret with a blank in it would be cut there, and its half could not be told."""
    secret = "one two three"
    said = read_error(json.dumps({"message": "x" * 495 + " " + secret}).encode(), None, hide=lambda text: text.replace(secret, "***"))
    assert said.text == "x" * 495 + " ***"
