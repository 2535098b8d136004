"""Reading a reply's body with a cap on what it decodes to, and telling a cut one from a whole one.

httpx decodes a chunk as a whole, so that 64 kB of a gzip bomb become 64 MB before anyone can count, and it takes a
truncated stream for a whole one (F05, F06). zlib itself can do better on both counts.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = [
    "Body",
    "BodyTooLargeError",
    "Content",
    "CutBodyError",
    "UnknownEncodingError",
    "decoder_for",
    "encoding_of",
    "raw_chunks",
    "read_body",
]

PIECE = 256 * 1024  # decoded bytes at a time
BUFFERED = 20_000  # chunks that a closed connection can still hold: 64 kB, in the smallest ones there are


class BodyTooLargeError(Exception):
    """Raised when a body decodes to more than its cap."""


class CutBodyError(Exception):
    """Raised when a compressed body ends before its end, or is damaged."""


class UnknownEncodingError(Exception):
    """Raised when a body has a content encoding that was not asked for."""


class _Identity:
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def finish(self) -> None:
        pass


class _Inflate:
    """Decodes gzip or zlib in pieces of bounded size, and knows whether the stream has ended.

    A gzip stream may have several members, one after the other (RFC 1952, 2.2).
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        try:
            while chunk:
                if self._zlib.eof:
                    self._zlib = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                if piece := self._zlib.decompress(chunk, PIECE):
                    yield piece
                chunk = self._zlib.unused_data or self._zlib.unconsumed_tail
        except zlib.error as error:
            raise CutBodyError(f"its compressed body is damaged: {error}") from error

    def finish(self) -> None:
        if not self._zlib.eof:
            raise CutBodyError("its compressed body is cut")


def encoding_of(response: httpx.Response) -> str:
    encoding: str = response.headers.get("content-encoding", "").strip().lower()
    return encoding or "identity"


def decoder_for(response: httpx.Response) -> _Identity | _Inflate:
    encoding = encoding_of(response)
    if encoding == "identity":
        return _Identity()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _Inflate()
    raise UnknownEncodingError(f"its content encoding {encoding!r} was not asked for")


class Content(httpx.AsyncByteStream):
    """A request's body. httpx's own is a generator, which is left half read when sending is cancelled."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._content)


class _Once:
    def __init__(self, content: bytes) -> None:
        self._left = [content] if content else []

    def __aiter__(self) -> _Once:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


class Body(httpx.AsyncByteStream):
    """A response's stream that can be left half read.

    httpx's and httpcore's streams are generators within generators: closing the outermost leaves the others to the
    garbage collector, of which trio complains. Once the connection is closed, they end when they are asked for more.
    """

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream
        self._chunks: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._chunks = self._stream.__aiter__()
        return self._chunks

    async def aclose(self) -> None:
        await self._stream.aclose()
        if self._chunks is not None:
            with suppress(Exception):
                for _ in range(BUFFERED):
                    await anext(self._chunks)


def raw_chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Iterate over the bytes as they arrive: `aiter_raw` without its re-chunking and bookkeeping."""
    return cast("Body", response.stream).__aiter__()


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Read and decode a body.

    Raises:
        BodyTooLargeError: If it decodes to more than *limit* bytes.
        CutBodyError: If its compressed stream is not whole.
        UnknownEncodingError: If it is encoded in a way that was not asked for.
    """
    decoder = decoder_for(response)
    pieces: list[bytes] = []
    size = 0
    async for chunk in raw_chunks(response):
        for piece in decoder.feed(chunk):
            size += len(piece)
            if size > limit:
                raise BodyTooLargeError(f"it is larger than {limit} bytes")
            pieces.append(piece)
    decoder.finish()
    return b"".join(pieces)
