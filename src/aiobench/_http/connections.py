"""Connections: a last-in, first-out stack of single-connection transports behind a semaphore (DESIGN, decision 2).

httpx's own pool costs more with every request in flight and every idle connection, and loses slots when requests are
cancelled under contention. A transport of one connection has neither trouble: it is borrowed for the life of one
response, and one that was interrupted is closed instead of given back.
"""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from aiobench.errors import ClientClosedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

__all__ = ["Connections", "Lease"]

CLOSING = 1.0  # seconds that closing one connection may take


class Lease:
    """A borrowed transport. `spoil()` it unless the response was read to its end."""

    __slots__ = ("is_reused", "is_spoilt", "transport")

    def __init__(self, transport: httpx.AsyncBaseTransport, *, is_reused: bool) -> None:
        self.transport = transport
        self.is_reused = is_reused
        self.is_spoilt = False

    def spoil(self) -> None:
        self.is_spoilt = True


class Connections:
    """At most *limit* connections, the most recently used first.

    Args:
        make: Makes a transport of one connection.
        limit: How many there may be at once; who comes later waits.
        keep_idle: Seconds that an idle connection is kept; 0 keeps none.
        now: The monotonic clock.
    """

    def __init__(
        self,
        make: Callable[[httpx.URL], Awaitable[httpx.AsyncBaseTransport]],
        *,
        limit: int,
        keep_idle: float,
        now: Callable[[], float],
    ) -> None:
        self._make = make
        self._slots = anyio.Semaphore(limit, fast_acquire=True)
        self.keep_idle = keep_idle
        self._now = now
        self._idle: deque[tuple[httpx.AsyncBaseTransport, float]] = deque()
        self._lent: set[httpx.AsyncBaseTransport] = set()
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Connections lent={len(self._lent)} idle={len(self._idle)}{' closed' if self._is_closed else ''}>"

    @asynccontextmanager
    async def borrow(self, url: httpx.URL, *, fresh: bool = False) -> AsyncIterator[Lease]:
        """Lend a transport until the block is left; *fresh* asks for one that has no connection yet."""
        async with self._slots:
            if self._is_closed:
                raise ClientClosedError("this client was closed while the request waited for a connection")
            if self._idle and not fresh:
                lease = Lease(self._idle.pop()[0], is_reused=True)
            else:
                lease = Lease(await self._make(url), is_reused=False)
            self._lent.add(lease.transport)
            try:
                yield lease
            except BaseException:
                lease.spoil()
                raise
            finally:
                self._lent.discard(lease.transport)
                if lease.is_spoilt or self._is_closed or not self.keep_idle:
                    await _close(lease.transport)
                else:
                    self._idle.append((lease.transport, self._now()))
                    await self._close_outdated()

    async def _close_outdated(self) -> None:
        oldest = self._now() - self.keep_idle
        while self._idle and self._idle[0][1] < oldest:
            await _close(self._idle.popleft()[0])

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        self._is_closed = True
        transports = [transport for transport, _ in self._idle] + list(self._lent)
        self._idle.clear()
        for transport in transports:
            await _close(transport)


async def _close(transport: httpx.AsyncBaseTransport) -> None:
    """Close a transport, also when we are being cancelled: a socket must not be left behind."""
    with anyio.move_on_after(CLOSING, shield=True):
        await transport.aclose()
