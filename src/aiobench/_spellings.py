"""Finds secrets in every spelling that a server could echo.

In upper or lower case; percent-encoded, once or more; escaped for JSON or HTML; within something in base64. What is
looked through and what is looked for are both brought to one spelling, which takes no longer than reading them: a
pattern of all spellings would take long to compile for a signed URL, and longer to search for among many backslashes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from aiobench._values import Value

__all__ = ["LONG", "in_base64", "without"]

LONG = 12  # characters: a secret of that length is not a word by chance
PIECE = 2**16  # bytes that are looked through at a time, so that other threads have their turn
LONGEST_SPELLING = 32  # bytes for one of a secret
STEPS = 4  # levels of escapes
ENTITIES = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"'}
ESCAPE = rb"""(?x)
    % (?:25)* (?P<percent>[0-9a-f]{2})
    | \\+ (?: u(?P<json>[0-9a-f]{4}) )?
    | & (?: \#0*(?P<decimal>[0-9]{1,7}) | \#x0*(?P<hexadecimal>[0-9a-f]{1,6}) | (?P<entity>amp|lt|gt|quot) ) ;
"""


def without(text: bytes, secrets: Iterable[str]) -> bytes:
    """Return *text* with `[redacted]` in the place of each secret.

    A secret as short as a word, such as a key typed to try things out, is taken out only where it stands alone.
    """
    sought = [_Secret.of(secret) for secret in secrets if secret]
    kept, end = [], 0
    for start, stop in _merged(_found(text, sought)):
        kept += [text[end:start], b"[redacted]"]
        end = stop
    return b"".join([*kept, text[end:]]) if kept else text


class _Secret(Value, frozen=True):
    """A secret in one spelling, and in base64."""

    plain: bytes
    encoded: tuple[bytes, ...]
    is_word: bool
    longest: int

    @classmethod
    def of(cls, secret: str) -> _Secret:
        raw = secret.encode("utf-8", "surrogatepass")
        is_word = len(secret) < LONG
        encoded = () if is_word else tuple(each.lower() for each in in_base64(raw))
        return cls(_Plain.of(raw).text, encoded, is_word, LONGEST_SPELLING * len(raw))


class _Plain(Value, frozen=True):
    """A text in one spelling: in lower case, with nothing escaped and without backslashes.

    Attributes:
        text: The text.
        steps: How it came from the original, of which parts may be escaped more than once.
    """

    text: bytes
    steps: list[_Step]

    @classmethod
    def of(cls, original: bytes) -> _Plain:
        text = original.lower()
        steps: list[_Step] = []
        while len(steps) < STEPS:
            step = _Step.of(text)
            if not step.has_escapes:
                break
            steps.append(step)
            text = step.text
        return cls(text, steps)

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return where in the original a part of the text is written."""
        for step in reversed(self.steps):
            start, stop = step.span(start, stop)
        return start, stop


class _Step(Value, frozen=True):
    """A text with one level of escapes removed.

    Attributes:
        text: The text.
        here: Where its pieces begin in it: what was not escaped, and what was, by turns.
        there: Where they begin in the text before.
    """

    text: bytes
    here: list[int]
    there: list[int]

    @classmethod
    def of(cls, before: bytes) -> _Step:
        pieces: list[bytes] = []
        here, there = [], []
        length = end = 0
        for escape in re.finditer(ESCAPE, before):
            kept, meant = before[end : escape.start()], _meant(escape)
            pieces += [kept, meant]
            here += [length, length + len(kept)]
            there += [end, escape.start()]
            length += len(kept) + len(meant)
            end = escape.end()
        pieces.append(before[end:])
        return cls(b"".join(pieces), [*here, length], [*there, end])

    @property
    def has_escapes(self) -> bool:
        return len(self.here) > 1

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return where in the text before a part of the text is written."""
        first = bisect_right(self.here, start) - 1
        last = bisect_right(self.here, stop - 1) - 1
        begin = self.there[first] + (0 if first % 2 else start - self.here[first])
        end = self.there[last + 1] if last % 2 else self.there[last] + stop - self.here[last]
        return begin, end


def _meant(escape: re.Match[bytes]) -> bytes:
    kind, digits = escape.lastgroup, escape[escape.lastgroup or 0]
    if kind is None:
        return b""  # backslashes alone: each level of escapes has twice as many
    if kind == "entity":
        return ENTITIES[digits]
    code = int(digits, 10 if kind == "decimal" else 16)
    if kind == "percent":
        return bytes((code,)).lower()
    return chr(code).lower().encode("utf-8", "surrogatepass") if code < 0x110000 else escape[0]


def _found(text: bytes, sought: list[_Secret]) -> Iterator[tuple[int, int]]:
    more = max((secret.longest for secret in sought), default=0)
    for begin in range(0, len(text), PIECE):
        part = text[begin : begin + PIECE + more]
        plain, lower = _Plain.of(part), part.lower()
        for secret in sought:
            for place in _places(plain.text, secret.plain):
                start, stop = plain.span(place, place + len(secret.plain))
                if not (secret.is_word and _is_in_a_word(part, start, stop)):
                    yield begin + start, begin + stop
            for encoded in secret.encoded:
                for place in _places(lower, encoded):
                    yield begin + place, begin + place + len(encoded)


def _places(text: bytes, sought: bytes) -> Iterator[int]:
    place = text.find(sought)
    while place >= 0:
        yield place
        place = text.find(sought, place + len(sought))


def _is_in_a_word(text: bytes, start: int, stop: int) -> bool:
    """Tell whether a letter, a digit or an underscore stands before or after a part of *text*."""
    before = text[max(0, start - 4) : start].decode("utf-8", "ignore")[-1:]
    after = text[stop : stop + 4].decode("utf-8", "ignore")[:1]
    return any(each.isalnum() or each == "_" for each in (before, after))


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join the spans that overlap."""
    begin = end = -1
    for start, stop in sorted(set(spans)):
        if start >= end:
            if end >= 0:
                yield begin, end
            begin, end = start, stop
        else:
            end = max(end, stop)
    if end >= 0:
        yield begin, end


def in_base64(secret: bytes) -> list[bytes]:
    """Return the secret's base64 encodings at each of the three offsets where it may begin."""
    found = []
    for before in range(3):
        whole = (len(secret) + before) // 3 * 3 - before
        text = b64encode(b"\0" * before + secret[:whole])
        found.append(text[(before * 8 + 5) // 6 :])  # without the characters that hold what stands before it
    return found
