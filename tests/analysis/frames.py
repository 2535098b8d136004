"""Results frames to analyse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

BLEU = "BLEU by sacrebleu"
TER = "TER by sacrebleu"
NAN = float("nan")


def results(scores: Mapping[str, Sequence[float]], metric: str = BLEU, **columns: Sequence[object]) -> pd.DataFrame:
    """Make a results frame with the scores of each model; NaN is a failed segment."""
    parts = [
        pd.DataFrame(
            {
                "segment_id": range(len(values)),
                "Model": model,
                "Model_success": np.isfinite(values),
                "source": [f"source {number}" for number in range(len(values))],
                "hypothesis": [f"{model} says {number}" for number in range(len(values))],
                metric: np.asarray(values, dtype=float),
                **columns,
            }
        )
        for model, values in scores.items()
    ]
    return pd.concat(parts, ignore_index=True)


def noisy(seed: int, n: int, **means: float) -> dict[str, list[float]]:
    """Draw scores around means for segments that are as hard for one model as for the other."""
    random = np.random.default_rng(seed)
    hard = random.normal(0, 10, n)
    return {model: list(mean + hard + random.normal(0, 5, n)) for model, mean in means.items()}
