"""Confidence intervals of a mean and of a mean difference.

Sources: Hall (1992), "On the removal of skewness by transformation"; Wilson (1927); Bonett and Price (2012),
"Adjusted Wald confidence interval for a difference of binomial proportions based on paired data"; Miller (2024),
arXiv 2411.00640, for clusters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aiobench.analysis.metrics import TWO_VALUES, Floats
from aiobench.analysis.pairing import Codes

__all__ = [
    "Interval",
    "difference_interval",
    "differences_of",
    "is_two_valued",
    "mean_interval",
    "standard_error",
    "two_values",
]

NAN = float("nan")
SKEWED = 1.0  # standardized third moment, which 30 normal values reach in 15 of 1,000 draws
ROUNDING = 1e-9  # of a score: two that differ by less are equal


class Interval(NamedTuple):
    """From `low` to `high`, and the method's name."""

    low: float
    high: float
    method: str


def two_values(values: Floats) -> tuple[float, float] | None:
    """Return the two values that scores are of, 0 and 1 or 0 and 100; None: other scores."""
    for low, high in TWO_VALUES:
        if values.size and ((values == low) | (values == high)).all():
            return low, high
    return None


def is_two_valued(values: Floats) -> bool:
    """Tell whether all scores are 0 or 1, or 0 or 100."""
    return two_values(values) is not None


def differences_of(a: Floats, b: Floats) -> Floats:
    """Return a minus b, zero where they differ by no more than rounding."""
    return np.where(np.isclose(a, b, rtol=ROUNDING, atol=0.0), 0.0, a - b)


def standard_error(values: Floats, clusters: Codes | None = None) -> tuple[float, int]:
    """Return the standard error of a mean and its degrees of freedom.

    Args:
        values: The scores.
        clusters: Each score's cluster. Sums of residuals within a cluster are what varies (Miller 2024, section 2.2),
            times G / (G - 1) for G clusters, as statsmodels has it.
    """
    if clusters is None:
        n = len(values)
        return (float(values.std(ddof=1)) / n**0.5 if n > 1 else NAN), n - 1
    _, code = np.unique(clusters, return_inverse=True)
    sums = np.bincount(code, weights=values - values.mean())
    groups = len(sums)
    if groups < 2:
        return NAN, 0
    return float(np.sqrt(groups / (groups - 1) * np.square(sums).sum())) / len(values), groups - 1


def mean_interval(
    values: Floats, *, confidence: float, bounds: tuple[float, float] | None = None, clusters: Codes | None = None
) -> Interval:
    """Return the interval of a mean.

    Args:
        values: The scores, without missing ones.
        confidence: Such as 0.95.
        bounds: The metric's scale, where it has one.
        clusters: Each score's cluster.
    """
    from statsmodels.stats.proportion import proportion_confint

    mean = float(values.mean()) if values.size else NAN
    pair = two_values(values)
    if pair is not None and clusters is None:
        low, high = pair
        count = int((values == high).sum())
        rate: Any = proportion_confint(count, len(values), alpha=1 - confidence, method="wilson")
        return Interval(low + (high - low) * float(rate[0]), low + (high - low) * float(rate[1]), "Wilson")
    error, freedom = standard_error(values, clusters)
    if freedom < 1:
        return Interval(NAN, NAN, "none: too few")
    half = _t(confidence, freedom) * error
    suffix = " by cluster" if clusters is not None else ""
    if bounds is not None and bounds[0] < mean < bounds[1]:
        scale = bounds[1] - bounds[0]
        rate = (mean - bounds[0]) / scale
        logit, width = np.log(rate / (1 - rate)), half / scale / (rate * (1 - rate))
        low, high = (bounds[0] + scale / (1 + np.exp(-edge)) for edge in (logit - width, logit + width))
        return Interval(float(low), float(high), f"logit t{suffix}")
    if bounds is None and clusters is None:
        found = _student(values, confidence, "t")
    else:
        found = Interval(mean - half, mean + half, f"t{suffix}")
    return found._replace(low=max(found.low, 0.0)) if values.min() >= 0 else found  # a mean of none below 0 is not


def difference_interval(a: Floats, b: Floats, *, confidence: float, clusters: Codes | None = None) -> Interval:
    """Return the interval of the mean of paired differences, a minus b.

    Args:
        a: One model's scores, without missing ones.
        b: The other's, of the same segments.
        confidence: Such as 0.95.
        clusters: Each pair's cluster.
    """
    pair = two_values(np.concatenate([a, b]))
    if pair is not None and clusters is None:
        return _bonett_price(a > b, a < b, pair[1] - pair[0], confidence)
    differences = differences_of(a, b)
    error, freedom = standard_error(differences, clusters)
    if freedom < 1:
        return Interval(NAN, NAN, "none: too few")
    if clusters is None:
        return _student(differences, confidence, "paired t")
    half, mean = _t(confidence, freedom) * error, float(differences.mean())
    return Interval(mean - half, mean + half, "paired t by cluster")


def _t(confidence: float, freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.5 + confidence / 2, freedom))


def _student(values: Floats, confidence: float, name: str) -> Interval:
    """Return Student's t interval. If the values are skewed, it reaches as far as Hall's does on either side.

    Student's is too short on the side of the long tail, where Hall's helps; Hall's is too short where most values are
    alike. docs/numbers.md has the simulation.
    """
    n, mean, deviation = len(values), float(values.mean()), float(values.std(ddof=1))
    quantile = _t(confidence, n - 1) / n**0.5
    low, high = mean - deviation * quantile, mean + deviation * quantile
    skew = float(((values - mean) ** 3).mean()) / deviation**3 if deviation > 0 else 0.0
    if abs(skew) <= SKEWED:
        return Interval(low, high, name)
    start, end = (mean - deviation * _hall(edge, skew, n) for edge in (quantile, -quantile))
    return Interval(min(low, start), max(high, end), f"{name}, widened for skewness")


def _hall(point: float, skew: float, n: int) -> float:
    """Invert Hall's cubic transformation g(t) = t + k t^2 / 3 + k^2 t^3 / 27 + k / 6n, for the skewness k."""
    return 3 / skew * (float(np.cbrt(1 + skew * (point - skew / (6 * n)))) - 1)


def _bonett_price(
    wins: npt.NDArray[np.bool_], losses: npt.NDArray[np.bool_], scale: float, confidence: float
) -> Interval:
    from scipy import stats

    n = len(wins)
    more, fewer = (wins.sum() + 1) / (n + 2), (losses.sum() + 1) / (n + 2)
    centre = more - fewer
    half = stats.norm.ppf(0.5 + confidence / 2) * np.sqrt((more + fewer - centre**2) / (n + 2))
    return Interval(scale * float(max(centre - half, -1.0)), scale * float(min(centre + half, 1.0)), "Bonett and Price")
