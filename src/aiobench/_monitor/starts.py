"""Starts jobs and watches them, so that a crash in between neither loses nor repeats one (F37).

With a journal, the wish is on disk before the request is sent. A wish whose outcome is not recorded, because the
process was killed or the call cancelled, is cleared up with the job list.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import anyio

from aiobench._http.retries import is_retried
from aiobench._http.start import start_job
from aiobench._watch.log import logger
from aiobench._watch.news import Interrupted, NewsQueue
from aiobench.errors import AiobenchError, APIError, AuthenticationError, NotFoundError

if TYPE_CHECKING:
    from aiobench._http.platform import Platform
    from aiobench._journal.journal import Wish
    from aiobench._journal.notes import Notes
    from aiobench._journal.recorder import Recorder
    from aiobench._watch.jobs import Job

__all__ = ["Starts"]

SETTLED = 3.0  # seconds after which a job that was started is in the job list
LOOK_AGAIN = 0.5  # seconds from one look at the list to the next
AFTER_FAILURE = 5.0  # seconds until a list that could not be asked for is asked for again


class Starts:
    """Starts jobs and clears up interrupted starts.

    Args:
        platform: The platform to ask.
        recorder: The journal; None for none.
        notes: The notes of the jobs.
        news: Where news go of what could not be cleared up.
        watch: Takes the jobs that were started.
        make_job: Makes a job of its id and its benchmark's.
    """

    def __init__(
        self,
        platform: Platform,
        recorder: Recorder[Job] | None,
        notes: Notes,
        news: NewsQueue,
        *,
        watch: Callable[[Iterable[Job | str]], None],
        make_job: Callable[[str, str], Job],
    ) -> None:
        self._platform = platform
        self._recorder = recorder
        self._notes = notes
        self._news = news
        self._watch = watch
        self._make_job = make_job
        self._under_way = 0
        self._interrupted: list[Wish] = []
        self._unhandled = 0
        self._came_in = anyio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether a job is being started or an interrupted start must be cleared up."""
        return bool(self._under_way or self._interrupted or self._unhandled)

    async def start(self, benchmark_id: str, note: str | None) -> Job:
        """Start a job of a benchmark and watch it.

        Raises:
            StartOutcomeUnknownError: If the answer was lost and the job list cannot tell what happened.
            APIError: If no job was started.
            JournalError: If the journal cannot be written.
        """
        wish: Wish | None = None

        async def record(before: frozenset[str] | None) -> None:
            nonlocal wish
            if self._recorder is not None:
                wish = await self._recorder.begin_start(benchmark_id, note, before)

        self._under_way += 1
        try:
            job_id = await start_job(self._platform, benchmark_id, about_to_send=record)
            return await self._started(job_id, benchmark_id, note, wish)
        except AiobenchError:  # the caller knows
            if self._recorder is not None and wish is not None:
                await self._recorder.end_start(wish, None)
            raise
        except BaseException:
            if wish is not None:
                self.clear_up([wish])
            raise
        finally:
            self._under_way -= 1
            self._news.wake()  # perhaps there is nothing left to wait for

    def clear_up(self, wishes: Iterable[Wish]) -> None:
        """Schedule finding out what became of starts."""
        self._interrupted += wishes
        self._came_in.set()

    async def handled(self, news: Interrupted) -> None:
        """Record that the consumer has handled the news of an interrupted start."""
        self._unhandled -= 1
        if self._recorder is not None:
            await self._recorder.end_start(news.wish, None)

    async def run(self) -> None:
        """Clear up interrupted starts, until cancelled.

        Raises:
            AuthenticationError: If the key is not accepted.
            JournalError: If the journal cannot be written.
        """
        while True:
            # the newest first: what came of it is not to be taken for what came of an older one
            for wish in sorted(self._interrupted, key=lambda wish: -wish.number):
                async with self._platform.session.starting(wish.benchmark_id):
                    await self._settle(wish)
                self._interrupted.remove(wish)
                self._news.wake()
            if not self._interrupted:
                self._came_in = anyio.Event()
                await self._came_in.wait()

    async def _started(self, job_id: str, benchmark_id: str, note: str | None, wish: Wish | None) -> Job:
        job = self._make_job(job_id, benchmark_id)
        self._notes.put_text(job_id, note)
        if self._recorder is not None and wish is not None:
            with anyio.CancelScope(shield=True):  # otherwise it would not be watched until the next run
                await self._recorder.end_start(wish, job_id)
        self._watch([job])
        return job

    async def _settle(self, wish: Wish) -> None:
        assert self._recorder is not None
        what = f"a start of benchmark {wish.benchmark_id} was interrupted"
        try:
            new = await self._new_jobs(wish)
        except AuthenticationError:
            raise
        except APIError as error:
            logger.warning("%s, and its jobs cannot be listed, so it is left to the next run: %s", what, error)
            return
        if len(new) == 1:
            (job_id,) = new
            logger.warning("%s; job %s, the only new one, is the one that it started", what, job_id)
            await self._started(job_id, wish.benchmark_id, wish.note, wish)
        else:
            self._unhandled += 1
            self._news.put(Interrupted(wish, tuple(sorted(new))), wish.number)

    async def _new_jobs(self, wish: Wish) -> set[str]:
        """Return the benchmark's jobs that a start may have created; none only after enough time to be listed."""
        assert self._recorder is not None
        session = self._platform.session
        settled_at = session.now() + min(max(SETTLED - (time.time() - wish.at), 0.0), SETTLED)
        while True:
            is_last = session.now() >= settled_at
            try:
                entries = await self._platform.job_list(wish.benchmark_id, purpose="clearing up a start: ")
            except NotFoundError:
                return set()  # no benchmark, no job
            except APIError as error:
                if not is_retried(error):
                    raise
                logger.warning("%s; asking again in %g s", error, AFTER_FAILURE)
                await session.sleep(AFTER_FAILURE)
                continue
            new = await self._recorder.unknown({entry.job_id for entry in entries} - (wish.before or frozenset()))
            if new or is_last:
                return new
            await session.sleep(LOOK_AGAIN)
