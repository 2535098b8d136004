"""The client: settings, connections and the platform's calls."""

from __future__ import annotations

import copy
import logging
import os
import ssl
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, NoReturn, Self

from aiobench._batches import downloads_of, outcomes_of
from aiobench._context import ClientBase, new_context
from aiobench._given_jobs import as_job, several_jobs
from aiobench._http.transports import TransportOption
from aiobench._wire import routes
from aiobench._wire.benchmarks import (
    BenchmarkDocument,
    benchmark_document,
    created_document,
    created_id,
    creation_payload,
    normalization_options,
)
from aiobench._wire.routes import checked_id
from aiobench.benchmark import Benchmark, listed_jobs, started_job
from aiobench.errors import AiobenchError, APIError
from aiobench.job import BenchmarkJob
from aiobench.monitor import Monitor
from aiobench.policy import PollPolicy
from aiobench.snapshot import JobSnapshot
from aiobench.specs import MetricSpec, ModelSpec

__all__ = ["Client"]

logger: logging.Logger = logging.getLogger("aiobench.http")


class Client(ClientBase):
    """A connection to the platform: settings, pooled connections and calls.

    Use it as `async with Client() as client:`, or call `await client.aclose()` when you are done. After that, and in a
    forked child process, every call raises a `ClientStateError`.

    In an event loop, all tasks may share one client, which belongs to that loop and has no tasks of its own.
    `transport="aiohttp"` works on asyncio, not on trio.

    Args:
        api_key: Your team's API key. Defaults to `TEAM_API_KEY`, then `AIXPLAIN_API_KEY`.
        base_url: The platform's URL, with a path if you like. Defaults to `BACKEND_URL`, then aiXplain's platform.
        timeout: Seconds for one attempt, from a free connection to the last byte; for results to the first byte, and
            then between two reads.
        max_retries: How often a failed call is retried if that can help.
        max_retry_after: If the server asks to wait for more seconds than this, a single call raises `RateLimitError`
            at once.
        max_connections: The most connections to the platform at a time, and as many again for results.
        proxy: The proxy's URL. Defaults to `HTTPS_PROXY`, unless `NO_PROXY` excludes the host.
        trust_env: Whether to read proxies and `SSL_CERT_FILE` from the environment.
        ssl_context: The TLS settings. Defaults to the system's.
        transport: `"httpx"`; `"aiohttp"`, which takes half the CPU for large downloads (extra `aiohttp`); or a function
            that returns a transport for one connection. Such a transport dials on its own, so the addresses behind the
            host names of results are not checked.
        poll: When to poll jobs, unless a call is given another policy.
        allow_result_hosts: Hosts whose results may be at private addresses or plain `http://` URLs.
        max_document: The largest JSON reply that is read, in bytes.
        allow_plain_http: Allow sending the key to another machine over plain `http://`, for a backend of your own.
        default_headers: Headers for every request to the platform. Requests for results do not get them.

    Raises:
        ConfigurationError: If a setting is invalid, or there is no key.
        MissingExtraError: If the transport needs a package that is not installed.
    """

    _is_view = False

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 4,
        max_retry_after: float = 60.0,
        max_connections: int = 25,
        proxy: str | None = None,
        trust_env: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        transport: TransportOption = "httpx",
        poll: PollPolicy = PollPolicy(),  # noqa: B008 - frozen
        allow_result_hosts: Collection[str] = (),
        max_document: int = 8 * 2**20,
        allow_plain_http: bool = False,
        default_headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            new_context(
                api_key,
                base_url=base_url,
                timeout=timeout,
                max_retries=max_retries,
                max_retry_after=max_retry_after,
                max_connections=max_connections,
                proxy=proxy,
                trust_env=trust_env,
                ssl_context=ssl_context,
                transport=transport,
                poll=poll,
                allow_result_hosts=allow_result_hosts,
                max_document=max_document,
                allow_plain_http=allow_plain_http,
                default_headers=default_headers,
            )
        )

    def __repr__(self) -> str:
        return f"<aiobench.Client of {self._context.platform.session.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __enter__(self) -> NoReturn:
        raise TypeError("this Client is asynchronous: use `async with`, or aiobench.sync.Client with `with`")

    def __exit__(self, *_: object) -> None: ...  # `with` looks for it before it calls `__enter__`

    async def aclose(self) -> None:
        """Close all connections. Closing a client twice, or closing a view, does nothing."""
        if not self._is_view:
            await self._context.platform.session.aclose()

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        max_retry_after: float | None = None,
        poll: PollPolicy | None = None,
        default_headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a view of this client with other settings, on the same connections.

        What is not given stays as it is in this client.

        Args:
            timeout: Seconds for one attempt.
            max_retries: How often a failed call is retried.
            max_retry_after: The longest wait, in seconds, that a single call lets the server ask for.
            poll: When to poll jobs.
            default_headers: Headers to send in addition to this client's.

        Returns:
            The view. Closing the view does nothing; closing this client closes the view, too.

        Raises:
            ConfigurationError: If a setting is invalid.
        """
        view: Self = copy.copy(self)
        view._context = self._context.evolved(
            timeout=timeout,
            max_retries=max_retries,
            max_retry_after=max_retry_after,
            poll=poll,
            default_headers=default_headers,
        )
        view._is_view = True
        return view

    # -- jobs --------------------------------------------------------------------------------------------------

    def job(self, job_id: str, benchmark_id: str = "") -> BenchmarkJob:
        """Return a job by its id, without a request.

        Args:
            job_id: The job's id.
            benchmark_id: The benchmark it is a run of, if you know it. A monitor then needs fewer requests.

        Returns:
            The job. Its status is "" until it is polled.

        Raises:
            ConfigurationError: If *job_id* is empty.
        """
        return BenchmarkJob(job_id, "", benchmark_id, client=self)

    async def get_job(self, job_id: str) -> BenchmarkJob:
        """Ask for a job.

        Args:
            job_id: The job's id.

        Returns:
            The job with its current status.

        Raises:
            ConfigurationError: If *job_id* is empty.
            NotFoundError: If there is no such job.
            APIError: If the request fails; the subclass says why.
        """
        job = self.job(job_id)
        await job.check_status()
        return job

    async def list_jobs(self, benchmark_id: str) -> list[BenchmarkJob]:
        """List the jobs of a benchmark.

        Args:
            benchmark_id: The benchmark's id.

        Returns:
            The jobs, in the platform's order. A status that cannot be read is "".

        Raises:
            ConfigurationError: If *benchmark_id* is empty.
            NotFoundError: If there is no such benchmark.
            APIError: If the request fails; the subclass says why.
        """
        return await listed_jobs(self, benchmark_id)

    async def start_job(self, benchmark_id: str) -> BenchmarkJob:
        """Start a job of a benchmark, exactly once.

        The benchmark's jobs are listed first. If the reply to the start is lost, a new entry in the list shows the job.

        Args:
            benchmark_id: The benchmark's id.

        Returns:
            The job with its current status, or "" if the job was started but its status is not available yet.

        Raises:
            ConfigurationError: If *benchmark_id* is empty.
            StartOutcomeUnknownError: If the reply was lost and the list does not show whether a job was started.
            APIError: If no job was started; the subclass says why.
        """
        return await started_job(self, benchmark_id)

    def monitor(
        self,
        jobs: Iterable[BenchmarkJob | str] = (),
        *,
        poll: PollPolicy | None = None,
        timeout: float | None = None,
        stall_after: float | None = None,
        keep_open: bool = False,
        journal: str | os.PathLike[str] | None = None,
        ack: Literal["next", "manual"] = "next",
        replay: bool = False,
        progress: bool = False,
    ) -> Monitor:
        """Return a monitor, which watches many jobs in one stream of events. Enter it with `async with`.

        Args:
            jobs: Jobs or job ids; add more with `monitor.add()`. Jobs with a benchmark id need fewer requests.
            poll: When to poll, and which statuses are terminal. Defaults to this client's policy.
            timeout: Seconds in all, from the first step of the iteration and including your own time. None means no
                limit.
            stall_after: Report a job as `Stalled` after this many seconds without a change. None means never.
            keep_open: When all jobs have ended, wait for more until `drain()` is called.
            journal: A file that lets the next process go on if this one is killed; see `Monitor`. It is created if it
                does not exist.
            ack: Whether the end of a job counts as handled when you ask for the next event, or when you call
                `monitor.ack(event)`.
            replay: Report the ends that an earlier run with this journal handled once more.
            progress: Show one line with how many jobs have ended and failed, in a terminal or a notebook.

        Returns:
            The monitor. It sends no request until you enter it.

        Raises:
            ConfigurationError: If an argument is invalid.
        """
        return Monitor(
            self,
            jobs,
            poll=poll,
            timeout=timeout,
            stall_after=stall_after,
            keep_open=keep_open,
            journal=journal,
            ack=ack,
            replay=replay,
            progress=progress,
        )

    async def wait_all(
        self,
        jobs: Iterable[BenchmarkJob | str],
        *,
        poll: PollPolicy | None = None,
        timeout: float | None = None,
        stall_after: float | None = None,
        progress: bool = False,
    ) -> dict[str, JobSnapshot | AiobenchError]:
        """Wait until all jobs have ended.

        The result holds every job's document: for thousands of jobs, use `monitor()`.

        Args:
            jobs: Jobs or job ids.
            poll: When to poll, and which statuses are terminal. Defaults to this client's policy.
            timeout: Seconds in all. None means no limit.
            stall_after: Do not wait for a job after this many seconds without a change. None means never.
            progress: Show one line with the number of jobs that have ended, in a terminal or a notebook.

        Returns:
            `{job id: outcome}` in the order of *jobs*. An outcome is the terminal snapshot; the error of a job that
            cannot be polled; a `WaitTimeoutError` if the job has not ended in time; or a `JobStalledError`.

        Raises:
            ConfigurationError: If an argument is invalid.
            AuthenticationError: If the key is not accepted.
        """
        watched = list(several_jobs(jobs))
        monitor = self.monitor(watched, poll=poll, timeout=timeout, stall_after=stall_after)
        return await outcomes_of(monitor, watched, timeout=timeout, progress=progress)

    async def download_all(
        self,
        jobs: Iterable[BenchmarkJob | str],
        directory: str | os.PathLike[str],
        *,
        concurrency: int = 4,
        progress: bool = False,
        max_bytes: int = 4 * 2**30,
    ) -> dict[str, Path | AiobenchError]:
        """Download the results of many jobs, each to `<job id>.csv` in one directory.

        A file appears once it is complete. What a file name cannot hold is percent-encoded.

        Args:
            jobs: Jobs or job ids.
            directory: Where to save the files; it is created if it does not exist.
            concurrency: How many downloads run at a time.
            progress: Show one line with the number of downloads, in a terminal or a notebook.
            max_bytes: Refuse results of a job that are larger.

        Returns:
            `{job id: outcome}` in the order of *jobs*: the file's path, or the error of a job whose results cannot be
            downloaded.

        Raises:
            ConfigurationError: If an argument is invalid.
            ClientStateError: If the client is closed, or used where it cannot work.
        """
        handles = [as_job(self, job) for job in several_jobs(jobs)]
        self._context.platform.session.guard.check()
        return await downloads_of(
            handles, Path(directory), concurrency=concurrency, progress=progress, max_bytes=max_bytes
        )

    # -- benchmarks --------------------------------------------------------------------------------------------

    async def get_benchmark(self, benchmark_id: str) -> Benchmark:
        """Ask for a benchmark, in one request.

        Args:
            benchmark_id: The benchmark's id.

        Returns:
            The benchmark.

        Raises:
            ConfigurationError: If *benchmark_id* is empty.
            NotFoundError: If there is no such benchmark.
            APIError: If the request fails; the subclass says why.
        """
        path, what = routes.benchmark(benchmark_id), f"benchmark {benchmark_id}"
        return self._benchmark(await self._context.platform.call("GET", path, benchmark_document, what=what))

    async def create_benchmark(
        self,
        name: str,
        *,
        dataset: str,
        models: Sequence[str | ModelSpec],
        metrics: Sequence[str | MetricSpec],
    ) -> Benchmark:
        """Create a benchmark.

        Args:
            name: Its name.
            dataset: The id of its dataset.
            models: At least one model, as an id or a `ModelSpec`. Either all models have a display name or none has.
            metrics: At least one metric, as an id or a `MetricSpec`.

        Returns:
            The benchmark.

        Raises:
            ConfigurationError: If an argument is invalid.
            BadRequestError: If the platform refuses it.
            APIError: If the request fails; the subclass says why.
        """
        payload = creation_payload(name, dataset=dataset, models=models, metrics=metrics)
        benchmark_id = await self._context.platform.call(
            "POST",
            routes.BENCHMARKS,
            created_id,
            what=f"creating benchmark {name!r}",
            json=payload,
            is_idempotent=False,
        )
        try:
            return await self.get_benchmark(benchmark_id)
        except APIError as error:  # it exists: not to return it would lose it
            logger.warning("benchmark %s was created, but is not available yet: %s", benchmark_id, error)
            return self._benchmark(created_document(benchmark_id, payload))

    async def list_normalization_options(self, metric_id: str, model_id: str) -> list[str]:
        """List the normalization options that a metric has for a model.

        Args:
            metric_id: The metric's id.
            model_id: The model's id.

        Returns:
            The options, for `MetricSpec(normalization=)`.

        Raises:
            ConfigurationError: If an id is empty.
            APIError: If the request fails; the subclass says why.
        """
        metric, model = checked_id(metric_id, "metric id"), checked_id(model_id, "model id")
        what = f"the normalization options of metric {metric} for model {model}"
        body = {"metricId": metric, "modelIds": [model]}
        return await self._context.platform.call(
            "POST", routes.NORMALIZATION_OPTIONS, normalization_options, what=what, json=body
        )

    def _benchmark(self, document: BenchmarkDocument) -> Benchmark:
        return Benchmark(
            document.id, document.name, document.model_ids, document.dataset_ids, document.metric_ids, self
        )
