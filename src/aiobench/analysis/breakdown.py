"""Where a model does well and where it fails: by a column, and by its worst segments."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError, needs_stats
from aiobench.analysis.intervals import Interval, mean_interval
from aiobench.analysis.metrics import bounds_of, chosen_metrics, is_lower_better
from aiobench.analysis.pairing import TEXT_COLUMNS, Rows, paired, scores_of
from aiobench.analysis.selection import On, check_confidence, check_on, clusters_of, selected

__all__ = ["by", "worst_segments"]

MISSING = "(missing)"
SHOWN = ("segment_id", "job_id", "source", "reference", "inputText", "referenceText", "topic")
OUTPUTS = ("hypothesis", "outputText")


@needs_stats()
def by(
    segments: pd.DataFrame,
    column: str,
    *,
    metric: str,
    bins: int | Sequence[float] | None = None,
    on: On = "common",
    confidence: float = 0.95,
    cluster: str | None = None,
    segment: str | Sequence[str] | None = None,
    lower_is_better: Collection[str] | None = None,
) -> pd.DataFrame:
    """Break a metric down by a column: topic, provider, length.

    Args:
        segments: A results frame, one row per segment and model.
        column: The column with the groups.
        metric: The column with the scores.
        bins: For a column of numbers, how many groups of about equal size, or their edges. For a column of texts, the
            same for their length in words.
        on: Which segments of a group count: `common`, `worst` or `all`, among the models of the group.
        confidence: Of each interval.
        cluster: A column of groups of segments that are not independent: documents, passages.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.
        lower_is_better: The metrics for which lower is better, in place of what their names say.

    Returns:
        One row per group and model: the column, `Model`, `n`, `failed`, `mean`, `low`, `high`. Rows without a value are
        the group `(missing)`. A model without a score in a group has n = 0 there, and is left out of what is common.

    Raises:
        AnalysisError: If the frame lacks what is asked for.
        MissingExtraError: If the extra `stats` is not installed.
    """
    check_on(on)
    check_confidence(confidence)
    rows = paired(segments, segment)
    (metric,) = chosen_metrics(rows.frame, [metric])
    groups = _groups(rows.column(column), bins)
    clusters_of(rows, cluster)
    lower = is_lower_better(metric, lower_is_better)
    everything = scores_of(rows, metric)
    bounds = bounds_of(metric, everything[np.isfinite(everything)])
    lines: list[dict[str, Any]] = []
    for group in groups.cat.categories:
        inside = np.flatnonzero((groups == group).to_numpy())
        if not inside.size:
            continue
        part = _part(rows, inside)
        clusters = clusters_of(part, cluster)
        counts = np.isfinite(scores_of(part, metric)).sum(axis=0)
        scored = tuple(int(place) for place in np.flatnonzero(counts))
        chosen = selected(part, metric, scored, on=on, lower_is_better=lower, cluster=clusters)
        for place in np.unique(part.model):
            interval, values = Interval(math.nan, math.nan, ""), np.empty(0)
            if place in scored:
                values = chosen.scores[:, scored.index(int(place))]
                known = np.isfinite(values)
                own = None if chosen.clusters is None else chosen.clusters[known]
                values = values[known]
                if values.size:
                    interval = mean_interval(values, confidence=confidence, bounds=bounds, clusters=own)
            lines.append({
                column: group,
                "Model": part.models[place],
                "n": len(values),
                "failed": part.segments - int(counts[place]),
                "mean": float(values.mean()) if values.size else math.nan,
                "low": interval.low,
                "high": interval.high,
            })  # fmt: skip
    return pd.DataFrame(lines, columns=[column, "Model", "n", "failed", "mean", "low", "high"])


def worst_segments(
    segments: pd.DataFrame,
    *,
    metric: str,
    model: str,
    n: int = 20,
    versus: str | None = None,
    segment: str | Sequence[str] | None = None,
    lower_is_better: Collection[str] | None = None,
) -> pd.DataFrame:
    """List the segments that a model did worst on, or lost most on against another.

    Args:
        segments: A results frame, one row per segment and model.
        metric: The column with the scores.
        model: The model.
        n: How many segments at most.
        versus: Another model: the segments on which it beats the first by most, of those that both have a score for.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.
        lower_is_better: The metrics for which lower is better, in place of what their names say.

    Returns:
        The segments, the worst first: what the frame has of them, `hypothesis` and the metric; with `versus` also
        `hypothesis (VERSUS)`, `METRIC (VERSUS)` and `difference` (model minus versus). Failed segments have no score
        and are not among them; `frame.attrs["failed"]` counts them.

    Raises:
        AnalysisError: If the frame lacks what is asked for.
    """
    if n < 1:
        raise AnalysisError(f"n is {n}; ask for at least one segment")
    rows = paired(segments, segment)
    (metric,) = chosen_metrics(rows.frame, [metric])
    places = [rows.place(model)] + ([] if versus is None else [rows.place(versus)])
    if versus == model:
        raise AnalysisError(f"model and versus are the same model, {model!r}")
    scores = scores_of(rows, metric)[:, places]
    order = scores[:, 0] if versus is None else scores[:, 0] - scores[:, 1]
    if is_lower_better(metric, lower_is_better):
        order = -order
    worst = np.argsort(np.where(np.isfinite(order), order, np.inf), kind="stable")[:n]
    worst = worst[np.isfinite(order[worst])]
    at = np.full((rows.segments, len(rows.models)), -1)
    at[rows.segment, rows.model] = np.arange(len(rows.frame))
    first = rows.frame.iloc[at[worst, places[0]]]
    shown = [name for name in dict.fromkeys((*rows.keys, *SHOWN)) if name in rows.frame.columns]
    outputs = [name for name in OUTPUTS if name in rows.frame.columns]
    table = first[[*shown, *outputs]].reset_index(drop=True)
    table[metric] = scores[worst, 0]
    if versus is not None:
        second = rows.frame.iloc[at[worst, places[1]]]
        for name in outputs:
            table[f"{name} ({versus})"] = second[name].to_numpy()
        table[f"{metric} ({versus})"] = scores[worst, 1]
        table["difference"] = scores[worst, 0] - scores[worst, 1]
    result = pd.DataFrame(table)
    result.attrs["failed"] = int((~np.isfinite(scores[:, 0])).sum())
    return result


def _part(rows: Rows, inside: np.ndarray[Any, np.dtype[np.intp]]) -> Rows:
    """Return some of the rows, their segments numbered anew."""
    segment, unique = pd.factorize(rows.segment[inside])
    frame = rows.frame.iloc[inside].reset_index(drop=True)
    return Rows(frame, rows.models, rows.model[inside], np.asarray(segment), len(unique), rows.keys)


def _groups(values: Any, bins: int | Sequence[float] | None) -> Any:
    """Return each row's group, as a category."""
    if bins is None:
        filled = values.astype(object).where(values.notna(), MISSING)
        return filled.astype(pd.CategoricalDtype(list(dict.fromkeys(filled)), ordered=False))
    if values.name in TEXT_COLUMNS or not pd.api.types.is_numeric_dtype(values):
        values = values.fillna("").astype(str).str.split().str.len()
    try:
        if isinstance(bins, int):
            cut = pd.qcut(values, bins, duplicates="drop")
        else:
            cut = pd.cut(values, list(bins), include_lowest=True)
    except ValueError as error:
        raise AnalysisError(f"{values.name!r} cannot be put into bins {bins!r}: {error}") from error
    names = [_range(each) for each in cut.cat.categories]
    named = cut.cat.rename_categories(names)
    return named.cat.add_categories(MISSING).fillna(MISSING) if named.isna().any() else named


def _range(interval: Any) -> str:
    return f"({interval.left:g}, {interval.right:g}]"
