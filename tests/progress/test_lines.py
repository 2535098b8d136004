"""What a line of progress says, in any number of columns."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._progress.lines import Line, amount


def width(text: str) -> int:
    """Count columns as terminals do."""
    wide = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(c) else wide.get(unicodedata.east_asian_width(c), 1) for c in text)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (80, "Übersetzung:  40% |████████████░░░░░░░░░░░░░░░░░░| 01:05, in_progress"),
        (60, "Übersetzung:  40% |████████░░░░░░░░░░░░░| 01:05, in_progress"),
        (45, "Übersetzung:  40% |██░░░░| 01:05, in_progress"),
        (40, "Übersetzung:  40% 01:05, in_progress"),
        (30, "Übersetzung:  40% 01:05, in_p…"),
        (10, "Übersetzu…"),
    ],
)
def test_narrow_terminals(columns: int, text: str) -> None:
    """The bar gives way first, then the label but for twelve columns, then the rest; what is missing leaves a mark."""
    assert Line("Übersetzung", 0.4, "in_progress", 65.0).text(columns) == text


def test_a_long_label_gives_way() -> None:
    """A long name is shortened, so that the state is seen."""
    assert Line("x" * 300, 0.4, "in_progress", 65.0).text(50) == f"{'x' * 24}…:  40% 01:05, in_progress"


def test_without_a_share_there_is_no_bar() -> None:
    """Where the total is unknown, the line says what there is."""
    assert Line("results", None, "3.1 MB", 3725.0).text(80) == "results: 1:02:05, 3.1 MB"


@given(st.text(), st.none() | st.floats(), st.text(), st.floats(0, 1e9), st.integers(0, 120))
def test_any_text_fits_and_steers_nothing(
    label: str, share: float | None, note: str, seconds: float, columns: int
) -> None:
    """Whatever a server calls a benchmark, the line has these columns exactly, and only characters that print."""
    padded = Line(label, share, note, seconds).padded(columns, "utf-8")

    assert width(padded) == columns
    assert padded.isprintable()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (7 * 10**15, "7000.0 TB"),
    ],
)
def test_amounts(size: int, text: str) -> None:
    """Bytes are shown in powers of a thousand."""
    assert amount(size) == text
