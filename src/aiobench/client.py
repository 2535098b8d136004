"""The client: settings, connections and the platform's calls."""

from __future__ import annotations

import copy
import logging
import os
import ssl
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Literal, NoReturn, Self

from aiobench._context import ClientBase, new_context
from aiobench._http.transports import TransportOption
from aiobench._wire.benchmarks import BenchmarkDocument, created_document, creation_payload
from aiobench._wire.routes import checked_id
from aiobench.benchmark import Benchmark, listed_jobs, started_job
from aiobench.errors import AiobenchError, APIError, JobsWaitTimeoutError, WaitTimeoutError
from aiobench.events import Abandoned, Finished
from aiobench.job import BenchmarkJob
from aiobench.monitor import Monitor, several_jobs
from aiobench.policy import PollPolicy
from aiobench.snapshot import JobSnapshot
from aiobench.specs import MetricSpec, ModelSpec

__all__ = ["Client"]

logger: logging.Logger = logging.getLogger("aiobench.http")


class Client(ClientBase):
    """A connection to the platform: settings, pooled connections and calls.

    Use it as `async with Client() as client:`, or call `await client.aclose()` in the end. One client belongs to one
    event loop; it may be shared by all tasks of that loop. It holds no task of its own.

    Once it is closed, and in a forked child, each of its calls raises `ClientStateError`.

    Args:
        api_key: The team's key; else the environment's `TEAM_API_KEY`, else `AIXPLAIN_API_KEY`.
        base_url: The platform; else the environment's `BACKEND_URL`, else aiXplain's. It may have a path.
        timeout: Seconds for one attempt, from a free connection to the last byte; for results to the first byte, and
            then between reads.
        max_retries: How often a failed call is tried again where that helps.
        max_retry_after: Seconds: when the server asks to wait longer, a single call raises `RateLimitError` at once.
        max_connections: How many connections there may be to the platform, and as many for results.
        proxy: The proxy's URL; else the environment's `HTTPS_PROXY` and `NO_PROXY`.
        trust_env: Whether the environment's proxies and `SSL_CERT_FILE` count.
        ssl_context: The TLS settings; else the system's defaults.
        transport: "httpx"; "aiohttp", which costs a third less CPU (extra `aiohttp`, asyncio only); or a function that
            makes a transport for one connection, and then dials by itself: addresses of results are checked by name
            alone.
        poll: When to poll jobs, unless a call says otherwise.
        allow_result_hosts: Hosts whose private or plain-http result URLs are fine.
        allow_plain_http: Send the key over plain http to another machine: for a backend of your own.
        default_headers: Sent with every request to the platform, not with those for results.

    Raises:
        ConfigurationError: If a setting cannot be used, or there is no key.
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
        """Close all connections; closing twice, or closing a view, does nothing."""
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
        """Make a view of this client with other settings, on the same connections.

        Args:
            timeout: Seconds for one attempt; None: as before, here and below.
            max_retries: How often a failed call is tried again.
            max_retry_after: The longest wait, in seconds, that a single call lets the server ask for.
            poll: When to poll jobs.
            default_headers: Headers sent besides those of this client.

        Returns:
            The view. Closing it does nothing; closing this client closes it, too.

        Raises:
            ConfigurationError: If a setting cannot be used.
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
        """Make a handle on a job that exists; no request is made.

        Args:
            job_id: The job's id.
            benchmark_id: The benchmark it is a run of, if you know it: a monitor asks for less then.

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
            The job, with its present status.

        Raises:
            ConfigurationError: If *job_id* is empty.
            NotFoundError: If there is no such job.
            APIError: If it cannot be had; which class says why.
        """
        job = self.job(job_id)
        await job.check_status()
        return job

    async def list_jobs(self, benchmark_id: str) -> list[BenchmarkJob]:
        """List the jobs of a benchmark.

        Args:
            benchmark_id: The benchmark's id.

        Returns:
            The jobs, in the platform's order; a status that cannot be read is "".

        Raises:
            ConfigurationError: If *benchmark_id* is empty.
            NotFoundError: If there is no such benchmark.
            APIError: If the list cannot be had; which class says why.
        """
        return await listed_jobs(self, benchmark_id)

    async def start_job(self, benchmark_id: str) -> BenchmarkJob:
        """Start a job of a benchmark, exactly once.

        The job list is asked for first, so that a lost answer can be cleared up by what is new in it.

        Args:
            benchmark_id: The benchmark's id.

        Returns:
            The job, with its present status; "" if it was started but could not be asked for yet.

        Raises:
            ConfigurationError: If *benchmark_id* is empty.
            StartOutcomeUnknownError: If the answer was lost and the job list cannot tell what happened.
            APIError: If no job was started; which class says why.
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
    ) -> Monitor:
        """Make a monitor that watches many jobs in one stream of events; enter it with `async with`.

        Args:
            jobs: Jobs or job ids; `monitor.add()` takes more. Jobs that know their benchmark are cheaper to watch.
            poll: When to poll, and what counts as an end; else this client's policy.
            timeout: Seconds in all, from the first step of the iteration, your own time included. None: no limit.
            stall_after: Seconds without a change after which a job is reported as `Stalled`. None: never.
            keep_open: Go on waiting for more jobs when all have ended, until `drain()`.
            journal: A file that lets a killed process go on: see `Monitor`. Made if it is not there.
            ack: Whether an end counts as handled when the next event is asked for, or at `monitor.ack(event)`.

        Returns:
            The monitor, which has sent nothing yet.

        Raises:
            ConfigurationError: If an argument cannot be used.
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
        )

    async def wait_all(
        self,
        jobs: Iterable[BenchmarkJob | str],
        *,
        poll: PollPolicy | None = None,
        timeout: float | None = None,
    ) -> dict[str, JobSnapshot | AiobenchError]:
        """Wait until all jobs have ended; for so many jobs as there is memory for their documents.

        Args:
            jobs: Jobs or job ids.
            poll: When to poll, and what counts as an end; else this client's policy.
            timeout: Seconds in all. None: no limit.

        Returns:
            `{job id: outcome}` in the order of *jobs*: the terminal snapshot; the error of a job that cannot be had;
            or a `WaitTimeoutError` for one that is not done when the time is up.

        Raises:
            ConfigurationError: If an argument cannot be used.
            AuthenticationError: If the key is not accepted.
        """
        watched = list(several_jobs(jobs))
        outcomes: dict[str, JobSnapshot | AiobenchError] = {}
        try:
            async with self.monitor(watched, poll=poll, timeout=timeout) as monitor:
                async for event in monitor:
                    match event:
                        case Finished(job=job, snapshot=snapshot):
                            outcomes[job.id] = snapshot
                        case Abandoned(job=job, error=error):
                            outcomes[job.id] = error
                        case _:
                            pass
        except JobsWaitTimeoutError as late:
            for job_id in late.pending:
                outcomes[job_id] = WaitTimeoutError(f"job {job_id} is not done after {timeout:g} s", job_id=job_id)
        ids = dict.fromkeys(job if isinstance(job, str) else job.id for job in watched)
        return {job_id: outcomes[job_id] for job_id in ids}

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
            APIError: If it cannot be had; which class says why.
        """
        return self._benchmark(await self._context.platform.benchmark(benchmark_id))

    async def create_benchmark(
        self,
        name: str,
        *,
        dataset: str,
        models: Sequence[str | ModelSpec],
        metrics: Sequence[str | MetricSpec],
    ) -> Benchmark:
        """Create a benchmark; `start()` runs it.

        Args:
            name: Its name.
            dataset: The id of the one dataset.
            models: Model ids; or a `ModelSpec` for each, with display names and parameters.
            metrics: Metric ids, or a `MetricSpec` where normalization is wanted.

        Returns:
            The benchmark.

        Raises:
            ConfigurationError: If there is no name, dataset, model or metric, or display names on some models only.
            BadRequestError: If the platform refuses it.
            APIError: If it cannot be created; which class says why.
        """
        payload = creation_payload(name, dataset=dataset, models=models, metrics=metrics)
        benchmark_id = await self._context.platform.create_benchmark(payload)
        try:
            return await self.get_benchmark(benchmark_id)
        except APIError as error:  # it exists: not to hand it out would lose it
            logger.warning("benchmark %s was created, but cannot be had yet: %s", benchmark_id, error)
            return self._benchmark(created_document(benchmark_id, payload))

    async def list_normalization_options(self, metric_id: str, model_id: str) -> list[str]:
        """List the normalization options that a metric offers for a model.

        Args:
            metric_id: The metric's id.
            model_id: The model's id.

        Returns:
            The options, to choose from for `MetricSpec(normalization=)`.

        Raises:
            ConfigurationError: If an id is empty.
            APIError: If they cannot be had; which class says why.
        """
        metric, model = checked_id(metric_id, "metric id"), checked_id(model_id, "model id")
        return await self._context.platform.normalization_options(metric, model)

    def _benchmark(self, document: BenchmarkDocument) -> Benchmark:
        return Benchmark(
            document.id, document.name, document.model_ids, document.dataset_ids, document.metric_ids, self
        )
