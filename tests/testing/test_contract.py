"""The fake, the real local backend and the wire page agree: one set of tests for both platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from attrs import frozen

from aiobench.local import LocalBackend
from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASET, METRICS = "countries-de", ["bleu", "wer"]

# the wire page: what is known of each document, and of which type
JOB = {
    "id": str,
    "createdAt": str,
    "updatedAt": str,
    "startedAt": str,
    "jobId": str,
    "benchmark": dict,
    "status": str,
    "stage": str,
    "iterations": list,
    "time": dict,
    "progress": dict,
    "segmentsCount": str,
    "overheadCredits": int,
    "metadata": list,
}
ITERATION = {
    "pipeline": str,
    "pipelineJson": str,
    "credits": (int, float),
    "runtime": (int, float),
    "failedSegments": int,
    "totalSegments": int,
    "status": str,
    "scores": list,
}
SCORE = {
    "longName": str,
    "name": str,
    "unit": str,
    "lowerIsBetter": bool,
    "average": (int, float),
    "count": int,
    "failedSegmentsCount": int,
}
PROGRESS = {"completedPercentage", "completedIterations", "failedIterations", "remainingIterations", "usedCredits"}
METRIC = {"id", "name", "supplier", "referenceRequired", "sourceRequired", "normalizedPrice", "function"}
MODEL = {"id", "name", "supplier", "pricing", "function", "params", "version"}


@frozen
class Platform:
    """A platform behind its URL, and how to let its time pass."""

    http: httpx.Client
    models: list[str]
    fake: FakePlatform | None

    def create(self, **change: Any) -> httpx.Response:
        body = {
            "name": "contract",
            "datasets": [DATASET],
            "metrics": [{"id": metric, "configurations": [[]]} for metric in METRICS],
            "model": self.models,
            "shapScores": [],
            "humanEvaluationReport": False,
            "automodeTraining": False,
            **change,
        }
        return self.http.post("sdk/benchmarks", json=body)

    def start(self) -> tuple[str, str]:
        benchmark = self.create().json()["id"]
        reply = self.http.post(f"sdk/benchmarks/{benchmark}/start")
        assert reply.status_code == 201
        return benchmark, reply.json()["jobId"]

    def ended(self, job: str) -> dict[str, Any]:
        if self.fake is not None:
            self.fake.advance(60.0)
        while (document := self.http.get(f"sdk/benchmarks/jobs/{job}").json())["status"] != "completed":
            assert document["status"] in {"queued", "in_progress"}
        return document


@pytest.fixture(scope="module", params=["fake", "local"])
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """Run each test against the fake and against the local backend."""
    if request.param == "fake":
        fake = FakePlatform()
        with fake.served() as environment:
            url, key = environment["BACKEND_URL"], environment["TEAM_API_KEY"]
            with httpx.Client(base_url=url, headers={"Authorization": f"Token {key}"}, trust_env=False) as http:
                yield Platform(http, ["model-a", "model-b"], fake)
        return
    with LocalBackend() as backend:
        headers = {"Authorization": f"Token {backend.api_key}"}
        with httpx.Client(base_url=backend.base_url, headers=headers, trust_env=False) as http:
            yield Platform(http, list(backend.models)[:2], None)


def wrong_in(document: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are missing, or of another type."""
    return {
        name: document.get(name, "missing")
        for name, kind in expected.items()
        if name not in document or not isinstance(document[name], kind)
    }


def test_ended_job_is_what_the_wire_page_says(platform: Platform) -> None:
    """Every known field of a job document is there, with its type, iterations and scores included."""
    benchmark, job = platform.start()

    document = platform.ended(job)

    assert wrong_in(document, JOB) == {}
    assert (job, benchmark, "completed") == (document["jobId"], document["benchmark"]["id"], document["status"])
    assert PROGRESS - document["progress"].keys() == set()
    assert {"startAt", "endAt", "runtime", "remaining"} - document["time"].keys() == set()
    assert platform.models == [iteration["pipeline"] for iteration in document["iterations"]]
    for iteration in document["iterations"]:
        assert wrong_in(iteration, ITERATION) == {}
        assert [score["longName"] for score in iteration["scores"]] == ["BLEU by sacrebleu", "WER by jiwer"]
        assert [wrong_in(score, SCORE) for score in iteration["scores"]] == [{}, {}]
        assert [score["lowerIsBetter"] for score in iteration["scores"]] == [False, True]


def test_list_is_an_array_that_agrees_with_the_documents(platform: Platform) -> None:
    """The job list is bare, in the order of start, and says of each job what its document says."""
    benchmark, first = platform.start()
    second = platform.http.post(f"sdk/benchmarks/{benchmark}/start").json()["jobId"]
    documents = [platform.ended(first), platform.ended(second)]

    listed = platform.http.get(f"sdk/benchmarks/{benchmark}/jobs").json()

    assert [(job["jobId"], job["status"], job["updatedAt"]) for job in documents] == [
        (entry["jobId"], entry["status"], entry["updatedAt"]) for entry in listed
    ]
    assert {entry["benchmark"]["id"] for entry in listed} == {benchmark}


def test_benchmark_is_given_back_as_it_was_created(platform: Platform) -> None:
    """A benchmark has its id, name, models, dataset and metrics."""
    benchmark = platform.create().json()["id"]

    document = platform.http.get(f"sdk/benchmarks/{benchmark}").json()

    assert document == {
        "id": benchmark,
        "name": "contract",
        "model": [{"id": model} for model in platform.models],
        "datasets": [DATASET],
        "metrics": [{"id": metric, "configurations": [[]]} for metric in METRICS],
    }


def test_display_names_are_in_the_pipelines(platform: Platform) -> None:
    """A model that was given a display name has it inside of the pipeline's JSON."""
    import json

    models = [{"id": model, "displayName": f"Our {model}", "configurations": "{}"} for model in platform.models]
    benchmark = platform.create(model=[], models=models).json()["id"]
    job = platform.http.post(f"sdk/benchmarks/{benchmark}/start").json()["jobId"]

    iterations = platform.ended(job)["iterations"]

    assert [f"Our {model}" for model in platform.models] == [
        json.loads(iteration["pipelineJson"])["benchmark"]["displayName"] for iteration in iterations
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"datasets": []},
        {"datasets": ["a", "b"]},
        {"metrics": []},
        {"model": []},
        {"name": ""},
        {"models": [{"id": "x"}]},
    ],
    ids=["no dataset", "two datasets", "no metric", "no model", "no name", "some names"],
)
def test_bad_benchmark_is_a_400_with_a_reason(platform: Platform, change: dict[str, Any]) -> None:
    """What breaks a rule of the wire page is refused in the shape of its errors."""
    reply = platform.create(**change)

    assert (400, 400, str) == (reply.status_code, reply.json()["statusCode"], type(reply.json()["message"]))


@pytest.mark.parametrize("path", ["jobs/nowhere", "nowhere", "nowhere/jobs"])
def test_unknown_id_is_a_404(platform: Platform, path: str) -> None:
    """What is not there is not found, in JSON."""
    reply = platform.http.get(f"sdk/benchmarks/{path}")

    assert (reply.status_code, reply.json()["statusCode"]) == (404, 404)
    assert "not found" in reply.json()["message"]


def test_missing_key_is_a_401(platform: Platform) -> None:
    """Without the key nothing is answered."""
    reply = platform.http.get("sdk/metrics", headers={"Authorization": ""})

    assert (reply.status_code, reply.json()["statusCode"]) == (401, 401)


def test_assets_have_what_the_sdk_reads(platform: Platform) -> None:
    """Metrics, models and normalization options have the known fields."""
    (first, *_) = platform.http.get("sdk/metrics").json()["results"]
    metric = platform.http.get(f"sdk/metrics/{METRICS[0]}").json()
    model = platform.http.get(f"sdk/models/{platform.models[0]}").json()
    options = platform.http.post(
        "sdk/benchmarks/normalization-options", json={"metricId": METRICS[0], "modelIds": platform.models}
    ).json()

    assert METRIC - first.keys() == set()
    assert METRIC - metric.keys() == set()
    assert MODEL - model.keys() == set()
    assert all(isinstance(option["value"], str) for option in options)
    assert {"id", "name"} <= platform.http.get(f"sdk/datasets/{DATASET}/overview").json().keys()


def test_results_are_a_csv_that_needs_no_key(platform: Platform) -> None:
    """The URL of the results works without the key, and not with another signature."""
    if platform.fake is not None:
        import pandas as pd

        segments = pd.DataFrame({"Model": ["m"], "Model_success": [True], "BLEU by sacrebleu": [1.5]})
        document = platform.ended(platform.fake.job("completed", segments=segments).id)
    else:
        document = platform.ended(platform.start()[1])

    reply = httpx.get(document["reportUrl"], trust_env=False)
    forged = httpx.get(document["reportUrl"].replace("signature=", "signature=0"), trust_env=False)

    assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (200, "text/csv")
    assert {"Model", "Model_success", "BLEU by sacrebleu"} <= set(reply.text.splitlines()[0].split(","))
    assert (forged.status_code, "<Code>SignatureDoesNotMatch</Code>" in forged.text) == (403, True)
