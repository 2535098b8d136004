"""How surprising a mean difference would be between equals, alone and in a family.

Sources: Fagerland, Lydersen and Laake (2013), BMC Medical Research Methodology 13:91 (McNemar's mid-p); Holm (1979);
Benjamini and Hochberg (1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from aiobench.analysis.errors import AnalysisError
from aiobench.analysis.intervals import differences_of, is_two_valued, standard_error
from aiobench.analysis.metrics import Floats
from aiobench.analysis.pairing import Codes

__all__ = ["Correction", "Significance", "adjusted", "can_be_significant", "p_of_pairs"]

Correction = Literal["holm", "benjamini-hochberg"]

METHODS = {"holm": "holm", "benjamini-hochberg": "fdr_bh", "fdr_bh": "fdr_bh", "bh": "fdr_bh"}
FLIPS = 9_999
FEW = 13  # differences whose signs can be flipped in all 8,192 ways
MANY = 200  # differences from which on the t distribution is as good as flipping signs
RARE = 0.001  # below it, too few of the flips are as extreme
NOISE = 1e-9  # of the mean: rounding
BATCH = 1_000_000  # flipped differences held in memory at a time


class Significance(NamedTuple):
    """A two-sided p-value, and the test's name."""

    p: float
    method: str


def p_of_pairs(a: Floats, b: Floats, *, clusters: Codes | None = None, seed: int = 0) -> Significance:
    """Test whether the mean of paired differences is zero.

    Args:
        a: One model's scores, without missing ones.
        b: The other's, of the same segments.
        clusters: Each pair's cluster; all of one are flipped together.
        seed: Which sign flips, where not all are made.
    """
    if clusters is None and is_two_valued(np.concatenate([a, b])):
        return Significance(_mcnemar_mid_p(int((a > b).sum()), int((a < b).sum())), "McNemar's mid-p test")
    differences = differences_of(a, b)
    sums: Floats = differences
    if clusters is not None:
        _, code = np.unique(clusters, return_inverse=True)
        sums = np.bincount(code, weights=differences).astype(float)
    moving = sums[sums != 0]
    where = " by cluster" if clusters is not None else ""
    if moving.size <= 1:  # either sign of a single one is as extreme
        return Significance(1.0, f"sign-flip permutation test{where}, exact")
    exact = moving.size <= FEW
    if not exact:
        tail = _t_test(differences, clusters)
        if moving.size > MANY or tail < RARE:
            return Significance(tail, f"paired t-test{where}")
    kind = "exact" if exact else f"{FLIPS:,} flips"
    return Significance(_sign_flip(moving, seed), f"sign-flip permutation test{where}, {kind}")


def can_be_significant(moving: int, alpha: float) -> bool:
    """Tell whether so many differences other than zero could be significant: all of one sign have p = 2 / 2^n."""
    return moving > 0 and 2.0 ** (1 - min(moving, 1000)) <= alpha


def adjusted(p_values: Sequence[float], correction: Correction | None) -> list[float]:
    """Adjust the p-values of a family of tests.

    Raises:
        AnalysisError: If there is no such correction.
    """
    if correction is None:
        return list(p_values)
    from statsmodels.stats.multitest import multipletests

    if correction not in METHODS:
        raise AnalysisError(f"there is no correction {correction!r}; choose holm, benjamini-hochberg or None")
    p = np.asarray(p_values, dtype=float)
    known = np.isfinite(p)
    if known.any():
        p[known] = multipletests(p[known], method=METHODS[correction])[1]
    return [float(each) for each in p]


def _mcnemar_mid_p(wins: int, losses: int) -> float:
    """Take half of the probability of the outcome itself off the exact test's p, on both sides."""
    from scipy import stats
    from statsmodels.stats.contingency_tables import mcnemar

    discordant = wins + losses
    if not discordant:
        return 1.0
    point = float(stats.binom.pmf(wins, discordant, 0.5))
    if wins == losses:
        return 1.0 - point / 2
    exact: Any = mcnemar([[0, wins], [losses, 0]], exact=True)
    return float(exact.pvalue) - point


def _sign_flip(moving: Floats, seed: int) -> float:
    from scipy import stats

    def mean(values: Floats, axis: int) -> Floats:
        return np.asarray(values.mean(axis=axis))

    result = stats.permutation_test(
        (moving,),
        mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**FEW if moving.size <= FEW else FLIPS,
        batch=max(BATCH // moving.size, 1),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _t_test(differences: Floats, clusters: Codes | None) -> float:
    from scipy import stats

    error, freedom = standard_error(differences, clusters)
    mean = abs(float(differences.mean()))
    if error <= NOISE * mean:  # all alike: as surprising as all signs alike
        return 2.0 ** -min(freedom, 1000)
    if clusters is None:
        return float(stats.ttest_1samp(differences, 0.0).pvalue)
    return float(2 * stats.t.sf(mean / error, freedom))
