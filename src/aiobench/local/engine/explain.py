"""Explanations: what results say about where a model does well, by length of the source and by topic."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aiobench.local.datasets import Dataset, Segment
    from aiobench.local.engine.benchmarks import Benchmark
    from aiobench.local.engine.store import SegmentResult

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
    independent = {
        "datasetId": dataset.id,
        "failures": [_failures(label, dataset, results) for label, results in models],
    }
    dependent: list[dict[str, Any]] = []
    for column, scorer in enumerate(benchmark.scorers):
        item: dict[str, Any] = {"scoreId": scorer.id, "datasetId": dataset.id, "longName": scorer.long_name}
        if scorer.normalization:
            item["normalizationOptions"] = list(scorer.normalization)
        item["length"] = [_by_length(label, dataset, results, column) for label, results in models]
        item["topic"] = [_by_topic(label, dataset, results, column) for label, results in models]
        dependent.append(item)
    return {"metricInDependent": [independent], "metricDependent": dependent}


def _words(segment: Segment) -> int:
    return len(segment.source.split())


def _length(segment: Segment) -> str:
    # Buckets that double: 1, 2, 3-4, 5-8, 9-16 words ...
    bucket = max(_words(segment) - 1, 0).bit_length()
    upper = 2**bucket
    lower = upper // 2 + 1
    return f"{lower}-{upper}" if lower < upper else str(upper)


def _topic(segment: Segment) -> str:
    return segment.topic or "none"


def _failures(label: str, dataset: Dataset, results: Results) -> dict[str, Any]:
    failed = [result for result in results if result.failure is not None]
    return {
        "model": label,
        "failedSegments": len(failed),
        "totalSegments": len(results),
        "byLength": _rates(dataset, results, _length),
        "byTopic": _rates(dataset, results, _topic),
        "byReason": dict(Counter(result.failure for result in failed).most_common()),
    }


def _rates(dataset: Dataset, results: Results, group: Callable[[Segment], str]) -> Mapping[str, float]:
    failed = [(group(dataset.segments[r.segment]), 100.0 * (r.failure is not None)) for r in results]
    return _means(sorted(failed, key=lambda pair: _order(pair[0])))


def _by_length(label: str, dataset: Dataset, results: Results, column: int) -> dict[str, Any]:
    scored = [(dataset.segments[r.segment], score) for r in results if (score := r.scores[column]) is not None]
    scored.sort(key=lambda pair: _words(pair[0]))
    return {
        "model": label,
        "unit": "words",
        "averages": _means((_length(segment), score) for segment, score in scored),
        "correlation": _correlation([(_words(segment), score) for segment, score in scored]),
    }


def _by_topic(label: str, dataset: Dataset, results: Results, column: int) -> dict[str, Any]:
    scored = [(_topic(dataset.segments[r.segment]), score) for r in results if (score := r.scores[column]) is not None]
    return {"model": label, "averages": _means(sorted(scored))}


def _means(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    groups: dict[str, list[float]] = defaultdict(list)
    for name, value in pairs:
        groups[name].append(value)
    return {name: statistics.fmean(values) for name, values in groups.items()}


def _order(name: str) -> tuple[int, str]:
    first = name.partition("-")[0]
    return (int(first) if first.isdecimal() else 0, name)


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    # Pearson's r; undefined when either side never varies.
    try:
        return statistics.correlation([x for x, _ in pairs], [y for _, y in pairs])
    except statistics.StatisticsError:
        return None
