"""A job's results as a file or a frame: fetches the document, downloads and parses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import anyio.to_thread

from aiobench import _progress
from aiobench._download.downloads import download
from aiobench._download.result_requests import ResultSource
from aiobench._download.transfers import Transfer
from aiobench._results.csv_frames import read_frame
from aiobench._results.options import ReadOptions
from aiobench._wire.statuses import shown
from aiobench.errors import ConfigurationError, LocalStorageError, ResultsNotReadyError

if TYPE_CHECKING:
    import os

    import pandas as pd

    from aiobench._http.platform import Platform
    from aiobench._http.result_urls import ResultURLRules
    from aiobench.snapshot import JobSnapshot

__all__ = ["of_job"]


async def of_job(
    job_id: str,
    fetch: Callable[[], Awaitable[JobSnapshot]],
    platform: Platform,
    rules: ResultURLRules,
    *,
    save_path: str | os.PathLike[str] | None,
    return_dataframe: bool,
    progress: bool | Callable[[int, int | None], object],
    max_bytes: int,
    options: ReadOptions,
) -> Path | pd.DataFrame:
    """Do what `BenchmarkJob.download_results_as_csv()` says."""
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 0:
        raise ConfigurationError(f"max_bytes= must be a number of bytes, not {max_bytes!r}")
    snapshot: JobSnapshot | None = None

    async def fresh_url() -> str:
        nonlocal snapshot
        snapshot = await fetch()
        if snapshot.report_url is None:
            raise ResultsNotReadyError(
                f"job {job_id} has no results yet, its status is {shown(snapshot.status)!r}; wait() for it first",
                job_id=job_id,
                status=snapshot.status,
            )
        return snapshot.report_url

    session = platform.session
    async with _target(save_path, is_temporary=save_path is None and return_dataframe, job_id=job_id) as target:
        label = f"results of job {job_id}"
        async with _progress.of_download(lambda: label, progress) as show:
            source = ResultSource(session, platform.options, rules, job_id)
            path = await download(Transfer(source, max_bytes, show), target, fresh_url)
        if not return_dataframe:
            return path
        assert snapshot is not None  # the download asked for it
        metrics = {score.long_name for run in snapshot.iterations for score in run.scores or () if score.long_name}
        read = partial(read_frame, path, job_id=job_id, metrics=metrics, options=options)
        return await anyio.to_thread.run_sync(read, limiter=session.disk)


@asynccontextmanager
async def _target(save_path: str | os.PathLike[str] | None, *, is_temporary: bool, job_id: str) -> AsyncIterator[Path]:
    """Choose the file's path: the user's, a new one in the working directory, or a temporary one."""
    if save_path is not None:
        yield Path(save_path)
        return
    try:
        folder = Path(tempfile.mkdtemp(prefix="aiobench-")) if is_temporary else Path.cwd() / "aiXplain"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStorageError(f"there is no place for the results of job {job_id}: {error}", job_id=job_id) from error
    try:
        yield folder / f"{uuid4()}.csv"
    finally:
        if is_temporary:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))
