"""Frames of several jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aiobench._results import lazy_pandas as pd
from aiobench._results.names import NAMELESS, Names, named_scores
from aiobench.documents import Score
from aiobench.snapshot import JobSnapshot

__all__ = ["tidy"]

COLUMNS = {
    "job_id": "str", "benchmark_id": "str", "benchmark": "str", "model_id": "str", "model": "str", "metric": "str",
    "average": "float64", "count": "Int64", "failed": "Int64", "stdev": "float64", "unit": "str",
    "lower_is_better": "boolean", "status": "str", "credits": "float64", "runtime": "float64",
}  # fmt: skip


def tidy(snapshots: Iterable[JobSnapshot]) -> pd.DataFrame:
    """Put the scores of jobs into one frame, with one row per job, model and metric.

    Args:
        snapshots: The jobs, such as the values of `client.wait_all()`.

    Returns:
        A frame with the columns `job_id`, `benchmark_id`, `benchmark` (its name), `model_id`, `model` (its name),
        `metric`, `average`, `count` and `failed` (scored and failed segments), `stdev`, `unit`, `lower_is_better`,
        `status`, `credits` and `runtime` (seconds; these three of the model's run). A model without scores has one
        row, in which the metric is missing.

    Raises:
        InvalidResponseError: If a document cannot be decoded. A terminal snapshot's always can.
    """
    rows = [row for snapshot in snapshots for row in _rows(snapshot)]
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=kind)
            for (name, kind), values in zip(COLUMNS.items(), columns, strict=True)
        }
    )


def _rows(snapshot: JobSnapshot) -> Iterator[tuple[object, ...]]:
    job = snapshot.id, snapshot.benchmark_id, snapshot.benchmark_name
    names = Names()
    for iteration in snapshot.iterations:
        model = iteration.model_id, names.unused(iteration.display_name or iteration.model_id or NAMELESS)
        run = iteration.status, iteration.credits, iteration.runtime
        scores: list[tuple[str | None, Score]] = [*named_scores(iteration.scores or ())]
        for metric, score in scores or [(None, Score())]:
            figures = score.average, score.count, score.failed_segments_count, score.stdev
            yield *job, *model, metric, *figures, score.unit, score.lower_is_better, *run
