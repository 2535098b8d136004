"""A benchmark: what it is made of, and its two calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from job_documents import job_document

if TYPE_CHECKING:
    from aiobench import Benchmark, Client
    from loopback import LoopbackServer


@pytest.fixture
async def benchmark(server: LoopbackServer, client: Client) -> Benchmark:
    """Load a benchmark."""
    server.route("GET /sdk/benchmarks/B", {"id": "B", "name": "mine", "model": [{"id": "m-1"}], "datasets": ["ds-1"]})
    return await client.get_benchmark("B")


@pytest.mark.anyio
async def test_start_is_the_clients(server: LoopbackServer, benchmark: Benchmark) -> None:
    """`start()` starts a job of this benchmark, as `Client.start_job()` does."""
    server.route("GET /sdk/benchmarks/B/jobs", [])
    server.route("POST /sdk/benchmarks/B/start", {"jobId": "K"})
    server.route("GET /sdk/benchmarks/jobs/K", job_document(status="draft"))
    job = await benchmark.start()

    assert (job.id, job.status) == ("K", "draft")
    assert (server.asked[1:]) == [
        "GET /sdk/benchmarks/B/jobs",
        "POST /sdk/benchmarks/B/start",
        "GET /sdk/benchmarks/jobs/K",
    ]


@pytest.mark.anyio
async def test_list_is_the_clients(server: LoopbackServer, benchmark: Benchmark) -> None:
    """`list_jobs()` lists the jobs of this benchmark, in one request."""
    server.route("GET /sdk/benchmarks/B/jobs", [{"jobId": "J", "status": "running", "benchmark": {"id": "B"}}])
    jobs = await benchmark.list_jobs()

    assert [(job.id, job.status, job.benchmark_id) for job in jobs] == [("J", "running", "B")]
    assert server.asked[1:] == ["GET /sdk/benchmarks/B/jobs"]


@pytest.mark.anyio
async def test_repr_shows_what_it_is_made_of_and_no_client(benchmark: Benchmark) -> None:
    """A benchmark shows its ids; it is frozen, and equal to itself alone."""
    assert repr(benchmark) == "<Benchmark 'mine' (B): 1 model, 0 metrics>"
    with pytest.raises(AttributeError):
        benchmark.name = "yours"  # type: ignore[misc]
    assert {benchmark: 1}[benchmark] == 1
