"""`aiobench.sync` beside the async calls it wraps, and its bridge beside others, one call at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from anyio.from_thread import start_blocking_portal

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
    bench.compare("sync", "1 kB, 1 in flight, sync", "poll", entries, rounds=4 * bench.rounds)
    bridges = {"aiobench.sync": "Bridge", "run_coroutine_threadsafe": "Threadsafe", "anyio's portal": "Portal"}
    entries = [Entry(name, f"benchmarks.sync:{kind}") for name, kind in bridges.items()]
    bench.compare("sync", "nothing, sync", "call", entries)


class _Blocking(Contender):
    """Calls a blocking function in a loop, in a thread of its own."""

    def call(self, number: int) -> None:
        """Call it once."""
        raise NotImplementedError

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Call until the time is up."""
        with meter:
            units = await asyncio.to_thread(self._work, time.monotonic() + seconds)
        return {"units": units}

    def _work(self, until: float) -> int:
        done = 0
        while time.monotonic() < until:
            self.call(done)
            done += 1
        return done


class Sync(_Blocking):
    """`BenchmarkJob.check_status()` of `aiobench.sync`."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def start(self) -> None:
        """Make the client and the jobs."""
        from aiobench.sync import Client

        self._client = Client(KEY, base_url=self._url, trust_env=False)
        self._jobs = [self._client.job(*job_name(number, JOBS)) for number in range(JOBS)]

    def call(self, number: int) -> None:
        """Ask once."""
        self._jobs[number % JOBS].check_status()

    async def stop(self) -> None:
        """Close the client."""
        await asyncio.to_thread(self._client.close)


async def _nothing() -> None: ...


class Bridge(_Blocking):
    """The bridge of `aiobench.sync` with an empty call."""

    async def start(self) -> None:
        """Create what a client uses of it."""
        from aiobench.sync._bridge import Owner

        self._owner = Owner(_nothing)

    def call(self, number: int) -> None:
        """Await an empty coroutine in the other thread."""
        self._owner.call(_nothing)


class Threadsafe(_Blocking):
    """asyncio's own way: `run_coroutine_threadsafe()`."""

    async def start(self) -> None:
        """Run a loop in a thread."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def call(self, number: int) -> None:
        """Await an empty coroutine in the other thread."""
        asyncio.run_coroutine_threadsafe(_nothing(), self._loop).result()


class Portal(_Blocking):
    """anyio's own way: a blocking portal."""

    async def start(self) -> None:
        """Open the portal."""
        self._portals = start_blocking_portal()
        self._portal = self._portals.__enter__()

    def call(self, number: int) -> None:
        """Await an empty coroutine in the other thread."""
        self._portal.call(_nothing)

    async def stop(self) -> None:
        """Close the portal."""
        self._portals.__exit__(None, None, None)
