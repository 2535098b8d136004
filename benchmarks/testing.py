"""The fake platform: an hour of one job, which passes as soon as the client has asked for all of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.contender import Contender, Meter
from benchmarks.rounds import Bench, Entry

if TYPE_CHECKING:
    from aiobench import Client
    from aiobench.testing import FakePlatform


def run(bench: Bench) -> None:
    """Measure it with the fake's own client, and over sockets."""
    entries = [
        Entry("its own client", "benchmarks.testing:Hours"),
        Entry("over sockets", "benchmarks.testing:ServedHours"),
    ]
    bench.compare("testing", "an hour of a job", "hour", entries)


class Hours(Contender):
    """Hours of the fake's own client, which has no sockets."""

    async def start(self) -> None:
        """Make a platform and a client."""
        from aiobench.testing import FakePlatform

        self._fake = FakePlatform()
        self._client = self._client_of(self._fake)

    def _client_of(self, fake: FakePlatform) -> Client:
        return fake.client()

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Wait for one job after the other until the time is up."""
        hours, ends = 0, time.perf_counter() + seconds
        with meter:
            while time.perf_counter() < ends:
                job = self._fake.job("in_progress", "completed", every=3600)
                await self._client.job(job.id).wait()
                hours += 1
        return {"units": hours}

    async def stop(self) -> None:
        """Close the client."""
        await self._client.aclose()


class ServedHours(Hours):
    """Hours of a client that a service makes for itself."""

    def _client_of(self, fake: FakePlatform) -> Client:
        from aiobench import Client

        self._served = fake.served()
        self._served.__enter__()
        return Client()

    async def stop(self) -> None:
        """Close the client, then the platform."""
        await super().stop()
        self._served.__exit__(None, None, None)
