"""On well-formed documents the results equal those of the incumbent SDK, `aixplain` 0.2.48."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from aiobench._results.csv_frames import read_frame
from job_documents import SAMPLES, sample, sample_snapshot

if TYPE_CHECKING:
    from pathlib import Path

WELL_FORMED = ("completed", "display_names", "one_iteration_failed", "unknown_status")

# In a process of its own: the SDK reads its key when it is imported, and changes how the interpreter imports.
SESSION = """
import json, pickle, sys
from pathlib import Path
from unittest.mock import patch
from aixplain.modules.benchmark_job import BenchmarkJob

samples, seen = Path(sys.argv[1]), {}
for name in sys.argv[3:]:
    document = json.loads((samples / f"{name}.json").read_text("utf-8"))
    asked = lambda self, job_id: document
    with patch.object(BenchmarkJob, "_fetch_current_response", asked):
        job = BenchmarkJob(document["jobId"], "", "bm-01", note="mine")
        seen[name] = {
            "status": job.check_status(), "repr": repr(job), "info": job.additional_info,
            "frame": job.get_scores(), "rows": job.get_scores(True, False), "details": job.get_scores(False),
            "rate_frame": job.get_failuire_rate(), "rates": job.get_failuire_rate(False),
            "explanations": job.get_all_explanations(),
            "independent": job.get_localized_explanations(False),
            "by_score": job.get_localized_explanations(True),
            "by_task": job.get_localized_explanations(True, True),
        }
Path(sys.argv[2]).write_bytes(pickle.dumps(seen))
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Run a session of the SDK over the well-formed samples; give all that it returned."""
    seen = tmp_path_factory.mktemp("sdk") / "seen.pickle"
    environment = {name: value for name, value in os.environ.items() if "AIXPLAIN" not in name} | {
        "TEAM_API_KEY": "key"
    }
    done = subprocess.run(  # noqa: PLW1510 - checked below, with what it said
        [sys.executable, "-c", SESSION, str(SAMPLES), str(seen), *WELL_FORMED],
        cwd=seen.parent, env=environment, capture_output=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, dict[str, Any]] = pd.read_pickle(seen)
    return found


@pytest.mark.parametrize("name", WELL_FORMED)
def test_scores_are_theirs(theirs: dict[str, dict[str, Any]], name: str) -> None:
    """Scores are equal in all three shapes, the frame column for column and type for type."""
    snapshot = sample_snapshot(name)

    pd.testing.assert_frame_equal(theirs[name]["frame"], snapshot.scores_frame())
    assert repr(theirs[name]["rows"]) == repr(snapshot.score_rows())
    assert repr(theirs[name]["details"]) == repr(snapshot.score_details())


# `one_iteration_failed` holds a model without scores, for which the SDK shows a false 0.
@pytest.mark.parametrize("name", ["completed", "display_names", "unknown_status"])
def test_failure_rates_are_theirs(theirs: dict[str, dict[str, Any]], name: str) -> None:
    """Failure rates are equal in both shapes."""
    snapshot = sample_snapshot(name)

    pd.testing.assert_frame_equal(theirs[name]["rate_frame"], snapshot.failure_rates_frame())
    assert repr(theirs[name]["rates"]) == repr(snapshot.failure_rates())


@pytest.mark.parametrize("name", WELL_FORMED)
def test_explanations_are_theirs(theirs: dict[str, dict[str, Any]], name: str) -> None:
    """Explanations are equal, whole and in part (the SDK's call for all of them works with a patched request only)."""
    snapshot = sample_snapshot(name)

    assert (
        theirs[name]["explanations"],
        theirs[name]["independent"],
        theirs[name]["by_score"],
        theirs[name]["by_task"],
    ) == (
        snapshot.explanations(),
        snapshot.localized_explanations(False),
        snapshot.localized_explanations(True),
        snapshot.localized_explanations(True, True),
    )


@pytest.mark.parametrize("name", WELL_FORMED)
def test_status_is_theirs(theirs: dict[str, dict[str, Any]], name: str) -> None:
    """The status is the document's, as the SDK reads it."""
    assert theirs[name]["status"] == sample_snapshot(name).status
    assert theirs[name]["repr"] == f"<Benchmark Job({sample(name)['jobId']})>"


def test_csv_frame_is_theirs_where_nothing_is_odd(tmp_path: Path) -> None:
    """A results file without odd words is read as the SDK reads it: `pandas.read_csv`."""
    plain = "segment_id,Model,Model_success,outputText,topic,BLEU by sacrebleu,credits_used\n" + "".join(
        f"{segment},{model},{segment != 2},Wort {segment},sport,{segment}.25,0.5\n"
        for model in "ab"
        for segment in range(3)
    )
    path = tmp_path / "results.csv"
    path.write_text(plain, "utf-8")

    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(plain)), read_frame(path, job_id="JOB", metrics={"BLEU by sacrebleu"})
    )


def test_documents_are_read_without_being_changed() -> None:
    """Reading results changes nothing of the document, unlike the SDK, which adds to its explanations."""
    snapshot = sample_snapshot("failed")
    snapshot.explanations()

    assert sample("failed") | {"reportUrl": ""} == json.loads(json.dumps(snapshot.raw))
