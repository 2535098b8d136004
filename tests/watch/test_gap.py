"""F24 in simulated time: a machine that was suspended while a monitor watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import anyio
import httpx
import trio
import trio.testing

from aiobench import Client, PollPolicy

JOBS, SUSPENDED_AT, SECONDS = 100, 100, 3600.0
POLICY = PollPolicy(interval=10.0, max_interval=10.0, jitter=1.0)


def test_f24_the_polls_of_a_monitor_are_spread_after_a_gap() -> None:
    """F24: after this machine was suspended, the jobs of a monitor are not all polled at once."""
    requests: Counter[int] = Counter()  # by the second

    async def answer(request: httpx.Request) -> httpx.Response:
        requests[int(trio.current_time())] += 1
        return httpx.Response(200, stream=httpx.ByteStream(b'{"status": "running"}'))

    async def main() -> None:
        make: Callable[[], httpx.AsyncBaseTransport] = lambda: httpx.MockTransport(answer)  # noqa: E731
        async with Client("key", base_url="http://127.0.0.1:1", transport=make, poll=POLICY, trust_env=False) as client:
            session = client._context.platform.session
            session.random.seed(7)
            session.now = lambda: trio.current_time() + (SECONDS if trio.current_time() >= SUSPENDED_AT else 0.0)
            jobs = [client.job(f"j{number}") for number in range(JOBS)]
            async with client.monitor(jobs):
                await anyio.sleep(SUSPENDED_AT + 30)

    anyio.run(main, backend="trio", backend_options={"clock": trio.testing.MockClock(autojump_threshold=0)})
    steady = max(requests[second] for second in range(SUSPENDED_AT // 2, SUSPENDED_AT))
    after = max(requests[second] for second in range(SUSPENDED_AT, SUSPENDED_AT + 30))
    assert after <= 2 * steady
