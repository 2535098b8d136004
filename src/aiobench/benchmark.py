"""A benchmark: models, a dataset and metrics, of which each run is a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from aiobench import _display

if TYPE_CHECKING:
    from aiobench.client import Client
    from aiobench.job import BenchmarkJob

__all__ = ["Benchmark"]


@frozen(eq=False)
class Benchmark:
    """A benchmark, as `client.get_benchmark()` or `client.create_benchmark()` gives it.

    Attributes:
        id: The benchmark's id.
        name: Its name.
        model_ids: The models that it runs.
        dataset_ids: The dataset it runs them on.
        metric_ids: The metrics that it scores them with.
    """

    id: str
    name: str
    model_ids: tuple[str, ...]
    dataset_ids: tuple[str, ...]
    metric_ids: tuple[str, ...]
    _client: Client = field(repr=False)

    async def start(self) -> BenchmarkJob:
        """Start a job of this benchmark, exactly once: `Client.start_job()`.

        Returns:
            The job, with its present status; "" if it was started but could not be asked for yet.

        Raises:
            StartOutcomeUnknownError: If the answer was lost and the job list cannot tell what happened.
            APIError: If no job was started; which class says why.
        """
        return await self._client.start_job(self.id)

    async def list_jobs(self) -> list[BenchmarkJob]:
        """List the jobs of this benchmark: `Client.list_jobs()`.

        Returns:
            The jobs, in the platform's order; a status that cannot be read is "".

        Raises:
            APIError: If the list cannot be had; which class says why.
        """
        return await self._client.list_jobs(self.id)

    def _repr_html_(self) -> str:
        return _display.of_benchmark(self).html()

    def _repr_pretty_(self, printer: _display.Printer, *_: object) -> None:
        printer.text(_display.of_benchmark(self).text())
