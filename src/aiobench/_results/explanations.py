"""Explanations: the platform's reasons for the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiobench._results.names import NAMELESS, Names
from aiobench._wire.coercion import entries, mapping, text
from aiobench.documents import Explanations

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["explanations", "localized_explanations"]

NOT_TASKS = frozenset({"scoreId", "datasetId", "longName", "normalizationOptions"})


def explanations(document: Mapping[str, Any]) -> Explanations:
    """Read both lists. They refer to parts of *document*, so the caller must own it."""
    found = mapping(document.get("explanation"))
    return Explanations(
        metricInDependent=[dict(item) for item in entries(found.get("metricInDependent"))],
        metricDependent=[dict(item) for item in entries(found.get("metricDependent"))],
    )


def localized_explanations(
    document: Mapping[str, Any], *, metric_dependant: bool, group_by_task: bool
) -> dict[str, Any]:
    """Select explanations: the first independent item, `{scoreId: item}`, or `{task: {scoreId: value}}`."""
    found = explanations(document)
    if not metric_dependant:
        independent = found["metricInDependent"]
        return independent[0] if independent else {}
    items = _by_score(found["metricDependent"])
    if not group_by_task:
        return dict(items)
    grouped: dict[str, dict[str, Any]] = {}
    for score_id, item in items.items():
        for task, value in item.items():
            if task not in NOT_TASKS:
                grouped.setdefault(task, {})[score_id] = value
    return dict(grouped)


def _by_score(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Key each item by its `scoreId`; one under a second dataset becomes `SCORE (DATASET)`."""
    keyed: dict[str, dict[str, Any]] = {}
    names = Names()
    for item in items:
        score_id = text(item.get("scoreId")) or NAMELESS
        dataset_id = text(item.get("datasetId"))
        if score_id in names and dataset_id:
            score_id = f"{score_id} ({dataset_id})"
        keyed[names.unused(score_id)] = item
    return keyed
