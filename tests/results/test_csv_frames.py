"""The results CSV as a frame: text stays text, an empty field is missing, and anything else is one error."""

from __future__ import annotations

import csv
import io
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aiobench import ResultParseError, ResultsWarning
from aiobench._results import csv_frames
from aiobench._results.csv_frames import read_frame
from aiobench._results.options import ReadOptions
from job_documents import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[..., pd.DataFrame]

BLEU, CHRF = "BLEU by sacrebleu", "chrF by sacrebleu"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a CSV given as text or bytes."""
    path = tmp_path / "results.csv"

    def read_it(content: str | bytes, *metrics: str, **options: Any) -> pd.DataFrame:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_frame(path, job_id="JOB", metrics=metrics, options=ReadOptions(**options))

    return read_it


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Share the sample's frame."""
    return read_frame(SAMPLES / "results.csv", job_id="JOB", metrics={BLEU, CHRF})


def test_columns_and_rows_of_the_sample(frame: pd.DataFrame) -> None:
    """One row per segment and model, the columns in the file's order."""
    header = (SAMPLES / "results.csv").read_text("utf-8").splitlines()[0].split(",")

    assert (4, header) == (len(frame), list(frame.columns))
    assert list(frame["Model"]) == ["model-a", "model-a", "model-b", "model-b"]


def test_text_stays_text(frame: pd.DataFrame) -> None:
    """Unlike the SDK: `None`, `NA` and `007` are what the model wrote; only an empty field is missing."""
    assert list(frame["hypothesis"].dropna()) == ["Hallo", "None", "007"]
    assert list(frame["hypothesis"].isna()) == [False, True, False, False]
    assert list(frame["topic"]) == ["greeting", "greeting", "NA", "greeting"]


def test_metrics_are_floats(frame: pd.DataFrame) -> None:
    """The job's metrics are floats, `NaN` where the field is empty."""
    assert [str(frame[name].dtype) for name in (BLEU, CHRF)] == ["float64", "float64"]
    assert list(frame[BLEU].dropna()) == [100.0, 3.5, 0.0]


def test_flags_are_booleans(frame: pd.DataFrame) -> None:
    """`Model_success` is a column of booleans."""
    assert (str(frame["Model_success"].dtype), list(frame["Model_success"])) == ("bool", [True, False, True, True])


def test_other_columns_are_inferred(frame: pd.DataFrame) -> None:
    """What is not known is inferred: whole numbers, floats."""
    assert [str(frame[name].dtype) for name in ("segment_id", "credits_used", "runTimeInSecs")] == [
        "int64",
        "float64",
        "float64",
    ]


FIELDS = ["1", "2", "2.5", "", "x", "007", "True", "False", "1e400", "-1"]


@given(columns=st.lists(st.lists(st.sampled_from(FIELDS), min_size=7, max_size=7), min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_read_in_pieces_is_the_same_frame(
    read: Read, monkeypatch: pytest.MonkeyPatch, columns: list[list[str]]
) -> None:
    """Parsing in pieces, which lets an event loop run meanwhile, changes no value and no type."""
    rows = zip(["a", *"bbbbbb"], *columns, strict=True)
    content = ",".join(["Model", *["other"] * len(columns)]) + "\n" + "\n".join(map(",".join, rows))
    whole = read(content)
    with monkeypatch.context() as patch:
        patch.setattr(csv_frames, "PIECE", 2)
        pieces = read(content)
    pd.testing.assert_frame_equal(whole, pieces)


@pytest.mark.parametrize(("flags", "kind"), [("True,False,True", "bool"), ("True,,False", "boolean")])
def test_flags_read_in_pieces(read: Read, monkeypatch: pytest.MonkeyPatch, flags: str, kind: str) -> None:
    """Flags have one type in all pieces, and a wrong one is found on its line."""
    monkeypatch.setattr(csv_frames, "PIECE", 2)
    rows = [f"a,{flag}" for flag in flags.split(",")]
    assert kind == str(read("\n".join(["Model,Model_success", *rows]))["Model_success"].dtype)
    with pytest.raises(ResultParseError) as caught:
        read("\n".join(["Model,Model_success", *rows, "a,perhaps"]))
    assert caught.value.line == 5


@pytest.mark.parametrize(
    "column",
    [
        "Model",
        "source",
        "reference",
        "hypothesis",
        "topic",
        "inputText",
        "referenceText",
        "outputText",
        "pipelineid",
        "Provider",
    ],
)
def test_text_columns(read: Read, column: str) -> None:
    """Each column of text that the interface names is text even where all of it looks like numbers."""
    assert list(read(f"{column},n\n007,1\n1.50,2\n")[column]) == ["007", "1.50"]


@pytest.mark.parametrize("column", ["Model_success", "any_segment_failed", "BLEU by sacrebleu_success"])
@pytest.mark.parametrize(("true", "false"), [("True", "False"), ("true", "false"), ("TRUE", "FALSE")])
def test_flag_columns(read: Read, column: str, true: str, false: str) -> None:
    """`Model_success`, `*_success` and `any_segment_failed` are booleans in any usual spelling."""
    flags = read(f"{column},n\n{true},1\n{false},2\n")[column]

    assert (str(flags.dtype), list(flags)) == ("bool", [True, False])


def test_missing_flag(read: Read) -> None:
    """A flag that is missing makes a column that can hold that: `boolean`."""
    flags = read("Model_success,n\nTrue,1\n,2\n")["Model_success"]

    assert (str(flags.dtype), bool(flags[0]), bool(pd.isna(flags[1]))) == ("boolean", True, True)


def test_whole_metric_is_a_float_too(read: Read) -> None:
    """A metric whose values are all whole, or all missing, is still a column of floats."""
    frame = read("Model,A,B\nm,1,\nm,2,\n", "A", "B")

    assert ([str(frame[name].dtype) for name in "AB"], list(frame["A"])) == (["float64"] * 2, [1.0, 2.0])


def test_metric_named_as_a_text_column_is_text(read: Read) -> None:
    """A metric called like a column of text does not turn the text into numbers."""
    assert list(read("topic\na\n", "topic")["topic"]) == ["a"]


def test_header_alone(read: Read) -> None:
    """A file without rows is a frame without rows, with its columns and their types (F29)."""
    frame = read(f"Model,Model_success,{BLEU}\n", BLEU)

    assert (len(frame), str(frame["Model_success"].dtype), str(frame[BLEU].dtype)) == (0, "bool", "float64")


def test_fields_that_span_lines(read: Read) -> None:
    """Quoted fields hold commas, quotes and line ends; a cell that starts with `=` is a text (F28)."""
    cells = ["a,b", 'say "x"', "two\nlines", "=1+1", "@x", " padded "]
    text = io.StringIO()
    csv.writer(text).writerows([["outputText", "n"], *[[cell, 1] for cell in cells]])

    assert cells == list(read(text.getvalue())["outputText"])


@pytest.mark.parametrize("blank", ["\n", "\r\n\r\n", "  \n\t\n", "\ufeff\n"])
def test_blank_lines_before_the_header(read: Read, blank: str) -> None:
    """Blank lines are no part of a CSV, before the header as little as after it; lines are counted with them."""
    assert list(read(f"{blank}Model,X\n\n  \nm,1.5\n", "X")["X"]) == [1.5]
    with pytest.raises(ResultParseError) as caught:
        read(f"{blank}Model,X\n  \n\nm,zero\n", "X", strict=True)
    assert caught.value.line == blank.count("\n") + 4


@pytest.mark.parametrize("nan", ["NaN", "nan", "NAN", "-nan"])
def test_a_metric_may_be_no_number(read: Read, nan: str) -> None:
    """`NaN` is a float; in a metric it is read as one, in a text it stays the word, and a word elsewhere is found."""
    frame = read(f"source,X,X\n{nan},{nan},2\n{nan},1,{nan}\n", "X")

    assert list(frame["source"]) == [nan, nan]
    assert [str(frame[name].dtype) for name in ("X", "X.1")] == ["float64"] * 2
    assert [frame["X"][1], frame["X.1"][0]] == [1.0, 2.0]
    assert [*frame["X"].isna(), *frame["X.1"].isna()] == [True, False, False, True]
    with pytest.raises(ResultParseError, match=r"line 3: X is 'None', not a number"):
        read(f"source,X,X\na,{nan},2\nb,1,None\n", "X", strict=True)


def test_a_repeated_column_is_read_as_the_first_of_its_name(read: Read) -> None:
    """What is repeated gets a number; a flag stays a flag, a text a text, and an empty field is missing in both."""
    frame = read("topic,topic,Model_success,Model_success,Model_success.1\n007,,True,,False\n1,2,False,True,yes\n")

    assert list(frame.columns) == ["topic", "topic.1", "Model_success", "Model_success.2", "Model_success.1"]
    assert list(frame["topic.1"].dropna()) == ["2"]
    assert [str(frame[name].dtype) for name in ("Model_success", "Model_success.2")] == ["bool", "boolean"]
    assert list(frame["Model_success.1"]) == ["False", "yes"]  # of the file's own naming


def test_byte_order_mark(read: Read) -> None:
    """A byte order mark, which Excel writes, is not part of the first column's name."""
    assert list(read(b"\xef\xbb\xbfModel,n\nm,1\n").columns) == ["Model", "n"]


def test_huge_field(read: Read) -> None:
    """A field of a megabyte is read whole (F29)."""
    assert list(read("outputText,n\n" + "x" * 2**20 + ",1\n")["outputText"]) == ["x" * 2**20]


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"", 1, "empty"),
        (b"\n\n", 1, "empty"),
        (b"<?xml version='1.0'?><Error>Expired</Error>", 1, "web page or XML"),
        (b"  <html>\n<p>a, b</p></html>", 1, "web page or XML"),
        (b"Model,X\na,1\nb,2,3,4\n", 3, "4 fields where the header has 2 columns"),
        (b"Model,X\na,1,2\nb,2,3\n", 2, "3 fields where the header has 2 columns"),
        (b"Model,X\na,1\nb,zero\n", 3, "X is 'zero', not a number"),
        (b'Model,X\n"a\nb",1\n\nb,zero\n', 5, "X is 'zero', not a number"),
        (b"Model,Model_success\na,True\nb,maybe\n", 3, "'maybe', not True or False"),
        (b"Model,X\na,1\nb\xff,2\n", 3, "not UTF-8"),
        (b"Mod\xffel,X\na,1\n", 1, "not UTF-8"),
        (b'Model,X\na,1\n"b,2\n', 3, "a quote that is not closed"),
    ],
    ids=["nothing", "empty lines", "XML", "HTML", "ragged", "all too long", "no number",
         "no number after a long record", "no flag", "not UTF-8", "header not UTF-8", "open quote"],
)  # fmt: skip
def test_what_is_no_usable_csv_is_refused_with_its_line(read: Read, content: bytes, line: int, why: str) -> None:
    """Anything else than such a CSV raises ResultParseError, which names the job and the line (F29)."""
    with pytest.raises(ResultParseError, match=why) as caught:
        read(content, "X", strict=True)

    assert ("JOB", line) == (caught.value.job_id, caught.value.line)
    assert f"the results of job JOB are not a usable CSV, line {line}" in str(caught.value)
    assert line == pickle.loads(pickle.dumps(caught.value)).line


def cell() -> st.SearchStrategy[str]:
    """Make what may stand between two commas, and what may not."""
    odd = [
        "True",
        "1.5",
        "zero",
        "",
        "nan",
        "inf",
        "-",
        '"',
        '""',
        '"a',
        "a\nb",
        "\r",
        "\0",
        "1e999",
        "0x1",
        " ",
        "9" * 30,
    ]
    return st.sampled_from(odd) | st.text(max_size=3)


@given(
    st.binary(max_size=60)
    | st.lists(st.lists(cell(), max_size=4).map(",".join), max_size=5).map(
        lambda rows: "\n".join(["Model,X,Model_success", *rows]).encode()
    )
)
@example(b"Model,X,Model_success\n,\x00,")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_frame_or_refused(read: Read, content: bytes) -> None:
    """Whatever the bytes are, they give a frame or the one error, never a traceback from inside a library."""
    outcome: Any
    try:
        with warnings.catch_warnings(category=ResultsWarning, action="ignore"):
            outcome = read(content, "X")
    except ResultParseError as error:
        outcome = error

    assert isinstance(outcome, pd.DataFrame | ResultParseError)
    if isinstance(outcome, pd.DataFrame) and "X" in outcome.columns:
        assert str(outcome["X"].dtype) == "float64"


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_csv_writer_wrote_comes_back(read: Read, rows: list[tuple[str, float, bool]]) -> None:
    """Texts, figures and flags that a CSV writer wrote are read as they were; an empty text is missing."""
    rows = [(text.replace("\0", ""), figure, flag) for text, figure, flag in rows]
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([("outputText", "X", "Model_success"), *rows])

    frame = read(written.getvalue().encode(), "X")

    assert [text or None for text, _, _ in rows] == [None if pd.isna(t) else t for t in frame["outputText"]]
    assert [figure for _, figure, _ in rows] == pytest.approx(list(frame["X"]))
    assert [flag for _, _, flag in rows] == list(frame["Model_success"])
