"""The examples do what they say, in processes of their own, against the local backend."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aiobench.local import LocalBackend
from aiobench.sync import Client

EXAMPLES = Path(__file__).parent.parent / "examples"
PATIENCE = 60.0  # seconds: a safety limit


@pytest.fixture
def backend() -> Iterator[LocalBackend]:
    """Run a platform of our own."""
    with LocalBackend() as backend:
        yield backend


@pytest.fixture
def environment(backend: LocalBackend) -> dict[str, str]:
    """Point a process at the backend."""
    return {**os.environ, "BACKEND_URL": backend.base_url, "TEAM_API_KEY": backend.api_key, "NO_PROXY": "127.0.0.1"}


def new_benchmark(client: Client, backend: LocalBackend) -> str:
    """Create a small benchmark; return its id."""
    benchmark = client.create_benchmark(
        "example", dataset=next(iter(backend.datasets)), models=list(backend.models)[:1], metrics=["exact-match"]
    )
    return benchmark.id


def test_every_job_of_a_benchmark_is_watched(backend: LocalBackend, environment: dict[str, str]) -> None:
    """`watch_benchmark.py` reports the end of each job of the benchmark."""
    with backend.sync_client() as client:
        benchmark_id = new_benchmark(client, backend)
        jobs = [client.start_job(benchmark_id) for _ in range(3)]
    command = [sys.executable, EXAMPLES / "watch_benchmark.py", benchmark_id, "60"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, encoding="utf-8", timeout=PATIENCE)
    assert "3 jobs" in done.stdout
    assert all(f"{job.id}: completed" in done.stdout for job in jobs)


def test_benchmarks_are_shared_among_processes(
    tmp_path: Path, backend: LocalBackend, environment: dict[str, str]
) -> None:
    """`watch_processes.py` reports each job of all benchmarks once, and a second run knows that they are handled."""
    with backend.sync_client() as client:
        benchmarks = [new_benchmark(client, backend) for _ in range(3)]
        jobs = {client.start_job(benchmark_id).id for benchmark_id in benchmarks}
    command = [sys.executable, EXAMPLES / "watch_processes.py", tmp_path, "2", *benchmarks]
    runs = [
        subprocess.run(command, env=environment, check=True, capture_output=True, encoding="utf-8", timeout=PATIENCE)
        for _ in range(2)
    ]
    reported = [line.split()[2] for line in runs[0].stdout.splitlines()]
    assert (sorted(reported), runs[1].stdout) == (sorted(jobs), "")
    assert sorted(path.name for path in tmp_path.glob("*.sqlite")) == ["share-0.sqlite", "share-1.sqlite"]


def until(answer: Any, is_enough: Any) -> Any:
    """Ask again and again until the answer is enough."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found = answer()
        except httpx.TransportError:  # it does not listen yet
            continue
        if is_enough(found):
            return found
    raise AssertionError("not in time")


def test_the_service_survives_a_kill_and_ends_in_order_on_sigterm(
    backend: LocalBackend, environment: dict[str, str], tmp_path: Path
) -> None:
    """`service.py` starts a job; killed at once, it acts on the end after a restart, and a SIGTERM ends it in order."""
    with backend.sync_client() as client:
        benchmark_id = new_benchmark(client, backend)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "--app-dir", EXAMPLES, "service:app", "--port", str(port)]
    settings = {**environment, "RUNS": str(tmp_path / "runs")}
    asked = {"requested_by": "ada"}
    with httpx.Client(trust_env=False) as http:
        with subprocess.Popen(command, env=settings, cwd=tmp_path) as first:
            until(lambda: http.get(f"{url}/runs"), lambda reply: reply.status_code == 200)
            assert http.post(f"{url}/benchmarks/nowhere/runs", json=asked, timeout=PATIENCE).status_code == 404
            started = http.post(f"{url}/benchmarks/{benchmark_id}/runs", json=asked, timeout=PATIENCE)
            assert started.status_code == 202
            job_id = started.json()["job"]
            first.kill()
        with subprocess.Popen(command, env=settings, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8") as second:
            run = until(lambda: http.get(f"{url}/runs/{job_id}").json(), lambda run: "scores" in run)
            second.terminate()
            _, log = second.communicate(timeout=PATIENCE)
    assert (run["status"], run["request"]["requested_by"]) == ("completed", "ada")
    assert "Application shutdown complete" in log
