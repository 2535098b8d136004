"""`aiobench eval` scores your own file, with no account and no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from aiobench.local import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Folder, Terminal

DATA = pd.DataFrame(
    {
        "source": ["der Hund", "die Katze", "das Haus", "der Baum"] * 5,
        "reference": ["the dog", "the cat", "the house", "the tree"] * 5,
        "good": ["the dog", "the cat", "a house", "the tree"] * 5,
        "bad": ["a hound", None, "the building", "tree"] * 5,
    }
)
OPTIONS = ("-p", "good", "-p", "bad", "-m", "chrf", "-m", "exact match")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_is_scored_as_evaluate_does(folder: Folder, ending: str) -> None:
    """Each format of file gives the averages of `aiobench.local.evaluate`."""
    write = {
        "csv": lambda path: DATA.to_csv(path, index=False),
        "jsonl": lambda path: DATA.to_json(path, orient="records", lines=True),
        "parquet": DATA.to_parquet,
    }
    write[ending](folder.work / f"data.{ending}")

    done = folder.run("eval", f"data.{ending}", *OPTIONS, "--json")

    rows = evaluate(DATA, predictions=["good", "bad"], metrics=["chrf", "exact match"]).snapshot.score_rows()
    assert json.loads(done.stdout) == [
        {**row, "failure_rate": rate} for row, rate in zip(rows, (0.0, 25.0), strict=True)
    ]


@pytest.mark.parametrize("columns", [40, 100])
def test_models_are_compared_on_common_segments(
    folder: Folder, terminal: Callable[..., Terminal], columns: int
) -> None:
    """The second table has the means of the 15 segments that both have a score for."""
    DATA.to_csv(folder.work / "data.csv", index=False)

    done = terminal("eval", "data.csv", *OPTIONS, columns=columns)

    assert done.finish() == 0
    text = "\n".join(done.screen.lines)
    assert "Compared on the segments that every model has a score for" in " ".join(text.split())
    assert text.count("15") >= 4
    assert [line for line in done.screen.lines if len(line.rstrip()) > columns] == []


def test_segments_are_saved_and_read_again(folder: Folder) -> None:
    """What -o saves is what the other commands read."""
    DATA.to_csv(folder.work / "data.csv", index=False)

    saved = folder.run("eval", "data.csv", *OPTIONS, "-o", "results.csv", "-q")
    compared = folder.run("compare", "results.csv", "-m", "chrF by sacrebleu", "--a", "good", "--b", "bad", "-q")

    assert (saved.stdout, saved.stderr) == ("good\nbad\n", "")
    assert compared.stdout == "good\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-p", "god"], "data.csv has no column 'god' of predictions; it has 'source', 'reference', 'good', 'bad'"),
        (["-p", "good", "-m", "blue"], "there is no metric 'blue' (did you mean 'bleu'?)"),
        (["-p", "good", "--source", "src"], "data.csv has no column 'src'"),
    ],
)
def test_what_cannot_be_evaluated_is_explained(folder: Folder, options: list[str], sentence: str) -> None:
    """A sentence, and the exit status of wrong usage."""
    DATA.to_csv(folder.work / "data.csv", index=False)

    done = folder.run("eval", "data.csv", *options)

    assert (done.returncode, sentence in done.stderr) == (2, True)
