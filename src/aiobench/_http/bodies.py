"""Reads reply bodies, with a cap on the decoded size, and detects truncated ones.

httpx decodes a chunk as a whole, so that 64 kB of a gzip bomb become 64 MB before anyone can count, and it takes a
truncated stream for a whole one (F05, F06). zlib itself can do better on both counts.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import anyio
import httpx

from aiobench._wire.sizes import decoded_size

if TYPE_CHECKING:
    import anyio.lowlevel  # noqa: TC004 - anyio imports it itself when it is first used

__all__ = [
    "ERROR_BODY",
    "Body",
    "BodyTooLargeError",
    "Content",
    "CutBodyError",
    "UnknownEncodingError",
    "decoder_for",
    "encoding_of",
    "ends_with_its_connection",
    "raw_chunks",
    "read_beginning",
    "read_body",
]

ERROR_BODY = 64 * 1024  # bytes of an error page that are read
PIECE = 256 * 1024  # decoded bytes at a time
MEMBERS = 16 * 1024  # compressed bytes at a time: zlib copies what is left after each member, and there may be hundreds
GROWTH = 8  # a document may take so many times its cap when it is decoded (F34)
HARMLESS = 1 / 32  # of the cap: what is smaller is not looked at
BUFFERED = 22_000  # chunks that a closed connection can still hold: 128 kB, in the smallest ones there are
SLICE = 64  # chunks or messages, of some ten microseconds each, before other tasks have their turn
# what servers write into `Content-Encoding` although it encodes nothing: S3's name for its upload format, transfer
# encodings, charsets, media types
LABEL = (
    r"identity|none|null|binary|chunked|aws-chunked|[78]-?bit|plain|text|ascii|us-ascii|latin-?1|utf[-_]?(8|16|32)(-?sig|[lb]e)?"
    r"|unicode|iso[-_]?8859[-_]?\d+|windows-?\d+|cp-?\d+|[\w.+-]+/[\w.+-]+"
)


class BodyTooLargeError(Exception):
    """Raised when a body is larger than its cap, as it arrives or decoded."""


class CutBodyError(Exception):
    """Raised when a compressed body ends before its end, or is damaged."""


class UnknownEncodingError(Exception):
    """Raised when a body is compressed in a way that was not asked for."""


def encoding_of(response: httpx.Response) -> str:
    """Return how a body is compressed, ignoring labels that are not compressions."""
    value: str | None = response.headers.get("content-encoding")
    if not value:
        return "identity"
    names = (name.strip().lower() for name in value.split(","))
    return ", ".join(name for name in names if name and not re.fullmatch(LABEL, name)) or "identity"


def decoder_for(response: httpx.Response) -> _Identity | _Inflate:
    """Make the decoder of a body.

    Raises:
        UnknownEncodingError: If it is compressed in a way that was not asked for, or twice: caps would not hold.
    """
    encoding = encoding_of(response)
    if encoding == "identity":
        return _Identity()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _Inflate()
    raise UnknownEncodingError(f"its content encoding {encoding[:40]!r} was not asked for")


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
            for start in range(0, len(chunk), MEMBERS):
                part = chunk[start : start + MEMBERS]
                while part:
                    if self._zlib.eof:
                        self._zlib = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                    if piece := self._zlib.decompress(part, PIECE):
                        yield piece
                    part = self._zlib.unused_data or self._zlib.unconsumed_tail
        except zlib.error as error:
            raise CutBodyError(f"its compressed body is damaged: {error}") from error

    def finish(self) -> None:
        if not self._zlib.eof:
            raise CutBodyError("its compressed body is cut")


def ends_with_its_connection(response: httpx.Response) -> bool:
    """Return whether only the end of the connection marks the end of a body (RFC 9112, 6.3), so that it may be cut."""
    return "content-length" not in response.headers and "transfer-encoding" not in response.headers


class Content(httpx.AsyncByteStream):
    """A request's body. httpx's own is a generator, which would be left suspended when sending is cancelled."""

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
    """A response's stream that can be abandoned half read.

    httpx's and httpcore's streams are generators within generators: closing the outermost leaves the others to the
    garbage collector, of which trio complains. Once the connection is closed, they end when they are asked for more.
    """

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream
        self._chunks = stream.__aiter__()
        self._count = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._count += 1
        if self._count % SLICE == 0:  # what was received at once may hold thousands, and nothing else would wait
            await anyio.lowlevel.checkpoint()
        return await anext(self._chunks)

    async def end(self) -> None:
        """Close the stream after its last chunk."""
        await self._stream.aclose()

    async def aclose(self) -> None:
        """Close the stream, wherever it is."""
        await self._stream.aclose()
        with suppress(Exception):
            for _ in range(BUFFERED):
                await anext(self)


def raw_chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Iterate over the bytes as they arrive: `aiter_raw` without its re-chunking and bookkeeping."""
    return cast("Body", response.stream).__aiter__()


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Read and decode a body.

    Raises:
        BodyTooLargeError: If more than *limit* bytes arrive, or it decodes to more, or is JSON that takes many times
            its own size in memory.
        CutBodyError: If its compressed stream is not whole.
        UnknownEncodingError: If it is compressed in a way that was not asked for.
    """
    decoder = decoder_for(response)
    pieces: list[bytes] = []
    tail = bytearray()  # as objects of their own, chunks of two bytes would take twenty times as much
    received = size = memory = 0
    async for chunk in raw_chunks(response):
        received += len(chunk)
        for piece in decoder.feed(chunk):
            size += len(piece)
            if size > limit:
                break
            tail += piece
            if len(tail) >= PIECE:
                memory = _checked(memory + decoded_size(tail), limit)
                pieces.append(bytes(tail))
                tail.clear()
                await anyio.lowlevel.checkpoint()  # one chunk may decode to many megabytes
        if size > limit or received > limit + PIECE:  # what is compressed badly is a little larger than decoded
            raise BodyTooLargeError(f"it is larger than {limit} bytes")
    decoder.finish()
    if size > HARMLESS * limit:
        _checked(memory + decoded_size(tail), limit)
    return b"".join([*pieces, tail])


def _checked(memory: int, limit: int) -> int:
    if memory > GROWTH * limit:
        raise BodyTooLargeError(f"it would take more than {GROWTH * limit} bytes of memory")
    return memory


async def read_beginning(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """Read and decode the beginning of an error reply's body. Trouble with it is no error of its own.

    Returns:
        What could be read, at most *limit* bytes, and whether that is all of it.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        decoder = decoder_for(response)
        received = 0
        async for chunk in raw_chunks(response):
            received += len(chunk)
            for piece in decoder.feed(chunk):
                pieces.append(piece[: limit - size])
                size += len(pieces[-1])
                if size >= limit:
                    break
            if size >= limit or received >= limit:
                return b"".join(pieces), False
        decoder.finish()
    except (CutBodyError, UnknownEncodingError):
        return b"".join(pieces), False
    return b"".join(pieces), True
