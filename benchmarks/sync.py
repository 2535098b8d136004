"""`aiobench.sync` beside the async calls it wraps: one call at a time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.clients import JOBS, KEY, aiobench, incumbents
from benchmarks.contender import Contender, Meter
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene, job_name


def run(bench: Bench) -> None:
    """Compare the contenders."""
    scene = Scene()
    entries = [
        *aiobench(bench, scene, 1)[:1],
        Entry("aiobench.sync", "benchmarks.sync:Sync", {"url": bench.server.url(scene)}),
        *incumbents(bench, scene, threads=1),
    ]
    bench.compare("sync", "1 kB, 1 in flight, sync", "poll", entries, rounds=2 * bench.rounds)


class Sync(Contender):
    """`BenchmarkJob.check_status()` of `aiobench.sync`, in a thread that does nothing else."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def start(self) -> None:
        """Make the client and the jobs."""
        from aiobench.sync import Client

        self._client = Client(KEY, base_url=self._url, trust_env=False)
        self._jobs = [self._client.job(*job_name(number, JOBS)) for number in range(JOBS)]

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Ask until the time is up."""
        with meter:
            units = await asyncio.to_thread(self._work, time.monotonic() + seconds)
        return {"units": units}

    def _work(self, until: float) -> int:
        done = 0
        while time.monotonic() < until:
            self._jobs[done % JOBS].check_status()
            done += 1
        return done

    async def stop(self) -> None:
        """Close the client."""
        await asyncio.to_thread(self._client.close)
