"""The routes: what they answer, and with which status."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Platform

GOOD: dict[str, Any] = {
    "name": "good",
    "datasets": ["tiny"],
    "metrics": [{"id": "bleu", "configurations": [[]]}],
    "model": ["copy-source"],
}
NAMED = {"id": "copy-source", "displayName": "A", "configurations": "{}"}


def test_benchmark_is_given_back_as_it_was_created(tiny: Platform) -> None:
    """A created benchmark is found under its id, in the shape of docs/reference/wire.md."""
    benchmark_id = tiny.create("tiny", ["copy-source", "iso-strict"], ["bleu", "wer"])
    assert tiny.http.get(f"/sdk/benchmarks/{benchmark_id}").json() == {
        "id": benchmark_id,
        "name": "test",
        "model": [{"id": "copy-source"}, {"id": "iso-strict"}],
        "datasets": ["tiny"],
        "metrics": [{"id": "bleu", "configurations": [[]]}, {"id": "wer", "configurations": [[]]}],
    }


def test_job_list_is_a_bare_array_in_order_of_start(tiny: Platform) -> None:
    """The list route gives every job of its benchmark, and no other's."""
    benchmark_id, other = (tiny.create("tiny", ["copy-source"], ["bleu"]) for _ in range(2))
    started = [tiny.start(benchmark_id) for _ in range(3)]
    tiny.start(other)
    listed = tiny.http.get(f"/sdk/benchmarks/{benchmark_id}/jobs").json()
    assert [entry["jobId"] for entry in listed] == started
    assert {entry["benchmark"]["id"] for entry in listed} == {benchmark_id}
    assert all(isinstance(entry["status"], str) for entry in listed)


def test_a_list_that_did_not_change_is_not_sent_again(tiny: Platform) -> None:
    """A client that has the version gets 304 and no body; after a change, the new list with another version."""
    benchmark_id = tiny.create("tiny", ["copy-source"], ["bleu"])
    path = f"/sdk/benchmarks/{benchmark_id}/jobs"
    etag = tiny.http.get(path).headers["etag"]
    for known in (etag, f'"other", {etag}', "*"):
        again = tiny.http.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)

    tiny.start(benchmark_id)
    changed = tiny.http.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, len(changed.json())) == (200, 1)
    assert changed.headers["etag"] != etag


def test_documents_have_versions(tiny: Platform) -> None:
    """Those of jobs and benchmarks, too."""
    benchmark_id = tiny.create("tiny", ["copy-source"], ["bleu"])
    for path in (f"/sdk/benchmarks/{benchmark_id}", f"/sdk/benchmarks/jobs/{tiny.start(benchmark_id)}"):
        assert tiny.http.get(path).headers["etag"].startswith('W/"')


def test_new_benchmark_has_no_jobs(tiny: Platform) -> None:
    """A benchmark that was never started has an empty list, not a 404."""
    benchmark_id = tiny.create("tiny", ["copy-source"], ["bleu"])
    assert tiny.http.get(f"/sdk/benchmarks/{benchmark_id}/jobs").json() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"datasets": []}, "exactly one dataset"),
        ({"datasets": None}, "exactly one dataset"),
        ({"datasets": ["tiny", "tiny"]}, "exactly one dataset"),
        ({"datasets": ["nowhere"]}, "Unknown dataset 'nowhere'"),
        ({"datasets": [{}]}, "Unknown dataset"),
        ({"datasets": "tiny"}, "datasets must be a list"),
        ({"metrics": []}, "at least one metric"),
        ({"metrics": [{"id": "vibes"}]}, "Unknown metric 'vibes'"),
        ({"metrics": ["bleu"]}, "A JSON object was expected"),
        ({"metrics": [{"id": "bleu", "configurations": [["shouting"]]}]}, "Unknown normalization option 'shouting'"),
        ({"metrics": [{"id": "bleu", "configurations": [7]}]}, "must be a list"),
        ({"model": []}, "at least one model"),
        ({"model": [], "models": []}, "at least one model"),
        ({"model": ["gpt-17"]}, "Unknown model 'gpt-17'"),
        ({"model": [{"id": "copy-source"}]}, "Unknown model"),
        ({"models": [NAMED]}, "for all models or for none"),
        ({"model": [], "models": [NAMED, NAMED | {"displayName": None}]}, "for all models or for none"),
        ({"model": [], "models": [NAMED | {"configurations": "{"}]}, "Bad configuration"),
        ({"model": [], "models": [NAMED | {"configurations": "[1]"}]}, "A JSON object was expected"),
        ({"model": [], "models": [NAMED | {"configurations": 3}]}, "must be a string"),
        ({"model": [], "models": [NAMED | {"configurations": '{"tone": 1}'}]}, "no parameter 'tone'"),
        ({"model": [], "models": [NAMED | {"configurations": '{"case": "title"}'}]}, "copy-source"),
        ({"model": [], "models": [NAMED | {"configurations": '{"case": []}'}]}, "copy-source"),
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
    ],
)
def test_bad_benchmark_is_refused_with_the_reason(tiny: Platform, change: dict[str, Any], message: str) -> None:
    """A request that breaks a rule of docs/reference/wire.md is a 400 that says which."""
    reply = tiny.http.post("/sdk/benchmarks", json=GOOD | change)
    assert (reply.status_code, reply.json()["statusCode"]) == (400, 400)
    assert message in reply.json()["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b"NaN", b"[" * 100_000, b'{"name": "\\ud800"}', b"1" * 5000],
    ids=["empty", "cut", "not UTF-8", "array", "null", "NaN", "deep", "surrogate", "huge number"],
)
@pytest.mark.parametrize("path", ["/sdk/benchmarks", "/sdk/benchmarks/normalization-options"])
def test_body_that_is_no_json_object_is_a_400(tiny: Platform, path: str, body: bytes) -> None:
    """Bytes that are not a JSON object are a 400 in JSON, never a traceback."""
    reply = tiny.http.post(path, content=body)
    assert (reply.status_code, reply.json()["statusCode"]) == (400, 400)


def test_body_that_is_too_long_is_a_413(tiny: Platform) -> None:
    """A body over the limit is refused before it is read to its end."""
    reply = tiny.http.post("/sdk/benchmarks", content=json.dumps(GOOD | {"name": "x" * (1 << 20)}))
    assert (reply.status_code, reply.json()["statusCode"]) == (413, 413)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/sdk/benchmarks/jobs/nope", "Benchmark job not found"),
        ("/sdk/benchmarks/jobs/a%2Fb", "Not Found"),
        ("/sdk/benchmarks/jobs/%F0%9F%90%8D", "Benchmark job not found"),
        ("/sdk/benchmarks/nope", "Benchmark not found"),
        ("/sdk/benchmarks/nope/jobs", "Benchmark not found"),
        ("/sdk/models/nope", "Model not found"),
        ("/sdk/datasets/nope/overview", "Dataset not found"),
        ("/sdk/metrics/nope", "Metric not found"),
        ("/sdk/metrics/", "Not Found"),
        ("/sdk", "Not Found"),
    ],
)
def test_unknown_is_a_404(tiny: Platform, path: str, message: str) -> None:
    """What is not there is a 404 with the platform's body."""
    reply = tiny.http.get(path)
    assert (reply.status_code, reply.json()) == (404, {"statusCode": 404, "message": message})


def test_start_of_an_unknown_benchmark_is_a_404(tiny: Platform) -> None:
    """Starting what is not there is a 404 as well."""
    assert tiny.http.post("/sdk/benchmarks/nope/start").json() == {"statusCode": 404, "message": "Benchmark not found"}


def test_wrong_method_is_a_405_in_json(tiny: Platform) -> None:
    """A route asked with another method says so in JSON and names the right one."""
    reply = tiny.http.delete("/sdk/metrics")
    assert (reply.status_code, reply.json()["statusCode"]) == (405, 405)
    assert "GET" in reply.headers["allow"]


def test_every_answer_has_its_own_request_id(tiny: Platform) -> None:
    """Answers, good and bad, carry an x-request-id, no two alike."""
    paths = ["/sdk/metrics", "/sdk/metrics", "/nope", "/sdk/benchmarks/jobs/x"]
    ids = {tiny.http.get(path).headers["x-request-id"] for path in paths}
    assert len(ids) == len(paths)


def test_normalization_options_are_values(tiny: Platform) -> None:
    """The options of a metric and a model come as objects with a value."""
    reply = tiny.http.post(
        "/sdk/benchmarks/normalization-options", json={"metricId": "bleu", "modelIds": ["copy-source"]}
    )
    assert reply.json() == [{"value": v} for v in ("lowercase", "strip-punctuation", "strip-accents")]


@pytest.mark.parametrize("query", [{"metricId": "x", "modelIds": []}, {"metricId": "bleu", "modelIds": ["x"]}])
def test_normalization_options_of_the_unknown_are_a_404(tiny: Platform, query: dict[str, Any]) -> None:
    """Options are not invented for a metric or a model that is not there."""
    assert tiny.http.post("/sdk/benchmarks/normalization-options", json=query).status_code == 404


def test_everything_on_offer_is_described(demo: Platform) -> None:
    """Each dataset, model and metric the backend names has a document under its id, with its name."""
    backend = demo.backend
    assert list(backend.datasets) == ["countries-de", "countries-fr"]
    for assets, path in (
        (backend.datasets, "/sdk/datasets/{}/overview"),
        (backend.models, "/sdk/models/{}"),
        (backend.metrics, "/sdk/metrics/{}"),
    ):
        described = [demo.http.get(path.format(asset_id)).json() for asset_id in assets]
        assert {document["id"]: document["name"] for document in described} == assets
    listed = demo.http.get("/sdk/metrics").json()["results"]
    assert {document["id"]: document["name"] for document in listed} == backend.metrics


def test_fault_of_the_backend_is_a_500_in_json_and_logged(
    tiny: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug answers with 500 in JSON, tells nothing of itself, and is in the log under the request's id."""
    monkeypatch.setattr("aiobench.local.server.documents.metric_document", lambda metric: 1 / 0)
    reply = tiny.http.get("/sdk/metrics/bleu")
    assert (reply.status_code, reply.json()["statusCode"]) == (500, 500)
    assert "division" not in reply.text
    deadline = time.monotonic() + 10
    while reply.headers["x-request-id"] not in caplog.text:  # logged by the server's thread, after the answer
        assert time.monotonic() < deadline
    assert {record.name for record in caplog.records} == {"aiobench.local"}
