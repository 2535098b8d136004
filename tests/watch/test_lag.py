"""How late a monitor tells of an end, at full size, in the time of a fake platform: a request takes 20 ms of it."""

from __future__ import annotations

import statistics

import pytest

from aiobench import Finished, PollPolicy
from aiobench.testing import FakePlatform

JOBS, GROUP = 10_000, 100
FIRST, LAST = 10.0, 30.0  # seconds between which the jobs end
LATENCY = 0.02
POLICY = PollPolicy(interval=2.0, max_interval=2.0)
GOLDEN = 0.6180339887498949  # its multiples fill [0, 1) evenly, in an order that looks like none


def ends_at(number: int) -> float:
    """Say when a job ends, in seconds of the platform."""
    return FIRST + (LAST - FIRST) * (number * GOLDEN % 1.0)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it is large enough once
async def test_ends_of_ten_thousand_jobs_are_told_in_time() -> None:
    """99 of 100 ends are reported within a poll's longest wait and 250 ms, with the client's default connections."""
    fake = FakePlatform()
    fake.delay(LATENCY)
    for number in range(JOBS):
        fake.job("in_progress", "completed", every=ends_at(number), id=str(number), benchmark=str(number // GROUP))
    lags: dict[str, float] = {}

    async with fake.client(poll=POLICY) as client:
        jobs = [client.job(str(number), str(number // GROUP)) for number in range(JOBS)]
        async with client.monitor(jobs) as monitor:
            async for event in monitor:
                if isinstance(event, Finished):
                    assert event.job.id not in lags
                    lags[event.job.id] = fake.now - ends_at(int(event.job.id))

    assert len(lags) == JOBS
    assert min(lags.values()) >= 0
    assert statistics.quantiles(lags.values(), n=100)[98] <= POLICY.interval * (1 + POLICY.jitter) + 0.25
