"""Failure rates: the percentage of segments that each model failed on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aiobench._results.names import named_iterations
from aiobench._wire.coercion import entries, number

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["failure_rates"]


def failure_rates(document: Mapping[str, Any]) -> dict[str, float]:
    """Compute `{model name: percent}`; `nan` where the document does not say.

    The figure is `failed * 100 / (count + failed)` of the first score that has both and a sum over 0, otherwise
    `failedSegments * 100 / totalSegments` of the model's run, if any segment failed (`docs/reference/job.md`).
    """
    return {name: _failure_rate(iteration) for name, iteration in named_iterations(document)}


def _failure_rate(iteration: Mapping[str, Any]) -> float:
    for score in entries(iteration.get("scores")):
        scored, failed = _amount(score.get("count")), _amount(score.get("failedSegmentsCount"))
        if scored is not None and failed is not None and scored + failed > 0:
            return failed * 100 / (scored + failed)
    failed, total = _amount(iteration.get("failedSegments")), _amount(iteration.get("totalSegments"))
    if failed and total:
        return failed * 100 / total
    return math.nan


def _amount(value: object) -> float | None:
    usable = number(value)
    return usable if usable is not None and usable >= 0 else None
