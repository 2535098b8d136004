"""What pandas' own reader makes of a plain file, column by column, and whether that is what is written.

The reader guesses a type for each column of each piece. A guess is kept where it cannot differ from what the texts say;
otherwise the column has to be read again, as texts.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aiobench._results.csv_columns import EXACT, WORDS, is_a_figure, text_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["Guesses", "guess", "texts_of"]


class Guesses:
    """The pieces of each column, as they were guessed.

    Args:
        columns: Arrays of numpy or pandas.
        has_signs: Whether figures of the file may be more than their value.
    """

    def __init__(self, columns: list[list[Any]], *, has_signs: bool) -> None:
        self._columns, self._has_signs = columns, has_signs

    @property
    def rows(self) -> int:
        """How many records there are."""
        return sum(map(len, self._columns[0]))

    @property
    def may_be_short(self) -> bool:
        """Whether a record may have fewer fields than there are columns: pandas takes those for missing."""
        import pandas as pd

        return any(pd.isna(piece).any() for piece in self._columns[-1])

    def take_text(self, place: int) -> Any | None:
        """Return a column of texts; None if it has to be read again."""
        pieces, types = self._take(place)
        return _texts(pieces) if types <= {"text"} else None

    def take_flags(self, place: int) -> Any | None:
        """Return a column of flags; None if it has to be read again."""
        pieces, types = self._take(place)
        return _together(pieces, "bool") if types <= {"flag"} and not _has_gaps(pieces) else None

    def take_figures(self, place: int) -> Any | None:
        """Return a column of floats; None if it has to be read again."""
        pieces, types = self._take(place)
        return _together(pieces, "float64") if types <= {"whole", "figure"} else None

    def take_any(self, place: int) -> Any | None:
        """Return a column of whatever it is; None if it has to be read again."""
        pieces, types = self._take(place)
        if types == {"text"}:
            return _texts(pieces) if _has_a_plain_word(pieces) else None
        if not types:
            return _together(pieces, "float64")
        has_gaps = _has_gaps(pieces)
        if types == {"flag"} and not has_gaps:
            return _together(pieces, "bool")
        if self._has_signs or not types <= {"whole", "figure"}:
            return None
        if types == {"whole"} and not has_gaps:
            return _together(pieces, "int64")
        figures = _together(pieces, "float64")
        return figures if _are_surely_figures(figures) else None

    def _take(self, place: int) -> tuple[list[Any], set[str]]:
        """Hand out a column's pieces, which are then no longer held here, and the types of those with values."""
        pieces, self._columns[place] = self._columns[place], []
        return pieces, {kind for piece in pieces if (kind := _kind(piece))}


def guess(path: Path, width: int, rows: int, engine: str) -> list[list[Any]] | None:
    """Let pandas read a plain file; None if it cannot, or takes some fields for an index.

    Args:
        path: The file.
        width: How many columns it has.
        rows: How many records to read at a time.
        engine: pandas' name for the reader.
    """
    import pandas as pd

    columns: list[list[Any]] = [[] for _ in range(width)]
    try:
        for piece in _pieces(path, width, rows, engine):
            if not isinstance(piece.index, pd.RangeIndex):
                return None
            for place, column in enumerate(columns):
                column.append(piece[place].array)
    except (ValueError, OverflowError):  # the errors of all its readers derive from these
        return None
    return columns


def texts_of(path: Path, width: int, places: Sequence[int], rows: int) -> Iterator[list[list[str]]]:
    """Yield the texts of some columns of a plain file, so many records at a time."""
    for piece in _pieces(path, width, rows, "c", usecols=list(places), dtype=object, na_filter=False):
        yield [piece[place].tolist() for place in places]


def _pieces(path: Path, width: int, rows: int, engine: str, **options: Any) -> Iterator[pd.DataFrame]:
    import pandas as pd

    # na_values: only an empty field is missing; names are told apart later
    read: Any = partial(
        pd.read_csv, path, header=0, names=list(range(width)), keep_default_na=False, na_values=[""],
        encoding="utf-8", engine=engine, **options,
    )  # fmt: skip
    if engine != "c":
        yield read()
        return
    exactly = {} if _reads_floats_exactly() else {"float_precision": "round_trip"}
    pieces: Iterator[pd.DataFrame]
    with read(chunksize=rows, low_memory=False, **exactly) as pieces:
        yield from pieces


def _reads_floats_exactly() -> bool:
    """Tell whether this pandas reads floats as float() does unless told not to; since 3.1 it does."""
    import pandas as pd

    return tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1)


def _kind(piece: Any) -> str | None:
    """Return what a piece holds; None if all of it is missing."""
    import pandas as pd

    kind = piece.dtype.kind
    if kind == "f":
        return None if pd.isna(piece).all() else "figure"
    if kind in "ib":
        return {"i": "whole", "b": "flag"}[kind] if len(piece) else None
    is_text = isinstance(piece.dtype, pd.StringDtype)
    if not is_text and not (kind == "O" and pd.api.types.infer_dtype(piece, skipna=True) in {"string", "empty"}):
        return "odd"
    missing = pd.isna(piece)
    if missing.all():
        return None
    # beside whole numbers that are too large, pandas leaves a missing field as an empty text
    return "odd" if (piece[~missing] == "").any() else "text"


def _has_gaps(pieces: list[Any]) -> bool:
    """Tell whether some pieces are missing as a whole."""
    return any(len(piece) and _kind(piece) is None for piece in pieces)


def _are_surely_figures(figures: Any) -> bool:
    """Tell floats from whole numbers beside a missing one, and from those that are too large for a float."""
    import numpy as np

    missing = np.isnan(figures)
    if (np.abs(figures) >= EXACT).any():
        return False
    return not missing.any() or bool((np.floor(figures) != figures)[~missing].any())


def _has_a_plain_word(pieces: list[Any]) -> bool:
    """Tell whether the first word that is not NaN is no figure either: then the column is one of texts."""
    import pandas as pd

    for piece in pieces:
        for value in piece:
            if not pd.isna(value) and not WORDS.fullmatch(value):
                return not is_a_figure(value)
    return False


def _texts(pieces: list[Any]) -> Any:
    import pandas as pd

    dtype = text_dtype()
    return pd.concat(
        [pd.Series(piece, dtype=dtype) for piece in pieces] or [pd.Series(dtype=dtype)], ignore_index=True
    ).array


def _together(pieces: list[Any], dtype: str) -> Any:
    import numpy as np

    return np.concatenate([np.empty(0, dtype), *(np.asarray(piece, dtype) for piece in pieces)])
