"""The fake platform behind a socket on loopback, for code that makes its own client."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiobench.testing._clock import VirtualClock
from aiobench.testing._routes import Incoming
from aiobench.testing.replies import Reply

__all__ = ["serving"]


@contextmanager
def serving(respond: Callable[[Incoming], Reply], clock: VirtualClock) -> Iterator[str]:
    """Serve in threads of its own until the block is left; yield the base URL."""

    class Handler(_Handler):
        pass

    Handler.respond, Handler.clock = staticmethod(respond), clock
    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="aiobench-fake", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
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
        """Say nothing: a client that hangs up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one piece, for a client that is woken once
    respond: Callable[[Incoming], Reply]
    clock: VirtualClock

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        origin = f"http://{headers.get('host', '127.0.0.1')}"
        reply = type(self).respond(Incoming(self.command, self.path, headers, body, origin))
        is_there = self._let_pass(reply.after, is_ours=headers.get("user-agent", "").startswith("aiobench/"))
        if reply.is_lost or not is_there:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in (*reply.headers, ("content-length", str(len(reply.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_POST = do_GET  # noqa: N815 - the standard library's names, here and below

    def _let_pass(self, seconds: float, *, is_ours: bool) -> bool:
        """Wait by the platform's clock; return whether the client is still there then."""
        if seconds <= 0:
            return True
        mine, other = socket.socketpair()
        waiting = self.clock.idle_until if is_ours else self.clock.alarm
        with mine, other, waiting(seconds, lambda: other.send(b"!")):
            ready, _, _ = select.select([self.connection, mine], [], [])
        return mine in ready

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: `FakePlatform.requests` tells."""
