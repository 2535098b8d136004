"""What a new benchmark is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from aiobench._values import Record

__all__ = ["MetricSpec", "ModelSpec"]


@frozen(eq=False, repr=False)
class ModelSpec(Record):
    """A model with parameters, for `create_benchmark()`.

    Attributes:
        id: The model.
        display_name: The name it has in this benchmark's results.
        configuration: Its parameters; must be representable as JSON.
    """

    id: str
    display_name: str
    configuration: Mapping[str, Any] = field(factory=dict[str, Any])


@frozen(eq=False, repr=False)
class MetricSpec(Record):
    """A metric with normalization, for `create_benchmark()`.

    Attributes:
        id: The metric.
        normalization: Combinations of normalization options, each of which is scored;
            `list_normalization_options()` names the options.
    """

    id: str
    normalization: Sequence[Sequence[str]] = ()
