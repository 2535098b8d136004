"""The commands that read results: on jobs of a platform, and on files that were saved before."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from rich.cells import cell_len

from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Folder, Terminal

ID = "5f1c2a3b-0000-4000-8000-000000000001"
SCORES = {
    "机器翻译": {"BLEU by sacrebleu": 31.25},
    "مترجم": {"BLEU by sacrebleu": 28.0},
    "A model with quite a long name": {"BLEU by sacrebleu": 33.3},
}
SEGMENTS = pd.DataFrame(
    {
        "segment_id": range(40),
        "source": ["A source text that is long enough to be cut"] * 40,
        "Model": ["model-a"] * 40,
        "Model_success": [True] * 40,
        "BLEU by sacrebleu": [31.25] * 40,
    }
)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Serve a platform with two jobs, and give the settings of a client."""
    platform = FakePlatform()
    explanation = {"metricInDependent": [{"name": "length"}]}
    platform.job("completed", scores=SCORES, failures={"مترجم": 2}, explanation=explanation, id=ID)
    platform.job("completed", segments=SEGMENTS, id="with-file")
    platform.job("in_progress", id="running")
    with platform.served() as settings:
        yield settings


def test_scores_as_json(folder: Folder, environment: dict[str, str]) -> None:
    """Each row names its job, its model and the average of each metric."""
    done = folder.run("scores", ID, "--json", **environment)

    assert json.loads(done.stdout) == [{"job_id": ID, "Model": model, **averages} for model, averages in SCORES.items()]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "xlsx", "md", "tex"])
@pytest.mark.parametrize("command", ["scores", "failures"])
def test_scores_and_failures_are_saved(folder: Folder, environment: dict[str, str], command: str, ending: str) -> None:
    """As a row for each job and model, in the format of the file's ending; what answers is saved, and the rest told."""
    name = f"saved.{ending}"
    done = folder.run(command, ID, "with-file", "nope", "-o", name, **environment)
    rows = json.loads(folder.run(command, ID, "with-file", "--json", **environment).stdout)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"aiobench: {len(rows)} rows saved in {name}\naiobench: job nope: HTTP 404")
    if ending in {"md", "tex"}:
        text = (folder.work / name).read_text("utf-8")
        assert [each["Model"] for each in rows if str(each["Model"]) not in text] == []
    else:
        read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "xlsx": pd.read_excel}
        frame = read[ending](folder.work / name) if ending in read else pd.read_json(folder.work / name, lines=True)
        pd.testing.assert_frame_equal(frame, pd.DataFrame(rows), check_dtype=False)


def test_what_is_saved_is_said_in_json(folder: Folder, environment: dict[str, str]) -> None:
    """The file and its rows, and the jobs that did not answer; no file if none did."""
    done = folder.run("scores", ID, "nope", "-o", "saved.csv", "--json", **environment)
    none = folder.run("scores", "nope", "-o", "none.csv", "--json", **environment)
    bad = folder.run("scores", ID, "-o", "saved.zip", "--json", **environment)

    saved, failed = json.loads(done.stdout), json.loads(none.stdout)
    assert (saved["path"], saved["rows"], [each["id"] for each in saved["errors"]]) == ("saved.csv", 3, ["nope"])
    assert (failed["path"], failed["rows"], none.returncode) == (None, 0, 3)
    assert "'.zip' is unknown" in json.loads(bad.stdout)["error"]["message"]
    assert [each.name for each in folder.work.iterdir()] == ["saved.csv"]


def test_an_unknown_job_is_an_entry_and_the_others_answer(folder: Folder, environment: dict[str, str]) -> None:
    """A job that does not exist is 3, with the nearest known id; the rows of the others are there all the same."""
    wrong = ID[:-1]
    done = folder.run("scores", ID, wrong, **environment)
    document = json.loads(folder.run("scores", ID, wrong, "--json", **environment).stdout)

    assert done.returncode == 3
    assert "31.25" in str(document)
    assert document[-1]["error"]["status"] == 3
    assert done.stderr.endswith(f"did you mean {ID}?\n")


def test_a_running_job_shows_what_there_is(folder: Folder, environment: dict[str, str]) -> None:
    """A job that has not ended is no error; a hint says how it stands."""
    done = folder.run("failures", "running", **environment)

    assert (done.returncode, done.stderr) == (0, "aiobench: job running has not ended: it is in_progress\n")


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
@pytest.mark.parametrize("command", ["scores", "failures", "status"])
def test_names_give_way_and_figures_stay(
    terminal: Callable[..., Terminal], environment: dict[str, str], command: str, columns: int
) -> None:
    """At every width each figure is whole and no line is wider than the terminal, wide characters counted as two."""
    done = terminal(command, ID, columns=columns, **environment)

    assert done.finish() == 0
    shown = done.screen.lines
    figures = {"scores": ["31.2", "28.0", "33.3"], "failures": ["25.0 %", "0.0 %"], "status": [ID, "3/3", "100%"]}
    assert [figure for figure in figures[command] if not any(figure in line for line in shown)] == []
    assert [
        line for line in shown if len(line.rstrip()) + sum("\u4e00" <= each <= "\u9fff" for each in line) > columns
    ] == []


def test_figures_stand_in_one_column_beside_wide_names(
    terminal: Callable[..., Terminal], environment: dict[str, str]
) -> None:
    """Names in Chinese and Arabic do not push the figures out of their column."""
    done = terminal("scores", ID, columns=80, **environment)
    done.finish()

    ends = [cell_len(line.rstrip()) for line in done.screen.lines if line.rstrip().endswith(("31.2", "28.0", "33.3"))]
    assert ends == [ends[0]] * 3


def test_explanations(folder: Folder, environment: dict[str, str]) -> None:
    """The document of the platform, as lines or as JSON; a job without one is a hint."""
    lines = folder.run("explanations", ID, **environment)
    document = folder.run("explanations", ID, "--json", **environment)
    none = folder.run("explanations", "running", **environment)

    assert "name: length" in lines.stdout
    assert {"name": "length"} in json.loads(document.stdout)["metricInDependent"]
    assert (none.returncode, none.stdout) == (0, "")
    assert "has no explanations" in none.stderr


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "xlsx", "md", "tex"])
def test_segments_are_saved_by_ending(folder: Folder, environment: dict[str, str], ending: str) -> None:
    """Each format holds every row; nothing but the file is left in the folder."""
    done = folder.run("segments", "with-file", "-o", f"results.{ending}", **environment)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"aiobench: 40 rows saved in results.{ending}\n"
    assert [path.name for path in folder.work.iterdir()] == [f"results.{ending}"]
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "xlsx": pd.read_excel}
    path = folder.work / f"results.{ending}"
    if ending == "jsonl":
        assert len(pd.read_json(path, lines=True)) == 40
    elif ending in readers:
        assert list(readers[ending](path)["BLEU by sacrebleu"]) == [31.25] * 40
    else:
        assert path.read_text(encoding="utf-8").count("model-a") == 40


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (40, ["segment_id", "Model", "BLEU by sacrebleu"]),
        (55, ["segment_id", "source", "Model", "BLEU by sacrebleu"]),
        (80, ["segment_id", "source", "Model", "Model_success", "BLEU by sacrebleu"]),
    ],
)
def test_segments_in_a_narrow_terminal(
    folder: Folder,
    terminal: Callable[..., Terminal],
    environment: dict[str, str],
    columns: int,
    shown: list[str],
) -> None:
    """Ids and scores stay, texts give way, and a line says that there is more."""
    command = terminal("segments", "with-file", columns=columns, **environment)

    assert command.finish() == 0
    lines = command.screen.lines
    (headings,) = [line for line in lines if line.startswith("segment_id")]
    assert re.split("  +", headings.strip()) == shown
    assert sum(line.rstrip().endswith("31.25") for line in lines) == 20
    left_out = f" and {len(shown)} of 5 columns" if len(shown) < 5 else ""
    assert f"the first 20 of 40 rows{left_out}; -o FILE" in " ".join("".join(lines).split())


def test_segments_go_through_a_pipe_as_csv_and_files_are_read_again(
    folder: Folder, environment: dict[str, str]
) -> None:
    """A pipe gets the whole CSV; a saved file is read in place of a job, and several sources get a column job_id."""
    text = folder.run("segments", "with-file", **environment).stdout
    (folder.work / "one.csv").write_text(text, encoding="utf-8")
    folder.run("segments", "one.csv", "-o", "two.jsonl")
    done = folder.run("segments", "one.csv", "two.jsonl", "--json")

    rows = json.loads(done.stdout)
    assert text.count("\n") == 41
    assert [row["job_id"] for row in rows] == ["one.csv"] * 40 + ["two.jsonl"] * 40


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["with-file", "-o", "results.doc"], 2),
        (["with-file", "-o", "missing/results.csv"], 5),
        (["with-file", "-o", "folder.csv"], 5),
        (["missing.csv"], 5),
        (["broken.parquet"], 5),
        (["broken.jsonl"], 5),
    ],
)
def test_files_that_cannot_be_used(
    folder: Folder, environment: dict[str, str], arguments: list[str], status: int
) -> None:
    """A file that cannot be read or written is one sentence, and nothing is half-written."""
    (folder.work / "folder.csv").mkdir()
    for name in ("broken.parquet", "broken.jsonl"):
        (folder.work / name).write_bytes(b"{nonsense")

    done = folder.run("segments", *arguments, **environment)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), done.stderr
    assert {path.name for path in folder.work.iterdir()} == {"folder.csv", "broken.parquet", "broken.jsonl"}


def test_a_server_cannot_steer_the_terminal(folder: Folder) -> None:
    """Control characters in names and messages of a server are escaped."""
    platform = FakePlatform()
    platform.job("completed", scores={"evil \x1b]0;title\x07": {"BLEU by sacrebleu": 1.0}}, id="evil")
    with platform.served() as environment:
        done = folder.run("scores", "evil", **environment)

    assert "\x1b" not in done.stdout
    assert "evil \\x1b]0;title\\x07" in done.stdout
