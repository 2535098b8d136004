"""Reads the results CSV (`docs/reference/wire.md#results-csv`) into a frame. Only some of its columns are known.

A plain file is split by pyarrow, if that is installed, and its columns are converted as a whole. Columns for which that
might not be exact, and files that are not plain, are read by Python's own reader, field by field.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from aiobench._errors import ResultParseError
from aiobench._results import csv_arrow
from aiobench._results.csv_bytes import Look, UnreadableError, look
from aiobench._results.csv_columns import Column, Figures, Flags, Inferred, Texts, WrongFlagError, in_turns
from aiobench._results.csv_records import line_of_record, read_columns, read_header
from aiobench._results.options import DtypeBackend, Engine, ReadOptions
from aiobench.documents import ResultsWarning

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["read_frame"]

TEXT_COLUMNS = frozenset({
    "Model", "source", "reference", "hypothesis", "topic", "inputText", "referenceText", "outputText",
    "pipelineid", "Provider",
})  # fmt: skip
OTHER_COLUMNS = frozenset({"segment_id", "numChars", "numWords", "credits_used", "runTimeInSecs"})
WHOLE: Mapping[type[Column], Callable[[Any], Any]] = {
    Texts: csv_arrow.texts,
    Flags: csv_arrow.flags,
    Figures: csv_arrow.figures,
    Inferred: csv_arrow.any_column,
}
"""What converts a column as a whole."""
DEFAULT = ReadOptions()
PIECE = 2_000  # records that are read at a time: milliseconds
FIELDS = 20_000  # and fields, where a record has many


def read_frame(
    path: Path,
    *,
    job_id: str,
    metrics: Collection[str],
    options: ReadOptions = DEFAULT,
) -> pd.DataFrame:
    """Read a results file into a frame. Blocking: call it in a worker thread.

    Args:
        path: The CSV file, in UTF-8.
        job_id: The job, for the text of errors; "": the file's name stands for it.
        metrics: The long names of the job's metrics.
        options: How to read it.

    Returns:
        One row per segment and model.

    Raises:
        ResultParseError: If the file cannot be read exactly; with the line.
        OSError: If it cannot be opened.
    """
    subject = f"the results of job {job_id}" if job_id else f"the results in {path}"
    try:
        reading = _Reading.of(path, metrics)
        arrays = reading.arrays(options.engine or ("pyarrow" if csv_arrow.is_installed() else "python"))
        if reading.faults:
            fault = reading.told_faults()
            if options.strict:
                raise fault
            text = f"{subject}, line {fault.line}: {fault.why}; missing in the frame"
            warnings.warn(text, ResultsWarning, stacklevel=2)
    except UnreadableError as error:
        where = f", line {error.line}" if error.line is not None else ""
        what = f"{subject} are not a usable CSV{where}: {error.why}"
        raise ResultParseError(what, job_id=job_id, line=error.line) from error.__cause__
    return _frame(reading.header, arrays, options.dtype_backend)


@define
class _Reading:
    """A results file being read.

    Attributes:
        path: The file.
        seen: What a look at its bytes said.
        header: The columns, as the file names them.
        kinds: The type of each column.
        faults: Columns of figures with fields that are none.
    """

    path: Path
    seen: Look
    header: list[str]
    kinds: list[type[Column]]
    faults: dict[str, Figures] = field(factory=dict[str, Figures])

    @classmethod
    def of(cls, path: Path, metrics: Collection[str]) -> _Reading:
        seen = look(path)
        header = read_header(path, seen)
        if len(header) == 1 and (separator := next((each for each in ";\t|" if each in header[0]), None)):
            raise UnreadableError(f"the header's names are separated by {separator!r}, not by commas", 1)
        return cls(path, seen, header, [_kind(name, metrics) for name in header])

    def arrays(self, engine: Engine) -> list[Any]:
        """Read each column."""
        width = len(self.header)
        is_plain = self.seen.is_plain and width > 1  # of one column, a blank line may be a field
        columns = csv_arrow.split(self.path, width) if is_plain and engine == "pyarrow" else None
        if columns is None:
            return self._checked(self._read_records())
        arrays = []
        for place, kind in enumerate(self.kinds):
            array = WHOLE[kind](columns[place])
            arrays.append(array)
            if array is not None:
                columns[place] = None  # frees its memory
        odd = [place for place, array in enumerate(arrays) if array is None]
        texts = zip(*(csv_arrow.pieces(columns[place], self._rows(len(odd))) for place in odd), strict=True)
        for place, array in zip(odd, self._columns(odd, texts), strict=True):
            arrays[place] = array
        return self._checked(arrays)

    def told_faults(self) -> UnreadableError:
        """Describe how many fields are not numbers, and where the first is."""
        count = sum(column.faults for column in self.faults.values())
        firsts = ((*column.first_fault, name) for name, column in self.faults.items() if column.first_fault)
        row, text, name = min(firsts, key=lambda first: first[0])
        more = f", the first of {count:,} such fields" if count > 1 else ""
        return UnreadableError(f"{name} is {text[:80]!r}, not a number{more}", self._line(row))

    def _read_records(self) -> list[Any]:
        width = len(self.header)
        text_ends = self.kinds[-1] in {Texts, Inferred}
        columns = read_columns(self.path, self.seen, width, self._rows(width), text_ends=text_ends)
        return self._columns(range(width), columns)

    def _columns(self, places: Collection[int], pieces: Iterator[Any]) -> list[Any]:
        columns = [self.kinds[place]() for place in places]
        for piece in in_turns(pieces):
            for place, column, texts in zip(places, columns, piece, strict=True):
                try:
                    column.add(texts)
                except WrongFlagError as wrong:
                    what = f"{self.header[place]} is {wrong.text[:80]!r}, not True or False"
                    raise UnreadableError(what, self._line(wrong.row)) from None
        for place, column in zip(places, columns, strict=True):
            if isinstance(column, Figures) and column.faults:
                self.faults[self.header[place]] = column
        return [column.finish() for column in columns]

    def _checked(self, arrays: list[Any]) -> list[Any]:
        """Refuse a lone line that is not a header, such as an error message."""
        name = self.header[0]
        is_known = self.kinds[0] is not Inferred or name in OTHER_COLUMNS
        if len(self.header) == 1 and not len(arrays[0]) and not is_known:
            raise UnreadableError(f"the file is a line of text, not a CSV: {name[:80]!r}", 1)
        return arrays

    def _rows(self, columns: int) -> int:
        return max(1, min(PIECE, FIELDS // columns))

    def _line(self, row: int) -> int | None:
        return line_of_record(self.path, self.seen, len(self.header), row)


def _kind(name: str, metrics: Collection[str]) -> type[Column]:
    if name in TEXT_COLUMNS:
        return Texts
    if name == "any_segment_failed" or name.endswith("_success"):
        return Flags
    return Figures if name in metrics else Inferred


def _frame(header: list[str], arrays: list[Any], dtype_backend: DtypeBackend | None) -> pd.DataFrame:
    import pandas as pd

    if dtype_backend is not None:
        arrays = [_converted(array, dtype_backend) for array in arrays]
    frame = pd.DataFrame(dict(enumerate(arrays)))
    frame.columns = pd.Index(_unique(header))
    return frame


def _converted(array: Any, dtype_backend: DtypeBackend) -> Any:
    """Convert an array to the type that the backend uses for it."""
    import pandas as pd

    kind = array.dtype.kind
    sample = pd.Series({"i": [1], "u": [1], "f": [0.5], "b": [True]}.get(kind, ["text"]))
    if kind == "u":
        sample = sample.astype("uint64")
    return pd.Series(array).astype(sample.convert_dtypes(dtype_backend=dtype_backend).dtype).array


def _unique(header: list[str]) -> list[str]:
    """Name the columns as pandas does: repeated names get a number, missing names their position."""
    names = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    taken, given = set(names), set[str]()
    counts: dict[str, int] = {}
    unique = []
    for name in names:
        candidate = name
        while candidate in given or (candidate != name and candidate in taken):
            counts[name] = counts.get(name, 0) + 1
            candidate = f"{name}.{counts[name]}"
        given.add(candidate)
        unique.append(candidate)
    return unique
