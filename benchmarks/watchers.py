"""Monitors as contenders: unchanged jobs, finishing jobs, memory, and what holds the event loop."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.clients import KEY
from benchmarks.contender import Contender, Meter
from benchmarks.held import Held
from benchmarks.scene import Scene, job_name
from benchmarks.simulated import watched
from benchmarks.waiters import traffic_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiobench import Client, Monitor

__all__ = ["Ending", "Entering", "Memory", "Simulated", "Steady"]

PATIENCE = 60.0  # seconds that the first rounds, or the last jobs, may take


class _Watcher(Contender):
    def __init__(
        self,
        root: str,
        jobs: int,
        interval: float,
        transport: str = "httpx",
        entry: int = 0,
        etags: int = 0,
        varies: int = 0,
    ) -> None:
        self._root, self._count, self._interval = root, jobs, interval
        self._transport: Any = transport
        self._entry, self._etags, self._varies = entry, etags, varies

    def _client(self, scene: Scene) -> Client:
        from aiobench import Client, PollPolicy

        poll = PollPolicy(interval=self._interval, backoff=1.0, max_interval=self._interval)
        url = f"{self._root}/{scene.path}"
        return Client(KEY, base_url=url, poll=poll, transport=self._transport, trust_env=False)

    def _monitor(self, client: Client, scene: Scene) -> Monitor:
        return client.monitor([client.job(*job_name(number, scene.group)) for number in range(self._count)])

    async def _settled(self, monitor: Monitor) -> None:
        """Let two rounds pass."""
        async with asyncio.timeout(PATIENCE):
            while monitor.stats.polls < 2 * self._count:  # noqa: ASYNC110 - a monitor does not tell of its rounds
                await asyncio.sleep(self._interval / 4)


class Steady(_Watcher):
    """Measures the cost of a poll when nothing changes."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Watch for some rounds, after the first two."""
        scene = Scene(entry=self._entry, etags=self._etags, varies=self._varies)
        url = f"{self._root}/{scene.path}"
        held = Held()
        async with self._client(scene) as client, self._monitor(client, scene) as monitor:
            consumer = asyncio.create_task(_drop(monitor))
            await self._settled(monitor)
            before, sent_before = monitor.stats, await traffic_of(url)
            with meter, held:
                await asyncio.sleep(max(seconds, 3 * self._interval))
            after, sent = monitor.stats, await traffic_of(url)
            consumer.cancel()
            await asyncio.wait([consumer])
        polls = after.polls - before.polls
        rounds = polls / self._count
        return {
            "units": polls,
            "requests_a_round": (after.requests - before.requests) / max(rounds, 1e-9),
            "bytes_a_round": (sent["sent"] - sent_before["sent"]) / max(rounds, 1e-9),
            "µs_a_request": 1e6 * meter.cpu / max(after.requests - before.requests, 1),
            "held_ms": held.longest,
            "held_cpu_ms": held.longest_cpu,
            "held_by_collector_ms": held.collector,
        }


class Ending(_Watcher):
    """Measures cost and delay when all jobs finish within some time."""

    def __init__(self, *, span: float, **settings: Any) -> None:
        super().__init__(**settings)
        self._span = span

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Watch until every job is done; *seconds* is ignored."""
        from aiobench import Finished

        scene = Scene(start=time.monotonic() + 2 * self._interval, span=self._span, entry=self._entry)
        ends: Counter[str] = Counter()
        lags: list[float] = []
        held = Held()
        async with self._client(scene) as client, self._monitor(client, scene) as monitor:
            await asyncio.sleep(0)  # handing over the jobs is not a round
            with meter, held:
                async with asyncio.timeout(self._span + PATIENCE):
                    async for event in monitor:
                        if isinstance(event, Finished):
                            ends[event.job.id] += 1
                            number = int(event.job.id.rpartition("-")[2])
                            lags.append(time.monotonic() - scene.ends_at(number))
            stats = monitor.stats
        cuts = statistics.quantiles(lags, n=100)
        return {
            "units": stats.polls,
            "lost": self._count - len(ends),
            "twice": sum(count - 1 for count in ends.values()),
            "lag_p50_ms": 1e3 * cuts[49],
            "lag_p99_ms": 1e3 * cuts[98],
            "lag_max_ms": 1e3 * max(lags),
            "requests": stats.requests,
            "held_ms": held.longest,
            "held_cpu_ms": held.longest_cpu,
            "held_by_collector_ms": held.collector,
        }


class Entering(_Watcher):
    """Measures handing over the jobs: one step, so this is how long it holds the event loop."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Hand them over once."""
        scene = Scene()
        async with self._client(scene) as client:
            jobs = [client.job(*job_name(number, scene.group)) for number in range(self._count)]
            with meter:
                monitor = client.monitor(jobs)
                await monitor.__aenter__()
                await asyncio.sleep(0)
            await monitor.aclose()
            await monitor.__aexit__(None, None, None)
        return {"units": self._count, "held_cpu_ms": 1e3 * meter.cpu}


class Memory(_Watcher):
    """Measures the memory of a watched job with tracemalloc."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Watch for two rounds and count bytes."""
        scene = Scene(entry=self._entry)
        async with self._client(scene) as client:
            gc.collect()
            tracemalloc.start()
            with meter:
                async with self._monitor(client, scene) as monitor:
                    consumer = asyncio.create_task(_drop(monitor))
                    await self._settled(monitor)
                    gc.collect()
                    held, _ = tracemalloc.get_traced_memory()
                    consumer.cancel()
                    await asyncio.wait([consumer])
            tracemalloc.stop()
        return {"units": self._count, "bytes_a_job": held / self._count}


class Simulated(Contender):
    """Watch a million jobs on a platform in memory, for some minutes of a clock that jumps."""

    def __init__(self, jobs: int, span: float) -> None:
        self._jobs, self._span = jobs, span

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Watch; *seconds* does not matter."""
        with meter:
            figures = await asyncio.to_thread(watched, self._jobs, self._span)
        return {"units": figures.pop("polls"), **figures}


async def _drop(events: AsyncIterator[object]) -> None:
    async for _ in events:
        pass
