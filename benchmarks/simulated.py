"""A monitor of a million jobs on a platform in memory, by a clock that jumps: no sockets, and no waiting."""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections import Counter
from typing import Any

import anyio
import httpx
import trio
import trio.testing

__all__ = ["watched"]

INTERVAL = 30.0
GROUP = 100  # jobs of a benchmark
ENDING = 0.001  # the share of the jobs that end within the time measured


class Platform:
    """Answers from memory; a list is written once, as long as nothing in it changes."""

    def __init__(self, jobs: int, *, since: float, until: float) -> None:
        self._every = int(1 / ENDING)
        self._since, self._until = since, until
        self._lists: dict[int, tuple[frozenset[int], bytes]] = {}
        self.ending = len(range(0, jobs, self._every))
        self._jobs = jobs

    def _has_ended(self, number: int) -> bool:
        if number % self._every:
            return False
        share = (number // self._every) / self.ending
        return trio.current_time() >= self._since + share * (self._until - self._since)

    def _document(self, number: int) -> str:
        status = "completed" if self._has_ended(number) else "in_progress"
        return f'{{"jobId":"job-{number:07}","status":"{status}","benchmark":{{"id":"bm-{number // GROUP:05}"}}}}'

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        await trio.sleep(0.02)
        owner, name = request.url.path.split("/")[-2:]
        if owner == "jobs":
            body = self._document(int(name[4:])).encode()
        else:
            group = int(owner[3:])
            numbers = range(group * GROUP, min((group + 1) * GROUP, self._jobs))
            ended = frozenset(number for number in numbers if self._has_ended(number))
            held = self._lists.get(group)
            if held is None or held[0] != ended:
                held = self._lists[group] = ended, ("[" + ",".join(map(self._document, numbers)) + "]").encode()
            body = held[1]
        return httpx.Response(200, stream=httpx.ByteStream(body))


def watched(jobs: int, seconds: float) -> dict[str, Any]:
    """Watch so many jobs for so many simulated seconds, after everyone was polled twice."""
    settled = 3 * INTERVAL
    platform = Platform(jobs, since=settled, until=settled + seconds - 2 * INTERVAL)
    figures: dict[str, Any] = {}

    async def main() -> None:
        from aiobench import Client, Finished, PollPolicy

        poll = PollPolicy(interval=INTERVAL, backoff=1.0, max_interval=INTERVAL)
        async with Client(
            "key",
            base_url="http://127.0.0.1:1",
            transport=lambda: httpx.MockTransport(platform),
            poll=poll,
            trust_env=False,
        ) as client:
            session = client._context.platform.session  # noqa: SLF001 - time is passed in
            session.now = trio.current_time
            base = _resident()
            handles = [client.job(f"job-{number:07}", f"bm-{number // GROUP:05}") for number in range(jobs)]
            ends: Counter[str] = Counter()
            async with client.monitor(handles) as monitor:
                del handles

                async def consume() -> None:
                    async for event in monitor:
                        if isinstance(event, Finished):
                            ends[event.job.id] += 1

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(consume)
                    await trio.sleep(settled)
                    gc.collect()
                    before, cpu = monitor.stats, time.process_time()
                    await trio.sleep(seconds)
                    cpu, after = time.process_time() - cpu, monitor.stats
                    tasks.cancel_scope.cancel()
                figures.update(
                    cpu_share=cpu / seconds,
                    polls=after.polls - before.polls,
                    requests=after.requests - before.requests,
                    us_a_request=1e6 * cpu / max(after.requests - before.requests, 1),
                    rss_mb=(_resident() - base) / 2**20,
                    lost=platform.ending - len(ends),
                    twice=sum(count - 1 for count in ends.values()),
                )

    anyio.run(main, backend="trio", backend_options={"clock": trio.testing.MockClock(autojump_threshold=0)})
    return figures


def _resident() -> int:
    """Return the most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
