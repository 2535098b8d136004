"""What type checkers make of the public interface: never run, read by mypy and by pyright in strict mode."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

import pandas as pd

from aiobench import (
    Abandoned,
    AiobenchError,
    APIError,
    Benchmark,
    BenchmarkJob,
    Client,
    Explanations,
    Finished,
    Iteration,
    JobSnapshot,
    JobState,
    Metric,
    MetricSpec,
    ModelSpec,
    Monitor,
    MonitorEvent,
    MonitorStats,
    PollFailed,
    PollPolicy,
    Progress,
    Progressed,
    Score,
    ScoreDetail,
    ScoreRow,
    Stalled,
    StartInterrupted,
    StatusChanged,
    tidy,
)


async def client_calls(client: Client) -> None:
    """Each call gives the type that the table of the interface promises."""
    assert_type(client.job("JOB"), BenchmarkJob)
    assert_type(await client.get_job("JOB"), BenchmarkJob)
    assert_type(await client.list_jobs("BENCHMARK"), list[BenchmarkJob])
    assert_type(await client.start_job("BENCHMARK"), BenchmarkJob)
    assert_type(await client.get_benchmark("BENCHMARK"), Benchmark)
    assert_type(await client.list_normalization_options("METRIC", "MODEL"), list[str])
    assert_type(client.with_options(timeout=1.0, poll=PollPolicy(interval=1.0)), Client)
    async with client as entered:
        assert_type(entered, Client)
    assert_type(await client.aclose(), None)
    Client(timeuot=1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def benchmark_calls(client: Client) -> None:
    """A benchmark is made of ids or of specifications, and starts and lists jobs."""
    benchmark = await client.create_benchmark(
        "NAME", dataset="DATASET", models=["MODEL", ModelSpec("MODEL", "Name")], metrics=[MetricSpec("METRIC")]
    )
    assert_type(benchmark, Benchmark)
    assert_type((benchmark.id, benchmark.name), tuple[str, str])
    assert_type(benchmark.model_ids, tuple[str, ...])
    assert_type(benchmark.dataset_ids, tuple[str, ...])
    assert_type(benchmark.metric_ids, tuple[str, ...])
    assert_type(await benchmark.start(), BenchmarkJob)
    assert_type(await benchmark.list_jobs(), list[BenchmarkJob])


async def monitor_calls(client: Client, job: BenchmarkJob) -> None:
    """A monitor takes jobs and ids, and gives events, which patterns take apart."""
    assert_type(await client.wait_all([job, "JOB"], timeout=1.0), dict[str, JobSnapshot | AiobenchError])
    assert_type(await client.download_all([job, "JOB"], "results"), dict[str, Path | AiobenchError])
    async with client.monitor([job, "JOB"], timeout=1.0, journal=Path("journal"), ack="manual") as monitor:
        assert_type(monitor, Monitor)
        assert_type(monitor.stats, MonitorStats)
        monitor.add(job, "JOB", note={"asked_by": "somebody", "tags": ["x", 1]})
        assert_type(await monitor.start("BENCHMARK", note=None), BenchmarkJob)
        assert_type(monitor.jobs, Mapping[str, JobState])
        monitor.drain()
        async for event in monitor:
            assert_type(event, MonitorEvent)
            match event:
                case Finished(finished, snapshot):
                    assert_type(finished, BenchmarkJob)
                    assert_type(snapshot, JobSnapshot)
                    assert_type(await monitor.ack(event), None)
                case Abandoned(abandoned, error):
                    assert_type(abandoned, BenchmarkJob)
                    assert_type(error, APIError)
                case StatusChanged(changed, previous, status):
                    assert_type(changed, BenchmarkJob)
                    assert_type((previous, status), tuple[str, str])
                case Progressed(moved, progress):
                    assert_type(moved, BenchmarkJob)
                    assert_type(progress, Progress)
                case Stalled(stalled, seconds):
                    assert_type(stalled, BenchmarkJob)
                    assert_type(seconds, float)
                case StartInterrupted(benchmark_id, _, candidates):
                    assert_type(benchmark_id, str)
                    assert_type(candidates, tuple[str, ...])
                case PollFailed(jobs, failure):
                    assert_type(jobs, tuple[BenchmarkJob, ...])
                    assert_type(failure, APIError)
                case _:  # what a later release adds
                    pass
        assert_type(await monitor.aclose(), None)


async def job_calls(client: Client) -> None:
    """A job's attributes and plain calls; what `watch()` gives can be closed."""
    job = BenchmarkJob("JOB", "", "BENCHMARK", client=client, colour="blue")
    assert_type((job.id, job.status, job.benchmark_id), tuple[str, str, str])
    assert_type(job.additional_info, dict[str, Any])
    assert_type(await job.check_status(), str)
    job.observe("completed", "BENCHMARK")
    assert_type(await job.fetch(), JobSnapshot)
    assert_type(await job.wait(), JobSnapshot)
    assert_type(await job.wait(poll=PollPolicy(), timeout=1.0, stall_after=1.0, progress=print), JobSnapshot)
    assert_type(job.watch(), AsyncGenerator[JobSnapshot, None])
    async for snapshot in job.watch(poll=PollPolicy(), timeout=1.0, every_poll=True):
        assert_type(snapshot, JobSnapshot)
    await job.wait(timeuot=1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(await job.get_all_explanations(), Explanations)
    assert_type(await job.get_localized_explanations(metric_dependant=True), dict[str, Any])


async def job_overloads(job: BenchmarkJob, *, flag: bool) -> None:
    """Flags that are known choose the type; a flag that is not gives the union."""
    assert_type(await job.get_scores(), pd.DataFrame)
    assert_type(await job.get_scores(return_as_dataframe=False), list[ScoreRow])
    assert_type(await job.get_scores(True, False), list[ScoreRow])
    assert_type(await job.get_scores(return_simplified=False), dict[str, ScoreDetail])
    assert_type(await job.get_scores(False, flag), dict[str, ScoreDetail])
    assert_type(await job.get_scores(flag, flag), dict[str, ScoreDetail] | pd.DataFrame | list[ScoreRow])

    assert_type(await job.get_failuire_rate(), pd.DataFrame)
    assert_type(await job.get_failuire_rate(False), dict[str, float])
    assert_type(await job.get_failuire_rate(flag), dict[str, float] | pd.DataFrame)
    assert_type(await job.get_failure_rate(False), dict[str, float])

    assert_type(await job.download_results_as_csv(), Path)
    assert_type(await job.download_results_as_csv("results.csv"), Path)
    assert_type(await job.download_results_as_csv("results.csv", True), pd.DataFrame)
    assert_type(await job.download_results_as_csv(return_dataframe=True), pd.DataFrame)
    assert_type(await job.download_results_as_csv(return_dataframe=flag), Path | pd.DataFrame)


def snapshot_overloads(snapshot: JobSnapshot, *, flag: bool) -> None:
    """A snapshot's reading methods have the job's overloads."""
    assert_type(snapshot.scores_frame(), pd.DataFrame)
    assert_type(snapshot.score_rows(), list[ScoreRow])
    assert_type(snapshot.score_details(), dict[str, ScoreDetail])
    assert_type(snapshot.failure_rates_frame(), pd.DataFrame)
    assert_type(snapshot.failure_rates(), dict[str, float])
    assert_type(snapshot.explanations(), Explanations)
    assert_type(snapshot.localized_explanations(True), dict[str, Any])
    assert_type(snapshot.raise_for_status(), JobSnapshot)


def snapshot_attributes(snapshot: JobSnapshot) -> None:
    """What a snapshot holds."""
    assert_type(snapshot.progress, Progress)
    assert_type(snapshot.metrics, tuple[Metric, ...])
    assert_type(snapshot.benchmark_name, str | None)
    assert_type(tidy([snapshot]), pd.DataFrame)
    assert_type(snapshot.iterations, tuple[Iteration, ...])
    assert_type(snapshot.failed_iterations, tuple[Iteration, ...])
    assert_type(snapshot.iterations[0].scores, tuple[Score, ...] | None)
    assert_type((snapshot.started_at, snapshot.report_url), tuple[datetime | None, str | None])
    assert_type((snapshot.polled_at, snapshot.is_terminal, snapshot.succeeded), tuple[datetime, bool, bool])
