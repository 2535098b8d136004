"""What the tests of the blocking world stand on: a platform with a few fixed jobs, and programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import pytest

from aiobench import sync
from loopback import Answer, LoopbackServer, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE = 30.0


class Platform(LoopbackServer):
    """Knows the jobs `running`, `done` and `hang`, which is not answered before the test ends."""

    def __init__(self) -> None:
        super().__init__()
        self.hanging = threading.Semaphore(0)
        """Released once for each request that hangs."""
        self.is_over = threading.Event()
        for job_id, status in (("running", "in_progress"), ("done", "completed")):
            document = {"jobId": job_id, "status": status, "benchmark": {"id": "BENCHMARK"}, "iterations": []}
            self.route(f"GET /sdk/benchmarks/jobs/{job_id}", document)
        entries = [{"jobId": "running", "status": "in_progress"}, {"jobId": "done", "status": "completed"}]
        self.route("GET /sdk/benchmarks/BENCHMARK/jobs", entries)

    def answer(self, request: Request) -> Answer:
        """Choose the answer to a request; keep those for `hang` waiting."""
        if request.target.endswith("/hang"):
            self.hanging.release()
            self.is_over.wait(DEADLINE)
            return Answer(b"{}", 500, {"Connection": "close"})
        return super().answer(request)


@pytest.fixture(scope="session")
def shared_platform() -> Iterator[Platform]:
    """Run the platform once for all tests: none changes it."""
    with Platform() as running:
        yield running
        running.is_over.set()


@pytest.fixture
def platform(shared_platform: Platform) -> Iterator[Platform]:
    """Give a test the platform, with nobody hanging from before."""
    shared_platform.hanging = threading.Semaphore(0)
    yield shared_platform
    shared_platform.is_over.set()
    shared_platform.is_over = threading.Event()


@pytest.fixture
def make_client(platform: Platform) -> Iterator[Callable[..., sync.Client]]:
    """Make clients of the platform; that they end the thread when they are closed is checked each time."""
    made: list[sync.Client] = []

    def make(**options: Any) -> sync.Client:
        made.append(sync.Client("KEY", base_url=platform.url, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()
    assert loop_threads() == []


@pytest.fixture
def client(make_client: Callable[..., sync.Client]) -> sync.Client:
    """Make one client of the platform."""
    return make_client()


def loop_threads() -> list[threading.Thread]:
    """The background threads that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == "aiobench-sync"]


@pytest.fixture(name="loop_threads")
def _loop_threads() -> Callable[[], list[threading.Thread]]:
    """Give the tests `loop_threads`."""
    return loop_threads


@pytest.fixture
def run_program(platform: Platform) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a program in an interpreter of its own, warnings being errors, with the platform's address in `URL`."""

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-X", "faulthandler", "-c", textwrap.dedent(code)],
            env={**os.environ, "URL": platform.url},
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE,
            check=False,
        )

    return run
