"""What type checkers make of the public interface: never run, read by mypy and by pyright in strict mode."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, assert_type

import pandas as pd

from aiobench import Benchmark, BenchmarkJob, Client, Explanations, JobSnapshot, ScoreDetail, ScoreRow


async def client_calls(client: Client) -> None:
    """Each call gives the type that the table of the interface promises."""
    assert_type(client.job("JOB"), BenchmarkJob)
    assert_type(await client.get_job("JOB"), BenchmarkJob)
    assert_type(await client.list_jobs("BENCHMARK"), list[BenchmarkJob])
    assert_type(await client.start_job("BENCHMARK"), BenchmarkJob)
    assert_type(await client.get_benchmark("BENCHMARK"), Benchmark)
    assert_type(client.with_options(timeout=1.0), Client)
    async with client as entered:
        assert_type(entered, Client)


async def job_calls(job: BenchmarkJob) -> None:
    """A job's plain calls; `watch` is an async generator, so it can be closed."""
    assert_type(await job.check_status(), str)
    assert_type(await job.fetch(), JobSnapshot)
    assert_type(await job.wait(), JobSnapshot)
    assert_type(job.watch(), AsyncGenerator[JobSnapshot, None])
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
    assert_type(snapshot.scores(), pd.DataFrame)
    assert_type(snapshot.scores(return_as_dataframe=False), list[ScoreRow])
    assert_type(snapshot.scores(return_simplified=False), dict[str, ScoreDetail])
    assert_type(snapshot.scores(flag, flag), dict[str, ScoreDetail] | pd.DataFrame | list[ScoreRow])
    assert_type(snapshot.failure_rates(), pd.DataFrame)
    assert_type(snapshot.failure_rates(False), dict[str, float])
    assert_type(snapshot.failure_rates(flag), dict[str, float] | pd.DataFrame)
    assert_type(snapshot.explanations(), Explanations)
    assert_type(snapshot.raise_for_status(), JobSnapshot)
