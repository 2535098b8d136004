"""A benchmark: models, a dataset and metrics. Each run of it is a job."""

from __future__ import annotations

import logging

from attrs import field, frozen

from aiobench._context import ClientBase, context_of
from aiobench._display import Card, Displayed, counted
from aiobench._http.start import start_job
from aiobench.errors import APIError
from aiobench.job import BenchmarkJob

__all__ = ["Benchmark", "listed_jobs", "started_job"]

logger: logging.Logger = logging.getLogger("aiobench.http")


@frozen(eq=False, repr=False)
class Benchmark(Displayed):
    """A benchmark, returned by `client.get_benchmark()` and `client.create_benchmark()`.

    Attributes:
        id: The benchmark's id.
        name: Its name.
        model_ids: The ids of its models.
        dataset_ids: The id of its dataset.
        metric_ids: The ids of its metrics.
    """

    id: str
    name: str
    model_ids: tuple[str, ...]
    dataset_ids: tuple[str, ...]
    metric_ids: tuple[str, ...]
    _client: ClientBase = field()

    async def start(self) -> BenchmarkJob:
        """Start a job of this benchmark, exactly once: `Client.start_job()`.

        Returns:
            The job with its current status, or "" if the job was started but its status is not available yet.

        Raises:
            StartOutcomeUnknownError: If the reply was lost and the list does not show whether a job was started.
            APIError: If no job was started; the subclass says why.
        """
        return await started_job(self._client, self.id)

    async def list_jobs(self) -> list[BenchmarkJob]:
        """List the jobs of this benchmark: `Client.list_jobs()`.

        Returns:
            The jobs, in the platform's order. A status that cannot be read is "".

        Raises:
            APIError: If the request fails; the subclass says why.
        """
        return await listed_jobs(self._client, self.id)

    def _line(self) -> str:
        models, metrics = counted(len(self.model_ids), "model"), counted(len(self.metric_ids), "metric")
        return f"<Benchmark {self.name!r} ({self.id}): {models}, {metrics}>"

    def _card(self) -> Card:
        facts = (
            ("Id", self.id),
            ("Dataset", ", ".join(self.dataset_ids)),
            ("Models", ", ".join(self.model_ids)),
            ("Metrics", ", ".join(self.metric_ids)),
        )
        return Card(f"Benchmark {self.name!r}", facts)


async def listed_jobs(client: ClientBase, benchmark_id: str) -> list[BenchmarkJob]:
    """List the jobs of a benchmark: `Client.list_jobs()`."""
    entries = await context_of(client).platform.job_list(benchmark_id)
    return [
        BenchmarkJob(entry.job_id, entry.status or "", entry.benchmark_id or benchmark_id, client=client)
        for entry in entries
    ]


async def started_job(client: ClientBase, benchmark_id: str) -> BenchmarkJob:
    """Start a job of a benchmark: `Client.start_job()`."""
    job_id = await start_job(context_of(client).platform, benchmark_id)
    job = BenchmarkJob(job_id, "", benchmark_id, client=client)
    try:
        await job.check_status()
    except APIError as error:  # it runs: not to return it would lose it
        logger.warning("job %s was started, but its status is not available yet: %s", job.id, error)
    return job
