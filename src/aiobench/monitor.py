"""Many jobs watched in one stream."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, wait
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import anyio
import anyio.abc

from aiobench import _display
from aiobench._seconds import checked_seconds
from aiobench._watch.events import Abandoned, Finished, MonitorEvent, MonitorStats
from aiobench._watch.journal import Journal, until_done
from aiobench._watch.ledger import Ledger
from aiobench._watch.mailbox import Mailbox
from aiobench._watch.scheduler import Scheduler
from aiobench.errors import ClientStateError, ConfigurationError, JobsWaitTimeoutError
from aiobench.job import BenchmarkJob

if TYPE_CHECKING:
    from aiobench._http.platform import Platform
    from aiobench._watch.policy import PollPolicy

__all__ = ["Monitor", "several_jobs"]

MOMENT = 0.01  # seconds that the event loop may be held while a job is recorded
FIRST_ROUND = 1.0  # seconds past the deadline that the one poll which is always made may take


class Monitor:
    """Watches many jobs with few requests, and tells what becomes of them.

    Made by `client.monitor()`. Enter it with `async with` and iterate over it with `async for`, both in one task;
    each job ends with exactly one `Finished` or `Abandoned`. A slow consumer gets the newest state of each job, and
    every end.
    """

    def __init__(
        self,
        platform: Platform,
        jobs: Iterable[BenchmarkJob | str],
        *,
        make_job: Callable[[str, str], BenchmarkJob],
        policy: PollPolicy,
        timeout: float | None,
        stall_after: float | None,
        keep_open: bool,
        journal: str | os.PathLike[str] | None,
        ack: Literal["next", "manual"],
    ) -> None:
        if ack not in {"next", "manual"}:
            raise ConfigurationError(f"ack= must be 'next' or 'manual', not {ack!r}")
        session = platform.session
        self._now = session.now
        self._timeout = checked_seconds(timeout, "timeout")
        self._make_job = make_job
        self._acks_by_next = ack == "next"
        self._is_open = keep_open
        self._mailbox = Mailbox()
        self._ledger = Ledger(
            policy, stall_after=checked_seconds(stall_after, "stall_after"), mailbox=self._mailbox, now=session.now
        )
        self._scheduler = Scheduler(
            platform, policy, self._ledger, self._mailbox, max_in_flight=session.max_connections
        )
        self._journal = None if journal is None else Journal(Path(journal), str(session.base_url))
        self._unrecorded: dict[str, BenchmarkJob] = {}  # waiting for the journal to take them in
        self._to_record: deque[tuple[list[BenchmarkJob], Future[set[str]]]] = deque()
        self._came_in = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None
        self._scope = anyio.CancelScope()
        self._stopped = anyio.Event()
        self._failure: Exception | None = None
        self._deadline: float | None = None
        self._told: Finished | Abandoned | None = None
        self._is_consumed = False
        self._is_over = False
        self.add(*several_jobs(jobs))

    def __repr__(self) -> str:
        stats = self.stats
        return f"<Monitor of {stats.jobs} jobs, {stats.finished} finished, {stats.pending} pending>"

    def _repr_html_(self) -> str:
        return _display.of_monitor(self.stats).html()

    def _repr_pretty_(self, printer: _display.Printer, *_: object) -> None:
        printer.text(_display.of_monitor(self.stats).text())

    @property
    def stats(self) -> MonitorStats:
        """The monitor in figures, as it stands."""
        ledger, scheduler = self._ledger, self._scheduler
        pending = len(self._pending)
        return MonitorStats(
            jobs=pending + len(ledger.ended),
            finished=len(ledger.ended),
            pending=pending,
            polls=ledger.polls,
            requests=scheduler.requests,
            list_requests=scheduler.list_requests,
            failed_polls=ledger.failed_polls,
        )

    # -- jobs in -----------------------------------------------------------------------------------------------

    def add(self, *jobs: BenchmarkJob | str) -> None:
        """Watch more jobs; from any task of the event loop, at any time until the monitor is left.

        One that is watched already is watched once, and one whose end was told is not watched again. With a journal,
        they are recorded when this returns, unless that takes longer than a moment: the event loop is not held up.

        Raises:
            ConfigurationError: If one is neither a job nor a job id.
            ClientStateError: If the monitor is over.
            JournalError: If the journal cannot be written.
        """
        if self._is_over:
            raise ClientStateError("this monitor is over; make another with client.monitor()")
        found = [self._as_job(job) for job in jobs]
        if self._journal is None:
            self._scheduler.add(found)
        elif self._tasks is None:  # its file is not open yet
            self._unrecorded |= {job.id: job for job in found if job.id not in self._unrecorded}
        else:
            recording = self._journal.record([(job.id, job.benchmark_id) for job in found])
            wait([recording], timeout=MOMENT)
            if recording.done():
                self._watch_recorded(found, recording.result())
            else:
                self._unrecorded |= {job.id: job for job in found if job.id not in self._unrecorded}
                self._to_record.append((found, recording))
                self._came_in.set()

    def drain(self) -> None:
        """End the iteration when the present jobs have ended, although the monitor was made with `keep_open`."""
        self._is_open = False
        self._mailbox.wake()

    def _as_job(self, job: object) -> BenchmarkJob:
        if isinstance(job, BenchmarkJob):
            return job
        if isinstance(job, str):
            return self._make_job(job, "")
        raise ConfigurationError(f"a monitor watches jobs and job ids, not {job!r}")

    @property
    def _pending(self) -> AbstractSet[str]:
        return self._scheduler.pending | self._unrecorded.keys()

    # -- events out --------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MonitorEvent:
        if self._tasks is None:
            raise ClientStateError("enter the monitor first: async with client.monitor(...) as monitor")
        if self._is_consumed:
            raise ClientStateError("another task is iterating over this monitor; it has one consumer")
        self._is_consumed = True
        try:
            return await self._next_event()
        finally:
            self._is_consumed = False

    async def _next_event(self) -> MonitorEvent:
        if self._deadline is None:
            self._deadline = self._now() + (float("inf") if self._timeout is None else self._timeout)
        if self._told is not None and self._acks_by_next:
            await self.ack(self._told)
        while True:
            patience = self._patience()
            if patience <= 0:
                self._scope.cancel()  # what is known by now is still told
            event = self._mailbox.take()
            if event is not None:
                if isinstance(event, Finished | Abandoned):
                    self._told = event
                self._scheduler.wake()
                return event
            if self._failure is not None:
                raise self._failure
            if self._is_over or not (self._is_open or self._pending):
                raise StopAsyncIteration
            if patience <= 0:
                raise self._timed_out()
            with anyio.move_on_after(patience):
                await self._mailbox.wait()

    def _patience(self) -> float:
        """Return the seconds that are left: until the deadline, and a little longer for the first round."""
        assert self._deadline is not None
        left = self._deadline - self._now()
        return left if self._scheduler.has_polled_all and not self._unrecorded else left + FIRST_ROUND

    def _timed_out(self) -> JobsWaitTimeoutError:
        finished, pending = frozenset(self._ledger.ended), self._pending
        return JobsWaitTimeoutError(
            f"{len(pending)} of {len(pending) + len(finished)} jobs are not done after {self._timeout:g} s; "
            "they go on at the platform",
            finished=finished,
            pending=pending,
        )

    async def ack(self, event: Finished | Abandoned) -> None:
        """Note in the journal that an end was handled, so that it does not come again after a restart.

        Needed where the monitor was made with `ack="manual"`; else asking for the next event does it. Without a
        journal it does nothing. Works from any task of the event loop.

        Raises:
            TypeError: If *event* is not an end.
            JournalError: If the journal cannot be written.
        """
        if not isinstance(event, Finished | Abandoned):
            raise TypeError(f"only Finished and Abandoned are acknowledged, not {type(event).__name__}")
        if self._told is event:
            self._told = None
        if self._journal is not None:
            await self._journal.handle(event.job.id)

    # -- lifecycle ---------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._tasks is not None or self._is_over:
            raise ClientStateError("a monitor is entered once; make another with client.monitor()")
        if self._journal is not None:
            await self._open(self._journal)
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._tasks is not None
        self._is_over = True
        self._scope.cancel()
        try:
            if exc_value is not None and isinstance(exc_value, anyio.get_cancelled_exc_class()):
                await self._tasks.__aexit__(exc_type, exc_value, traceback)
            else:  # the body's own exception is not the task group's to wrap
                await self._tasks.__aexit__(None, None, None)
        finally:
            if self._journal is not None:
                await self._journal.aclose()

    async def aclose(self) -> None:
        """Stop watching: the iteration ends and nothing more is sent. The jobs themselves go on."""
        self._is_over = True
        self._scope.cancel()
        self._mailbox.wake()
        if self._tasks is not None:
            await self._stopped.wait()

    async def _run(self) -> None:
        """Poll in a scope of our own: stopping that does not cancel the task that entered the monitor."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._until_failure, self._scheduler.run)
                    if self._journal is not None:
                        tasks.start_soon(self._until_failure, self._record)
        finally:
            self._stopped.set()
            self._mailbox.wake()

    async def _until_failure(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - kept for the consumer, as it is
            self._failure = self._failure or error
            self._scope.cancel()

    async def _open(self, journal: Journal) -> None:
        """Take up what an earlier process left, and record the jobs that were added so far."""
        try:
            for job_id, benchmark_id in await journal.open():
                self._unrecorded.setdefault(job_id, self._make_job(job_id, benchmark_id))
            batch = list(self._unrecorded.values())
            handled = await until_done(journal.record([(job.id, job.benchmark_id) for job in batch]))
        except BaseException:
            await journal.aclose()
            raise
        self._watch_recorded(batch, handled)

    async def _record(self) -> None:
        """Watch jobs whose recording took longer, when it is done: none must end unrecorded."""
        while True:
            while self._to_record:
                batch, recording = self._to_record[0]
                handled = await until_done(recording)
                self._to_record.popleft()
                self._watch_recorded(batch, handled)
            self._came_in = anyio.Event()
            await self._came_in.wait()

    def _watch_recorded(self, batch: list[BenchmarkJob], handled: AbstractSet[str]) -> None:
        self._scheduler.add(job for job in batch if job.id not in handled)
        for job in batch:
            self._unrecorded.pop(job.id, None)
        self._mailbox.wake()


def several_jobs(jobs: object) -> Iterable[BenchmarkJob | str]:
    """Return *jobs* if it is a collection of jobs.

    Raises:
        ConfigurationError: If it is a single job, a single id, or no collection at all.
    """
    if isinstance(jobs, str | BenchmarkJob) or not isinstance(jobs, Iterable):
        raise ConfigurationError(f"a monitor takes a collection of jobs, not {jobs!r}")
    return jobs
