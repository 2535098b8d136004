"""A small HTTP proxy that remembers every byte it saw: `CONNECT`, and plain requests with an absolute URL."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import Any, Self
from urllib.parse import urlsplit

from faults.server import close_listener


class Proxy:
    """A proxy on loopback, in a thread of its own.

    Args:
        refuse: Answer every `CONNECT` with 403.
        to: The host to connect to, whatever is asked for.
        tls: Speak TLS with the client, by this context.
    """

    def __init__(self, *, refuse: bool = False, to: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._to = to
        self.heads: list[bytes] = []
        self.bytes = b""
        self._refuse = refuse
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls))
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            await close_listener(self._server)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._run(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            self.bytes += head
            method, target, _ = head.split(b" ", 2)
            tunnel = method == b"CONNECT"
            if tunnel and self._refuse:
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                writer.close()
                return
            where = urlsplit(b"//" + target if tunnel else target)
            assert where.hostname
            there, to_there = await asyncio.open_connection(self._to or where.hostname.decode(), where.port)
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                to_there.write(head.replace(target, where.path, 1))
            try:
                await asyncio.gather(self._pump(reader, to_there), self._pump(there, writer))
            finally:
                await _closed(to_there)
        await _closed(writer)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                self.bytes += data
                sink.write(data)
                await sink.drain()
        sink.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
