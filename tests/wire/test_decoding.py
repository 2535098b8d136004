"""JSON from bytes: what is JSON is decoded, and everything else is one error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._wire.decoding import MalformedDocumentError, decoded

DEEP = 100_000
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_is_decoded_as_the_standard_library_does(value: Any) -> None:
    """Whatever JSON says comes out as it was, integers of any length included."""
    assert value == decoded(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"status": "comp', "not JSON"),
        (b'{"status": NaN}', "NaN is no JSON"),
        (b'{"status": Infinity}', "Infinity is no JSON"),
        (b'{"status": "\xff"}', "not UTF-8"),
        (b"[" * DEEP + b"]" * DEEP, "nested too deep"),
        (b"{} {}", "not JSON"),
    ],
    ids=["empty", "web page", "cut", "NaN", "Infinity", "not UTF-8", "deep", "two"],
)
def test_what_is_no_json_is_one_error_that_says_why(body: bytes, why: str) -> None:
    """Cut, foreign, deep and not UTF-8 alike raise MalformedDocumentError (F12)."""
    with pytest.raises(MalformedDocumentError, match=why):
        decoded(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": 1e400, "b": 2}', {"a": None, "b": 2}),
        (b'{"a": -1e400}', {"a": None}),
        (b'{"a": ' + b"9" * 5000 + b"}", {"a": None}),
        (rb'{"a": "cut \ud83d"}', {"a": "cut \N{REPLACEMENT CHARACTER}"}),
        (rb'{"\udc00": "\uD83D\uDE00"}', {"\N{REPLACEMENT CHARACTER}": "\N{GRINNING FACE}"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ],
    ids=["large float", "small float", "long integer", "half a pair", "half a pair as key", "byte order mark"],
)
def test_json_beyond_our_decoder_is_read_all_the_same(body: bytes, expected: dict[str, Any]) -> None:
    """A number that no float holds is null and half a surrogate pair one odd character: the rest is not lost."""
    assert decoded(body) == expected


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_decoded_or_malformed(body: bytes) -> None:
    """Whatever the bytes are, the decoder takes them exactly where `json` does, but for `NaN` and its like."""
    try:
        expected = json.loads(body.decode("utf-8-sig"))
    except ValueError:
        with pytest.raises(MalformedDocumentError, match=r"^not JSON"):
            decoded(body)
    else:
        assert decoded(body) == expected
