"""`progress=` given a function: plain or asynchronous, it is called, and an asynchronous one is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.lowlevel
import pytest

from aiobench import PollPolicy
from job_documents import sample

if TYPE_CHECKING:
    from pathlib import Path

    from aiobench import Client, JobSnapshot
    from loopback import LoopbackServer

JOB = "GET /sdk/benchmarks/jobs/JOB"
SOON = PollPolicy(interval=0.001, max_interval=0.001)
BODY = b"Model,source\n" + b"A,text\n" * 1000


@pytest.fixture
def _job(server: LoopbackServer) -> None:
    document = sample("completed") | {"jobId": "JOB", "reportUrl": f"{server.url}/results.csv"}
    for status in ("queued", "running", "completed"):
        server.route(JOB, document | {"status": status})
    server.route("GET /results.csv", BODY)


@pytest.mark.anyio
@pytest.mark.usefixtures("_job")
async def test_an_asynchronous_function_is_awaited(client: Client) -> None:
    """An asynchronous function sees each snapshot, one after another, before the wait goes on (F32)."""
    seen: list[str] = []

    async def show(snapshot: JobSnapshot) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(snapshot.status)

    await client.job("JOB").wait(poll=SOON, progress=show)

    assert seen == ["queued", "running", "completed"]


@pytest.mark.anyio
@pytest.mark.usefixtures("_job")
async def test_an_asynchronous_function_sees_a_download(client: Client, tmp_path: Path) -> None:
    """An asynchronous function sees the bytes of a download, the last of them at last."""
    seen: list[tuple[int, int | None]] = []

    async def show(done: int, total: int | None) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append((done, total))

    await client.job("JOB").download_results_as_csv(tmp_path / "results.csv", progress=show)

    assert seen[-1] == (len(BODY), len(BODY))


@pytest.mark.anyio
@pytest.mark.usefixtures("_job")
async def test_what_a_function_raises_is_raised(client: Client) -> None:
    """An error of the user's own function is not swallowed as one of a screen's is."""

    async def show(snapshot: JobSnapshot) -> None:
        raise LookupError(snapshot.status)

    with pytest.raises(LookupError, match="queued"):
        await client.job("JOB").wait(poll=SOON, progress=show)
