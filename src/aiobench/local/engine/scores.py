"""Scores: an iteration's segment scores, summarized as the platform does it (docs/reference/wire.md#scores)."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aiobench.local.catalogue.metrics import Scorer
    from aiobench.local.datasets import Segment
    from aiobench.local.engine.records import SegmentResult

__all__ = ["score_entries", "status_of"]


def status_of(results: Sequence[SegmentResult]) -> str:
    """Return how an iteration ended. It failed if all of its segments failed."""
    return "failed" if all(result.failure is not None for result in results) else "completed"


def score_entries(
    scorers: Sequence[Scorer], results: Sequence[SegmentResult], segments: Sequence[Segment]
) -> list[dict[str, Any]]:
    """Summarize the scores of one model's run, in the order of the scorers."""
    words = np.array([len(segments[result.segment].reference.split()) for result in results])
    return [
        _score_entry(scorer, np.array([result.scores[column] for result in results], dtype=float), words)
        for column, scorer in enumerate(scorers)
    ]


def _score_entry(scorer: Scorer, scores: NDArray[np.float64], words: NDArray[np.int64]) -> dict[str, Any]:
    """Summarize one score of one model's run.

    `average` and `mean` are the mean of the segment scores; `weightedAverage` weighs each by the words of its
    reference; `stdev` is the sample standard deviation; the percentiles interpolate linearly.

    Args:
        scorer: The score.
        scores: What each segment got; not a number where it could not be scored.
        words: How many words the reference of each segment has.

    Returns:
        An entry of `scores[]`; its figures are None when no segment could be scored.
    """
    scored = ~np.isnan(scores)
    values, weights = scores[scored], words[scored]
    return {
        "id": scorer.id,
        "longName": scorer.long_name,
        "name": scorer.metric.name,
        "unit": scorer.metric.unit,
        "lowerIsBetter": scorer.metric.lower_is_better,
        **_figures(values),
        "weightedAverage": float(values @ weights / weights.sum()) if weights.any() else None,
        "count": len(values),
        "failedSegmentsCount": len(scores) - len(values),
    }


def _figures(values: NDArray[np.float64]) -> dict[str, float | None]:
    if not len(values):
        names = "average mean median stdev min max percentage_25 percentage_50 percentage_75"
        return dict.fromkeys(names.split())
    mean = statistics.fmean(values.tolist())
    least, first, median, third, most = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return {
        "average": mean,
        "mean": mean,
        "median": median,
        "stdev": float(values.std(ddof=1)) if least < most else 0.0,  # rounding would make something of nothing
        "min": least,
        "max": most,
        "percentage_25": first,
        "percentage_50": median,
        "percentage_75": third,
    }
