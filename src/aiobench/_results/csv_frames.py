"""The results CSV → a frame (`docs/reference/wire.md#results-csv`): an open schema, of which some columns are known.

Only an empty field is missing: a model's output may well be the word `None`, `NA` or `007`. In a column of figures,
`NaN` is the figure that it says.
"""

from __future__ import annotations

import contextlib
import csv
import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from aiobench._errors import ResultParseError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import pandas as pd

__all__ = ["read_results"]

TEXT_COLUMNS = frozenset({
    "Model", "source", "reference", "hypothesis", "topic", "inputText", "referenceText", "outputText",
    "pipelineid", "Provider",
})  # fmt: skip
PIECE = 10_000  # rows converted at a time: a few milliseconds
NAN = ("NaN", "nan", "NAN", "-nan")  # as JavaScript, Python and C write it
TRUE, FALSE = ("True", "true", "TRUE"), ("False", "false", "FALSE")


def read_results(path: Path, *, job_id: str, metrics: Collection[str]) -> pd.DataFrame:
    """Read a results file into a frame. This blocks, so call it in a worker thread.

    Args:
        path: The CSV file, in UTF-8.
        job_id: The job, for error messages.
        metrics: The long names of the job's metrics: columns of floats.

    Returns:
        One row per segment and model. Metrics are `float64`; `Model_success`, `*_success` and `any_segment_failed`
        are `bool` (`boolean` if a field is empty); texts are `str`; other columns are inferred. A repeated column
        name gets a number, `NAME.1`, and the type of the first column of that name.

    Raises:
        ResultParseError: If the file is not a results CSV, with the line if it is known.
    """
    import pandas as pd

    header = _header(path, job_id)
    kinds: dict[str, str | None] = {}
    try:
        names = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
        written = dict(zip(names, header, strict=False))  # repeated columns have another name in the frame
        kinds = {name: _kind(written.get(name, name), metrics) for name in names}
        frame = _parsed(path, kinds)
    except pd.errors.EmptyDataError as error:
        raise _unusable(job_id, "the file is empty", 1) from error
    except pd.errors.ParserError as error:
        raise _unusable(job_id, str(error).strip(), _line_named_in(str(error))) from error
    except UnicodeDecodeError as error:
        raise _unusable(job_id, "not UTF-8", _line_not_utf8(path)) from error
    except ValueError as error:  # a metric's field that is not a number
        raise _no_number(path, job_id, kinds) from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus fields for an index
        raise _unusable(job_id, f"more fields than the {len(header)} columns of the header", 2)
    for name in frame.columns:
        if _is_flag(written.get(name, name)):
            frame[name] = _flags(frame[name], path, job_id)
    return frame


def _kind(column: str, metrics: Collection[str]) -> str | None:
    """Return the type to read a column as, or None to infer it."""
    if column in TEXT_COLUMNS or _is_flag(column):
        return "str"
    return "float64" if column in metrics else None


def _parsed(path: Path, kinds: dict[str, str | None], **options: Any) -> pd.DataFrame:
    """Parse the file in pieces, because pandas holds the GIL while it converts one."""
    import pandas as pd

    dtypes = {name: kind for name, kind in kinds.items() if kind is not None}
    missing = {name: ["", *NAN] if kind == "float64" else [""] for name, kind in kinds.items()}
    # low_memory=False: otherwise pandas infers types by chunks and gives one column several
    read: Callable[..., Any] = partial(
        pd.read_csv, path, dtype=dtypes, keep_default_na=False, na_values=missing, encoding="utf-8-sig",
        low_memory=False, **options,
    )  # fmt: skip
    with read(chunksize=PIECE) as pieces:
        parts = list(pieces)
    frame: pd.DataFrame = pd.concat(parts)
    inferred = [set(found) for found in zip(*(map(str, part.dtypes) for part in parts), strict=True)]
    while parts:  # one by one, because freeing them all at once takes milliseconds, too
        parts.pop()
    odd = [place for place, found in enumerate(inferred) if len(found) > 1 and found != {"int64", "float64"}]
    if odd:  # read columns whole if pieces disagree about the inferred type
        whole: Any = read(usecols=odd)  # a frame, not an iterator of pieces
        for place, name in zip(odd, whole.columns, strict=True):
            frame.isetitem(place, whole[name].array)
    return frame


def _header(path: Path, job_id: str) -> list[str]:
    """Read the first record; refuse HTML, XML, and files whose rows are all too long."""
    row: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            records = csv.reader(file)
            header = next(filter(_is_filled, records), None)
            with contextlib.suppress(csv.Error):  # a field over the csv module's limit, which pandas accepts
                row = next(filter(_is_filled, records), [])
            line = records.line_num
    except UnicodeDecodeError as error:
        raise _unusable(job_id, "not UTF-8", _line_not_utf8(path)) from error
    except csv.Error as error:
        raise _unusable(job_id, str(error), 1) from error
    if not header:
        raise _unusable(job_id, "the file is empty", 1)
    if header[0].lstrip().startswith("<"):
        raise _unusable(job_id, "the file is a web page or XML, not a CSV", 1)
    if len(row) > len(header):  # pandas would take the first fields for an index, or for a range
        raise _unusable(job_id, f"more fields than the {len(header)} columns of the header", line)
    return header


def _is_filled(record: list[str]) -> bool:
    """Return whether a line is a record and not blank, which pandas skips."""
    return len(record) > 1 or (len(record) == 1 and (not record[0] or bool(record[0].strip(" \t"))))


def _is_flag(column: str) -> bool:
    return column == "any_segment_failed" or column.endswith("_success")


def _flags(texts: pd.Series, path: Path, job_id: str) -> pd.Series:
    import pandas as pd

    # in pieces, as parsed: a lookup over all rows would hold the GIL
    pieces = [texts[start : start + PIECE] for start in range(0, max(len(texts), 1), PIECE)]
    flags = pd.concat([piece.isin(TRUE) for piece in pieces])
    others = ~pd.concat([piece.isin((*TRUE, *FALSE)) for piece in pieces])
    if not others.any():
        return flags
    missing = texts.isna()
    unusable = others & ~missing
    if unusable.any():
        where = int(unusable.to_numpy().argmax())
        what = f"{texts.name} is {texts.iloc[where]!r}, not True or False"
        raise _unusable(job_id, what, _line_of_record(path, where))
    return flags.astype("boolean").mask(missing)


def _no_number(path: Path, job_id: str, kinds: dict[str, str | None]) -> ResultParseError:
    """Find the field that could not be read as a number, in a second, slower pass."""
    import pandas as pd

    metrics = [place for place, kind in enumerate(kinds.values()) if kind == "float64"]
    texts = _parsed(path, dict.fromkeys(kinds, "str"), usecols=metrics)
    for name in texts.columns:
        bad = pd.to_numeric(texts[name], errors="coerce").isna() & texts[name].notna() & ~texts[name].isin(NAN)
        if bad.any():
            where = int(bad.to_numpy().argmax())
            what = f"{name} is {texts[name].iloc[where]!r}, not a number"
            return _unusable(job_id, what, _line_of_record(path, where))
    return _unusable(job_id, "a metric's field is not a number", None)


def _line_named_in(message: str) -> int | None:
    """Extract the line from the parser's message, which counts rows from 0 and lines from 1."""
    if line := re.search(r"\bline (\d+)", message):
        return int(line[1])
    if row := re.search(r"\brow (\d+)", message):
        return int(row[1]) + 1
    return None


def _line_of_record(path: Path, index: int) -> int | None:
    """Find the line on which a record ends; a record may span several."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        records = csv.reader(file)
        try:
            next(islice(filter(_is_filled, records), index + 1, None), None)
        except csv.Error:
            return None
        return records.line_num


def _line_not_utf8(path: Path) -> int | None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None


def _unusable(job_id: str, why: str, line: int | None) -> ResultParseError:
    where = f", line {line}" if line is not None else ""
    return ResultParseError(f"the results of job {job_id} are not a usable CSV{where}: {why}", job_id=job_id, line=line)
