"""Connections: a last-in, first-out stack of one-connection transports behind a semaphore (docs/design.md, decision 2).

httpx's own pool costs more with every request in flight and every idle connection, and loses slots when requests are
cancelled under contention. A transport of one connection has neither trouble: it is borrowed for the life of one
response, and one that was interrupted is closed instead of given back.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast

import anyio

from aiobench._clock import Clock
from aiobench._errors import ClientClosedError
from aiobench._http.bodies import Body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    import httpx

__all__ = ["KEEPALIVE", "LONGEST_HEAD", "Connections", "Lease", "without_replies_in_the_log"]

logger = logging.getLogger("aiobench.http")

KEEPALIVE = 55.0  # seconds an idle connection is kept: less than the 60 s of common load balancers
LONGEST_HEAD = 100 * 1024  # bytes of a reply's status and headers that are read
CLOSING = 1.0  # seconds that closing one connection may take


class Lease:
    """A borrowed transport. `spoil()` it unless the response was read to its end."""

    __slots__ = ("_body", "_make", "_transport", "is_reused", "is_spoilt", "response", "scope")

    _transport: httpx.AsyncBaseTransport

    def __init__(self, make: Callable[[], Awaitable[httpx.AsyncBaseTransport]], scope: anyio.CancelScope) -> None:
        self._make = make
        self.scope = scope
        self.is_reused = False
        self.is_spoilt = True  # until there is a transport
        self.response: httpx.Response | None = None  # the last one, as soon as its head is there
        self._body: Body | None = None

    @property
    def is_dead(self) -> bool:
        """Whether a reused connection brought no reply at all."""
        return self.is_reused and self.is_spoilt and self.response is None

    def spoil(self) -> None:
        self.is_spoilt = True

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, whose body is yet to be read."""
        with without_replies_in_the_log():
            response = await self._transport.handle_async_request(request)
        response.stream = self._body = Body(cast("httpx.AsyncByteStream", response.stream))
        self.response = response
        return response

    async def open(self, kept: httpx.AsyncBaseTransport | None) -> None:
        self._transport = kept if kept is not None else await self._make()
        self.is_reused, self.is_spoilt = kept is not None, False

    async def renew(self) -> None:
        """Replace a transport whose connection turned out to be closed by a new one."""
        self.spoil()
        await self.close()
        await self.open(None)

    async def close(self) -> None:
        if self._body is not None:
            await _close(self._body)
        if hasattr(self, "_transport"):
            await _close(self._transport)

    async def finish(self) -> None:
        """Finish a response that was read to its end, so that the connection can be reused."""
        if self._body is not None:
            await self._body.end()
            self._body = None

    def detach(self) -> httpx.AsyncBaseTransport:
        """Return the transport, whose response is finished."""
        return self._transport


class Connections:
    """At most *limit* connections, the most recently used first.

    Args:
        make: Makes a transport of one connection.
        limit: How many there may be at once; who comes later waits.
        keep_idle: Seconds that an idle connection is kept; 0 keeps none.
        clock: Whose time counts.
    """

    def __init__(
        self,
        make: Callable[[httpx.URL], Awaitable[httpx.AsyncBaseTransport]],
        *,
        limit: int,
        keep_idle: float,
        clock: Clock,
    ) -> None:
        self._make = make
        self._limit = limit
        self._slots = anyio.Semaphore(limit, fast_acquire=True)
        self.keep_idle = keep_idle
        self._clock = clock
        self._idle: deque[tuple[httpx.AsyncBaseTransport, float]] = deque()
        self._lent: set[Lease] = set()
        self._is_closed = False
        self._all_back: anyio.Event | None = None  # there while `aclose()` waits for it

    def __repr__(self) -> str:
        return f"<Connections lent={len(self._lent)} idle={len(self._idle)}{' closed' if self._is_closed else ''}>"

    @asynccontextmanager
    async def borrow(
        self, url: httpx.URL, *, fresh: bool = False, timeout: float = float("inf")
    ) -> AsyncIterator[Lease]:
        """Lend a transport for the duration of the block.

        Args:
            url: Where requests will go.
            fresh: Whether it must be one that has no connection yet.
            timeout: Seconds that the block may take, counted from a free slot.

        Raises:
            ClientClosedError: If the connections are closed before the block is left, or were already.
            TimeoutError: When the time is up.
        """
        async with self._slots:
            if self._is_closed:
                raise ClientClosedError("this client was closed while the request waited for a connection")
            with self._clock.busy(), self._clock.move_on_after(timeout) as scope:
                lease = Lease(lambda: self._make(url), scope)
                self._lent.add(lease)
                try:
                    await lease.open(self._idle.pop()[0] if self._idle and not fresh else None)
                    await self._close_surplus()
                    yield lease
                except Exception:
                    lease.spoil()
                    if lease.is_dead:
                        await self._distrust_idle()
                    raise
                except BaseException:
                    lease.spoil()
                    raise
                finally:
                    await self._take_back(lease)
        if scope.cancelled_caught:
            if lease.is_dead:
                await self._distrust_idle()
            raise ClientClosedError("this client was closed meanwhile") if self._is_closed else TimeoutError

    async def _take_back(self, lease: Lease) -> None:
        try:
            if lease.is_spoilt or self._is_closed or not self.keep_idle:
                await lease.close()
            else:
                self._idle.append((lease.detach(), self._clock.now()))
        finally:
            self._lent.discard(lease)
            if self._all_back is not None and not self._lent:
                self._all_back.set()

    async def _close_surplus(self) -> None:
        """Close idle connections that are too old or exceed the limit."""
        oldest = self._clock.now() - self.keep_idle
        while self._idle and (self._idle[0][1] < oldest or len(self._idle) + len(self._lent) > self._limit):
            await _close(self._idle.popleft()[0])

    async def _distrust_idle(self) -> None:
        """Close the idle connections: whatever silently cut one of them, such as a firewall or a suspend, cut all."""
        while self._idle:
            await _close(self._idle.popleft()[0])

    def abandon(self) -> None:
        """Forget every connection without closing it, because its event loop has ended."""
        self._is_closed = True
        self._idle.clear()

    async def aclose(self) -> None:
        """Close every connection. Requests in flight raise `ClientClosedError`."""
        self._is_closed = True
        for lease in self._lent:
            lease.scope.cancel()
        while self._idle:
            await _close(self._idle.popleft()[0])
        if self._lent:
            self._all_back = anyio.Event()
            with anyio.move_on_after(CLOSING, shield=True):
                await self._all_back.wait()
        for lease in list(self._lent):  # a transport that does not let itself be cancelled
            await lease.close()


async def _close(closeable: httpx.AsyncBaseTransport | Body) -> None:
    """Close a transport or a stream even during cancellation: no socket may be left open."""
    with anyio.move_on_after(CLOSING, shield=True):
        try:
            await closeable.aclose()
        except Exception as error:  # noqa: BLE001 - whatever a transport raises: the reply is there, or its error
            logger.debug("a connection could not be closed: %r", error)


# At DEBUG httpcore logs the headers of each reply, and the `Location` of a redirect to a results file holds a signature
# (F18). Only our own requests are cut: other users of httpcore in this process see their usual log. A program may have
# put httpcore2 in httpcore's place, which logs under its own name.
_is_ours: ContextVar[bool] = ContextVar("aiobench request", default=False)


@contextmanager
def without_replies_in_the_log() -> Iterator[None]:
    """Cut httpcore's log records about requests made in this block."""
    token = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(token)


class _Cut(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if _is_ours.get():
            record.msg = str(record.msg).partition(" ")[0]
        return True


for _package in ("httpcore", "httpcore2"):
    for _part in ("http11", "proxy", "socks"):
        logging.getLogger(f"{_package}.{_part}").addFilter(_Cut())
