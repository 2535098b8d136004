"""What a monitor tells of its jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, Union, assert_never, cast

from attrs import frozen

from aiobench._watch import news as _news
from aiobench._watch.notes import parsed_note
from aiobench.documents import JSON, Progress
from aiobench.errors import APIError
from aiobench.job import BenchmarkJob
from aiobench.snapshot import JobSnapshot

__all__ = [
    "Abandoned",
    "Finished",
    "JobState",
    "MonitorEvent",
    "MonitorStats",
    "PollFailed",
    "Progressed",
    "Stalled",
    "StartInterrupted",
    "StatusChanged",
    "event_of",
]


@frozen
class Finished:
    """The end of a job: its status is terminal.

    Attributes:
        job: The job.
        snapshot: Its full document; `raise_for_status()` tells success from failure.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    snapshot: JobSnapshot
    note: JSON = None


@frozen
class Abandoned:
    """The end of watching a job that cannot be had: 403 or 404.

    Attributes:
        job: The job.
        error: Why.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    error: APIError
    note: JSON = None


@frozen
class StatusChanged:
    """A job's status is another one; told neither for the first poll nor for an end.

    Attributes:
        job: The job.
        previous: The status before.
        status: The status now.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    previous: str
    status: str
    note: JSON = None


@frozen
class Progressed:
    """A job has come further; told where the reply shows progress, which a job list does not.

    Attributes:
        job: The job.
        progress: How far it says it is.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    progress: Progress
    note: JSON = None


@frozen
class Stalled:
    """A job shows no change for `stall_after` seconds; told once, and again only after a change.

    Attributes:
        job: The job.
        seconds: How long ago the last change was seen.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    seconds: float
    note: JSON = None


@frozen
class PollFailed:
    """A request brought no usable answer; its jobs are polled again.

    Attributes:
        jobs: The jobs that the request asked for.
        error: Why.
    """

    jobs: tuple[BenchmarkJob, ...]
    error: APIError


@frozen
class StartInterrupted:
    """A `monitor.start()` was interrupted, by a kill or a cancellation, and what came of it is not certain.

    Attributes:
        benchmark_id: The benchmark of which a job was to be started.
        note: The note of the start.
        candidates: The ids of the jobs that it may have started; none: no job was started.
    """

    benchmark_id: str
    note: JSON
    candidates: tuple[str, ...]


MonitorEvent: TypeAlias = Union[  # noqa: UP007
    Finished, Abandoned, StatusChanged, Progressed, Stalled, PollFailed, StartInterrupted
]
"""Any event of a monitor; `Finished` and `Abandoned` are ends, of which each job has exactly one."""


@frozen
class JobState:
    """A job that is being watched.

    Attributes:
        job: The job.
        status: Its last known status; "" before the first poll.
        progress: Its last known progress; None where the replies show none, as job lists do.
        quiet: Seconds since its last change was seen.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    status: str
    progress: Progress | None
    quiet: float
    note: JSON = None


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
        handled_before: Ends in the journal that an earlier run handled, and that are not told again.
    """

    jobs: int
    finished: int
    pending: int
    polls: int
    requests: int
    list_requests: int
    failed_polls: int
    handled_before: int = 0


def event_of(news: _news.News, note_of: Callable[[str], JSON]) -> MonitorEvent:  # noqa: PLR0911 - one for each kind
    """Return the event that news of a watched job is to users.

    Args:
        news: The news.
        note_of: Returns the note of a job, by its id.
    """
    match news:
        case _news.Ended():
            return Finished(_job(news.job), news.snapshot, note_of(news.job.id))
        case _news.Lost():
            return Abandoned(_job(news.job), news.error, note_of(news.job.id))
        case _news.Changed():
            return StatusChanged(_job(news.job), news.previous, news.status, note_of(news.job.id))
        case _news.Moved():
            return Progressed(_job(news.job), news.progress, note_of(news.job.id))
        case _news.Quiet():
            return Stalled(_job(news.job), news.seconds, note_of(news.job.id))
        case _news.Unanswered():
            return PollFailed(tuple(map(_job, news.jobs)), news.error)
        case _news.Interrupted(wish=wish):
            return StartInterrupted(wish.benchmark_id, parsed_note(wish.note), news.candidates)
        case _:
            assert_never(news)


def _job(job: object) -> BenchmarkJob:
    return cast("BenchmarkJob", job)  # what is watched is what was handed in
