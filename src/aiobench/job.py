"""A benchmark job: one run of a benchmark, as users hold it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from aiobench import _display, _progress
from aiobench._seconds import checked_seconds
from aiobench._watch.watcher import Watcher
from aiobench._wire.heads import job_head
from aiobench._wire.routes import checked_id
from aiobench.policy import PollPolicy, checked_policy
from aiobench.snapshot import JobSnapshot, bring_up_to_date, snapshot_of

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import pandas as pd

    from aiobench._http.session import ApiRequest
    from aiobench.client import Client
    from aiobench.documents import Explanations, ScoreDetail, ScoreRow

__all__ = ["BenchmarkJob"]


class BenchmarkJob:
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
        self, id: str, status: str, benchmark_id: str, *, client: Client | None = None, **additional_info: Any
    ) -> None:
        if client is not None and not hasattr(client, "_platform"):  # a client knows jobs, so this cannot import it
            raise TypeError(f"client= must be an aiobench.Client, not {client!r}")
        self.id: str = checked_id(id, "job id")
        self.status: str = status
        self.benchmark_id: str = benchmark_id and checked_id(benchmark_id, "benchmark id")
        self.additional_info: dict[str, Any] = additional_info
        self._client = client
        self._request: tuple[str, ApiRequest] | None = None  # with the id that it asks for: `id` may be set

    def __repr__(self) -> str:
        return f"<Benchmark Job({self.id})>"

    def _repr_html_(self) -> str:
        return _display.of_job(self).html()

    def _repr_pretty_(self, printer: _display.Printer, *_: object) -> None:
        printer.text(_display.of_job(self).text())

    # -- asking ------------------------------------------------------------------------------------------------

    async def check_status(self) -> str:
        """Ask for the job's status.

        Returns:
            The status, which is also kept in `.status`.

        Raises:
            APIError: If it cannot be had; which class says why.
        """
        client = self._asking_client()
        head = await client._platform.job(self._job_request(client), job_head)
        bring_up_to_date(self, head)
        return self.status

    async def fetch(self) -> JobSnapshot:
        """Ask for the whole job document.

        Returns:
            The job as it is now; read scores, failure rates and explanations from it without further requests.

        Raises:
            APIError: If it cannot be had; which class says why.
        """
        client = self._asking_client()
        ends = client._poll.ends
        snapshot = await client._platform.job(
            self._job_request(client),
            lambda body: snapshot_of(self.id, body, polled_at=datetime.now(UTC), terminal=ends, in_full=True),
        )
        bring_up_to_date(self, snapshot)
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
            ResultsNotReadyError: If the job has no results yet.
            ResultParseError: If a frame is asked for and the file is not a usable CSV.
            DownloadError: If the file cannot be had, or not be written; which class says why.
            APIError: If the job document cannot be had, or the server of the results fails.
        """
        from aiobench import _results_file  # brings what downloads and files take

        client = self._asking_client()
        return await _results_file.of_job(
            self,
            client._platform,
            client._result_rules,
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
            APIError: If the job document cannot be had; which class says why.
        """
        return (await self.fetch()).failure_rates(return_as_dataframe)

    get_failure_rate = get_failuire_rate

    async def get_all_explanations(self) -> Explanations:
        """Fetch the job and read all explanations.

        Returns:
            `{"metricInDependent": [...], "metricDependent": [...]}`; empty lists where there are none (yet).

        Raises:
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
            APIError: If the job document cannot be had; which class says why.
        """
        return (await self.fetch()).localized_explanations(metric_dependant, group_by_task)

    # -- inside ------------------------------------------------------------------------------------------------

    def _asking_client(self) -> Client:
        if self._client is not None:
            return self._client
        # a client knows jobs, so a job can know clients only when asked
        from aiobench.client import default_client

        return default_client()

    def _job_request(self, client: Client) -> ApiRequest:
        """Prepare the request, once: parsing a URL and building headers cost more than the rest of a poll."""
        if self._client is None:
            return client._platform.job_request(self.id)
        if self._request is None or self._request[0] != self.id:
            self._request = self.id, client._platform.job_request(self.id)
        return self._request[1]

    def _watcher(
        self, poll: PollPolicy | None, *, timeout: float | None, stall_after: float | None, every_poll: bool
    ) -> Watcher:
        client = self._asking_client()
        session = client._platform.session
        policy = checked_policy(poll, client._poll)
        request = self._job_request(client)

        def decode(body: bytes) -> JobSnapshot:
            return snapshot_of(self.id, body, polled_at=datetime.now(UTC), terminal=policy.ends)

        async def poll_once() -> JobSnapshot:
            snapshot = await client._platform.poll(request, decode)
            bring_up_to_date(self, snapshot)
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
