"""Frames of several jobs, and of results that were saved."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from aiobench._results import lazy_pandas as pd
from aiobench._results.names import NAMELESS, Names, named_scores
from aiobench._results.options import DtypeBackend, Engine, ReadOptions
from aiobench.documents import Score
from aiobench.snapshot import JobSnapshot

__all__ = ["read_results", "tidy"]

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


def read_results(
    path: str | os.PathLike[str],
    *,
    metrics: Collection[str] = (),
    strict: bool = False,
    dtype_backend: DtypeBackend | None = None,
    engine: Engine | None = None,
) -> pd.DataFrame:
    """Read a results file that was saved before, exactly as `download_results_as_csv()` does.

    Args:
        path: The CSV file.
        metrics: The columns that must be figures; others are inferred.
        strict: Refuse a field of a metric that is not a number. Otherwise it is missing, with a `ResultsWarning`.
        dtype_backend: The types of the columns, as in `pandas.read_csv`. Defaults to numpy's.
        engine: What splits the file. Defaults to pyarrow if it is installed and the file is plain.

    Returns:
        One row per segment and model. Only empty fields are missing: `NA` and `None` are texts.

    Raises:
        ConfigurationError: If an argument is invalid.
        MissingExtraError: If pyarrow is asked for and not installed.
        ResultParseError: If the file cannot be read exactly; with the line.
        OSError: If it cannot be opened.
    """
    from aiobench._results.csv_frames import read_frame

    return read_frame(Path(path), job_id="", metrics=metrics, options=ReadOptions(strict, dtype_backend, engine))


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
