"""pandas frames of scores and failure rates. pandas is imported when the first one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from aiobench.documents import ScoreRow

__all__ = ["failure_rate_frame", "score_frame"]


def score_frame(rows: Sequence[ScoreRow]) -> pd.DataFrame:
    """Make a frame with the column `Model` and one column a metric; a missing average is `NaN`."""
    import pandas as pd

    frame = pd.DataFrame(rows) if rows else pd.DataFrame({"Model": pd.Series(dtype="str")})
    nothing = [name for name in frame.columns if name != "Model" and frame[name].dtype == object]
    return frame.astype(dict.fromkeys(nothing, "float64")) if nothing else frame


def failure_rate_frame(rates: Mapping[str, float]) -> pd.DataFrame:
    """Make a frame with the columns `Model` and `Failure Rate` (percent, `NaN` for unknown)."""
    import pandas as pd

    return pd.DataFrame(
        {
            "Model": pd.Series(list(rates), dtype="str"),
            "Failure Rate": pd.Series(list(rates.values()), dtype="float64"),
        }
    )
