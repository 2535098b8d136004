"""The scheduler of a monitor: who is asked for when, with how many requests at once.

One loop takes what is due out of the timetable; each request in flight is a task, of which there are at most as many
as connections. What a turn does is the business of `polls`; how events reach the consumer, or what a journal is,
nobody here knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from aiobench._watch.confirmations import Confirmations
from aiobench._watch.grouping import Grouping
from aiobench._watch.ledger import Ledger
from aiobench._watch.polls import SLICE, Polls
from aiobench._watch.schedule import GAP, Waits
from aiobench._watch.timetable import Timetable, Unit

if TYPE_CHECKING:
    from aiobench._http.platform import Platform
    from aiobench._watch.mailbox import Mailbox
    from aiobench.job import BenchmarkJob
    from aiobench.policy import PollPolicy

__all__ = ["Scheduler"]


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
        self._session = platform.session
        self._ledger = ledger
        self._mailbox = mailbox
        self._free_slots = max_in_flight
        self._waits = Waits(policy, self._session.random)
        self._timetable = Timetable()
        self._grouping = Grouping(
            self._timetable, self._waits, list_request=platform.job_list_request, now=self._session.now
        )
        self._confirmations = Confirmations(mailbox)
        self.polls = Polls(platform, policy.ends, self._waits, self._grouping, ledger, self._confirmations)
        self._incoming: dict[str, BenchmarkJob] = {}
        self._is_confirming = False
        self._wake = anyio.Event()

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
        first = failures.pop(0)
        failures.clear()
        try:
            raise first
        finally:
            del first  # else it and this frame would hold each other

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
            self._grouping.note_disturbance()
            return None
        self._is_confirming = not self._is_confirming  # in turn: neither ends nor states shall wait for the other
        sources = [self._next_due, self._confirmations.pop]
        for source in reversed(sources) if self._is_confirming else sources:
            if (unit := source()) is not None:
                return unit
        return None

    def _next_due(self) -> Unit | None:
        unit = self._timetable.pop(self._session.now(), self._waits.spread)
        if unit is not None:
            unit.is_asked = True
        return unit

    def _paused_for(self) -> float:
        return self._session.pauses.remaining(self._session.origin, self._session.now())

    async def _rest(self) -> None:
        """Sleep until something is due or happens."""
        now = self._session.now()
        wanted = now if self._confirmations.is_ready else self._timetable.next_due
        due = max(wanted, now + self._paused_for()) if self._free_slots else float("inf")
        until = min(due, self._ledger.next_stall)
        with self._session.clock.move_on_after(max(0.0, until - now)):
            await self._wake.wait()
        if self._session.now() - until > GAP:
            self._grouping.note_disturbance()
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
            self.wake()
