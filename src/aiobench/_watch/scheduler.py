"""A monitor's loop: it takes in jobs and requests what is due, with bounded concurrency.

Each request in flight is a task, of which there are at most as many as connections. What is due is the agenda's
business, and what a turn does that of the polls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import anyio

from aiobench._watch.agenda import Agenda
from aiobench._watch.jobs import Job
from aiobench._watch.polls import SLICE, Polls
from aiobench._watch.timing import GAP, Waits

if TYPE_CHECKING:
    import anyio.lowlevel  # noqa: TC004 - anyio imports it itself when it is first used

    from aiobench._http.platform import Platform
    from aiobench._watch.news import NewsQueue
    from aiobench._watch.states import States
    from aiobench._watch.timing import Unit
    from aiobench.policy import PollPolicy

__all__ = ["Scheduler"]


class Scheduler:
    """Polls jobs until each has ended.

    Args:
        platform: The platform to ask.
        policy: When to poll, and which statuses are terminal.
        states: The last state of each job.
        news: The consumer's queue.
        make_job: Makes a job of an id.
    """

    def __init__(
        self,
        platform: Platform,
        policy: PollPolicy,
        states: States,
        news: NewsQueue,
        *,
        make_job: Callable[[str], Job],
    ) -> None:
        self._session = platform.session
        self._states = states
        self._news = news
        self._make_job = make_job
        self._free_slots = self._session.max_connections
        waits = Waits(policy, self._session.random)
        self._agenda = Agenda(waits, news, list_request=platform.job_list_request, now=self._session.now)
        self.polls = Polls(platform, policy.ends, self._agenda, states)
        self._incoming: deque[Job | str] = deque()
        self._wake = anyio.Event()
        self._sleeps_until = float("-inf")

    def add(self, jobs: Iterable[Job | str]) -> None:
        """Watch jobs, except those that are already watched or have ended here."""
        self._incoming.extend(jobs)
        self.wake()

    @property
    def has_incoming(self) -> bool:
        """Whether there are added jobs that were not taken in yet."""
        return bool(self._incoming)

    @property
    def incoming(self) -> dict[str, Job | str]:
        """The added jobs that were not taken in yet, by id."""
        return {job if isinstance(job, str) else job.id: job for job in reversed(self._incoming)}

    @property
    def has_polled_all(self) -> bool:
        """Whether every job was polled at least once."""
        return self._states.has_polled_all and not self._incoming

    def wake(self) -> None:
        """Check again for work: jobs were added, or the consumer has room."""
        self._wake.set()

    # -- the loop ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Poll until cancelled, or until an error that affects every job.

        Raises:
            AuthenticationError: If the key is not accepted.
            ClientStateError: If the client cannot be used (any more).
        """
        failures: list[Exception] = []
        async with anyio.create_task_group() as tasks:
            try:
                while True:
                    await self._admit()
                    self._states.report_stalled()
                    unit = self._next_unit()
                    if unit is None:
                        await self._rest()
                    else:
                        self._free_slots -= 1
                        tasks.start_soon(self._ask, unit, tasks.cancel_scope, failures)
            except Exception as error:  # noqa: BLE001 - out of the task group, so that nothing wraps it
                failures.append(error)
                tasks.cancel_scope.cancel()
        first = failures.pop(0)
        failures.clear()
        try:
            raise first
        finally:
            del first  # else it and this frame would hold each other

    async def _admit(self) -> None:
        """Take in added jobs in slices, so that thousands at once do not hold up the event loop."""
        while self._incoming:
            now = self._session.now()
            batch = [self._incoming.popleft() for _ in range(min(SLICE, len(self._incoming)))]
            jobs = (job if not isinstance(job, str) else self._make_job(job) for job in batch)
            self._agenda.admit([watched for job in jobs if (watched := self._states.enter(job, now=now)) is not None])
            self._news.wake()  # perhaps all of them have ended before
            await anyio.lowlevel.checkpoint()

    def _next_unit(self) -> Unit | None:
        if not self._free_slots:
            return None
        if self._paused_for() > 0:
            self._agenda.note_disturbance()
            return None
        return self._agenda.next()

    def _paused_for(self) -> float:
        return self._session.pauses.remaining(self._session.origin, self._session.now())

    def _next_turn(self, now: float) -> float:
        """Return when there will be something to do, unless something happens before."""
        due = max(self._agenda.next_due, now + self._paused_for()) if self._free_slots else float("inf")
        return min(due, self._states.next_stall)

    async def _rest(self) -> None:
        """Sleep until something is due or happens."""
        now = self._session.now()
        until = self._sleeps_until = self._next_turn(now)
        with self._session.clock.move_on_after(max(0.0, until - now)):
            await self._wake.wait()
        self._sleeps_until = float("-inf")
        if self._session.now() - until > GAP:
            self._agenda.note_disturbance()
        if self._wake.is_set():
            self._wake = anyio.Event()

    async def _ask(self, unit: Unit, scope: anyio.CancelScope, failures: list[Exception]) -> None:
        try:
            await self.polls.ask(unit)
        except Exception as error:  # noqa: BLE001 - a refused key, a closed client, a fault of ours: for all jobs
            failures.append(error)
            scope.cancel()
        finally:
            self._free_slots += 1
            if self._next_turn(self._session.now()) < self._sleeps_until:  # mostly not: what was asked is due later
                self.wake()
