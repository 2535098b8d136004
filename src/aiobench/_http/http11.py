"""One connection that speaks HTTP/1.1 for one borrower at a time: h11 over a stream of httpcore's network interface.

httpcore's own connection may belong to a pool that many tasks share. Its locks, hooks for tracing and generators took
twice the CPU of h11 itself (`python -m benchmarks layers`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

import anyio.lowlevel
import h11
import httpcore
from attrs import define

from aiobench._http.bodies import SLICE
from aiobench._http.connections import LONGEST_HEAD
from aiobench._http.network import PIECE

__all__ = ["Headers", "Http11Connection", "Received", "ReplyBody"]

Headers = Sequence[tuple[bytes, bytes]]
END = h11.EndOfMessage()


class ReplyBody(Protocol):
    """The body of a reply. Closing it finishes the exchange."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


@define(eq=False)
class Received:
    """A reply whose body is yet to be read, with the names of `httpcore.Response`."""

    status: int
    headers: Headers
    stream: ReplyBody
    extensions: MutableMapping[str, Any]


class Http11Connection:
    """An open connection.

    Args:
        stream: What it sends and receives by.
        keep_idle: Seconds that it may rest before it counts as expired.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream, *, keep_idle: float) -> None:
        self._stream = stream
        self._keep_idle = keep_idle
        self._idle_since: float | None = None
        self._is_closed = False
        self._last_headers: Headers = ()
        self._last_checked: Any = None
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)

    async def exchange(self, method: bytes, target: bytes, headers: Headers, content: AsyncIterable[bytes]) -> Received:
        """Send a request and receive the head of its reply.

        Raises:
            httpcore.NetworkError, httpcore.ProtocolError: If no reply comes. Close the connection then.
        """
        await self._send(method, target, headers, content)
        await self._receive()  # a reply does not begin before its request
        event = await self.next_event()
        early = 0
        while isinstance(event, h11.InformationalResponse):
            early += 1
            if early % SLICE == 0:  # as with a body's chunks
                await anyio.lowlevel.checkpoint()
            event = await self.next_event()
        assert isinstance(event, h11.Response)  # h11 lets nothing else begin a reply
        extensions = {"http_version": b"HTTP/" + event.http_version, "reason_phrase": event.reason}
        return Received(event.status_code, event.headers.raw_items(), _Body(self), extensions)

    async def _send(self, method: bytes, target: bytes, headers: Headers, content: AsyncIterable[bytes]) -> None:
        self._idle_since = None
        speak = self._h11.send
        try:
            request = h11.Request(method=method, target=target, headers=self._checked(headers))
            pieces = [speak(request)]
            pieces += [speak(h11.Data(data=chunk)) async for chunk in content]
            pieces.append(speak(END))
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(str(error)) from error
        with suppress(httpcore.WriteError):  # a server that refuses a request may close early, and its reply says why
            await self._stream.write(b"".join(piece for piece in pieces if piece))

    def _checked(self, headers: Headers) -> Any:
        """Return headers as h11 has checked them: those of the last request, if they are the same."""
        if self._last_headers != headers:
            self._last_checked = h11.Request(method=b"GET", target=b"/", headers=list(headers)).headers
            self._last_headers = list(headers)
        return self._last_checked

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        """Receive what the server sends next.

        Raises:
            httpcore.NetworkError, httpcore.ProtocolError: If that cannot be read, or is no HTTP.
        """
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                await self._receive()
        except h11.RemoteProtocolError as error:
            raise httpcore.RemoteProtocolError(str(error)) from error
        return cast("h11.Event | type[h11.PAUSED]", event)

    async def _receive(self) -> None:
        data = await self._stream.read(PIECE)
        if not data and self._h11.their_state is h11.SEND_RESPONSE:
            raise httpcore.RemoteProtocolError("the server closed the connection without a reply")
        self._h11.receive_data(data)

    async def finish(self) -> None:
        """Make ready for the next request, or close if the exchange is not complete or its end not clean."""
        is_complete = self._h11.our_state is self._h11.their_state is h11.DONE
        if is_complete and not self._h11.trailing_data[0]:
            self._h11.start_next_cycle()
            self._idle_since = time.monotonic()
        else:  # more than one reply to one request would be taken for the reply to the next
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connection, whatever it is doing."""
        self._is_closed = True
        await self._stream.aclose()

    def is_closed(self) -> bool:
        return self._is_closed

    def has_expired(self) -> bool:
        """Whether it has rested for too long, or the server has closed it or sent what nobody asked for."""
        since = self._idle_since
        if since is None:
            return False
        return time.monotonic() - since > self._keep_idle or bool(self._stream.get_extra_info("is_readable"))


class _Body:
    def __init__(self, connection: Http11Connection) -> None:
        self._connection = connection
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._is_closed:
            event = await self._connection.next_event()
            if isinstance(event, h11.Data):
                return bytes(event.data)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._connection.finish()
