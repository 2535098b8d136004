"""Which ranks each model may have: simultaneous rank sets from all pairwise intervals.

Source: Mogstad, Romano, Shaikh and Wilhelm (2024), "Inference for Ranks", Review of Economic Studies 91(1). A model's
best rank is one more than the number of models that are surely better; its worst is the number of models less those
that are surely worse. All pairs' intervals hold at once: their width is the quantile of the largest studentized
difference, simulated from the multivariate t with the models' own covariance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aiobench.analysis.metrics import Floats
from aiobench.analysis.pairing import Codes
from aiobench.analysis.significance import can_be_significant

__all__ = ["rank_sets"]

DRAWS = 10_000
BATCH = 2_000_000  # pairs' differences held in memory at a time


def rank_sets(
    scores: Floats, *, confidence: float, lower_is_better: bool, clusters: Codes | None = None, seed: int = 0
) -> list[tuple[int, int]]:
    """Return each model's best and worst rank, counted from 1.

    Args:
        scores: One row a segment, one column a model, of which each has a score; NaN where a model has none.
        confidence: That all sets hold the true ranks.
        lower_is_better: The metric's direction.
        clusters: Each row's cluster.
        seed: Of the simulation.
    """
    models = scores.shape[1]
    better = _surely_better(scores, confidence, -1.0 if lower_is_better else 1.0, clusters, seed)
    ahead, behind = better.sum(axis=0), better.sum(axis=1)
    return [(int(1 + ahead[i]), int(models - behind[i])) for i in range(models)]


def _surely_better(
    scores: Floats, confidence: float, sign: float, clusters: Codes | None, seed: int
) -> npt.NDArray[np.bool_]:
    """Return whether the model of each row is better than the one of each column, all with this confidence."""
    models = scores.shape[1]
    none = np.zeros((models, models), dtype=bool)
    counts = np.isfinite(scores).sum(axis=0)
    means = np.nanmean(scores, axis=0)
    influence = np.nan_to_num(scores - means) / counts
    if clusters is not None:
        _, code = np.unique(clusters, return_inverse=True)
        influence = np.stack([np.bincount(code, weights=column) for column in influence.T], axis=1)
    units = len(influence)
    if models < 2 or units < 2:
        return none
    covariance = influence.T @ influence * units / (units - 1)
    variances = np.diag(covariance)
    spread = variances[:, None] + variances[None, :] - 2 * covariance
    errors = np.sqrt(np.clip(np.where(spread > 1e-12 * variances.max(), spread, 0.0), 0.0, None))
    width = _critical_value(covariance, errors, units - 1, confidence, seed)
    gaps = sign * (means[:, None] - means[None, :])
    better: npt.NDArray[np.bool_] = gaps > np.maximum(width * errors, 1e-9 * np.abs(means).max())
    for i, j in np.argwhere(better):  # a few differences that happen to be alike show nothing
        pair = scores[:, [i, j]]
        moving = int((pair[:, 0] != pair[:, 1]).sum())
        better[i, j] = can_be_significant(min(moving, units), 1 - confidence)
    return better


def _critical_value(covariance: Floats, errors: Floats, freedom: int, confidence: float, seed: int) -> float:
    """Return the quantile of the largest absolute studentized difference among all pairs."""
    from scipy import stats

    rows, columns = np.triu_indices(len(errors), k=1)
    moving = errors[rows, columns] > 0
    rows, columns = rows[moving], columns[moving]
    if len(rows) <= 1:
        return float(stats.t.ppf(0.5 + confidence / 2, freedom))
    random = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    largest = []
    left, batch = DRAWS, max(BATCH // len(rows), 1)
    while left:
        size = min(batch, left)
        draws = random.standard_normal((size, len(errors))) @ root.T
        draws /= np.sqrt(random.chisquare(freedom, size) / freedom)[:, None]
        largest.append(np.abs((draws[:, rows] - draws[:, columns]) / errors[rows, columns]).max(axis=1))
        left -= size
    return float(np.quantile(np.concatenate(largest), confidence))
