"""The tests of `service.py`, with the fixtures that come with aiobench: no platform, no waiting.

`aiobench_platform` is a fake platform on loopback, and the environment points at it, so that the service makes its own
client as it does in production. The platform's clock jumps ahead whenever everything waits.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import service

from aiobench.testing import FakePlatform

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("aiobench_platform")]

ASKED = {"requested_by": "ada", "reason": "nightly"}
SCORES = {"model-a": {"BLEU by sacrebleu": 31.2}}


@pytest.fixture
def anyio_backend() -> str:
    """Run on the event loop that uvicorn uses."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a folder of its own."""
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))


@asynccontextmanager
async def running() -> AsyncIterator[httpx.AsyncClient]:
    """Start the service, and stop it as SIGTERM does; yield a client of it."""
    transport = httpx.ASGITransport(service.app)
    async with (
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as http,
    ):
        yield http


async def until_ended(http: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    """Ask until a run has ended. The platform's hours pass meanwhile."""
    run: dict[str, Any] = {}
    for _ in range(10_000):
        run = (await http.get(f"/runs/{job_id}")).json()
        if "quiet_seconds" not in run:
            return run
    raise AssertionError(run)


async def test_run_is_started_watched_and_kept(aiobench_platform: FakePlatform) -> None:
    """A run that takes two hours ends with its scores, and with who asked for it."""
    benchmark = aiobench_platform.benchmark("queued", "in_progress", "completed", every=3600.0, scores=SCORES)

    async with running() as http:
        started = await http.post(f"/benchmarks/{benchmark.id}/runs", json=ASKED)
        run = await until_ended(http, started.json()["job"])

    assert started.status_code == 202
    assert (run["status"], run["scores"]) == ("completed", [{"Model": "model-a", "BLEU by sacrebleu": 31.2}])
    assert {name: run["request"][name] for name in ASKED} == ASKED
    assert aiobench_platform.now >= 7200.0


async def test_running_jobs_are_listed(aiobench_platform: FakePlatform) -> None:
    """What is running is listed with its status and with who asked for it; time stands still for that."""
    benchmark = aiobench_platform.benchmark("in_progress", "completed", every=60.0)

    async with running() as http:
        with aiobench_platform.stopped():
            job_id = (await http.post(f"/benchmarks/{benchmark.id}/runs", json=ASKED)).json()["job"]
            runs = (await http.get("/runs")).json()

    assert list(runs) == [job_id]
    assert runs[job_id]["request"]["requested_by"] == "ada"


async def test_run_goes_on_after_a_restart(aiobench_platform: FakePlatform) -> None:
    """A service that is stopped amid a run knows of it when it is started again, its note included."""
    benchmark = aiobench_platform.benchmark("in_progress", "completed", every=600.0)

    with aiobench_platform.stopped():
        async with running() as http:
            job_id = (await http.post(f"/benchmarks/{benchmark.id}/runs", json=ASKED)).json()["job"]
        aiobench_platform.advance(3600.0)
    async with running() as http:
        run = await until_ended(http, job_id)

    assert (run["status"], run["request"]["requested_by"]) == ("completed", "ada")
    assert len(benchmark.jobs) == 1


async def test_lost_reply_starts_one_job(aiobench_platform: FakePlatform) -> None:
    """The platform starts the job and its reply is lost: the service finds the job, and starts no second one."""
    benchmark = aiobench_platform.benchmark("completed")
    aiobench_platform.lose_start_reply()

    async with running() as http:
        job_id = (await http.post(f"/benchmarks/{benchmark.id}/runs", json=ASKED)).json()["job"]
        await until_ended(http, job_id)

    assert [job.id for job in benchmark.jobs] == [job_id]


async def test_outage_is_waited_out(aiobench_platform: FakePlatform) -> None:
    """Failed polls are tried again, and the end is not lost."""
    benchmark = aiobench_platform.benchmark("in_progress", "failed", every=60.0)

    async with running() as http:
        job_id = (await http.post(f"/benchmarks/{benchmark.id}/runs", json=ASKED)).json()["job"]
        aiobench_platform.answer(503, times=5)
        aiobench_platform.answer(429, retry_after=120)
        run = await until_ended(http, job_id)

    assert run["status"] == "failed"


@pytest.mark.parametrize(("status", "expected"), [(404, 404), (403, 502)])
async def test_refusal_is_passed_on(aiobench_platform: FakePlatform, status: int, expected: int) -> None:
    """What the platform refuses, the service refuses, with the platform's words."""
    benchmark = aiobench_platform.benchmark()
    aiobench_platform.answer(status, times=math.inf, message="No, thank you")

    async with running() as http:
        reply = await http.post(f"/benchmarks/{benchmark.id}/runs", json=ASKED)

    assert reply.status_code == expected
    assert "No, thank you" in reply.json()["error"]


async def test_figures_are_there_for_prometheus(aiobench_platform: FakePlatform) -> None:
    """What the client and its monitor have done is shown as metrics; they count over the life of the process."""
    benchmark = aiobench_platform.benchmark("in_progress", "completed", every=60.0)

    async with running() as http:
        before = (await http.get("/metrics")).text
        job_id = (await http.post(f"/benchmarks/{benchmark.id}/runs", json=ASKED)).json()["job"]
        await until_ended(http, job_id)
        after = (await http.get("/metrics")).text

    assert ended(before) + 1 == ended(after)
    assert 'aiobench_monitor_jobs{aiobench_job_status="in_progress"' in after


def ended(metrics: str) -> float:
    """Return how many jobs completed, as Prometheus reads it."""
    lines = [line for line in metrics.splitlines() if line.startswith("aiobench_job_ends_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'aiobench_job_status="completed"' in line)


async def test_unknown_run_is_a_404() -> None:
    """Nobody asked for it."""
    async with running() as http:
        assert (await http.get("/runs/nothing")).status_code == 404
