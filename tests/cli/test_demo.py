"""`aiobench demo`: the main job, as newcomers first meet it."""

from __future__ import annotations

import csv
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from conftest import Demo, Folder

MODELS = {
    "ISO 3166-1 names",
    "ISO 3166-1 names, strict",
    "Nearest ISO 3166-1 name",
    "Copy of the source",
    "Nearest name, if 95% alike",
}
SEGMENTS = 249  # the countries of ISO 3166-1


def rows(path: Path) -> list[dict[str, str]]:
    """Read a results file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_demo_succeeds_and_says_nothing_on_stderr(demo: Demo) -> None:
    """With no account and nothing but loopback, the demo ends with 0 and no complaint."""
    assert (demo.done.returncode, demo.done.stderr) == (0, "")


def test_piped_output_is_plain_lines(demo: Demo) -> None:
    """Without a terminal, nothing is redrawn and nothing is cut."""
    assert [character for character in "\x1b\r\b\u2026" if character in demo.done.stdout] == []


def test_each_models_course_is_told(demo: Demo) -> None:
    """It reports each model when it is completed, and the job last."""
    completed = [line.strip() for line in demo.done.stdout.splitlines() if line.endswith(": completed")]

    assert {line.partition("%  ")[2].removesuffix(": completed") for line in completed} == {*MODELS, "job"}
    assert completed[-1] == "100%  job: completed"


def test_each_table_has_a_row_for_each_model(demo: Demo) -> None:
    """Scores, failure rates and the explanation each have every model; a dagger marks those that left segments out."""
    _, *tables = demo.done.stdout.split("\nModel ")
    scores, failures, explanation = ([line.partition("  ")[0] for line in table.splitlines()] for table in tables)

    skipped = {"ISO 3166-1 names, strict", "Nearest name, if 95% alike"}
    assert {f"{model} †" if model in skipped else model for model in MODELS} <= set(scores)
    assert set(failures) >= MODELS
    assert set(explanation) >= MODELS


def test_saved_results_are_whole(demo: Demo) -> None:
    """The results file that the demo names holds every segment of every model, with its scores."""
    assert f"translations are in {Path('made/results.csv')}" in demo.done.stdout
    results = rows(demo.folder.work / "made" / "results.csv")

    assert Counter(row["Model"] for row in results) == dict.fromkeys(MODELS, SEGMENTS)
    assert {row["BLEU by sacrebleu"] != "" for row in results if row["Model_success"] == "True"} == {True}


def test_nothing_else_is_left_behind(demo: Demo) -> None:
    """The backend's workspace is gone after the demo, and the results are all that is new."""
    assert list(demo.folder.temporary.iterdir()) == []
    assert [path.name for path in demo.folder.work.rglob("*")] == ["made", "results.csv"]


def test_without_a_file_nothing_is_left_behind(folder: Folder) -> None:
    """Without -o the demo leaves no file, and says how to keep the results."""
    done = folder.run("demo")

    assert (done.returncode, done.stderr) == (0, "")
    assert "-o FILE saves the results" in done.stdout
    assert [*folder.work.iterdir(), *folder.temporary.iterdir()] == []


def test_language_and_output_are_chosen_and_the_environment_has_no_say(folder: Folder) -> None:
    """The other language runs as well and is saved where asked; settings for the platform and proxies do no harm."""
    dead = "http://127.0.0.1:9"
    settings = {"TEAM_API_KEY": "one", "AIXPLAIN_API_KEY": "two", "BACKEND_URL": dead, "HTTP_PROXY": dead}
    done = folder.run("demo", "--language", "fr", "--output", "made/results.csv", **settings)

    assert (done.returncode, done.stderr) == (0, "")
    assert "French" in done.stdout
    results = rows(folder.work / "made" / "results.csv")
    assert len(results) == SEGMENTS * len(MODELS)
    assert "Allemagne" in {row["reference"] for row in results}


def test_output_that_cannot_be_written_is_told_before_the_job(folder: Folder) -> None:
    """A place where nothing can be saved is one sentence and exit status 2, before any time is spent."""
    (folder.work / "file").touch()

    done = folder.run("demo", "--output", "file/results.csv")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"aiobench: the results cannot be saved as {Path('file/results.csv')}: ")
    assert done.stderr.endswith("choose another --output\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_demo_stops_everything(
    folder: Folder, until: Callable[[subprocess.Popen[str], str], list[str]], number: signal.Signals, code: int
) -> None:
    """Ctrl-C or a request to end stops the backend and removes its workspace, without a traceback or half a file."""
    with folder.started("demo", "-o", "results.csv") as process:
        until(process, "in progress")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)

    assert process.returncode == code
    assert stderr == ("aiobench: interrupted\n" if number == signal.SIGINT else "")
    assert list(folder.temporary.iterdir()) == []
    assert list(folder.work.iterdir()) == []


def test_reader_who_leaves_ends_the_demo_quietly(
    folder: Folder, until: Callable[[subprocess.Popen[str], str], list[str]]
) -> None:
    """`aiobench demo | head -1` is no error worth a word, and leaves nothing behind."""
    with folder.started("demo") as process:
        assert process.stdout is not None
        until(process, "Platform")
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.wait(30)

    assert list(folder.temporary.iterdir()) == []
