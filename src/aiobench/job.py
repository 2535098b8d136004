"""A benchmark job: one run of a benchmark, as users hold it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from aiobench import _progress
from aiobench._context import ClientBase, Context, context_of, default_context
from aiobench._display import Card, Displayed
from aiobench._http.exchange import ApiRequest
from aiobench._http.session import Session
from aiobench._http.settings import checked_seconds
from aiobench._results import lazy_pandas as pd
from aiobench._results.options import DtypeBackend, Engine, ReadOptions
from aiobench._watch.unchanged import DocumentPolls
from aiobench._watch.watcher import Watcher
from aiobench._wire.heads import JobHead, job_head
from aiobench._wire.routes import checked_id
from aiobench._wire.statuses import shown
from aiobench.documents import Explanations, ScoreDetail, ScoreRow
from aiobench.policy import PollPolicy, checked_policy
from aiobench.snapshot import JobSnapshot, run_time, snapshot_of

__all__ = ["BenchmarkJob", "client_of"]

T = TypeVar("T")

MISSPELT = 0.75  # from here, a name is so like `client` that it would be lost among the additional information


class BenchmarkJob(Displayed):
    """One run of a benchmark.

    Get a job from a client (`client.job()`, `get_job()`, `start_job()`, `list_jobs()`), or build it from what you
    stored. A job without *client* uses default settings from the environment and keeps no connection between calls.
    Jobs are compared and hashed by identity.

    Args:
        id: The job's id.
        status: Its status, as far as you know it.
        benchmark_id: The benchmark it is a run of, or "".
        client: The client to send requests with.
        **additional_info: Anything else you want to keep with the job, in the attribute of that name.

    Raises:
        ConfigurationError: If *id* is empty, or *benchmark_id* is not a valid id.
        TypeError: If *client* is not a client of this module, or a keyword looks like a misspelt `client`.
    """

    __slots__ = ("__weakref__", "_client", "_head", "_request", "additional_info", "benchmark_id", "id", "status")

    def __init__(
        self, id: str, status: str, benchmark_id: str, *, client: ClientBase | None = None, **additional_info: Any
    ) -> None:
        if client is not None and not isinstance(client, ClientBase):
            raise TypeError(f"client= must be an aiobench.Client, not {client!r}")
        if additional_info:
            _refuse_misspelt(additional_info)
        self.id: str = checked_id(id, "job id")
        self.status: str = status
        self.benchmark_id: str = benchmark_id and checked_id(benchmark_id, "benchmark id")
        self.additional_info: dict[str, Any] = additional_info
        self._client = client
        self._head: tuple[int | None, JobHead] | None = None  # what `check_status()` read last, with its digest
        self._request: tuple[str, ApiRequest] | None = None  # with the id that it asks for: `id` may be set

    def _line(self) -> str:
        return f"<Benchmark Job({self.id})>"

    def _card(self) -> Card:
        known = tuple((name, str(value)) for name, value in self.additional_info.items())
        return Card(
            f"Benchmark job {self.id}", (("Status", shown(self.status)), ("Benchmark", self.benchmark_id), *known)
        )

    # -- status ------------------------------------------------------------------------------------------------

    def observe(self, status: str, benchmark_id: str = "") -> None:
        """Update the job with what a poll returned. Every call and every monitor that polls the job does so.

        Args:
            status: The job's status.
            benchmark_id: Its benchmark, or "" if the reply does not name one; the known id is kept then.
        """
        self.status = status
        self.benchmark_id = benchmark_id or self.benchmark_id

    def _learn(self, session: Session, status: str, benchmark_id: str) -> None:
        self.observe(status, benchmark_id)
        if session.observer is not None:
            session.observer.learned(1)

    async def check_status(self) -> str:
        """Ask for the job's status.

        Returns:
            The status, which is also stored in `.status`.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the request fails; the subclass says why.
        """
        context = self._asking_context()
        digest, head = self._head or (None, None)
        answer = await context.platform.job_if_changed(self._job_request(context), job_head, digest)
        if answer.value is not None:
            head = answer.value
            if self._remembers:
                self._head = answer.digest, head
        assert head is not None  # of the reply that this one is the same as
        self._learn(context.platform.session, head.status, head.benchmark_id)
        return self.status

    async def fetch(self) -> JobSnapshot:
        """Ask for the whole job document.

        Returns:
            The job as it is now. Read scores, failure rates and explanations from it without further requests.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the request fails; the subclass says why.
        """
        return await self._fetched(lambda snapshot: snapshot)

    async def watch(
        self,
        *,
        poll: PollPolicy | None = None,
        timeout: float | None = None,
        stall_after: float | None = None,
        every_poll: bool = False,
    ) -> AsyncGenerator[JobSnapshot, None]:
        """Poll the job until it ends, and yield a snapshot whenever something changed.

        The first poll is made at once. A snapshot is yielded for it, and then whenever the status, an iteration's
        status or the progress differs; the last one is terminal. A poll that fails but may succeed later (connection
        errors, 429, 5xx, unreadable replies) is repeated on schedule. Nothing is held between two polls, so you can
        leave the loop at any time. The job itself goes on.

        In an event loop, do not put a timeout around a single step, as in `asyncio.wait_for(anext(watch), 5)`: when it
        expires, Python closes the generator, and the next step looks like the end of the job. To act while nothing
        changes, pass `every_poll=True`; to limit the whole time, pass *timeout* or put `asyncio.timeout()` around the
        loop; to wait for a job and other things at once, use a monitor.

        Args:
            poll: When to poll, and which statuses are terminal. Defaults to the client's policy.
            timeout: Seconds in all, including the time you take between two snapshots. None means no limit.
            stall_after: Give up after this many seconds without a change. None means never.
            every_poll: Yield a snapshot for every successful poll.

        Yields:
            Snapshots of the job, the terminal one last.

        Raises:
            ConfigurationError: If an argument is invalid, or the job has no client and the environment's settings are.
            WaitTimeoutError: If the job has not ended after *timeout* seconds. At least one poll is made.
            JobStalledError: If nothing changed for *stall_after* seconds.
            APIError: If polling again cannot help, as with 401, 403 and 404.
        """
        watcher = self._watcher(poll, timeout=timeout, stall_after=stall_after, every_poll=every_poll)
        while (snapshot := await watcher.step()) is not None:
            yield snapshot

    async def wait(
        self,
        *,
        poll: PollPolicy | None = None,
        timeout: float | None = None,
        stall_after: float | None = None,
        progress: bool | Callable[[JobSnapshot], object] = False,
    ) -> JobSnapshot:
        """Poll the job until it ends.

        Args:
            poll: When to poll, and which statuses are terminal. Defaults to the client's policy.
            timeout: Seconds in all. None means no limit.
            stall_after: Give up after this many seconds without a change. None means never.
            progress: True for a progress bar; or a function, plain or asynchronous, that is called with each snapshot
                that `watch()` would yield.

        Returns:
            The terminal snapshot, also if the job failed; `snapshot.raise_for_status()` raises an error then.

        Raises:
            ConfigurationError: If an argument is invalid, or the job has no client and the environment's settings are.
            WaitTimeoutError: If the job has not ended after *timeout* seconds. At least one poll is made.
            JobStalledError: If nothing changed for *stall_after* seconds.
            APIError: If polling again cannot help, as with 401, 403 and 404.
        """
        watcher = self._watcher(poll, timeout=timeout, stall_after=stall_after, every_poll=False)
        async with _progress.of_job(self.id, progress) as show:
            while True:
                snapshot = await watcher.step()
                assert snapshot is not None  # a watcher ends by a terminal snapshot or an error
                await show(snapshot)
                if snapshot.is_terminal:
                    return snapshot

    # -- results -----------------------------------------------------------------------------------------------

    @overload
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None = None,
        return_dataframe: Literal[False] = False,
        *,
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
        strict: bool = False,
        dtype_backend: DtypeBackend | None = None,
        engine: Engine | None = None,
    ) -> Path: ...
    @overload
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None,
        return_dataframe: Literal[True],
        *,
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
        strict: bool = False,
        dtype_backend: DtypeBackend | None = None,
        engine: Engine | None = None,
    ) -> pd.DataFrame: ...
    @overload
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None = None,
        *,
        return_dataframe: Literal[True],
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
        strict: bool = False,
        dtype_backend: DtypeBackend | None = None,
        engine: Engine | None = None,
    ) -> pd.DataFrame: ...
    @overload
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None = None,
        return_dataframe: bool = False,
        *,
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
        strict: bool = False,
        dtype_backend: DtypeBackend | None = None,
        engine: Engine | None = None,
    ) -> Path | pd.DataFrame: ...
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None = None,
        return_dataframe: bool = False,
        *,
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
        strict: bool = False,
        dtype_backend: DtypeBackend | None = None,
        engine: Engine | None = None,
    ) -> Path | pd.DataFrame:
        """Download the results of all segments, one row per segment and model.

        The file appears at its path once it is complete. An interrupted download is resumed.

        Args:
            save_path: Where to save the file. Defaults to `aiXplain/<uuid4>.csv` in the working directory.
            return_dataframe: Return a frame. The file is only kept if *save_path* is given, too.
            progress: True for a progress bar; or a function, plain or asynchronous, that is called with the bytes
                received and the total, or None if that is unknown, at most 10 times a second.
            max_bytes: Refuse results that are larger.
            strict: In a frame, refuse a field of a metric that is not a number. Otherwise it is missing, with a
                `ResultsWarning` that counts such fields and names the first line.
            dtype_backend: The types of a frame's columns, as in `pandas.read_csv`. Defaults to numpy's.
            engine: What splits the file for a frame. Defaults to pyarrow if it is installed and the file is plain.

        Returns:
            The path of the file, or the frame. In a frame only empty fields are missing; the job's metrics are
            floats, `*_success` and `any_segment_failed` booleans, texts are text, and other columns are inferred.

        Raises:
            ConfigurationError: If an argument is invalid, or the job has no client and the environment's settings are.
            MissingExtraError: If pyarrow is asked for and not installed.
            ResultsNotReadyError: If the job has no results yet.
            ResultParseError: If you ask for a frame and the file is not a usable CSV, or `strict` refuses it.
            DownloadError: If the file cannot be downloaded or written; the subclass says why.
            APIError: If the job document cannot be fetched, or the server with the results fails.
        """
        from aiobench._download import results_file  # brings what downloads and files take

        context = self._asking_context()
        return await results_file.of_job(
            self.id,
            self.fetch,
            context.platform,
            context.rules,
            save_path=save_path,
            return_dataframe=return_dataframe,
            progress=progress,
            max_bytes=max_bytes,
            options=ReadOptions(strict, dtype_backend, engine),
        )

    @overload
    async def get_scores(
        self, return_simplified: Literal[True] = True, return_as_dataframe: Literal[True] = True
    ) -> pd.DataFrame: ...
    @overload
    async def get_scores(
        self, return_simplified: Literal[True] = True, *, return_as_dataframe: Literal[False]
    ) -> list[ScoreRow]: ...
    @overload
    async def get_scores(
        self, return_simplified: Literal[True], return_as_dataframe: Literal[False]
    ) -> list[ScoreRow]: ...
    @overload
    async def get_scores(
        self, return_simplified: Literal[False], return_as_dataframe: bool = True
    ) -> dict[str, ScoreDetail]: ...
    @overload
    async def get_scores(
        self, return_simplified: bool = True, return_as_dataframe: bool = True
    ) -> dict[str, ScoreDetail] | pd.DataFrame | list[ScoreRow]: ...
    async def get_scores(
        self, return_simplified: bool = True, return_as_dataframe: bool = True
    ) -> dict[str, ScoreDetail] | pd.DataFrame | list[ScoreRow]:
        """Fetch the job and read the scores of each model. An unfinished job has those that are known so far.

        Args:
            return_simplified: If true, return one average per metric; otherwise each model's credits, runtime, status
                and full scores.
            return_as_dataframe: Return simplified scores as a frame rather than a list.

        Returns:
            A frame with the column `Model` and one column per metric; or a list of such rows; or, not simplified,
            `{model name: ScoreDetail}`. Models or metrics with the same name get a number: `LLM`, `LLM (2)`.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the request fails; the subclass says why.
        """

        def read(snapshot: JobSnapshot) -> dict[str, ScoreDetail] | list[ScoreRow] | pd.DataFrame:
            if not return_simplified:
                return snapshot.score_details()
            return snapshot.scores_frame() if return_as_dataframe else snapshot.score_rows()

        return await self._fetched(read)

    @overload
    async def get_failure_rate(self, return_as_dataframe: Literal[True] = True) -> pd.DataFrame: ...
    @overload
    async def get_failure_rate(self, return_as_dataframe: Literal[False]) -> dict[str, float]: ...
    @overload
    async def get_failure_rate(self, return_as_dataframe: bool = True) -> dict[str, float] | pd.DataFrame: ...
    async def get_failure_rate(self, return_as_dataframe: bool = True) -> dict[str, float] | pd.DataFrame:
        """Fetch the job and read the share of segments that each model failed on.

        `get_failuire_rate`, as the aiXplain SDK spells it, is the same method.

        Args:
            return_as_dataframe: Return a frame rather than a dictionary.

        Returns:
            A frame with the columns `Model` and `Failure Rate`, or `{model name: rate}`; in percent, `nan` where the
            document does not say.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the request fails; the subclass says why.
        """
        if return_as_dataframe:
            return await self._fetched(JobSnapshot.failure_rates_frame)
        return await self._fetched(JobSnapshot.failure_rates)

    get_failuire_rate = get_failure_rate

    async def get_all_explanations(self) -> Explanations:
        """Fetch the job and read all explanations.

        Returns:
            `{"metricInDependent": [...], "metricDependent": [...]}`; the lists are empty until the platform has
            written explanations.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the request fails; the subclass says why.
        """
        return await self._fetched(JobSnapshot.explanations)

    async def get_localized_explanations(self, metric_dependant: bool, group_by_task: bool = False) -> dict[str, Any]:
        """Fetch the job and read one kind of explanation.

        Args:
            metric_dependant: If true, read the explanations of each metric; otherwise the first one that does not
                depend on a metric.
            group_by_task: Group the explanations of each metric by task.

        Returns:
            Not dependent on a metric: that item, or `{}`. Dependent: `{scoreId: item}`; grouped by task:
            `{task: {scoreId: explanation}}`. The same score for two datasets is kept twice: `SCORE`,
            `SCORE (DATASET)`.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the request fails; the subclass says why.
        """
        return await self._fetched(lambda snapshot: snapshot.localized_explanations(metric_dependant, group_by_task))

    # -- inside ------------------------------------------------------------------------------------------------

    async def _fetched(self, read: Callable[[JobSnapshot], T]) -> T:
        """Ask for the job document and *read* it where it is decoded: a large one in a worker thread."""
        context = self._asking_context()

        def decode(body: bytes) -> tuple[JobSnapshot, T]:
            now, ends = datetime.now(UTC), context.poll.ends
            snapshot = snapshot_of(self.id, body, polled_at=now, terminal=ends, in_full=True)
            return snapshot, read(snapshot)

        snapshot, found = await context.platform.job(self._job_request(context), decode)
        self._learn(context.platform.session, snapshot.status, snapshot.benchmark_id)
        return found

    @property
    def _remembers(self) -> bool:
        """Whether to keep what makes the next poll cheap: 2 kB, too much for thousands that a monitor asks for.

        Not before the status is known: most jobs that were just started or named are asked for once by their handle.
        """
        return bool(self.status)

    def _asking_context(self) -> Context:
        return default_context() if self._client is None else context_of(self._client)

    def _job_request(self, context: Context) -> ApiRequest:
        """Prepare the request, once: parsing a URL and building headers cost more than the rest of a poll."""
        if self._client is None or not self._remembers:
            return context.platform.job_request(self.id)
        if self._request is None or self._request[0] != self.id:
            self._request = self.id, context.platform.job_request(self.id)
        return self._request[1]

    def _watcher(
        self, poll: PollPolicy | None, *, timeout: float | None, stall_after: float | None, every_poll: bool
    ) -> Watcher:
        context = self._asking_context()
        platform, session = context.platform, context.platform.session
        policy = checked_policy(poll, context.poll)
        request = self._job_request(context)

        def decode(body: bytes) -> JobSnapshot:
            return snapshot_of(self.id, body, polled_at=datetime.now(UTC), terminal=policy.ends)

        ask = DocumentPolls(platform, request, decode)

        async def poll_once() -> tuple[JobSnapshot, float | None]:
            snapshot, hint = await ask()
            self._learn(session, snapshot.status, snapshot.benchmark_id)
            if snapshot.is_terminal and session.observer is not None:
                session.observer.ended(snapshot.status, run_time(snapshot))
            return snapshot, hint

        return Watcher(
            self.id,
            poll_once,
            policy,
            timeout=checked_seconds(timeout, "timeout"),
            stall_after=checked_seconds(stall_after, "stall_after"),
            every_poll=every_poll,
            now=session.now,
            sleep=session.sleep,
            move_on_after=session.clock.move_on_after,
            random=session.random,
        )


def _refuse_misspelt(names: Iterable[str]) -> None:
    from difflib import get_close_matches

    if close := get_close_matches("client", names, cutoff=MISSPELT):
        raise TypeError(f"BenchmarkJob() got an unexpected keyword argument {close[0]!r}; did you mean 'client'?")


client_of: Callable[[BenchmarkJob], ClientBase | None] = attrgetter("_client")
"""Return the client that a job was made with, if any."""
