"""Explanations: where a model does well, by length of the source and by topic."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiobench.local.datasets import Dataset
    from aiobench.local.engine.benchmarks import Benchmark
    from aiobench.local.engine.records import SegmentResult

    Results = Sequence[SegmentResult]

__all__ = ["explain"]


def explain(benchmark: Benchmark, dataset: Dataset, runs: Sequence[Results]) -> dict[str, Any]:
    """Explain a finished job (docs/reference/wire.md#explanations).

    Args:
        benchmark: What was run.
        dataset: What it was run on.
        runs: The results of each of the benchmark's models, in its order.

    Returns:
        One metric-independent item, about failed segments, and one metric-dependent item for each score, with the
        tasks `length` (words of the source) and `topic`. Both list the models in the benchmark's order.
    """
    models = [(run.label, results) for run, results in zip(benchmark.models, runs, strict=True)]
    words = [len(segment.source.split()) for segment in dataset.segments]
    groups = _Groups(words, [_length(count) for count in words], [each.topic or "none" for each in dataset.segments])
    independent = {
        "datasetId": dataset.id,
        "failures": [_failures(label, groups, results) for label, results in models],
    }
    dependent: list[dict[str, Any]] = []
    for column, scorer in enumerate(benchmark.scorers):
        item: dict[str, Any] = {"scoreId": scorer.id, "datasetId": dataset.id, "longName": scorer.long_name}
        if scorer.normalization:
            item["normalizationOptions"] = list(scorer.normalization)
        item["length"] = [_by_length(label, groups, results, column) for label, results in models]
        item["topic"] = [_by_topic(label, groups, results, column) for label, results in models]
        dependent.append(item)
    return {"metricInDependent": [independent], "metricDependent": dependent}


class _Groups(NamedTuple):
    """The properties by which segments are grouped, each in the dataset's order."""

    words: list[int]
    lengths: list[str]
    topics: list[str]


def _length(words: int) -> str:
    # Buckets that double: 1, 2, 3-4, 5-8, 9-16 words ...
    upper = 2 ** max(words - 1, 0).bit_length()
    lower = upper // 2 + 1
    return f"{lower}-{upper}" if lower < upper else str(upper)


def _failures(label: str, groups: _Groups, results: Results) -> dict[str, Any]:
    failed = [result for result in results if result.failure is not None]
    return {
        "model": label,
        "failedSegments": len(failed),
        "totalSegments": len(results),
        "byLength": _rates(groups.lengths, results),
        "byTopic": _rates(groups.topics, results),
        "byReason": dict(Counter(result.failure for result in failed).most_common()),
    }


def _rates(names: Sequence[str], results: Results) -> Mapping[str, float]:
    means = _means((names[r.segment], 100.0 * (r.failure is not None)) for r in results)
    return {name: means[name] for name in sorted(means, key=_order)}


def _by_length(label: str, groups: _Groups, results: Results, column: int) -> dict[str, Any]:
    scored = [(r.segment, score) for r in results if (score := r.scores[column]) is not None]
    means = _means((groups.lengths[segment], score) for segment, score in scored)
    return {
        "model": label,
        "unit": "words",
        "averages": {name: means[name] for name in sorted(means, key=_order)},
        "correlation": _correlation([(groups.words[segment], score) for segment, score in scored]),
    }


def _by_topic(label: str, groups: _Groups, results: Results, column: int) -> dict[str, Any]:
    means = _means((groups.topics[r.segment], score) for r in results if (score := r.scores[column]) is not None)
    return {"model": label, "averages": {name: means[name] for name in sorted(means)}}


def _means(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    groups: dict[str, list[float]] = defaultdict(list)
    for name, value in pairs:
        groups[name].append(value)
    return {name: statistics.fmean(values) for name, values in groups.items()}


def _order(name: str) -> tuple[int, str]:
    first = name.partition("-")[0]
    return (int(first) if first.isdecimal() else 0, name)


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Pearson's r, which is undefined when either side never varies."""
    if len({x for x, _ in pairs}) < 2 or len({y for _, y in pairs}) < 2:
        return None
    return float(np.corrcoef(np.array(pairs), rowvar=False)[0, 1])
