"""Read the parts of a job document; whatever is missing, null or of a wrong type is None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiobench._wire.coercion import boolean, count, entries, mapping, number, text
from aiobench._wire.decoding import MalformedDocumentError, decoded
from aiobench.documents import Iteration, Progress, Score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobench._wire.heads import ProgressHead

__all__ = ["display_name", "iterations", "progress"]


def progress(head: ProgressHead | None) -> Progress:
    if head is None:
        return Progress()
    return Progress(
        completed_percentage=number(head.completed_percentage),
        completed_iterations=head.completed_iterations,
        failed_iterations=head.failed_iterations,
        remaining_iterations=head.remaining_iterations,
        used_credits=number(head.used_credits),
    )


def iterations(document: Mapping[str, Any]) -> tuple[Iteration, ...]:
    return tuple(_iteration(entry) for entry in entries(document.get("iterations")))


def display_name(iteration: Mapping[str, Any]) -> str | None:
    """Read the name that a model was given, out of the JSON string in `pipelineJson`."""
    pipeline = text(iteration.get("pipelineJson"))
    if not pipeline:
        return None
    try:
        value = decoded(pipeline.encode())
    except (MalformedDocumentError, UnicodeEncodeError):
        return None
    return text(mapping(mapping(value).get("benchmark")).get("displayName")) or None


def _iteration(entry: Mapping[str, Any]) -> Iteration:
    scores = entry.get("scores")
    return Iteration(
        model_id=text(entry.get("pipeline")),
        display_name=display_name(entry),
        status=text(entry.get("status")),
        credits=number(entry.get("credits")),
        runtime=number(entry.get("runtime")),
        failed_segments=count(entry.get("failedSegments")),
        total_segments=count(entry.get("totalSegments")),
        scores=tuple(_score(score) for score in entries(scores)) if isinstance(scores, list) else None,
    )


def _score(entry: Mapping[str, Any]) -> Score:
    return Score(
        long_name=text(entry.get("longName")),
        average=number(entry.get("average")),
        count=count(entry.get("count")),
        failed_segments_count=count(entry.get("failedSegmentsCount")),
        unit=text(entry.get("unit")),
        lower_is_better=boolean(entry.get("lowerIsBetter")),
        name=text(entry.get("name")),
        weighted_average=number(entry.get("weightedAverage")),
        mean=number(entry.get("mean")),
        median=number(entry.get("median")),
        stdev=number(entry.get("stdev")),
        min=number(entry.get("min")),
        max=number(entry.get("max")),
        percentage_25=number(entry.get("percentage_25")),
        percentage_50=number(entry.get("percentage_50")),
        percentage_75=number(entry.get("percentage_75")),
    )
