"""Every pair of models on every metric, with p-values adjusted for how many tests that is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any

from attrs import asdict

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.comparing import compare_places
from aiobench.analysis.errors import AnalysisError, needs_stats
from aiobench.analysis.metrics import chosen_metrics
from aiobench.analysis.pairing import paired
from aiobench.analysis.selection import On, check_confidence, check_on, clusters_of
from aiobench.analysis.significance import Correction, adjusted

__all__ = ["compare_all"]

COLUMNS = (
    "metric", "a", "b", "n", "mean_a", "mean_b", "difference", "low", "high", "p_value", "p_adjusted", "verdict",
    "effect_size", "wins", "losses", "ties", "only_a", "only_b", "failed_a", "failed_b", "lower_is_better", "method",
)  # fmt: skip


@needs_stats()
def compare_all(
    segments: pd.DataFrame,
    *,
    metrics: Sequence[str] | None = None,
    baseline: str | None = None,
    correction: Correction | None = "holm",
    on: On = "common",
    cluster: str | None = None,
    confidence: float = 0.95,
    segment: str | Sequence[str] | None = None,
    seed: int = 0,
    lower_is_better: Collection[str] | None = None,
) -> pd.DataFrame:
    """Compare every pair of models, or all models with one.

    Args:
        segments: A results frame, one row per segment and model.
        metrics: The columns with scores. Defaults to those whose names are metrics'.
        baseline: A model that is `b` in each row. Defaults to every pair, in order of first sight.
        correction: `holm` keeps the risk of any false verdict at 1 - confidence; `benjamini-hochberg` keeps the share
            of false verdicts there; None corrects nothing.
        on: Which segments count, for each pair: `common`, `worst` or `all`, as in `compare`.
        cluster: A column of groups of segments that are not independent: documents, passages.
        confidence: Of each interval alone, and of the verdicts together.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.
        seed: Of the sign flips, where not all are made.
        lower_is_better: The metrics for which lower is better, in place of what their names say.

    Returns:
        One row per metric and pair with the fields of `Comparison` and `p_adjusted`, over all rows as one family. The
        verdict follows `p_adjusted`. A pair without a common segment has n = 0 and no verdict.

    Raises:
        AnalysisError: If the frame lacks what is asked for, or has fewer than two models.
        MissingExtraError: If the extra `stats` is not installed.
    """
    check_on(on)
    check_confidence(confidence)
    rows = paired(segments, segment)
    if len(rows.models) < 2:
        raise AnalysisError(f"the frame has one model, {', '.join(rows.models)}: there is nothing to compare it with")
    everyone = range(len(rows.models))
    if baseline is None:
        pairs = list(combinations(everyone, 2))
    else:
        base = rows.place(baseline)
        pairs = [(place, base) for place in everyone if place != base]
    clusters = clusters_of(rows, cluster)
    lines: list[dict[str, Any]] = []
    for metric in chosen_metrics(rows.frame, metrics):
        for pair in pairs:
            comparison, _ = compare_places(
                rows, pair, metric, on=on, clusters=clusters, confidence=confidence, seed=seed,
                lower_is_better=lower_is_better,
            )  # fmt: skip
            lines.append(asdict(comparison))
    for line, p in zip(lines, adjusted([line["p_value"] for line in lines], correction), strict=True):
        line["p_adjusted"] = p
        if not p <= 1 - confidence + 1e-12:
            line["verdict"] = "undecided"
    return pd.DataFrame(lines, columns=list(COLUMNS))
