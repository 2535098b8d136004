"""Many jobs watched in one stream."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NoReturn, Self

import anyio
import anyio.abc

from aiobench._context import ClientBase, context_of
from aiobench._display import Card, Displayed, figure
from aiobench._seconds import checked_seconds
from aiobench._watch.news import NewsQueue
from aiobench._watch.scheduler import Scheduler
from aiobench._watch.states import States
from aiobench.errors import ClientStateError, ConfigurationError, JobsWaitTimeoutError
from aiobench.events import Abandoned, Finished, MonitorEvent, MonitorStats, event_of
from aiobench.job import BenchmarkJob, as_job, client_of, several_jobs
from aiobench.policy import PollPolicy, checked_policy

if TYPE_CHECKING:
    from aiobench._watch.recorder import Recorder

__all__ = ["Monitor"]

FIRST_ROUND = 1.0  # seconds past the deadline that the one poll which is always made may take


class Monitor(Displayed):
    """Watches many jobs with few requests, and tells what becomes of them.

    Made by `client.monitor()`. Enter it with `async with` and iterate over it with `async for`, in one task or thread;
    each job ends with exactly one `Finished` or `Abandoned`. A slow consumer gets the newest state of each job, and
    every end.
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
    ) -> None:
        if ack not in {"next", "manual"}:
            raise ConfigurationError(f"ack= must be 'next' or 'manual', not {ack!r}")
        context = context_of(client)
        platform, session = context.platform, context.platform.session
        policy = checked_policy(poll, context.poll)

        def make_job(job_id: str, benchmark_id: str = "") -> BenchmarkJob:
            return BenchmarkJob(job_id, "", benchmark_id, client=client)

        self._client, self._session = client, session
        self._now = session.now
        self._timeout = checked_seconds(timeout, "timeout")
        self._acks_by_next = ack == "next"
        self._is_open = keep_open
        self._news = NewsQueue()
        self._states = States(
            policy, stall_after=checked_seconds(stall_after, "stall_after"), news=self._news, now=session.now
        )
        self._scheduler = Scheduler(platform, policy, self._states, self._news, make_job=make_job)
        self._recorder: Recorder | None = None
        if journal is not None:
            from aiobench._watch.journal import Journal  # brings sqlite3
            from aiobench._watch.recorder import Recorder

            file = Journal(Path(journal), str(session.base_url))
            self._recorder = Recorder(file, watch=self._watch, make_job=make_job)
        self._tasks: anyio.abc.TaskGroup | None = None
        self._scope: anyio.CancelScope | None = None  # made on entering: it belongs to an event loop
        self._stopped = anyio.Event()
        self._failure: Exception | None = None
        self._deadline: float | None = None
        self._told: Finished | Abandoned | None = None
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
        pending = len(states.jobs) + len(self._newcomers)
        return MonitorStats(
            jobs=pending + len(states.ended),
            finished=len(states.ended),
            pending=pending,
            polls=states.polls,
            requests=polls.requests,
            list_requests=polls.list_requests,
            failed_polls=states.failed_polls,
        )

    # -- jobs in -----------------------------------------------------------------------------------------------

    def add(self, *jobs: BenchmarkJob | str) -> None:
        """Watch more jobs, at any time until the monitor is left; from any task, or any thread in `aiobench.sync`.

        One that is watched already is watched once, and one whose end was told is not watched again. With a journal,
        they are recorded when this returns, unless that takes longer than a moment: nothing else is held up.

        Args:
            *jobs: Jobs or job ids.

        Raises:
            ConfigurationError: If one is neither a job nor a job id.
            ClientStateError: If the monitor is over.
            JournalError: If the journal cannot be written.
        """
        if self._is_over:
            raise ClientStateError("this monitor is over; make another with client.monitor()")
        found = [self._as_job(job) for job in jobs]
        if self._recorder is None:
            self._watch(found)
        else:
            self._recorder.add(found)

    def _watch(self, jobs: Iterable[BenchmarkJob]) -> None:
        self._scheduler.add(jobs)
        self._news.wake()  # perhaps there is nothing to watch

    def drain(self) -> None:
        """End the iteration when the present jobs have ended, although the monitor was made with `keep_open`."""
        self._is_open = False
        self._news.wake()

    def _as_job(self, job: object) -> BenchmarkJob:
        handle = as_job(self._client, job)
        client = client_of(handle)
        if client is not None and context_of(client).platform.session is not self._session:
            raise ConfigurationError(
                f"job {handle.id} belongs to another client ({client!r}) than this monitor: "
                "watch it with a monitor of that client, or pass its id to ask with this one"
            )
        return handle

    @property
    def _newcomers(self) -> set[str]:
        """The ids of the jobs that were handed over and are not watched yet: none, most of the time."""
        unrecorded = self._recorder.pending if self._recorder is not None else frozenset[str]()
        states = self._states
        return {each for each in chain(self._scheduler.incoming, unrecorded) if not states.knows(each)}

    # -- events out --------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MonitorEvent:
        if self._tasks is None and not self._is_over:
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
                self._stop_polling()  # what is known by now is still told
            news = self._news.take()
            if news is not None:
                event = event_of(news)
                if isinstance(event, Finished | Abandoned):
                    self._told = event
                self._scheduler.wake()
                return event
            if self._failure is not None:
                raise self._failure
            if self._is_over or not (self._is_open or self._states.jobs or self._newcomers):
                raise StopAsyncIteration
            if patience <= 0:
                raise self._timed_out()
            with self._session.clock.move_on_after(patience):
                await self._news.wait()

    def _patience(self) -> float:
        """Return the seconds that are left: until the deadline, and a little longer for the first round."""
        assert self._deadline is not None
        left = self._deadline - self._now()
        return left if self._scheduler.has_polled_all else left + FIRST_ROUND

    def _timed_out(self) -> JobsWaitTimeoutError:
        finished, pending = frozenset(self._states.ended), self._states.jobs.keys() | self._newcomers
        some = ", ".join(sorted(pending)[:3]) + (" and others" if len(pending) > 3 else "")
        return JobsWaitTimeoutError(
            f"{len(pending)} of {len(pending) + len(finished)} jobs are not done after {self._timeout:g} s: {some}",
            finished=finished,
            pending=pending,
        )

    async def ack(self, event: Finished | Abandoned) -> None:
        """Note in the journal that an end was handled, so that it does not come again after a restart.

        Needed where the monitor was made with `ack="manual"`; else asking for the next event does it. Without a
        journal it does nothing. Works from any task.

        Args:
            event: The end that was handled.

        Raises:
            TypeError: If *event* is not an end.
            JournalError: If the journal cannot be written.
        """
        if not isinstance(event, Finished | Abandoned):
            raise TypeError(f"only Finished and Abandoned are acknowledged, not {type(event).__name__}")
        if self._told is event:
            self._told = None
        if self._recorder is not None:
            await self._recorder.handle(event.job.id)

    # -- lifecycle ---------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._tasks is not None or self._is_over:
            raise ClientStateError("a monitor is entered once; make another with client.monitor()")
        self._scope = anyio.CancelScope()
        if self._recorder is not None:
            await self._recorder.open()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run, self._scope)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._tasks is not None
        self._is_over = True
        self._stop_polling()
        try:
            if exc_value is not None and isinstance(exc_value, anyio.get_cancelled_exc_class()):
                await self._tasks.__aexit__(exc_type, exc_value, traceback)
            else:  # the body's own exception is not the task group's to wrap
                await self._tasks.__aexit__(None, None, None)
        finally:
            self._tasks = self._failure = None  # they hold this monitor, and all that it refers to
            if self._recorder is not None:
                await self._recorder.aclose()

    def __enter__(self) -> NoReturn:
        raise TypeError("this Monitor is asynchronous: use `async with`, or aiobench.sync.Client's with `with`")

    def __exit__(self, *_: object) -> None: ...  # `with` looks for it before it calls `__enter__`

    async def aclose(self) -> None:
        """Stop watching: the iteration ends and nothing more is sent. The jobs themselves go on."""
        self._is_over = True
        self._stop_polling()
        self._news.wake()
        if self._tasks is not None:
            await self._stopped.wait()

    async def _run(self, scope: anyio.CancelScope) -> None:
        """Poll in a scope of our own: stopping that does not cancel the task that entered the monitor."""
        try:
            with scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._until_failure, self._scheduler.run)
                    if self._recorder is not None:
                        tasks.start_soon(self._until_failure, self._recorder.run)
        finally:
            self._stopped.set()
            self._news.wake()

    async def _until_failure(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - kept for the consumer, as it is
            self._failure = self._failure or error
            self._stop_polling()

    def _stop_polling(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
