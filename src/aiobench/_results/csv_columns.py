"""Turns the texts of a results file's columns into arrays, in pieces, so that other threads can run meanwhile.

Only an empty field is missing. `NaN` is a figure among figures and a word among words.
"""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "EXACT",
    "WORDS",
    "Column",
    "Figures",
    "Flags",
    "Inferred",
    "Texts",
    "WrongFlagError",
    "in_turns",
    "is_a_figure",
    "text_dtype",
]

T = TypeVar("T")
PAUSE = 0.0002  # seconds, in which another thread wakes up
FLAGS = {
    "True": True, "true": True, "TRUE": True, "1": True, "1.0": True,
    "False": False, "false": False, "FALSE": False, "0": False, "0.0": False,
}  # fmt: skip
BOOLEANS = frozenset({"True", "true", "TRUE", "False", "false", "FALSE", ""})
SAFE = "0123456789+-.eE"  # what float() accepts of these alone is a figure; otherwise it takes 1_000 and ١٢, too
EXACT = 2.0**53  # from here on, floats are too far apart for whole numbers
WORD = r"[+-]?(?i:nan|inf|infinity)"
WORDS = re.compile(rf"[ \t]*{WORD}[ \t]*")
FIGURE = re.compile(rf"[ \t]*(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|{WORD})[ \t]*")
# In a column that need not hold figures, a leading zero is part of an id and a plus sign of a phone number.
WHOLE = r"-?[1-9][0-9]*|0"
FRACTION = r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
WHOLES = re.compile(rf"(?:(?:[ \t]*(?:{WHOLE})[ \t]*)?\n)*+")
FIGURES = re.compile(rf"(?:(?:[ \t]*(?:{FRACTION}|{WORD})[ \t]*)?\n)*+")
PHONE = re.compile(r"^[ \t]*\+[0-9]+[ \t]*$", re.MULTILINE)


class WrongFlagError(Exception):
    """Raised when a field in a column of flags is not a flag.

    Attributes:
        row: Which record, counted from 0.
        text: What the field says.
    """

    def __init__(self, row: int, text: str) -> None:
        super().__init__(row, text)
        self.row, self.text = row, text


class Column(Protocol):
    """A column being read."""

    def add(self, texts: Sequence[str]) -> None:
        """Add the texts of the next records."""

    def finish(self) -> Any:
        """Return the column as an array of pandas or numpy."""


def is_a_figure(text: str) -> bool:
    """Return whether a text is a number or a word such as `NaN`."""
    return FIGURE.fullmatch(text) is not None


def in_turns(pieces: Iterable[T]) -> Iterator[T]:
    """Yield each piece and let other threads run in between.

    A thread that waits for the interpreter demands it after 5 ms; but it counts anew each time this one lets go of it,
    if only for the microsecond in which numpy copies an array.
    """
    for piece in pieces:
        yield piece
        time.sleep(PAUSE)


def text_dtype() -> Any:
    """Return the text type of this version of pandas."""
    import pandas as pd

    return pd.Series(dtype="str").dtype


@define
class Texts:
    """A column of texts."""

    pieces: list[Any] = field(factory=list[Any])
    dtype: Any = field(factory=text_dtype)

    def add(self, texts: Sequence[str]) -> None:
        import pandas as pd

        self.pieces.append(pd.Series([text or math.nan for text in texts], dtype=self.dtype))

    def finish(self) -> Any:
        import pandas as pd

        return pd.concat([pd.Series(dtype=self.dtype), *self.pieces], ignore_index=True).array


@define
class Figures:
    """A column of numbers; anything else counts as missing.

    Attributes:
        faults: How many fields are no figures.
        first_fault: The record and the text of the first of them.
    """

    pieces: list[Any] = field(factory=list[Any])
    rows: int = 0
    faults: int = 0
    first_fault: tuple[int, str] | None = None

    def add(self, texts: Sequence[str]) -> None:
        import numpy as np

        self.pieces.append(np.array(self._figures(texts), "float64"))
        self.rows += len(texts)

    def _figures(self, texts: Sequence[str]) -> list[float]:
        if not "".join(texts).strip(SAFE):
            try:
                return [float(text or "nan") for text in texts]
            except ValueError:
                pass
        return [self._figure(place, text) for place, text in enumerate(texts)]

    def _figure(self, place: int, text: str) -> float:
        if not text:
            return math.nan
        if is_a_figure(text):
            return float(text)
        self.faults += 1
        self.first_fault = self.first_fault or (self.rows + place, text)
        return math.nan

    def finish(self) -> Any:
        return _joined(self.pieces, "float64")


@define
class Flags:
    """A column of flags.

    Raises:
        WrongFlagError: While it is read, for what is none.
    """

    pieces: list[Any] = field(factory=list[Any])
    missing: list[Any] = field(factory=list[Any])
    rows: int = 0

    def add(self, texts: Sequence[str]) -> None:
        import numpy as np

        flags = [FLAGS.get(text) for text in texts]
        if None in flags:
            for place, text in enumerate(texts):
                if text and text not in FLAGS:
                    raise WrongFlagError(self.rows + place, text)
        self.pieces.append(np.array(flags, "bool"))
        self.missing.append(np.array([flag is None for flag in flags], "bool"))
        self.rows += len(texts)

    def finish(self) -> Any:
        import pandas as pd

        flags, missing = _joined(self.pieces, "bool"), _joined(self.missing, "bool")
        return pd.arrays.BooleanArray(flags, missing) if missing.any() else flags


@define
class Inferred:
    """A column whose type is inferred: flags, integers or floats if all fields are, otherwise texts.

    Keeps the texts of each piece as one string until all is known, as a late word makes texts of all the numbers.
    """

    pieces: list[str] = field(factory=list[str])
    kinds: set[str] = field(factory=set[str])
    rows: int = 0
    texts: Texts | None = None

    def add(self, texts: Sequence[str]) -> None:
        self.rows += len(texts)
        if self.texts is None:
            joined = "\n".join([*texts, ""])
            kinds = self.kinds | _kinds(joined, texts)
            if "text" not in kinds and not ("flag" in kinds and len(kinds) > 1):
                self.pieces.append(joined)
                self.kinds = kinds
                return
            self.texts = self._as_texts()
        self.texts.add(texts)

    def finish(self) -> Any:
        import numpy as np

        if self.texts is not None:
            return self.texts.finish()
        if not self.kinds:
            return np.full(self.rows, math.nan)
        if self.kinds == {"flag"}:
            flags = Flags()
            for piece in in_turns(self.pieces):
                flags.add(_split(piece))
            return flags.finish()
        array = self._whole_numbers() if self.kinds == {"whole"} else self._figures()
        return self._as_texts().finish() if array is None else array

    def _as_texts(self) -> Texts:
        texts = Texts()
        for piece in in_turns(self.pieces):
            texts.add(_split(piece))
        return texts

    def _whole_numbers(self) -> Any:
        """Return integers, nullable if necessary; None if they are too large."""
        import numpy as np
        import pandas as pd

        missing = [np.array([not text for text in _split(piece)], "bool") for piece in self.pieces]
        for dtype in ("int64", "uint64"):
            try:
                numbers = [
                    np.array([int(text or 0) for text in _split(piece)], dtype) for piece in in_turns(self.pieces)
                ]
            except OverflowError:
                continue
            mask = _joined(missing, "bool")
            return pd.arrays.IntegerArray(_joined(numbers, dtype), mask) if mask.any() else _joined(numbers, dtype)
        return None

    def _figures(self) -> Any:
        """Return floats; None if all fields are NaN, or if an integer would lose digits."""
        import numpy as np

        if self.kinds == {"word"}:
            return None
        arrays = []
        for piece in in_turns(self.pieces):
            array = np.array([float(text or "nan") for text in _split(piece)], "float64")
            large = np.flatnonzero(np.abs(array) >= EXACT)
            if len(large):
                texts = _split(piece)
                if any(
                    re.fullmatch(WHOLE, texts[n].strip()) and int(texts[n]) != float(array[n]) for n in large.tolist()
                ):
                    return None
            arrays.append(array)
        return _joined(arrays, "float64")


def _kinds(joined: str, texts: Sequence[str]) -> set[str]:
    """Return the kinds of the fields; none if all are missing."""
    if joined.count("\n") != len(texts):
        return {"text"}
    if len(joined) == len(texts):
        return set()
    if WHOLES.fullmatch(joined):
        return {"whole"}
    if FIGURES.fullmatch(joined):
        if PHONE.search(joined):
            return {"text"}
        return {"figure"} if re.search("[0-9]", joined) else {"word"}
    return {"flag"} if BOOLEANS.issuperset(texts) else {"text"}


def _split(piece: str) -> list[str]:
    return piece.split("\n")[:-1]


def _joined(arrays: list[Any], dtype: str) -> Any:
    import numpy as np

    return np.concatenate([np.empty(0, dtype), *arrays])
