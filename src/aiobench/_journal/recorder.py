"""Writes a monitor's journal in its own thread. No job is watched before it is recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import anyio
import anyio.to_thread

from aiobench._journal.journal import Contents, Journal, Record, Wish
from aiobench.errors import JournalError

if TYPE_CHECKING:
    from aiobench._journal.notes import Notes

__all__ = ["Recorder"]


class Identified(Protocol):
    """What recording requires of a job."""

    @property
    def id(self) -> str: ...
    @property
    def benchmark_id(self) -> str: ...


T = TypeVar("T")
J = TypeVar("J", bound=Identified)

MOMENT = 0.01  # seconds that the event loop may be held while a job is recorded
SLICE = 500  # jobs recorded at once: thousands must not hold the event loop


class Recorder(Generic[J]):
    """Records jobs and hands them on, and the starts that must survive a crash.

    Args:
        journal: The journal; opened and closed here.
        notes: The notes of the jobs.
        watch: Takes the jobs that are recorded.
        make_job: Makes a job of what an earlier process recorded: its id and its benchmark's.
        replay: Whether ends that were handled before are watched, and so reported, again.
        busy: Marks what waits for a thread rather than for time.
    """

    def __init__(
        self,
        journal: Journal,
        notes: Notes,
        *,
        watch: Callable[[Iterable[J | str]], None],
        make_job: Callable[[str, str], J],
        replay: bool,
        busy: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._journal = journal
        self._notes = notes
        self._watch = watch
        self._make_job = make_job
        self._replay = replay
        self._busy = busy
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aiobench-journal")
        self._threads = anyio.CapacityLimiter(float("inf"))  # that wait for it: the user's may all be busy (F35)
        self._unrecorded: dict[str, J | str] = {}
        self._under_way: deque[tuple[Sequence[J | str], Future[set[str]] | None]] = deque()
        self._came_in = anyio.Event()
        self._is_open = False
        self.handled_before = 0

    @property
    def pending(self) -> Mapping[str, J | str]:
        """The jobs that are not recorded yet, by id."""
        return self._unrecorded

    async def open(self) -> Contents:
        """Resume what an earlier process left, and record the jobs added so far.

        Raises:
            JournalError: If the journal cannot be used.
        """
        try:
            contents = await self._done(self._journal.open)
            earlier = [*contents.pending]
            if self._replay:
                earlier += await self._done(self._journal.handled)
            else:
                self.handled_before = contents.handled
            for number, record in enumerate(earlier):
                self._notes.put_text(record.job_id, record.note)
                if number % SLICE == SLICE - 1:
                    await anyio.lowlevel.checkpoint()
                self._watch([self._made(record)])
            while batch := list(islice(self._unrecorded.values(), SLICE)):  # others may come in meanwhile
                handled = await self._until(self._recording(batch))
                self._hand_on(batch, handled)
        except BaseException:
            await self.aclose()
            raise
        self._is_open = True
        return contents

    def _made(self, record: Record) -> J | str:
        given = self._unrecorded.get(record.job_id)
        return given if given is not None else self._make_job(record.job_id, record.benchmark_id)

    def add(self, jobs: Sequence[J | str]) -> None:
        """Record jobs and have them watched. Waits for that only briefly.

        Raises:
            JournalError: If the journal cannot be written.
        """
        if self._is_open and not self._under_way and len(jobs) <= SLICE:
            recording = self._recording(jobs)
            wait([recording], timeout=MOMENT)
            if recording.done():
                self._hand_on(jobs, recording.result())
                return
            self._under_way.append((jobs, recording))
        elif self._is_open:
            self._under_way += ((jobs[start : start + SLICE], None) for start in range(0, len(jobs), SLICE))
        self._came_in.set()
        for job in jobs:
            self._unrecorded.setdefault(_id(job), job)

    async def run(self) -> None:
        """Hand on jobs whose recording took longer, until cancelled.

        Raises:
            JournalError: If the journal cannot be written.
        """
        while True:
            while self._under_way:
                jobs, recording = self._under_way[0]
                handled = await self._until(recording or self._recording(jobs))
                self._under_way.popleft()
                self._hand_on(jobs, handled)
            self._came_in = anyio.Event()
            await self._came_in.wait()

    async def handle(self, job_id: str, benchmark_id: str) -> None:
        """Record that the end of a job was handled.

        Raises:
            JournalError: If the journal cannot be written.
        """
        record = Record(job_id, benchmark_id or "", self._notes.text(job_id))
        await self._done(lambda: self._journal.handle(record))

    async def begin_start(self, benchmark_id: str, note: str | None, before: frozenset[str] | None) -> Wish:
        """Record that a job is about to be started."""
        return await self._done(lambda: self._journal.begin_start(benchmark_id, note, before))

    async def end_start(self, wish: Wish, job_id: str | None) -> None:
        """Record the outcome of a start: a job, or none."""
        job = None if job_id is None else Record(job_id, wish.benchmark_id, wish.note)
        await self._done(lambda: self._journal.end_start(wish.number, job))

    async def unknown(self, job_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that the journal does not know."""
        return await self._done(lambda: self._journal.unknown(job_ids))

    async def aclose(self) -> None:
        """Close the journal."""
        with anyio.CancelScope(shield=True):
            await self._done(self._journal.close)
            self._thread.shutdown(wait=False)

    def _recording(self, jobs: Sequence[J | str]) -> Future[set[str]]:
        notes = {_id(job): self._notes.text(_id(job)) for job in jobs} if self._notes else {}

        def record() -> set[str]:
            return self._journal.add(
                Record(_id(job), "" if isinstance(job, str) else job.benchmark_id or "", notes.get(_id(job)))
                for job in jobs
            )

        return self._soon(record)

    def _hand_on(self, jobs: Sequence[J | str], handled: AbstractSet[str]) -> None:
        self._watch([job for job in jobs if self._replay or _id(job) not in handled])
        for job in jobs:
            self._unrecorded.pop(_id(job), None)

    # -- the thread --------------------------------------------------------------------------------------------

    def _soon(self, step: Callable[[], T]) -> Future[T]:
        try:
            return self._thread.submit(step)
        except RuntimeError as error:  # the thread has ended
            raise JournalError("the journal cannot be used: it is closed", path="") from error

    async def _done(self, step: Callable[[], T]) -> T:
        return await self._until(self._soon(step))

    async def _until(self, future: Future[T]) -> T:
        """Wait for the thread. Cancelling the wait does not cancel its work."""
        with self._busy():
            return await anyio.to_thread.run_sync(future.result, limiter=self._threads)


def _id(job: Identified | str) -> str:
    return job if isinstance(job, str) else job.id
