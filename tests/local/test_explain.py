"""Explanations: computed from the results, in the shape of docs/reference/wire.md."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Platform


@pytest.fixture
def explanation(demo_job: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the explanation of the demo's job."""
    return demo_job[-1]["explanation"]


def test_failures_are_explained_by_length_topic_and_reason(demo: Platform, demo_job: list[dict[str, Any]]) -> None:
    """The metric-independent item tells each model's failure rates, which are those of the rows."""
    (item,) = demo_job[-1]["explanation"]["metricInDependent"]
    rows = [row for row in demo.rows(demo_job[-1]) if row["Model"] == "iso-strict"]
    (failures,) = [entry for entry in item["failures"] if entry["model"] == "iso-strict"]
    single = [row["Model_success"] == "False" for row in rows if len(row["source"].split()) == 1]
    african = [row["Model_success"] == "False" for row in rows if row["topic"] == "Africa"]
    assert item["datasetId"] == "countries-de"
    assert failures["byLength"]["1"] == pytest.approx(100 * statistics.fmean(single))
    assert failures["byTopic"]["Africa"] == pytest.approx(100 * statistics.fmean(african))
    assert failures["byReason"] == {"the catalogue has no such name": failures["failedSegments"]}
    assert list(failures["byLength"]) == ["1", "2", "3-4", "5-8"]


def test_every_score_is_explained_by_length_and_topic(explanation: dict[str, Any]) -> None:
    """There is one metric-dependent item for each score, with the tasks length and topic."""
    items = explanation["metricDependent"]
    assert [item["scoreId"] for item in items] == ["bleu", "chrf", "ter", "wer", "exact-match", "cer", "accuracy", "f1"]
    for item in items:
        assert item.keys() == {"scoreId", "datasetId", "longName", "length", "topic"}
        assert [entry["model"] for entry in item["length"]] == [
            "iso-gettext", "iso-strict", "nearest-name", "copy-source",
        ]  # fmt: skip


def test_figures_of_an_explanation_are_those_of_the_rows(demo: Platform, demo_job: list[dict[str, Any]]) -> None:
    """Averages by topic and length and the correlation are what the rows give."""
    rows = [row for row in demo.rows(demo_job[-1]) if row["Model"] == "copy-source"]
    item = demo_job[-1]["explanation"]["metricDependent"][0]
    length, topic = item["length"][3], item["topic"][3]
    scores = [float(row["BLEU by sacrebleu"]) for row in rows]
    words = [len(row["source"].split()) for row in rows]
    assert length["correlation"] == pytest.approx(statistics.correlation(words, scores))
    middle = [score for score, count in zip(scores, words, strict=True) if count in (3, 4)]
    assert length["averages"]["3-4"] == pytest.approx(statistics.fmean(middle))
    asian = [score for score, row in zip(scores, rows, strict=True) if row["topic"] == "Asia"]
    assert topic["averages"]["Asia"] == pytest.approx(statistics.fmean(asian))


def test_scores_of_one_metric_have_ids_of_their_own(tiny: Platform) -> None:
    """A metric with two configurations gives two items that cannot be mixed up, the second with its options."""
    metric = {"id": "wer", "configurations": [[], ["lowercase"]]}
    plain, lowered = tiny.run("tiny", ["copy-source"], [metric])["explanation"]["metricDependent"]
    assert (plain["scoreId"], lowered["scoreId"]) == ("wer", "wer+lowercase")
    assert "normalizationOptions" not in plain
    assert lowered["normalizationOptions"] == ["lowercase"]


def test_correlation_that_is_not_defined_is_null(tiny: Platform) -> None:
    """When a score never varies there is no correlation, and none is made up."""
    model = {"id": "copy-source", "displayName": "U", "configurations": '{"case": "upper"}'}
    (item,) = tiny.run("tiny", [model], ["exact-match"])["explanation"]["metricDependent"]
    assert item["length"][0]["correlation"] is None
    assert item["topic"][0]["averages"] == {"Africa": 0.0, "America": 0.0, "Europe": 0.0, "none": 0.0}
