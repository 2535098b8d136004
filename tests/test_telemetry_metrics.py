"""`aiobench.telemetry` measures what a client does, with OpenTelemetry's own SDK and its Prometheus exporter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import REGISTRY, generate_latest

from aiobench import APIStatusError
from aiobench.errors import ConfigurationError
from aiobench.telemetry import instrument
from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

JOB = "sdk/benchmarks/jobs/{job}"
SEGMENTS = pd.DataFrame({"segment_id": [1], "Model": ["model-a"], "BLEU by sacrebleu": [31.0]})


class Metrics:
    """A meter provider whose measurements can be looked at."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        """Return each series of a metric: its attributes, and its value or how often it was recorded."""
        data = self.reader.get_metrics_data()
        return [
            (dict(point.attributes), point.count if hasattr(point, "count") else point.value)
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def by(self, name: str, *attributes: str) -> dict[tuple[Any, ...], float]:
        """Return the values of a metric by some of its attributes."""
        return {tuple(point.get(each) for each in attributes): value for point, value in self.points(name)}


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """Give the test a meter provider of its own."""
    metrics = Metrics()
    yield metrics
    metrics.provider.shutdown()


async def test_requests_are_counted_by_route_and_outcome(metrics: Metrics) -> None:
    """Routes have names in place of ids; an answer has its status, and an error its kind."""
    fake = FakePlatform()
    job = fake.job("in_progress", "completed", every=5.0, segments=SEGMENTS)
    async with fake.client() as client:
        instrument(client, meter_provider=metrics.provider)
        await client.job(job.id).check_status()
        with pytest.raises(APIStatusError):
            await client.job("missing").check_status()
        fake.drop_connection(times=2)
        await client.job(job.id).wait()
        await client.job(job.id).download_results_as_csv(return_dataframe=True)

    counted = metrics.by("http.client.request.duration", "url.template", "http.response.status_code", "error.type")
    assert counted == {
        (JOB, 200, None): 4,
        (JOB, 404, "404"): 1,
        (JOB, None, "APIConnectionError"): 1,
        ("{results}", 200, None): 1,
    }
    assert {point["http.request.method"] for point, _ in metrics.points("http.client.request.duration")} == {"GET"}
    assert [value for _, value in metrics.points("aiobench.job.states")] == [4]


async def test_a_duration_is_the_clients_clock(metrics: Metrics) -> None:
    """A reply that took three seconds is recorded as three seconds."""
    fake = FakePlatform()
    job = fake.job("queued")
    fake.delay(3.0)
    async with fake.client() as client:
        instrument(client, meter_provider=metrics.provider)
        await client.job(job.id).check_status()

    data = metrics.reader.get_metrics_data()
    assert data is not None
    sums = [
        point.sum
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "http.client.request.duration"
        for point in metric.data.data_points
    ]
    assert sums == [pytest.approx(3.0, abs=0.1)]


async def test_retries_and_pauses_are_counted(metrics: Metrics) -> None:
    """A call that was tried again, and the pause that a 429 asked for."""
    fake = FakePlatform()
    job = fake.job("queued")
    fake.answer(503, times=1)
    fake.answer(429, retry_after=30, times=1)
    async with fake.client() as client:
        instrument(client, meter_provider=metrics.provider)
        await client.job(job.id).check_status()

    assert metrics.by("aiobench.client.retries", "url.template", "error.type") == {
        (JOB, "ServerError"): 1,
        (JOB, "RateLimitError"): 1,
    }
    assert [value for _, value in metrics.points("aiobench.client.pause.duration")] == [1]


async def test_watched_jobs_and_their_ends_are_counted_by_status(metrics: Metrics) -> None:
    """While they are watched, jobs are counted by status, and none is left when the monitor has gone."""
    fake = FakePlatform()
    quick = fake.job("queued", "completed", every=60.0)
    slow = fake.job("queued", "in_progress", "failed", every=600.0)
    odd = fake.job("contemplating")
    gone = "no-such-job"
    async with fake.client() as client:
        instrument(client, meter_provider=metrics.provider)
        async with client.monitor([quick.id, slow.id, odd.id, gone]) as monitor:
            ended = set()
            async for event in monitor:
                if event.job.id in {quick.id, slow.id} and hasattr(event, "snapshot"):
                    ended.add(event.job.id)
                if quick.id in ended and slow.id not in ended:
                    watched = metrics.by("aiobench.monitor.jobs", "aiobench.job.status")
                if len(ended) == 2:
                    break

    assert {status: count for (status,), count in watched.items() if count} == {"in_progress": 1, "other": 1}
    assert set(metrics.by("aiobench.monitor.jobs", "aiobench.job.status").values()) == {0}
    assert metrics.by("aiobench.job.ends", "aiobench.job.status") == {
        ("completed",): 1,
        ("failed",): 1,
        ("abandoned",): 1,
    }


async def test_views_are_included_and_twice_is_once(metrics: Metrics) -> None:
    """A view shares its client's measurements; a second call changes nothing."""
    fake = FakePlatform()
    job = fake.job("queued")
    async with fake.client() as client:
        view = client.with_options(timeout=5)
        instrument(client, meter_provider=metrics.provider)
        instrument(view, meter_provider=metrics.provider)
        await view.job(job.id).check_status()

    assert [value for _, value in metrics.points("http.client.request.duration")] == [1]


async def test_what_cannot_be_instrumented_is_explained(metrics: Metrics) -> None:
    """Anything but a client, and a client that reports elsewhere already."""
    other = Metrics()
    async with FakePlatform().client() as client:
        with pytest.raises(ConfigurationError, match="client must be an aiobench client, not str"):
            instrument("client", meter_provider=metrics.provider)  # type: ignore[arg-type]
        for wrong, kind in ((metrics.reader, "InMemoryMetricReader"), (MeterProvider, "class MeterProvider")):
            with pytest.raises(ConfigurationError, match=f"must be an OpenTelemetry MeterProvider, not .*{kind}$"):
                instrument(client, meter_provider=wrong)  # type: ignore[arg-type]
        instrument(client, meter_provider=metrics.provider)
        with pytest.raises(ConfigurationError, match="instrumented already, with another meter provider"):
            instrument(client, meter_provider=other.provider)
    other.provider.shutdown()


def test_the_sync_client_is_measured(metrics: Metrics) -> None:
    """The same metrics for `aiobench.sync`."""
    fake = FakePlatform()
    job = fake.job("queued", "completed", every=5.0)
    with fake.sync_client() as client:
        instrument(client, meter_provider=metrics.provider)
        client.job(job.id).wait()

    assert metrics.by("aiobench.job.ends", "aiobench.job.status") == {("completed",): 1}


async def test_no_id_is_in_an_attribute(metrics: Metrics) -> None:
    """Series do not grow with the number of jobs: ids of jobs and benchmarks are nowhere in them."""
    fake = FakePlatform()
    benchmark = fake.benchmark("queued", "completed", every=5.0)
    jobs = [fake.job("queued", "completed", every=5.0, benchmark=benchmark.id) for _ in range(20)]
    async with fake.client() as client:
        instrument(client, meter_provider=metrics.provider)
        started = await client.start_job(benchmark.id)
        await client.wait_all([*(job.id for job in jobs), started])

    ids = {benchmark.id, started.id, *(job.id for job in jobs)}
    data = metrics.reader.get_metrics_data()
    assert data is not None
    assert [each for each in ids if each in data.to_json()] == []


async def test_prometheus_reads_them(metrics: Metrics) -> None:
    """The names that the page on telemetry queries are those that the exporter shows."""
    reader = PrometheusMetricReader()
    provider = MeterProvider([reader])
    fake = FakePlatform()
    job = fake.job("queued", "completed", every=5.0)
    fake.answer(429, retry_after=30, times=1)
    try:
        async with fake.client() as client:
            instrument(client, meter_provider=provider)
            await client.job(job.id).check_status()
            async with client.monitor([job.id]) as monitor:
                async for _ in monitor:
                    pass
        text = generate_latest(REGISTRY).decode()
    finally:
        provider.shutdown()

    page = (Path(__file__).parent.parent / "docs" / "howto" / "telemetry.md").read_text(encoding="utf-8")
    queried = set(re.findall(r"(?:aiobench|http_client)_[a-z_]+", page)) - {"aiobench_job_status"}
    shown = {re.split(r"[{ ]", line)[0] for line in text.splitlines()}
    assert len(queried) == 7
    assert queried - shown == set()


def test_a_client_without_metrics_pays_nothing() -> None:
    """No call of an observer, no import of OpenTelemetry: counted in a process of its own."""
    program = """
import sys

import anyio

from aiobench.testing import FakePlatform

calls = []
def count(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.endswith(("_observer.py", "telemetry.py")):
        calls.append(frame.f_code.co_name)

async def main():
    fake = FakePlatform()
    jobs = [fake.job("queued", "completed", every=5.0).id for _ in range(5)]
    async with fake.client() as client:
        sys.setprofile(count)
        await client.wait_all(jobs)
        sys.setprofile(None)

import aiobench._observer
anyio.run(main)
print(len(calls), "opentelemetry.metrics" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=60, check=False
    )

    assert (done.stdout, done.stderr) == ("0 False\n", "")
