"""Results of many jobs on a Dask cluster (extra `dask`), one partition for each job.

The workers fetch the results themselves, with `TEAM_API_KEY` and `BACKEND_URL` of their own environment: neither the
key nor a signed URL is in the graph. Dask does all that is distributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aiobench import analysis, sync
from aiobench._batches import file_name
from aiobench._results import lazy_pandas as pd
from aiobench.analysis.metrics import metric_columns
from aiobench.errors import AiobenchError, ConfigurationError, MissingExtraError, ResultParseError
from aiobench.frames import read_results as read_file
from aiobench.job import BenchmarkJob

try:
    import dask.dataframe as dd
    from dask.delayed import delayed
except ImportError as _missing:
    raise MissingExtraError("aiobench.distributed", extra="dask") from _missing

if TYPE_CHECKING:
    import os

    from distributed import Client as DaskClient

__all__ = ["leaderboard", "read_results"]

TEXTS = ("source", "reference", "inputText", "referenceText")
NAMES = ("job_id", "segment_id", "Model", "Model_success")


def read_results(
    jobs: Iterable[BenchmarkJob | sync.BenchmarkJob | str],
    *,
    client: DaskClient | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> dd.DataFrame:
    """Read the results of jobs as a Dask dataframe with one partition for each job.

    One worker asks for the jobs' metrics and the first job's columns now; all else happens when something is computed.
    A partition that is lost with its worker is fetched again, with a fresh URL.

    Args:
        jobs: Jobs or job ids, which are waited for. All but their metrics are columns of each.
        client: The cluster's client. Defaults to the current scheduler.
        directory: A folder that all workers share. Results are kept there under the names that `download_all()` uses,
            and read from there if they exist. Defaults to a temporary place of each worker.

    Returns:
        The columns of `download_results_as_csv()` and `job_id`. A metric that a job does not have is missing.

    Raises:
        ConfigurationError: If there is no job, or one is twice.
        ResultParseError: When computed, if a job has other columns than the first, besides metrics.
        AiobenchError: If a job cannot be read.
    """
    ids = [job if isinstance(job, str) else job.id for job in jobs]
    if not ids:
        raise ConfigurationError("there are no jobs to read")
    if len(set(ids)) < len(ids):
        raise ConfigurationError(f"job {next(each for each in ids if ids.count(each) > 1)!r} is given twice")
    folder = None if directory is None else str(Path(directory).expanduser().absolute())
    ask = delayed(_described, pure=False)(ids, folder)
    cluster: Any = client  # which has types only in part
    meta, metrics = ask.compute() if cluster is None else cluster.compute(ask).result()
    read: Any = dd.from_map  # which has no types
    frame: dd.DataFrame = read(partial(_partition, folder=folder, meta=meta, metrics=metrics), ids, meta=meta)
    return frame


def leaderboard(
    segments: dd.DataFrame,
    *,
    metrics: Sequence[str] | None = None,
    on: Literal["common", "worst", "all"] = "common",
    confidence: float = 0.95,
    cluster: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank the models as `aiobench.analysis.leaderboard()` does, without collecting the segments.

    Texts stay on the workers: of each segment, its id, hashes of its texts, the model and the scores are collected.

    Args:
        segments: What `read_results()` returned.
        metrics: The columns with scores. Defaults to those whose names are metrics'.
        on: Which segments count: `common`, `worst` or `all`.
        confidence: Of each interval.
        cluster: A column of groups of segments that are not independent.
        seed: Of the simulation of ranks.

    Returns:
        The frame of `aiobench.analysis.leaderboard()`, with the same figures.

    Raises:
        AnalysisError: If the frame lacks what is asked for.
    """
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in segments.dtypes.items()})
    scored = metric_columns(empty) if metrics is None else list(metrics)
    kept = [*NAMES, *TEXTS, *([cluster] if cluster else []), *scored]
    compact = segments[[name for name in empty.columns if name in kept]].map_partitions(_compact).compute()
    return analysis.leaderboard(compact, metrics=metrics, on=on, confidence=confidence, cluster=cluster, seed=seed)


def _described(ids: Sequence[str], folder: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return an empty frame with the columns of all jobs, and the names of the metrics."""
    with sync.Client() as client:
        snapshots = client.wait_all(ids)
    names: dict[str, None] = {}
    for job_id in ids:
        snapshot = snapshots[job_id]
        if isinstance(snapshot, AiobenchError):
            raise snapshot
        names |= dict.fromkeys(metric.long_name for metric in snapshot.metrics)
    first = _results(ids[0], folder, tuple(names))
    lacking = {name: pd.Series(dtype="float64") for name in names if name not in first}
    return first.head(0).assign(**lacking), tuple(names)


def _partition(job_id: str, *, folder: str | None, meta: pd.DataFrame, metrics: tuple[str, ...]) -> pd.DataFrame:
    """Read one job's results, in the columns of all."""
    frame = _results(job_id, folder, metrics)
    unknown = [column for column in frame.columns if column not in meta.columns]
    missing = [column for column in meta.columns if column not in frame.columns and column not in metrics]
    if unknown or missing:
        what = f"has {unknown[0]!r}, which the first job lacks" if unknown else f"lacks {missing[0]!r} of the first job"
        raise ResultParseError(f"the results of job {job_id} cannot be read together: it {what}", job_id=job_id)
    return frame.reindex(columns=meta.columns).astype(dict(meta.dtypes))


def _results(job_id: str, folder: str | None, metrics: tuple[str, ...]) -> pd.DataFrame:
    path = None if folder is None else Path(folder) / file_name(job_id)
    if path is not None and path.is_file():
        frame = read_file(path, metrics=metrics)
    else:
        with sync.Client() as client:
            frame = client.job(job_id).download_results_as_csv(path, return_dataframe=True)
    return frame.assign(job_id=job_id)


def _compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Put a hash in place of each text."""
    hashed = {
        name: pd.util.hash_pandas_object(frame[name].astype(object).fillna(""), index=False).astype(str)
        for name in TEXTS
        if name in frame.columns
    }
    return frame.assign(**hashed)
