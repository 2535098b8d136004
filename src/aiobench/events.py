"""What a monitor tells of its jobs."""

from __future__ import annotations

from typing import TypeAlias, Union, assert_never, cast

from attrs import frozen

from aiobench._watch import news as _news
from aiobench.documents import Progress
from aiobench.errors import APIError
from aiobench.job import BenchmarkJob
from aiobench.snapshot import JobSnapshot

__all__ = [
    "Abandoned",
    "Finished",
    "MonitorEvent",
    "MonitorStats",
    "PollFailed",
    "Progressed",
    "Stalled",
    "StatusChanged",
    "event_of",
]


@frozen
class Finished:
    """The end of a job: its status is terminal.

    Attributes:
        job: The job.
        snapshot: Its full document; `raise_for_status()` tells success from failure.
    """

    job: BenchmarkJob
    snapshot: JobSnapshot


@frozen
class Abandoned:
    """The end of watching a job that cannot be had: 403 or 404.

    Attributes:
        job: The job.
        error: Why.
    """

    job: BenchmarkJob
    error: APIError


@frozen
class StatusChanged:
    """A job's status is another one; told neither for the first poll nor for an end.

    Attributes:
        job: The job.
        previous: The status before.
        status: The status now.
    """

    job: BenchmarkJob
    previous: str
    status: str


@frozen
class Progressed:
    """A job has come further; told where the reply shows progress, which a job list does not.

    Attributes:
        job: The job.
        progress: How far it says it is.
    """

    job: BenchmarkJob
    progress: Progress


@frozen
class Stalled:
    """A job shows no change for `stall_after` seconds; told once, and again only after a change.

    Attributes:
        job: The job.
        seconds: How long ago the last change was seen.
    """

    job: BenchmarkJob
    seconds: float


@frozen
class PollFailed:
    """A request brought no usable answer; its jobs are polled again.

    Attributes:
        jobs: The jobs that the request asked for.
        error: Why.
    """

    jobs: tuple[BenchmarkJob, ...]
    error: APIError


MonitorEvent: TypeAlias = Union[Finished, Abandoned, StatusChanged, Progressed, Stalled, PollFailed]  # noqa: UP007
"""Any event of a monitor; `Finished` and `Abandoned` are ends, of which each job has exactly one."""


@frozen
class MonitorStats:
    """A monitor in figures.

    Attributes:
        jobs: Jobs that were ever added.
        finished: Jobs that have ended, the abandoned ones included.
        pending: Jobs that have not.
        polls: Job states learned; a list reply that covers 100 watched jobs counts as 100.
        requests: HTTP requests sent, repeated ones included.
        list_requests: Those among them that asked for a benchmark's job list.
        failed_polls: Requests that brought no usable answer.
    """

    jobs: int
    finished: int
    pending: int
    polls: int
    requests: int
    list_requests: int
    failed_polls: int


def event_of(news: _news.News) -> MonitorEvent:
    """Return the event that news of a watched job is to users."""
    match news:
        case _news.Ended():
            return Finished(_job(news.job), news.snapshot)
        case _news.Lost():
            return Abandoned(_job(news.job), news.error)
        case _news.Changed():
            return StatusChanged(_job(news.job), news.previous, news.status)
        case _news.Moved():
            return Progressed(_job(news.job), news.progress)
        case _news.Quiet():
            return Stalled(_job(news.job), news.seconds)
        case _news.Unanswered():
            return PollFailed(tuple(map(_job, news.jobs)), news.error)
        case _:
            assert_never(news)


def _job(job: object) -> BenchmarkJob:
    return cast("BenchmarkJob", job)  # what is watched is what was handed in
