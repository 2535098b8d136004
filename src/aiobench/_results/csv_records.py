"""Reads the records of a results file exactly as written: the reference for the fast reader.

Python's own reader of CSVs, in its strict mode. It ends a record at any carriage return outside quotes; many writers do
not quote one, so those are hidden from it where the file's lines do not end with them.
"""

from __future__ import annotations

import csv
from itertools import islice
from typing import TYPE_CHECKING

from aiobench._results.csv_bytes import BLOCK, Look, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import TextIOWrapper
    from pathlib import Path

__all__ = ["line_of_record", "read_columns", "read_header"]

SPARE = [chr(code) for code in range(0xFDD0, 0xFDF0)]  # no characters, by Unicode's definition
MIXED = "the line ends with CR LF where the header's ends with LF: the CR may be part of the last field"


def read_header(path: Path, seen: Look) -> list[str]:
    """Read the first record, skipping blank lines.

    Raises:
        UnreadableError: If there is none.
    """
    for line, record in _numbered(path, seen):
        if not _is_blank(record, 2):
            if any("\r" in name for name in record):
                raise UnreadableError("a carriage return in the header: is it what ends the lines?", line)
            return record
    raise UnreadableError("the file is empty", 1)


def read_columns(path: Path, seen: Look, width: int, rows: int, *, text_ends: bool) -> Iterator[list[list[str]]]:
    """Yield the columns of the records after the header, in batches, skipping blank lines.

    Args:
        path: The file.
        seen: What a look at its bytes said.
        width: How many fields each record has.
        rows: How many records to yield at a time.
        text_ends: Whether the last field is a text.

    Raises:
        UnreadableError: If a record cannot be read, or has more fields or fewer.
    """
    # One list of all the fields: a list for each record that is kept would set off Python's garbage collector.
    fields: list[str] = []
    for record in _records(path, seen, width, text_ends=text_ends):
        fields += record
        if len(fields) == rows * width:
            yield [fields[place::width] for place in range(width)]
            fields = []
    if fields:
        yield [fields[place::width] for place in range(width)]


def _records(path: Path, seen: Look, width: int, *, text_ends: bool) -> Iterator[list[str]]:
    with _opened(path, seen) as file:
        disguise = _Disguise(path, seen) if seen.has_lone_returns else None
        reader = csv.reader(map(disguise.hide, file) if disguise else file, strict=True)
        try:
            next(record for record in reader if not _is_blank(record, 2))
            for record in reader:
                if len(record) != width:
                    if _is_blank(record, width):
                        continue
                    raise _wrong_width(path, seen, width)
                if disguise is None:
                    yield record
                    continue
                restored = disguise.restore(record)
                if disguise.strip_end(restored) and text_ends:
                    raise UnreadableError(MIXED, _mixed_line(path, seen))
                yield restored
        except csv.Error as error:
            raise _broken(path, seen, str(error)) from error


def line_of_record(path: Path, seen: Look, width: int, index: int) -> int | None:
    """Find the line on which a record begins; a record may span several."""
    try:
        filled = (line for line, record in _numbered(path, seen) if not _is_blank(record, width))
        return next(islice(filled, index + 1, None), None)
    except UnreadableError:
        return None


class _Disguise:
    """Hides carriage returns behind characters that do not occur in the file.

    One at a line's end has a disguise of its own: where the header ends with LF alone, nobody can say whether it is
    part of the last field.
    """

    def __init__(self, path: Path, seen: Look) -> None:
        self._inside, self._at_end = _spare(path)
        self._ends = ("\r\n",) if seen.line_end == "\r\n" else ('"\r\n',)

    def hide(self, line: str) -> str:
        if line.endswith(self._ends):
            stem, end = line[:-2], "\r\n"
        elif line.endswith("\r\n"):
            stem, end = line[:-2], f"{self._at_end}\n"
        else:
            stem, end = line, ""
        return stem.replace("\r", self._inside) + end

    def restore(self, record: list[str]) -> list[str]:
        last = len(record) - 1
        return [
            (cell if place == last and cell.endswith(self._at_end) else cell.replace(self._at_end, "\r")).replace(
                self._inside, "\r"
            )
            for place, cell in enumerate(record)
        ]

    def strip_end(self, record: list[str]) -> bool:
        """Strip the line end from the last field; return whether there was one."""
        if not record[-1].endswith(self._at_end):
            return False
        record[-1] = record[-1][:-1].replace(self._at_end, "\r")
        return True


def _spare(path: Path) -> tuple[str, str]:
    """Choose two characters that do not occur in the file."""
    spare = SPARE
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        while spare and (block := file.read(BLOCK)):
            spare = [character for character in spare if character not in block]
    if len(spare) < 2:
        raise UnreadableError("carriage returns beside all of Unicode's noncharacters", None)
    return spare[0], spare[1]


def _numbered(path: Path, seen: Look) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with its line number."""
    with _opened(path, seen) as file:
        disguise = _Disguise(path, seen) if seen.has_lone_returns else None
        reader = csv.reader(map(disguise.hide, file) if disguise else file, strict=True)
        line = 1
        try:
            for record in reader:
                yield line, disguise.restore(record) if disguise else record
                line = reader.line_num + 1
        except csv.Error as error:
            raise UnreadableError(_reason(str(error)), line) from error


def _opened(path: Path, seen: Look) -> TextIOWrapper:
    return path.open(buffering=2**20, encoding="utf-8-sig", newline="\r" if seen.line_end == "\r" else "\n")


def _is_blank(record: list[str], width: int) -> bool:
    return not record or (len(record) == 1 < width and not record[0].strip(" \t"))


def _wrong_width(path: Path, seen: Look, width: int) -> UnreadableError:
    for line, record in _numbered(path, seen):
        if len(record) != width and not _is_blank(record, width):
            return UnreadableError(f"{len(record)} fields where the header has {width} columns", line)
    raise AssertionError(path)


def _mixed_line(path: Path, seen: Look) -> int | None:
    with _opened(path, seen) as file:
        ends = (number for number, line in enumerate(file, 1) if line.endswith("\r\n") and not line.endswith('"\r\n'))
        return next(ends, None)


def _broken(path: Path, seen: Look, message: str) -> UnreadableError:
    try:
        for _ in _numbered(path, seen):
            pass
    except UnreadableError as error:
        return error
    return UnreadableError(_reason(message), None)


def _reason(message: str) -> str:
    if "unexpected end of data" in message:
        return "a quote that is not closed"
    if "field larger than field limit" in message:
        return f"{message}; raise it with csv.field_size_limit(), or install pyarrow"
    return message
