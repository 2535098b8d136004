"""pandas frames of scores and failure rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiobench._results import lazy_pandas as pd
from aiobench._results.names import MODEL
from aiobench.documents import ScoreRow

__all__ = ["failure_rate_frame", "score_frame"]


def score_frame(rows: Sequence[ScoreRow]) -> pd.DataFrame:
    """Return a frame with the column `Model` and one column per metric; a missing average is `NaN`."""
    frame = pd.DataFrame(rows) if rows else pd.DataFrame({MODEL: pd.Series(dtype="str")})
    nothing = [name for name in frame.columns if name != MODEL and frame[name].dtype == object]
    return frame.astype(dict.fromkeys(nothing, "float64")) if nothing else frame


def failure_rate_frame(rates: Mapping[str, float]) -> pd.DataFrame:
    """Return a frame with the columns `Model` and `Failure Rate` (percent, `NaN` for unknown)."""
    return pd.DataFrame(
        {
            MODEL: pd.Series(list(rates), dtype="str"),
            "Failure Rate": pd.Series(list(rates.values()), dtype="float64"),
        }
    )
