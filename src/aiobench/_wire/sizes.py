"""Estimates what a JSON document will take of memory and time, before it is decoded."""

from __future__ import annotations

__all__ = ["AT_ONCE", "decoded_size", "takes_long", "takes_long_to_skip"]

# bytes that each of these takes as a Python object, on 64-bit CPython
WEIGHTS = {
    b"[": 184,  # a list takes 64, but Python's garbage collector looks at all of them at once, 30 ns for each
    b"{": 184,  # a dict of up to five entries
    b'"': 12,  # a quarter of a string, for keys are mostly shared
    b",": 32,  # a place in a list or dict, and a number
    b":": 32,
}
AT_ONCE = 2**15  # bytes that never take long
LARGE = 2**20  # bytes
MANY = 2**15  # values: a number with a point takes 0.25 us, others less


def decoded_size(text: bytes | bytearray) -> int:
    """Estimate how many bytes of memory a piece of JSON takes once decoded, besides its own text.

    What stands between quotes is counted as if it were structure. Jobs as the platform lists them come to about six
    times their own size, empty lists to thirty times.
    """
    return sum(weight * text.count(mark) for mark, weight in WEIGHTS.items())


def takes_long(text: bytes) -> bool:
    """Whether decoding may take more than a few milliseconds, too long for an event loop."""
    return len(text) > AT_ONCE and (len(text) >= LARGE or _values(text) > MANY)


def takes_long_to_skip(text: bytes) -> bool:
    """Whether decoding a few fields, without building the rest, may take as long."""
    return len(text) > 4 * MANY and _values(text) > 4 * MANY


def _values(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))
