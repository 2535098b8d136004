"""Jobs on their way into a monitor, handed over or started: their notes, and the journal if there is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from aiobench._journal.notes import Notes, checked_note
from aiobench._monitor.starts import Starts
from aiobench._watch.log import logger
from aiobench._wire.routes import checked_id

if TYPE_CHECKING:
    import os

    from aiobench._http.platform import Platform
    from aiobench._journal.recorder import Recorder
    from aiobench._watch.jobs import Job
    from aiobench._watch.news import Interrupted, NewsQueue
    from aiobench._watch.scheduler import Scheduler
    from aiobench._watch.states import States
    from aiobench.documents import JSON

__all__ = ["Intake"]


class Intake:
    """Takes jobs in and hands them to the scheduler; remembers their notes until their ends are handled.

    Args:
        platform: The platform to ask.
        scheduler: Takes the jobs to watch.
        states: Knows the jobs that are watched, or have ended.
        news: The news of the monitor.
        make_job: Makes a job of its id and its benchmark's, "" if that is not known.
        journal: The journal's path; None for none.
        replay: Whether ends that an earlier process handled are reported again.

    Raises:
        ConfigurationError: If *journal* is not the path of a file.
    """

    def __init__(
        self,
        platform: Platform,
        scheduler: Scheduler,
        states: States,
        news: NewsQueue,
        *,
        make_job: Callable[[str, str], Job],
        journal: str | os.PathLike[str] | None,
        replay: bool,
    ) -> None:
        self._scheduler = scheduler
        self._states = states
        self._notes = notes = Notes()
        # what is handed out holds neither this intake nor the monitor, so that they go when they are dropped
        self._watch = watch = partial(_watch, scheduler, news)
        self._recorder: Recorder[Job] | None = None
        if journal is not None:
            from aiobench._journal.exclusive_file import checked_path
            from aiobench._journal.journal import Journal  # brings sqlite3
            from aiobench._journal.recorder import Recorder

            session = platform.session
            self._recorder = Recorder(
                Journal(checked_path(journal), str(session.base_url)),
                notes,
                watch=watch,
                make_job=make_job,
                replay=replay,
                busy=session.clock.busy,
            )
        self._starts = Starts(platform, self._recorder, notes, news, watch=watch, make_job=make_job)
        self.note_of: Callable[[str], JSON] = notes.of

    def add(self, jobs: Sequence[Job | str], note: JSON) -> None:
        """Take in jobs; without a note, each keeps the one that it has.

        Raises:
            ConfigurationError: If the note is not JSON, or too long.
            JournalError: If the journal cannot be written.
        """
        text = checked_note(note)
        if text is not None:
            for job in jobs:
                self._notes.put_text(job if isinstance(job, str) else job.id, text)
        if self._recorder is None:
            self._watch(jobs)
        else:
            self._recorder.add(jobs)

    async def start(self, benchmark_id: str, note: JSON) -> Job:
        """Start a job and take it in; raises what `Starts.start()` raises."""
        checked_id(benchmark_id, "benchmark id")
        return await self._starts.start(benchmark_id, checked_note(note))

    @property
    def newcomers(self) -> dict[str, Job | str]:
        """The jobs that were handed over and are not watched yet, by id: none, most of the time."""
        unrecorded = self._recorder.pending if self._recorder is not None else {}
        handed_over = chain(unrecorded.items(), self._scheduler.incoming.items())
        return {job_id: job for job_id, job in handed_over if not self._states.knows(job_id)}

    @property
    def is_busy(self) -> bool:
        """Whether there are newcomers, or will be."""
        is_recording = self._recorder is not None and bool(self._recorder.pending)
        return self._scheduler.has_incoming or is_recording or self._starts.is_busy

    @property
    def handled_before(self) -> int:
        """How many jobs of the journal ended and were handled in earlier processes."""
        return self._recorder.handled_before if self._recorder is not None else 0

    async def handled(self, job: Job) -> None:
        """Record that the end of a job was handled, and forget its note.

        Raises:
            JournalError: If the journal cannot be written.
        """
        if self._recorder is not None:
            await self._recorder.handle(job.id, job.benchmark_id)
        self._notes.drop(job.id)

    async def cleared_up(self, news: Interrupted) -> None:
        """Record that the consumer has handled the news of an interrupted start."""
        await self._starts.handled(news)

    async def open(self) -> list[Callable[[], Awaitable[None]]]:
        """Resume what the journal holds, and return the tasks to run from now on.

        Raises:
            JournalError: If the journal cannot be used.
        """
        if self._recorder is None:
            return []
        contents = await self._recorder.open()
        self._starts.clear_up(contents.starts)
        if self.handled_before:
            logger.info(
                "%d jobs of this journal ended and were handled before; monitor(replay=True) reports them again",
                self.handled_before,
            )
        return [self._recorder.run, self._starts.run]

    async def aclose(self) -> None:
        """Close the journal."""
        if self._recorder is not None:
            await self._recorder.aclose()


def _watch(scheduler: Scheduler, news: NewsQueue, jobs: Iterable[Job | str]) -> None:
    scheduler.add(jobs)
    news.wake()  # perhaps there is nothing to watch
