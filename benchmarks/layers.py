"""Where the CPU of a poll goes: the same poll through more and more of what lies beneath `check_status()`.

The parsers are measured alone, on bytes in memory: what h11 takes, and what a parser in C would take in its place.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from benchmarks.clients import HEADERS, Poller
from benchmarks.contender import Contender, Meter
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene, job_name
from benchmarks.server import as_json

__all__ = ["H11", "Anyio", "Http11", "Httpcore", "Httptools", "Transport"]

AGENT = {"User-Agent": "benchmarks"}


def run(bench: Bench) -> None:
    """Compare the layers."""
    scene = Scene(size=1000)
    settings: dict[str, Any] = {"url": bench.server.url(scene), "authority": "", "in_flight": 1}
    layers = {
        "sockets (floor)": "benchmarks.clients:Floor",
        "anyio": "benchmarks.layers:Anyio",
        "our connection": "benchmarks.layers:Http11",
        "httpcore's connection, instead": "benchmarks.layers:Httpcore",
        "our httpx transport": "benchmarks.layers:Transport",
    }
    entries = [Entry(name, kind, settings) for name, kind in layers.items()]
    entries.append(Entry("check_status()", "benchmarks.clients:Aiobench", {**settings, "transport": "httpx"}))
    bench.compare("layers", "1 kB, 1 in flight", "poll", entries)
    parsers = [Entry("h11", "benchmarks.layers:H11"), Entry("httptools", "benchmarks.layers:Httptools")]
    bench.compare("layers", "a request written, a reply of 1 kB read", "poll", parsers)


class _Layer(Poller):
    """Asks one server for one job."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        place = urlsplit(self._url)
        assert place.hostname
        assert place.port
        self._host, self._port, self._netloc = place.hostname, place.port, place.netloc
        self._target = f"{place.path}/sdk/benchmarks/jobs/{job_name(0, 100)[0]}"


class Anyio(_Layer):
    """Bytes through anyio's streams, without HTTP."""

    async def start(self) -> None:
        """Connect."""
        import anyio

        self._stream = await anyio.connect_tcp(self._host, self._port)
        headers = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        self._request = f"GET {self._target} HTTP/1.1\r\nHost: {self._netloc}\r\n{headers}\r\n".encode()

    async def poll(self, number: int) -> None:
        """Ask once."""
        await self._stream.send(self._request)
        assert await self._stream.receive()  # a reply of 1 kB comes in one piece

    async def stop(self) -> None:
        """Disconnect."""
        await self._stream.aclose()


class Httpcore(_Layer):
    """One of httpcore's connections, over the network that aiobench gives it."""

    async def start(self) -> None:
        """Make the connection."""
        import anyio
        import httpcore

        from aiobench._http.network import Network, Resolver

        network = Network(Resolver(anyio.CapacityLimiter(1)))
        origin = httpcore.Origin(b"http", self._host.encode(), self._port)
        self._connection = httpcore.AsyncHTTPConnection(origin, keepalive_expiry=55, network_backend=network)
        url = httpcore.URL(scheme=b"http", host=self._host.encode(), port=self._port, target=self._target.encode())
        self._request = httpcore.Request(b"GET", url, headers={"Host": self._netloc, **HEADERS, **AGENT})

    async def poll(self, number: int) -> None:
        """Ask once."""
        assert not self._connection.has_expired()
        response = await self._connection.handle_async_request(self._request)
        assert await response.aread()
        await response.aclose()

    async def stop(self) -> None:
        """Disconnect."""
        await self._connection.aclose()


class Http11(_Layer):
    """One of our own connections."""

    async def start(self) -> None:
        """Connect."""
        import anyio

        from aiobench._http.bodies import Content
        from aiobench._http.http11 import Http11Connection
        from aiobench._http.network import Network, Resolver

        stream = await Network(Resolver(anyio.CapacityLimiter(1))).connect_tcp(self._host, self._port)
        self._connection = Http11Connection(stream, keep_idle=55)
        headers = {"Host": self._netloc, **HEADERS, **AGENT}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._request = b"GET", self._target.encode(), encoded, Content(b"")

    async def poll(self, number: int) -> None:
        """Ask once."""
        assert not self._connection.has_expired()
        received = await self._connection.exchange(*self._request)
        assert [chunk async for chunk in received.stream]
        await received.stream.aclose()

    async def stop(self) -> None:
        """Disconnect."""
        await self._connection.aclose()


class Transport(_Layer):
    """aiobench's transport, used as httpx uses one."""

    async def start(self) -> None:
        """Make the transport."""
        import anyio
        import httpx

        from aiobench._http.httpcore_transport import OneConnectionTransport, directly
        from aiobench._http.network import Network, Resolver

        network = Network(Resolver(anyio.CapacityLimiter(1)))
        self._transport = OneConnectionTransport(directly(httpx.create_ssl_context(), network))
        url = f"http://{self._netloc}{self._target}"
        self._request = httpx.Request("GET", url, headers={**HEADERS, **AGENT})

    async def poll(self, number: int) -> None:
        """Ask once."""
        response = await self._transport.handle_async_request(self._request)
        assert await response.aread()
        await response.aclose()

    async def stop(self) -> None:
        """Disconnect."""
        await self._transport.aclose()


class _Parser(Contender):
    def __init__(self) -> None:
        body = Scene(size=1000).document(0, "in_progress", "http://127.0.0.1:1/0.csv")
        self._reply = as_json(body)
        headers = {"Host": "127.0.0.1:1", **HEADERS, **AGENT}
        self._target = f"/sdk/benchmarks/jobs/{job_name(0, 100)[0]}".encode()
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    def cycle(self) -> None:
        """Write one request and read one reply."""
        raise NotImplementedError

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Write and read until the time is up."""
        units = 0
        with meter:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self.cycle()
                units += 1
        return {"units": units}


class H11(_Parser):
    """h11, as our connection uses it."""

    async def start(self) -> None:
        """Make the connection's state."""
        import h11

        self._h11 = h11
        self._connection = h11.Connection(h11.CLIENT)

    def cycle(self) -> None:
        """Write one request and read one reply."""
        h11, connection = self._h11, self._connection
        connection.send(h11.Request(method=b"GET", target=self._target, headers=self._headers))
        connection.send(h11.EndOfMessage())
        connection.receive_data(self._reply)
        while not isinstance(connection.next_event(), h11.EndOfMessage):
            pass
        connection.start_next_cycle()


class Httptools(_Parser):
    """httptools, which has llhttp's parser, and the request joined by hand, as it writes none."""

    async def start(self) -> None:
        """Import the parser."""
        from httptools import HttpResponseParser

        self._make_parser = HttpResponseParser

    def cycle(self) -> None:
        """Write one request and read one reply."""
        lines = b"".join(b"%b: %b\r\n" % header for header in self._headers)
        assert b"GET %b HTTP/1.1\r\n%b\r\n" % (self._target, lines)
        reply = _Reply()
        self._make_parser(reply).feed_data(self._reply)
        assert reply.is_complete


class _Reply:
    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.is_complete = True
