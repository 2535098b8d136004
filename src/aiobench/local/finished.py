"""Finished jobs in the client's shapes: a snapshot, a frame, a leaderboard, a report."""

from __future__ import annotations

import math
import tempfile
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aiobench._results.csv_frames import read_frame
from aiobench.local.server.documents import job_document
from aiobench.policy import PollPolicy
from aiobench.snapshot import JobSnapshot, snapshot_of

if TYPE_CHECKING:
    import pandas as pd

    from aiobench.local.engine.records import Job

__all__ = ["boards_of", "can_report", "frame_of", "snapshot_of_job", "write_report"]


def snapshot_of_job(job: Job) -> JobSnapshot:
    """Return the snapshot that a client would get."""
    return snapshot_of(
        job.id,
        msgspec.json.encode(job_document(job, now=time.time(), report_url="")),
        polled_at=datetime.now(UTC),
        terminal=PollPolicy().ends,
        in_full=True,
    )


def frame_of(job: Job, results: Path) -> pd.DataFrame:
    """Return the frame that a client would get from a results file. Blocking."""
    return read_frame(results, job_id=job.id, metrics=[scorer.long_name for scorer in job.benchmark.scorers])


def boards_of(job: Job, results: Path) -> list[dict[str, Any]]:
    """Rank the models on each metric that has scores, with intervals. Blocking, for seconds if there are many results.

    Returns:
        For each metric `metric`, `lowerIsBetter` and `rows`, the best first: `model`, `mean`, `low`, `high` (None if it
        has no score), `ranks`, `best`, `n` and `failed`.

    Raises:
        MissingExtraError: If the extra `stats` is not installed.
        AnalysisError: If no segment was scored for every model.
    """
    from aiobench.analysis import leaderboard

    lower = {scorer.long_name: scorer.metric.lower_is_better for scorer in job.benchmark.scorers}
    frame = frame_of(job, results)
    scored = [name for name in lower if frame[name].notna().any()] or list(lower)  # of none, the leaderboard says so
    table = leaderboard(frame, metrics=scored, lower_is_better=[name for name in scored if lower[name]])
    return [
        {"metric": metric, "lowerIsBetter": lower[str(metric)], "rows": [_row(row) for row in rows.to_dict("records")]}
        for metric, rows in table.groupby("metric", sort=False)
    ]


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    low, high = row["rank_low"], row["rank_high"]
    ranks = "" if not row["n"] else f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
    figures = {name: None if math.isnan(row[name]) else float(row[name]) for name in ("mean", "low", "high")}
    counts = {name: int(row[name]) for name in ("n", "failed")}
    return {"model": row["Model"], **figures, **counts, "ranks": ranks, "best": bool(row["best"])}


def can_report() -> bool:
    """Return whether the extra `report` is installed."""
    return all(find_spec(name) for name in ("jinja2", "matplotlib", "scipy", "statsmodels"))


def write_report(job: Job, results: Path, to: Path) -> None:
    """Write a job's report, complete or not at all. Blocking, for seconds.

    Raises:
        MissingExtraError: If the extra `report` is not installed.
        AnalysisError: If there is nothing to report.
    """
    from aiobench.report import report

    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f"{to.stem}-") as folder:
        written = report(snapshot_of_job(job), Path(folder) / to.name, segments=frame_of(job, results))
        written.replace(to)
