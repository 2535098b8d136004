"""pandas, imported when something of it is first used (`from aiobench._results import lazy_pandas as pd`).

It takes longer to import than all of aiobench, and polling needs none of it; but annotations must name `pd.DataFrame`
so that `typing.get_type_hints` can look it up. A module may have a `__getattr__` (PEP 562), so this is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["DataFrame", "Series"]


def __getattr__(name: str) -> Any:
    import pandas as pd

    return getattr(pd, name)
