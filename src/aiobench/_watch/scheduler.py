"""The scheduler of a monitor: asks for many jobs with few requests.

One loop takes what is due out of the timetable; each request in flight is a task, of which there are at most as many
as connections. Nothing here knows how events reach the consumer, or what a journal is.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from aiobench._http.replies import asked_wait, is_retried
from aiobench._watch.events import Abandoned, Finished
from aiobench._watch.grouping import Grouping
from aiobench._watch.ledger import Ledger
from aiobench._watch.roster import Group, Watched
from aiobench._watch.schedule import Waits
from aiobench._watch.timetable import Timetable, Unit
from aiobench._wire.heads import ListEntry, job_list
from aiobench._wire.statuses import normalized
from aiobench.errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
)
from aiobench.snapshot import JobSnapshot, snapshot_of

if TYPE_CHECKING:
    from aiobench._http.platform import Platform
    from aiobench._watch.mailbox import Mailbox
    from aiobench._watch.policy import PollPolicy
    from aiobench.job import BenchmarkJob

__all__ = ["Scheduler"]

logger = logging.getLogger("aiobench.watch")

SLICE = 500  # list entries compared, or jobs taken in, before other tasks get a turn: a millisecond or two
GAP = 5.0  # seconds by which a sleep that lasts too long shows that this machine was suspended
FAILED_LISTS = 3  # in a row that make no sense, after which the single jobs are asked for


class Scheduler:
    """Polls the jobs it is given until each has ended.

    Args:
        platform: Whom to ask.
        policy: When, and what counts as an end.
        ledger: Where it is noted what was learned.
        mailbox: Says whether more documents may be fetched.
        max_in_flight: How many requests there may be at once.
    """

    def __init__(
        self, platform: Platform, policy: PollPolicy, ledger: Ledger, mailbox: Mailbox, *, max_in_flight: int
    ) -> None:
        self._platform = platform
        self._session = platform.session
        self._ends = policy.ends
        self._ledger = ledger
        self._mailbox = mailbox
        self._free_slots = max_in_flight
        self._disturbed_until = float("-inf")
        self._waits = Waits(policy, self._session.random)
        self._timetable = Timetable()
        self._grouping = Grouping(
            self._timetable, self._waits, list_request=platform.job_list_request, now=self._session.now
        )
        self._to_confirm: deque[Watched] = deque()  # said to have ended; their documents are to be asked for
        self._confirming: set[Watched] = set()  # their documents are on their way, and have a place in the mailbox
        self._incoming: dict[str, BenchmarkJob] = {}
        self._is_confirming = False
        self._wake = anyio.Event()
        self.requests = self.list_requests = 0

    def add(self, jobs: Iterable[BenchmarkJob]) -> None:
        """Watch jobs; those that are watched already, or have ended here, are left as they are."""
        for job in jobs:
            self._incoming.setdefault(job.id, job)
        self.wake()

    @property
    def incoming(self) -> AbstractSet[str]:
        """The ids of the jobs that were added and are not taken in yet."""
        return self._incoming.keys()

    @property
    def has_polled_all(self) -> bool:
        """Whether every job was asked for at least once."""
        return self._ledger.has_polled_all and not self._incoming

    def wake(self) -> None:
        """Look again whether something can be done: jobs have come, or the mailbox has room."""
        self._wake.set()

    # -- the loop ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Poll until cancelled, or until an error that concerns every job.

        Raises:
            AuthenticationError: If the key is not accepted.
            ClientStateError: If the client cannot be used (any more).
        """
        failures: list[Exception] = []
        async with anyio.create_task_group() as tasks:
            try:
                while True:
                    await self._admit()
                    self._ledger.report_stalled()
                    unit = self._next_unit()
                    if unit is None:
                        await self._rest()
                    else:
                        self._free_slots -= 1
                        tasks.start_soon(self._ask, unit, tasks.cancel_scope, failures)
            except Exception as error:  # noqa: BLE001 - out of the task group, so that nothing wraps it
                failures.append(error)
                tasks.cancel_scope.cancel()
        raise failures[0]

    async def _admit(self) -> None:
        """Take in what was added, in slices: thousands of jobs at once must not hold the event loop."""
        while self._incoming:
            batch = [self._incoming.pop(job_id) for job_id in list(islice(self._incoming, SLICE))]
            self._grouping.admit([watched for job in batch if (watched := self._ledger.enter(job)) is not None])
            self._mailbox.wake()  # perhaps all of them have ended before
            await anyio.lowlevel.checkpoint()

    def _next_unit(self) -> Unit | None:
        if not self._free_slots:
            return None
        if self._paused_for() > 0:
            self._note_disturbance()
            return None
        self._is_confirming = not self._is_confirming  # in turn: neither ends nor states shall wait for the other
        sources = [self._next_due, self._next_to_confirm]
        for source in reversed(sources) if self._is_confirming else sources:
            if (unit := source()) is not None:
                return unit
        return None

    def _next_to_confirm(self) -> Unit | None:
        if not self._to_confirm or not self._has_room:
            return None
        watched = self._to_confirm.popleft()
        self._confirming.add(watched)
        return watched

    @property
    def _has_room(self) -> bool:
        """Whether there is a place for one more document, after those that are on their way."""
        return self._mailbox.room > len(self._confirming)

    def _next_due(self) -> Unit | None:
        now = self._session.now()
        unit = self._timetable.pop(now, spread=self._waits.spread if now < self._disturbed_until else None)
        if unit is not None:
            unit.is_asked = True
        return unit

    def _paused_for(self) -> float:
        return self._session.pauses.remaining(self._session.origin, self._session.now())

    async def _rest(self) -> None:
        """Sleep until something is due or happens."""
        now = self._session.now()
        due = max(self._timetable.next_due, now + self._paused_for()) if self._free_slots else float("inf")
        until = min(due, self._ledger.next_stall)
        with anyio.move_on_after(max(0.0, until - now)):
            await self._wake.wait()
        if self._session.now() - until > GAP:
            self._note_disturbance()
        if self._wake.is_set():
            self._wake = anyio.Event()

    def _note_disturbance(self) -> None:
        """Note that polls are held up: for one longest wait from now, those that are late are spread."""
        self._disturbed_until = self._session.now() + self._waits.drawn(self._waits.longest)

    async def _ask(self, unit: Unit, scope: anyio.CancelScope, failures: list[Exception]) -> None:
        try:
            if isinstance(unit, Group):
                await self._ask_for_list(unit)
            else:
                try:
                    await self._ask_for_job(unit)
                finally:
                    self._confirming.discard(unit)
        except Exception as error:  # noqa: BLE001 - a refused key, a closed client, a fault of ours: for all jobs
            failures.append(error)
            scope.cancel()
        finally:
            self._free_slots += 1
            self.wake()

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
            if not isinstance(error, PermissionDeniedError | NotFoundError):
                self._note_disturbance()
                self._ledger.note_failure([watched], watched, error)
                self._again(watched, self._waits.grown(watched.wait), error)
            else:
                self._grouping.leave(watched)
                self._ledger.end(watched, Abandoned(job, error))
            return
        watched.is_asked = False
        self._ledger.note_success(watched, polls=1)
        self._grouping.note_document(size)
        job.status = snapshot.status
        job.benchmark_id = snapshot.benchmark_id or job.benchmark_id
        if not snapshot.is_terminal:
            changed = self._ledger.compare(watched, snapshot.status, snapshot.progress)
            self._again(watched, self._waits.first if changed else self._waits.grown(watched.wait))
        elif watched in self._confirming or self._has_room:
            self._grouping.leave(watched)
            self._ledger.end(watched, Finished(job, snapshot))
        else:  # to keep its document until the consumer has caught up would take memory without bound
            self._confirm(watched)

    def _again(self, watched: Watched, wait: float, error: APIError | None = None) -> None:
        """Give a job that was asked for singly its next turn."""
        watched.wait = wait
        due = self._session.now() + self._waits.drawn(wait, asked_wait(error))
        if watched.group is not None:
            watched.group.note_single()
        if error is None and watched.job.benchmark_id:
            self._grouping.join(watched, watched.job.benchmark_id, due=due)
        else:
            self._grouping.arrange(watched, due)

    def _confirm(self, watched: Watched) -> None:
        """Have the document of a job asked for that is said to have ended."""
        if not watched.is_asked:
            watched.is_asked = True
            self._to_confirm.append(watched)

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
            self._confirm(watched)
        else:
            changed = self._ledger.compare(watched, status)
            watched.wait = self._waits.first if changed else self._waits.grown(watched.wait)
        return watched.wait

    def _list_failed(self, group: Group, error: APIError) -> None:
        members = list(group.members.values())
        group.failures += 1
        is_refused = isinstance(error, APIStatusError) and not is_retried(error)
        if not is_refused:
            self._note_disturbance()
            self._ledger.note_failure(members, group, error)
        if is_refused or (
            isinstance(error, InvalidResponseError) and (error.too_large or group.failures >= FAILED_LISTS)
        ):
            logger.info("%s; asking for %d jobs singly", error, len(members))
            self._grouping.do_without_list(group)
            return
        for watched in members:
            watched.wait = self._waits.grown(watched.wait)
        self._grouping.next_round(group, min((each.wait for each in members), default=0.0), asked_wait(error))

    def _count_request(self) -> None:
        self.requests += 1
