"""Which segments count: those that all compared models have a score for, all of them, or each model's own."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from attrs import frozen

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError
from aiobench.analysis.metrics import Floats, worst_value
from aiobench.analysis.pairing import Codes, Rows, scores_of

__all__ = ["On", "Selected", "check_confidence", "check_on", "clusters_of", "selected"]

On = Literal["common", "worst", "all"]


@frozen(eq=False)
class Selected:
    """The scores that count.

    Attributes:
        scores: One row a segment, one column a model; NaN only where each model's own segments count.
        clusters: Each row's cluster, or None.
        failed: How many of the segments each model has no score for.
    """

    scores: Floats
    clusters: Codes | None
    failed: tuple[int, ...]


def check_on(on: str) -> None:
    """Raise an AnalysisError unless `on` is one of its values."""
    if on not in get_args(On):
        raise AnalysisError(f"on is {on!r}; choose common, worst or all")


def check_confidence(confidence: float) -> None:
    """Raise an AnalysisError unless it is a level of confidence."""
    if not 0 < confidence < 1:
        raise AnalysisError(f"confidence is {confidence!r}; choose a value between 0 and 1, such as 0.95")


def clusters_of(rows: Rows, cluster: str | None) -> Codes | None:
    """Return each segment's cluster.

    Raises:
        AnalysisError: If there is no such column, or a segment has none or several clusters.
    """
    if cluster is None:
        return None
    column = rows.column(cluster)
    code = np.asarray(pd.factorize(column)[0])
    if (code < 0).any():
        raise AnalysisError(f"{int((code < 0).sum())} rows have no {cluster}")
    clusters = np.zeros(rows.segments, dtype=np.intp)
    clusters[rows.segment] = code
    torn = clusters[rows.segment] != code
    if torn.any():
        raise AnalysisError(
            f"{cluster!r} is no property of the segments: one has both {column.iloc[int(torn.argmax())]!r} and another"
        )
    return clusters


def selected(
    rows: Rows,
    metric: str,
    models: tuple[int, ...],
    *,
    on: On,
    lower_is_better: bool,
    cluster: Codes | None = None,
) -> Selected:
    """Choose the scores of some models that count.

    Args:
        rows: All rows.
        metric: The metric.
        models: The models, as places in `rows.models`.
        on: Which segments.
        lower_is_better: The metric's direction, for the worst value.
        cluster: Each segment's cluster.
    """
    there = np.zeros(rows.segments, dtype=bool)
    there[rows.segment[np.isin(rows.model, models)]] = True
    scores = scores_of(rows, metric)[there][:, models]
    cluster = None if cluster is None else cluster[there]
    known = np.isfinite(scores)
    failed = tuple(int(count) for count in (~known).sum(axis=0))
    if on == "common":
        kept = known.all(axis=1)
    elif on == "worst":
        if failed != (0,) * len(models):
            worst = worst_value(metric, scores[known], lower_is_better=lower_is_better)
            scores = np.where(known, scores, worst)
        kept = np.ones(len(scores), dtype=bool)
    else:
        kept = known.any(axis=1)
    return Selected(scores[kept], None if cluster is None else cluster[kept], failed)
