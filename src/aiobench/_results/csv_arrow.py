"""Columns of a plain results file, split by pyarrow and converted as a whole: no Python object per field.

pyarrow hands out the texts of the fields as they are written, so nothing is guessed. A column is converted here only
where that gives what `csv_columns` would; otherwise the answer is None, and its texts go there.
"""

# pyarrow makes the functions of its compute module at run time:
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from aiobench._results.csv_columns import BOOLEANS, EXACT, FLAGS, is_a_figure, text_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["any_column", "figures", "flags", "is_installed", "pieces", "split", "texts"]

MINUS, POINT, ZERO = b"-.0"
BLOCKS = (2**20, 2**27)  # bytes that are split at a time
Column = Any  # a pyarrow.ChunkedArray of strings, null where a field is empty; pyarrow has no types


def is_installed() -> bool:
    """Return whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def split(path: Path, width: int) -> list[Column] | None:
    """Split a plain UTF-8 file into text columns without the header; None if pyarrow cannot."""
    import pyarrow as pa

    for block in BLOCKS:
        try:
            return _split(path, width, block)
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error):
                break  # otherwise, a record is longer than the block
    return None


def _split(path: Path, width: int, block: int) -> list[Column]:
    import pyarrow as pa
    from pyarrow import csv

    names = [str(place) for place in range(width)]
    table: Any = csv.read_csv(
        path,
        csv.ReadOptions(use_threads=False, block_size=block, column_names=names),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.large_string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    columns: list[Column] = table.slice(1).columns
    return columns


def pieces(column: Column, rows: int) -> Iterator[list[str]]:
    """Yield a column's texts in batches, since pyarrow holds the GIL while it creates Python objects."""
    import pyarrow.compute as pc

    for start in range(0, len(column), rows):
        yield pc.fill_null(column.slice(start, rows), "").to_pylist()


def texts(column: Column) -> Any:
    """Convert to texts."""
    dtype = text_dtype()
    if hasattr(dtype, "__from_arrow__"):
        return dtype.__from_arrow__(column)
    array = column.to_numpy()  # before pandas 3, texts are Python objects
    array[column.is_null().to_numpy()] = math.nan
    return array


def flags(column: Column) -> Any | None:
    """Convert to flags; None if a field is not one."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    places = pc.index_in(column, pa.array(FLAGS))
    if places.null_count > column.null_count:
        return None
    array = np.array(list(FLAGS.values()))[pc.fill_null(places, 0).to_numpy()]
    return pd.arrays.BooleanArray(array, column.is_null().to_numpy()) if column.null_count else array


def figures(column: Column) -> Any | None:
    """Convert to floats; None if a field is not a number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        array = pc.cast(column, pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    is_nan = np.isnan(array)
    if is_nan.sum() > column.null_count:  # pyarrow takes `nan(0)` for no number, too
        words = column.filter(is_nan).unique().drop_null().to_pylist()
        return array if all(map(is_a_figure, words)) else None
    return array


def any_column(column: Column) -> Any | None:
    """Convert to the type of all fields: flags, integers, floats or texts; None if that takes a closer look."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return np.full(len(column), math.nan)
    first = column.drop_null()[0].as_py()
    if first in BOOLEANS:
        booleans = pc.sum(pc.is_in(column, pa.array(BOOLEANS))).as_py()
        return flags(column) if booleans + column.null_count == len(column) else texts(column)
    if not is_a_figure(first):
        return texts(column)
    if _may_hold_digits_of_texts(column):
        return None
    whole = _whole_numbers(column) if first.removeprefix("-").isdigit() else None
    return _surely_figures(column) if whole is None else whole


def _whole_numbers(column: Column) -> Any | None:
    """Convert to integers; None if a field is not one or too large."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        return None
    if not column.null_count:
        return numbers.to_numpy()
    return pd.arrays.IntegerArray(pc.fill_null(numbers, 0).to_numpy(), column.is_null().to_numpy())


def _surely_figures(column: Column) -> Any | None:
    """Convert to floats; None if a field is not a number or may lose digits, or if all are missing."""
    import numpy as np

    array = figures(column)
    if array is None:
        return None
    with np.errstate(invalid="ignore"):
        return array if np.isfinite(array).any() and not (np.abs(array) >= EXACT).any() else None


def _may_hold_digits_of_texts(column: Column) -> bool:
    """Return whether there may be ids or phone numbers, such as 007 and +49, or a negative zero."""
    import numpy as np

    for chunk in column.chunks:
        _, ends, data = chunk.buffers()
        starts = np.frombuffer(ends, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        characters = np.frombuffer(data, np.uint8)
        starts = starts[:-1][np.diff(starts) > 1]  # of texts of two characters and more
        first, second = characters[starts], characters[starts + 1]
        negative = starts[(first == MINUS) & (second == ZERO)]
        third = characters[np.minimum(negative + 2, len(characters) - 1)]
        is_odd = (first < MINUS) | ((first == ZERO) & (second != POINT))
        if is_odd.any() or (third != POINT).any():
            return True
    return False
