"""The events of a monitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, Union, assert_never, cast

from attrs import frozen

from aiobench._journal.notes import parsed_note
from aiobench._values import Record
from aiobench._watch import news as _news
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
]


@frozen(eq=False, repr=False)
class Finished(Record):
    """A job has ended: its status is terminal.

    Attributes:
        job: The job.
        snapshot: Its full document; `snapshot.succeeded` is false if the job failed.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    snapshot: JobSnapshot
    note: JSON = None


@frozen(eq=False, repr=False)
class Abandoned(Record):
    """Watching a job has ended without a result: its requests are refused, as with 403 and 404.

    Attributes:
        job: The job.
        error: Why.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    error: APIError
    note: JSON = None


@frozen(eq=False, repr=False)
class StatusChanged(Record):
    """A job's status changed. Not emitted for the first poll or the final status.

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


@frozen(eq=False, repr=False)
class Progressed(Record):
    """A job's progress changed. Only emitted for jobs that are polled one by one: job lists show no progress.

    Attributes:
        job: The job.
        progress: How far it says it is.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    progress: Progress
    note: JSON = None


@frozen(eq=False, repr=False)
class Stalled(Record):
    """A job has not changed for `stall_after` seconds. Emitted once, and again only after a change.

    Attributes:
        job: The job.
        seconds: How long ago the last change was seen.
        note: What the job was added or started with; None for nothing.
    """

    job: BenchmarkJob
    seconds: float
    note: JSON = None


@frozen(eq=False, repr=False)
class PollFailed(Record):
    """A request failed. Its jobs are polled again.

    Attributes:
        jobs: The jobs that the request was about.
        error: Why.
    """

    jobs: tuple[BenchmarkJob, ...]
    error: APIError


@frozen(eq=False, repr=False)
class StartInterrupted(Record):
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


@frozen(eq=False, repr=False)
class JobState(Record):
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


@frozen(eq=False, repr=False)
class MonitorStats(Record):
    """A monitor in figures.

    Attributes:
        jobs: Jobs that were ever added.
        finished: Jobs that have ended, the abandoned ones included.
        pending: Jobs that have not.
        polls: Job states learned; a list reply that covers 100 watched jobs counts as 100.
        requests: HTTP requests sent, repeated ones included.
        list_requests: Those among them that asked for a benchmark's job list.
        failed_polls: Requests that brought no usable answer.
        handled_before: Ends in the journal that an earlier run handled, and that are not reported again.
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
