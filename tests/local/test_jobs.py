"""Jobs: how they move, and that what they compute is what the libraries say."""

from __future__ import annotations

import json
import statistics
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jiwer
import pytest
from attrs import evolve
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from aiobench.local import LocalBackend
from aiobench.local.catalogue.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Platform

SCORES: dict[str, Callable[[str, str], float]] = {
    "BLEU by sacrebleu": lambda hyp, ref: BLEU(effective_order=True).sentence_score(hyp, [ref]).score,
    "chrF by sacrebleu": lambda hyp, ref: CHRF().sentence_score(hyp, [ref]).score,
    "TER by sacrebleu": lambda hyp, ref: TER().sentence_score(hyp, [ref]).score,
    "WER by jiwer": lambda hyp, ref: jiwer.wer(ref, hyp),
    "Exact match by aiobench": lambda hyp, ref: 100.0 * (hyp == ref),
    "CER by jiwer": lambda hyp, ref: jiwer.cer(ref, hyp),
    "Accuracy by scikit-learn": lambda hyp, ref: 100.0 * (hyp == ref),
    "F1 by scikit-learn": lambda hyp, ref: 100.0 * dice(labels(hyp), labels(ref)),
}


def labels(text: str) -> set[str]:
    """Split a text at its commas."""
    return {part.strip() for part in text.split(",")}


def dice(some: set[str], others: set[str]) -> float:
    """Compute F1 by hand."""
    return 2 * len(some & others) / (len(some) + len(others))


def iterations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort a document's iterations by model."""
    return {iteration["pipeline"]: iteration for iteration in document["iterations"]}


def averages(iteration: dict[str, Any]) -> dict[str, float]:
    """Sort an iteration's averages by score."""
    return {score["longName"]: score["average"] for score in iteration["scores"]}


def named(model: str, name: str, **configuration: Any) -> dict[str, str]:
    """Write down a model with a display name and parameters."""
    return {"id": model, "displayName": name, "configurations": json.dumps(configuration)}


def test_document_has_the_shape_of_the_wire(demo_job: list[dict[str, Any]]) -> None:
    """Every document of a job, from the first, has the known keys with their known types."""
    for document in demo_job:
        assert document.keys() - {"explanation"} == {
            "id", "createdAt", "updatedAt", "startedAt", "jobId", "benchmark", "status", "stage", "iterations", "time",
            "progress", "segmentsCount", "reportUrl", "overheadCredits", "metadata",
        }  # fmt: skip
        assert document["segmentsCount"] == "249"
        assert document["benchmark"].keys() == {"id", "name", "datasets", "model", "metrics"}
        assert document["time"].keys() == {"startAt", "endAt", "runtime", "remaining"}
        assert document["progress"].keys() == {
            "completedPercentage", "completedIterations", "failedIterations", "remainingIterations", "usedCredits",
        }  # fmt: skip
        for iteration in document["iterations"]:
            assert json.loads(iteration["pipelineJson"])["id"] == iteration["pipeline"]
            assert iteration["totalSegments"] == 249
    last = demo_job[-1]
    assert datetime.fromisoformat(last["createdAt"]) <= datetime.fromisoformat(last["startedAt"])
    assert datetime.fromisoformat(last["startedAt"]) <= datetime.fromisoformat(last["updatedAt"])


def test_job_moves_forward_and_shows_it(demo_job: list[dict[str, Any]]) -> None:
    """Status and progress change while a job runs, never backwards; results appear at the end, not before."""
    order = ["queued", "in_progress", "completed"]
    statuses = [order.index(document["status"]) for document in demo_job]
    percentages = [document["progress"]["completedPercentage"] for document in demo_job]
    credits_used = [document["progress"]["usedCredits"] for document in demo_job]
    assert statuses == sorted(statuses)
    assert percentages == sorted(percentages)
    assert credits_used == sorted(credits_used)
    assert len(set(percentages)) > 5
    assert {bool(document["reportUrl"]) for document in demo_job[:-1]} == {False}
    assert {"explanation" in document for document in demo_job[:-1]} == {False}
    last = demo_job[-1]
    assert (last["status"], percentages[-1], last["progress"]["completedIterations"]) == ("completed", 100, 4)
    assert last["reportUrl"]
    assert last["time"]["endAt"]


def test_scores_are_the_libraries_own(demo: Platform, demo_job: list[dict[str, Any]]) -> None:
    """Each row's scores, and each summary of them, are what sacrebleu and jiwer say of that row."""
    rows = demo.rows(demo_job[-1])
    found = iterations(demo_job[-1])
    for model, iteration in found.items():
        mine = [row for row in rows if row["Model"] == model and row["Model_success"] == "True"]
        for score in iteration["scores"]:
            compute = SCORES[score["longName"]]
            values = [compute(row["hypothesis"], row["reference"]) for row in mine]
            assert [float(row[score["longName"]]) for row in mine] == pytest.approx(values)
            assert score["count"] == len(values)
            assert score["failedSegmentsCount"] == 249 - len(values)
            assert score["average"] == score["mean"] == pytest.approx(statistics.fmean(values))
            assert score["stdev"] == pytest.approx(statistics.stdev(values))
            quartiles = statistics.quantiles(values, n=4, method="inclusive")
            assert [score["percentage_25"], score["median"], score["percentage_75"]] == pytest.approx(quartiles)
            assert score["percentage_50"] == score["median"]
            assert (score["min"], score["max"]) == pytest.approx((min(values), max(values)))
            words = [len(row["reference"].split()) for row in mine]
            weighted = sum(v * w for v, w in zip(values, words, strict=True)) / sum(words)
            assert score["weightedAverage"] == pytest.approx(weighted)
            assert score["lowerIsBetter"] == (score["name"] in ("TER", "WER", "CER"))


def test_scores_by_hand(tiny: Platform) -> None:
    """On four known segments the copy baseline gets one right: figures that can be checked on paper."""
    document = tiny.run("tiny", ["copy-source"], ["exact-match", "wer"])
    # Germany/Deutschland 1 of 1 words wrong; South Africa/Südafrika 2 of 1; United States/Vereinigte Staaten von
    # Amerika 4 of 4; Atlantis/Atlantis 0 of 1.
    exact, wer = document["iterations"][0]["scores"]
    assert (exact["average"], exact["count"], exact["max"], exact["median"]) == (25.0, 4, 100.0, 0.0)
    assert (wer["average"], wer["min"], wer["max"], wer["median"]) == (1.0, 0.0, 2.0, 1.0)
    assert wer["weightedAverage"] == (1 * 1 + 2 * 1 + 1 * 4 + 0 * 1) / 7


def test_models_are_as_wrong_as_they_should_be(demo_job: list[dict[str, Any]]) -> None:
    """The systems differ as systems do: the catalogue beats the copy, and only the strict one has failures."""
    found = iterations(demo_job[-1])
    exact = {model: averages(iteration)["Exact match by aiobench"] for model, iteration in found.items()}
    assert exact["iso-strict"] > exact["nearest-name"] > exact["iso-gettext"] > exact["copy-source"] > 20
    failed = {model: iteration["failedSegments"] for model, iteration in found.items()}
    assert failed == {"iso-gettext": 0, "iso-strict": failed["iso-strict"], "nearest-name": 0, "copy-source": 0}
    assert 10 < failed["iso-strict"] < 60
    assert found["iso-strict"]["status"] == "completed"


def test_every_model_and_metric_works_on_every_dataset(demo: Platform) -> None:
    """French as well as German: every model gets a figure from every metric."""
    document = demo.run("countries-fr", list(demo.backend.models), list(demo.backend.metrics))
    for iteration in document["iterations"]:
        assert set(averages(iteration)) == set(SCORES)
        assert all(isinstance(average, float) for average in averages(iteration).values())


def test_display_names_and_parameters_take_effect(tiny: Platform) -> None:
    """Two runs of one model with different parameters differ, and each carries its display name."""
    models = [named("copy-source", "As is"), named("copy-source", "Shouted", case="upper")]
    document = tiny.run("tiny", models, ["exact-match"])
    assert [json.loads(i["pipelineJson"])["benchmark"]["displayName"] for i in document["iterations"]] == [
        "As is",
        "Shouted",
    ]
    assert [i["pipeline"] for i in document["iterations"]] == ["copy-source", "copy-source"]
    assert [i["scores"][0]["average"] for i in document["iterations"]] == [25.0, 0.0]
    assert [row["hypothesis"] for row in tiny.rows(document) if row["Model"] == "Shouted"] == [
        "GERMANY", "SOUTH AFRICA", "UNITED STATES", "ATLANTIS",
    ]  # fmt: skip


def test_normalization_is_applied(tiny: Platform) -> None:
    """A metric with two configurations scores twice, under two names, once with the text made alike first."""
    metric = {"id": "exact-match", "configurations": [[], ["lowercase", "strip-punctuation"], ["strip-accents"]]}
    document = tiny.run("tiny", [named("copy-source", "Shouted", case="upper")], [metric])
    assert averages(document["iterations"][0]) == {
        "Exact match by aiobench": 0.0,
        "Exact match by aiobench (lowercase, strip-punctuation)": 25.0,
        "Exact match by aiobench (strip-accents)": 0.0,
    }
    assert document["benchmark"]["metrics"] == [metric]


def test_failed_segments_are_counted_not_fatal(tiny: Platform) -> None:
    """A model that raises on a segment has one failed segment; the job and the other segments go on."""
    document = tiny.run("tiny", ["iso-strict"], ["bleu", "wer"])
    (iteration,) = document["iterations"]
    # Of the four only Germany and South Africa are names of ISO 3166-1 (the United States has an official one there).
    failed = [row["source"] for row in tiny.rows(document) if row["Model_success"] == "False"]
    assert "Atlantis" in failed
    assert (document["status"], iteration["status"]) == ("completed", "completed")
    assert iteration["failedSegments"] == len(failed)
    assert {score["failedSegmentsCount"] for score in iteration["scores"]} == {len(failed)}
    assert {score["count"] for score in iteration["scores"]} == {4 - len(failed)}
    assert iteration["successRate"] == 100 * (4 - len(failed)) / 4


def test_job_of_failed_iterations_alone_completes(
    make_workspace: Callable[..., Any], connect: Callable[..., Platform]
) -> None:
    """Where a model fails on every segment (a language it does not know) its iteration is failed, the job completed."""
    workspace = make_workspace()
    about = workspace / "datasets" / "tiny" / "dataset.json"
    about.write_text(json.dumps({"name": "Tiny", "sourceLanguage": "en", "targetLanguage": "xx"}), "utf-8")
    with LocalBackend(workspace) as backend:
        document = connect(backend).run("tiny", ["iso-strict"], ["bleu"])
        rows = connect(backend).rows(document)
        lenient = connect(backend).run("tiny", ["iso-gettext"], ["bleu"])
    assert lenient["iterations"][0]["failedSegments"] == 0
    (iteration,) = document["iterations"]
    assert (document["status"], iteration["status"]) == ("completed", "failed")
    assert document["progress"]["failedIterations"] == 1
    (score,) = iteration["scores"]
    assert (score["count"], score["failedSegmentsCount"], score["average"], score["stdev"]) == (0, 4, None, None)
    assert {(row["Model_success"], row["hypothesis"], row["BLEU by sacrebleu"]) for row in rows} == {("False", "", "")}


def test_two_jobs_at_once_do_not_mix(demo: Platform, is_ended: Callable[[dict[str, Any]], bool]) -> None:
    """Jobs that run at the same time end with the scores they have alone."""
    german = demo.create("countries-de", ["copy-source"], ["exact-match", "wer"])
    french = demo.create("countries-fr", ["copy-source"], ["exact-match", "wer"])
    jobs = [demo.start(benchmark) for benchmark in (german, french, german, french)]
    ends = [averages(demo.until(job, is_ended)["iterations"][0]) for job in jobs]
    assert ends[0] == ends[2] != ends[1] == ends[3]


def test_similarity_below_the_bound_is_a_failure(tiny: Platform) -> None:
    """The nearest name is no translation when it is not near enough: a parameter that makes segments fail."""
    models = [named("nearest-name", "Any"), named("nearest-name", "Sure", min_similarity=99)]
    document = tiny.run("tiny", models, ["exact-match"])
    assert [iteration["failedSegments"] for iteration in document["iterations"]] == [0, 1]
    assert [row["source"] for row in tiny.rows(document) if row["Model_success"] == "False"] == ["Atlantis"]


def test_score_that_cannot_be_computed_is_counted_as_failed(
    tiny: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A metric that raises on a segment loses that figure alone: the segment succeeded, the score did not."""

    def picky(hypothesis: str, reference: str) -> float:
        if reference == "Atlantis":
            raise ZeroDivisionError
        return 50.0

    monkeypatch.setitem(METRICS, "wer", evolve(METRICS["wer"], segment_score=picky))
    document = tiny.run("tiny", ["copy-source"], ["wer", "exact-match"])
    wer, exact = document["iterations"][0]["scores"]
    assert (wer["count"], wer["failedSegmentsCount"], wer["average"]) == (3, 1, 50.0)
    assert (exact["count"], exact["failedSegmentsCount"]) == (4, 0)
    assert document["iterations"][0]["failedSegments"] == 0
    assert "cannot score" in caplog.text
