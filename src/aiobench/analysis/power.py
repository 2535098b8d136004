"""How small a difference can be seen, and how many segments it takes to see one; two-sided paired t-tests.

Source: statsmodels' `TTestPower` (noncentral t), on the standard deviation of the differences that there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError, needs_stats
from aiobench.analysis.intervals import differences_of
from aiobench.analysis.metrics import Floats, chosen_metrics, is_lower_better
from aiobench.analysis.pairing import paired
from aiobench.analysis.selection import selected

__all__ = ["MOST", "enough_pairs", "minimum_detectable_effect", "segments_needed"]

MOST = 1e12  # segments; more is never


@needs_stats()
def minimum_detectable_effect(
    segments: pd.DataFrame,
    a: str,
    b: str,
    *,
    metric: str,
    power: float = 0.8,
    alpha: float = 0.05,
    segment: str | Sequence[str] | None = None,
) -> float:
    """Return the smallest true difference that so many segments would show.

    Args:
        segments: A results frame, one row per segment and model.
        a: A model.
        b: Another.
        metric: The column with the scores.
        power: The probability that a test shows it.
        alpha: The test's level.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.

    Returns:
        A difference of means over zero, in the metric's unit.

    Raises:
        AnalysisError: If the frame lacks what is asked for, has fewer than two pairs, or the differences do not vary.
        MissingExtraError: If the extra `stats` is not installed.
    """
    from statsmodels.stats.power import TTestPower

    _check(power, alpha)
    gaps = _differences(segments, a, b, metric, segment)
    effect = TTestPower().solve_power(nobs=len(gaps), alpha=alpha, power=power, alternative="two-sided")
    return abs(float(np.squeeze(effect))) * float(gaps.std(ddof=1))


@needs_stats()
def segments_needed(
    segments: pd.DataFrame,
    a: str,
    b: str,
    *,
    metric: str,
    effect: float,
    power: float = 0.8,
    alpha: float = 0.05,
    segment: str | Sequence[str] | None = None,
) -> int:
    """Return how many segments would show a true difference of this size.

    Args:
        segments: A results frame, one row per segment and model.
        a: A model.
        b: Another.
        metric: The column with the scores.
        effect: The difference of means, in the metric's unit.
        power: The probability that a test shows it.
        alpha: The test's level.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.

    Returns:
        A number of segments that both models have a score for.

    Raises:
        AnalysisError: If the frame lacks what is asked for, has fewer than two pairs, or the differences do not vary.
        MissingExtraError: If the extra `stats` is not installed.
    """
    _check(power, alpha)
    if not math.isfinite(effect) or effect == 0:
        raise AnalysisError(f"effect is {effect!r}; choose a difference other than zero")
    gaps = _differences(segments, a, b, metric, segment)
    return enough_pairs(abs(effect) / float(gaps.std(ddof=1)), power=power, alpha=alpha, alternative="two-sided")


def enough_pairs(effect_size: float, *, power: float, alpha: float, alternative: str) -> int:
    """Return the fewest pairs at which a t-test has this power, for an effect in standard deviations."""
    from scipy import optimize, stats
    from statsmodels.stats.power import TTestPower

    solver = TTestPower()

    def lacking(n: float) -> float:
        return float(solver.power(effect_size, n, alpha, alternative=alternative)) - power

    if lacking(2) >= 0:
        return 2
    quantiles = stats.norm.ppf(1 - alpha / (2 if alternative == "two-sided" else 1)) + stats.norm.ppf(power)
    normal = float(quantiles / effect_size) ** 2
    if normal > 1e5:  # where t and the normal distribution are one, and the noncentral t gives up
        return math.ceil(min(normal, MOST))
    return math.ceil(float(optimize.brentq(lacking, 2, 2 * normal + 20)) - 1e-6)


def _check(power: float, alpha: float) -> None:
    for name, value in (("power", power), ("alpha", alpha)):
        if not 0 < value < 1:
            raise AnalysisError(f"{name} is {value!r}; choose a value between 0 and 1")
    if power <= alpha:
        raise AnalysisError(f"power is {power!r} and alpha {alpha!r}; power must be greater")


def _differences(segments: pd.DataFrame, a: str, b: str, metric: str, segment: str | Sequence[str] | None) -> Floats:
    rows = paired(segments, segment)
    (metric,) = chosen_metrics(rows.frame, [metric])
    lower = is_lower_better(metric, None)
    pairs = selected(rows, metric, (rows.place(a), rows.place(b)), on="common", lower_is_better=lower).scores
    if len(pairs) < 2:
        raise AnalysisError(
            f"{a!r} and {b!r} have {len(pairs)} common segments with a score for {metric!r}; it takes two to see how "
            "differences vary"
        )
    gaps = differences_of(pairs[:, 0], pairs[:, 1])
    if gaps.std() == 0:
        raise AnalysisError(
            f"the difference between {a!r} and {b!r} on {metric!r} is {gaps[0]:g} on all {len(gaps)} common segments: "
            "it does not vary, so there is no power to compute"
        )
    return gaps
