"""Explanations: both lists always there, each task found, nothing replaced."""

from __future__ import annotations

from typing import Any

import pytest

from aiobench import JobSnapshot
from job_documents import job_document, sample, sample_snapshot, snapshot_from


def explained(*dependent: Any, **more: Any) -> JobSnapshot:
    """Make the snapshot of a job with these metric-dependent items."""
    return snapshot_from(job_document(explanation={"metricDependent": list(dependent), **more}))


def test_all_explanations_of_the_sample() -> None:
    """Both lists come as the document has them."""
    assert sample("completed")["explanation"] == sample_snapshot("completed").explanations()


@pytest.mark.parametrize(
    "explanation",
    [None, {}, [], "x", {"metricInDependent": None, "metricDependent": None}, {"metricDependent": {}}],
)
def test_absent_explanations_are_two_empty_lists(explanation: object) -> None:
    """Unlike the SDK: null, missing and odd explanations are two empty lists, and `{}` in part."""
    snapshot = snapshot_from(job_document(explanation=explanation))

    assert snapshot.explanations() == {"metricInDependent": [], "metricDependent": []}
    assert [
        snapshot.localized_explanations(False),
        snapshot.localized_explanations(True),
        snapshot.localized_explanations(True, group_by_task=True),
    ] == [{}] * 3


@pytest.mark.parametrize("name", ["failed", "in_progress", "display_names"])
def test_job_without_explanation(name: str) -> None:
    """A document that has none yet has two empty lists."""
    assert sample_snapshot(name).explanations() == {"metricInDependent": [], "metricDependent": []}


@pytest.mark.parametrize("group_by_task", [True, False])
def test_independent_is_the_first_item(group_by_task: bool) -> None:
    """`metric_dependant=False` gives the first independent item."""
    first = sample("completed")["explanation"]["metricInDependent"][0]

    assert first == sample_snapshot("completed").localized_explanations(False, group_by_task)


def test_dependent_by_score() -> None:
    """`metric_dependant=True` gives each item by its score id."""
    items = sample("completed")["explanation"]["metricDependent"]

    assert sample_snapshot("completed").localized_explanations(True) == {"me-bleu": items[0], "me-chrf": items[1]}


def test_dependent_by_task() -> None:
    """Grouped by task: each task's value for each score."""
    assert sample_snapshot("completed").localized_explanations(True, group_by_task=True) == {
        "length": {"me-bleu": "drops on long sources", "me-chrf": "flat"},
        "topic": {"me-bleu": [{"name": "sport", "impact": 0.4}], "me-chrf": []},
    }


def test_one_score_under_two_datasets_is_kept_twice() -> None:
    """Unlike the SDK: the next one under another dataset is `SCORE (DATASET)`."""
    items = sample("odd")["explanation"]["metricDependent"]

    assert sample_snapshot("odd").localized_explanations(True) == {"me-bleu": items[0], "me-bleu (ds-02)": items[1]}


def test_every_task_is_found() -> None:
    """Unlike the SDK: a task that only some items have holds those items."""
    assert sample_snapshot("odd").localized_explanations(True, True) == {
        "length": {"me-bleu": "x"},
        "topic": {"me-bleu (ds-02)": "y"},
    }


@pytest.mark.parametrize("key", ["scoreId", "datasetId", "longName", "normalizationOptions"])
def test_what_describes_an_item_is_no_task(key: str) -> None:
    """Unlike the SDK: `longName` and `normalizationOptions` are not tasks, nor are the ids."""
    grouped = explained({"scoreId": "s", "task": 1, key: "s"}).localized_explanations(True, True)

    assert grouped == {"task": {"s": 1}}


def test_three_of_one_score_are_kept_thrice() -> None:
    """However often a score comes, with or without a dataset, no item replaces another."""
    snapshot = explained(
        {"scoreId": "s", "datasetId": "d", "t": 1},
        {"scoreId": "s", "datasetId": "d", "t": 2},
        {"scoreId": "s", "datasetId": "d", "t": 3},
        {"scoreId": "s", "t": 4},
        {"scoreId": None, "t": 5},
        {"t": 6},
    )

    assert (snapshot.localized_explanations(True, group_by_task=True)) == {
        "t": {"s": 1, "s (d)": 2, "s (d) (2)": 3, "s (2)": 4, "unknown": 5, "unknown (2)": 6}
    }


def test_tasks_and_values_are_free_form() -> None:
    """A task may be called anything and hold anything, null included."""
    assert explained({"scoreId": "s", "": None, "Aufgabe ü": [1, {"x": "y"}]}).localized_explanations(True, True) == {
        "": {"s": None},
        "Aufgabe ü": {"s": [1, {"x": "y"}]},
    }


def test_explanations_are_the_readers_own() -> None:
    """Changing what was handed out changes nothing of the snapshot."""
    snapshot = sample_snapshot("completed")
    snapshot.explanations()["metricDependent"][0]["topic"].clear()
    snapshot.localized_explanations(False)["overview"].clear()

    assert sample("completed")["explanation"] == snapshot.explanations()
