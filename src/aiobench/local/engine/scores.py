"""Scores: an iteration's segment scores, summed up the way the platform does it (docs/reference/wire.md#scores)."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiobench.local.catalogue.metrics import Scorer
    from aiobench.local.datasets import Segment
    from aiobench.local.engine.store import SegmentResult

__all__ = ["score_entries", "status_of"]


def status_of(results: Sequence[SegmentResult]) -> str:
    """Say how an iteration ended: it has failed if all of its segments have."""
    return "failed" if all(result.failure is not None for result in results) else "completed"


def score_entries(
    scorers: Sequence[Scorer], results: Sequence[SegmentResult], segments: Sequence[Segment]
) -> list[dict[str, Any]]:
    """Sum up all scores of one model's run, in the order of the scorers."""
    return [_score_entry(scorer, column, results, segments) for column, scorer in enumerate(scorers)]


def _score_entry(
    scorer: Scorer, column: int, results: Sequence[SegmentResult], segments: Sequence[Segment]
) -> dict[str, Any]:
    """Sum up one score of one model's run.

    `average` and `mean` are the mean of the segment scores; `weightedAverage` weighs each by the words of its
    reference; `stdev` is the sample standard deviation; the percentiles interpolate linearly.

    Args:
        scorer: The score.
        column: Its place among the scores of a result.
        results: The run's results, all of them.
        segments: The dataset's segments.

    Returns:
        An entry of `scores[]`; its figures are None when no segment could be scored.
    """
    scored = [(r.scores[column], len(segments[r.segment].reference.split())) for r in results]
    values = [value for value, _ in scored if value is not None]
    return {
        "id": scorer.id,
        "longName": scorer.long_name,
        "name": scorer.metric.name,
        "unit": scorer.metric.unit,
        "lowerIsBetter": scorer.metric.lower_is_better,
        **_figures(values),
        "weightedAverage": _weighted([(value, words) for value, words in scored if value is not None]),
        "count": len(values),
        "failedSegmentsCount": len(results) - len(values),
    }


def _figures(values: list[float]) -> dict[str, float | None]:
    if not values:
        names = "average mean median stdev min max percentage_25 percentage_50 percentage_75"
        return dict.fromkeys(names.split())
    mean = statistics.fmean(values)
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {
        "average": mean,
        "mean": mean,
        "median": statistics.median(values),
        "stdev": statistics.stdev(values) if len(values) > 1 else 0.0,
        "min": min(values),
        "max": max(values),
        "percentage_25": quartiles[0],
        "percentage_50": quartiles[1],
        "percentage_75": quartiles[2],
    }


def _weighted(values: list[tuple[float, int]]) -> float | None:
    weights = sum(words for _, words in values)
    return sum(value * words for value, words in values) / weights if weights else None
