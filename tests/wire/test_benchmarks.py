"""Benchmarks on the wire: the bodies that are sent, byte for key, and the replies that are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aiobench import ConfigurationError, MetricSpec, ModelSpec
from aiobench._wire.benchmarks import (
    benchmark_document,
    created_id,
    creation_payload,
    normalization_options,
    started_job_id,
)
from aiobench._wire.decoding import MalformedDocumentError

GOOD: dict[str, Any] = {"dataset": "ds-1", "models": ["m-1"], "metrics": ["bleu"]}


def test_plain_payload() -> None:
    """Ids alone give the body that the platform's SDK sends (docs/reference/wire.md#routes)."""
    assert creation_payload("mine", dataset="ds-1", models=["m-1", "m-2"], metrics=["bleu", "wer"]) == {
        "name": "mine",
        "datasets": ["ds-1"],
        "metrics": [{"id": "bleu", "configurations": [[]]}, {"id": "wer", "configurations": [[]]}],
        "model": ["m-1", "m-2"],
        "shapScores": [],
        "humanEvaluationReport": False,
        "automodeTraining": False,
    }


def test_payload_with_display_names() -> None:
    """Models with parameters leave `model` empty and go into `models`, their configuration as a JSON string."""
    models = [ModelSpec("m-1", "Prompt A", {"temperature": 0.5}), ModelSpec(id="m-1", display_name="Prompt B")]

    payload = creation_payload("mine", dataset="ds-1", models=models, metrics=["bleu"])

    assert (
        payload["model"],
        [(model["id"], model["displayName"]) for model in payload["models"]],
    ) == ([], [("m-1", "Prompt A"), ("m-1", "Prompt B")])
    assert [json.loads(model["configurations"]) for model in payload["models"]] == [{"temperature": 0.5}, {}]
    assert [{"id", "displayName", "configurations"}] * 2 == [set(model) for model in payload["models"]]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([MetricSpec("bleu")], [{"id": "bleu", "configurations": [[]]}]),
        (
            [MetricSpec("bleu", [["lower"], ["lower", "nopunct"]])],
            [{"id": "bleu", "configurations": [["lower"], ["lower", "nopunct"]]}],
        ),
        ([MetricSpec("bleu", [(), ("lower",)])], [{"id": "bleu", "configurations": [[], ["lower"]]}]),
        (
            [MetricSpec("bleu", [["a"]]), "wer", MetricSpec("bleu", [["a"], ["b"]])],
            [{"id": "bleu", "configurations": [["a"], ["b"]]}, {"id": "wer", "configurations": [[]]}],
        ),
    ],
)
def test_normalization_goes_into_the_metric(metrics: list[str | MetricSpec], expected: list[Any]) -> None:
    """Each combination of options is a configuration; one metric named twice is one entry with both's."""
    assert creation_payload("mine", dataset="ds-1", models=["m-1"], metrics=metrics)["metrics"] == expected


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"dataset": ""}, "dataset id"),
        ({"dataset": None}, "exactly one dataset"),
        ({"dataset": ["ds-1", "ds-2"]}, "exactly one dataset"),
        ({"dataset": []}, "exactly one dataset"),
        ({"models": []}, "at least one of models="),
        ({"models": None}, "models= must be a sequence"),
        ({"models": "m-1"}, "models= must be a sequence"),
        ({"models": {"m-1": {}}}, "models= must be a sequence"),
        ({"models": [""]}, "model id"),
        ({"models": [5]}, "model id"),
        ({"models": ["m-1", ModelSpec("m-2", "B")]}, "display names on some models only"),
        ({"models": [ModelSpec("m-1", "")]}, "display name"),
        ({"models": [ModelSpec("m-1", "A"), ModelSpec("m-2", "A")]}, "the same display name"),
        ({"models": [ModelSpec("m-1", "A", {"x": object()})]}, "'A' cannot be sent as JSON"),
        ({"models": [ModelSpec("m-1", "A", {"x": float("nan")})]}, "'A' cannot be sent as JSON"),
        ({"models": [ModelSpec("m-1", "A", 5)]}, "'A' cannot be sent as JSON"),  # type: ignore[arg-type]
        ({"metrics": []}, "at least one of metrics="),
        ({"metrics": "bleu"}, "metrics= must be a sequence"),
        ({"metrics": [None]}, "metric id"),
        ({"metrics": [MetricSpec("")]}, "metric id"),
        ({"metrics": [MetricSpec("bleu", "lower")]}, "normalization of metric 'bleu'"),
        ({"metrics": [MetricSpec("bleu", ["lower"])]}, "normalization of metric 'bleu'"),
        ({"metrics": [MetricSpec("bleu", None)]}, "normalization of metric 'bleu'"),  # type: ignore[arg-type]
        ({"metrics": [MetricSpec("bleu", [5])]}, "normalization of metric 'bleu'"),  # type: ignore[list-item]
        ({"metrics": [MetricSpec("bleu", [[5]])]}, "normalization of metric 'bleu'"),  # type: ignore[list-item]
    ],
)
def test_what_would_be_refused_is_refused_here(changed: dict[str, Any], text: str) -> None:
    """No, two or odd datasets, models, metrics and display names are a ConfigurationError that names the fault."""
    with pytest.raises(ConfigurationError, match=text):
        creation_payload("mine", **{**GOOD, **changed})


@pytest.mark.parametrize("name", ["", " ", None, 5])
def test_benchmark_needs_a_name(name: Any) -> None:
    """A benchmark without a name is refused."""
    with pytest.raises(ConfigurationError, match="needs a name"):
        creation_payload(name, **GOOD)


def test_payload_does_not_hold_the_callers_lists() -> None:
    """What the caller passed is left as it was, and later changes to the body do not reach it."""
    options = ["lower"]
    models = ["m-1"]

    payload = creation_payload("mine", dataset="ds-1", models=models, metrics=[MetricSpec("bleu", [options])])
    payload["model"].append("other")
    payload["metrics"][0]["configurations"][0].append("other")

    assert (models, options) == (["m-1"], ["lower"])


def test_benchmark_is_read() -> None:
    """The reply of docs/reference/wire.md gives ids in its order."""
    reply = {
        "id": "bm-1",
        "name": "mine",
        "model": [{"id": "m-1"}, {"id": "m-2"}],
        "datasets": ["ds-1"],
        "metrics": [{"id": "bleu"}],
    }

    found = benchmark_document(json.dumps(reply).encode())

    assert (
        found.id,
        found.name,
        found.model_ids,
        found.dataset_ids,
        found.metric_ids,
    ) == ("bm-1", "mine", ("m-1", "m-2"), ("ds-1",), ("bleu",))


@pytest.mark.parametrize(
    "reply",
    [
        {"id": "bm-1"},
        {"id": "bm-1", "name": None, "model": None, "datasets": None, "metrics": None},
        {"id": "bm-1", "name": 5, "model": 5, "datasets": {}, "metrics": "bleu"},
        {"id": "bm-1", "model": [None, 5, {}, {"id": None}, ""], "datasets": [[]]},
    ],
)
def test_benchmark_with_odd_parts_is_read_as_far_as_it_goes(reply: dict[str, Any]) -> None:
    """Only the id must be there; what is missing, null or of a wrong type is empty."""
    found = benchmark_document(json.dumps(reply).encode())

    assert (
        found.id,
        found.name,
        found.model_ids,
        found.dataset_ids,
        found.metric_ids,
    ) == ("bm-1", "", (), (), ())


@pytest.mark.parametrize(
    ("decode", "body", "text"),
    [
        (benchmark_document, b"[]", "not a benchmark"),
        (benchmark_document, b'{"id": ""}', "not a benchmark"),
        (created_id, b"{}", "'id'"),
        (created_id, b'{"id": 5}', "'id'"),
        (created_id, b'{"id": " "}', "'id'"),
        (started_job_id, b"null", "'jobId'"),
        (started_job_id, b'{"jobId": ""}', "'jobId'"),
        (normalization_options, b"{}", "no array"),
    ],
)
def test_reply_that_does_not_say_what_was_asked_is_malformed(decode: Any, body: bytes, text: str) -> None:
    """A reply without the id, or the list, that its route promises is refused."""
    with pytest.raises(MalformedDocumentError, match=text):
        decode(body)


def test_ids_of_what_was_made() -> None:
    """A new benchmark's and a new job's id are read out of their replies."""
    assert (created_id(b'{"id": "bm-1", "x": 1}'), started_job_id(b'{"jobId": "job-1"}')) == ("bm-1", "job-1")


def test_normalization_options_are_the_values() -> None:
    """The options are the entries' `value`s; entries without one are passed over."""
    assert normalization_options(b'[{"value": "lower", "label": "x"}, {"value": null}, 5, {"value": "nopunct"}]') == [
        "lower",
        "nopunct",
    ]
