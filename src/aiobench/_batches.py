"""What a client does with many jobs at once: waiting for all of them, downloading the results of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio

from aiobench import _progress
from aiobench.errors import (
    AiobenchError,
    ConfigurationError,
    JobStalledError,
    JobsWaitTimeoutError,
    LocalStorageError,
    WaitTimeoutError,
)
from aiobench.events import Abandoned, Finished, Stalled
from aiobench.job import BenchmarkJob
from aiobench.monitor import Monitor
from aiobench.snapshot import JobSnapshot

if TYPE_CHECKING:
    import anyio.to_thread  # noqa: TC004 - anyio imports it itself when it is first used

__all__ = ["downloads_of", "file_name", "outcomes_of"]

LONGEST_NAME = 180  # characters of a file's name: file systems allow 255, and a part file adds some


async def outcomes_of(
    monitor: Monitor, jobs: Sequence[BenchmarkJob | str], *, timeout: float | None, progress: bool
) -> dict[str, JobSnapshot | AiobenchError]:
    """Watch jobs until each has an outcome: `Client.wait_all()`."""
    ids = dict.fromkeys(job if isinstance(job, str) else job.id for job in jobs)
    outcomes: dict[str, JobSnapshot | AiobenchError] = {}
    try:
        async with monitor, _progress.of_jobs("jobs", progress) as show:
            async for event in monitor:
                match event:
                    case Finished(job=job, snapshot=snapshot):
                        outcomes[job.id] = snapshot
                    case Abandoned(job=job, error=error):
                        outcomes[job.id] = error
                    case Stalled(job=job, seconds=seconds):  # it may still end while others are waited for
                        outcomes[job.id] = JobStalledError(
                            f"job {job.id} shows no change for {seconds:.0f} s; it goes on at the platform",
                            job_id=job.id,
                        )
                    case _:
                        pass
                show(len(outcomes), len(ids), sum(not _is_good(each) for each in outcomes.values()))
                if outcomes.keys() == ids.keys():
                    break
    except JobsWaitTimeoutError as late:
        for job_id in late.pending - outcomes.keys():
            outcomes[job_id] = WaitTimeoutError(f"job {job_id} has not ended after {timeout:g} s", job_id=job_id)
    return {job_id: outcomes[job_id] for job_id in ids}


def _is_good(outcome: JobSnapshot | AiobenchError) -> bool:
    return isinstance(outcome, JobSnapshot) and outcome.succeeded


async def downloads_of(
    jobs: Iterable[BenchmarkJob], directory: Path, *, concurrency: int, progress: bool, max_bytes: int
) -> dict[str, Path | AiobenchError]:
    """Download the results of jobs, a few at a time: `Client.download_all()`."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigurationError(f"concurrency= must be a whole number over 0, not {concurrency!r}")
    by_id = {job.id: job for job in jobs}
    if by_id and (unusable := await _unusable(directory)) is not None:
        return {job_id: _no_directory(job_id, directory, unusable) for job_id in by_id}
    outcomes: dict[str, Path | AiobenchError] = {}
    waiting = iter(by_id.values())

    async def download() -> None:
        for job in waiting:
            outcomes[job.id] = await _downloaded(job, directory / file_name(job.id), max_bytes)
            show(len(outcomes), len(by_id), sum(isinstance(each, AiobenchError) for each in outcomes.values()))

    async with _progress.of_jobs("results", progress, done="downloaded") as show, anyio.create_task_group() as tasks:
        for _ in range(min(concurrency, len(by_id))):
            tasks.start_soon(download)
    return {job_id: outcomes[job_id] for job_id in by_id}


async def _downloaded(job: BenchmarkJob, path: Path, max_bytes: int) -> Path | AiobenchError:
    try:
        return await job.download_results_as_csv(path, max_bytes=max_bytes)
    except AiobenchError as error:
        return error


def _no_directory(job_id: str, directory: Path, cause: OSError) -> LocalStorageError:
    error = LocalStorageError(f"the results of job {job_id}: cannot create {directory}: {cause}", job_id=job_id)
    error.__cause__ = cause
    return error


async def _unusable(directory: Path) -> OSError | None:
    """Create a directory; return the error if that fails."""
    try:
        await anyio.to_thread.run_sync(lambda: directory.mkdir(parents=True, exist_ok=True))
    except OSError as error:
        return error
    return None


def file_name(job_id: str) -> str:
    """Return the name of a job's results file, which lies in its folder whatever the id is (F27)."""
    name = quote(job_id, safe=" ").replace("~", "%7E")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 17]}-{sha256(job_id.encode()).hexdigest()[:16]}"
    return f"{name}.csv"
