"""What a job document holds, as typed values: progress, models, scores and explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, Union

from attrs import frozen

from aiobench._values import Record

__all__ = [
    "JSON",
    "Explanations",
    "Iteration",
    "Metric",
    "Progress",
    "ResultsWarning",
    "Score",
    "ScoreDetail",
    "ScoreRow",
]

JSON: TypeAlias = Union[bool, int, float, str, Sequence["JSON"], Mapping[str, "JSON"], None]  # noqa: UP007
"""A value that JSON can hold, such as the note of a watched job."""


@frozen(eq=False, repr=False)
class Progress(Record):
    """How far a job is, by its own account. The platform does not keep it reliably: a finished job may show 0.

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


@frozen(eq=False, repr=False)
class Metric(Record):
    """A metric of a job.

    Attributes:
        long_name: The metric's full name, such as `BLEU by sacrebleu`; its column in frames.
        name: Its short name.
        unit: The unit of its figures, such as `%`.
        lower_is_better: Whether a lower figure is better.
    """

    long_name: str
    name: str | None = None
    unit: str | None = None
    lower_is_better: bool | None = None


@frozen(eq=False, repr=False)
class Score(Record):
    """One model's figures on one metric, over the segments of the dataset.

    Attributes:
        long_name: The metric's full name, such as `BLEU by sacrebleu`.
        average: The mean over the scored segments, in `unit`.
        count: How many segments were scored.
        failed_segments_count: How many segments could not be scored.
        unit: The unit of the figures, such as `%`.
        lower_is_better: Whether a lower figure is better.
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


@frozen(eq=False, repr=False)
class Iteration(Record):
    """One model's run within a job. A field is None where the document holds nothing usable.

    Attributes:
        model_id: The model's id.
        display_name: The name it was given in this benchmark.
        status: The status of its run, as the platform spells it.
        credits: Credits it used.
        runtime: Its runtime in seconds.
        failed_segments: How many segments it failed on.
        total_segments: How many segments there are.
        scores: One entry per metric.
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
    """One model's run, as `score_details()` and `get_scores(return_simplified=False)` return it."""

    creditsUsed: float | None
    """Credits, rounded to 5 digits."""
    timeSpent: float | None
    """Seconds, rounded to 2 digits."""
    status: str | None
    """The status of the model's run."""
    rawScores: list[dict[str, Any]] | None
    """The document's own list, unchanged."""


class Explanations(TypedDict):
    """All explanations of a job, as `explanations()` and `get_all_explanations()` return them."""

    metricInDependent: list[dict[str, Any]]
    """Explanations that do not depend on a metric."""
    metricDependent: list[dict[str, Any]]
    """One item per metric: `scoreId`, `datasetId`; every other key is a task."""


class ResultsWarning(UserWarning):
    """Issued when a frame holds less than its file: a field of a score that is no number is missing."""
