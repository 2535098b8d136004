"""Benchmarks on the wire: what is sent to create one, and what is read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from aiobench._errors import ConfigurationError
from aiobench._values import Value
from aiobench._wire.coercion import entries, mapping, text
from aiobench._wire.decoding import MalformedDocumentError, decoded
from aiobench._wire.routes import checked_id
from aiobench.specs import MetricSpec, ModelSpec

__all__ = [
    "BenchmarkDocument",
    "benchmark_document",
    "created_document",
    "created_id",
    "creation_payload",
    "normalization_options",
    "started_job_id",
]


class BenchmarkDocument(Value, frozen=True):
    """What a benchmark consists of."""

    id: str
    name: str
    model_ids: tuple[str, ...]
    dataset_ids: tuple[str, ...]
    metric_ids: tuple[str, ...]


def creation_payload(
    name: str,
    *,
    dataset: str,
    models: Sequence[str | ModelSpec],
    metrics: Sequence[str | MetricSpec],
) -> dict[str, Any]:
    """Build the body of `POST sdk/benchmarks` (`docs/reference/wire.md#routes`).

    Raises:
        ConfigurationError: If anything about it would be refused: no name, dataset, metric or model, more than one
            dataset, display names on some models only or the same on two.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"a benchmark needs a name, not {name!r}")
    if not isinstance(dataset, str):
        raise ConfigurationError(f"a benchmark has exactly one dataset: pass its id as dataset=, not {dataset!r}")
    plain, named = _models(models)
    payload: dict[str, Any] = {
        "name": name,
        "datasets": [checked_id(dataset, "dataset id")],
        "metrics": _metrics(metrics),
        "model": plain,
        "shapScores": [],
        "humanEvaluationReport": False,
        "automodeTraining": False,
    }
    if named:
        payload["models"] = named
    return payload


def _models(models: Sequence[str | ModelSpec]) -> tuple[list[str], list[dict[str, str]]]:
    plain: list[str] = []
    named: list[dict[str, str]] = []
    for model in _several(models, "models"):
        if isinstance(model, ModelSpec):
            named.append(
                {
                    "id": checked_id(model.id, "model id"),
                    "displayName": checked_id(model.display_name, "display name"),
                    "configurations": _json(model),
                }
            )
        else:
            plain.append(checked_id(model, "model id"))
    if plain and named:
        raise ConfigurationError(
            "display names on some models only: pass a ModelSpec for every model, or an id for every model"
        )
    names = [model["displayName"] for model in named]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"two models have the same display name: {names}")
    return plain, named


def _metrics(metrics: Sequence[str | MetricSpec]) -> list[dict[str, Any]]:
    combinations: dict[str, list[list[str]]] = {}
    for metric in _several(metrics, "metrics"):
        spec = metric if isinstance(metric, MetricSpec) else MetricSpec(cast("str", metric))
        found = combinations.setdefault(checked_id(spec.id, "metric id"), [])
        found += [options for options in _combinations(spec) if options not in found]
    return [{"id": metric_id, "configurations": found or [[]]} for metric_id, found in combinations.items()]


def _combinations(spec: MetricSpec) -> list[list[str]]:
    combinations = _listed(spec.normalization)
    listed = None if combinations is None else [_listed(options) for options in combinations]
    if listed is None or any(
        options is None or not all(isinstance(option, str) for option in options) for options in listed
    ):
        raise ConfigurationError(
            f"the normalization of metric {spec.id!r} must be a sequence of sequences of options, "
            f"not {spec.normalization!r}"
        )
    return cast("list[list[str]]", listed)


def _listed(value: object) -> list[object] | None:
    """Read a sequence. Texts and mappings do not count as one."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return None
    return list(cast("Iterable[object]", value))


def _several(values: object, what: str) -> list[object]:
    found = _listed(values)
    if found is None:
        raise ConfigurationError(f"{what}= must be a sequence, not {values!r}")
    if not found:
        raise ConfigurationError(f"a benchmark needs at least one of {what}=")
    return found


def _json(model: ModelSpec) -> str:
    try:
        return json.dumps(dict(model.configuration), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the configuration of model {model.display_name!r} cannot be sent as JSON: {error}"
        ) from error


def benchmark_document(body: bytes) -> BenchmarkDocument:
    """Decode the reply of `GET sdk/benchmarks/{id}`.

    Raises:
        MalformedDocumentError: If it is not an object with an id.
    """
    document = mapping(decoded(body))
    benchmark_id = text(document.get("id"))
    if not benchmark_id:
        raise MalformedDocumentError("not a benchmark: no object with an id")
    return BenchmarkDocument(
        id=benchmark_id,
        name=text(document.get("name")) or "",
        model_ids=_ids(document.get("model")),
        dataset_ids=_ids(document.get("datasets")),
        metric_ids=_ids(document.get("metrics")),
    )


def created_document(benchmark_id: str, payload: Mapping[str, Any]) -> BenchmarkDocument:
    """Return what a benchmark consists of, from what was sent to create it."""
    return BenchmarkDocument(
        id=benchmark_id,
        name=payload["name"],
        model_ids=tuple(payload["model"]) or tuple(model["id"] for model in payload["models"]),
        dataset_ids=tuple(payload["datasets"]),
        metric_ids=tuple(metric["id"] for metric in payload["metrics"]),
    )


def created_id(body: bytes) -> str:
    """Decode the reply of `POST sdk/benchmarks`.

    Raises:
        MalformedDocumentError: If it names no id.
    """
    return _named(body, "id", "the new benchmark")


def started_job_id(body: bytes) -> str:
    """Decode the reply of `POST sdk/benchmarks/{id}/start`.

    Raises:
        MalformedDocumentError: If it names no job.
    """
    return _named(body, "jobId", "the job")


def normalization_options(body: bytes) -> list[str]:
    """Decode the reply of `POST sdk/benchmarks/normalization-options`.

    Raises:
        MalformedDocumentError: If it is not an array.
    """
    document = decoded(body)
    if not isinstance(document, list):
        raise MalformedDocumentError("not a list of normalization options: no array")
    return [value for entry in entries(document) if (value := text(entry.get("value"))) is not None]


def _named(body: bytes, key: str, what: str) -> str:
    found = text(mapping(decoded(body)).get(key))
    if not found or not found.strip():
        raise MalformedDocumentError(f"it does not name {what}: no {key!r}")
    return found


def _ids(value: object) -> tuple[str, ...]:
    """Read ids that come as strings or as objects with an `id`."""
    if not isinstance(value, list):
        return ()
    found = (text(entry) or text(mapping(entry).get("id")) for entry in cast("list[object]", value))
    return tuple(each for each in found if each)
