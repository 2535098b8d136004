"""The local backend: polls answered and segments scored per second."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.clients import Floor
from benchmarks.contender import Contender, Meter
from benchmarks.rounds import Bench, Entry

IN_FLIGHT = 8


def run(bench: Bench) -> None:
    """Measure it. CPU is that of backend and client together; the floor's client takes little of it."""
    bench.compare("local", f"status, {IN_FLIGHT} in flight", "poll", [Entry("local backend", "benchmarks.local:Polls")])
    entries = [Entry("local backend", "benchmarks.local:Jobs")]
    bench.compare("local", "demo job, 3 models, 4 metrics", "job", entries, rounds=min(bench.rounds, 3))


class _Backend(Contender):
    async def start(self) -> None:
        from aiobench.local import LocalBackend

        self._backend = LocalBackend()
        await self._backend.__aenter__()
        self._client = self._backend.client()

    async def _job(self) -> Any:
        backend = self._backend
        models = [name for name in backend.models if name != "nearest-name"]
        metrics = [name for name in backend.metrics if name != "ter"]
        dataset = next(iter(backend.datasets))
        benchmark = await self._client.create_benchmark("bench", dataset=dataset, models=models, metrics=metrics)
        return await benchmark.start()

    async def stop(self) -> None:
        await self._client.aclose()
        await self._backend.__aexit__(None, None, None)


class Polls(_Backend):
    """Polls one finished job with the floor's bare protocol."""

    async def start(self) -> None:
        """Run a job to its end."""
        await super().start()
        job = await self._job()
        await job.wait(timeout=60)
        backend = self._backend
        headers = {"Authorization": f"Token {backend.api_key}"}
        self._floor = Floor(backend.base_url, "", IN_FLIGHT, path=f"/sdk/benchmarks/jobs/{job.id}", headers=headers)
        await self._floor.start()

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Poll until the time is up."""
        return await self._floor.round(seconds, meter)

    async def stop(self) -> None:
        """Stop client and backend."""
        await self._floor.stop()
        await super().stop()


class Jobs(_Backend):
    """Whole jobs, one after the other."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Run one."""
        from aiobench import PollPolicy

        quick = PollPolicy(interval=0.05, max_interval=0.05)
        started = time.perf_counter()
        with meter:
            job = await self._job()
            snapshot = await job.wait(poll=quick, timeout=60)
        segments = sum(each.total_segments or 0 for each in snapshot.iterations)
        return {"units": 1, "segments_a_second": segments / (time.perf_counter() - started)}
