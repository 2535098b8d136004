"""The parts of a job document as typed values; whatever is missing, null or of a wrong type is None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from aiobench._wire.coercion import boolean, count, entries, mapping, number, text
from aiobench._wire.decoding import MalformedDocumentError, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobench._wire.heads import ProgressHead

__all__ = ["Iteration", "Progress", "Score", "display_name", "iterations", "progress"]


@frozen
class Progress:
    """How far a job says it is (`WIRE.md`, "Job document": not to be relied on).

    Attributes:
        completed_percentage: From 0 to 100.
        completed_iterations: Models that are done.
        failed_iterations: Models that failed.
        remaining_iterations: Models still to run.
        used_credits: Credits spent so far.
    """

    completed_percentage: float | None = None
    completed_iterations: int | None = None
    failed_iterations: int | None = None
    remaining_iterations: int | None = None
    used_credits: float | None = None


@frozen
class Score:
    """One metric's figures for one model, over the segments of the dataset.

    Attributes:
        long_name: The metric's full name, such as `BLEU by sacrebleu`.
        average: The mean over the scored segments, in `unit`.
        count: Segments that were scored.
        failed_segments_count: Segments that were not.
        unit: The unit of the figures, such as `%`.
        lower_is_better: Whether a lower figure is the better one.
        name: The metric's short name.
        weighted_average, mean, median, stdev, min, max: Further figures, in `unit`.
        percentage_25, percentage_50, percentage_75: Quartiles, in `unit`.
    """

    long_name: str | None = None
    average: float | None = None
    count: int | None = None
    failed_segments_count: int | None = None
    unit: str | None = None
    lower_is_better: bool | None = None
    name: str | None = None
    weighted_average: float | None = None
    mean: float | None = None
    median: float | None = None
    stdev: float | None = None
    min: float | None = None
    max: float | None = None
    percentage_25: float | None = None
    percentage_50: float | None = None
    percentage_75: float | None = None


@frozen
class Iteration:
    """One model's run within a job.

    Attributes:
        model_id: The model.
        display_name: The name it was given for this benchmark.
        status: How its run stands, in the platform's words.
        credits: Credits it used.
        runtime: Seconds it took.
        failed_segments: Segments it failed on.
        total_segments: Segments in all.
        scores: One entry a metric; None where the document holds no list.
    """

    model_id: str | None = None
    display_name: str | None = None
    status: str | None = None
    credits: float | None = None
    runtime: float | None = None
    failed_segments: int | None = None
    total_segments: int | None = None
    scores: tuple[Score, ...] | None = None


def progress(head: ProgressHead | None) -> Progress:
    if head is None:
        return Progress()
    return Progress(
        completed_percentage=head.completed_percentage,
        completed_iterations=head.completed_iterations,
        failed_iterations=head.failed_iterations,
        remaining_iterations=head.remaining_iterations,
        used_credits=head.used_credits,
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
