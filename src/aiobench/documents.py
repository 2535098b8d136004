"""What a job document holds, as typed values: progress, models, scores and explanations."""

from __future__ import annotations

from typing import Any, TypeAlias, TypedDict

from attrs import frozen

__all__ = ["Explanations", "Iteration", "Progress", "Score", "ScoreDetail", "ScoreRow"]


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


ScoreRow: TypeAlias = dict[str, str | float | None]
"""One model's averages: `{"Model": name, longName: average, …}`."""


class ScoreDetail(TypedDict):
    """One model's run, as `get_scores(return_simplified=False)` gives it."""

    creditsUsed: float | None
    """Credits, rounded to 5 digits."""
    timeSpent: float | None
    """Seconds, rounded to 2 digits."""
    status: str | None
    """The status of the model's run."""
    rawScores: list[dict[str, Any]] | None
    """The document's own list, untouched."""


class Explanations(TypedDict):
    """All explanations of a job, as `get_all_explanations()` gives them."""

    metricInDependent: list[dict[str, Any]]
    """What holds whatever the metric."""
    metricDependent: list[dict[str, Any]]
    """One item a metric: `scoreId`, `datasetId`; every other key is a task."""
