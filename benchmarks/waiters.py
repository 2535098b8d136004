"""Clients that wait for something by asking again and again: aiobench, and those people compare it with.

All ask every 10 ms, which is the shortest that aiobench allows, and do nothing with the answers.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from benchmarks.clients import KEY
from benchmarks.contender import Contender, Meter
from benchmarks.scene import Scene, job_name

__all__ = ["Aiobench", "HuggingfaceHub", "Openai"]

INTERVAL = 0.01


Wait = Callable[[], Awaitable[object]]


class _Waiter(Contender):
    def __init__(self, root: str, size: int, etags: int = 0) -> None:
        self._root, self._size, self._etags = root, size, etags

    def client(self, url: str, seconds: float) -> AbstractAsyncContextManager[Wait]:
        """Make a client, and a function that waits until the job has ended, or for so many seconds."""
        raise NotImplementedError

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Wait for a job that ends when the round does."""
        scene = Scene(size=self._size, etags=self._etags, start=time.monotonic() + 0.5 + seconds)
        url = f"{self._root}/{scene.path}"
        async with self.client(url, seconds) as wait:
            with meter:
                await wait()
        traffic = await traffic_of(url)
        return {"units": traffic["requests"], "bytes_a_poll": traffic["sent"] / traffic["requests"]}


async def traffic_of(url: str) -> dict[str, int]:
    """Ask the load server what went over the wire in a scene."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"GET {place.path}/traffic HTTP/1.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    traffic: dict[str, int] = json.loads(await reader.readexactly(length))
    writer.close()
    return traffic


class Aiobench(_Waiter):
    """`BenchmarkJob.wait()`."""

    @asynccontextmanager
    async def client(self, url: str, seconds: float) -> AsyncGenerator[Wait, None]:
        """Wait for the job."""
        from aiobench import Client, PollPolicy

        poll = PollPolicy(interval=INTERVAL, backoff=1.0, max_interval=INTERVAL, jitter=0.0)
        async with Client(KEY, base_url=url, poll=poll, trust_env=False) as client:
            yield client.job(*job_name(0, 100)).wait


class Openai(_Waiter):
    """`AsyncOpenAI().vector_stores.files.poll()`."""

    @asynccontextmanager
    async def client(self, url: str, seconds: float) -> AsyncGenerator[Wait, None]:
        """Wait for what it takes for a file."""
        import httpx2
        from openai import AsyncOpenAI

        http = httpx2.AsyncClient(trust_env=False)
        async with AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0, http_client=http) as client:
            poll = client.vector_stores.files.poll
            yield lambda: poll(job_name(0, 100)[0], vector_store_id="store", poll_interval_ms=int(1e3 * INTERVAL))


class HuggingfaceHub(_Waiter):
    """`InferenceEndpoint.wait()`, in a thread, because it blocks."""

    @asynccontextmanager
    async def client(self, url: str, seconds: float) -> AsyncGenerator[Wait, None]:
        """Wait for what it takes for an endpoint, until it gives up."""
        from huggingface_hub import HfApi, InferenceEndpointTimeoutError, hf_api

        hf_api.constants.INFERENCE_ENDPOINTS_ENDPOINT = url  # it has no other place to say so
        endpoint = HfApi(token="hf_" + KEY).get_inference_endpoint("sample", namespace="team")

        def wait() -> None:
            with suppress(InferenceEndpointTimeoutError):
                # annotated as whole seconds, but it only sleeps for that long
                endpoint.wait(timeout=seconds, refresh_every=INTERVAL)  # type: ignore[arg-type]

        yield lambda: asyncio.to_thread(wait)
