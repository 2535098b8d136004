"""All models on all metrics: means with intervals, and which ranks they may have."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError, needs_stats
from aiobench.analysis.intervals import Interval, mean_interval
from aiobench.analysis.metrics import bounds_of, chosen_metrics, is_lower_better
from aiobench.analysis.pairing import Codes, Rows, paired, scores_of
from aiobench.analysis.ranks import rank_sets
from aiobench.analysis.selection import On, check_confidence, check_on, clusters_of, selected

__all__ = ["COLUMNS", "leaderboard", "standings"]

COLUMNS = ("Model", "metric", "n", "failed", "mean", "low", "high", "rank_low", "rank_high", "best")


@needs_stats()
def leaderboard(
    segments: pd.DataFrame,
    *,
    metrics: Sequence[str] | None = None,
    on: On = "common",
    confidence: float = 0.95,
    cluster: str | None = None,
    segment: str | Sequence[str] | None = None,
    seed: int = 0,
    lower_is_better: Collection[str] | None = None,
) -> pd.DataFrame:
    """Rank the models on each metric, and say how sure the ranks are.

    Args:
        segments: A results frame, one row per segment and model.
        metrics: The columns with scores. Defaults to those whose names are metrics'.
        on: `common`: segments that every model has a score for. `worst`: all, a failed one with the metric's worst
            value. `all`: each model's own, which compares different segments where some failed.
        confidence: Of each interval, and of all ranks of a metric together.
        cluster: A column of groups of segments that are not independent: documents, passages.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.
        seed: Of the simulation of ranks.
        lower_is_better: The metrics for which lower is better, in place of what their names say.

    Returns:
        One row per model and metric, the best first: `Model`, `metric`, `n` (segments that count), `failed` (segments
        that the model has no score for), `mean`, `low`, `high` (in the metric's unit), `rank_low`, `rank_high` (the
        ranks it may have) and `best` (no model is surely better). A model without any score has n = 0, and is left out
        of what is common.

    Raises:
        AnalysisError: If the frame lacks what is asked for, or the models have no segment in common.
        MissingExtraError: If the extra `stats` is not installed.
    """
    check_on(on)
    check_confidence(confidence)
    rows = paired(segments, segment)
    clusters = clusters_of(rows, cluster)
    lines = [
        line
        for metric in chosen_metrics(rows.frame, metrics)
        for line in standings(
            rows, metric, on=on, confidence=confidence, clusters=clusters, seed=seed, lower_is_better=lower_is_better
        )
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"rank_low": "Int64", "rank_high": "Int64"})


def standings(
    rows: Rows,
    metric: str,
    *,
    on: On,
    confidence: float,
    clusters: Codes | None,
    seed: int,
    lower_is_better: Collection[str] | None,
) -> list[dict[str, Any]]:
    """Return the leaderboard's rows of one metric."""
    lower = is_lower_better(metric, lower_is_better)
    everything = scores_of(rows, metric)
    counts = np.isfinite(everything).sum(axis=0)
    scored = tuple(int(place) for place in np.flatnonzero(counts))
    if not scored:
        raise AnalysisError(f"no model has a score for {metric!r}")
    chosen = selected(rows, metric, scored, on=on, lower_is_better=lower, cluster=clusters)
    if not len(chosen.scores):
        have = ", ".join(f"{rows.models[place]} {counts[place]}" for place in scored[:10])
        raise AnalysisError(
            f"the models have no common segment with a score for {metric!r}; segments with one: {have}. Leave models "
            "out, or pass on='worst' or on='all'"
        )
    bounds = bounds_of(metric, chosen.scores[np.isfinite(chosen.scores)])
    ranks = rank_sets(chosen.scores, confidence=confidence, lower_is_better=lower, clusters=chosen.clusters, seed=seed)
    lines = []
    for place, column, (rank_low, rank_high) in zip(scored, chosen.scores.T, ranks, strict=True):
        known = np.isfinite(column)
        own = None if chosen.clusters is None else chosen.clusters[known]
        interval = mean_interval(column[known], confidence=confidence, bounds=bounds, clusters=own)
        lines.append(_line(rows, place, metric, column[known].mean(), interval, int(known.sum()), rank_low, rank_high))
    lines.sort(key=lambda line: line["mean"] if lower else -line["mean"])
    without = [place for place in range(len(rows.models)) if place not in scored]
    nothing = Interval(math.nan, math.nan, "")
    lines += [_line(rows, place, metric, math.nan, nothing, 0, None, None) for place in without]
    for line in lines:
        line["failed"] = rows.segments - int(counts[rows.place(line["Model"])])
    return lines


def _line(
    rows: Rows, place: int, metric: str, mean: float, interval: Interval, n: int, low: int | None, high: int | None
) -> dict[str, Any]:
    return {
        "Model": rows.models[place],
        "metric": metric,
        "n": n,
        "mean": float(mean),
        "low": interval.low,
        "high": interval.high,
        "rank_low": low,
        "rank_high": high,
        "best": low == 1,
    }
