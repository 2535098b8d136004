"""pandas, imported on first use (`from aiobench._results import lazy_pandas as pd`).

pandas takes longer to import than all of aiobench, and polling does not need it. But annotations must name
`pd.DataFrame`, and `typing.get_type_hints` must find it. So this module has a `__getattr__` (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["DataFrame", "Series"]


def __getattr__(name: str) -> Any:
    import pandas as pd

    return getattr(pd, name)
