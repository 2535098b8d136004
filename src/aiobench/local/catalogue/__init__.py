"""What can be run: the demo's and the user's datasets, models and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobench.local.catalogue.metrics import Metric
    from aiobench.local.catalogue.models import Model
    from aiobench.local.datasets import Dataset

__all__ = ["Catalogue"]


@frozen
class Catalogue:
    """Everything a benchmark can refer to, by id."""

    datasets: Mapping[str, Dataset]
    models: Mapping[str, Model]
    metrics: Mapping[str, Metric]
