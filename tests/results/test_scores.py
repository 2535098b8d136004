"""Scores: what each model reached, in the shapes of the platform's SDK."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from aiobench import tidy
from job_documents import JOBS, iteration, job_document, sample, sample_snapshot, score, snapshot_from

BLEU, CHRF = "BLEU by sacrebleu", "chrF by sacrebleu"


def test_simplified_rows() -> None:
    """A row a model: its name, and each metric's average by the metric's long name."""
    assert sample_snapshot("completed").score_rows() == [
        {"Model": "model-a", BLEU: 31.5, CHRF: 55.25, "WER by jiwer": 0.42},
        {"Model": "model-b", BLEU: 28.75, CHRF: 51.5, "WER by jiwer": 0.5},
    ]


def test_frame_has_the_rows() -> None:
    """The frame holds the same: the column `Model`, then one column of floats a metric."""
    frame = sample_snapshot("completed").scores_frame()

    assert list(frame.columns) == ["Model", BLEU, CHRF, "WER by jiwer"]
    assert [str(dtype) for dtype in frame.dtypes[1:]] == ["float64"] * 3
    assert sample_snapshot("completed").score_rows() == frame.to_dict("records")


def test_details() -> None:
    """Not simplified: credits to 5 digits, seconds to 2, the status, and the document's own scores."""
    details = sample_snapshot("completed").score_details()

    raw = [run["scores"] for run in sample("completed")["iterations"]]
    assert details == {
        "model-a": {"creditsUsed": 0.43211, "timeSpent": 31.42, "status": "completed", "rawScores": raw[0]},
        "model-b": {"creditsUsed": 0.86422, "timeSpent": 62.83, "status": "completed", "rawScores": raw[1]},
    }


@pytest.mark.parametrize("name", JOBS)
def test_raw_scores_are_untouched(name: str) -> None:
    """`rawScores` is the document's list, whatever is in it."""
    details = sample_snapshot(name).score_details()

    assert [run["scores"] for run in sample(name)["iterations"]] == [each["rawScores"] for each in details.values()]


def test_raw_scores_are_the_readers_own() -> None:
    """Changing what was handed out changes nothing of the snapshot."""
    snapshot = sample_snapshot("completed")
    scores = snapshot.score_details()["model-a"]["rawScores"]
    assert scores is not None
    scores[0]["average"] = 0
    scores.pop()

    assert sample("completed")["iterations"][0]["scores"] == snapshot.score_details()["model-a"]["rawScores"]


def test_display_names_stand_for_models() -> None:
    """Models with display names go by them."""
    snapshot = sample_snapshot("display_names")

    assert list(snapshot.scores_frame()["Model"]) == ["Prompt A", "Prompt B"]
    assert list(snapshot.score_details()) == ["Prompt A", "Prompt B"]


def test_two_models_of_one_name_are_both_kept() -> None:
    """Unlike the SDK: two models with one display name are told apart, not replaced."""
    rows = sample_snapshot("odd").score_rows()

    assert rows == [{"Model": "LLM", BLEU: 31.5, CHRF: 50.0}, {"Model": "LLM (2)", BLEU: None}, {"Model": "model-c"}]


def test_two_runs_of_one_id_are_both_kept() -> None:
    """Unlike the SDK: two runs of one model id are told apart as well."""
    snapshot = snapshot_from(job_document(iteration("m", scores=[score(average=1)]), iteration("m", scores=[])))

    assert snapshot.score_rows() == [{"Model": "m", BLEU: 1}, {"Model": "m (2)"}]


@pytest.mark.parametrize("missing", [{"credits": None, "runtime": None, "scores": None, "status": None}, {}])
def test_what_is_null_or_missing_is_none(missing: dict[str, Any]) -> None:
    """Unlike the SDK: one run's null or missing fields are None, and the other runs are returned."""
    good = iteration("good", credits=1.000001, runtime=2.004, scores=[score()])
    snapshot = snapshot_from(job_document({"pipeline": "odd", **missing}, good))

    assert snapshot.score_details() == {
        "odd": {"creditsUsed": None, "timeSpent": None, "status": None, "rawScores": None},
        "good": {"creditsUsed": 1.0, "timeSpent": 2.0, "status": "completed", "rawScores": [score()]},
    }
    assert snapshot.score_rows() == [{"Model": "odd"}, {"Model": "good", BLEU: 1.5}]


@pytest.mark.parametrize("average", ["31.5", " 31.5 ", "3.15e1", "+31.5"])
def test_average_sent_as_a_string_is_a_figure(average: str) -> None:
    """A number in quotes is read as the number; the raw scores stay as they are."""
    snapshot = snapshot_from(job_document(iteration("m", scores=[score(average=average)])))

    assert snapshot.score_rows() == [{"Model": "m", BLEU: 31.5}]
    assert [each.average for each in snapshot.iterations[0].scores or ()] == [31.5]
    assert snapshot.score_details()["m"]["rawScores"] == [score(average=average)]


def test_scores_of_one_name_are_told_apart() -> None:
    """Two scores with one name both appear, everywhere under the same names, and none replaces the model's name."""
    same = [score(average=30.0), score(average=40.0), {"longName": "Model", "average": 1.0}]
    snapshot = snapshot_from(job_document(iteration("m", scores=same), iteration("n", scores=same[:1])))
    names = [BLEU, f"{BLEU} (2)", "Model (2)"]

    assert snapshot.score_rows() == [
        {"Model": "m"} | dict(zip(names, [30.0, 40.0, 1.0], strict=True)),
        {"Model": "n", BLEU: 30.0},
    ]
    assert list(snapshot.scores_frame()) == ["Model", *names]
    assert [metric.long_name for metric in snapshot.metrics] == names
    assert tidy([snapshot])[["model", "metric", "average"]].to_numpy().tolist() == [
        ["m", names[0], 30.0],
        ["m", names[1], 40.0],
        ["m", names[2], 1.0],
        ["n", names[0], 30.0],
    ]
    assert all(name in snapshot._repr_html_() for name in names)


@pytest.mark.parametrize("average", [None, "31,5", "nan", "0x1f", "1_0", "", "9" * 401, True, [], {}])
def test_average_that_is_no_number_is_none(average: object) -> None:
    """A score without a usable average keeps its metric and has None, in a frame `NaN` in a column of floats."""
    snapshot = snapshot_from(job_document(iteration("m", scores=[score(average=average)])))
    frame = snapshot.scores_frame()

    assert snapshot.score_rows() == [{"Model": "m", BLEU: None}]
    assert (str(frame[BLEU].dtype), bool(frame[BLEU].isna().all())) == ("float64", True)


def test_numbers_stay_as_the_document_writes_them() -> None:
    """A whole average stays whole, as in the SDK; large ones are not cut."""
    large = 2**70
    snapshot = snapshot_from(job_document(iteration("m", credits=2, scores=[score("A", 3), score("B", large)])))

    assert repr(snapshot.score_rows()) == "[{'Model': 'm', 'A': 3, 'B': 1180591620717411303424}]"
    assert repr(snapshot.score_details()["m"]["creditsUsed"]) == "2"


@pytest.mark.parametrize("odd", [None, 5, "BLEU", [], {}, {"longName": None, "average": 1}])
def test_score_without_a_name_costs_no_other(odd: object) -> None:
    """An entry that names no metric has no column; its neighbours stay."""
    snapshot = snapshot_from(job_document(iteration("m", scores=[odd, score()])))

    assert snapshot.score_rows() == [{"Model": "m", BLEU: 1.5}]


@pytest.mark.parametrize("iterations", [[], None, "x", {}])
def test_job_without_runs_has_empty_scores(iterations: object) -> None:
    """Before there is any run there are no rows, but the frame has its column."""
    snapshot = snapshot_from({"status": "running", "iterations": iterations})

    assert (snapshot.score_details(), snapshot.score_rows()) == ({}, [])
    assert (snapshot.scores_frame().shape, list(snapshot.scores_frame().columns)) == ((0, 1), ["Model"])


def test_models_of_different_metrics_share_a_frame() -> None:
    """A metric that only some models have is `NaN` for the others."""
    snapshot = snapshot_from(
        job_document(iteration("a", scores=[score("X", 1.0)]), iteration("b", scores=[score("Y", 2.0)]))
    )

    pd.testing.assert_frame_equal(
        pd.DataFrame({"Model": ["a", "b"], "X": [1.0, float("nan")], "Y": [float("nan"), 2.0]}), snapshot.scores_frame()
    )
