"""The jobs that users pass: checked, and made of an id where that is what was passed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from aiobench._context import ClientBase, context_of
from aiobench._wire.routes import checked_id
from aiobench.errors import ConfigurationError
from aiobench.job import BenchmarkJob, client_of

__all__ = ["as_job", "jobs_for", "several_jobs"]


def as_job(client: ClientBase, job: object) -> BenchmarkJob:
    """Return *job* if it is one, or the client's job with that id.

    Raises:
        ConfigurationError: If it is neither a job nor an id.
    """
    if isinstance(job, BenchmarkJob):
        return job
    if isinstance(job, str):
        return BenchmarkJob(job, "", "", client=client)
    world = "; that belongs to aiobench.sync, the blocking world: pass its id" if hasattr(job, "_as_core") else ""
    raise ConfigurationError(f"expected a job of aiobench or a job id, not {job!r}{world}")


def several_jobs(jobs: object) -> Iterable[BenchmarkJob | str]:
    """Return *jobs* if it is a collection of jobs.

    Raises:
        ConfigurationError: If it is a single job, a single id, a table, or not a collection.
    """
    if hasattr(jobs, "columns"):  # a frame of pandas or polars: to go through it gives the names of its columns
        raise ConfigurationError("jobs must be a collection of jobs or ids, not a frame: pass its column of job ids")
    if isinstance(jobs, str | BenchmarkJob) or not isinstance(jobs, Iterable):
        raise ConfigurationError(f"jobs must be a collection, such as a list of jobs or ids, not {jobs!r}")
    return jobs


def jobs_for(client: ClientBase, jobs: tuple[BenchmarkJob | str, ...]) -> list[BenchmarkJob | str]:
    """Return jobs and ids that *client* can watch. It loops only if one is not fine: there may be a hundred thousand.

    Raises:
        ConfigurationError: If one is neither a job nor an id, or a job of another client.
    """
    if set(map(type, jobs)) == {BenchmarkJob}:
        clients = set(map(client_of, cast("tuple[BenchmarkJob, ...]", jobs)))
        if all(each is client or _share_session(client, each) for each in clients):
            return list(jobs)
    return [_job_for(client, job) for job in jobs]


def _job_for(client: ClientBase, job: object) -> BenchmarkJob | str:
    if isinstance(job, str):
        return checked_id(job, "job id")
    handle = as_job(client, job)
    owner = client_of(handle)
    if not _share_session(client, owner):
        raise ConfigurationError(
            f"job {handle.id} belongs to another client ({owner!r}) than this monitor: "
            "watch it with a monitor of that client, or pass its id to ask with this one"
        )
    return handle


def _share_session(client: ClientBase, other: ClientBase | None) -> bool:
    return other is None or context_of(other).platform.session is context_of(client).platform.session
