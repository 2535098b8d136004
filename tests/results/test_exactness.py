"""A results file is read exactly, or refused with its line: nothing in it changes in silence."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiobench import ResultParseError, ResultsWarning
from aiobench._results import csv_frames
from aiobench._results.csv_frames import read_frame
from aiobench._results.options import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file."""
    return tmp_path / "results.csv"


def read(path: Path, content: str | bytes, *metrics: str, **options: Any) -> pd.DataFrame:
    """Read a CSV given as text or bytes."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_frame(path, job_id="JOB", metrics=metrics, options=ReadOptions(**options))


@pytest.mark.parametrize(
    "text", ["abc\rdef", "\r", "a\r\nb", "hello\0world", 'say "x"', "two\nlines", "\u2028", "\x85"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_texts_with_odd_characters(path: Path, text: str, line_end: str) -> None:
    """A text comes back as it was, quoted where it must be and bare where writers leave it so."""
    written = io.StringIO()
    csv.writer(written, lineterminator=line_end).writerows(
        [["Model", "hypothesis", "n"], ["m1", text, 1], ["m2", "x", 2]]
    )

    frame = read(path, written.getvalue())

    assert list(frame["hypothesis"]) == [text, "x"]
    assert list(frame["n"]) == [1, 2]


def test_a_bare_carriage_return_is_part_of_the_text(path: Path) -> None:
    """Where lines end with LF, a carriage return outside quotes ends no record."""
    frame = read(path, b"Model,hypothesis,n\nm1,abc\rdef,1\nm2,xyz,2\n")

    assert list(frame["hypothesis"]) == ["abc\rdef", "xyz"]


def test_a_carriage_return_that_may_be_either_is_refused(path: Path) -> None:
    """Where the header ends with LF, a CR before a later line's end may be text: refused if the last field is one."""
    with pytest.raises(ResultParseError, match="line 3: the line ends with CR LF") as caught:
        read(path, b"Model,hypothesis\nm1,a\nm2,b\r\n")
    assert caught.value.line == 3
    assert list(read(path, b"Model,X\nm1,1\nm2,2\r\n", "X")["X"]) == [1.0, 2.0]


def test_lines_that_end_with_carriage_returns_alone(path: Path) -> None:
    """The line ends of old Macs are line ends."""
    assert list(read(path, b"Model,n\ra,1\rb,2\r")["n"]) == [1, 2]


@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        (["1234567890123456789", ""], "Int64", ["1234567890123456789", "<NA>"]),
        (["1", "", "2"], "Int64", ["1", "<NA>", "2"]),
        (["007", "008"], "text", ["007", "008"]),
        (["+4912345", "+4912346"], "text", ["+4912345", "+4912346"]),
        (["1.5", "NaN", "2"], "float64", ["1.5", "nan", "2.0"]),
        (["9007199254740993", "1.5"], "text", ["9007199254740993", "1.5"]),
        (["18446744073709551615", "1"], "uint64", ["18446744073709551615", "1"]),
        (["18446744073709551616", "1"], "text", ["18446744073709551616", "1"]),
        (["9812876009029746604", "+5", ""], "text", ["9812876009029746604", "+5", "nan"]),
        (["True", "", "False"], "boolean", ["True", "<NA>", "False"]),
        (["1", "2", "x"], "text", ["1", "2", "x"]),
        (["nan", "nan"], "text", ["nan", "nan"]),
        (["1_000", "2"], "text", ["1_000", "2"]),
        (["-0", "1"], "float64", ["-0.0", "1.0"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("piece", [1, 10_000])
@pytest.mark.parametrize("engine", ["pyarrow", "python"])
def test_columns_that_nobody_knows(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    texts: list[str],
    dtype: str,
    values: list[str],
    piece: int,
    engine: str,
) -> None:
    """Ids keep their digits and zeros, one missing or late word spoils no column, whatever pieces they come in."""
    monkeypatch.setattr(csv_frames, "PIECE", piece)

    column = read(path, "Model,x\n" + "".join(f"m,{text}\n" for text in texts), engine=engine)["x"]

    assert str(column.dtype) == (str(pd.Series(dtype="str").dtype) if dtype == "text" else dtype)
    assert [str(value) for value in column] == values


@given(st.lists(st.floats(allow_nan=False) | st.decimals(allow_nan=False, allow_infinity=False), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_are_what_python_reads(path: Path, figures: list[Any]) -> None:
    """A figure equals `float(text)` to the last bit, in metrics as in other columns."""
    texts = [str(figure) for figure in figures]
    frame = read(path, "Model,X\n" + "".join(f"m,{text}\n" for text in texts), "X")

    assert list(frame["X"]) == [float(text) for text in texts]


def test_a_score_that_is_no_number_is_missing(path: Path) -> None:
    """A field such as `Error` is missing; one warning counts them and names the first, and `strict` refuses them."""
    content = "Model,X,Y\na,1,2\nb,Error,3\nc,4,oops\n"
    with pytest.warns(ResultsWarning, match="JOB, line 3: X is 'Error', not a number, the first of 2 such") as caught:
        frame = read(path, content, "X", "Y")

    assert len(caught) == 1
    assert list(frame["X"].dropna()) == [1.0, 4.0]
    assert list(frame["Y"].dropna()) == [2.0, 3.0]
    with pytest.raises(ResultParseError, match="line 3: X is 'Error'"):
        read(path, content, "X", "Y", strict=True)


def test_flags_written_as_numbers(path: Path) -> None:
    """Flags may be 0 and 1, as databases write them."""
    assert list(read(path, "Model,Model_success\na,1\nb,0\n")["Model_success"]) == [True, False]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"error":"Download token expired"}', "JSON"),
        (b'[{"a": 1}]', "JSON"),
        (b"\xef\xbb\xbf\n <html>", "web page or XML"),
        (b"PK\x03\x04" + bytes(30), "ZIP"),
        (gzip.compress(b"Model,n\n"), "gzip"),
        ("Model,n\n".encode("utf-16"), "UTF-16"),
        ("Model,n\né,1\n".encode("latin-1"), "not UTF-8"),
        (b"Forbidden", "a line of text"),
        (b"Model;n\na;1\n", "separated by ';'"),
        (b"Model,a,b\nx,1,2\ny,3\n", "line 3: 2 fields where the header has 3 columns"),
        (b'Model,n\n"a"b,1\n', "line 2"),
    ],
    ids=["JSON", "a JSON list", "a page", "ZIP", "gzip", "UTF-16", "Latin-1", "words", "semicolons", "short", "quotes"],
)
def test_what_is_no_csv_is_refused(path: Path, content: bytes, why: str) -> None:
    """Another kind of file, another separator, a short record, broken quotes: refused, and never a frame."""
    with pytest.raises(ResultParseError, match=why):
        read(path, content)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_types_of_another_backend(path: Path, backend: Any) -> None:
    """`dtype_backend` changes the types and no value."""
    content = "Model,Model_success,X,n\na,True,1.5,1\nb,,,\n"
    frame = read(path, content, "X", dtype_backend=backend)

    assert list(frame.iloc[0]) == ["a", True, 1.5, 1]
    assert list(frame.iloc[1].isna()) == [False, True, True, True]
    assert all(isinstance(dtype, pd.api.extensions.ExtensionDtype) for dtype in frame.dtypes)


CELLS = [
    "",
    "1",
    "2.5",
    "007",
    "True",
    "x",
    "NaN",
    "-0",
    "+5",
    " 5",
    "9" * 30,
    "1e400",
    "a,b",
    'q"q',
    "l\nl",
    "c\rc",
    "\0",
    "inf",
]


@given(
    rows=st.lists(st.lists(st.sampled_from(CELLS) | st.text(max_size=3), min_size=3, max_size=3), max_size=6),
    line_end=st.sampled_from(["\n", "\r\n"]),
    piece=st.sampled_from([1, 2, 10_000]),
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_fast_reader_agrees_with_the_strict_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[list[str]], line_end: str, piece: int
) -> None:
    """Whatever is in the fields, pyarrow's reader is only believed where Python's strict one says the same."""
    written = io.StringIO()
    csv.writer(written, lineterminator=line_end).writerows([["Model", "x", "hypothesis"], *rows])
    outcomes: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(csv_frames, "PIECE", piece)
        for engine in ("pyarrow", "python"):
            try:
                outcomes.append(read(path, written.getvalue().encode("utf-8", "replace"), engine=engine))
            except ResultParseError as error:
                outcomes.append(str(error))
    if isinstance(outcomes[0], pd.DataFrame):
        pd.testing.assert_frame_equal(outcomes[0], outcomes[1], check_exact=True)
    else:
        assert outcomes[0] == outcomes[1]


@given(
    rows=st.lists(
        st.tuples(*[st.sampled_from(CELLS) | st.text("0123456789+-.eEnaifx_ (", max_size=4)] * 2), min_size=1
    ),
    flag=st.sampled_from(["True", "0", "", "maybe"]),
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore::aiobench.ResultsWarning")
def test_a_column_converted_as_a_whole_is_the_one_read_by_field(
    path: Path, rows: list[tuple[str, str]], flag: str
) -> None:
    """Whatever figures pyarrow takes and Python does not, or the reverse, makes no difference."""
    written = io.StringIO()
    csv.writer(written).writerows([["X", "x", "Model_success"], *[(*row, flag) for row in rows]])
    outcomes: list[Any] = []
    for engine in ("pyarrow", "python"):
        try:
            outcomes.append(read(path, written.getvalue(), "X", engine=engine))
        except ResultParseError as error:
            outcomes.append(str(error))
    if isinstance(outcomes[0], pd.DataFrame):
        pd.testing.assert_frame_equal(outcomes[0], outcomes[1], check_exact=True)
    else:
        assert outcomes[0] == outcomes[1]


def test_pyarrow_need_not_be_installed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow, the frame is the same."""
    content = "Model,X,n\na,1.5,1\nb,,\n"
    frame = read(path, content, "X")
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    pd.testing.assert_frame_equal(read(path, content, "X"), frame)


def test_a_record_longer_than_what_is_split_at_a_time(path: Path) -> None:
    """A record of megabytes is whole; without pyarrow, Python's limit refuses it and the error says what to do."""
    content = f"Model,x\na,{'é' * 2**20}\nb,1\n"

    assert list(read(path, content)["x"]) == ["é" * 2**20, "1"]
    with pytest.raises(ResultParseError, match=r"line 2: field larger than .* or install pyarrow"):
        read(path, content, engine="python")


@pytest.mark.parametrize(
    "text", ["1" * 20_000 + "x", "1" * 20_000 + "e", "1." + "1" * 20_000 + "e+", " " * 20_000 + "."]
)
@pytest.mark.parametrize("engine", ["python", "pyarrow"])
def test_f34_what_nearly_is_a_figure_takes_no_longer(path: Path, text: str, engine: str) -> None:
    """A field is looked through once. Trying each division of its digits took twenty seconds for these."""
    started = time.process_time()
    with pytest.warns(ResultsWarning, match="line 3: BLEU is"):
        frame = read(path, f"Model,BLEU,n\nm1,0.5,1\nm2,{text},{text}\n", "BLEU", engine=engine)

    assert time.process_time() - started < 5
    assert frame["BLEU"].isna().tolist() == [False, True]
    assert frame["n"].tolist() == ["1", text]
