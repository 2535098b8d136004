"""F24 in the time of a fake platform: a machine that was suspended while a monitor watched."""

from __future__ import annotations

from collections import Counter

import pytest

from aiobench import PollPolicy
from aiobench.testing import FakePlatform

JOBS, SUSPENDED_AT, SECONDS = 100, 100, 3600
POLICY = PollPolicy(interval=10.0, max_interval=10.0, jitter=1.0)


@pytest.mark.anyio
async def test_f24_the_polls_of_a_monitor_are_spread_after_a_gap() -> None:
    """F24: after this machine was suspended, the jobs of a monitor are not all polled at once."""
    fake = FakePlatform()
    jobs = [fake.job("running", benchmark=f"b{number}") for number in range(JOBS)]

    async with fake.client(poll=POLICY) as client, client.monitor([job.id for job in jobs]):
        await fake.sleep(SUSPENDED_AT)
        fake.advance(SECONDS)
        woken = int(fake.now)
        await fake.sleep(30)

    requests = Counter(int(request.at) for request in fake.requests)  # by the second
    steady = max(requests[second] for second in range(SUSPENDED_AT // 2, SUSPENDED_AT))
    after = max(requests[second] for second in range(woken, woken + 30))
    assert after <= 2 * steady
