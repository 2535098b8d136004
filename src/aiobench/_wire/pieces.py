"""Decodes a large JSON document piece by piece.

A decoder in C keeps Python's other threads waiting until it is done, for a document of some MiB a tenth of a second.
So such a document is cut at commas outside of texts, and each piece is decoded by itself: what is open where the piece
begins is opened before it, and what is open at its end is closed behind it. What a piece holds then joins what the
pieces before it left open.
"""

from __future__ import annotations

import os
import re
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["array_in_pieces", "decoded_in_pieces", "freed_in_pieces"]

T = TypeVar("T")

PIECE = 2**15  # bytes of any JSON; 8,000 numbers take 2 ms
ITEMS_PIECE = 2**17  # bytes of items alike; 5,000 take 0.6 ms
TRIES = 8  # places where an item may begin, for one that has objects like itself within
FREED = 10_000  # values that are freed at once: 0.3 ms

ALIKE = rb'\s*\[\s*(\{\s*"[^"\\]*"\s*:)'  # an array and the beginning of the object that is its first item

CLOSERS = {ord("["): ord("]"), ord("{"): ord("}")}
NO_BRACKETS = bytes(set(range(256)) - {*CLOSERS, *CLOSERS.values()})

# keys that no document has: they are made anew whenever this is imported
CONTINUED = os.urandom(16).hex()  # holds what was open when a piece began
OPEN = os.urandom(16).hex()  # stands at the end of what is open when it ends

OPENED = {ord("["): b"[", ord("{"): b'{"%s":' % CONTINUED.encode()}
CLOSED = {ord("["): b',"%s"]' % OPEN.encode(), ord("{"): b',"%s":0}' % OPEN.encode()}


def decoded_in_pieces(text: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Decode JSON, so that no call of *decode* takes long.

    Raises what *decode* raises for a piece of what is no JSON: a `ValueError`, whose text then says which piece.
    """

    def decoded(piece: bytes) -> Any:
        try:
            return decode(piece)
        except ValueError as error:
            error.args = (f"{error}, in the piece that begins at byte {start}",)
            raise

    start = 0
    brackets: list[int] = []  # those of the containers that are open
    containers: list[Any] = []  # and themselves, from the outermost
    while True:
        end, outside = _cut(text, start)
        piece = b"".join([*(OPENED[each] for each in brackets), b"null," if brackets else b"", text[start:end]])
        if end == len(text):
            value = decoded(piece)
            document = containers[0] if containers else value
            _join(containers, value)
            return document
        kept = _follow(outside, brackets)
        if not brackets:  # a comma behind the document: no JSON, as the decoder will say
            return decoded(piece + b",")
        value = decoded(b"".join([piece, *(CLOSED[each] for each in reversed(brackets))]))
        opened = _opened(value, len(brackets))
        _join(containers, value)
        containers[kept:] = opened[kept:]
        start = end + 1
        sleep(0)  # otherwise Python lets another thread run only after 5 ms


def array_in_pieces(text: bytes, decode: Callable[[bytes], T]) -> list[T] | None:
    """Decode an array of objects that begin with the same key; return what *decode* made of each piece.

    This takes a tenth of `decoded_in_pieces()`, for it cuts where an item seems to begin and lets *decode* judge: what
    stands before a cut is an array only if the cut is between two items of the outermost one.

    Args:
        text: The array.
        decode: Decodes an array, and raises a `ValueError` for what is none.

    Returns:
        None if *text* is not such an array.
    """
    alike = re.match(ALIKE, text)
    if alike is None:
        return None
    start, found = alike.start(1), list[T]()
    while True:
        for end in _cuts_between_items(text, start, alike[1]):
            try:
                found.append(decode(b"[" + text[start:end] + (b"]" if end < len(text) else b"")))
                break
            except ValueError:
                continue
        else:
            return None
        if end == len(text):
            return found
        start = text.index(b",", end) + 1
        sleep(0)


def _cuts_between_items(text: bytes, start: int, beginning: bytes) -> Iterator[int]:
    """Find the commas before what may be the beginning of an item, the last one in the next piece first."""
    if len(text) - start <= ITEMS_PIECE:
        yield len(text)
        return
    end = start + ITEMS_PIECE
    for _ in range(TRIES):
        end = text.rfind(beginning, start + 1, end)
        if end < 0:
            return
        before = text[start:end].rstrip()
        if before.endswith(b","):
            yield start + len(before) - 1


def freed_in_pieces(document: Any) -> None:
    """Empty a document, so that forgetting it does not take long: millions of values would be freed in one go."""
    found, left = [document], FREED
    while found:
        value = found.pop()
        if isinstance(value, dict):
            value, emptied = [*value.values()], value
            emptied.clear()
        if isinstance(value, list):
            while value:
                some = value[-FREED:]
                del value[-FREED:]
                found += [each for each in some if isinstance(each, list | dict)]
                left -= len(some)
                if left < 0:
                    left = FREED
                    sleep(0)


def _cut(text: bytes, start: int) -> tuple[int, bytes]:
    """Find the last comma outside of texts in the next piece; return its place and what stands outside before it.

    If there is none, the place is the end of the document.
    """
    size = PIECE
    while start + size < len(text):
        unescaped = text[start : start + size].replace(b"\\\\", b"__").replace(b'\\"', b"__")
        parts = unescaped.split(b'"')  # outside, inside, outside ...
        if len(parts) % 2 == 0:
            parts.pop()  # a text that goes on behind this piece
        while parts and b"," not in parts[-1]:
            del parts[-2:]
        if parts:
            parts[-1] = parts[-1][: parts[-1].rindex(b",")]
            return start + len(b'"'.join(parts)), b"".join(parts[::2])
        size *= 4
    return len(text), b""


def _follow(outside: bytes, brackets: list[int]) -> int:
    """Open and close brackets as a piece does; return how many of those that were open stayed open.

    A closing bracket of the wrong kind is not looked at: the decoder refuses it.
    """
    kept = len(brackets)
    for bracket in outside.translate(None, NO_BRACKETS):
        if bracket in CLOSERS:
            brackets.append(bracket)
        elif brackets:
            brackets.pop()
            kept = min(kept, len(brackets))
    return kept


def _opened(value: Any, count: int) -> list[Any]:
    """Find the containers that are open at the end of a piece, and take the marks out of them."""
    found = []
    for left in range(count - 1, -1, -1):
        found.append(value)
        if isinstance(value, dict):
            del value[OPEN]
            inner = reversed(value.values())
        else:
            value.pop()
            inner = reversed(value[-1:])
        if left:
            value = next(each for each in inner if _is_open(each))
    return found


def _is_open(value: Any) -> bool:
    return OPEN in value if isinstance(value, dict) else isinstance(value, list) and value[-1:] == [OPEN]


def _join(containers: list[Any], value: Any) -> None:
    """Add what a piece holds to the containers that were open when it began."""
    for container in containers:
        if isinstance(container, dict):
            continued = value.pop(CONTINUED)
            container.update(value)
        else:
            continued = value[0]
            container.extend(value[1:])
        value = continued
