"""F25 at its full size, in simulated time: ten thousand jobs, two minutes without a server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import anyio
import httpx
import pytest
import trio
import trio.testing

from aiobench import Abandoned, Client, Finished, PollPolicy

STEADY_FROM, GONE_FROM, GONE_UNTIL, ENDS_AT = 200.0, 400.0, 520.0, 560.0
BIN = 5.0  # seconds
LONGEST = 20.0


class SimulatedPlatform:
    """Answers from memory, by a clock that jumps; gone for two minutes."""

    def __init__(self, groups: int, per_group: int, *, has_lists: bool, silent: bool) -> None:
        self.ids = [f"b{group}-{job}" for group in range(groups) for job in range(per_group)]
        self._per_group, self._has_lists, self._silent = per_group, has_lists, silent
        self.requests: Counter[int] = Counter()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        now = trio.current_time()
        self.requests[int(now / BIN)] += 1
        if GONE_FROM <= now < GONE_UNTIL:
            if self._silent:
                await trio.sleep_forever()
            raise httpx.ConnectError("refused")
        *_, owner, name = request.url.path.split("/")
        status = "completed" if now >= ENDS_AT else "running"
        if owner == "jobs":
            group = name.partition("-")[0]
            return self._say({"jobId": name, "status": status, "benchmark": {"id": group}})
        if not self._has_lists:
            return httpx.Response(404, stream=httpx.ByteStream(b""))
        return self._say([{"jobId": f"{owner}-{job}", "status": status} for job in range(self._per_group)])

    @staticmethod
    def _say(value: object) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(value).encode()))

    def peak(self, since: float, until: float) -> int:
        """The most requests in any five seconds."""
        return max(self.requests[each] for each in range(int(since / BIN), int(until / BIN)))

    def rate(self, since: float, until: float) -> float:
        """Requests a second."""
        return sum(self.requests[each] for each in range(int(since / BIN), int(until / BIN))) / (until - since)


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
@pytest.mark.parametrize(
    ("groups", "per_group", "has_lists"), [(100, 100, True), (10, 30, False)], ids=["by list", "singly"]
)
def test_f25_two_minutes_without_a_server(groups: int, per_group: int, has_lists: bool, silent: bool) -> None:
    """F25: no job is lost or told twice, and the request rate after recovery is at most 1.5 times the steady one."""
    platform = SimulatedPlatform(groups, per_group, has_lists=has_lists, silent=silent)
    ended: list[str] = []

    async def main() -> None:
        make: Callable[[], httpx.AsyncBaseTransport] = lambda: httpx.MockTransport(platform)  # noqa: E731
        policy = PollPolicy(interval=2.0, backoff=3.0, max_interval=LONGEST, jitter=1.0)
        async with Client("key", base_url="http://127.0.0.1:1", transport=make, poll=policy, trust_env=False) as client:
            session = client._context.platform.session
            session.now = trio.current_time
            session.random.seed(7)
            jobs = [client.job(job_id, job_id.partition("-")[0]) for job_id in platform.ids]
            async with client.monitor(jobs) as monitor:
                ended.extend([event.job.id async for event in monitor if isinstance(event, Finished | Abandoned)])

    anyio.run(main, backend="trio", backend_options={"clock": trio.testing.MockClock(autojump_threshold=0)})
    assert sorted(platform.ids) == sorted(ended)
    assert platform.rate(GONE_UNTIL, GONE_UNTIL + LONGEST) <= 1.5 * platform.rate(STEADY_FROM, GONE_FROM)
    # jobs that were added together are polled near each other: the busiest moment counts, too
    assert platform.peak(GONE_UNTIL, GONE_UNTIL + LONGEST) <= 1.5 * platform.peak(STEADY_FROM, GONE_FROM)
