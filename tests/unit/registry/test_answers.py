"""Reading header blocks: values as text, the bounds of a block, codings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validator.registry.transport.answers import MAX_FIELD, encoding_of, fields


@pytest.mark.parametrize("value", [b"a\rb", b"a\nb", b"a\r\nX-Evil: 1", b"a\x00b"])
def test_a_value_with_a_line_end_or_nul_spoils_the_block(value: bytes):
    assert fields(((b"A", b"b"), (b"X-A", value))) is None


def test_a_block_is_read_to_its_cap_and_not_beyond():
    assert fields(((b"A", b"x" * (MAX_FIELD - 1)),)) == (("a", "x" * (MAX_FIELD - 1)),)
    assert fields(((b"A", b"x" * MAX_FIELD),)) is None


CODINGS = {
    "none": ((), None),
    "identity": ((("content-encoding", "Identity"),), None),
    "gzip": ((("content-encoding", "GZIP"),), "gzip"),
    "several": ((("content-encoding", "gzip, br"), ("content-encoding", "zstd")), "gzip, br, zstd"),
    "chunked": ((("transfer-encoding", "chunked"),), None),
    "in the framing": ((("transfer-encoding", "gzip, chunked"),), "gzip"),
    "empty": ((("content-encoding", " , "),), None),
}


@pytest.mark.parametrize(("headers", "coding"), CODINGS.values(), ids=CODINGS.keys())
def test_a_coding_is_what_is_left_to_undo(headers: tuple[tuple[str, str], ...], coding: str | None):
    assert encoding_of(headers) == coding


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40)), max_size=8))
def test_no_block_makes_the_reader_raise_and_all_text_can_be_stored(raw: list[tuple[bytes, bytes]]):
    block = fields(tuple(raw))

    for name, value in block or ():
        (name + value).encode()
        assert not set("\r\n\x00") & set(value)
    encoding_of(block or ())
