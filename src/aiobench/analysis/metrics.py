"""Which columns are metrics, which direction is better, and what a failed segment scores at worst."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError

__all__ = [
    "TWO_VALUES",
    "bounds_of",
    "chosen_metrics",
    "is_lower_better",
    "metric_columns",
    "metric_named",
    "named_like",
    "worst_value",
]

Floats = npt.NDArray[np.float64]

# The platform's long names end in a supplier: "BLEU by sacrebleu", "WER by jiwer (lowercase)".
BY_A_SUPPLIER = re.compile(r"\S by \S")
KNOWN = re.compile(
    r"(?<![a-z])(?:sacre)?(?:bleu|bleurt|chrf(?:\+\+|2)?|h?ter|[wcm]er|wil|wip|rouge(?:[-_ ]?(?:\d|l|lsum))?|meteor|"
    r"nist|x?comet(?:[-_ ]?(?:kiwi|qe|da|\d+))?|metricx|bert[-_ ]?score|f1(?:[-_ ]?score)?|accuracy|precision|recall|"
    r"exact[-_ ]match|perplexity|mae|mse|rmse|(?:edit|levenshtein)[-_ ]distance|error[-_ ]rate|loss)(?![a-z])",
    re.IGNORECASE,
)
LOWER = re.compile(
    r"(?<![a-z])(?:h?ter|[wcm]er|wil|eer|metricx|perplexity|mae|mse|rmse|error(?:s|[-_ ]rate)?|loss|latency|toxicity|"
    r"hallucinations?|(?:edit|levenshtein)[-_ ]distance)(?![a-z])",
    re.IGNORECASE,
)
# Rates of errors among words or characters: an empty output has one error for each of the reference's.
ERROR_RATE = re.compile(r"(?<![a-z])(?:h?ter|[wcm]er|wil|eer|error[-_ ]rate)(?![a-z])", re.IGNORECASE)
PERCENT = re.compile(
    r"(?<![a-z])(?:sacre)?(?:bleu|chrf(?:\+\+|2)?|rouge(?:[-_ ]?(?:\d|l|lsum))?|meteor|f1(?:[-_ ]?score)?|accuracy|"
    r"precision|recall|exact[-_ ]match)(?![a-z])",
    re.IGNORECASE,
)
# Figures of a row that are numbers and no scores.
NO_METRICS = frozenset({"credits_used", "runTimeInSecs", "numChars", "numWords", "segment_id"})
TWO_VALUES = ((0.0, 1.0), (0.0, 100.0))
A_FRACTION = 5.0  # error rates may pass 1, and a scale of 100 has values above this


def metric_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns of numbers whose names are metrics', in order."""
    return [
        name
        for name in frame.columns
        if isinstance(name, str)
        and name not in NO_METRICS
        and (BY_A_SUPPLIER.search(name) or KNOWN.search(name))
        and not name.endswith("_success")
        and (pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_bool_dtype(frame[name]))
    ]


def chosen_metrics(frame: pd.DataFrame, metrics: Sequence[str] | str | None) -> list[str]:
    """Check the metrics that were asked for; None: all there are.

    Raises:
        AnalysisError: If one is not in the frame, or there is none.
    """
    found = metric_columns(frame)
    if metrics is None:
        if not found:
            raise AnalysisError(
                "no column has the name of a metric; pass metrics=[…]. The columns are "
                f"{', '.join(map(str, frame.columns))}"
            )
        return found
    asked = [metrics] if isinstance(metrics, str) else list(metrics)
    if not asked:
        raise AnalysisError("metrics is empty; leave it out for all metrics of the frame")
    columns = list(frame.columns)
    return list(dict.fromkeys(metric if metric in columns else metric_named(metric, found) for metric in asked))


def metric_named(metric: object, known: Sequence[str]) -> str:
    """Return the metric that is meant: the one with this name, or the only one that is like it.

    Raises:
        AnalysisError: If there is none, or several may be meant.
    """
    if not isinstance(metric, str):
        raise AnalysisError(
            f"a metric is named by a text, not by {metric!r}; the frame has {', '.join(known) or 'none'}"
        )
    if metric in known:
        return metric
    matching = named_like(metric, known)
    if not matching:
        raise AnalysisError(f"there is no metric {metric!r}; the frame has {', '.join(known) or 'none'}")
    if len(matching) > 1:
        raise AnalysisError(f"the metric {metric!r} can be {' or '.join(matching)}; give its whole name")
    return matching[0]


def named_like(metric: str, known: Collection[str]) -> list[str]:
    """Return the metrics that may be meant: those with this name in any case, with or without their supplier."""
    wanted = metric.casefold()
    return [name for name in known if wanted in {name.casefold(), name.partition(" by ")[0].casefold()}]


def is_lower_better(metric: str, lower_is_better: Collection[str] | None) -> bool:
    """Tell the direction: by name, or, if a collection is given, whether the metric is in it."""
    if lower_is_better is not None:
        named = [lower_is_better] if isinstance(lower_is_better, str) else lower_is_better
        return any(named_like(each, [metric]) for each in named)
    name = metric.partition(" by ")[0]
    return bool(LOWER.search(name))


def worst_value(metric: str, values: Floats, *, lower_is_better: bool) -> float:
    """Return what a failed segment scores at worst: an empty output's score, or the worst that was seen.

    Args:
        metric: The metric's name.
        values: All its finite scores.
        lower_is_better: Its direction.
    """
    if not lower_is_better:
        return min(0.0, float(values.min(initial=0.0)))
    seen = float(values.max(initial=-np.inf))
    if not ERROR_RATE.search(metric):
        return seen if np.isfinite(seen) else 0.0
    return max(100.0 if seen > A_FRACTION else 1.0, seen)


def bounds_of(metric: str, values: Floats) -> tuple[float, float] | None:
    """Return the scale of a metric that has one: 0 to 1 or 0 to 100; None: unknown, or left by a value."""
    name = metric.partition(" by ")[0]
    if not PERCENT.search(name) or not values.size:
        return None
    highest, lowest = float(values.max()), float(values.min())
    if lowest < 0 or highest > 100.0 + 1e-6:
        return None
    return (0.0, 1.0) if highest <= 1.0 else (0.0, 100.0)
