"""Jobs on their way through the journal: none is watched before it is recorded, so that none ends unrecorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

import anyio

from aiobench._watch.journal import Journal, until_done

if TYPE_CHECKING:
    from aiobench.job import BenchmarkJob

__all__ = ["Recorder"]

MOMENT = 0.01  # seconds that the event loop may be held while a job is recorded


class Recorder:
    """Records jobs and hands them on.

    Args:
        journal: Where they are recorded; opened and closed here.
        watch: Takes the jobs whose end was not handled before.
        make_job: Makes a job of what an earlier process recorded: its id and its benchmark's.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        watch: Callable[[Iterable[BenchmarkJob]], None],
        make_job: Callable[[str, str], BenchmarkJob],
    ) -> None:
        self._journal = journal
        self._watch = watch
        self._make_job = make_job
        self._unrecorded: dict[str, BenchmarkJob] = {}
        self._under_way: deque[tuple[list[BenchmarkJob], Future[set[str]]]] = deque()
        self._came_in = anyio.Event()
        self._is_open = False

    @property
    def pending(self) -> AbstractSet[str]:
        """The ids of the jobs that are not recorded yet."""
        return self._unrecorded.keys()

    async def open(self) -> None:
        """Take up what an earlier process left, and record the jobs that were added so far.

        Raises:
            JournalError: If the journal cannot be used.
        """
        try:
            for job_id, benchmark_id in await self._journal.open():
                self._unrecorded.setdefault(job_id, self._make_job(job_id, benchmark_id))
            while batch := list(self._unrecorded.values()):  # others may come in while these are recorded
                handled = await until_done(self._recording(batch))
                self._hand_on(batch, handled)
        except BaseException:
            await self.aclose()
            raise
        self._is_open = True

    def add(self, jobs: list[BenchmarkJob]) -> None:
        """Have jobs recorded and then watched; wait for that, but only a moment.

        Raises:
            JournalError: If the journal cannot be written.
        """
        if self._is_open:
            recording = self._recording(jobs)
            wait([recording], timeout=MOMENT)
            if recording.done():
                self._hand_on(jobs, recording.result())
                return
            self._under_way.append((jobs, recording))
            self._came_in.set()
        for job in jobs:
            self._unrecorded.setdefault(job.id, job)

    async def run(self) -> None:
        """Hand on the jobs whose recording took longer, until cancelled.

        Raises:
            JournalError: If the journal cannot be written.
        """
        while True:
            while self._under_way:
                jobs, recording = self._under_way[0]
                handled = await until_done(recording)
                self._under_way.popleft()
                self._hand_on(jobs, handled)
            self._came_in = anyio.Event()
            await self._came_in.wait()

    async def handle(self, job_id: str) -> None:
        """Record that the end of a job was handled.

        Raises:
            JournalError: If the journal cannot be written.
        """
        await self._journal.handle(job_id)

    async def aclose(self) -> None:
        """Close the journal."""
        await self._journal.aclose()

    def _recording(self, jobs: list[BenchmarkJob]) -> Future[set[str]]:
        return self._journal.record([(job.id, job.benchmark_id) for job in jobs])

    def _hand_on(self, jobs: list[BenchmarkJob], handled: AbstractSet[str]) -> None:
        self._watch(job for job in jobs if job.id not in handled)
        for job in jobs:
            self._unrecorded.pop(job.id, None)
