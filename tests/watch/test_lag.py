"""How late a monitor tells of an end, at full size, in simulated time: the processor costs nothing, a request 20 ms."""

from __future__ import annotations

import json
import statistics

import anyio
import httpx
import trio
import trio.testing

from aiobench import Client, Finished, PollPolicy

JOBS, GROUP = 10_000, 100
FIRST, LAST = 10.0, 30.0  # seconds between which the jobs end
LATENCY = 0.02
POLICY = PollPolicy(interval=2.0, max_interval=2.0)
GOLDEN = 0.6180339887498949  # its multiples fill [0, 1) evenly, in an order that looks like none


def ends_at(job_id: str) -> float:
    """Say when a job ends, in simulated seconds."""
    return FIRST + (LAST - FIRST) * (int(job_id) * GOLDEN % 1.0)


async def answer(request: httpx.Request) -> httpx.Response:
    """Answer as the platform does, from memory."""
    await trio.sleep(LATENCY)
    *_, owner, name = request.url.path.split("/")
    ids = [name] if owner == "jobs" else [str(int(owner) * GROUP + place) for place in range(GROUP)]
    now = trio.current_time()
    entries = [
        {
            "jobId": job_id,
            "status": "completed" if ends_at(job_id) <= now else "in_progress",
            "benchmark": {"id": str(int(job_id) // GROUP)},
        }
        for job_id in ids
    ]
    body = json.dumps(entries[0] if owner == "jobs" else entries).encode()
    return httpx.Response(200, stream=httpx.ByteStream(body))


def test_ends_of_ten_thousand_jobs_are_told_in_time() -> None:
    """99 of 100 ends are told within a poll's longest wait and 250 ms, with the client's default connections."""
    lags: dict[str, float] = {}

    async def main() -> None:
        async with Client(
            "key",
            base_url="http://127.0.0.1:1",
            transport=lambda: httpx.MockTransport(answer),
            poll=POLICY,
            trust_env=False,
        ) as client:
            session = client._context.platform.session
            session.now = trio.current_time
            session.random.seed(7)
            jobs = [client.job(str(number), str(number // GROUP)) for number in range(JOBS)]
            async with client.monitor(jobs) as monitor:
                async for event in monitor:
                    if isinstance(event, Finished):
                        assert event.job.id not in lags
                        lags[event.job.id] = trio.current_time() - ends_at(event.job.id)

    clock = trio.testing.MockClock(autojump_threshold=0)
    anyio.run(main, backend="trio", backend_options={"clock": clock})
    assert len(lags) == JOBS
    assert min(lags.values()) >= 0
    assert statistics.quantiles(lags.values(), n=100)[98] <= POLICY.interval * (1 + POLICY.jitter) + 0.25
