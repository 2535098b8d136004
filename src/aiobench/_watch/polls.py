"""What a turn of a monitor does: asks for a job's document or a benchmark's list, and takes in what comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio.lowlevel

from aiobench._errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    InvalidResponseError,
)
from aiobench._http.retries import asked_wait, is_retried
from aiobench._watch.log import logger
from aiobench._watch.roster import Group, Watched
from aiobench._wire.heads import ListEntry, job_list
from aiobench._wire.statuses import normalized
from aiobench.events import Abandoned, Finished
from aiobench.snapshot import JobSnapshot, snapshot_of

if TYPE_CHECKING:
    from aiobench._http.platform import Platform
    from aiobench._watch.confirmations import Confirmations
    from aiobench._watch.grouping import Grouping
    from aiobench._watch.ledger import Ledger
    from aiobench._watch.schedule import Waits
    from aiobench._watch.timetable import Unit

__all__ = ["SLICE", "Polls"]

SLICE = 500  # list entries compared, or jobs taken in, before other tasks get a turn: a millisecond or two
FAILED_LISTS = 3  # in a row that make no sense, after which the single jobs are asked for


class Polls:
    """Asks the platform, notes in the ledger what was learned, and gives each job its next turn.

    Args:
        platform: Whom to ask.
        ends: The statuses that are an end.
        waits: The policy's arithmetic.
        grouping: Who is asked for with whom, and when next.
        ledger: Where it is noted what was learned.
        confirmations: Which ends still want their document.
    """

    def __init__(
        self,
        platform: Platform,
        ends: frozenset[str],
        waits: Waits,
        grouping: Grouping,
        ledger: Ledger,
        confirmations: Confirmations,
    ) -> None:
        self._platform = platform
        self._now = platform.session.now
        self._ends = ends
        self._waits = waits
        self._grouping = grouping
        self._ledger = ledger
        self._confirmations = confirmations
        self.requests = self.list_requests = 0

    async def ask(self, unit: Unit) -> None:
        """Let a unit have its turn.

        Raises:
            AuthenticationError: If the key is not accepted.
            ClientStateError: If the client cannot be used (any more).
        """
        if isinstance(unit, Group):
            await self._ask_for_list(unit)
            return
        try:
            await self._ask_for_job(unit)
        finally:
            self._confirmations.done(unit)

    # -- one job -----------------------------------------------------------------------------------------------

    async def _ask_for_job(self, watched: Watched) -> None:
        job = watched.job
        size = 0

        def decode(body: bytes) -> JobSnapshot:
            nonlocal size
            size = len(body)
            return snapshot_of(job.id, body, polled_at=datetime.now(UTC), terminal=self._ends)

        try:
            snapshot = await self._platform.poll(self._platform.job_request(job.id), decode, self._count_request)
        except AuthenticationError:
            raise
        except APIError as error:
            watched.is_asked = False
            if is_retried(error):
                self._grouping.note_disturbance()
                self._ledger.note_failure([watched], watched, error)
                self._again(watched, self._waits.grown(watched.wait), error)
            else:
                self._grouping.leave(watched)
                self._ledger.end(watched, Abandoned(job, error))
            return
        watched.is_asked = False
        self._ledger.note_success(watched, polls=1)
        self._grouping.note_document(size)
        job.observe(snapshot.status, snapshot.benchmark_id)
        if not snapshot.is_terminal:
            changed = self._ledger.compare(watched, snapshot.status, snapshot.progress)
            self._again(watched, self._waits.first if changed else self._waits.grown(watched.wait))
        elif self._confirmations.may_end(watched):
            self._grouping.leave(watched)
            self._ledger.end(watched, Finished(job, snapshot))
        else:  # to keep its document until the consumer has caught up would take memory without bound
            self._confirmations.add(watched)

    def _again(self, watched: Watched, wait: float, error: APIError | None = None) -> None:
        """Give a job that was asked for singly its next turn."""
        watched.wait = wait
        due = self._now() + self._waits.drawn(wait, asked_wait(error))
        if watched.group is not None:
            watched.group.note_single()
        if error is None and watched.job.benchmark_id:
            self._grouping.join(watched, watched.job.benchmark_id, due=due)
        else:
            self._grouping.arrange(watched, due)

    # -- one list ----------------------------------------------------------------------------------------------

    async def _ask_for_list(self, group: Group) -> None:
        size = 0

        def decode(body: bytes) -> list[ListEntry]:
            nonlocal size
            size = len(body)
            return job_list(body)

        def count() -> None:
            self._count_request()
            self.list_requests += 1

        try:
            entries = await self._platform.poll(group.request, decode, count)
        except AuthenticationError:
            raise
        except APIError as error:
            group.is_asked = False
            self._list_failed(group, error)
            return
        await anyio.lowlevel.checkpoint()  # to decode and to compare are two turns
        least = await self._take_list(group, entries, size)
        group.is_asked = False
        self._grouping.next_round(group, least)

    async def _take_list(self, group: Group, entries: Sequence[ListEntry], size: int) -> float:
        """Hold a list against what is known; return the shortest wait of any member.

        This is the hot path: all but the last lines see every entry of every list.
        """
        group.round += 1
        jobs, this_round, covered, least = self._ledger.jobs, group.round, 0, float("inf")
        backoff, longest = self._waits.backoff, self._waits.longest
        for start in range(0, len(entries), SLICE):
            for entry in entries[start : start + SLICE]:
                watched = jobs.get(entry.job_id)
                if watched is None or (watched.group is not group and not self._grouping.adopt(group, watched, entry)):
                    continue
                if watched.round == this_round:  # listed twice
                    continue
                watched.round = this_round
                covered += 1
                if entry.status == watched.status is not None and not watched.unknown:
                    watched.wait = wait = min(watched.wait * backoff, longest)
                else:
                    wait = self._take_news(watched, entry.status)
                least = min(least, wait)
            await anyio.lowlevel.checkpoint()
        self._ledger.note_success(group, polls=covered)
        missing = [watched for watched in group.members.values() if watched.round != this_round]
        group.note_list(size, len(missing))
        for watched in missing:
            self._grouping.ask_singly(watched)
        return least

    def _take_news(self, watched: Watched, status: str | None) -> float:
        """Take in an entry that does not say what is known already; return the wait that follows."""
        if status is None:  # it cannot be read
            self._grouping.ask_singly(watched)
        elif normalized(status) in self._ends:  # the document has the last word
            watched.job.status = status
            self._confirmations.add(watched)
        else:
            changed = self._ledger.compare(watched, status)
            watched.wait = self._waits.first if changed else self._waits.grown(watched.wait)
        return watched.wait

    def _list_failed(self, group: Group, error: APIError) -> None:
        members = list(group.members.values())
        group.failures += 1
        is_refused = isinstance(error, APIStatusError) and not is_retried(error)
        if not is_refused:
            self._grouping.note_disturbance()
            self._ledger.note_failure(members, group, error)
        makes_no_sense = isinstance(error, InvalidResponseError) and group.failures >= FAILED_LISTS
        if not is_retried(error) or makes_no_sense:
            logger.info("%s; asking for %d jobs singly", error, len(members))
            self._grouping.do_without_list(group)
            return
        for watched in members:
            watched.wait = self._waits.grown(watched.wait)
        self._grouping.next_round(group, min((each.wait for each in members), default=0.0), asked_wait(error))

    def _count_request(self) -> None:
        self.requests += 1
