"""What is known of the watched jobs, and what of it is news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench._watch.log import is_told, logger, warn_of_unknown_status
from aiobench._watch.roster import Watched
from aiobench._wire.statuses import is_known, normalized
from aiobench.documents import Progress
from aiobench.events import Abandoned, Finished, PollFailed, Progressed, Stalled, StatusChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from aiobench._watch.mailbox import Mailbox
    from aiobench._watch.roster import Group
    from aiobench.errors import APIError
    from aiobench.job import BenchmarkJob
    from aiobench.policy import PollPolicy

__all__ = ["Ledger"]

NO_PROGRESS = Progress()


class Ledger:
    """Holds each job's last state against the next, and puts what differs into the mailbox.

    Args:
        policy: What counts as an end.
        stall_after: Seconds without a change after which a job is reported; None for never.
        mailbox: Where events go.
        now: The monotonic clock.
    """

    def __init__(
        self, policy: PollPolicy, *, stall_after: float | None, mailbox: Mailbox, now: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._stall_after = stall_after
        self._mailbox = mailbox
        self._now = now
        self._quiet: dict[Watched, None] = {}  # by their last change, the longest ago first
        self._unpolled = 0
        self.jobs: dict[str, Watched] = {}
        self.ended: set[str] = set()
        self.polls = self.failed_polls = 0

    @property
    def has_polled_all(self) -> bool:
        """Whether every job was asked for at least once."""
        return self._unpolled == 0

    def knows(self, job_id: str) -> bool:
        """Tell whether a job is watched, or was and has ended."""
        return job_id in self.jobs or job_id in self.ended

    def enter(self, job: BenchmarkJob) -> Watched | None:
        """Take in a job; None for one that is watched already, or has ended here."""
        if self.knows(job.id):
            return None
        watched = self.jobs[job.id] = Watched(job, wait=self._policy.interval, now=self._now())
        self._unpolled += 1
        self._set_quiet(watched)
        return watched

    def note_poll(self, watched: Watched) -> None:
        """Note that a job was asked for, whatever the answer."""
        if watched.is_new:
            watched.is_new = False
            self._unpolled -= 1
            if not self._unpolled:
                self._mailbox.wake()

    def compare(self, watched: Watched, status: str, progress: Progress | None = None) -> bool:
        """Take in a state that is no end; return whether anything changed.

        *progress* is what a document shows; None for a job list, which shows none.
        """
        self.note_poll(watched)
        watched.job.status = status
        known, moved = watched.status, False
        if progress is not None:
            moved = watched.progress is not None and progress != watched.progress
            watched.progress = progress
        self._note_whether_known(watched, status)
        if known == status and not moved:
            return False
        watched.status = status
        watched.changed_at = self._now()
        self._set_quiet(watched)
        if known is not None and known != status:
            self._mailbox.put(StatusChanged(watched.job, known, status), watched)
        if moved and progress is not None and progress != NO_PROGRESS:
            self._mailbox.put(Progressed(watched.job, progress), watched)
        return True

    def end(self, watched: Watched, event: Finished | Abandoned) -> None:
        """Take a job out, with the one event that says so."""
        self.note_poll(watched)
        del self.jobs[watched.job.id]
        self._quiet.pop(watched, None)
        self.ended.add(watched.job.id)
        self._mailbox.put(event, watched.job.id)

    def note_failure(self, members: Collection[Watched], subject: Watched | Group, error: APIError) -> None:
        """Report a request that brought no usable answer."""
        for watched in members:
            self.note_poll(watched)
        self.failed_polls += 1
        if is_told(self.failed_polls):
            logger.warning("poll failed (%d so far), will ask again: %s", self.failed_polls, error)
        self._mailbox.put(PollFailed(tuple(each.job for each in members), error), subject)

    def note_success(self, subject: Watched | Group, polls: int) -> None:
        """Count the job states that a good answer brought; an untold failure of *subject* is no news any more."""
        self.polls += polls
        self._mailbox.forget_failure(subject)

    # -- jobs that show no change ------------------------------------------------------------------------------

    @property
    def next_stall(self) -> float:
        """When the next job has been quiet for too long, unless it changes; infinity for never."""
        if self._stall_after is None or not self._quiet:
            return float("inf")
        return next(iter(self._quiet)).changed_at + self._stall_after

    def report_stalled(self) -> None:
        """Report the jobs that have been quiet for too long, once each: a change puts them back."""
        now = self._now()
        while self.next_stall <= now:
            watched = next(iter(self._quiet))
            del self._quiet[watched]
            self._mailbox.put(Stalled(watched.job, now - watched.changed_at), watched)

    def _note_whether_known(self, watched: Watched, status: str) -> None:
        if is_known(normalized(status), self._policy.ends):
            watched.unknown = 0
        else:
            watched.unknown += 1
            warn_of_unknown_status(watched.job.id, status, watched.unknown)

    def _set_quiet(self, watched: Watched) -> None:
        if self._stall_after is not None:
            self._quiet.pop(watched, None)
            self._quiet[watched] = None
