"""A platform on loopback that misbehaves on request, byte by byte.

It runs an event loop of its own in a thread of its own, so that it can reset, drip or fall silent whatever the loop
under test is doing, and on whichever backend. Left alone it is a small, honest platform: jobs, job lists, starts and
results with `ETag`, `Range` and `If-Range`. `script()` says what it does instead, request by request.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field, frozen

if TYPE_CHECKING:
    import ssl

DEADLINE = 20.0  # seconds after which the server gives up waiting for anything


@frozen
class Received:
    """One request as it came in; `number` counts those of the same method and path, from 1."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    number: int
    connection: int
    raw: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Answer = Callable[["Exchange"], Awaitable[None]]
TURNS = 4  # of the event loop, from a connection's being accepted to its handler


@define
class Exchange:
    """A request and the wire its answer goes out on."""

    server: FaultServer
    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_over: bool = False  # whether the connection goes no further

    @property
    def random(self) -> random.Random:
        """Randomness that depends on seed, path and request number alone, so that a failure can be replayed."""
        return random.Random(f"{self.server.seed} {self.request.path} {self.request.number}")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reset(self) -> None:
        """Break the connection with a RST."""
        self.is_over = True
        wire = self.writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """Close the connection with a FIN."""
        self.is_over = True
        self.writer.close()

    async def until_client_leaves(self) -> None:
        """Say nothing more; return when the client has closed the connection."""
        self.is_over = True
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.reader.read(), DEADLINE)
        self.writer.close()


def reply(status: int = 200, body: bytes = b"", *, length: int | None = None, **headers: str) -> bytes:
    """Spell out a reply; underscores in *headers* stand for hyphens, and *length* overrides the body's own."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(status: int = 200, body: bytes | object = b"", *, length: int | None = None, **headers: str) -> Answer:
    """Answer with a whole reply; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def say(exchange: Exchange) -> None:
        await exchange.send(reply(status, data, length=length, **headers))

    return say


def raw(data: bytes, *, then: str = "close") -> Answer:
    """Send bytes as they are, then `close`, `reset`, `hold` (say no more) or `go on`."""

    async def say(exchange: Exchange) -> None:
        await exchange.send(data)
        if then == "close":
            await exchange.close()
        elif then == "reset":
            await asyncio.sleep(0.02)  # a RST overtakes bytes that the client has not read yet
            await exchange.reset()
        elif then == "hold":
            await exchange.until_client_leaves()

    return say


async def reset(exchange: Exchange) -> None:
    """Break the connection at once."""
    await exchange.reset()


async def close(exchange: Exchange) -> None:
    """Close the connection without an answer."""
    await exchange.close()


async def hold(exchange: Exchange) -> None:
    """Never answer."""
    await exchange.until_client_leaves()


def drip(head: bytes, body: bytes, *, every: float = 0.25) -> Answer:
    """Send *head* at once and *body* one byte at a time."""

    async def say(exchange: Exchange) -> None:
        exchange.is_over = True
        try:
            await exchange.send(head)
            for byte in body:
                await exchange.send(bytes([byte]))
                await asyncio.sleep(every)
        except OSError:
            pass
        exchange.writer.close()

    return say


def endless(head: bytes, chunk: bytes) -> Answer:
    """Send *chunk* until the client leaves, or 4 GiB have gone out."""

    async def say(exchange: Exchange) -> None:
        exchange.is_over = True
        try:
            await exchange.send(head)
            for _ in range(4 * 2**30 // len(chunk)):
                await exchange.send(chunk)
                exchange.server.sent += len(chunk)
        except OSError:
            pass
        exchange.writer.close()

    return say


def then_close(first: Answer | None = None) -> Answer:
    """Answer honestly, or by *first*, promise to keep the connection, and close it when it is idle."""

    async def say(exchange: Exchange) -> None:
        await (first or FaultServer.behave)(*(() if first else (exchange.server,)), exchange)
        await exchange.close()
        exchange.server.closed.set()

    return say


async def close_listener(server: asyncio.Server) -> None:
    """Close a server once all that it has accepted has its handler: asyncio forgets a connection between the two."""
    for listener in server.sockets:
        with suppress(NotImplementedError):  # Windows' loops have no readers
            asyncio.get_running_loop().remove_reader(listener.fileno())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    server.close()


class FaultServer:
    """A platform in a thread, on loopback.

    Args:
        seed: What every random choice of its answers is derived from.
        tls: Speak https with this context.
    """

    def __init__(self, seed: int = 0, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.seed = seed
        self.jobs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.requests: list[Received] = []
        self.connections = 0  # accepted in all
        self.open: set[asyncio.StreamWriter] = set()
        self.sent = 0  # bytes of endless bodies
        self.closed = threading.Event()
        self.arrived = threading.Semaphore(0)  # released once for every request
        self._tls, self._host = tls, host
        self._scripts: list[tuple[re.Pattern[str], deque[Answer | None], Answer | None]] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault server", daemon=True)

    # -- life ------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._in_loop(asyncio.start_server(self._serve, self._host, 0, ssl=self._tls, backlog=1024))
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._in_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    async def _stop(self) -> None:
        await close_listener(self._server)
        for writer in list(self.open):
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _in_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    def listen_again(self) -> None:
        """Accept connections again, at the same port."""
        start = asyncio.start_server(self._serve, self._host, self.port, ssl=self._tls, backlog=1024)
        self._server = self._in_loop(start)

    def close_idle(self) -> None:
        """Close every connection that is open now."""

        async def work() -> None:
            for writer in list(self.open):
                writer.close()

        self._in_loop(work())

    # -- what to do ------------------------------------------------------------------------------------------

    def script(self, what: str, *answers: Answer | None, always: Answer | None = None) -> None:
        """Answer the requests whose `METHOD /path` matches *what* by *answers*, in turn; None: honestly.

        When they are used up, *always* goes on, or the honest platform.
        """
        self._scripts.insert(0, (re.compile(what), deque(answers), always))

    def sent_to(self, what: str) -> list[Received]:
        """Return the requests whose `METHOD /path` matches *what*."""
        return [each for each in list(self.requests) if re.search(what, f"{each.method} {each.target}")]

    def add_job(self, job_id: str, status: str = "in_progress", benchmark: str = "b1", **more: Any) -> None:
        self.jobs[job_id] = {"jobId": job_id, "status": status, "benchmark": {"id": benchmark}, **more}

    def add_results(self, job_id: str, data: bytes, *, query: str = "", etag: str = '"v1"', name: str = "") -> str:
        """Give a job a results file; return its path."""
        path = f"/results/{name or job_id}.csv"
        self.files[path], self.etags[path] = data, etag
        self.add_job(job_id, "completed", reportUrl=f"{self.base_url}{path}{query}")
        return path

    # -- serving ---------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        self.open.add(writer)
        try:
            while (request := await self._received(reader, connection)) is not None:
                exchange = Exchange(self, request, reader, writer)
                await self._answer_to(request)(exchange)
                if exchange.is_over:
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def _received(self, reader: asyncio.StreamReader, connection: int) -> Received | None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        key = (method, target.partition("?")[0])
        self._counts[key] += 1
        request = Received(method, target, headers, body, self._counts[key], connection, head + body)
        self.requests.append(request)
        self.arrived.release()
        return request

    def _answer_to(self, request: Received) -> Answer:
        for pattern, answers, always in self._scripts:
            if pattern.search(f"{request.method} {request.path}"):
                chosen = answers.popleft() if answers else always
                if chosen is not None:
                    return chosen
                break
        return self.behave

    async def behave(self, exchange: Exchange) -> None:
        """Be an honest platform."""
        request = exchange.request
        match request.method, request.path.split("/")[1:]:
            case "GET", ["sdk", "benchmarks", "jobs", job_id] if job_id in self.jobs:
                await answer(200, self.jobs[job_id])(exchange)
            case "GET", ["sdk", "benchmarks", benchmark, "jobs"]:
                found = [job for job in self.jobs.values() if job["benchmark"]["id"] == benchmark]
                await answer(200, found)(exchange)
            case "POST", ["sdk", "benchmarks", benchmark, "start"]:
                await answer(200, {"jobId": self.start(benchmark)})(exchange)
            case "POST", ["sdk", "benchmarks"]:
                await answer(200, {"id": "b1"})(exchange)
            case "GET", ["sdk", "benchmarks", benchmark]:
                document = {"id": benchmark, "name": "n", "model": [], "datasets": [], "metrics": []}
                await answer(200, document)(exchange)
            case "POST", ["sdk", "benchmarks", "normalization-options"]:
                await answer(200, [{"value": "lower"}])(exchange)
            case "GET", ["results", _] if request.path in self.files:
                await self._file(exchange)
            case _:
                await answer(404, {"statusCode": 404, "message": "Not found"})(exchange)

    def start(self, benchmark: str) -> str:
        job_id = f"started-{len(self.jobs) + 1}"
        self.add_job(job_id, "in_progress", benchmark)
        return job_id

    async def _file(self, exchange: Exchange) -> None:
        data, etag = self.files[exchange.request.path], self.etags[exchange.request.path]
        asked = re.fullmatch(r"bytes=(\d+)-", exchange.request.headers.get("range", ""))
        same = exchange.request.headers.get("if-range", etag) == etag
        if asked and same and int(asked[1]) >= len(data):
            await answer(416, b"", Content_Range=f"bytes */{len(data)}")(exchange)
        elif asked and same:
            start = int(asked[1])
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            await answer(206, data[start:], ETag=etag, Content_Range=span, Content_Type="text/csv")(exchange)
        else:
            await answer(200, data, ETag=etag, Content_Type="text/csv")(exchange)


@contextmanager
def running(seed: int = 0, **settings: Any) -> Iterator[FaultServer]:
    """Run a server for the length of a block."""
    with FaultServer(seed, **settings) as server:
        yield server
