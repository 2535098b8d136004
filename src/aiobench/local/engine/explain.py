"""Explanations: where a model does well, by length of the source and by topic."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from aiobench.local.datasets import Dataset
    from aiobench.local.engine.benchmarks import Benchmark
    from aiobench.local.engine.records import SegmentResult

    Results = Sequence[SegmentResult]
    Members: TypeAlias = Mapping[str, NDArray[np.int64]]

__all__ = ["explain"]

Group = TypeVar("Group", int, str)


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
    groups = _groups(dataset)
    independent = {
        "datasetId": dataset.id,
        "failures": [_failures(label, groups, results) for label, results in models],
    }
    dependent: list[dict[str, Any]] = []
    for column, scorer in enumerate(benchmark.scorers):
        item: dict[str, Any] = {"scoreId": scorer.id, "datasetId": dataset.id, "longName": scorer.long_name}
        if scorer.normalization:
            item["normalizationOptions"] = list(scorer.normalization)
        scores = [(label, np.array([r.scores[column] for r in results], dtype=float)) for label, results in models]
        item["length"] = [_by_length(label, groups, values) for label, values in scores]
        item["topic"] = [_by_topic(label, groups, values) for label, values in scores]
        dependent.append(item)
    return {"metricInDependent": [independent], "metricDependent": dependent}


class _Groups(NamedTuple):
    """The words of each segment, in the dataset's order, and which segments belong together."""

    words: NDArray[np.int64]
    lengths: Members
    topics: Members


def _groups(dataset: Dataset) -> _Groups:
    words = [len(segment.source.split()) for segment in dataset.segments]
    lengths = _members(max(count - 1, 0).bit_length() for count in words)
    topics = _members(segment.topic or "none" for segment in dataset.segments)
    return _Groups(np.array(words), {_length(each): members for each, members in lengths.items()}, topics)


def _members(groups: Iterable[Group]) -> dict[Group, NDArray[np.int64]]:
    """Return the numbers of the segments of each group, whose groups are given in order."""
    members: dict[Group, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        members[group].append(number)
    return {group: np.array(members[group]) for group in sorted(members)}


def _length(bits: int) -> str:
    # Buckets that double: 1, 2, 3-4, 5-8, 9-16 words ...
    upper = 2**bits
    lower = upper // 2 + 1
    return f"{lower}-{upper}" if lower < upper else str(upper)


def _failures(label: str, groups: _Groups, results: Results) -> dict[str, Any]:
    reasons = [result.failure for result in results]
    percent = np.array([0.0 if reason is None else 100.0 for reason in reasons])
    counts = Counter(reason for reason in reasons if reason is not None)
    return {
        "model": label,
        "failedSegments": counts.total(),
        "totalSegments": len(results),
        "byLength": _means(groups.lengths, percent),
        "byTopic": _means(groups.topics, percent),
        "byReason": dict(counts.most_common()),
    }


def _by_length(label: str, groups: _Groups, scores: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "model": label,
        "unit": "words",
        "averages": _means(groups.lengths, scores),
        "correlation": _correlation(groups.words, scores),
    }


def _by_topic(label: str, groups: _Groups, scores: NDArray[np.float64]) -> dict[str, Any]:
    return {"model": label, "averages": _means(groups.topics, scores)}


def _means(groups: Members, values: NDArray[np.float64]) -> dict[str, float]:
    """Average the values of each group's segments. NaN is left out, and a group of nothing else."""
    scored = {name: values[members][~np.isnan(values[members])] for name, members in groups.items()}
    return {name: statistics.fmean(each.tolist()) for name, each in scored.items() if len(each)}


def _correlation(words: NDArray[np.int64], scores: NDArray[np.float64]) -> float | None:
    """Return Pearson's r, which is undefined when either side never varies."""
    scored = ~np.isnan(scores)
    if len(set(words[scored])) < 2 or len(set(scores[scored])) < 2:
        return None
    return float(np.corrcoef(words[scored], scores[scored])[0, 1])
