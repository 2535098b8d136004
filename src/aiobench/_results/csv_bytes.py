"""A first look at the bytes of a results file: is it a CSV at all, and does every reader of CSVs agree on it?

Readers differ on what no writer should write, and on what old ones do: a carriage return outside quotes, a NUL, a quote
within a field, a figure with leading zeros. A file without these is *plain*, and the fastest reader may read it.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

__all__ = ["Look", "UnreadableError", "count_separators", "look"]

BLOCK = 2**20
QUOTE, COMMA, ZERO, PLUS, MINUS = b'",0+-'
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
    """What was seen.

    Attributes:
        line_end: How the header ends, and with it every record.
        has_lone_returns: Whether there are carriage returns that may be part of a text.
        is_plain: Whether all readers agree on the fields.
        has_signs: Whether there may be figures that are more than their value: `007`, `+49`, `-0`.
    """

    line_end: str = "\n"
    has_lone_returns: bool = False
    is_plain: bool = True
    has_signs: bool = False


def look(path: Path) -> Look:
    """Look at all of a file once, in steps of a millisecond.

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


def count_separators(path: Path) -> int:
    """Count the commas of a plain file that separate fields."""
    import numpy as np

    total = quotes = 0
    for _, window in _windows(path):
        data = np.frombuffer(window, np.uint8)[2:-1]
        is_comma = data == COMMA
        places = np.flatnonzero(data == QUOTE)
        if len(places):
            runs = np.add.reduceat(is_comma, places, dtype=np.int64)  # from each quote to the next
            outside = int(is_comma[: places[0]].sum()) if quotes % 2 == 0 else 0
            total += outside + int(runs[(quotes + 1) % 2 :: 2].sum())
            quotes += len(places)
        elif quotes % 2 == 0:
            total += int(is_comma.sum())
    return total


def _windows(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield each block, and the same with two bytes before it and one behind; the file's ends count as line ends."""
    with path.open("rb") as file:
        block = file.read(BLOCK)
        before, following = b"\n\n", block.removeprefix(codecs.BOM_UTF8)
        while block:
            current = following
            following = file.read(BLOCK)
            if current:
                yield block, before + current + (following[:1] or b"\n")
                before = (before + current)[-2:]
            block = following


def _refuse_other_kinds(start: bytes) -> None:
    content = start.removeprefix(codecs.BOM_UTF8)
    for magic, kind in KINDS.items():
        # blanks before text do not make it a CSV
        if content.startswith(magic) or (len(magic) == 1 and content.lstrip().startswith(magic)):
            raise UnreadableError(f"the file is {kind}, not a CSV", 1)


class _Tables:
    """For each byte, whether it may stand there."""

    def __init__(self) -> None:
        self.border = _table(b',\n\r"')
        self.before_figure = _table(b',\n\r" \t')
        self.sign = _table(b"+-")
        self.digit = _table(b"0123456789")


def _table(members: bytes) -> np.ndarray:
    import numpy as np

    table = np.zeros(256, bool)
    table[list(members)] = True
    return table


@define
class _Seen:
    """What has been seen so far."""

    returns: int = 0
    pairs: int = 0
    ends: int = 0
    first_end: str = ""
    quotes: int = 0
    is_plain: bool = True
    has_signs: bool = False
    tables: _Tables = field(factory=_Tables)

    def take(self, block: bytes, window: bytes) -> None:
        import numpy as np

        inside = window[2:-1]
        self.is_plain = self.is_plain and b"\0" not in block
        self.ends += inside.count(b"\n")
        if b"\r" in inside:
            self.returns += inside.count(b"\r")
            self.pairs += inside.count(b"\r\n") + (inside[-1:] == b"\r" and window[-1:] == b"\n")
        if not self.first_end and (place := window.find(b"\n", 2, -1)) > 0:
            self.first_end = "\r\n" if window[place - 1 : place] == b"\r" else "\n"
        data = np.frombuffer(window, np.uint8)
        if self.is_plain:
            self._look_at_quotes(data)
        if not self.has_signs:
            self._look_for_signs(data)

    def _look_at_quotes(self, data: np.ndarray) -> None:
        """Each other quote opens a field, the ones between close it; two in a row stand for one in the text."""
        import numpy as np

        places = np.flatnonzero(data[2:-1] == QUOTE) + 2
        opening, closing = places[self.quotes % 2 :: 2], places[(self.quotes + 1) % 2 :: 2]
        border = self.tables.border
        self.is_plain = bool(border[data[opening - 1]].all() and border[data[closing + 1]].all())
        self.quotes += len(places)

    def _look_for_signs(self, data: np.ndarray) -> None:
        import numpy as np

        tables = self.tables
        zeros = np.flatnonzero(data[2:-1] == ZERO) + 2
        before, after = data[zeros - 1], data[zeros + 1]
        starts = tables.before_figure[before] | (tables.sign[before] & tables.before_figure[data[zeros - 2]])
        leading = starts & (tables.digit[after] | ((before == MINUS) & tables.border[after]))
        plus = np.flatnonzero(data[2:-1] == PLUS) + 2
        signed = tables.before_figure[data[plus - 1]] & tables.digit[data[plus + 1]]
        self.has_signs = bool(leading.any() or signed.any())

    def summary(self) -> Look:
        if not self.ends and self.returns:
            return Look("\r", has_lone_returns=False, is_plain=False, has_signs=True)
        has_lone_returns = self.returns > (self.pairs if self.first_end == "\r\n" else 0)
        is_plain = self.is_plain and not has_lone_returns and self.quotes % 2 == 0
        return Look(self.first_end or "\n", has_lone_returns, is_plain, self.has_signs)


def _line_not_utf8(path: Path) -> int | None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None
