"""The last state of each job, and which changes are news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench._watch.jobs import Group, Job, WatchedJob
from aiobench._watch.log import logger, reaches_a_power_of_ten, warn_of_unknown_status
from aiobench._watch.news import Changed, Ended, Lost, Moved, NewsQueue, Quiet, Unanswered
from aiobench._wire.statuses import is_known, normalized
from aiobench.documents import Progress
from aiobench.snapshot import JobSnapshot, run_time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from aiobench._observer import Observer
    from aiobench.errors import APIError
    from aiobench.policy import PollPolicy

__all__ = ["States"]

NO_PROGRESS = Progress()
MANY_STATUSES = 1000


class States:
    """Compares each job's last state with the next and queues differences as news.

    Args:
        policy: Which statuses are terminal.
        stall_after: Seconds without a change after which a job is reported; None for never.
        news: Where news go.
        now: The monotonic clock.
        observer: Receives what becomes of the jobs.
    """

    def __init__(
        self,
        policy: PollPolicy,
        *,
        stall_after: float | None,
        news: NewsQueue,
        now: Callable[[], float],
        observer: Observer | None = None,
    ) -> None:
        self._policy = policy
        self._stall_after = stall_after
        self._news = news
        self._now = now
        self._observer = observer
        self._quiet: dict[WatchedJob, None] = {}  # by their last change, the longest ago first
        self._statuses: dict[str, str] = {}  # one object for each text: a million jobs have few
        self._unpolled = 0
        self.jobs: dict[str, WatchedJob] = {}
        self.ended: set[str] = set()
        self.failed = 0  # of the ended: those that did not succeed
        self.polls = self.failed_polls = 0

    @property
    def has_polled_all(self) -> bool:
        """Whether every job was polled at least once."""
        return self._unpolled == 0

    def knows(self, job_id: str) -> bool:
        """Return whether a job is watched or has ended here."""
        return job_id in self.jobs or job_id in self.ended

    def enter(self, job: Job, *, now: float) -> WatchedJob | None:
        """Take in a job; return None if it is already watched or has ended here."""
        if self.knows(job.id):
            return None
        watched = self.jobs[job.id] = WatchedJob(job, now=now)
        self._unpolled += 1
        if self._observer is not None:
            self._observer.moved(None, "")
        self._set_quiet(watched)
        return watched

    def compare(
        self, watched: WatchedJob, status: str, progress: Progress | None = None, *, now: float | None = None
    ) -> bool:
        """Take in a non-terminal state; return whether anything changed.

        *progress* is what a document shows; None for a job list, which shows none. A *now* that is passed in is one
        object for all jobs of a list.
        """
        self._note_poll(watched)
        status = self._shared(status)
        watched.job.observe(status)
        known, moved = watched.status, False
        if progress is not None:
            moved = watched.progress is not None and progress != watched.progress
            watched.progress = progress
        self.note_whether_known(watched, status)
        if known == status and not moved:
            return False
        if known != status and self._observer is not None:
            self._observer.moved(known or "", status)
        watched.status = status
        watched.changed_at = self._now() if now is None else now
        self._set_quiet(watched)
        if known is not None and known != status:
            self._news.put(Changed(watched.job, known, status), watched)
        if moved and progress is not None and progress != NO_PROGRESS:
            self._news.put(Moved(watched.job, progress), watched)
        return True

    def note_whether_known(self, watched: WatchedJob, status: str) -> None:
        """Count consecutive polls with an unknown status and log some of them (F13)."""
        if is_known(normalized(status), self._policy.ends):
            watched.unknown = 0
        else:
            watched.unknown += 1
            warn_of_unknown_status(watched.job.id, status, watched.unknown)

    def finish(self, watched: WatchedJob, snapshot: JobSnapshot) -> None:
        """Remove a job that has ended."""
        watched.job.observe(snapshot.status, snapshot.benchmark_id)
        self.failed += not snapshot.succeeded
        self._take_out(watched)
        if self._observer is not None:
            self._observer.ended(snapshot.status, run_time(snapshot))
        self._news.put(Ended(watched.job, snapshot), watched.job.id)

    def abandon(self, watched: WatchedJob, error: APIError) -> None:
        """Remove a job that can no longer be polled."""
        self.failed += 1
        self._take_out(watched)
        if self._observer is not None:
            self._observer.ended("abandoned", None)
        self._news.put(Lost(watched.job, error), watched.job.id)

    def note_failure(self, members: Collection[WatchedJob], subject: WatchedJob | Group, error: APIError) -> None:
        """Report a request without a usable reply."""
        for watched in members:
            self._note_poll(watched)
        self.failed_polls += 1
        if reaches_a_power_of_ten(self.failed_polls):
            logger.warning("poll failed (%d so far), will ask again: %s", self.failed_polls, error)
        self._news.put(Unanswered(tuple(each.job for each in members), error), subject)

    def note_success(self, subject: WatchedJob | Group, polls: int) -> None:
        """Count the job states in a good reply; drop an unread failure of *subject*."""
        self.polls += polls
        if self._observer is not None:
            self._observer.learned(polls)
        self._news.forget_failure(subject)

    def _note_poll(self, watched: WatchedJob) -> None:
        if watched.is_new:
            watched.is_new = False
            self._unpolled -= 1
            if not self._unpolled:
                self._news.wake()

    def _take_out(self, watched: WatchedJob) -> None:
        self._note_poll(watched)
        del self.jobs[watched.job.id]
        self._quiet.pop(watched, None)
        self.ended.add(watched.job.id)
        if self._observer is not None:
            self._observer.moved(watched.status or "", None)

    def leave(self) -> None:
        """Stop watching; ignore whatever comes after this."""
        if self._observer is not None:
            for watched in self.jobs.values():
                self._observer.moved(watched.status or "", None)
        self._observer = None

    def _shared(self, status: str) -> str:
        if len(self._statuses) > MANY_STATUSES:  # a server that makes them up
            self._statuses.clear()
        return self._statuses.setdefault(status, status)

    # -- jobs that show no change ------------------------------------------------------------------------------

    @property
    def next_stall(self) -> float:
        """When the next job will have been quiet for too long, unless it changes; infinity for never."""
        if self._stall_after is None or not self._quiet:
            return float("inf")
        return next(iter(self._quiet)).changed_at + self._stall_after

    def report_stalled(self) -> None:
        """Report jobs that have been quiet for too long, once each until they change."""
        now = self._now()
        while self.next_stall <= now:
            watched = next(iter(self._quiet))
            del self._quiet[watched]
            self._news.put(Quiet(watched.job, now - watched.changed_at), watched)

    def _set_quiet(self, watched: WatchedJob) -> None:
        if self._stall_after is not None:
            self._quiet.pop(watched, None)
            self._quiet[watched] = None
