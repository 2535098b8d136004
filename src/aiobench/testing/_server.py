"""The fake platform on a loopback socket, for code that creates its own client."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import responses
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from aiobench.testing._clock import VirtualClock
from aiobench.testing._routes import Incoming
from aiobench.testing.replies import Reply

__all__ = ["serving"]


@contextmanager
def serving(respond: Callable[[Incoming], Reply], clock: VirtualClock) -> Iterator[str]:
    """Serve in threads for the duration of the block; yield the base URL."""

    class Handler(_Handler):
        pass

    Handler.respond, Handler.clock = staticmethod(respond), clock
    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="aiobench-fake", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False  # they are waited for when it closes
    request_queue_size = 512

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def hang_up(self) -> None:
        """End the connections that clients have kept."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed meanwhile
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: a client that hangs up is not an error here."""


class _Handler(StreamRequestHandler):
    """One connection's requests, one after the other.

    The standard library's `BaseHTTPRequestHandler` reads a head as an e-mail, which is a third of the server's work.
    """

    disable_nagle_algorithm = True
    respond: Callable[[Incoming], Reply]
    clock: VirtualClock

    def handle(self) -> None:
        while (incoming := self._read()) is not None:
            reply = type(self).respond(incoming)
            is_ours = incoming.headers.get("user-agent", "").startswith("aiobench/")
            is_there = self._let_pass(reply.after, is_ours=is_ours)
            if reply.is_lost or not is_there:
                return
            head = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}"]
            head += [f"{name}: {value}" for name, value in (*reply.headers, ("content-length", str(len(reply.body))))]
            # Head and body in one piece, for a client that is woken once.
            body = b"" if incoming.method == "HEAD" else reply.body
            self.wfile.write("\r\n".join((*head, "", "")).encode("latin-1") + body)
            if incoming.headers.get("connection", "").lower() == "close":
                return

    def _read(self) -> Incoming | None:
        """Read a request; None if there is no other."""
        method, _, target = self.rfile.readline().decode("latin-1").strip().rpartition(" ")[0].partition(" ")
        if not target:
            return None
        headers: dict[str, str] = {}
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", "0")))
        return Incoming(method, target, headers, body, f"http://{headers.get('host', '127.0.0.1')}")

    def _let_pass(self, seconds: float, *, is_ours: bool) -> bool:
        """Wait by the platform's clock; return whether the client is still connected afterwards."""
        if seconds <= 0:
            return True
        mine, other = socket.socketpair()
        waiting = self.clock.idle_until if is_ours else self.clock.alarm
        with mine, other, waiting(seconds, lambda: other.send(b"!")):
            ready, _, _ = select.select([self.connection, mine], [], [])
        return mine in ready
