"""The benchmarks and jobs of a fake platform."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, NoReturn

from aiobench.testing._courses import Course, Outcome, checked_course
from aiobench.testing._documents import METRICS
from aiobench.testing.jobs import FakeBenchmark, FakeJob
from aiobench.testing.replies import RefusedError

__all__ = ["Assets"]


class Assets:
    """Benchmarks and jobs by id. Ids are numbered, so that every run of a test has the same ones."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._benchmarks: dict[str, FakeBenchmark] = {}
        self._jobs: dict[str, FakeJob] = {}
        self._numbers = count(1)

    def add_benchmark(self, benchmark: FakeBenchmark) -> None:
        self._benchmarks[benchmark.id] = benchmark

    def new_id(self, kind: str) -> str:
        taken = self._benchmarks if kind == "benchmark" else self._jobs
        return next(name for number in self._numbers if (name := f"{kind}-{number}") not in taken)

    def has_benchmark(self, benchmark_id: str) -> bool:
        return benchmark_id in self._benchmarks

    def has_job(self, job_id: str) -> bool:
        return job_id in self._jobs

    def benchmark(self, benchmark_id: str) -> FakeBenchmark:
        return self._benchmarks.get(benchmark_id) or _not_found("Benchmark")

    def job(self, job_id: str) -> tuple[FakeJob, FakeBenchmark]:
        job = self._jobs.get(job_id) or _not_found("Benchmark job")
        return job, self._benchmarks[job.benchmark_id]

    def start(self, benchmark_id: str, job_id: str | None = None) -> FakeJob:
        """Start a job of a benchmark; it follows the benchmark's course."""
        benchmark = self.benchmark(benchmark_id)
        job = FakeJob(
            job_id or self.new_id("job"), benchmark.id, self._now(), benchmark.course, benchmark.outcome, self._now
        )
        self._jobs[job.id] = job
        benchmark.jobs.append(job)
        return job

    def create(self, payload: dict[str, Any]) -> FakeBenchmark:
        """Create a benchmark from the body of a `POST sdk/benchmarks`; all of its models score 50."""
        name, datasets = payload.get("name"), payload.get("datasets")
        metrics = [str(each.get("id")) for each in payload.get("metrics") or () if isinstance(each, dict)]
        named: dict[str, Any] = {
            str(each.get("id")): each.get("displayName")
            for each in payload.get("models") or ()
            if isinstance(each, dict)
        }
        models = payload.get("model") or list(named)
        if not isinstance(name, str) or not name.strip():
            raise RefusedError(400, "Please give the benchmark a name")
        if not isinstance(datasets, list) or len(datasets) != 1:
            raise RefusedError(400, "Please use exactly one dataset")
        if not models or not metrics:
            raise RefusedError(400, f"Please use at least one {'metric' if models else 'model'}")
        if (payload.get("model") and named) or not all(isinstance(each, str) and each for each in named.values()):
            raise RefusedError(400, "Please provide a display name for all models or for none of them")
        scores = {model: {METRICS.get(metric, metric): 50.0 for metric in metrics} for model in models}
        course: Course = checked_course((), 5.0)
        benchmark = FakeBenchmark(
            self.new_id("benchmark"), name, models, datasets[0], metrics, course, Outcome(scores), display_names=named
        )
        self.add_benchmark(benchmark)
        return benchmark


def _not_found(kind: str) -> NoReturn:
    raise RefusedError(404, f"{kind} not found")
