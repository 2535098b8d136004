"""Tables of text: CSV, JSON lines, Parquet and frames. Rows know their place, for error messages."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any

from attrs import frozen

from aiobench.errors import MissingExtraError
from aiobench.local.catalogue.problems import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["FORMATS", "Row", "Table", "read_frame", "read_table", "read_text"]

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@frozen
class Row:
    """One row: its place, and its cells by column. A missing cell is absent."""

    place: str
    cells: Mapping[str, str]


@frozen
class Table:
    """Rows of text under named columns.

    Attributes:
        origin: What to call it in messages: a path, or "the frame".
    """

    origin: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> Table:
    """Read a file; its suffix decides how.

    Args:
        path: A `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet` file. Text is UTF-8, with or without a BOM.

    Returns:
        The table. An empty cell and a JSON `null` are missing.

    Raises:
        DataError: If it cannot be read, with the line where there is one.
        MissingExtraError: If a Parquet file is given and pyarrow is not installed.
    """
    ending = path.suffix.lower()
    if ending == ".parquet":
        return _parquet(path)
    if ending in {".jsonl", ".ndjson"}:
        return _json_lines(path)
    if ending in {".csv", ".tsv"}:
        return _csv(path, "\t" if ending == ".tsv" else ",")
    raise DataError([f"{path}: the ending {ending or '(none)'} is not one of {', '.join(FORMATS)}"])


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without a BOM.

    Args:
        path: The file.

    Returns:
        Its text, line ends as they are.

    Raises:
        DataError: If it cannot be read or is not UTF-8, with the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError([f"{path} cannot be read: {error.strerror or error}"]) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError([f"{path}, line 1: this is UTF-16; save the file as UTF-8"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise DataError([f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"]) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError([f"{path}, line {line}: there is a NUL character; remove it"])
    return text


def read_frame(frame: pd.DataFrame, origin: str = "the frame") -> Table:
    """Convert a frame to a table.

    Args:
        frame: One row per segment. Its index is not read.
        origin: What to call it in messages.

    Returns:
        The table. What pandas calls missing is missing; everything else is text as `str()` gives it.

    Raises:
        DataError: If two columns have one name.
    """
    columns = tuple(str(name) for name in frame.columns)
    mistakes = _header_mistakes(origin, columns)
    if mistakes:
        raise DataError(mistakes)
    texts = [
        [None if absent else str(value) for value, absent in zip(column.tolist(), column.isna().tolist(), strict=True)]
        for _, column in frame.items()
    ]
    rows: list[Row] = []
    for number, values in enumerate(zip(*texts, strict=True)):
        cells = {name: value for name, value in zip(columns, values, strict=True) if value}
        place = f"{origin}, row {number}"
        mistakes += [f"{place}: {reason}" for text in cells.values() if (reason := _unwritable(text))]
        rows.append(Row(place, cells))
    if mistakes:
        raise DataError(mistakes)
    return Table(origin, columns, tuple(rows))


def _unwritable(text: str) -> str | None:
    if "\0" in text:
        return "there is a NUL character; remove it"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "there is half a surrogate pair, which is not valid text; remove it"
    return None


def _csv(path: Path, delimiter: str) -> Table:
    records = _records(path, read_text(path), delimiter)
    first = next(records, None)
    if first is None:
        raise DataError([f"{path} is empty; its first line must name the columns"])
    columns = tuple(name.strip() for name in first[1])
    mistakes = _header_mistakes(f"{path}, line 1", columns)
    rows: list[Row] = []
    for line, fields in records:
        place = f"{path}, line {line}"
        if len(fields) > len(columns):
            mistakes.append(
                f"{place}: {len(fields)} fields, but the header has {len(columns)}; quote the commas in text"
            )
        rows.append(Row(place, {name: cell for name, cell in zip(columns, fields, strict=False) if cell}))
    if mistakes:
        raise DataError(mistakes)
    return Table(str(path), columns, tuple(rows))


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    # the module's limit is the process's: it is lifted for this file and put back
    earlier = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError([f"{path}, line {line}: {error}"]) from error
            if fields:
                yield line, fields
    finally:
        csv.field_size_limit(earlier)


def _header_mistakes(place: str, columns: tuple[str, ...]) -> list[str]:
    mistakes = [f"{place}: a column has no name" for name in columns if not name.strip()][:1]
    repeated = dict.fromkeys(name for name in columns if name.strip() and columns.count(name) > 1)
    return mistakes + [f"{place}: there are two columns named {name!r}" for name in repeated]


def _json_lines(path: Path) -> Table:
    mistakes: list[str] = []
    rows: list[Row] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            value: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            mistakes.append(f"{place}: not JSON ({error})")
            continue
        if not isinstance(value, dict):
            mistakes.append(f"{place}: a JSON object was expected")
            continue
        texts = {str(name): _json_text(cell) for name, cell in value.items() if cell is not None and cell != ""}
        mistakes += [f"{place}: {reason}" for text in texts.values() if (reason := _unwritable(text))]
        columns |= dict.fromkeys(map(str, value))
        rows.append(Row(place, texts))
    if mistakes:
        raise DataError(mistakes)
    return Table(str(path), tuple(columns), tuple(rows))


def _json_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(path: Path) -> Table:
    try:
        import pandas as pd
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError("reading Parquet files", extra="export") from error
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError([f"{path} cannot be read as Parquet: {error}"]) from error
    return read_frame(frame, str(path))
