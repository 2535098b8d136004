"""JSON from bytes: what is JSON is decoded, and everything else is one error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._wire.decoding import MalformedDocumentError, decoded
from aiobench._wire.heads import job_head

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


@pytest.mark.parametrize("number", [b"5e-324", b"1.7976931348623157e308", b"2.2250738585072011e-308"])
@pytest.mark.parametrize("shape", ["anything", "a job", "one field"])
def test_f34_numbers_at_the_ends_of_floats_take_no_longer(number: bytes, shape: str) -> None:
    """Beside the standard library, on the same text: by itself our decoder takes forty times as long."""
    numbers = [number] * 20_000
    body, decode = {
        "anything": (b"[" + b",".join(numbers) + b"]", decoded),
        "a job": (b'{"status": "queued", "scores": [' + b",".join(numbers) + b"]}", job_head),
        "one field": (
            b'{"status": "queued", "progress": {"usedCredits": %b}}' % b',"usedCredits":'.join(numbers),
            job_head,
        ),
    }[shape]
    plain = min(_seconds(json.loads, body) for _ in range(3))
    ours = min(_seconds(decode, body) for _ in range(3))
    assert ours < 8 * plain


def _seconds(decode: Callable[[bytes], object], body: bytes) -> float:
    started = time.process_time()
    decode(body)
    return time.process_time() - started


def test_halves_of_pairs_are_mended_where_they_are_escapes() -> None:
    """Not where a backslash is escaped itself, and each half by itself."""
    body = rb'["\\ud83d", "\\\ud83d", "\ud83d\ud83d\ude00\ude00", "\ud83d\n"]'
    odd = "\N{REPLACEMENT CHARACTER}"
    assert decoded(body) == [r"\ud83d", f"\\{odd}", f"{odd}\N{GRINNING FACE}{odd}", f"{odd}\n"]
