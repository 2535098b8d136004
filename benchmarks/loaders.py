"""Clients that load a results file, to disk or into a frame."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.clients import HEADERS, KEY
from benchmarks.contender import Contender, Meter
from benchmarks.held import Heartbeat
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, pin
from benchmarks.scene import job_name

__all__ = ["Aiobench", "Httpx", "Incumbent", "Nothing", "Pandas"]


class _Loader(Contender):
    def __init__(self, url: str, files: int, megabytes: float, *, frames: bool = False) -> None:
        self._url, self._files, self._megabytes, self._frames = url, files, megabytes, frames

    async def start(self) -> None:
        self._folder = TemporaryDirectory(prefix="aiobench-bench-")
        self._target = Path(self._folder.name, "results.csv")
        if self._frames:  # a thread parses while the loop runs, and the server is idle by then
            import pandas as pd

            assert pd
            pin(CLIENT_CORE, SERVER_CORE)

    async def prepare(self) -> None:
        """Let everyone write a new file: to replace one takes fresh memory, which some virtual machines charge for."""
        self._target.unlink(missing_ok=True)

    async def load(self) -> None:
        raise NotImplementedError

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        with meter:
            for _ in range(self._files):
                await self.load()
        async with Heartbeat() as heartbeat:  # once more: it takes a twentieth of a core itself
            await self.load()
        units = self._files * self._megabytes
        return {"units": units, "late_ms": heartbeat.latest, "late_by_own_cpu_ms": heartbeat.own}

    async def stop(self) -> None:
        self._folder.cleanup()


class Aiobench(_Loader):
    """`download_results_as_csv()`."""

    def __init__(self, transport: Any = "httpx", **settings: Any) -> None:
        super().__init__(**settings)
        self._transport = transport

    async def start(self) -> None:
        """Make the client."""
        from aiobench import Client

        await super().start()
        self._client = Client(
            KEY,
            base_url=self._url,
            transport=self._transport,
            allow_result_hosts=["127.0.0.1"],
            trust_env=False,
        )
        self._job = self._client.job(*job_name(0, 100))
        await self._job.check_status()

    async def load(self) -> None:
        """Get the file once."""
        if self._frames:
            frame = await self._job.download_results_as_csv(return_dataframe=True)
            assert len(frame) > 0
        else:
            await self._job.download_results_as_csv(self._target)

    async def stop(self) -> None:
        """Close the client."""
        await self._client.aclose()
        await super().stop()


class Httpx(_Loader):
    """`httpx` streaming to a file on the event loop, as its documentation shows, after fetching the job document."""

    async def start(self) -> None:
        """Make the client."""
        import httpx

        await super().start()
        self._client = httpx.AsyncClient(timeout=30, trust_env=False, verify=False)  # noqa: S501 - plain http

    async def load(self) -> None:
        """Get the file once."""
        reply = await self._client.get(f"{self._url}/sdk/benchmarks/jobs/{job_name(0, 100)[0]}", headers=HEADERS)
        async with self._client.stream("GET", reply.json()["reportUrl"]) as response:
            with self._target.open("wb") as file:
                async for chunk in response.raise_for_status().aiter_bytes():
                    file.write(chunk)
        if self._frames:
            import pandas as pd

            assert len(pd.read_csv(self._target)) > 0

    async def stop(self) -> None:
        """Close the client."""
        await self._client.aclose()
        await super().stop()


class Incumbent(_Loader):
    """`download_results_as_csv()` of the aiXplain SDK, in a thread so that it does not block the event loop."""

    async def start(self) -> None:
        """Import the SDK."""
        await super().start()
        logging.disable(logging.INFO)
        from aixplain.modules.benchmark_job import BenchmarkJob

        self._job = BenchmarkJob(job_name(0, 100)[0], "", "bm-000000")

    async def load(self) -> None:
        """Get the file once."""
        await asyncio.to_thread(
            self._job.download_results_as_csv, save_path=str(self._target), return_dataframe=self._frames
        )


class Pandas(_Loader):
    """`pandas.read_csv()` alone, in a thread: the cost of a frame without a download."""

    async def start(self) -> None:
        """Download the file that is read."""
        import httpx

        await super().start()
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            self._target.write_bytes((await client.get(f"{self._url}/results/0.csv")).content)

    async def prepare(self) -> None:
        """Keep the file."""

    async def load(self) -> None:
        """Read the file once."""
        import pandas as pd

        await asyncio.to_thread(pd.read_csv, self._target)


class Nothing(_Loader):
    """Sleeps for half a second, to show how late this machine wakes an idle process."""

    async def load(self) -> None:
        """Sleep."""
        await asyncio.sleep(0.5)
