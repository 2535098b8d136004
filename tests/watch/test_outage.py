"""F25 at its full size, in the time of a fake platform: ten thousand jobs, two minutes without a server."""

from __future__ import annotations

import math
from collections import Counter

import anyio
import pytest

from aiobench import Abandoned, Finished, PollPolicy
from aiobench.testing import FakePlatform

STEADY_FROM, GONE_FROM, GONE_UNTIL, ENDS_AT = 200.0, 400.0, 520.0, 560.0
BIN = 5.0  # seconds
LONGEST = 20.0
POLICY = PollPolicy(interval=2.0, backoff=3.0, max_interval=LONGEST, jitter=1.0)


class Requests:
    """How often a platform was asked."""

    def __init__(self, fake: FakePlatform) -> None:
        self._counts = Counter(int(request.at / BIN) for request in fake.requests)

    def peak(self, since: float, until: float) -> int:
        """The most requests in any five seconds."""
        return max(self._counts[each] for each in range(int(since / BIN), int(until / BIN)))

    def rate(self, since: float, until: float) -> float:
        """Requests a second."""
        return sum(self._counts[each] for each in range(int(since / BIN), int(until / BIN))) / (until - since)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it is large enough once
@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
@pytest.mark.parametrize(
    ("groups", "per_group", "has_lists"), [(100, 100, True), (10, 30, False)], ids=["by list", "singly"]
)
async def test_f25_two_minutes_without_a_server(groups: int, per_group: int, has_lists: bool, silent: bool) -> None:
    """F25: no job is lost or reported twice, and recovery sends at most 1.5 times the steady rate."""
    fake = FakePlatform()
    started = [
        fake.job("running", "completed", every=ENDS_AT, benchmark=f"b{group}")
        for group in range(groups)
        for _ in range(per_group)
    ]

    def be_there() -> None:
        fake.recover()
        if not has_lists:
            fake.answer(404, times=math.inf, route="sdk/benchmarks/{id}/jobs")

    async def go_and_come_back() -> None:
        await fake.sleep(GONE_FROM)
        if silent:
            fake.delay(math.inf)
        else:
            fake.recover()
            fake.drop_connection(times=math.inf)
        await fake.sleep(GONE_UNTIL - GONE_FROM)
        be_there()

    be_there()
    async with fake.client(poll=POLICY) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(go_and_come_back)
        async with client.monitor([client.job(job.id, job.benchmark_id) for job in started]) as monitor:
            ended = [event.job.id async for event in monitor if isinstance(event, Finished | Abandoned)]

    requests = Requests(fake)
    assert sorted(job.id for job in started) == sorted(ended)
    assert requests.rate(GONE_UNTIL, GONE_UNTIL + LONGEST) <= 1.5 * requests.rate(STEADY_FROM, GONE_FROM)
    # jobs that were added together are polled near each other: the busiest moment counts, too
    assert requests.peak(GONE_UNTIL, GONE_UNTIL + LONGEST) <= 1.5 * requests.peak(STEADY_FROM, GONE_FROM)
