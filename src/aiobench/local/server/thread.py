"""The HTTP server: uvicorn in a thread with its own event loop, on loopback only."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from aiobench._tasks import keep_own_tasks
from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["ServerThread", "bind_loopback"]

ADDRESS = "127.0.0.1"
GRACE = 1  # seconds that requests in flight have to end when the server stops


def bind_loopback(port: int) -> socket.socket:
    """Bind a port on the loopback interface.

    Args:
        port: Which; 0 for any free one.

    Returns:
        The socket, bound.

    Raises:
        ConfigurationError: The port is not available.
    """
    # asyncio sets TCP_NODELAY only if the protocol is named; otherwise every answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # So that a port is available right after its last server stopped (TIME_WAIT).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(
            f"the local backend cannot listen on port {port} of {ADDRESS}: {error}; choose another port, or 0"
        ) from error
    return listener


class _Config(uvicorn.Config):
    def configure_logging(self) -> None:
        """Do nothing: uvicorn would change levels and handlers for the whole process."""


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # a variable: httptools, or h11
    """uvicorn's protocol without the access log, whose lines would show the signatures of results (F18)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.access_log = False  # uvicorn looks at the process's handlers, whatever the setting says


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready.set()


class ServerThread:
    """Serves an application in a thread.

    Args:
        app: The ASGI application.
        listener: The bound socket; closed when the server stops.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._ready = threading.Event()
        config = _Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="on",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = _Server(config, self._ready)
        self._listener = listener
        self._thread = threading.Thread(target=self._serve, name="aiobench-local-server", daemon=True)

    def start(self) -> None:
        """Start the server; return once it answers requests."""
        self._thread.start()
        self._ready.wait()
        if not self._server.started:
            self._thread.join()
            raise RuntimeError("the local backend's server did not start; the log of uvicorn.error says why")

    def stop(self) -> None:
        """Stop the server; return when the thread has ended."""
        self._server.should_exit = True
        self._thread.join()

    def _serve(self) -> None:
        loop = asyncio.new_event_loop()  # not asyncio.run(), which nest_asyncio and debuggers replace by less
        keep_own_tasks(loop)
        try:
            loop.run_until_complete(self._server.serve(sockets=[self._listener]))
        finally:
            loop.close()
            self._listener.close()
            self._ready.set()
