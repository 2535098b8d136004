"""Large benchmarks: many segments, many models, many metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aiobench.analysis import by, compare, compare_all, leaderboard
from analysis.frames import BLEU


def large(segments: int) -> pd.DataFrame:
    """Make a frame of two models."""
    random = np.random.default_rng(1)
    ids = np.arange(segments)
    hard = random.normal(50, 10, segments)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "segment_id": ids,
                    "Model": model,
                    "topic": np.array(["x", "y"])[ids % 2],
                    BLEU: hard + random.normal(gain, 5, segments),
                }
            )
            for model, gain in (("a", 0.0), ("b", 0.02))
        ],
        ignore_index=True,
    )


@pytest.mark.parametrize("segments", [1_023, 1_024, 3_000, 1_000_000])
def test_many_segments(segments: int) -> None:
    """The figures are scipy's, whatever the size."""
    frame = large(segments)
    comparison = compare(frame, "a", "b", metric=BLEU)

    a, b = (frame[frame["Model"] == model][BLEU].to_numpy() for model in "ab")
    peer = stats.ttest_rel(a, b)
    interval = peer.confidence_interval()
    assert comparison.n == segments
    assert comparison.p_value == pytest.approx(peer.pvalue)
    assert (comparison.low, comparison.high) == pytest.approx((interval.low, interval.high))


def test_parts_and_ranks_of_a_million_segments() -> None:
    """Every segment counts once."""
    frame = large(1_000_000)

    assert by(frame, "topic", metric=BLEU).groupby("Model")["n"].sum().tolist() == [1_000_000] * 2
    assert leaderboard(frame)["n"].tolist() == [1_000_000] * 2


def test_fifty_models_and_twenty_metrics() -> None:
    """Each model has one row a metric; all pairs are one family, so that none of equal models is told apart."""
    random = np.random.default_rng(3)
    metrics = [f"BLEU by {number}" for number in range(20)]
    frame = pd.concat(
        [
            pd.DataFrame({"segment_id": range(60), "Model": f"m{model}", **dict.fromkeys(metrics, 0.0)}).assign(
                **{metric: random.normal(50, 10, 60) for metric in metrics}
            )
            for model in range(50)
        ],
        ignore_index=True,
    )

    assert len(leaderboard(frame)) == 50 * 20
    pairs = compare_all(frame, metrics=metrics[:3], baseline="m0")
    assert len(pairs) == 3 * 49
    assert (pairs["p_value"] < 0.05).any()
    assert not (pairs["p_adjusted"] < 0.05).any()
