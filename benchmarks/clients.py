"""Clients that poll a job's status: aiobench, the incumbent SDK, and what you could write yourself."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from urllib.parse import urlsplit

from benchmarks.contender import Contender, Meter
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene, job_name

__all__ = ["Aiobench", "AiobenchOnHttpx2", "Aiohttp", "Floor", "Httpx", "Incumbent", "aiobench", "incumbents"]

KEY = "0123456789abcdef0123456789abcdef"
JOBS = 200
LONGEST = 10.0  # seconds per round, however slow the contender
HEADERS = {"Authorization": f"Token {KEY}", "Accept": "application/json"}


def incumbents(bench: Bench, scene: Scene, *, tls: bool = False, threads: int = 32, older: bool = False) -> list[Entry]:
    """Enter the incumbent SDK; with *older*, also its previous release if installed."""
    environment = {
        "BACKEND_URL": bench.server.url(scene, tls=tls) + "/",
        "TEAM_API_KEY": KEY,
        "AIXPLAIN_ALLOW_INSECURE_URLS": "1",
        "AIXPLAIN_ALLOW_PRIVATE_FETCH": "1",
        "REQUESTS_CA_BUNDLE": bench.server.authority if tls else "",
        "PYTHONWARNINGS": "ignore",
    }
    kind = "benchmarks.clients:Incumbent"
    found = [Entry(f"aixplain 0.2.48, {threads} threads", kind, {"threads": threads}, environment)]
    return found + [
        Entry(f"aixplain {version}, {threads} threads", kind, {"threads": threads}, {**environment, "PYTHONPATH": path})
        for version, path in bench.incumbents.items()
        if older
    ]


def aiobench(bench: Bench, scene: Scene, in_flight: int, *, with_httpx2: bool = False, **settings: Any) -> list[Entry]:
    """Enter aiobench, with both transports, and perhaps with httpx2 in httpx's place."""
    tls = settings.get("tls", False)
    shared = {"url": bench.server.url(scene, tls=tls), "authority": bench.server.authority, "in_flight": in_flight}
    shared |= {name: value for name, value in settings.items() if name != "tls"}
    return [
        Entry("aiobench", "benchmarks.clients:Aiobench", {**shared, "transport": "httpx"}),
        Entry("aiobench, aiohttp", "benchmarks.clients:Aiobench", {**shared, "transport": "aiohttp"}),
        Entry("aiobench on httpx2", "benchmarks.clients:AiobenchOnHttpx2", {**shared, "transport": "httpx"}),
    ][: 3 if with_httpx2 else 2]


class Poller(Contender):
    """Polls statuses in a loop, with a fixed number in flight."""

    def __init__(self, url: str, authority: str, in_flight: int, idle: int = 0) -> None:
        self._url, self._in_flight, self._idle = url, in_flight, idle
        self._connections = max(in_flight, idle)
        self._tls = url.startswith("https")
        self._context = ssl.create_default_context(cafile=authority) if self._tls else None

    async def poll(self, number: int) -> None:
        """Ask once."""
        raise NotImplementedError

    async def prepare(self) -> None:
        """Open connections that stay idle during the round."""
        if self._idle:
            await asyncio.gather(*(self.poll(number % JOBS) for number in range(self._idle)))

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Poll until the time is up."""
        with meter:
            units = await _hammer(self.poll, self._in_flight, seconds)
        return {"units": units}


async def _hammer(poll: Callable[[int], Awaitable[None]], in_flight: int, seconds: float) -> int:
    until = time.monotonic() + seconds
    done = 0

    async def work(number: int) -> None:
        nonlocal done
        while time.monotonic() < until:
            await poll(number % JOBS)
            done += 1

    tasks = [asyncio.create_task(work(number)) for number in range(in_flight)]
    _, late = await asyncio.wait(tasks, timeout=LONGEST)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=bool(late))
    return done


class Aiobench(Poller):
    """`BenchmarkJob.check_status()`."""

    def __init__(self, *, transport: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self._transport = transport

    async def start(self) -> None:
        """Make the client and the jobs."""
        from aiobench import Client

        self._client = Client(
            KEY,
            base_url=self._url,
            transport=self._transport,
            max_connections=self._connections,
            ssl_context=self._context,
            trust_env=False,
        )
        self._jobs = [self._client.job(*job_name(number, JOBS)) for number in range(JOBS)]

    async def poll(self, number: int) -> None:
        """Ask once."""
        await self._jobs[number].check_status()

    async def stop(self) -> None:
        """Close the client."""
        await self._client.aclose()


class AiobenchOnHttpx2(Aiobench):
    """The same, where `import httpx` brings httpx2, and httpcore httpcore2: what the move to them would change."""

    async def start(self) -> None:
        """Put httpx2 in httpx's place, before anything imports it."""
        import httpx2

        httpx2.alias_httpx()
        await super().start()


class Httpx(Poller):
    """`httpx.AsyncClient` with its defaults."""

    async def start(self) -> None:
        """Make the client."""
        import httpx

        limits = httpx.Limits(max_connections=self._connections, max_keepalive_connections=None, keepalive_expiry=55)
        verify = self._context if self._context is not None else False
        self._client = httpx.AsyncClient(headers=HEADERS, limits=limits, timeout=30, verify=verify, trust_env=False)

    async def poll(self, number: int) -> None:
        """Ask once."""
        reply = await self._client.get(f"{self._url}/sdk/benchmarks/jobs/{job_name(number, JOBS)[0]}")
        assert reply.raise_for_status().json()["status"]

    async def stop(self) -> None:
        """Close the client."""
        await self._client.aclose()


class Aiohttp(Poller):
    """`aiohttp.ClientSession` with its defaults."""

    async def start(self) -> None:
        """Make the session."""
        import aiohttp

        connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=55, ssl=self._context or True)
        self._session = aiohttp.ClientSession(headers=HEADERS, connector=connector)

    async def poll(self, number: int) -> None:
        """Ask once."""
        url = f"{self._url}/sdk/benchmarks/jobs/{job_name(number, JOBS)[0]}"
        async with self._session.get(url, raise_for_status=True) as reply:
            assert (await reply.json())["status"]

    async def stop(self) -> None:
        """Close the session."""
        await self._session.close()


class Floor(Contender):
    """The least Python can do: send and receive bytes with a protocol that only knows the length of a reply."""

    def __init__(
        self, url: str, authority: str, in_flight: int, path: str = "", headers: Mapping[str, str] = HEADERS
    ) -> None:
        self._url, self._in_flight = urlsplit(url), in_flight
        self._path = path or f"{self._url.path}/sdk/benchmarks/jobs/{job_name(0, JOBS)[0]}"
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._context = ssl.create_default_context(cafile=authority) if url.startswith("https") else None

    async def start(self) -> None:
        """Open the connections."""
        request = f"GET {self._path} HTTP/1.1\r\nHost: {self._url.netloc}\r\n{self._headers}\r\n".encode()
        loop = asyncio.get_running_loop()
        self._wires = []
        for _ in range(self._in_flight):
            host, port = self._url.hostname, self._url.port
            _, wire = await loop.create_connection(lambda: Wire(request), host, port, ssl=self._context)
            self._wires.append(wire)

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Poll until the time is up."""
        with meter:
            until = time.monotonic() + seconds
            units = sum(await asyncio.gather(*(wire.until(until) for wire in self._wires)))
        return {"units": units}

    async def stop(self) -> None:
        """Close the connections."""
        for wire in self._wires:
            wire.transport.close()


class Wire(asyncio.Protocol):
    """One connection of the floor."""

    transport: asyncio.Transport

    def __init__(self, request: bytes) -> None:
        self._request, self._received, self._units, self._until = request, b"", 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to write to."""
        self.transport = cast("asyncio.Transport", transport)

    async def until(self, when: float) -> int:
        """Poll until the time is up and return the number of polls."""
        self._units, self._until = 0, when
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.transport.write(self._request)
        return await self._over

    def data_received(self, data: bytes) -> None:
        """Poll again when a reply is complete."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = head[head.lower().find(b"content-length: ") + 16 :] + b"\r"
        if not found or len(body) < int(length[: length.find(b"\r")]):
            return
        self._received = b""
        self._units += 1
        if time.monotonic() < self._until:
            self.transport.write(self._request)
        else:
            self._over.set_result(self._units)


class Incumbent(Contender):
    """`BenchmarkJob.check_status()` of the aiXplain SDK, in threads."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    async def start(self) -> None:
        """Import the SDK, which reads its settings from the environment."""
        import logging

        logging.disable(logging.INFO)
        from aixplain.modules.benchmark_job import BenchmarkJob

        self._jobs = [BenchmarkJob(name, "", benchmark) for name, benchmark in (job_name(i, JOBS) for i in range(JOBS))]
        self._pool = ThreadPoolExecutor(self._threads)

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Poll until the time is up."""
        with meter:
            until = time.monotonic() + seconds
            done = list(self._pool.map(lambda number: self._work(number, until), range(self._threads)))
        return {"units": sum(done)}

    def _work(self, number: int, until: float) -> int:
        done = 0
        while time.monotonic() < until:
            self._jobs[number].check_status()
            done += 1
        return done

    async def stop(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def plain(bench: Bench, scene: Scene, in_flight: int, *names: str, tls: bool = False, idle: int = 0) -> list[Entry]:
    """Enter some of httpx, aiohttp and the floor."""
    settings: dict[str, Any] = {
        "url": bench.server.url(scene, tls=tls), "authority": bench.server.authority, "in_flight": in_flight,
    }  # fmt: skip
    kinds = {"httpx": "Httpx", "aiohttp": "Aiohttp", "floor": "Floor"}
    return [
        Entry(name, f"benchmarks.clients:{kinds[name]}", settings | ({"idle": idle} if name != "floor" else {}))
        for name in names
    ]
