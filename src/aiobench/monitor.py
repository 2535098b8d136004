"""Many jobs watched in one stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Literal, NoReturn, Self, cast

from aiobench import _progress
from aiobench._context import ClientBase, context_of
from aiobench._display import Card, Displayed, figure
from aiobench._given_jobs import jobs_for, several_jobs
from aiobench._http.settings import checked_seconds
from aiobench._monitor.background import Background
from aiobench._monitor.intake import Intake
from aiobench._monitor.live import LiveMapping
from aiobench._watch.news import Ended, Interrupted, Lost, News, NewsQueue
from aiobench._watch.scheduler import Scheduler
from aiobench._watch.states import States
from aiobench.documents import JSON
from aiobench.errors import ClientStateError, ConfigurationError, JobsWaitTimeoutError
from aiobench.events import Abandoned, Finished, JobState, MonitorEvent, MonitorStats, event_of
from aiobench.job import BenchmarkJob
from aiobench.policy import PollPolicy, checked_policy

__all__ = ["Monitor"]

FIRST_ROUND = 1.0  # seconds past the deadline that the one poll which is always made may take


class Monitor(Displayed):
    """Watches many jobs with few requests, and reports what becomes of them.

    Made by `client.monitor()`. Enter it with `async with` and iterate over it with `async for`, both in one task;
    each job ends with exactly one `Finished` or `Abandoned`. A slow consumer gets the newest state of each job, and
    every end.

    With a journal, the monitor of a later process goes on where this one stops, killed or not. Jobs are recorded when
    they are added, and ends when they are handled, on the disk: a power cut loses neither. The newest 100,000 handled
    ends are remembered.
    """

    def __init__(
        self,
        client: ClientBase,
        jobs: Iterable[BenchmarkJob | str],
        *,
        poll: PollPolicy | None,
        timeout: float | None,
        stall_after: float | None,
        keep_open: bool,
        journal: str | os.PathLike[str] | None,
        ack: Literal["next", "manual"],
        replay: bool,
        progress: bool,
    ) -> None:
        if ack not in {"next", "manual"}:
            raise ConfigurationError(f"ack= must be 'next' or 'manual', not {ack!r}")
        context = context_of(client)
        platform, session = context.platform, context.platform.session
        policy = checked_policy(poll, context.poll)
        self._client, self._session = client, session
        self._now = session.now
        self._timeout = checked_seconds(timeout, "timeout")
        self._acks_by_next = ack == "next"
        self._is_open = keep_open
        self._progress = progress
        self._show: Callable[..., None] | None = None
        self._exits = AsyncExitStack()
        self._news = NewsQueue()
        self._states = States(
            policy,
            stall_after=checked_seconds(stall_after, "stall_after"),
            news=self._news,
            now=session.now,
            observer=session.observer,
        )
        # none of what follows holds this monitor, so that it goes, with the client, when it is dropped
        self._make_job = make_job = partial(_job_of, client)
        self._scheduler = Scheduler(platform, policy, self._states, self._news, make_job=make_job)
        self._intake = Intake(
            platform, self._scheduler, self._states, self._news, make_job=make_job, journal=journal, replay=replay
        )
        self._background = Background(self._news.wake)
        self._deadline: float | None = None
        self._unhandled: News | None = None  # the end that the consumer is handling
        self._is_consumed = False
        self._is_over = False
        self.add(*several_jobs(jobs))

    def _line(self) -> str:
        stats = self.stats
        return f"<Monitor of {stats.jobs} jobs, {stats.finished} finished, {stats.pending} pending>"

    def _card(self) -> Card:
        stats = self.stats
        title = f"Monitor of {stats.jobs} jobs: {stats.finished} finished, {stats.pending} pending"
        facts = (
            ("Job states learned", figure(stats.polls)),
            ("Requests", f"{figure(stats.requests)}, of which {figure(stats.list_requests)} for job lists"),
            ("Failed polls", figure(stats.failed_polls)),
        )
        return Card(title, facts)

    @property
    def stats(self) -> MonitorStats:
        """The monitor in figures, as it stands."""
        states, polls = self._states, self._scheduler.polls
        pending = len(states.jobs) + len(self._intake.newcomers)
        return MonitorStats(
            jobs=pending + len(states.ended),
            finished=len(states.ended),
            pending=pending,
            polls=states.polls,
            requests=polls.requests,
            list_requests=polls.list_requests,
            failed_polls=states.failed_polls,
            handled_before=self._intake.handled_before,
        )

    @property
    def jobs(self) -> Mapping[str, JobState]:
        """The jobs that are being watched, by id: a live, read-only view, which may be read at any time."""
        return LiveMapping(self._watched_ids, self._state_of)

    def _watched_ids(self) -> list[str]:
        return [*self._states.jobs, *self._intake.newcomers]

    def _state_of(self, job_id: str) -> JobState | None:
        watched = self._states.jobs.get(job_id)
        if watched is not None:
            quiet = max(0.0, self._now() - watched.changed_at)
            job = cast("BenchmarkJob", watched.job)
            return JobState(job, watched.status or "", watched.progress, quiet, self._intake.note_of(job_id))
        newcomer = self._intake.newcomers.get(job_id)
        if newcomer is None:
            return None
        job = self._make_job(newcomer) if isinstance(newcomer, str) else cast("BenchmarkJob", newcomer)
        return JobState(job, "", None, 0.0, self._intake.note_of(job_id))

    # -- jobs in -----------------------------------------------------------------------------------------------

    def add(self, *jobs: BenchmarkJob | str, note: JSON = None) -> None:
        """Watch more jobs, at any time until the monitor is left; from any task, or any thread in `aiobench.sync`.

        A job that is watched already is watched once, and a job whose end was reported is not watched again. With a
        journal, jobs are recorded when this returns, unless that takes longer than a moment: nothing else is held up.

        Args:
            *jobs: Jobs or job ids.
            note: A JSON value of at most 4 kB that comes back with every event of these jobs, after a restart as well.
                None keeps the note that a job has.

        Raises:
            ConfigurationError: If one is neither a job nor a job id, or the note is not JSON or too long.
            ClientStateError: If the monitor is over.
            JournalError: If the journal cannot be written.
        """
        self._check_open()
        self._intake.add(jobs_for(self._client, jobs), note)

    async def start(self, benchmark_id: str, *, note: JSON = None) -> BenchmarkJob:
        """Start a job of a benchmark, exactly once, and watch it; works from any task.

        With a journal, the wish is on disk before the request is sent. If this process is killed before the answer is
        recorded, or this call is cancelled, the job list shows what came of it: exactly one new job that the journal
        does not know is watched, with its note. Otherwise the monitor emits one `StartInterrupted`.

        Args:
            benchmark_id: The benchmark's id.
            note: A JSON value of at most 4 kB that comes back with every event of the job, after a restart as well.

        Returns:
            The job. Its status is "" until the monitor has polled it.

        Raises:
            ConfigurationError: If *benchmark_id* is empty, or the note is not JSON or too long.
            ClientStateError: If the monitor is not entered, or over.
            StartOutcomeUnknownError: If the answer was lost and the job list cannot tell what happened.
            APIError: If no job was started; the subclass says why.
            JournalError: If the journal cannot be written.
        """
        self._check_open()
        if not self._background.is_entered:
            raise ClientStateError("enter the monitor first: async with client.monitor(...) as monitor")
        return cast("BenchmarkJob", await self._intake.start(benchmark_id, note))

    def drain(self) -> None:
        """End the iteration when the present jobs have ended, although the monitor was made with `keep_open`."""
        self._is_open = False
        self._news.wake()

    def _check_open(self) -> None:
        if self._is_over:
            raise ClientStateError("this monitor is over; make another with client.monitor()")

    # -- events out --------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MonitorEvent:
        if not self._background.is_entered and not self._is_over:
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
        await self._handle_last()
        while True:
            patience = self._patience()
            if patience <= 0:
                self._background.stop()  # what is known by now is still reported
            news = self._news.take()
            self._update_progress()
            if news is not None:
                if isinstance(news, Ended | Lost | Interrupted):
                    self._unhandled = news
                self._scheduler.wake()
                return event_of(news, self._intake.note_of)
            if self._background.failure is not None:
                raise self._background.failure
            if self._is_over or not (self._is_open or self._states.jobs or self._intake.is_busy):
                raise StopAsyncIteration
            if patience <= 0:
                raise self._timed_out()
            with self._session.clock.move_on_after(patience):
                await self._news.wait()

    async def _handle_last(self) -> None:
        """Note that the consumer, who asks for more, has handled the event before."""
        last = self._unhandled
        if isinstance(last, Interrupted):
            await self._intake.cleared_up(last)
        elif isinstance(last, Ended | Lost) and self._acks_by_next:
            await self._intake.handled(last.job)
        self._unhandled = None

    def _patience(self) -> float:
        """Return the seconds that are left: until the deadline, and a little longer for the first round."""
        assert self._deadline is not None
        left = self._deadline - self._now()
        return left if self._scheduler.has_polled_all else left + FIRST_ROUND

    def _timed_out(self) -> JobsWaitTimeoutError:
        finished, pending = frozenset(self._states.ended), self._states.jobs.keys() | self._intake.newcomers.keys()
        some = ", ".join(sorted(pending)[:3]) + (" and others" if len(pending) > 3 else "")
        return JobsWaitTimeoutError(
            f"{len(pending)} of {len(pending) + len(finished)} jobs are not done after {self._timeout:g} s: {some}",
            finished=finished,
            pending=pending,
        )

    def _update_progress(self) -> None:
        if self._show is not None:
            ended = len(self._states.ended)
            self._show(ended, ended + len(self._states.jobs) + len(self._intake.newcomers), self._states.failed)

    async def ack(self, event: Finished | Abandoned) -> None:
        """Record in the journal that an event was handled, so that it does not come again after a restart.

        Needed where the monitor was made with `ack="manual"`; otherwise asking for the next event does it. Without a
        journal it does nothing. Works from any task, or any thread in `aiobench.sync`.

        Args:
            event: The end that was handled.

        Raises:
            TypeError: If *event* is not a `Finished` or an `Abandoned`.
            JournalError: If the journal cannot be written.
        """
        if not isinstance(event, Finished | Abandoned):
            raise TypeError(f"only Finished and Abandoned are acknowledged, not {type(event).__name__}")
        if isinstance(self._unhandled, Ended | Lost) and self._unhandled.job is event.job:
            self._unhandled = None
        await self._intake.handled(event.job)

    # -- lifecycle ---------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._background.is_entered or self._is_over:
            raise ClientStateError("a monitor is entered once; make another with client.monitor()")
        work = await self._intake.open()
        await self._background.start(self._scheduler.run, *work)
        if self._progress:
            self._show = await self._exits.enter_async_context(_progress.of_jobs("jobs", progress=True))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        try:
            self._update_progress()
            self._states.leave()
            async with self._exits:
                await self._background.leave(exc_value)
        finally:
            self._show = None
            await self._intake.aclose()

    def __enter__(self) -> NoReturn:
        raise TypeError("this Monitor is asynchronous: use `async with`, or aiobench.sync.Client's with `with`")

    def __exit__(self, *_: object) -> None: ...  # `with` looks for it before it calls `__enter__`

    async def aclose(self) -> None:
        """Stop watching: the iteration ends and nothing more is sent. The jobs themselves go on."""
        self._is_over = True
        self._states.leave()
        self._background.stop()
        self._news.wake()
        await self._background.stopped()


def _job_of(client: ClientBase, job_id: str, benchmark_id: str = "") -> BenchmarkJob:
    return BenchmarkJob(job_id, "", benchmark_id, client=client)
