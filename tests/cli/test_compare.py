"""`compare` and `gate`: on jobs of a platform and on files alike, with a sentence and an exit status that agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from aiobench.analysis import compare
from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Folder, Terminal

BLEU = "BLEU by sacrebleu"


def results(seed: int = 3, **means: float) -> pd.DataFrame:
    """Return the results of models on 60 segments, around these means."""
    hard = np.random.default_rng(1).normal(0, 8, 60)
    random = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "segment_id": range(60),
                "Model": model.replace("_", " "),
                "Model_success": True,
                "source": [f"source {number}" for number in range(60)],
                BLEU: mean + hard + random.normal(0, 3, 60),
            }
        )
        for model, mean in means.items()
    ]
    return pd.concat(parts, ignore_index=True)


BEFORE = results(system=50.0, rival=44.0, twin=50.1)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Serve a platform with the job of a baseline and jobs of candidates."""
    platform = FakePlatform()
    platform.job("completed", id="before", segments=BEFORE)
    platform.job("completed", id="better", segments=results(4, system=55.0))
    platform.job("completed", id="worse", segments=results(4, system=40.0))
    platform.job("completed", id="close", segments=results(4, system=49.5))
    with platform.served() as settings:
        yield settings


def test_two_models_of_a_job_are_compared(folder: Folder, environment: dict[str, str]) -> None:
    """The text and the JSON are those of `aiobench.analysis.compare` on the job's results."""
    command = ("compare", "before", "--metric", BLEU, "--a", "system", "--b", "rival")
    expected = compare(BEFORE, "system", "rival", metric=BLEU)

    assert str(expected) == folder.run(*command, **environment).stdout.rstrip("\n")
    assert json.loads(folder.run(*command, "--json", **environment).stdout) == expected.to_dict()


def test_every_pair_is_compared(folder: Folder, environment: dict[str, str]) -> None:
    """Without --a and --b, there is a row for each pair, and one that cannot be told apart has a dash."""
    done = folder.run("compare", "before", "-m", BLEU, **environment)
    rows = json.loads(folder.run("compare", "before", "-m", BLEU, "--json", **environment).stdout)
    quiet = folder.run("compare", "before", "-m", BLEU, "--baseline", "system", "-q", **environment).stdout

    assert [(row["a"], row["b"], row["verdict"]) for row in rows] == [
        ("system", "rival", "a"),
        ("system", "twin", "undecided"),
        ("rival", "twin", "b"),
    ]
    assert [line.split()[-1] for line in done.stdout.splitlines()[3:6]] == ["A", "-", "B"]
    assert quiet == "system\nundecided\n"


def test_jobs_and_files_are_compared_together(folder: Folder, environment: dict[str, str]) -> None:
    """A model that was run twice is two models, each named with its job or file."""
    results(system=58.0).to_csv(folder.work / "new.csv", index=False)

    done = folder.run(
        "compare", "before", "new.csv", "-m", BLEU, "--a", "system (new.csv)", "--b", "system (before)", **environment
    )

    assert done.stdout.startswith(f"system (new.csv) is better than system (before) on {BLEU} by ")


@pytest.mark.parametrize("columns", [40, 120])
def test_pairs_are_readable_at_any_width(
    environment: dict[str, str], terminal: Callable[..., Terminal], columns: int
) -> None:
    """Figures are never cut."""
    done = terminal("compare", "before", "-m", BLEU, columns=columns, **environment)

    assert done.finish() == 0
    figures = [figure for pair in ("system rival", "system twin", "rival twin") for figure in _figures(*pair.split())]
    assert [figure for figure in figures if not any(figure in line for line in done.screen.lines)] == []
    assert [line for line in done.screen.lines if len(line.rstrip()) > columns] == []


def _figures(a: str, b: str) -> list[str]:
    comparison = compare(BEFORE, a, b, metric=BLEU)
    return [f"{comparison.difference:+.3g}", f"{comparison.low:+.3g} to {comparison.high:+.3g}"]


@pytest.mark.parametrize(
    ("options", "sentence", "status"),
    [
        (["--a", "system"], "--a and --b go together", 2),
        (["--a", "system", "--b", "rival", "--baseline", "twin"], "leave out --a and --b", 2),
        (["--a", "system", "--b", "rivale"], "there is no model 'rivale'; the frame has system, rival, twin", 2),
        (["-m", "chrF"], f"there is no metric 'chrF'; the frame has {BLEU}", 2),
    ],
)
def test_what_cannot_be_compared_is_explained(folder: Folder, options: list[str], sentence: str, status: int) -> None:
    """A sentence, and the exit status of wrong usage."""
    BEFORE.to_csv(folder.work / "before.csv", index=False)

    done = folder.run("compare", "before.csv", "-m", BLEU, *options)

    assert done.returncode == status
    assert sentence in " ".join(done.stderr.split()).replace("│ ", "")


@pytest.mark.parametrize(
    ("candidate", "rule", "status", "outcome"),
    [
        ("better", f"{BLEU} > 0", 0, "pass"),
        ("worse", f"{BLEU} >= -0.5", 1, "fail"),
        ("close", f"{BLEU} >= -0.5", 5, "inconclusive"),
        ("better", "chrF by sacrebleu > 0", 5, "inconclusive"),
    ],
)
def test_the_exit_status_is_the_verdict(
    folder: Folder, environment: dict[str, str], candidate: str, rule: str, status: int, outcome: str
) -> None:
    """0 passes, 1 fails, 5 cannot tell, and the JSON says the same."""
    command = ("gate", "--baseline", "before", "--candidate", candidate, "--model", "system", rule, "--json")
    done = folder.run(*command, **environment)

    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (status, outcome)


def test_the_text_and_the_word_agree(folder: Folder, environment: dict[str, str]) -> None:
    """-q prints the outcome alone; the text has a line for each rule."""
    command = ("gate", "--baseline", "before", "--candidate", "better", "--model", "system", f"{BLEU} > 0")
    text, quiet = folder.run(*command, **environment), folder.run(*command, "-q", **environment)

    assert [line.split()[0] for line in text.stdout.splitlines()] == ["Gate", "pass"]
    assert (text.returncode, quiet.returncode, quiet.stdout) == (0, 0, "pass\n")


def test_a_failed_rule_outweighs_an_inconclusive_one(folder: Folder, environment: dict[str, str]) -> None:
    """A gate that says no says no, whatever else is unknown."""
    rules = ("chrF by sacrebleu > 0", f"{BLEU} >= -0.5")
    command = ("gate", "--baseline", "before", "--candidate", "worse", "--model", "system")
    done = folder.run(*command, *rules, **environment)

    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1,
        "Gate failed: of 2 rules, 1 failed and 1 inconclusive.",
    )


def test_verdicts_are_saved_for_ci(folder: Folder, environment: dict[str, str]) -> None:
    """Markdown for people and JUnit for CI, also when the gate says no."""
    command = ("gate", "--baseline", "before", "--candidate", "worse", "--model", "system", f"{BLEU} > 0")
    folder.run(*command, "--markdown", "gate.md", "--junit", "gate.xml", **environment)

    suite = ET.parse(folder.work / "gate.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert (folder.work / "gate.md").read_text("utf-8").startswith("**Gate failed: of 1 rule, 1 failed.**")


def test_a_rule_is_shown_with_a_caret(folder: Folder) -> None:
    """The mistake is pointed at, and is one of usage."""
    BEFORE.to_csv(folder.work / "before.csv", index=False)

    done = folder.run("gate", "--baseline", "before.csv", "--candidate", "before.csv", f"{BLEU} => 1")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-2:] == [f"  {BLEU} => 1", f"  {' ' * len(BLEU)} ^"]


@pytest.mark.parametrize(("name", "status"), [("gate.txt", 2), ("missing/gate.md", 5)])
def test_a_file_that_cannot_be_written_is_refused_first(folder: Folder, name: str, status: int) -> None:
    """Before a job is asked for: here there is none."""
    done = folder.run("gate", "--baseline", "a", "--candidate", "b", f"{BLEU} > 0", "--markdown", name)

    assert (done.returncode, str(Path(name)) in done.stderr) == (status, True)


def test_no_trouble_of_the_network_is_a_verdict(folder: Folder) -> None:
    """An address where nobody answers gives 5, never 0 or 1."""
    settings = {"BACKEND_URL": "http://127.0.0.1:9", "TEAM_API_KEY": "key", "AIOBENCH_MAX_RETRIES": "0"}
    done = folder.run("gate", "--baseline", "a", "--candidate", "b", f"{BLEU} > 0", **settings)

    assert (done.returncode, done.stdout) == (5, "")
