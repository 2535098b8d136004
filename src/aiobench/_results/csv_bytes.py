"""A first look at a results file's bytes: is it a CSV at all, and would every CSV reader agree on it?

Readers differ on what no writer should write, and on what old ones do: a carriage return outside quotes, a NUL, a quote
within a field. A file without these is *plain*, and the fastest reader may read it.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

__all__ = ["Look", "UnreadableError", "look"]

BLOCK = 2**18  # bytes; fits a core's cache
COMMA, LINE_FEED, RETURN, QUOTE = b',\n\r"'
KINDS = {
    b"\x1f\x8b": "compressed (gzip)",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "UTF-16, not UTF-8",
    b"\xfe\xff": "UTF-16, not UTF-8",
    b"<": "a web page or XML",
    b"{": "JSON",
    b"[": "JSON",
}


class UnreadableError(Exception):
    """Raised when a file cannot be read exactly.

    Attributes:
        why: What is wrong with it.
        line: Where, counted from 1; None: that cannot be said.
    """

    def __init__(self, why: str, line: int | None) -> None:
        super().__init__(why, line)
        self.why, self.line = why, line


@define
class Look:
    """What the look has found.

    Attributes:
        line_end: How the header ends, and with it every record.
        has_lone_returns: Whether there are carriage returns that may be part of a text.
        is_plain: Whether all readers agree on the fields.
    """

    line_end: str = "\n"
    has_lone_returns: bool = False
    is_plain: bool = True


def look(path: Path) -> Look:
    """Scan a whole file once, in short steps.

    Raises:
        UnreadableError: If it is no CSV in UTF-8.
    """
    seen = _Seen()
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for number, (block, window) in enumerate(_windows(path)):
            if number == 0:
                _refuse_other_kinds(block)
            decoder.decode(block)
            seen.take(block, window)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise UnreadableError("not UTF-8", _line_not_utf8(path)) from None
    return seen.summary()


def _windows(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield each block, alone and with the bytes around it; the file lies between line ends."""
    with path.open("rb") as file:
        block = file.read(BLOCK)
        before, following = b"\n", block.removeprefix(codecs.BOM_UTF8)
        while block:
            current = following
            following = file.read(BLOCK)
            if current:
                yield block, before + current + (following[:1] or b"\n")
                before = current[-1:]
            block = following


def _refuse_other_kinds(start: bytes) -> None:
    content = start.removeprefix(codecs.BOM_UTF8)
    for magic, kind in KINDS.items():
        # blanks before text do not make it a CSV
        if content.startswith(magic) or (len(magic) == 1 and content.lstrip().startswith(magic)):
            raise UnreadableError(f"the file is {kind}, not a CSV", 1)


@define
class _Seen:
    """What has been seen so far."""

    returns: int = 0
    pairs: int = 0
    first_end: str = ""
    quotes: int = 0
    is_plain: bool = True

    def take(self, block: bytes, window: bytes) -> None:
        self.is_plain = self.is_plain and b"\0" not in block
        if b"\r" in window:
            inside = window[1:-1]
            self.returns += inside.count(b"\r")
            self.pairs += inside.count(b"\r\n") + (inside[-1:] == b"\r" and window[-1:] == b"\n")
        if not self.first_end and (place := window.find(b"\n", 1, -1)) > 0:
            self.first_end = "\r\n" if window[place - 1 : place] == b"\r" else "\n"
        if self.is_plain and b'"' in window:
            self._look_at_quotes(window)

    def _look_at_quotes(self, window: bytes) -> None:
        """Every other quote opens a field and the ones between close it; two in a row stand for one in the text."""
        import numpy as np

        data = np.frombuffer(window, np.uint8)
        places = np.flatnonzero(data[1:-1] == QUOTE) + 1
        opening, closing = places[self.quotes % 2 :: 2], places[(self.quotes + 1) % 2 :: 2]
        self.is_plain = _are_borders(data[opening - 1]) and _are_borders(data[closing + 1])
        self.quotes += len(places)

    def summary(self) -> Look:
        if not self.first_end and self.returns:
            return Look("\r", has_lone_returns=False, is_plain=False)
        has_lone_returns = self.returns > (self.pairs if self.first_end == "\r\n" else 0)
        is_plain = self.is_plain and not has_lone_returns and self.quotes % 2 == 0
        return Look(self.first_end or "\n", has_lone_returns, is_plain)


def _are_borders(data: np.ndarray) -> bool:
    """Return whether each byte ends or begins a field, or is a quote beside a quote."""
    return bool(((data == COMMA) | (data == LINE_FEED) | (data == QUOTE) | (data == RETURN)).all())


def _line_not_utf8(path: Path) -> int | None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None
