"""A benchmark job: one run of a benchmark, as users hold it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, overload

from aiobench import _progress
from aiobench._context import ClientBase, Context, context_of, default_context
from aiobench._display import Card, Displayed
from aiobench._http.session import ApiRequest
from aiobench._results import lazy_pandas as pd
from aiobench._seconds import checked_seconds
from aiobench._watch.watcher import Watcher
from aiobench._wire.heads import job_head
from aiobench._wire.routes import checked_id
from aiobench.documents import Explanations, ScoreDetail, ScoreRow
from aiobench.policy import PollPolicy, checked_policy
from aiobench.snapshot import JobSnapshot, snapshot_of

__all__ = ["BenchmarkJob", "client_of"]


class BenchmarkJob(Displayed):
    """One run of a benchmark.

    Get one from a client (`client.job()`, `get_job()`, `start_job()`, `list_jobs()`) or build it from what you stored.
    Built without *client*, it uses a default client made from the environment, which keeps no connection between
    calls. Jobs are compared and hashed by identity.

    Args:
        id: The job's id.
        status: Its status, as far as it is known.
        benchmark_id: The benchmark it is a run of, or "".
        client: The client to ask with.
        **additional_info: Kept in the attribute of that name.

    Raises:
        ConfigurationError: If *id* is empty, or *benchmark_id* could be none.
        TypeError: If *client* is no client, or one of the other world.
    """

    __slots__ = ("__weakref__", "_client", "_request", "additional_info", "benchmark_id", "id", "status")

    def __init__(
        self, id: str, status: str, benchmark_id: str, *, client: ClientBase | None = None, **additional_info: Any
    ) -> None:
        if client is not None and not isinstance(client, ClientBase):
            raise TypeError(f"client= must be an aiobench.Client, not {client!r}")
        self.id: str = checked_id(id, "job id")
        self.status: str = status
        self.benchmark_id: str = benchmark_id and checked_id(benchmark_id, "benchmark id")
        self.additional_info: dict[str, Any] = additional_info
        self._client = client
        self._request: tuple[str, ApiRequest] | None = None  # with the id that it asks for: `id` may be set

    def _line(self) -> str:
        return f"<Benchmark Job({self.id})>"

    def _card(self) -> Card:
        known = tuple((name, str(value)) for name, value in self.additional_info.items())
        return Card(f"Benchmark job {self.id}", (("Status", self.status), ("Benchmark", self.benchmark_id), *known))

    # -- asking ------------------------------------------------------------------------------------------------

    def observe(self, status: str, benchmark_id: str = "") -> None:
        """Update the job with what a poll returned; every call and monitor that polls the job uses this.

        Args:
            status: The job's status.
            benchmark_id: Its benchmark, or "" if the reply does not name one; the id known so far is then kept.
        """
        self.status = status
        self.benchmark_id = benchmark_id or self.benchmark_id

    async def check_status(self) -> str:
        """Ask for the job's status.

        Returns:
            The status, which is also kept in `.status`.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If it cannot be had; which class says why.
        """
        context = self._asking_context()
        head = await context.platform.job(self._job_request(context), job_head)
        self.observe(head.status, head.benchmark_id)
        return self.status

    async def fetch(self) -> JobSnapshot:
        """Ask for the whole job document.

        Returns:
            The job as it is now; read scores, failure rates and explanations from it without further requests.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If it cannot be had; which class says why.
        """
        context = self._asking_context()
        ends = context.poll.ends
        snapshot = await context.platform.job(
            self._job_request(context),
            lambda body: snapshot_of(self.id, body, polled_at=datetime.now(UTC), terminal=ends, in_full=True),
        )
        self.observe(snapshot.status, snapshot.benchmark_id)
        return snapshot

    async def watch(
        self,
        poll: PollPolicy | None = None,
        *,
        timeout: float | None = None,
        stall_after: float | None = None,
        every_poll: bool = False,
    ) -> AsyncGenerator[JobSnapshot, None]:
        """Poll the job until it ends, and yield what changes.

        Polls at once; yields the first snapshot, then one whenever the status, an iteration's status or the progress
        changed, and ends after the terminal one. Failed polls (connection, 429, 5xx, malformed) are tried again by the
        schedule. Nothing is held between polls: `break` at any time. Cancelling a watch does not touch the job.

        Args:
            poll: When to poll, and what counts as an end; else the client's policy.
            timeout: Seconds in all, your own time between two snapshots included. None: no limit.
            stall_after: Seconds without a change after which to give up. None: never.
            every_poll: Yield the snapshot of every good poll.

        Yields:
            Snapshots of the job, the terminal one last.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            ConfigurationError: If an argument cannot be used.
            WaitTimeoutError: When *timeout* is over before the job's end; at least one poll is made.
            JobStalledError: When nothing changed for *stall_after* seconds.
            APIError: When asking again cannot help: 401, 403, 404.
        """
        watcher = self._watcher(poll, timeout=timeout, stall_after=stall_after, every_poll=every_poll)
        while (snapshot := await watcher.step()) is not None:
            yield snapshot

    async def wait(
        self,
        poll: PollPolicy | None = None,
        *,
        timeout: float | None = None,
        stall_after: float | None = None,
        progress: bool | Callable[[JobSnapshot], object] = False,
    ) -> JobSnapshot:
        """Poll the job until it ends.

        Args:
            poll: When to poll, and what counts as an end; else the client's policy.
            timeout: Seconds in all. None: no limit.
            stall_after: Seconds without a change after which to give up. None: never.
            progress: True for a progress bar; or a function, plain or asynchronous, that is called with each
                snapshot that `watch()` yields.

        Returns:
            The terminal snapshot, also when the job failed: `snapshot.raise_for_status()` raises then.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            ConfigurationError: If an argument cannot be used.
            WaitTimeoutError: When *timeout* is over before the job's end; at least one poll is made.
            JobStalledError: When nothing changed for *stall_after* seconds.
            APIError: When asking again cannot help: 401, 403, 404.
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
    ) -> Path: ...
    @overload
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None,
        return_dataframe: Literal[True],
        *,
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
    ) -> pd.DataFrame: ...
    @overload
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None = None,
        *,
        return_dataframe: Literal[True],
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
    ) -> pd.DataFrame: ...
    @overload
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None = None,
        return_dataframe: bool = False,
        *,
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
    ) -> Path | pd.DataFrame: ...
    async def download_results_as_csv(
        self,
        save_path: str | os.PathLike[str] | None = None,
        return_dataframe: bool = False,
        *,
        progress: bool | Callable[[int, int | None], object] = False,
        max_bytes: int = 4 * 2**30,
    ) -> Path | pd.DataFrame:
        """Download the results of all segments: one row per segment and model.

        The file appears at its path only when it is whole; an interrupted download is resumed.

        Args:
            save_path: Where to; else `aiXplain/<uuid4>.csv` under the working directory.
            return_dataframe: Return a frame. Without *save_path*, no file is kept then.
            progress: True for a progress bar; or a function, plain or asynchronous, called on the event loop with
                the bytes done and the total (None if unknown), at most 10 times a second.
            max_bytes: The largest file that is accepted, in bytes.

        Returns:
            The path of the file, or the frame. In frames only an empty field is missing; the metrics of the job are
            floats, `*_success` and `any_segment_failed` booleans, texts are text, other columns are inferred.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            ResultsNotReadyError: If the job has no results yet.
            ResultParseError: If a frame is asked for and the file is not a usable CSV.
            DownloadError: If the file cannot be had, or not be written; which class says why.
            APIError: If the job document cannot be had, or the server of the results fails.
        """
        from aiobench import _results_file  # brings what downloads and files take

        context = self._asking_context()
        return await _results_file.of_job(
            self,
            context.platform,
            context.rules,
            save_path=save_path,
            return_dataframe=return_dataframe,
            progress=progress,
            max_bytes=max_bytes,
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
        """Fetch the job and read the scores of each model; of an unfinished job, those there are so far.

        Args:
            return_simplified: One average a metric; else credits, seconds, status and the raw scores.
            return_as_dataframe: A frame rather than a list, where the scores are simplified.

        Returns:
            A frame with the column `Model` and one column a metric; or a list of such rows; or, not simplified,
            `{model name: ScoreDetail}`. Two models of one name are told apart: `LLM`, `LLM (2)`.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the job document cannot be had; which class says why.
        """
        return (await self.fetch()).scores(return_simplified, return_as_dataframe)

    @overload
    async def get_failuire_rate(self, return_as_dataframe: Literal[True] = True) -> pd.DataFrame: ...
    @overload
    async def get_failuire_rate(self, return_as_dataframe: Literal[False]) -> dict[str, float]: ...
    @overload
    async def get_failuire_rate(self, return_as_dataframe: bool = True) -> dict[str, float] | pd.DataFrame: ...
    async def get_failuire_rate(self, return_as_dataframe: bool = True) -> dict[str, float] | pd.DataFrame:
        """Fetch the job and read the share of segments that each model failed on.

        The name is misspelt as in the platform's SDK; `get_failure_rate` is the same method.

        Args:
            return_as_dataframe: A frame rather than a dictionary.

        Returns:
            A frame with the columns `Model` and `Failure Rate`, or `{model name: rate}`; in percent, `nan` where
            the document does not tell.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the job document cannot be had; which class says why.
        """
        return (await self.fetch()).failure_rates(return_as_dataframe)

    get_failure_rate = get_failuire_rate

    async def get_all_explanations(self) -> Explanations:
        """Fetch the job and read all explanations.

        Returns:
            `{"metricInDependent": [...], "metricDependent": [...]}`; empty lists where there are none (yet).

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the job document cannot be had; which class says why.
        """
        return (await self.fetch()).explanations()

    async def get_localized_explanations(self, metric_dependant: bool, group_by_task: bool = False) -> dict[str, Any]:
        """Fetch the job and read its explanations in part.

        Args:
            metric_dependant: Those of the single metrics; else the first that holds whatever the metric.
            group_by_task: Group those of the metrics by task.

        Returns:
            The first independent item or `{}`; `{scoreId: item}`; or, by task, `{task: {scoreId: explanation}}`.
            One score under two datasets is told apart: `SCORE`, `SCORE (DATASET)`.

        Raises:
            ConfigurationError: If the job has no client and the environment's settings are invalid.
            APIError: If the job document cannot be had; which class says why.
        """
        return (await self.fetch()).localized_explanations(metric_dependant, group_by_task)

    # -- inside ------------------------------------------------------------------------------------------------

    def _asking_context(self) -> Context:
        return default_context() if self._client is None else context_of(self._client)

    def _job_request(self, context: Context) -> ApiRequest:
        """Prepare the request, once: parsing a URL and building headers cost more than the rest of a poll."""
        if self._client is None:
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

        async def poll_once() -> JobSnapshot:
            snapshot = await platform.poll(request, decode)
            self.observe(snapshot.status, snapshot.benchmark_id)
            return snapshot

        return Watcher(
            self.id,
            poll_once,
            policy,
            timeout=checked_seconds(timeout, "timeout"),
            stall_after=checked_seconds(stall_after, "stall_after"),
            every_poll=every_poll,
            now=session.now,
            sleep=session.sleep,
            random=session.random,
        )


client_of: Callable[[BenchmarkJob], ClientBase | None] = attrgetter("_client")
"""Return the client that a job was made with, if any."""
