"""The text of a progress line, fitted to the columns of the screen."""

from __future__ import annotations

import unicodedata

from attrs import frozen

from aiobench._display import printable

__all__ = ["Line", "amount"]

WIDEST_BAR, NARROWEST_BAR = 30, 4
FULL, EMPTY = "█", "░"
ASCII = str.maketrans({FULL: "#", EMPTY: "-", "…": "~"})
UNITS = ("kB", "MB", "GB", "TB")
LONGEST = 200  # characters of a server's text


@frozen
class Line:
    """The state of what is shown.

    Attributes:
        label: Its name; may come from a server.
        share: The part that is done, 0 to 1. None if unknown: no bar is drawn.
        note: More about the state; may come from a server.
        seconds: Elapsed time.
    """

    label: str
    share: float | None
    note: str
    seconds: float

    def text(self, columns: int) -> str:
        """Format it in at most *columns*. If space is short, drop the bar, then cut the label, then the rest."""
        tail = f" {_clock(self.seconds)}, {_printable(self.note)}"
        head = ":"
        if self.share is not None:
            share = min(max(self.share, 0.0), 1.0)
            head = f": {100 * share:3.0f}%"
            room = columns - _width(_printable(self.label) + head + tail) - 3
            if room >= NARROWEST_BAR:
                length = min(room, WIDEST_BAR)
                done = round(share * length)
                head += f" |{FULL * done}{EMPTY * (length - done)}|"
        label = _cut(_printable(self.label), max(columns - _width(head + tail), 12))
        return _cut(label + head + tail, columns)

    def padded(self, columns: int, encoding: str) -> str:
        """Format it to overwrite the given columns, using only characters of the encoding."""
        text = self.text(columns)
        text += " " * (columns - _width(text))
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = text.translate(ASCII)
        return text


def amount(size: int) -> str:
    """Format a number of bytes for people."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in UNITS:
        value /= 1000
        if value < 999.95 or unit == UNITS[-1]:
            return f"{value:.1f} {unit}"
    raise AssertionError(size)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _printable(text: str) -> str:
    return printable(text[:LONGEST])


def _width(text: str) -> int:
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, columns: int) -> str:
    """Shorten a text to these columns and mark the cut."""
    if _width(text) <= columns:
        return text
    taken = 0
    for place, character in enumerate(text):
        taken += _columns_of(character)
        if taken > columns - 1:
            return f"{text[:place]}…" if columns > 0 else ""
    raise AssertionError(text)
