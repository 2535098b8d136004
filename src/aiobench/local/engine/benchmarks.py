"""Benchmarks: what `POST sdk/benchmarks` accepts and what is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from aiobench.local.catalogue.metrics import NORMALIZATIONS, Scorer, missing_metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiobench.local.catalogue import Catalogue
    from aiobench.local.catalogue.metrics import Metric
    from aiobench.local.catalogue.models import Model

__all__ = ["Benchmark", "InvalidRequestError", "ModelRun", "parse_benchmark", "parse_normalization_query"]


class InvalidRequestError(Exception):
    """Raised for an invalid request. The reply is a 400 with this text."""


@frozen
class ModelRun:
    """A model as one iteration of a benchmark's jobs runs it."""

    model_id: str
    display_name: str | None
    configuration: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Its name in results: the display name, or the id if there is none."""
        return self.model_id if self.display_name is None else self.display_name


@frozen
class Benchmark:
    """A dataset, models and scores that can be started any number of times."""

    id: str
    name: str
    dataset_id: str
    models: tuple[ModelRun, ...]
    scorers: tuple[Scorer, ...]

    def to_json(self) -> str:
        """Convert it to JSON for the store."""
        return json.dumps(
            {
                "id": self.id,
                "name": self.name,
                "dataset": self.dataset_id,
                "models": [[run.model_id, run.display_name, dict(run.configuration)] for run in self.models],
                "scorers": [[scorer.metric.id, list(scorer.normalization)] for scorer in self.scorers],
            }
        )

    @classmethod
    def from_json(cls, text: str, metrics: Mapping[str, Metric]) -> Benchmark:
        """Read what `to_json` wrote. A metric that no longer exists scores nothing."""
        kept = json.loads(text)
        return cls(
            id=kept["id"],
            name=kept["name"],
            dataset_id=kept["dataset"],
            models=tuple(ModelRun(*run) for run in kept["models"]),
            scorers=tuple(
                Scorer(metrics.get(metric) or missing_metric(metric), tuple(options))
                for metric, options in kept["scorers"]
            ),
        )


def parse_benchmark(body: object, *, benchmark_id: str, catalogue: Catalogue) -> Benchmark:
    """Turn a request (docs/reference/wire.md#routes) into a benchmark.

    Args:
        body: The decoded body.
        benchmark_id: The new benchmark's id.
        catalogue: What it may name.

    Returns:
        The benchmark.

    Raises:
        InvalidRequestError: The request breaks a rule, or names something unknown.
    """
    payload = _object(body)
    name = payload.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InvalidRequestError("Please give the benchmark a name")
    wanted = _list(payload, "datasets")
    if len(wanted) != 1:
        raise InvalidRequestError("Please use exactly one dataset")
    dataset_id = _known(wanted[0], catalogue.datasets, "dataset")
    models, scorers = tuple(_models(payload, catalogue)), tuple(dict.fromkeys(_scorers(payload, catalogue)))
    if not models:
        raise InvalidRequestError("Please use at least one model")
    if not scorers:
        raise InvalidRequestError("Please use at least one metric")
    return Benchmark(benchmark_id, name, dataset_id, models, scorers)


def parse_normalization_query(body: object) -> tuple[object, list[Any]]:
    """Read a request for the normalization options of a metric and models.

    Args:
        body: The decoded body.

    Returns:
        The metric's id and the models' ids, as given.

    Raises:
        InvalidRequestError: The body has another shape.
    """
    payload = _object(body)
    return payload.get("metricId"), _list(payload, "modelIds")


def _known(asset_id: object, assets: Mapping[str, object], kind: str) -> str:
    if not isinstance(asset_id, str) or asset_id not in assets:
        raise InvalidRequestError(f"Unknown {kind} {asset_id!r}; there are {', '.join(assets)}")
    return asset_id


def _models(payload: Mapping[str, Any], catalogue: Catalogue) -> Iterator[ModelRun]:
    plain, named = _list(payload, "model"), _list(payload, "models")
    if plain and named:
        raise InvalidRequestError("Please provide a display name for all models or for none of them")
    for entry in plain:
        yield ModelRun(_known(entry, catalogue.models, "model"), None, {})
    for entry in map(_object, named):
        model_id = _known(entry.get("id"), catalogue.models, "model")
        display_name = entry.get("displayName")
        if not isinstance(display_name, str) or not display_name:
            raise InvalidRequestError("Please provide a display name for all models or for none of them")
        yield ModelRun(model_id, display_name, _configuration(entry.get("configurations"), catalogue.models[model_id]))


def _configuration(text: object, model: Model) -> Mapping[str, Any]:
    if not isinstance(text, str | None):
        raise InvalidRequestError("configurations of a model must be a string that holds a JSON object")
    try:
        configuration = _object(json.loads(text or "{}"))
        model.check(configuration)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"Bad configuration of a model: {error}") from error
    return configuration


def _scorers(payload: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Scorer]:
    for entry in map(_object, _list(payload, "metrics")):
        metric = catalogue.metrics[_known(entry.get("id"), catalogue.metrics, "metric")]
        # [[]] says: as it is. An option that a user of the SDK added bare arrives as a string, not a list.
        for options in _list(entry, "configurations") or [[]]:
            chosen = [options] if isinstance(options, str) else _list({"configurations": options}, "configurations")
            known = [_known(option, NORMALIZATIONS, "normalization option") for option in chosen]
            yield Scorer(metric, tuple(known))


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequestError(f"A JSON object was expected instead of {json.dumps(value)[:60]}")
    return cast("dict[str, Any]", value)


def _list(payload: Mapping[str, Any], key: str) -> list[Any]:
    value: object = payload.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRequestError(f"{key} must be a list")
    items: list[Any] = value
    return items
