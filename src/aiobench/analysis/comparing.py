"""Compares two models on the segments that both translated."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.comparison import Comparison
from aiobench.analysis.errors import AnalysisError, needs_stats
from aiobench.analysis.intervals import Interval, difference_interval, differences_of
from aiobench.analysis.metrics import Floats, chosen_metrics, is_lower_better
from aiobench.analysis.pairing import Codes, Rows, paired
from aiobench.analysis.selection import On, check_confidence, check_on, clusters_of, selected
from aiobench.analysis.significance import Significance, p_of_pairs

__all__ = ["compare", "compare_places"]


@needs_stats()
def compare(
    segments: pd.DataFrame,
    a: str,
    b: str,
    *,
    metric: str,
    on: On = "common",
    cluster: str | None = None,
    confidence: float = 0.95,
    segment: str | Sequence[str] | None = None,
    seed: int = 0,
    lower_is_better: Collection[str] | None = None,
) -> Comparison:
    """Compare two models, segment by segment.

    Args:
        segments: A results frame, one row per segment and model.
        a: A model, as in the column `Model`.
        b: Another.
        metric: The column with the scores.
        on: `common`: segments that both have a score for. `worst`: all, a failed one with the metric's worst value.
            `all`: each model's own, which compares different segments where some failed.
        cluster: A column of groups of segments that are not independent: documents, passages.
        confidence: Of the interval, and of the verdict.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.
        seed: Of the sign flips, where not all are made.
        lower_is_better: The metrics for which lower is better, in place of what their names say.

    Raises:
        AnalysisError: If a metric or model is not in the frame, no segment is common, a model has a segment twice, or
            all scores are one value.
        MissingExtraError: If the extra `stats` is not installed.
    """
    check_on(on)
    check_confidence(confidence)
    rows = paired(segments, segment)
    (metric,) = chosen_metrics(rows.frame, [metric])
    places = rows.place(a), rows.place(b)
    if a == b:
        raise AnalysisError(f"a and b are the same model, {a!r}")
    clusters = clusters_of(rows, cluster)
    comparison, scores = compare_places(
        rows,
        places,
        metric,
        on=on,
        clusters=clusters,
        confidence=confidence,
        seed=seed,
        lower_is_better=lower_is_better,
    )
    if comparison.n == 0:
        raise AnalysisError(
            f"{a!r} and {b!r} have no common segment with a score for {metric!r}: {comparison.only_a} segments have "
            f"one for the first alone, {comparison.only_b} for the second alone"
        )
    if comparison.n > 1 and scores.min() == scores.max():
        raise AnalysisError(
            f"{metric!r} is {scores.min():g} on all {comparison.n} segments for both models: there is nothing "
            "to compare"
        )
    return comparison


def compare_places(
    rows: Rows,
    places: tuple[int, int],
    metric: str,
    *,
    on: On,
    clusters: Codes | None,
    confidence: float,
    seed: int,
    lower_is_better: Collection[str] | None,
) -> tuple[Comparison, Floats]:
    """Compare two models by their places, also where nothing is common; return the pairs' scores with it."""
    lower = is_lower_better(metric, lower_is_better)
    chosen = selected(rows, metric, places, on=on, lower_is_better=lower, cluster=clusters)
    known = np.isfinite(selected(rows, metric, places, on="all", lower_is_better=lower).scores)
    only_a, only_b = (int((known[:, i] & ~known[:, 1 - i]).sum()) for i in (0, 1))
    own = [chosen.scores[np.isfinite(chosen.scores[:, i]), i] for i in (0, 1)]
    both = np.isfinite(chosen.scores).all(axis=1)
    a, b = chosen.scores[both].T
    grouped = None if chosen.clusters is None else chosen.clusters[both]
    means = [float(each.mean()) if each.size else math.nan for each in own]
    difference = means[0] - means[1]
    gaps = differences_of(a, b)
    if on == "all" and (only_a or only_b):
        interval, test = _unpaired(own[0], own[1], confidence)
    elif not len(a):
        interval, test = Interval(math.nan, math.nan, "no pairs"), Significance(math.nan, "no test")
    else:
        interval = difference_interval(a, b, confidence=confidence, clusters=grouped)
        test = p_of_pairs(a, b, clusters=grouped, seed=seed)
    better = -gaps if lower else gaps
    deviation = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    comparison = Comparison(
        metric=metric,
        a=rows.models[places[0]],
        b=rows.models[places[1]],
        n=len(a),
        mean_a=means[0],
        mean_b=means[1],
        difference=difference,
        low=interval.low,
        high=interval.high,
        p_value=test.p,
        method=f"{interval.method} interval; {test.method}",
        effect_size=float(gaps.mean()) / deviation if deviation > 0 else math.nan,
        wins=int((better > 0).sum()),
        losses=int((better < 0).sum()),
        ties=int((better == 0).sum()),
        only_a=only_a,
        only_b=only_b,
        failed_a=chosen.failed[0],
        failed_b=chosen.failed[1],
        lower_is_better=lower,
        verdict=_verdict_of(interval, test.p, confidence=confidence, lower_is_better=lower),
        confidence=confidence,
        on=on,
    )
    return comparison, np.concatenate([a, b])


def _verdict_of(
    interval: Interval, p_value: float, *, confidence: float, lower_is_better: bool
) -> Literal["a", "b", "undecided"]:
    """Say which is better: the test and the interval must agree that one is."""
    if not p_value <= 1 - confidence + 1e-12 or not (interval.low > 0 or interval.high < 0):
        return "undecided"
    return "a" if (interval.low > 0) is not lower_is_better else "b"


def _unpaired(a: Floats, b: Floats, confidence: float) -> tuple[Interval, Significance]:
    """Compare means of different segments, as if they had nothing in common: the cautious way."""
    from scipy import stats

    if min(len(a), len(b)) < 2 or a.std() == b.std() == 0:
        return Interval(math.nan, math.nan, "none: too few"), Significance(math.nan, "no test")
    result = stats.ttest_ind(a, b, equal_var=False)
    interval = result.confidence_interval(confidence)
    return Interval(float(interval.low), float(interval.high), "Welch's t"), Significance(
        float(result.pvalue), "Welch's t-test, not paired"
    )
