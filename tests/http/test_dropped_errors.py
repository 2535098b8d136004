"""An error that was dropped holds nothing: neither the client nor its connections wait for the garbage collector."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from aiobench import AiobenchError, Client, PollPolicy
from job_documents import job_document

if TYPE_CHECKING:
    from pathlib import Path

    from loopback import LoopbackServer

JOB, JOBS, START = "GET /sdk/benchmarks/jobs/J", "GET /sdk/benchmarks/B/jobs", "POST /sdk/benchmarks/B/start"
QUICK = PollPolicy(interval=0.01, max_interval=0.01)
Call = Callable[[Client], Awaitable[object]]


@pytest.fixture
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def get(client: Client) -> object:
    """Ask for a job."""
    return await client.get_job("J")


async def start(client: Client) -> object:
    """Start a job."""
    return await client.start_job("B")


async def download(client: Client) -> object:
    """Download results to a file that will not be there."""
    return await client.job("J").download_results_as_csv("results.csv")


async def wait(client: Client) -> object:
    """Wait for a job in vain."""
    return await client.job("J").wait(timeout=0.5, poll=PollPolicy(interval=60))  # ends between two polls


async def watch_many(client: Client) -> object:
    """Watch jobs until the monitor gives up."""
    async with client.monitor(["J"], poll=QUICK) as monitor:
        return [event async for event in monitor]


@pytest.mark.anyio
@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize(
    ("call", "answers"),
    [
        (get, {JOB: {"status": 404}}),
        (get, {JOB: {"status": 500}}),
        (get, {JOB: {"body": b"x", "headers": {"Content-Encoding": "br"}}}),
        (get, {JOB: {"body": b"<html>"}}),
        (start, {JOBS: {"body": []}, START: {"body": {"message": "no"}, "status": 500}}),
        (download, {"GET /r.csv": {"status": 500}}),
        (download, {"GET /r.csv": {"body": b"a", "headers": {"Content-Length": "5", "Connection": "close"}}}),
        (wait, {JOB: {"status": 500}}),
        (watch_many, {JOB: {"status": 401}}),
    ],
    ids=[
        "refused", "failed", "unknown encoding", "no JSON", "start", "results failed", "results cut", "wait", "monitor",
    ],
)  # fmt: skip
async def test_a_dropped_error_holds_no_client(
    server: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    call: Call,
    answers: dict[str, dict[str, Any]],
) -> None:
    """No frame of a traceback keeps its own error, and no error its own context: such rings keep all they refer to."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.CRITICAL, "aiobench")  # what is logged is held by pytest
    document: dict[str, Any] = {"body": job_document(reportUrl=f"{server.url}/r.csv")}
    for route, answer in ({JOB: document} | answers).items():
        server.route(route, **answer)
    client = Client("k3y-of-the-team", base_url=server.url, max_retries=0)
    held = weakref.ref(client), weakref.ref(client._context.platform.session)

    with pytest.raises(AiobenchError) as caught:
        await call(client)
    await client.aclose()
    del caught, client

    assert tuple(ref() for ref in held) == (None, None)


FIRST_CLIENT = """
import gc, weakref
gc.disable()
from aiobench import Client
client = Client("k3y-of-the-team", trust_env=False)
held = weakref.ref(client)
del client
print(held())
"""


def test_f40_the_first_client_of_a_process_is_no_part_of_a_ring() -> None:
    """F40: what the first client imports leaves no frame behind that refers to it."""
    done = subprocess.run([sys.executable, "-c", FIRST_CLIENT], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "None\n"
